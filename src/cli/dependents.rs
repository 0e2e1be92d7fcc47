//! What hangs on ports, and does not go with them by itself.

use std::collections::BTreeMap;

use crate::backend::Scope;
use crate::model::{Entry, IfName, Key, Kind, Resource, State, SwitchName};

use super::failure::Failure;
use super::session::Session;

/// Both states, with what would be left of ports that go: their queues and limits; and mirrors that refer to them lose them, and go themselves where they have
/// nothing to copy any more, or nowhere to. None where no port goes.
pub async fn with_dependents(
    session: &Session<'_>,
    observed: &State,
    desired: &State,
) -> Result<Option<(State, State)>, Failure> {
    let gone = gone(observed, desired);
    if gone.is_empty() {
        return Ok(None);
    }
    let (mut observed, mut desired) = (observed.clone(), desired.clone());
    for entry in session.observe(Scope::Kind(Kind::Mirror)).await?.entries() {
        without_ports(entry, &gone, &mut observed, &mut desired);
    }
    let of_port = |device: &IfName| [Key::Qos { device: device.clone() }, Key::Policing { device: device.clone() }];
    for entry in session.observe(Scope::Keys(gone.keys().flat_map(of_port).collect())).await?.entries() {
        if !observed.contains(&entry.key()) {
            observed.insert(entry.clone());
        }
    }
    Ok(Some((observed, desired)))
}

/// The ports that go, or go to another switch, and the switches that they leave.
fn gone(observed: &State, desired: &State) -> BTreeMap<IfName, SwitchName> {
    let leaves = |resource: &Resource| match resource {
        Resource::Port(port) => {
            let stays = matches!(
                desired.get(&Key::Port { device: port.device.clone() }).map(|entry| &entry.resource),
                Some(Resource::Port(wanted)) if wanted.switch == port.switch && wanted.backend == port.backend
            );
            (!stays).then(|| (port.device.clone(), port.switch.clone()))
        }
        _ => None,
    };
    observed.resources().filter_map(leaves).collect()
}

fn without_ports(entry: &Entry, gone: &BTreeMap<IfName, SwitchName>, observed: &mut State, desired: &mut State) {
    let Resource::Mirror(mirror) = &entry.resource else { return };
    let left = gone
        .iter()
        .filter(|(_, switch)| **switch == mirror.switch)
        .try_fold(mirror.clone(), |mirror, (port, _)| mirror.without(port));
    // What somebody wants of it is theirs to say.
    if left.as_ref() == Some(mirror) || observed.contains(&entry.key()) || desired.contains(&entry.key()) {
        return;
    }
    observed.insert(entry.clone());
    if let Some(left) = left {
        desired.insert(Entry { resource: Resource::Mirror(left), owner: entry.owner.clone() });
    }
}
