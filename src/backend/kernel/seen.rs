//! What is in a namespace, whoever made it: for lists that agree with what `ip` shows. Nothing here is compared or undone.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::address::AddressScope;
use netlink_packet_route::neighbour::NeighbourState;
use serde::Serialize;

use crate::backend::BackendError;
use crate::model::{IfName, Mac, Place, Rate};
use crate::netlink::link::OperState;
use crate::netlink::{Error, Link, Netlink};

use super::failed;
use super::observe::find_link;
use super::places::Places;

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenDevice {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// What made it: `veth`, `bridge` …; `None` for physical devices and `lo`.
    pub kind: Option<String>,
    /// Its Ethernet address, where it has one.
    pub mac: Option<Mac>,
}

/// An address, in the words of `ip -j address`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenAddress {
    /// The device.
    pub dev: IfName,
    /// The address and the length of its prefix.
    pub address: IpNet,
    /// `global`, `link` or `host`.
    pub scope: &'static str,
    /// It has a lifetime: from DHCP or a router's advertisement.
    pub dynamic: bool,
    /// Duplicate address detection is not through.
    pub tentative: bool,
    /// Somebody else has it.
    pub dadfailed: bool,
}

/// A route of the main table, in the words of `ip -j route`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenRoute {
    /// The destination; 0.0.0.0/0 and ::/0 are the default routes.
    pub dst: IpNet,
    /// The next router.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev: Option<IfName>,
    /// Who made it: `RTPROT_*` of linux/rtnetlink.h.
    pub protocol: u8,
    /// The metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The address that the namespace's own packets go out under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefsrc: Option<IpAddr>,
    /// It has several next hops, of which the first is shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub several_hops: bool,
}

/// A neighbour, in the words of `ip -j neighbour`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenNeighbour {
    /// The neighbour's address.
    pub dst: IpAddr,
    /// The device that it is on.
    pub dev: IfName,
    /// Its Ethernet address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lladdr: Option<Mac>,
    /// `REACHABLE`, `STALE`, `PERMANENT`, `FAILED` … (`NUD_*`, linux/neighbour.h).
    pub state: String,
    /// It is a router.
    pub router: bool,
}

/// The names of devices by index, each asked for once: few devices have addresses and routes, and there may be thousands.
#[derive(Default)]
struct Names(HashMap<u32, Option<IfName>>);

impl Names {
    /// The name; `None` where the device has gone, or has a name that no user could type.
    fn of(&mut self, netlink: &mut Netlink, index: u32) -> Result<Option<IfName>, Error> {
        if let Some(known) = self.0.get(&index) {
            return Ok(known.clone());
        }
        let name = netlink.link(index)?.and_then(|link| link.name.parse().ok());
        Ok(self.0.entry(index).or_insert(name).clone())
    }
}

/// All devices of the namespace at `place`, by index.
pub fn devices(place: &Place) -> Result<Vec<SeenDevice>, BackendError> {
    look(place, "devices", |netlink, _| {
        let links = netlink.links()?.into_iter();
        let seen = links.map(|link| SeenDevice {
            index: link.index,
            name: link.name,
            kind: link.kind,
            mac: link.mac.map(Mac::from_octets),
        });
        Ok(seen.collect())
    })
}

/// All addresses in the namespace at `place`, but those of loopback.
pub fn addresses(place: &Place) -> Result<Vec<SeenAddress>, BackendError> {
    look(place, "addresses", |netlink, names| read_addresses(netlink, names, None))
}

/// Those of one device; none where there is no such device.
pub fn addresses_of(place: &Place, device: &IfName) -> Result<Vec<SeenAddress>, BackendError> {
    look(place, "addresses", |netlink, names| match netlink.link(device.as_str())? {
        Some(link) => read_addresses(netlink, names, Some(link.index)),
        None => Ok(Vec::new()),
    })
}

fn read_addresses(netlink: &mut Netlink, names: &mut Names, only: Option<u32>) -> Result<Vec<SeenAddress>, Error> {
    let mut seen = Vec::new();
    for found in netlink.addresses(only)?.into_iter().filter(|found| !found.address.addr().is_loopback()) {
        let Some(dev) = names.of(netlink, found.link)? else { continue };
        let scope = match found.scope {
            AddressScope::Link => "link",
            AddressScope::Host => "host",
            _ => "global",
        };
        let (dynamic, tentative, dadfailed) = (found.is_dynamic(), found.is_tentative(), found.is_duplicate());
        seen.push(SeenAddress { dev, address: found.address, scope, dynamic, tentative, dadfailed });
    }
    Ok(seen)
}

/// All routes of the main table of the namespace at `place`.
pub fn routes(place: &Place) -> Result<Vec<SeenRoute>, BackendError> {
    look(place, "routes", |netlink, names| {
        let mut seen = Vec::new();
        for found in netlink.routes()? {
            let dev = match found.link {
                Some(link) => names.of(netlink, link)?,
                None => None,
            };
            let (dst, gateway, prefsrc) = (found.destination, found.via, found.source);
            let (protocol, metric) = (found.protocol, found.metric);
            let several_hops = found.several_hops;
            seen.push(SeenRoute { dst, gateway, dev, protocol, metric, prefsrc, several_hops });
        }
        Ok(seen)
    })
}

