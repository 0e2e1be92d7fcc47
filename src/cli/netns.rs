//! `add-ns`, `del-ns`, `list-ns`.

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{Entry, Key, Netns, NetnsName, Owner, Place, Resource, State};

use super::change::Change;
use super::failure::Failure;
use super::output::Report;
use super::port;
use super::session::{self, OfContainer, Session, Wanted};

#[derive(Debug, Args)]
pub struct AddNs {
    /// The namespace
    netns: NetnsName,
    /// Do not fail if it exists
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddNs {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let resource = Resource::Netns(Netns { name: self.netns.clone() });
        let observed = session.observe(Scope::Keys(vec![resource.key()])).await?;
        if observed.contains(&resource.key()) && !self.may_exist {
            return Err(Failure::new(format!("cannot make namespace {}: it exists", self.netns))
                .hint("with --may-exist that is no failure"));
        }
        let mut desired = observed.clone();
        if observed.is_empty() {
            desired.insert(Entry::owned(resource, &Owner::verbs()));
        }
        self.change.carry_out(session, &observed, &desired).await
    }
}

#[derive(Debug, Args)]
pub struct DelNs {
    /// The namespace
    netns: NetnsName,
    /// Do not fail if there is none
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelNs {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let place = Place::Named(self.netns.clone());
        let mut observed = session.observe(Scope::Place(place.clone())).await?;
        let netns = Resource::Netns(Netns { name: self.netns.clone() });
        if !observed.contains(&netns.key()) {
            // Only a file is left of it, perhaps: deleting a namespace takes that along.
            if std::fs::symlink_metadata(format!("/run/netns/{}", self.netns)).is_ok() {
                observed.insert(Entry::unmarked(netns));
            } else if !self.if_exists {
                return Err(Failure::new(format!("there is no namespace {}", self.netns))
                    .hint("ovsns list-ns lists the namespaces"));
            }
        }
        let keys = port::host_ends(&observed, &place).map(|device| Key::Port { device });
        for entry in session.observe(Scope::Keys(keys.collect())).await?.entries() {
            observed.insert(entry.clone());
        }
        self.change.carry_out(session, &observed, &State::default()).await
    }
}

#[derive(Debug, Args)]
#[command(after_help = LIST_EXAMPLES)]
pub struct ListNs {
    /// Those too that have no name and to which only a process leads: its number, and its command
    #[arg(long)]
    all: bool,
}

const LIST_EXAMPLES: &str = "\
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
