//! Runs of the built ovsns that are killed at every step, or to which the kernel says no at every step. strace(1) does it: it counts
//! the system calls of a kind, of each thread on its own, and puts a signal or an error in place of the n-th.
//!
//! All or nothing: afterwards the next run, or `gc --yes`, leaves either what was there before or what a run to the end leaves.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[path = "../common/mod.rs"]
mod common;

mod inject;
mod kill;
mod lab_kill;
mod labs;
mod story;
