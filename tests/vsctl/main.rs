//! `ovsns vsctl` beside the real ovs-vsctl, each on a private database of its own: after every command line both have said
//! the same, ended alike, and left the same in the database.

#![allow(clippy::unwrap_used)]

#[path = "../common/ovsdb.rs"]
mod common;
mod generated;
mod pair;
mod records;
mod running;
mod stories;
