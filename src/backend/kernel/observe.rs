//! From the kernel to resources.

use std::collections::HashMap;

use crate::model::{
    Address, Device, End, Entry, IfName, Key, Kind, Link, Mac, Netns, NetnsName, Owner, Place, Resource, Route, Sysctl,
    SysctlKey,
};
use crate::netlink::{self, Error};

use super::physical;
use super::places::Places;
use super::qdisc;
use crate::backend::Scope;

/// The protocol numbers of routes that nobody asked for: redirects, the kernel's own, router advertisements
/// (`RTPROT_*`, linux/rtnetlink.h).
const AUTOMATIC: [u8; 3] = [1, 2, 9];

pub fn observe(places: &mut Places, scope: &Scope) -> Result<Vec<Entry>, Error> {
    match scope {
        Scope::Keys(keys) => of_keys(places, keys),
        Scope::Place(place) => of_place(places, place),
        Scope::Within(place, kind) => of_kind(places, place, *kind),
        Scope::Switch(name) => of_device(places, &Place::Host, &name.device()),
        Scope::Ruleset => Ok(Vec::new()),
        Scope::Kind(Kind::Netns) => netnses(places),
        Scope::Kind(Kind::Switch | Kind::Port | Kind::Mirror | Kind::Ruleset | Kind::Nat | Kind::Published) => {
            Ok(Vec::new())
        }
        Scope::Kind(kind) => Ok(all(places)?.into_iter().filter(|entry| entry.resource.kind() == *kind).collect()),
        Scope::Owner(owner) => {
            Ok(all(places)?.into_iter().filter(|entry| entry.owner.as_ref() == Some(owner)).collect())
        }
        Scope::All => all(places),
    }
}

/// Everything: each namespace in turn, and each veth pair once.
fn all(places: &mut Places) -> Result<Vec<Entry>, Error> {
    let mut seen = std::collections::BTreeSet::new();
    let mut entries = Vec::new();
    for place in places.all()? {
        entries.extend(of_place(places, &place)?.into_iter().filter(|entry| seen.insert(entry.key())));
    }
    Ok(entries)
}

fn netnses(places: &mut Places) -> Result<Vec<Entry>, Error> {
    let names = places.names()?;
    names.iter().filter_map(|name| netns(places, name).transpose()).collect()
}

fn of_keys(places: &mut Places, keys: &[Key]) -> Result<Vec<Entry>, Error> {
    // The namespaces that the keys name are opened first: it is them that veth pairs lead into.
    for key in keys {
        match key {
            Key::Netns { name } => _ = places.find(&Place::Named(name.clone()))?,
            Key::Address { place, .. }
            | Key::Route { place, .. }
            | Key::Sysctl { place, .. }
            | Key::Impairment { place, .. } => _ = places.find(place)?,
            _ => {}
        }
    }
    keys.iter().filter_map(|key| of_key(places, key).transpose()).collect()
}

fn of_key(places: &mut Places, key: &Key) -> Result<Option<Entry>, Error> {
    match key {
        Key::Netns { name } => netns(places, name),
        Key::Link { place, name } => link(places, place, name),
        Key::Device { place, name } => device(places, place, name),
        // Whoever names an address means it, also one that would not be thought to be asked for.
        Key::Address { place, device, .. } => pick(addresses_of(places, place, device, |_| true)?, key),
        Key::Route { place, .. } => pick(routes(places, place)?, key),
        Key::Sysctl { place, key } => sysctl(places, place, key),
        Key::Impairment { place, device } => {
            let link = find_link(places, place, device)?;
            pick(qdisc::observe(places, place, link.as_slice())?, key)
        }
        Key::Physical { bus_device } => physical::find(places, bus_device),
        Key::Switch { .. }
        | Key::Port { .. }
        | Key::Mirror { .. }
        | Key::Ruleset
        | Key::Nat { .. }
        | Key::Published { .. } => Ok(None),
    }
}

fn pick(entries: Vec<Entry>, key: &Key) -> Result<Option<Entry>, Error> {
    Ok(entries.into_iter().find(|entry| entry.key() == *key))
}

/// A namespace bears its mark on its `lo`.
fn netns(places: &mut Places, name: &NetnsName) -> Result<Option<Entry>, Error> {
    let Some(located) = places.find(&Place::Named(name.clone()))? else { return Ok(None) };
    let alias = located.netlink.link("lo")?.and_then(|lo| lo.alias);
    let owner = alias.as_deref().and_then(Owner::from_alias);
    Ok(Some(Entry { resource: Resource::Netns(Netns::new(name.clone())), owner }))
}

