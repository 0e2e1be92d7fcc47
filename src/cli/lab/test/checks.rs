//! What is to be asked: which namespace, whom, and what is expected. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::lab::{Expectation, Expected, Partner};
use crate::model::{Place, Resource, State};

/// One thing to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Who asks.
    pub from: Place,
    /// Who has the address; `None`: nobody of the lab.
    pub to: Option<Place>,
    /// Whom.
    pub address: IpAddr,
    /// Whether an answer is expected.
    pub expected: bool,
}

/// The addresses of a lab.
pub struct Addresses {
    /// Of each namespace, in the order of the state.
    of: BTreeMap<Place, Vec<IpAddr>>,
    /// Who has which.
    holders: BTreeMap<IpAddr, Place>,
    /// Of each subnet, who has which address of it.
    subnets: BTreeMap<IpNet, Vec<(Place, IpAddr)>>,
}

impl Addresses {
    /// Those that can be asked from elsewhere: not those of a loopback device, and none that is only known on its link.
    pub fn of(state: &State) -> Addresses {
        let mut addresses = Addresses { of: BTreeMap::new(), holders: BTreeMap::new(), subnets: BTreeMap::new() };
        for resource in state.resources() {
            let Resource::Address(address) = resource else { continue };
            let (place, net) = (&address.place, address.address);
            let ip = net.addr();
            if address.device.as_str() == "lo" || is_of_its_link(ip) {
                continue;
            }
            addresses.of.entry(place.clone()).or_default().push(ip);
            addresses.holders.insert(ip, place.clone());
            addresses.subnets.entry(net.trunc()).or_default().push((place.clone(), ip));
        }
        addresses
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.holders.keys().copied()
    }

    /// Whether a namespace has one.
    pub fn has(&self, place: &Place) -> bool {
        self.of.contains_key(place)
    }

    /// How many pairs share a subnet at most, where each asks `peers` others of it.
    pub fn pairs(&self, peers: Option<usize>) -> usize {
        let peers = peers.unwrap_or(usize::MAX);
        let of_subnet = |members: &Vec<(Place, IpAddr)>| members.len().saturating_mul(peers.min(members.len() - 1));
        self.subnets.values().map(of_subnet).fold(0, usize::saturating_add)
    }

    /// Who has an address.
    pub fn holder(&self, ip: IpAddr) -> Option<&Place> {
        self.holders.get(&ip)
    }

    /// The namespaces that have addresses in several subnets, and so may be routers.
    pub fn between_subnets(&self) -> BTreeSet<Place> {
        let mut seen = BTreeSet::new();
        let mut several = BTreeSet::new();
        for members in self.subnets.values() {
            let here: BTreeSet<&Place> = members.iter().map(|(place, _)| place).collect();
            for place in here {
                if !seen.insert(place.clone()) {
                    several.insert(place.clone());
                }
            }
        }
        several
    }

    /// Whether a namespace has an address in a subnet of `ip`, and so searches for it by itself.
    pub fn share_subnet(&self, place: &Place, ip: IpAddr) -> bool {
        let nets = self.subnets.iter().filter(|(net, _)| net.contains(&ip));
        nets.flat_map(|(_, members)| members).any(|(member, _)| member == place)
    }

    fn has_family(&self, place: &Place, ip: IpAddr) -> bool {
        self.of.get(place).is_some_and(|own| own.iter().any(|own| own.is_ipv4() == ip.is_ipv4()))
    }

    /// What `from` can ask `to`: all its addresses of a family that both have.
    fn common(&self, from: &Place, to: &Place) -> Vec<IpAddr> {
        let of = self.of.get(to).into_iter().flatten().copied();
        of.filter(|ip| from != to && self.has_family(from, *ip)).collect()
    }
}

fn is_of_its_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || ip.is_loopback(),
    }
}

/// All checks: those who share a subnet reach each other, but for what `expectations` say otherwise, of which a later one goes
/// before an earlier one. With `peers`, of each subnet only so many others are asked by each, the next ones in order.
pub fn checks(addresses: &Addresses, expectations: &[Expectation], peers: Option<usize>) -> Vec<Check> {
    let mut wanted: BTreeMap<(Place, IpAddr), bool> = BTreeMap::new();
    for members in addresses.subnets.values() {
        for (number, (from, _)) in members.iter().enumerate() {
            let others = members.iter().cycle().skip(number + 1).take(members.len() - 1);
            let others = others.filter(|(to, _)| to != from).take(peers.unwrap_or(usize::MAX));
            wanted.extend(others.map(|(_, ip)| ((from.clone(), *ip), true)));
        }
    }
    for expectation in expectations {
        for from in &expectation.from {
            wanted.extend(of_expectation(addresses, expectation, from).map(|(ip, what)| ((from.clone(), ip), what)));
        }
    }
    let check = |((from, address), expected): ((Place, IpAddr), bool)| {
        let to = addresses.holder(address).cloned();
        Check { from, to, address, expected }
    };
    wanted.into_iter().map(check).collect()
}

