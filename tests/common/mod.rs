//! What the tests share: a sandbox, a private Open vSwitch, the built command, and the means to ask for what a test needs.

// Each test binary uses a part of this only.
#![allow(dead_code, unused_imports, unused_macros)]
// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod engines;
pub mod ovs;
pub mod pid;
pub mod require;
pub mod running;
pub mod sandbox;
pub mod sniffer;
pub mod tc;
pub mod tool;
pub mod traffic;
pub mod world;

/// `use common::require` brings in the macro together with its module.
pub(crate) use require::require;
