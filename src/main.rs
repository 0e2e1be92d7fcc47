//! The `ovsns` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ovsns::cli::run(std::env::args_os())
}
