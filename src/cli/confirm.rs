//! `confirm`.

use clap::Args;
use serde_json::json;

use crate::engine::{Confirmation, Told};

use super::failure::Failure;
use super::output::Report;
use super::session;

#[derive(Debug, Args)]
pub struct Confirm {
    /// Send the change back at once instead
    #[arg(long)]
    undo: bool,
}

impl Confirm {
    pub async fn run(&self) -> Result<Report, Failure> {
        let told = Confirmation::tell(&session::run_directory(), !self.undo).await;
        match told.map_err(|error| Failure::new("cannot reach the run that waits for a confirmation").cause(error))? {
            Told::NobodyWaits => Err(Failure::new("nothing waits for a confirmation")
                .hint("if the time has run out, everything is as it was before; ovsns show tells")),
            Told::Heard if self.undo => {
                Ok(Report::new("everything goes back to what it was", json!({"confirmed": false})))
            }
            Told::Heard => Ok(Report::new("confirmed: it stays", json!({"confirmed": true}))),
        }
    }
}
