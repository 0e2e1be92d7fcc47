//! `del-ns`.

use clap::Args;

use crate::backend::Scope;
use crate::model::{Entry, Key, Netns, NetnsName, Place, Resource, State};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::port;
use crate::cli::session::Session;

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
        let netns = Resource::Netns(Netns::new(self.netns.clone()));
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
