//! What is in a namespace, whoever made it: for lists that agree with what `ip` shows. Nothing here is compared or undone.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_route::address::AddressScope;
use netlink_packet_route::neighbour::NeighbourState;
use serde::Serialize;

use crate::backend::BackendError;
use crate::model::{IfName, Mac, Place};
use crate::netlink::link::OperState;
use crate::netlink::{Error, Netlink};

use super::failed;
use super::observe::{Names, find_link};
use super::places::Places;

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

/// All addresses in the namespace at `place`, but those of loopback.
pub fn addresses(place: &Place) -> Result<Vec<SeenAddress>, BackendError> {
    look(place, "addresses", |netlink, names| {
        let mut seen = Vec::new();
        for found in netlink.addresses(None)?.into_iter().filter(|found| !found.address.addr().is_loopback()) {
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
    })
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
            seen.push(SeenRoute { dst, gateway, dev, protocol, metric, prefsrc });
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
