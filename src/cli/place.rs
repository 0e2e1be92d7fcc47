//! Where a verb acts: a namespace, or the host itself.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{Address, IPV6_MTU_MIN, IfName, Key, Kind, Place, Resource, State};

use super::failure::Failure;
use super::session::{self, Session, seen};

const PLACES: &str = "a namespace is written as its name, host, docker:NAME, podman:NAME, pid:PID or path:FILE";

/// The kernel has no IPv6 on a device with a smaller MTU, and answers EINVAL to its addresses.
pub fn check_ipv6_mtu<'a>(addresses: impl IntoIterator<Item = &'a IpNet>, mtu: Option<u32>) -> Result<(), Failure> {
    let v6 = addresses.into_iter().find(|ip| ip.addr().is_ipv6());
    match (v6, mtu) {
        (Some(ip), Some(mtu)) if mtu < IPV6_MTU_MIN => {
            Err(Failure::usage(format!("{ip} does not go with --mtu {mtu}"))
                .hint(format!("IPv6 takes an MTU of {IPV6_MTU_MIN} at least")))
        }
        _ => Ok(()),
    }
}

/// The namespace that `text` names, which has to be there.
pub async fn existing(session: &Session<'_>, text: &str) -> Result<Place, Failure> {
    let place = parse(text)?;
    if let Place::Named(name) = &place {
        let key = Key::Netns { name: name.clone() };
        if !session.observe(Scope::Keys(vec![key.clone()])).await?.contains(&key) {
            return Err(no_netns(&place));
        }
    }
    Ok(place)
}

/// The namespace that `text` names, in the plainest words for it.
pub fn parse(text: &str) -> Result<Place, Failure> {
    match text.parse() {
        Ok(place) => Ok(session::canonical(place)?),
        Err(error) => Err(Failure::from(error).hint(PLACES)),
    }
}

/// There is no such namespace.
pub fn no_netns(place: &Place) -> Failure {
    let instead = place.name().and_then(|name| session::container_instead(name.as_str()));
    let hint = instead.unwrap_or_else(|| format!("ovsns list-ns lists the namespaces; ovsns add-ns {place} makes one"));
    Failure::new(format!("there is no namespace {place}")).hint(hint)
}

/// The addresses of the namespace at `place` that somebody asked for.
pub async fn addresses(session: &Session<'_>, place: &Place) -> Result<State, Failure> {
    session.observe(Scope::Within(place.clone(), Kind::Address)).await
}

/// Whether `wanted` can be put on its device: no other device of the namespace has the address, and, on the host, none has
/// part of its network. `there` holds the addresses of the namespace; leased ones of the host are looked for here.
pub fn check_address(wanted: &Address, there: &State) -> Result<(), Failure> {
    let mut others: Vec<(IfName, IpNet)> =
        there.resources().filter_map(|resource| on(resource, &wanted.place)).collect();
    if wanted.place == Place::Host {
        let leased =
            seen::addresses(&Place::Host)?.into_iter().filter(|address| address.dynamic && address.scope == "global");
        others.extend(leased.map(|address| (address.dev, address.address)));
    }
    check_against(wanted, &others)
}

fn on(resource: &Resource, place: &Place) -> Option<(IfName, IpNet)> {
    match resource {
        Resource::Address(other) if other.place == *place => Some((other.device.clone(), other.address)),
        _ => None,
    }
}

fn check_against(wanted: &Address, others: &[(IfName, IpNet)]) -> Result<(), Failure> {
    let Address { place, device, address, .. } = wanted;
    let same = |theirs: &IfName, net: &IpNet| theirs == device && net == address;
    if let Some((theirs, net)) = others.iter().find(|(d, net)| net.addr() == address.addr() && !same(d, net)) {
        let inside = if *place == Place::Host { "on the host".to_owned() } else { format!("in namespace {place}") };
        let what = format!("cannot add {address} to {device}: {theirs} has {net} already, {inside}");
        return Err(Failure::new(what).hint("an address belongs on one device; choose another one"));
    }
    // Replies would leave through whichever device the kernel's route of the network happens to name.
    let in_the_way = |(theirs, net): &&(IfName, IpNet)| theirs != device && overlap(net, address);
    if let Some((theirs, net)) = others.iter().filter(|_| *place == Place::Host).find(in_the_way) {
        let (ours, net) = (address.trunc(), net.trunc());
        let what = format!("cannot add {address} to {device}: its network {ours} overlaps {net} of {theirs}");
        return Err(Failure::new(what).hint("the host could not tell which device leads there; choose another network"));
    }
    Ok(())
}

/// Whether two networks share addresses. A single address (`/32`, `/128`) is no network.
fn overlap(one: &IpNet, other: &IpNet) -> bool {
    let is_network = |net: &IpNet| net.prefix_len() < net.max_prefix_len();
    is_network(one) && is_network(other) && (one.contains(&other.network()) || other.contains(&one.network()))
}

/// Whether `gateway` can be reached directly through a device that has an address in its subnet. Answers that address.
pub fn way_to(gateway: IpAddr, place: &Place, there: &State) -> Option<Address> {
    let reaches = |resource: &Resource| match resource {
        Resource::Address(own) if own.place == *place && own.address.contains(&gateway) => Some(own.clone()),
        _ => None,
    };
    // The narrowest subnet is the one whose route is taken.
    there.resources().filter_map(reaches).max_by_key(|own| own.address.prefix_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(place: &str, device: &str, text: &str) -> Address {
        Address::new(place.parse().unwrap(), device.parse().unwrap(), text.parse().unwrap(), false)
    }

    fn check(place: &str, wanted: &str) -> Result<(), String> {
        let there = [("br1", "10.0.0.1/24"), ("br2", "10.1.0.1/32"), ("br3", "fd00::1/64")];
        let there = there.map(|(device, text)| (device.parse().unwrap(), text.parse().unwrap()));
        check_against(&address(place, "eth0", wanted), &there).map_err(|failure| failure.what)
    }

    #[test]
    fn networks_of_the_host_do_not_overlap() {
        for bad in ["10.0.0.9/24", "10.0.0.9/8", "10.0.0.129/25", "fd00::2/48"] {
            assert!(check("host", bad).unwrap_err().contains("overlaps"), "{bad}");
        }
        for good in ["10.2.0.1/24", "10.0.0.9/32", "10.1.0.2/24", "fd01::2/64"] {
            assert_eq!(check("host", good), Ok(()), "{good}");
            assert_eq!(check("ns1", good), Ok(()), "{good}");
        }
        assert_eq!(check("ns1", "10.0.0.9/24"), Ok(()), "a namespace may have two devices in one network");
    }

    #[test]
    fn an_address_is_on_one_device() {
        for place in ["host", "ns1"] {
            assert!(check(place, "10.0.0.1/32").unwrap_err().contains("br1 has 10.0.0.1/24 already"));
        }
    }
}
