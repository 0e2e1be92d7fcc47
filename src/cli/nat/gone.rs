//! What goes from the table of translation when that goes which it leads to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{Address, IfName, Key, Kind, Place, Published, Resource, State};
use crate::plan::Plan;

use super::books::Books;
use super::list::is_gone;
use super::routes;
use super::settings::sysctl;

/// What is there, and will not be.
pub struct Gone<'a>(Vec<&'a Resource>);

impl<'a> Gone<'a> {
    /// What `observed` has and `desired` has not. An address of which only the length of the prefix changes is not gone.
    pub fn between(observed: &'a State, desired: &State) -> Gone<'a> {
        let gone = observed.entries().filter(|entry| !desired.contains(&entry.key())).map(|entry| &entry.resource);
        let mut gone: Vec<&Resource> = gone.collect();
        if gone.iter().any(|resource| resource.kind() == Kind::Address) {
            let stay: BTreeSet<(&Place, IpAddr)> = desired.resources().filter_map(address_in).collect();
            gone.retain(|resource| address_in(resource).is_none_or(|address| !stay.contains(&address)));
        }
        Gone(gone)
    }

    /// Whether translation may have to do with it.
    pub fn concern_translation(&self) -> bool {
        let concerns = |kind: Kind| {
            matches!(kind, Kind::Netns | Kind::Switch | Kind::Link | Kind::Address | Kind::Nat | Kind::Published)
        };
        self.0.iter().any(|resource| concerns(resource.kind()))
    }

    /// The devices of the host that go.
    pub fn devices(&self) -> BTreeSet<IfName> {
        let provided = self.0.iter().flat_map(|resource| resource.provides());
        provided.filter(|(place, _)| *place == Place::Host).map(|(_, device)| device).collect()
    }

    /// Whether the namespace at `place` goes.
    pub fn ends(&self, place: &Place) -> bool {
        self.0.iter().any(|resource| is_netns(resource, place))
    }

    /// Whether a device goes that `resource` stands on.
    pub fn carries(&self, resource: &Resource) -> bool {
        let needs = resource.needs();
        self.0.iter().flat_map(|gone| gone.provides()).any(|device| needs.contains(&device))
    }
}

fn address_in(resource: &Resource) -> Option<(&Place, IpAddr)> {
    match resource {
        Resource::Address(address) => Some((&address.place, address.address.addr())),
        _ => None,
    }
}

/// `observed` and `desired`, with what stands in the table of translation and loses what it leads to: ports that are published to an
/// address or a namespace that goes, translation at a switch that goes. `None` where the table is not touched.
pub async fn with_translation(
    session: &Session<'_>,
    observed: &State,
    desired: &State,
) -> Result<Option<(State, State)>, Failure> {
    // Who has opened the books has settled them too.
    let settled = observed.contains(&Key::Ruleset) || desired.contains(&Key::Ruleset);
    let gone = Gone::between(observed, desired);
    if settled || !gone.concern_translation() {
        return Ok(None);
    }
    let mut books = Books::open(session).await?;
    if books.observed.is_empty() {
        return Ok(None);
    }
    let places = take(&mut books, &gone);
    books.settle(session, &gone.devices()).await?;
    for place in places.iter().filter(|place| !gone.ends(place)) {
        routes::remove(session, &mut books, place).await?;
    }
    Ok(Some(merged(observed, desired, &books)))
}

/// The steps to a table of what is still translated and published, and the settings that were turned on for it so far.
pub async fn settled(session: &Session<'_>) -> Result<(Plan, BTreeSet<Key>), Failure> {
    let mut books = Books::open(session).await?;
    let raised = books.observed_ruleset().raised.iter().map(|raised| sysctl(raised, "").key()).collect();
    if !books.observed.is_empty() {
        books.settle(session, &BTreeSet::new()).await?;
    }
    Ok((Plan::between(&books.observed, &books.desired), raised))
}

/// The states of a verb, with what the books know besides. What the books want gone, the verb may have meant to stay.
fn merged(observed: &State, desired: &State, books: &Books) -> (State, State) {
    let both = |own: &State, books: &State| own.entries().chain(books.entries()).cloned().collect::<State>();
    let mut wanted = both(desired, &books.desired);
    let gone = books.observed.keys().filter(|key| !books.desired.contains(key));
    gone.for_each(|key| drop(wanted.remove(key)));
    (both(observed, &books.observed), wanted)
}

/// Takes out of the books what `gone` take along. Returns the namespaces of what was published.
pub fn take(books: &mut Books, gone: &Gone<'_>) -> BTreeSet<Place> {
    let devices = gone.devices();
    let mut places = BTreeSet::new();
    let nats: Vec<Key> = books
        .nats()
        .filter(|nat| devices.contains(&nat.switch.device()) || devices.contains(&nat.out))
        .map(|nat| Resource::Nat(nat.clone()).key())
        .collect();
    let explicit = gone.0.iter().map(|resource| resource.key());
    for key in nats.into_iter().chain(explicit) {
        books.desired.remove(&key);
    }
    let ruleset = books.observed_ruleset();
    let published: Vec<Published> = books.published().cloned().collect();
    for mut published in published {
        let lost = |target: &IpAddr| {
            let behind = ruleset.device_of(*target).is_some_and(|device| devices.contains(device));
            behind || gone.0.iter().any(|resource| takes(resource, &published.netns, *target))
        };
        let left: BTreeSet<_> = published.targets.iter().copied().filter(|target| !lost(target)).collect();
        if left.len() == published.targets.len() {
            continue;
        }
        places.insert(published.netns.clone());
        published.targets = left;
        match published.targets.is_empty() {
            true => drop(books.desired.remove(&Resource::Published(published).key())),
            false => {
                let published = Resource::Published(published);
                let owner = books.owner(&published.key());
                books.want(published, &owner);
            }
        }
    }
    places
}

fn takes(resource: &Resource, place: &Place, target: IpAddr) -> bool {
    match resource {
        Resource::Address(Address { place: there, address, .. }) => there == place && address.addr() == target,
        resource => is_netns(resource, place),
    }
}

fn is_netns(resource: &Resource, place: &Place) -> bool {
    matches!(resource, Resource::Netns(netns) if place.name() == Some(&netns.name))
}

/// The published ports among `state` whose namespace is gone.
pub async fn dead(session: &Session<'_>, state: &State) -> Result<State, Failure> {
    let mut dead = State::default();
    for entry in state.entries() {
        if let Resource::Published(published) = &entry.resource
            && is_gone(session, &published.netns).await?
        {
            dead.insert(entry.clone());
        }
    }
    Ok(dead)
}
