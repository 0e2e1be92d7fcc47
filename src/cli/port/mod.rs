//! `add-port`, `set-port`, `del-port`, `list-ports`, `port-to-br`.

mod add;
mod belongings;
mod delete;
mod list;
mod policing;
mod set;
mod settings;
mod take_over;
mod uplink;
mod vlan;

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::backend::Scope;
use crate::model::{Address, Entry, IfName, Key, Link, Place, Port, Resource, State, SwitchName};

use crate::cli::failure::Failure;
use crate::cli::session::Session;

pub use add::AddPort;
pub use delete::DelPort;
pub use list::{ListPorts, PortToBr};
pub use set::SetPort;
pub use take_over::give_back;
pub use uplink::{check_member, check_plain};
pub use vlan::{VlanOptions, filter_vlans};

pub use crate::model::device_address as address;

fn gateway(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "not an IP address, such as 192.168.0.254".to_owned())
}

pub fn links(state: &State) -> impl Iterator<Item = &Link> {
    state.resources().filter_map(|resource| if let Resource::Link(link) = resource { Some(link) } else { None })
}

pub fn addresses<'a>(state: &'a State, place: &'a Place) -> impl Iterator<Item = &'a Address> {
    let address = |resource: &'a Resource| if let Resource::Address(address) = resource { Some(address) } else { None };
    state.resources().filter_map(address).filter(move |address| address.place == *place)
}

fn port_of<'a>(state: &'a State, key: &Key) -> Option<&'a Port> {
    match state.get(key).map(|entry| &entry.resource) {
        Some(Resource::Port(port)) => Some(port),
        _ => None,
    }
}

/// The ends on the host of the veth pairs that lead into `place`.
pub fn host_ends<'a>(state: &'a State, place: &'a Place) -> impl Iterator<Item = IfName> + 'a {
    let other = |link: &'a Link| link.from_place(place).map(|(_, other)| other);
    links(state).filter_map(other).filter(|end| end.place == Place::Host).map(|end| end.name.clone())
}

/// `observed`, with the veth pairs of ours that end in `ports`, and the addresses and routes that go with their inside ends.
/// Pairs of others are left out: nothing of a plan touches them.
pub async fn with_links(session: &Session<'_>, mut observed: State, ports: Vec<IfName>) -> Result<State, Failure> {
    let keys = ports.iter().map(|name| Key::Link { place: Place::Host, name: name.clone() });
    let found = session.observe(Scope::Keys(keys.collect())).await?;
    impairments_that_stay(session, &found, &ports, &mut observed).await?;
    let ours: Vec<&Entry> = found.entries().filter(|entry| entry.owner.is_some()).collect();
    let ends: BTreeSet<(Place, IfName)> = ours.iter().flat_map(|entry| entry.resource.provides()).collect();
    let places: BTreeSet<&Place> = ends.iter().map(|(place, _)| place).filter(|place| **place != Place::Host).collect();
    for place in places {
        let inside = session.observe(Scope::Place(place.clone())).await?;
        let goes_along = |entry: &&Entry| {
            let needs = entry.resource.needs();
            !needs.is_empty() && needs.iter().all(|device| ends.contains(device))
        };
        for entry in inside.entries().filter(goes_along) {
            observed.insert(entry.clone());
        }
    }
    for entry in ours {
        observed.insert(entry.clone());
    }
    belongings::with(session, observed, ports).await
}

/// What is done to the packets that go into `ports`, where it would stay: a veth pair of ours takes it along.
async fn impairments_that_stay(
    session: &Session<'_>,
    links: &State,
    ports: &[IfName],
    observed: &mut State,
) -> Result<(), Failure> {
    let ours: BTreeSet<(Place, IfName)> =
        links.entries().filter(|entry| entry.owner.is_some()).flat_map(|entry| entry.resource.provides()).collect();
    let own = ports.iter().map(|port| (Place::Host, port.clone()));
    let devices = own.chain(links.resources().flat_map(Resource::provides)).filter(|device| !ours.contains(device));
    let keys: BTreeSet<Key> = devices.map(|(place, device)| settings::impairment_key(&place, &device)).collect();
    for entry in session.observe(Scope::Keys(keys.into_iter().collect())).await?.entries() {
        observed.insert(entry.clone());
    }
    Ok(())
}

fn device_of(resource: &Resource) -> Option<IfName> {
    if let Resource::Port(port) = resource { Some(port.device.clone()) } else { None }
}

/// The one port of `switch` that `target` means.
pub async fn on_switch(session: &Session<'_>, switch: &SwitchName, target: &str) -> Result<IfName, Failure> {
    let found = delete::find(session, Some(switch), target).await?;
    delete::only_one(target, &found, "name the port that is meant")?;
    if let Some(device) = found.resources().find_map(device_of) {
        return Ok(device);
    }
    let elsewhere = delete::find(session, None, target).await?;
    Err(
        match elsewhere.resources().find_map(|resource| if let Resource::Port(p) = resource { Some(p) } else { None }) {
            Some(port) => Failure::new(format!("{target} has no port on switch {switch}, but on {}", port.switch))
                .hint(format!("ovsns list-ports {switch} lists its ports")),
            None => no_port(Some(switch), target),
        },
    )
}

fn no_port(switch: Option<&SwitchName>, target: &str) -> Failure {
    match switch {
        Some(switch) => Failure::new(format!("{target} has no port on switch {switch}"))
            .hint(format!("ovsns list-ports {switch} lists its ports")),
        None => Failure::new(format!("there is no port {target}")).hint("ovsns show lists all ports"),
    }
}
