//! Where a published port leads to: an address of a namespace that the host reaches directly.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::cli::failure::Failure;
use crate::model::{Family, Place};

use super::wiring::{Target, Wiring};

/// Which address is meant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// This one.
    pub to: Option<IpAddr>,
    /// One of this version of IP; `None`: one of each.
    pub family: Option<Family>,
}

/// The addresses that a port of the namespace at `place` is published to: one for each version of IP.
pub fn targets(wiring: &Wiring<'_>, place: &Place, wanted: Wanted) -> Result<Vec<Target>, Failure> {
    let fits = |address: IpAddr| {
        wanted.to.is_none_or(|to| to == address) && wanted.family.is_none_or(|family| family == Family::of(address))
    };
    let mut chosen: Vec<Target> = Vec::new();
    for target in wiring.targets(place).into_iter().filter(|target| fits(target.address)) {
        if !chosen.iter().any(|other| Family::of(other.address) == Family::of(target.address)) {
            chosen.push(target);
        }
    }
    if chosen.is_empty() { Err(no_target(wiring, place, wanted)) } else { Ok(chosen) }
}

/// Why there is none.
pub fn no_target(wiring: &Wiring<'_>, place: &Place, wanted: Wanted) -> Failure {
    let have: Vec<IpNet> = wiring.addresses_in(place).map(|(_, address)| address).collect();
    let Some(way) = wiring.ways(place).first() else {
        return Failure::new(format!("nothing leads from the host to namespace {place}"))
            .hint(format!("plug it into a switch: ovsns add-port SWITCH {place} --ip ADDRESS/LENGTH"));
    };
    if have.is_empty() {
        return Failure::new(format!("namespace {place} has no address"))
            .hint(format!("give it one: ovsns add-addr {place} ADDRESS/LENGTH --dev {}", way.inside.name));
    }
    let list = have.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(to) = wanted.to.filter(|to| !have.iter().any(|have| have.addr() == *to)) {
        return Failure::new(format!("namespace {place} does not have the address {to}"))
            .hint(format!("it has: {list}"));
    }
    if let Some(family) = wanted.family.filter(|family| !have.iter().any(|net| Family::of(net.addr()) == *family)) {
        let version = if family == Family::Ipv4 { "IPv4" } else { "IPv6" };
        return Failure::new(format!("namespace {place} has no {version} address to publish at one of the host"))
            .hint(format!("it has: {list}"));
    }
    let failure = Failure::new(format!("the host has no address in the network of namespace {place} ({list})"));
    match wiring.switch_of(&way.on_host.name) {
        Some(switch) => failure.hint(format!("give the switch one: ovsns set-br {switch} --ip ADDRESS/LENGTH")),
        None => failure.hint(format!("give it one: ovsns add-addr host ADDRESS/LENGTH --dev {}", way.on_host.name)),
    }
}
