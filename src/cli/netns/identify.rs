//! `identify`.

use clap::Args;
use serde_json::json;

use crate::model::Place;

use super::Source;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Identify {
    #[command(flatten)]
    source: Source,
}

const EXAMPLES: &str = "\
Prints the names of the namespace, a line each, and the containers that it is of; nothing, with exit
status 0, where it has neither. Without an argument: the namespace that ovsns runs in.

Examples:
  ovsns identify --pid 1234
  ovsns identify docker:web
  ovsns exec ns1 -- ovsns identify";

impl Identify {
    pub fn run(&self) -> Result<Report, Failure> {
        let place = self.source.place().unwrap_or(Place::Host);
        let place = session::canonical(place)?;
        let (names, containers) = session::identify(&place)?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let containers: Vec<String> = containers.iter().map(ToString::to_string).collect();
        let text = [names.as_slice(), containers.as_slice()].concat().join("\n");
        Ok(Report::new(text, json!({"names": names, "containers": containers})))
    }
}
