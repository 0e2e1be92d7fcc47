//! `del-link`.

use clap::Args;

use crate::backend::Scope;
use crate::model::{Entry, IfName, Key, Link, Place, Resource, State};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::session::Session;

use super::told;

#[derive(Debug, Args)]
pub struct DelLink {
    /// The namespace of one end: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
    /// The namespace of the other end [default: whichever]
    peer: Option<String>,
    /// The name of the end in the first namespace, where there are several links
    #[arg(long, value_name = "DEVICE")]
    name: Option<IfName>,
    /// All such links
    #[arg(long)]
    all: bool,
    /// Do not fail if there is none
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelLink {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let Some((one, other)) = self.places(session).await? else {
            return self.change.carry_out(session, &State::default(), &State::default()).await;
        };
        // Of a namespace and the host, the namespace has fewer devices to look at.
        let looked_at = if one == Place::Host { other.as_ref().unwrap_or(&one) } else { &one };
        let inside = session.observe(Scope::Place(looked_at.clone())).await?;
        let fits = |link: &Link| {
            [(&link.a, &link.b), (&link.b, &link.a)].into_iter().any(|(own, peer)| {
                own.place == one
                    && other.as_ref().is_none_or(|other| peer.place == *other)
                    && self.name.as_ref().is_none_or(|name| own.name == *name)
            })
        };
        let mut found = Vec::new();
        for entry in inside.entries() {
            if let Resource::Link(link) = &entry.resource
                && fits(link)
                && self.is_free(session, link).await?
            {
                found.push((entry, link));
            }
        }
        match found.as_slice() {
            [] if self.if_exists => {}
            [] => return Err(self.no_link(&inside)),
            [_] => {}
            several if !self.all => {
                let list: Vec<String> =
                    several.iter().map(|(_, link)| told(&link.a) + " <-> " + &told(&link.b)).collect();
                return Err(Failure::usage(format!("there are several such links: {}", list.join("; ")))
                    .hint("say which one, by --name DEVICE; or --all"));
            }
            _ => {}
        }
        let mut observed = State::default();
        for (entry, link) in found {
            observed.insert(entry.clone());
            for entry in goes_along(session, link).await? {
                observed.insert(entry);
            }
        }
        self.change.carry_out(session, &observed, &State::default()).await
    }

    /// The two places; `None` where one is gone and that is no failure.
    async fn places(&self, session: &Session<'_>) -> Result<Option<(Place, Option<Place>)>, Failure> {
        let look = async |text: &str| match place::existing(session, text).await {
            Ok(place) => Ok(Some(place)),
            Err(_) if self.if_exists => Ok(None),
            Err(failure) => Err(failure),
        };
        let Some(one) = look(&self.netns).await? else { return Ok(None) };
        let Some(peer) = &self.peer else { return Ok(Some((one, None))) };
        Ok(look(peer).await?.map(|other| (one, Some(other))))
    }

    /// Whether the pair is on no switch. One that is is refused if it was named.
    async fn is_free(&self, session: &Session<'_>, link: &Link) -> Result<bool, Failure> {
        for end in [&link.a, &link.b].into_iter().filter(|end| end.place == Place::Host) {
            let key = Key::Port { device: end.name.clone() };
            let ports = session.observe(Scope::Keys(vec![key.clone()])).await?;
            if let Some(Resource::Port(port)) = ports.get(&key).map(|entry| &entry.resource) {
                return match self.name.is_some() {
                    true => Err(Failure::new(format!("{} is a port of switch {}", end.name, port.switch))
                        .hint(format!("ovsns del-port {} {}", port.switch, end.name))),
                    false => Ok(false),
                };
            }
        }
        Ok(true)
    }

    fn no_link(&self, inside: &State) -> Failure {
        let Some(peer) = &self.peer else {
            return Failure::new(format!("{} has no link", self.netns)).hint("ovsns list-links lists them");
        };
        let name = self.name.as_ref().map(|name| format!(" by {name}")).unwrap_or_default();
        let failure = Failure::new(format!("there is no link{name} between {} and {peer}", self.netns));
        match inside.is_empty() {
            true => failure.hint("ovsns list-links lists the links"),
            false => failure.hint("ovsns list-links lists the links; ovsns del-port takes ports off a switch"),
        }
    }
}

/// The addresses and routes that go with the ends.
async fn goes_along(session: &Session<'_>, link: &Link) -> Result<Vec<Entry>, Failure> {
    let ends: Vec<(Place, IfName)> = Resource::Link(link.clone()).provides();
    let mut along = Vec::new();
    for end in [&link.a, &link.b].into_iter().filter(|end| !matches!(end.place, Place::Nsid(_))) {
        let state = crate::cli::inside::standing_on(session, &end.place, &end.name).await?;
        along.extend(state.entries().cloned());
    }
    along.retain(|entry| entry.resource.needs().iter().all(|device| ends.contains(device)));
    Ok(along)
}