/// All neighbours that the namespace at `place` knows.
pub fn neighbours(place: &Place) -> Result<Vec<SeenNeighbour>, BackendError> {
    look(place, "neighbours", |netlink, names| {
        let mut seen = Vec::new();
        for found in netlink.neighbours()? {
            let Some(dev) = names.of(netlink, found.link)? else { continue };
            let (lladdr, state) = (found.mac.map(Mac::from_octets), nud(found.state));
            seen.push(SeenNeighbour { dst: found.address, dev, lladdr, state, router: found.router });
        }
        Ok(seen)
    })
}

/// As `ip neighbour` writes it.
fn nud(state: NeighbourState) -> String {
    match state {
        NeighbourState::None => "NONE".to_owned(),
        state => format!("{state:?}").to_uppercase(),
    }
}

/// How the host's own packets reach an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenWay {
    /// It is one of the host's own addresses.
    pub local: bool,
    /// The device that they leave by.
    pub dev: Option<IfName>,
    /// Its MTU in bytes.
    pub mtu: Option<u32>,
}

/// The way to `address` from the host; `None` where there is none.
pub fn way_to(address: IpAddr) -> Result<Option<SeenWay>, BackendError> {
    let mut places = Places::default();
    let mut look = || {
        let netlink = &mut places.at(&Place::Host)?.netlink;
        let Some(way) = netlink.way_to(address)? else { return Ok(None) };
        let link = way.link.map(|link| netlink.link(link)).transpose()?.flatten();
        let dev = link.as_ref().and_then(|link| link.name.parse().ok());
        Ok(Some(SeenWay { local: way.local, dev, mtu: link.map(|link| link.mtu) }))
    };
    look().map_err(|error| failed(format!("cannot find the way to {address}"), error))
}

/// What a device of the host is to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    /// The interface index.
    pub index: u32,
    /// The device that it is a port of, and its kind: `bridge`, `bond`, `vrf` …
    pub master: Option<(String, String)>,
    /// The devices that take its packets before a switch could, and their kinds: `macvlan`, `ipvlan` …
    pub children: Vec<(String, String)>,
    /// It is of a wireless network (`/sys/class/net/DEVICE/phy80211`).
    pub wireless: bool,
    /// `ip link … alias`.
    pub alias: Option<String>,
}

/// What the device of the host is to others; `None` where there is none.
pub fn uplink(name: &IfName) -> Result<Option<Uplink>, BackendError> {
    let mut places = Places::default();
    let mut look = || {
        let Some(link) = find_link(&mut places, &Place::Host, name)? else { return Ok(None) };
        let links = places.at(&Place::Host)?.netlink.links()?;
        let kind = |link: &Link| link.kind.clone().unwrap_or_default();
        let master = links.iter().find(|other| Some(other.index) == link.master);
        let above = |other: &&Link| {
            other.peer == Some(link.index) && other.peer_nsid.is_none() && TAKERS.contains(&kind(other).as_str())
        };
        Ok(Some(Uplink {
            index: link.index,
            master: master.map(|master| (master.name.clone(), kind(master))),
            children: links.iter().filter(above).map(|child| (child.name.clone(), kind(child))).collect(),
            wireless: std::fs::exists(format!("/sys/class/net/{name}/phy80211")).unwrap_or(false),
            alias: link.alias,
        }))
    };
    look().map_err(|error| failed(format!("cannot look at {name}"), error))
}

/// How fast the link of a device of the host is (`/sys/class/net/DEVICE/speed`, in Mbit/s); `None` where it does not tell, as while it is
/// down, and of a tap, which tells 10 Mbit/s whatever it does (`tun_default_link_ksettings`, drivers/net/tun.c).
pub fn speed(name: &IfName) -> Option<Rate> {
    let file = |file: &str| format!("/sys/class/net/{name}/{file}");
    if std::fs::exists(file("tun_flags")).unwrap_or(true) {
        return None;
    }
    let megabits: u64 = std::fs::read_to_string(file("speed")).ok()?.trim().parse().ok()?;
    Some(Rate::from_bytes(megabits * 1_000_000 / 8))
}

/// The kinds of devices that a device below gives its packets to by the same hook as to a switch (`rx_handler`, linux/netdevice.h).
const TAKERS: [&str; 4] = ["macvlan", "macvtap", "ipvlan", "ipvtap"];

/// The operational state of each of these devices, as `ip link` writes it; `None` where there is no such device.
pub fn operstates(devices: &[(Place, IfName)]) -> Result<Vec<Option<&'static str>>, BackendError> {
    let mut places = Places::default();
    let mut state = |(place, name): &(Place, IfName)| match find_link(&mut places, place, name) {
        Ok(link) => Ok(link.map(|link| word(link.operstate))),
        Err(error) => Err(failed(format!("cannot look at {name} in {place}"), error)),
    };
    devices.iter().map(&mut state).collect()
}

fn word(state: OperState) -> &'static str {
    match state {
        OperState::Unknown => "UNKNOWN",
        OperState::NotPresent => "NOTPRESENT",
        OperState::Down => "DOWN",
        OperState::LowerLayerDown => "LOWERLAYERDOWN",
        OperState::Testing => "TESTING",
        OperState::Dormant => "DORMANT",
        OperState::Up => "UP",
    }
}

fn look<T>(
    place: &Place,
    what: &str,
    read: impl FnOnce(&mut Netlink, &mut Names) -> Result<Vec<T>, Error>,
) -> Result<Vec<T>, BackendError> {
    let mut places = Places::default();
    let located = places.at(place);
    let seen = located.and_then(|located| read(&mut located.netlink, &mut Names::default()));
    seen.map_err(|error| failed(format!("cannot list the {what} of {place}"), error))
}
