//! `show`.

use clap::Args;

use super::failure::Failure;
use super::output::Report;
use super::session::Session;

#[derive(Debug, Args)]
pub struct Show {}

impl Show {
    pub async fn run(&self, _session: &Session<'_>) -> Result<Report, Failure> {
        Err(Failure::new("not there yet"))
    }
}