fn of_expectation<'a>(
    addresses: &'a Addresses,
    expectation: &'a Expectation,
    from: &'a Place,
) -> impl Iterator<Item = (IpAddr, bool)> + 'a {
    let named = expectation.to.iter().flat_map(move |partner| match partner {
        Partner::Place(to) => addresses.common(from, to),
        Partner::Address(ip) if addresses.holder(*ip) == Some(from) => Vec::new(),
        Partner::Address(ip) => vec![*ip],
    });
    let is_other = |to: &&Place| **to != Place::Host && !expectation.to.contains(&Partner::Place((*to).clone()));
    let others = addresses.of.keys().filter(move |_| expectation.what == Expected::Only).filter(is_other);
    let others = others.flat_map(move |to| addresses.common(from, to)).map(|ip| (ip, false));
    others.chain(named.map(move |ip| (ip, expectation.what != Expected::NoReach)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Entry};

    fn state(addresses: &[(&str, &str)]) -> State {
        let entry = |(place, text): &(&str, &str)| {
            let address = Address::new(place.parse().unwrap(), "eth0".parse().unwrap(), text.parse().unwrap(), false);
            Entry::unmarked(Resource::Address(address))
        };
        addresses.iter().map(entry).collect()
    }

    fn told(state: &State, expectations: &[Expectation], peers: Option<usize>) -> Vec<String> {
        let checks = checks(&Addresses::of(state), expectations, peers);
        let line =
            |check: &Check| format!("{} {} {}", check.from, if check.expected { "->" } else { "-|" }, check.address);
        checks.iter().map(line).collect()
    }

    fn expect(from: &[&str], to: &[&str], what: Expected) -> Expectation {
        let partner = |text: &&str| match text.parse() {
            Ok(ip) => Partner::Address(ip),
            Err(_) => Partner::Place(text.parse().unwrap()),
        };
        Expectation {
            from: from.iter().map(|text| text.parse().unwrap()).collect(),
            to: to.iter().map(partner).collect(),
            what,
        }
    }

    #[test]
    fn those_in_a_subnet_are_asked() {
        let state = state(&[
            ("ns1", "10.0.0.1/24"),
            ("ns2", "10.0.0.2/24"),
            ("host", "10.0.0.254/24"),
            ("ns1", "fe80::1/64"),
            ("ns2", "fe80::2/64"),
            ("ns3", "10.1.0.3/24"),
        ]);
        let expected = [
            "host -> 10.0.0.1",
            "host -> 10.0.0.2",
            "ns1 -> 10.0.0.2",
            "ns1 -> 10.0.0.254",
            "ns2 -> 10.0.0.1",
            "ns2 -> 10.0.0.254",
        ];
        assert_eq!(told(&state, &[], None), expected);
    }

    #[test]
    fn both_families_and_all_addresses_are_asked() {
        let state = state(&[
            ("ns1", "10.0.0.1/24"),
            ("ns1", "fd00::1/64"),
            ("ns2", "10.0.0.2/24"),
            ("ns2", "10.0.0.3/24"),
            ("ns2", "fd00::2/64"),
        ]);
        let expected = ["ns1 -> 10.0.0.2", "ns1 -> 10.0.0.3", "ns1 -> fd00::2", "ns2 -> 10.0.0.1", "ns2 -> fd00::1"];
        assert_eq!(told(&state, &[], None), expected);
    }

    #[test]
    fn expectations_go_before_subnets_and_later_ones_before_earlier_ones() {
        let state = state(&[("a", "10.0.0.1/24"), ("b", "10.0.0.2/24"), ("c", "10.1.0.3/24"), ("c", "fd00::3/64")]);
        let routed = expect(&["a"], &["c", "192.0.2.1"], Expected::Reach);
        assert_eq!(
            told(&state, &[routed], None),
            ["a -> 10.0.0.2", "a -> 10.1.0.3", "a -> 192.0.2.1", "b -> 10.0.0.1"]
        );
        let apart = expect(&["a"], &["b"], Expected::NoReach);
        assert_eq!(told(&state, std::slice::from_ref(&apart), None), ["a -| 10.0.0.2", "b -> 10.0.0.1"]);
        let together = expect(&["a", "b"], &["a", "b"], Expected::Reach);
        assert_eq!(told(&state, &[apart, together], None), ["a -> 10.0.0.2", "b -> 10.0.0.1"]);
        let only = expect(&["a"], &["c"], Expected::Only);
        assert_eq!(told(&state, &[only], None), ["a -| 10.0.0.2", "a -> 10.1.0.3", "b -> 10.0.0.1"]);
    }

    #[test]
    fn peers_bound_what_is_asked() {
        let all: Vec<(String, String)> = (1..=9).map(|n| (format!("h{n}"), format!("10.0.0.{n}/24"))).collect();
        let state = state(&all.iter().map(|(place, ip)| (place.as_str(), ip.as_str())).collect::<Vec<_>>());
        let told = told(&state, &[], Some(2));
        assert_eq!(told.len(), 18);
        assert_eq!(told[16..], ["h9 -> 10.0.0.1", "h9 -> 10.0.0.2"]);
    }
}
