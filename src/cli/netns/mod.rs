//! `add-ns`, `attach-ns`, `del-ns`, `list-ns`, `identify`.

mod attach;
mod delete;
mod identify;
mod list;

use clap::Args;

use crate::backend::Scope;
use crate::model::{Entry, Netns, NetnsName, Owner, Place, Resource};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;

pub use attach::AttachNs;
pub use delete::{DelNs, Fate, fate, is_in_use, returned, users, with_states};
pub use identify::Identify;
pub use list::ListNs;

/// A namespace that need not have a name.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Source {
    /// The namespace: docker:NAME, podman:NAME, pid:PID, path:FILE, or a name
    #[arg(value_name = "NETNS")]
    netns: Option<Place>,
    /// The namespace of this process
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
}

impl Source {
    /// What was asked for, if anything was.
    fn place(&self) -> Option<Place> {
        self.netns.clone().or(self.pid.map(Place::Pid))
    }
}

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
        let resource = Resource::Netns(Netns::new(self.netns.clone()));
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
