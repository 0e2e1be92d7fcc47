//! `add-ns`, `del-ns`, `list-ns`.

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{Entry, Key, Kind, Netns, NetnsName, Owner, Place, Resource, State};

use super::change::Change;
use super::failure::Failure;
use super::output::Report;
use super::port;
use super::session::Session;

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
pub struct ListNs {}

impl ListNs {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let state = session.observe(Scope::Kind(Kind::Netns)).await?;
        let names = state.resources().filter_map(|r| if let Resource::Netns(n) = r { Some(&n.name) } else { None });
        let text = names.map(ToString::to_string).collect::<Vec<_>>().join("\n");
        let json: Vec<_> = state.entries().map(|entry| json!(entry)).collect();
        Ok(Report::new(text, json!({"namespaces": json})))
    }
}
