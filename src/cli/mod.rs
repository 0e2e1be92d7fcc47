//! What people type and see; the only module that prints.

pub mod ovsdb;
