//! The commands of `ip` and `ethtool` for namespaces, veth pairs, devices, addresses and routes.
//!
//! Names stand behind `name` and `dev`, even where ip(8) can do without: a device may be called `up`.

use crate::model::{
    Address, Device, End, Link, Netns, NetnsName, Owner, Physical, Place, ROUTE_PROTOCOL, Route, Sysctl,
};

use super::shell::{enter, ip, netns_argument, process_of, quote};

/// Marks the device `name`, which `ip` reaches.
pub(super) fn alias(ip: &str, name: &str, owner: &Owner) -> String {
    format!("{ip} link set dev {name} alias {}", quote(&owner.alias()))
}

pub(super) fn add_netns(netns: &Netns, owner: Option<&Owner>) -> Vec<String> {
    if let Some(of) = &netns.of {
        return attach_netns(&netns.name, of);
    }
    let place = Place::Named(netns.name.clone());
    let mut lines =
        vec![format!("ip netns add {}", quote(netns.name.as_str())), format!("{} link set dev lo up", ip(&place))];
    lines.extend(mark_netns(netns, owner));
    lines
}

/// `ip netns attach` takes the number of a process, and nothing else (ip-netns(8)).
fn attach_netns(name: &NetnsName, of: &Place) -> Vec<String> {
    let attach = |pid: String| vec![format!("ip netns attach {} {pid}", quote(name.as_str()))];
    match of {
        Place::Pid(pid) => attach(pid.to_string()),
        Place::Container(container) => attach(process_of(container)),
        Place::Host => attach("$$".to_owned()),
        Place::Named(other) => bind_netns(name, &quote(&format!("/run/netns/{other}"))),
        Place::Path(path) => bind_netns(name, &quote(path)),
        // Nothing leads there.
        Place::Nsid(nsid) => bind_netns(name, &format!("nsid:{nsid}")),
    }
}

fn bind_netns(name: &NetnsName, file: &str) -> Vec<String> {
    let path = quote(&format!("/run/netns/{name}"));
    vec![format!("mkdir -p /run/netns && touch {path}"), format!("mount --bind {file} {path}")]
}

/// The host's own namespace has no name for ip-link(8): it is that of the shell.
pub(super) fn relocate(old: &Physical, new: &Physical) -> Vec<String> {
    let device = quote(old.name.as_str());
    let target = netns_argument(&new.place).unwrap_or_else(|| "$$".to_owned());
    let set = |what: &str| format!("{} link set dev {device} {what}", ip(&old.place));
    vec![set("down"), set(&format!("name {} netns {target}", quote(new.name.as_str())))]
}

pub(super) fn mark_netns(netns: &Netns, owner: Option<&Owner>) -> Option<String> {
    owner.map(|owner| alias(&ip(&Place::Named(netns.name.clone())), "lo", owner))
}

pub(super) fn delete_netns(netns: &Netns) -> String {
    format!("ip netns delete {}", quote(netns.name.as_str()))
}

pub(super) fn add_link(link: &Link, owner: Option<&Owner>) -> Vec<String> {
    let (a, b) = (&link.a, &link.b);
    // If one end is in the host's own namespace, for which there is no word, it is `a`: a link's ends are in order.
    let mut line = format!("{} link add name {}{} type veth", ip(&a.place), quote(a.name.as_str()), set_at(a));
    line.push_str(&format!(" peer name {}{}", quote(b.name.as_str()), set_at(b)));
    line.extend(netns_argument(&b.place).filter(|_| a.place != b.place).map(|netns| format!(" netns {netns}")));
    let mut lines = vec![line];
    lines.extend(mark_link(link, owner));
    for end in [a, b] {
        lines.extend(end.altname.iter().map(|altname| set_altname(end, "add", altname)));
        lines.extend(end.arp.map(|on| set_arp(end, on)));
        lines.extend(end.tx_checksum.map(|on| set_tx_checksum(end, on)));
        if end.up {
            lines.push(set_state(&end.place, end.name.as_str(), true));
        }
    }
    lines
}

/// What can be set in the message that makes the device.
fn set_at(end: &End) -> String {
    let mac = end.mac.map(|mac| format!(" address {mac}"));
    let mtu = end.mtu.map(|mtu| format!(" mtu {mtu}"));
    mac.into_iter().chain(mtu).collect()
}

pub(super) fn mark_link(link: &Link, owner: Option<&Owner>) -> Vec<String> {
    let mark = |end: &End| owner.map(|owner| alias(&ip(&end.place), &quote(end.name.as_str()), owner));
    [&link.a, &link.b].into_iter().filter_map(mark).collect()
}

