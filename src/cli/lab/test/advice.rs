//! What to look at where a pair is not as expected. Pure.

use std::net::IpAddr;

use crate::model::{Place, Port, Resource, State};

use super::ask::{Outcome, Silence};
use super::checks::Check;

/// Why the outcome is not as expected, in a few words.
pub fn reason(outcome: &Outcome) -> String {
    let Check { from, address, .. } = &outcome.check;
    if outcome.rtt.is_some() {
        return "it answers".to_owned();
    }
    match &outcome.silence {
        Silence::Unknown => "no answer".to_owned(),
        Silence::Absent(why) => format!("{from} cannot be entered: {why}"),
        Silence::NoRoute => format!("{from} has no route to {address}, or no address of its own to ask from"),
        Silence::NoNeighbour => format!("nobody answers the {} for {address}", search(*address)),
        Silence::NoSearch => format!("{from} has not even searched for {address}"),
        Silence::Told(what) => what.clone(),
    }
}

/// How many neighbours all namespaces of the host may have (arp(7)).
fn table(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "net.ipv4.neigh.default.gc_thresh3" } else { "net.ipv6.neigh.default.gc_thresh3" }
}

fn search(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ARP requests" } else { "neighbour solicitations" }
}

/// What to look at, where something can be said.
pub fn look_at(state: &State, outcome: &Outcome) -> Option<String> {
    let Check { from, to, address, .. } = &outcome.check;
    let target = to.as_ref();
    match &outcome.silence {
        Silence::Absent(_) => return Some("ovsns list-ns".to_owned()),
        Silence::NoRoute => return Some(format!("ovsns list-addr {from}; ovsns list-routes {from}")),
        Silence::NoSearch => {
            return Some(format!("sysctl {}: the host's neighbour table may be full", table(*address)));
        }
        _ => {}
    }
    if let Some(ports) = target.and_then(|to| on_one_switch(state, from, to))
        && let Some(words) = vlans(ports)
    {
        return Some(words);
    }
    if outcome.rtt.is_some() {
        return Some(format!("ovsns list-routes {from}; ovsns show"));
    }
    let target = target?;
    let filter = match (&outcome.silence, address) {
        (Silence::NoNeighbour, IpAddr::V4(_)) => "arp",
        (_, IpAddr::V4(_)) => "icmp",
        (_, IpAddr::V6(_)) => "icmp6",
    };
    Some(format!("ovsns show; ovsns capture {target} --filter {filter}"))
}

/// The ports of two namespaces on one switch.
fn on_one_switch<'a>(state: &'a State, one: &Place, other: &Place) -> Option<(&'a Port, &'a Port)> {
    let theirs = ports(state, other);
    let pair = |own: &'a Port| theirs.iter().find(|port| port.switch == own.switch).map(|port| (own, *port));
    ports(state, one).into_iter().find_map(pair)
}

/// The ports behind which a namespace is.
fn ports<'a>(state: &'a State, place: &Place) -> Vec<&'a Port> {
    let ends = state.resources().filter_map(|resource| match resource {
        Resource::Link(link) => link.from_place(place).map(|(_, outside)| outside),
        _ => None,
    });
    let ends: Vec<_> = ends.filter(|end| end.place == Place::Host).map(|end| &end.name).collect();
    let port = |resource: &'a Resource| match resource {
        Resource::Port(port) if ends.contains(&&port.device) => Some(port),
        _ => None,
    };
    state.resources().filter_map(port).collect()
}

/// How the VLANs of two ports differ.
fn vlans((one, other): (&Port, &Port)) -> Option<String> {
    let words = |port: &Port| match port.vlan.tag {
        Some(tag) => format!("{} is in VLAN {tag}", port.device),
        None if port.vlan.trunks.is_empty() => format!("{} has no VLAN", port.device),
        None => format!("{} is a trunk", port.device),
    };
    (one.vlan != other.vlan).then(|| format!("on {} {}, and {}", one.switch, words(one), words(other)))
}
