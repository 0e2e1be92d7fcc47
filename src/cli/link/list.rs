//! `list-links`.

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{End, Entry, IfName, Key, Kind, Link, Place, Resource};

use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::session::{Session, seen};

use super::told;

#[derive(Debug, Args)]
pub struct ListLinks {
    /// Those that end in this namespace only
    netns: Option<String>,
    /// Also the veth pairs that plug namespaces into switches
    #[arg(long)]
    all: bool,
}

impl ListLinks {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let scope = match &self.netns {
            Some(netns) => Scope::Place(place::existing(session, netns).await?),
            None => Scope::Kind(Kind::Link),
        };
        let found = session.observe(scope).await?;
        let pairs = || found.entries().filter_map(|entry| Some((entry, link(entry)?)));
        let ports = pairs().flat_map(|(_, link)| host_ends(link)).map(|device| Key::Port { device });
        let ports = session.observe(Scope::Keys(ports.collect())).await?;
        let on_switch = |link: &Link| host_ends(link).any(|device| ports.contains(&Key::Port { device }));
        let shown: Vec<(&Entry, &Link)> = pairs().filter(|(_, link)| self.all || !on_switch(link)).collect();
        let ends: Vec<(Place, IfName)> = shown
            .iter()
            .flat_map(|(_, link)| [&link.a, &link.b])
            .map(|end| (end.place.clone(), end.name.clone()))
            .collect();
        let states = seen::operstates(&ends)?;
        let mut lines = Vec::new();
        let mut documents = Vec::new();
        for ((entry, link), states) in shown.into_iter().zip(states.chunks(2)) {
            let [a, b] = states else { continue };
            lines.push(format!("{} <-> {}", end_text(&link.a, *a, &link.b), end_text(&link.b, *b, &link.a)));
            let document = |end: &End, state: Option<&str>| {
                json!({"netns": end.place, "dev": end.name, "operstate": state, "carrier": state == Some("UP"),
                       "mac": end.mac, "mtu": end.mtu})
            };
            documents.push(json!({"a": document(&link.a, *a), "b": document(&link.b, *b), "owner": entry.owner}));
        }
        Ok(Report::new(lines.join("\n"), json!({"links": documents})))
    }
}

fn link(entry: &Entry) -> Option<&Link> {
    if let Resource::Link(link) = &entry.resource { Some(link) } else { None }
}

fn host_ends(link: &Link) -> impl Iterator<Item = IfName> + '_ {
    [&link.a, &link.b].into_iter().filter(|end| end.place == Place::Host).map(|end| end.name.clone())
}

/// An end and its state; why it has no carrier, if it has none.
fn end_text(end: &End, state: Option<&'static str>, other: &End) -> String {
    let state = match state {
        None => return format!("an end in {} that cannot be seen", end.place),
        // LOWERLAYERDOWN as a rule, but DOWN where both ends have one index, each in its namespace (`default_operstate`,
        // net/core/link_watch.c).
        Some(state @ ("LOWERLAYERDOWN" | "DOWN")) if end.up && !other.up => format!("{state}: {} is down", told(other)),
        Some(state) => state.to_owned(),
    };
    format!("{} ({state})", told(end))
}
