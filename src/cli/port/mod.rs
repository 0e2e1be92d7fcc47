//! `add-port`, `set-port`, `del-port`, `list-ports`, `port-to-br`.

mod add;
mod delete;
mod list;
mod set;
mod settings;
mod take_over;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{Address, Entry, IfName, Key, Link, Place, Port, Resource, State, SwitchName};

use crate::cli::failure::Failure;
use crate::cli::session::Session;

pub use add::AddPort;
pub use delete::DelPort;
pub use list::{ListPorts, PortToBr};
pub use set::SetPort;
pub use take_over::give_back;

/// An address with the length of its prefix. Without one nobody knows what is to be reached directly.
pub fn address(text: &str) -> Result<IpNet, String> {
    if text.parse::<IpAddr>().is_ok() {
        let length = if text.contains(':') { 64 } else { 24 };
        return Err(format!("the length of its prefix is missing; write for example {text}/{length}"));
    }
    let net: IpNet = text
        .parse()
        .map_err(|_| "not an IP address with the length of its prefix, such as 192.168.0.1/24".to_owned())?;
    // The kernel takes some of these, and nothing works.
    if net.addr().is_unspecified() || net.addr().is_multicast() {
        return Err("no address that one device can have".to_owned());
    }
    if is_network(&net) {
        return Err(format!("the network itself; its first address is {}", first(&net)));
    }
    match net {
        IpNet::V4(v4) if v4.prefix_len() < 31 && v4.addr() == v4.broadcast() => {
            Err(format!("the address by which all of {} are reached (broadcast)", v4.trunc()))
        }
        _ => Ok(net),
    }
}

/// Whether only the bits of the network are set: with IPv4 that is no device's address (RFC 1122 section 3.2.1.3), with IPv6 that
/// of all routers (RFC 4291 section 2.6.1). Two addresses are no network with such (RFC 3021, RFC 6164).
fn is_network(net: &IpNet) -> bool {
    net.prefix_len() + 1 < net.max_prefix_len() && net.addr() == net.network()
}

fn first(net: &IpNet) -> IpNet {
    let first = net.hosts().find(|host| *host != net.network()).unwrap_or(net.addr());
    IpNet::new(first, net.prefix_len()).unwrap_or(*net)
}

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
    Ok(observed)
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

fn no_port(switch: Option<&SwitchName>, target: &str) -> Failure {
    match switch {
        Some(switch) => Failure::new(format!("{target} has no port on switch {switch}"))
            .hint(format!("ovsns list-ports {switch} lists its ports")),
        None => Failure::new(format!("there is no port {target}")).hint("ovsns show lists all ports"),
    }
}
