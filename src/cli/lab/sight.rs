//! A lab as it is, to be compared with a lab as it should be.

use std::collections::BTreeSet;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{BackendName, Entry, IfName, Key, Kind, Owner, Place, Resource, State};

/// What there is of the lab of `owner`, and of what `desired` names besides.
///
/// What bears the mark is looked at with all that is in or on it, so that what `desired` does not name is seen too; of what is
/// others' only what it names.
pub async fn observe(session: &Session<'_>, owner: &Owner, desired: &State) -> Result<State, Failure> {
    let mut observed = session.observe(Scope::Owner(owner.clone())).await?;
    for entry in on_own_devices(session, &observed, owner).await?.entries() {
        observed.insert(entry.clone());
    }
    let unseen = desired.keys().filter(|key| !observed.contains(key)).cloned().collect();
    for entry in session.observe(Scope::Keys(unseen)).await?.entries() {
        observed.insert(entry.clone());
    }
    Ok(observed)
}

/// What is on the own devices of the switches of Open vSwitch. The kernel does not say whose those devices are: the database does.
async fn on_own_devices(session: &Session<'_>, observed: &State, owner: &Owner) -> Result<State, Failure> {
    let own = |entry: &Entry| match &entry.resource {
        Resource::Switch(switch) if switch.backend == BackendName::Ovs && entry.owner.as_ref() == Some(owner) => {
            Some(switch.name.device())
        }
        _ => None,
    };
    let devices: BTreeSet<IfName> = observed.entries().filter_map(own).collect();
    if devices.is_empty() {
        return Ok(State::default());
    }
    let keys = devices.iter().map(|name| Key::Device { place: Place::Host, name: name.clone() });
    let mut found = session.observe(Scope::Keys(keys.collect())).await?;
    for kind in [Kind::Address, Kind::Route] {
        let all = session.observe(Scope::Within(Place::Host, kind)).await?;
        let on_them = |entry: &&Entry| match &entry.resource {
            Resource::Address(address) => devices.contains(&address.device),
            Resource::Route(route) => route.is_typed() && route.device.as_ref().is_some_and(|d| devices.contains(d)),
            _ => false,
        };
        all.entries().filter(on_them).for_each(|entry| found.insert(entry.clone()));
    }
    Ok(found)
}

/// The same from `all` that there is, where nobody looks at the system.
pub fn of_all(all: &State, owner: &Owner, desired: &State) -> State {
    let ours = |entry: &&Entry| entry.owner.as_ref() == Some(owner);
    let devices: BTreeSet<(Place, IfName)> =
        all.entries().filter(ours).flat_map(|entry| entry.resource.provides()).collect();
    let place = |entry: &Entry| match &entry.resource {
        Resource::Netns(netns) => Some(Place::Named(netns.name.clone())),
        _ => None,
    };
    let places: BTreeSet<Place> = all.entries().filter(ours).filter_map(place).collect();
    let stands = |resource: &Resource| {
        let needs = resource.needs();
        needs.iter().any(|device| devices.contains(device) || places.contains(&device.0))
    };
    let counts = |entry: &&Entry| match &entry.resource {
        _ if desired.contains(&entry.key()) || ours(entry) => true,
        Resource::Route(route) => route.is_typed() && (stands(&entry.resource) || places.contains(&route.place)),
        Resource::Address(_) | Resource::Impairment(_) | Resource::Device(_) => stands(&entry.resource),
        _ => false,
    };
    all.entries().filter(counts).cloned().collect()
}

/// What `desired` names and somebody else has made: a line each, with the words for its owner.
pub fn of_others(observed: &State, desired: &State, owner: &Owner) -> Vec<String> {
    let others = |wanted: &Entry| {
        let there = observed.get(&wanted.key())?;
        let marked = wanted.owner.as_ref() == Some(owner);
        (marked && there.owner != wanted.owner && !is_uplink(observed, there, wanted))
            .then(|| format!("  {}, {}", there.key(), made_by(there.owner.as_ref())))
    };
    desired.entries().filter_map(others).collect()
}

/// Whether it is a device of the host on a Linux bridge, where the lab may have plugged it in or may as well: on a bridge of the lab, or
/// on the one that the lab says. Such a port bears no mark.
fn is_uplink(observed: &State, there: &Entry, wanted: &Entry) -> bool {
    let (Resource::Port(seen), Resource::Port(port)) = (&there.resource, &wanted.resource) else { return false };
    let bridge = || observed.get(&Key::Switch { name: seen.switch.clone() });
    let is_own = || bridge().is_some_and(|bridge| bridge.owner == wanted.owner);
    there.owner.is_none() && seen.backend == BackendName::Linux && (seen.switch == port.switch || is_own())
}

fn made_by(owner: Option<&Owner>) -> String {
    match owner {
        None => "which bears no mark of ovsns".to_owned(),
        Some(owner) if *owner == Owner::verbs() => "made by a verb of ovsns".to_owned(),
        Some(owner) => format!("of lab {owner}"),
    }
}
