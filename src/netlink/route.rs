//! Routes of the main table, and neighbours: `ip route` and `ip neighbour`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::address::family;
use super::error::Error;
use super::link::Mac;
use super::request::{Netlink, Request};

/// A unicast route of the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it leads; a prefix length of 0 is the default route of that family.
    pub destination: IpNet,
    /// The next hop; `None`: on the link itself.
    pub via: Option<IpAddr>,
    /// The index of the link; `None`: the kernel finds it by the next hop.
    pub link: Option<u32>,
    /// The priority: lower wins. `None`: 0 for IPv4, and 1024, which the kernel sets, for IPv6.
    pub metric: Option<u32>,
    /// The address that the host's own packets go out under.
    pub source: Option<IpAddr>,
    /// Who made it: `RTPROT_*` of linux/rtnetlink.h; 2 is the kernel, 3 is `boot` (what `ip route add` sets), 4 is `static`.
    pub protocol: u8,
    /// It has several next hops, of which `via` and `link` say the first.
    pub several_hops: bool,
}

/// `ip route add DESTINATION [via IP] [dev DEV] [metric N] proto N`. EEXIST where there is one with the same destination
/// and metric.
pub fn add(route: &Route) -> Request {
    let mut message = message(route);
    // As `ip` chooses it (`iproute_modify`, ip/iproute.c of iproute2).
    message.header.scope = match (route.destination, route.via) {
        (IpNet::V4(_), None) => RouteScope::Link,
        _ => RouteScope::Universe,
    };
    Request::new(words("add", route), NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewRoute(message))
}

/// `ip route del …`: the route with this destination, next hop, link, metric and protocol; what is `None` matches any.
/// ESRCH where there is none.
pub fn delete(route: &Route) -> Request {
    let mut message = message(route);
    // Matches any scope (`fib_table_delete`, net/ipv4/fib_trie.c).
    message.header.scope = RouteScope::NoWhere;
    Request::new(words("del", route), 0, RouteNetlinkMessage::DelRoute(message))
}

fn message(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = family(route.destination.addr());
    message.header.destination_prefix_length = route.destination.prefix_len();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::from(route.protocol);
    message.header.kind = RouteType::Unicast;
    if route.destination.prefix_len() > 0 {
        message.attributes.push(RouteAttribute::Destination(route.destination.network().into()));
    }
    message.attributes.extend(route.via.map(|via| gateway(route.destination, via)));
    message.attributes.extend(route.link.map(RouteAttribute::Oif));
    message.attributes.extend(route.metric.map(RouteAttribute::Priority));
    message.attributes.extend(route.source.map(|source| RouteAttribute::PrefSource(source.into())));
    message
}

/// A next hop of the other family stands in RTA_VIA (`ip route add 10.0.0.0/8 via inet6 fe80::1`).
fn gateway(destination: IpNet, via: IpAddr) -> RouteAttribute {
    match (destination, via) {
        (IpNet::V4(_), IpAddr::V6(via)) => RouteAttribute::Via(RouteVia::Inet6(via)),
        _ => RouteAttribute::Gateway(via.into()),
    }
}

fn words(verb: &str, route: &Route) -> String {
    let mut words = match route.destination.prefix_len() {
        0 => format!("route {verb} default"),
        _ => format!("route {verb} {}", route.destination),
    };
    for (word, value) in [
        ("via", route.via.map(|via| via.to_string())),
        ("dev", route.link.map(|link| format!("if{link}"))),
        ("metric", route.metric.map(|metric| metric.to_string())),
        ("src", route.source.map(|source| source.to_string())),
    ] {
        if let Some(value) = value {
            words.push_str(&format!(" {word} {value}"));
        }
    }
    words
}

/// `ip neighbour replace IP lladdr MAC dev DEV nud permanent`: it never expires and is never asked for.
pub fn add_permanent_neighbour(link: u32, ip: IpAddr, mac: Mac) -> Request {
    let mut message = neighbour(link, ip);
    message.header.state = NeighbourState::Permanent;
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
    let words = format!("neighbour replace {ip} dev if{link} nud permanent");
    Request::new(words, NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewNeighbour(message))
}

/// `ip neighbour del IP dev DEV`. ENOENT where there is none.
pub fn delete_neighbour(link: u32, ip: IpAddr) -> Request {
    let words = format!("neighbour del {ip} dev if{link}");
    Request::new(words, 0, RouteNetlinkMessage::DelNeighbour(neighbour(link, ip)))
}

