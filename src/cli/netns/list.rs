//! `list-ns`.

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{self, OfContainer, Session, Wanted};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ListNs {
    /// Those too that have no name and to which only a process leads: its number, and its command
    #[arg(long)]
    all: bool,
}

const EXAMPLES: &str = "\
Each line begins with what the other verbs take for a namespace. Behind it stands what else it is
called; behind a process, its command.

Examples:
  ovsns list-ns              ns1
                             netns-e4322146-77ec-0422-e6f9-524416cce474  podman:web
                             docker:db
  ovsns list-ns --all        … and  pid:1234  sleep 600
  ovsns --json list-ns       with paths, inodes, processes, containers and owners";

impl ListNs {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let found = session::inventory(Wanted { all: self.all, details: session.global.json })?;
        let lines = found.iter().map(|found| {
            let behind = match (&found.command, &found.container, found.also.as_slice()) {
                (Some(command), ..) => command.clone(),
                // Nobody knows which one.
                (None, Some(OfContainer { engine, name: None, .. }), []) => format!("({}'s)", engine.title()),
                (None, _, also) => also.join(" "),
            };
            format!("{}  {behind}", found.place).trim_end().to_owned()
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        Ok(Report::new(text, json!({"namespaces": found})))
    }
}
