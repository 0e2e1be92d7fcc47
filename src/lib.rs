//! `ovsns` plugs Linux network namespaces into virtual switches, Open vSwitch or the Linux bridge, all or nothing.
//!
//! ```text
//! lab file ──load, check, expand──▶ desired State ─┐
//! verb ──observed + one edit──────▶ desired State ─┤
//!                                                  ├─ Plan::between ─▶ Plan ─▶ Engine::apply ─▶ batches per backend ─▶ kernel, OVSDB
//! kernel, OVSDB ──Backend::observe▶ State ─────────┘                               │
//!                                            failure: the inverse of what was applied, newest first
//!                                            success: observe again; the plan must now be empty
//! ```
//!
//! The modules below stand in the order of that flow.

pub mod backend;
pub mod capture;
pub mod cli;
pub mod container;
pub mod daemon;
pub mod engine;
pub mod lab;
pub mod model;
pub mod netlink;
pub mod nft;
pub mod ovsdb;
pub mod plan;
pub mod probe;
pub mod process;
pub mod watch;