fn of_place(places: &mut Places, place: &Place) -> Result<Vec<Entry>, Error> {
    let Some(located) = places.find(place)? else { return Ok(Vec::new()) };
    let links = located.netlink.links()?;
    let mut entries: Vec<Entry> = match place.name() {
        Some(name) => netns(places, name)?.into_iter().collect(),
        None => Vec::new(),
    };
    let mut nsids: HashMap<i32, Place> = HashMap::new();
    for link in links.iter().filter(|link| is_veth(link)) {
        entries.extend(pair(places, place, link, &mut nsids)?);
    }
    entries.extend(links.iter().filter_map(|link| physical::device(place, link)));
    entries.extend(addresses(places, place, None, is_asked_for)?);
    entries.extend(routes(places, place)?);
    entries.extend(qdisc::observe(places, place, &links)?);
    Ok(entries)
}

fn of_kind(places: &mut Places, place: &Place, kind: Kind) -> Result<Vec<Entry>, Error> {
    match kind {
        Kind::Device => devices(places, place),
        Kind::Address => addresses(places, place, None, is_asked_for),
        Kind::Route => routes(places, place),
        Kind::Impairment => {
            let Some(located) = places.find(place)? else { return Ok(Vec::new()) };
            let links = located.netlink.links()?;
            qdisc::observe(places, place, &links)
        }
        _ => Ok(Vec::new()),
    }
}

fn devices(places: &mut Places, place: &Place) -> Result<Vec<Entry>, Error> {
    let Some(located) = places.find(place)? else { return Ok(Vec::new()) };
    let links = located.netlink.links()?;
    let named = links.iter().filter_map(|link| Some(device_of(place, &link.name.parse().ok()?, link)));
    Ok(named.collect())
}

fn of_device(places: &mut Places, place: &Place, name: &IfName) -> Result<Vec<Entry>, Error> {
    let Some(device) = device(places, place, name)? else { return Ok(Vec::new()) };
    let mut entries = vec![device];
    entries.extend(addresses_of(places, place, name, is_asked_for)?);
    let through =
        |entry: &Entry| matches!(&entry.resource, Resource::Route(route) if route.device.as_ref() == Some(name));
    entries.extend(routes(places, place)?.into_iter().filter(through));
    Ok(entries)
}

fn is_veth(link: &netlink::Link) -> bool {
    link.kind.as_deref() == Some("veth")
}

/// The device of exactly this name: the kernel finds it by its alternative names too.
pub fn find_link(places: &mut Places, place: &Place, name: &IfName) -> Result<Option<netlink::Link>, Error> {
    let Some(located) = places.find(place)? else { return Ok(None) };
    Ok(located.netlink.link(name.as_str())?.filter(|link| link.name == name.as_str()))
}

fn device(places: &mut Places, place: &Place, name: &IfName) -> Result<Option<Entry>, Error> {
    Ok(find_link(places, place, name)?.map(|link| device_of(place, name, &link)))
}

fn device_of(place: &Place, name: &IfName, link: &netlink::Link) -> Entry {
    let mac = link.mac.map(Mac::from_octets);
    let device = Device { mac, mtu: Some(link.mtu), ..Device::new(place.clone(), name.clone(), link.up) };
    Entry::unmarked(Resource::Device(device))
}

fn sysctl(places: &mut Places, place: &Place, key: &SysctlKey) -> Result<Option<Entry>, Error> {
    let Some(located) = places.find(place)? else { return Ok(None) };
    let value = netlink::sysctl::read(&located.netns, &key.path())?;
    let sysctl = |value: String| Resource::Sysctl(Sysctl::new(place.clone(), key.clone(), &value));
    Ok(value.map(|value| Entry::unmarked(sysctl(value))))
}

fn link(places: &mut Places, place: &Place, name: &IfName) -> Result<Option<Entry>, Error> {
    match find_link(places, place, name)?.filter(is_veth) {
        Some(link) => pair(places, place, &link, &mut HashMap::new()),
        None => Ok(None),
    }
}

