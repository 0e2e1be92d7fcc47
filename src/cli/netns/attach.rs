//! `attach-ns`.

use clap::Args;

use super::Source;
use crate::backend::Scope;
use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{self, Session};
use crate::model::{Entry, Netns, NetnsName, Place, Resource};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AttachNs {
    /// The name that it gets
    name: NetnsName,
    #[command(flatten)]
    source: Source,
    /// Do not fail if the namespace has the name
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

const EXAMPLES: &str = "\
The namespace gets a name below /run/netns, as by `ip netns attach`, and stays whose it is: while
processes or a container keep it, del-ns takes nothing but the name away.

Examples:
  ovsns attach-ns web docker:web      ip netns exec web … works on the container
  ovsns attach-ns old --pid 1234";

impl AttachNs {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let name = &self.name;
        let written = self.source.place().ok_or_else(|| {
            Failure::usage(format!("which namespace is to be called {name}?"))
                .hint(format!("ovsns attach-ns {name} --pid PID, or docker:NAME, podman:NAME, path:FILE"))
        })?;
        let _lock = session.begin(&self.change).await?;
        let place = session::canonical(written.clone())?;
        if place == Place::Host {
            return Err(Failure::new(format!("cannot call {written} {name}: it is in the host's own namespace"))
                .hint("that one is called `host` wherever a namespace is asked for"));
        }
        let netns = Resource::Netns(Netns { name: name.clone(), of: Some(place.clone()) });
        let observed = session.observe(Scope::Keys(vec![netns.key()])).await?;
        if !observed.is_empty() {
            self.check_there(&written, &place)?;
        }
        let mut desired = observed.clone();
        // It bears the mark of who made it, if it bears one; the name has none.
        desired.insert(Entry { resource: netns, owner: session::owner(&place)? });
        self.change.carry_out(session, &observed, &desired).await
    }

    /// The name is there: it may be the one that is wanted.
    fn check_there(&self, written: &Place, place: &Place) -> Result<(), Failure> {
        let name = &self.name;
        let what = format!("cannot call {written} {name}");
        let (names, _) = session::identify(place)?;
        match (names.contains(name), self.may_exist) {
            (true, true) => Ok(()),
            (true, false) => {
                Err(Failure::new(format!("{what}: that is its name already"))
                    .hint("with --may-exist that is no failure"))
            }
            (false, _) => Err(Failure::new(format!("{what}: there is another namespace {name}"))
                .hint("choose another name; ovsns list-ns lists those that there are")),
        }
    }
}
