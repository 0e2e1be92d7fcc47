//! `identify`.

use clap::Args;
use serde_json::json;

use crate::model::Place;

use super::failure::Failure;
use super::output::Report;
use super::session;

/// A network namespace that need not have a name.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Source {
    /// docker:NAME, podman:NAME, pid:PID, path:FILE, or a name
    #[arg(value_name = "NETNS")]
    target: Option<Place>,
    /// The namespace of this process
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
}

impl Source {
    /// What was asked for, if anything was.
    pub fn place(&self) -> Option<Place> {
        self.target.clone().or(self.pid.map(Place::Pid))
    }
}

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