/// The veth pair that `link` is an end of. `nsids` remembers which namespace is which. `None` where the other end has just
/// gone, or an end has a name that no user could type.
fn pair(
    places: &mut Places,
    place: &Place,
    link: &netlink::Link,
    nsids: &mut HashMap<i32, Place>,
) -> Result<Option<Entry>, Error> {
    let there = match link.peer_nsid {
        None => place.clone(),
        Some(nsid) => match nsids.get(&nsid) {
            Some(there) => there.clone(),
            None => {
                let there = places.of_nsid(place, nsid)?;
                nsids.entry(nsid).or_insert(there).clone()
            }
        },
    };
    let Some(peer) = link.peer else { return Ok(None) };
    let peer = match &there {
        Place::Nsid(_) => Some(None),
        _ => places.at(&there)?.netlink.link(peer)?.map(Some),
    };
    let Some(peer) = peer else { return Ok(None) };
    let owner =
        [Some(link), peer.as_ref()].into_iter().flatten().find_map(|end| Owner::from_alias(end.alias.as_deref()?));
    let (Some(one), Some(other)) = (end(places, place, link)?, other_end(places, &there, peer.as_ref())?) else {
        return Ok(None);
    };
    Ok(Some(Entry { resource: Resource::Link(Link::new(one, other)), owner }))
}

/// The other end, or what can be said of it where it cannot be seen.
fn other_end(places: &mut Places, there: &Place, peer: Option<&netlink::Link>) -> Result<Option<End>, Error> {
    match peer {
        Some(peer) => end(places, there, peer),
        None => Ok("unseen".parse().ok().map(|name| End { up: false, ..End::new(there.clone(), name) })),
    }
}

fn end(places: &mut Places, place: &Place, link: &netlink::Link) -> Result<Option<End>, Error> {
    let Ok(name) = link.name.parse() else { return Ok(None) };
    let tx_checksum = places.tx_checksum(place, link.index)?;
    Ok(Some(End {
        place: place.clone(),
        name,
        altname: link.altnames.first().cloned(),
        mac: link.mac.map(Mac::from_octets),
        mtu: Some(link.mtu),
        up: link.up,
        arp: Some(link.arp),
        tx_checksum,
    }))
}

fn addresses_of(
    places: &mut Places,
    place: &Place,
    name: &IfName,
    which: fn(&netlink::Address) -> bool,
) -> Result<Vec<Entry>, Error> {
    match find_link(places, place, name)? {
        Some(link) => addresses(places, place, Some(link.index), which),
        None => Ok(Vec::new()),
    }
}

/// The addresses that are to be shown, of one device or of all.
fn addresses(
    places: &mut Places,
    place: &Place,
    only: Option<u32>,
    which: fn(&netlink::Address) -> bool,
) -> Result<Vec<Entry>, Error> {
    let Some(located) = places.find(place)? else { return Ok(Vec::new()) };
    let mut names = Names::default();
    let mut entries = Vec::new();
    for found in located.netlink.addresses(only)?.into_iter().filter(which) {
        if let Some(device) = names.of(&mut located.netlink, found.link)? {
            let address = Address::new(place.clone(), device, found.address, found.is_nodad());
            entries.push(Entry::unmarked(Resource::Address(address)));
        }
    }
    Ok(entries)
}

/// The names of devices by index, each asked for once: few devices have addresses and routes, and there may be thousands.
#[derive(Default)]
pub struct Names(HashMap<u32, Option<IfName>>);

impl Names {
    /// The name; `None` where the device has gone, or has a name that no user could type.
    pub fn of(&mut self, netlink: &mut netlink::Netlink, index: u32) -> Result<Option<IfName>, Error> {
        if let Some(known) = self.0.get(&index) {
            return Ok(known.clone());
        }
        let name = netlink.link(index)?.and_then(|link| link.name.parse().ok());
        Ok(self.0.entry(index).or_insert(name).clone())
    }
}

/// Whether somebody asked for it: not those of loopback or of the link itself, nor leased ones.
fn is_asked_for(address: &netlink::Address) -> bool {
    let ip = address.address.addr();
    let link_local = matches!(ip, std::net::IpAddr::V6(ip) if ip.is_unicast_link_local());
    address.is_permanent() && !link_local && !ip.is_loopback()
}

/// The routes of the main table that somebody asked for.
fn routes(places: &mut Places, place: &Place) -> Result<Vec<Entry>, Error> {
    let Some(located) = places.find(place)? else { return Ok(Vec::new()) };
    let mut names = Names::default();
    let mut entries = Vec::new();
    for route in located.netlink.routes()?.into_iter().filter(|route| !AUTOMATIC.contains(&route.protocol)) {
        let device = match route.link {
            None => None,
            Some(index) => names.of(&mut located.netlink, index)?,
        };
        let route = Route {
            place: place.clone(),
            destination: route.destination,
            via: route.via,
            device,
            metric: route.metric,
            source: route.source,
            protocol: Some(route.protocol),
        };
        entries.push(Entry::unmarked(Resource::Route(route.normalised())));
    }
    Ok(entries)
}