pub(super) fn delete_link(link: &Link) -> String {
    format!("{} link delete dev {}", ip(&link.a.place), quote(link.a.name.as_str()))
}

/// What is not set any more stays as it is, except for a further name: the kernel has no way back to its own choice.
pub(super) fn set_end(old: &End, new: &End) -> Vec<String> {
    let name = quote(new.name.as_str());
    let set = |what: String| format!("{} link set dev {name} {what}", ip(&new.place));
    let mut lines = Vec::new();
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        lines.push(set(format!("address {mac}")));
    }
    if let Some(mtu) = new.mtu.filter(|_| old.mtu != new.mtu) {
        lines.push(set(format!("mtu {mtu}")));
    }
    if old.altname != new.altname {
        lines.extend(old.altname.iter().map(|altname| set_altname(new, "del", altname)));
        lines.extend(new.altname.iter().map(|altname| set_altname(new, "add", altname)));
    }
    if let Some(on) = new.arp.filter(|_| old.arp != new.arp) {
        lines.push(set_arp(new, on));
    }
    if let Some(on) = new.tx_checksum.filter(|_| old.tx_checksum != new.tx_checksum) {
        lines.push(set_tx_checksum(new, on));
    }
    if old.up != new.up {
        lines.push(set_state(&new.place, new.name.as_str(), new.up));
    }
    lines
}

fn set_altname(end: &End, verb: &str, altname: &str) -> String {
    let name = quote(end.name.as_str());
    format!("{} link property {verb} dev {name} altname {}", ip(&end.place), quote(altname))
}

fn set_arp(end: &End, on: bool) -> String {
    let name = quote(end.name.as_str());
    format!("{} link set dev {name} arp {}", ip(&end.place), if on { "on" } else { "off" })
}

fn set_tx_checksum(end: &End, on: bool) -> String {
    format!("{}ethtool -K {} tx {}", enter(&end.place), quote(end.name.as_str()), if on { "on" } else { "off" })
}

fn set_state(place: &Place, name: &str, up: bool) -> String {
    format!("{} link set dev {} {}", ip(place), quote(name), if up { "up" } else { "down" })
}

/// From `old`, or from nobody knows what.
pub(super) fn set_device(old: Option<&Device>, new: &Device) -> Vec<String> {
    let name = quote(new.name.as_str());
    let set = |what: String| format!("{} link set dev {name} {what}", ip(&new.place));
    let mut lines = Vec::new();
    if let Some(mac) = new.mac.filter(|mac| old.and_then(|old| old.mac) != Some(*mac)) {
        lines.push(set(format!("address {mac}")));
    }
    if let Some(mtu) = new.mtu.filter(|mtu| old.and_then(|old| old.mtu) != Some(*mtu)) {
        lines.push(set(format!("mtu {mtu}")));
    }
    if old.is_none_or(|old| old.up != new.up) {
        lines.push(set_state(&new.place, new.name.as_str(), new.up));
    }
    lines
}

pub(super) fn set_sysctl(sysctl: &Sysctl) -> String {
    let setting = quote(&format!("{}={}", sysctl.key, sysctl.value));
    format!("{}sysctl -qw {setting}", enter(&sysctl.place))
}

pub(super) fn add_address(address: &Address) -> String {
    let nodad = if address.nodad { " nodad" } else { "" };
    format!("{}{nodad}", address_line("add", address))
}

pub(super) fn delete_address(address: &Address) -> String {
    address_line("del", address)
}

fn address_line(verb: &str, address: &Address) -> String {
    format!("{} address {verb} {} dev {}", ip(&address.place), address.address, quote(address.device.as_str()))
}

pub(super) fn add_route(route: &Route) -> String {
    let source = route.source.map(|source| format!(" src {source}")).unwrap_or_default();
    let protocol = route.protocol.unwrap_or(ROUTE_PROTOCOL);
    format!("{}{source} proto {protocol}", route_line("add", route, route.metric))
}

/// Without a metric the kernel would take any route to the destination.
pub(super) fn delete_route(route: &Route) -> String {
    let metric = route.metric.or((!route.is_ipv4()).then_some(1024));
    route_line("del", route, metric)
}

fn route_line(verb: &str, route: &Route, metric: Option<u32>) -> String {
    let version = if route.is_ipv4() { "" } else { " -6" };
    let mut line = format!("{}{version} route {verb} {}", ip(&route.place), route.destination_text());
    line.extend(route.via.map(|via| format!(" via {via}")));
    line.extend(route.device.iter().map(|device| format!(" dev {}", quote(device.as_str()))));
    line.extend(metric.map(|metric| format!(" metric {metric}")));
    line
}