fn neighbour(link: u32, ip: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = family(ip);
    message.header.ifindex = link;
    let address = match ip {
        IpAddr::V4(ip) => NeighbourAddress::Inet(ip),
        IpAddr::V6(ip) => NeighbourAddress::Inet6(ip),
    };
    message.attributes.push(NeighbourAttribute::Destination(address));
    message
}

impl Netlink {
    /// The unicast routes of the main table, of both families, as `ip route` and `ip -6 route` show them. Routes over
    /// several next hops show the first only.
    pub fn routes(&mut self) -> Result<Vec<Route>, Error> {
        let mut message = RouteMessage::default();
        // One question for both families (`rtnl_dump_all`, net/core/rtnetlink.c): IPv4 comes first.
        message.header.address_family = AddressFamily::Unspec;
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        match self.route.dump(RouteNetlinkMessage::GetRoute(message)) {
            Ok(answers) => Ok(answers.into_iter().filter_map(Route::read).collect()),
            // A main table that never held a route does not exist yet.
            Err(failure) => match failure.of("route show table main") {
                error if error.is_missing() => Ok(Vec::new()),
                error => Err(error),
            },
        }
    }
}

/// How the host's own packets reach an address: `ip route get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// It is one of the host's own addresses.
    pub local: bool,
    /// The index of the link that packets leave by.
    pub link: Option<u32>,
}

impl Netlink {
    /// The way to `address`; `None` where there is none.
    pub fn way_to(&mut self, address: IpAddr) -> Result<Option<Way>, Error> {
        let mut message = RouteMessage::default();
        message.header.address_family = family(address);
        message.header.destination_prefix_length = if address.is_ipv4() { 32 } else { 128 };
        message.attributes.push(RouteAttribute::Destination(address.into()));
        let answer = self.route.get(RouteNetlinkMessage::GetRoute(message));
        let answer = match answer.map_err(|failure| failure.of(format!("route get {address}"))) {
            Ok(answer) => answer,
            // Of a network that cannot be reached, or is forbidden by a route.
            Err(error) if matches!(error.errno(), Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EACCES)) => {
                return Ok(None);
            }
            Err(error) if error.errno() == Some(Errno::EINVAL) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(RouteNetlinkMessage::NewRoute(found)) = answer else { return Ok(None) };
        let link = found.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Oif(link) => Some(*link),
            _ => None,
        });
        Ok(match found.header.kind {
            RouteType::Local => Some(Way { local: true, link }),
            RouteType::Unicast => Some(Way { local: false, link }),
            _ => None,
        })
    }
}

impl Route {
    fn read(message: RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewRoute(message) = message else { return None };
        if message.header.table != RouteHeader::RT_TABLE_MAIN || message.header.kind != RouteType::Unicast {
            return None;
        }
        let any: IpAddr = match message.header.address_family {
            AddressFamily::Inet => Ipv4Addr::UNSPECIFIED.into(),
            AddressFamily::Inet6 => Ipv6Addr::UNSPECIFIED.into(),
            _ => return None,
        };
        let mut route = Self {
            destination: IpNet::new(any, message.header.destination_prefix_length).ok()?,
            via: None,
            link: None,
            metric: None,
            source: None,
            protocol: message.header.protocol.into(),
            several_hops: false,
        };
        message.attributes.into_iter().for_each(|attribute| route.take(attribute));
        Some(route)
    }

    fn take(&mut self, attribute: RouteAttribute) {
        match attribute {
            RouteAttribute::Destination(address) => {
                let address = ip(&address).and_then(|ip| IpNet::new(ip, self.destination.prefix_len()).ok());
                self.destination = address.unwrap_or(self.destination);
            }
            RouteAttribute::Gateway(address) => self.via = ip(&address),
            RouteAttribute::Via(RouteVia::Inet6(address)) => self.via = Some(address.into()),
            RouteAttribute::Oif(link) => self.link = Some(link),
            RouteAttribute::Priority(metric) => self.metric = Some(metric),
            RouteAttribute::PrefSource(address) => self.source = ip(&address),
            RouteAttribute::MultiPath(hops) => {
                self.several_hops = hops.len() > 1;
                if let Some(hop) = hops.into_iter().next() {
                    self.link = Some(hop.interface_index);
                    hop.attributes.into_iter().for_each(|attribute| self.take(attribute));
                }
            }
            _ => {}
        }
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
