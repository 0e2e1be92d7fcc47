//! The `ovsns` command.

fn main() {}
