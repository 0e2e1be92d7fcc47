//! The `ovsns` command.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use clap::Parser;
use ovsns::cli::ovsdb::{OvsdbArgs, run};

#[derive(Debug, Parser)]
enum Cli {
    Ovsdb(OvsdbArgs),
}

fn main() -> ExitCode {
    let Cli::Ovsdb(args) = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(stderr(), "ovsns: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&args, &mut stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(stderr(), "ovsdb-client: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
