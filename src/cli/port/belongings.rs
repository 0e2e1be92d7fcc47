//! What goes with a port besides its veth pair: the device that the kernel has made for it, the device of an internal port, and the other
//! end of what joins two switches.

use std::collections::BTreeSet;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::inside::standing_on;
use crate::cli::session::Session;
use crate::model::{Entry, IfName, Interface, Key, Link, Place, Port, Resource, State};

/// `observed`, with what of ours goes with its `ports`. What others have made stays.
pub async fn with(session: &Session<'_>, mut observed: State, ports: Vec<IfName>) -> Result<State, Failure> {
    for entry in other_ends(session, &observed).await? {
        observed.insert(entry);
    }
    let keys = ports.iter().map(|name| Key::Virtual { name: name.clone() });
    let keys: Vec<Key> = keys.chain(observed.resources().filter_map(internal)).collect();
    let made = session.observe(Scope::Keys(keys)).await?;
    for entry in made.entries().filter(|entry| entry.owner.is_some()) {
        for (place, name) in entry.resource.provides() {
            standing_on(session, &place, &name).await?.entries().for_each(|entry| observed.insert(entry.clone()));
        }
        observed.insert(entry.clone());
    }
    Ok(observed)
}

/// The device of an internal port.
fn internal(resource: &Resource) -> Option<Key> {
    match resource {
        Resource::Port(Port { device, netns, interface: Interface::Internal { .. }, .. }) => {
            Some(Key::Internal { place: netns.clone().unwrap_or(Place::Host), name: device.clone() })
        }
        _ => None,
    }
}

/// The ports at the other ends of patch cables, and of veth pairs of ours with both ends on the host: one end alone leads nowhere.
async fn other_ends(session: &Session<'_>, observed: &State) -> Result<Vec<Entry>, Failure> {
    let mut ends: BTreeSet<IfName> = BTreeSet::new();
    for resource in observed.resources() {
        match resource {
            Resource::Port(port) => ends.extend(port.interface.peer().cloned()),
            Resource::Link(Link { a, b }) if a.place == Place::Host && b.place == Place::Host => {
                ends.extend([a.name.clone(), b.name.clone()]);
            }
            _ => {}
        }
    }
    let keys = ends.into_iter().map(|device| Key::Port { device }).filter(|key| !observed.contains(key));
    let keys: Vec<Key> = keys.collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = session.observe(Scope::Keys(keys)).await?;
    let joined = |entry: &&Entry| match &entry.resource {
        Resource::Port(Port { interface: Interface::Patch(peer), .. }) => {
            entry.owner.is_some() && observed.contains(&Key::Port { device: peer.clone() })
        }
        Resource::Port(Port { interface: Interface::System, .. }) => true,
        _ => false,
    };
    Ok(found.entries().filter(joined).cloned().collect())
}
