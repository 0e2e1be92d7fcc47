//! `keep`, which nobody types: the process beside a program of a lab.

use std::path::PathBuf;

use clap::Args;

use crate::process::service::{Keeper, keep};

use super::output::Report;

/// What [`Keep`] is called on the command line.
const VERB: &str = "keep";

#[derive(Debug, Args)]
pub struct Keep {
    /// The program's record
    record: PathBuf,
}

impl Keep {
    pub fn run(&self) -> Report {
        keep(&self.record);
        Report::default()
    }
}

/// How a keeper is started.
pub fn keeper() -> Keeper {
    Keeper::this_program(VERB)
}
