//! Where a published port leads to: an address of a namespace that the host reaches directly.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::port::{addresses, links};
use crate::cli::session::Session;
use crate::model::{End, Family, IfName, Key, Place, Resource, State, SwitchName};

use super::addresses_of;
use super::routes::Guest;

/// An address of a namespace, and the way there.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: IpAddr,
    pub guest: Guest,
    /// The device of the host that is in the same network.
    pub device: IfName,
    /// The switch whose own device that is.
    pub switch: Option<SwitchName>,
    /// All addresses of that device.
    pub own: Vec<IpNet>,
}

/// Which address is meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// This one.
    pub to: Option<IpAddr>,
    /// One of this version of IP; `None`: one of each.
    pub family: Option<Family>,
}

/// The addresses that a port of the namespace at `place` is published to: one for each version of IP.
pub async fn targets(session: &Session<'_>, place: &Place, wanted: Wanted) -> Result<Vec<Target>, Failure> {
    let inside = session.observe(Scope::Place(place.clone())).await?;
    let all = reached(session, place, &inside).await?;
    let fits = |address: IpAddr| {
        wanted.to.is_none_or(|to| to == address) && wanted.family.is_none_or(|family| family == Family::of(address))
    };
    let mut chosen: Vec<Target> = Vec::new();
    for target in all.iter().filter(|target| fits(target.address)) {
        if !chosen.iter().any(|other| Family::of(other.address) == Family::of(target.address)) {
            chosen.push(target.clone());
        }
    }
    if chosen.is_empty() { Err(no_target(session, place, &inside, wanted).await?) } else { Ok(chosen) }
}

/// The pairs that lead from the namespace to the host: the end inside, and the one on the host.
fn ways<'a>(place: &'a Place, inside: &'a State) -> impl Iterator<Item = (&'a End, &'a End)> {
    links(inside).filter_map(|link| link.from_place(place)).filter(|(_, other)| other.place == Place::Host)
}

/// Each address that is in the network of a device of the host which leads there.
async fn reached(session: &Session<'_>, place: &Place, inside: &State) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for (own_end, host_end) in ways(place, inside) {
        let switch = switch_of(session, &host_end.name).await?;
        let device = switch.as_ref().map_or_else(|| host_end.name.clone(), SwitchName::device);
        let own = addresses_of(&device)?;
        for address in addresses(inside, place).filter(|address| address.device == own_end.name) {
            let address = address.address.addr();
            if own.iter().any(|own| own.contains(&address)) {
                let guest = Guest { place: place.clone(), device: own_end.name.clone() };
                let (device, switch, own) = (device.clone(), switch.clone(), own.clone());
                targets.push(Target { address, guest, device, switch, own });
            }
        }
    }
    Ok(targets)
}

/// The switch that `device` is a port of.
async fn switch_of(session: &Session<'_>, device: &IfName) -> Result<Option<SwitchName>, Failure> {
    let key = Key::Port { device: device.clone() };
    let found = session.observe(Scope::Keys(vec![key.clone()])).await?;
    Ok(match found.get(&key).map(|entry| &entry.resource) {
        Some(Resource::Port(port)) => Some(port.switch.clone()),
        _ => None,
    })
}

/// Why there is none.
async fn no_target(session: &Session<'_>, place: &Place, inside: &State, wanted: Wanted) -> Result<Failure, Failure> {
    let have: Vec<IpNet> = addresses(inside, place).map(|address| address.address).collect();
    let Some((own_end, host_end)) = ways(place, inside).next() else {
        return Ok(Failure::new(format!("nothing leads from the host to namespace {place}"))
            .hint(format!("plug it into a switch: ovsns add-port SWITCH {place} --ip ADDRESS/LENGTH")));
    };
    if have.is_empty() {
        return Ok(Failure::new(format!("namespace {place} has no address"))
            .hint(format!("give it one: ovsns add-addr {place} ADDRESS/LENGTH --dev {}", own_end.name)));
    }
    let list = have.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(to) = wanted.to.filter(|to| !have.iter().any(|have| have.addr() == *to)) {
        return Ok(
            Failure::new(format!("namespace {place} does not have the address {to}")).hint(format!("it has: {list}"))
        );
    }
    if let Some(family) = wanted.family.filter(|family| !have.iter().any(|net| Family::of(net.addr()) == *family)) {
        let version = if family == Family::Ipv4 { "IPv4" } else { "IPv6" };
        return Ok(Failure::new(format!("namespace {place} has no {version} address to publish at one of the host"))
            .hint(format!("it has: {list}")));
    }
    let failure = Failure::new(format!("the host has no address in the network of namespace {place} ({list})"));
    Ok(match switch_of(session, &host_end.name).await? {
        Some(switch) => failure.hint(format!("give the switch one: ovsns set-br {switch} --ip ADDRESS/LENGTH")),
        None => failure.hint(format!("give it one: ovsns add-addr host ADDRESS/LENGTH --dev {}", host_end.name)),
    })
}
