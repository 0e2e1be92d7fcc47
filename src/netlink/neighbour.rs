//! Neighbours: `ip neighbour`.

use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};

use super::error::Error;
use super::link::Mac;
use super::request::Netlink;

/// An entry of the neighbour tables (ARP, RFC 826; Neighbour Discovery, RFC 4861).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The neighbour's address.
    pub address: IpAddr,
    /// The index of the link that it is on.
    pub link: u32,
    /// Its hardware address, where it is known and has six bytes.
    pub mac: Option<Mac>,
    /// What is known of its reachability (`NUD_*`, linux/neighbour.h).
    pub state: NeighbourState,
    /// It is a router (`NTF_ROUTER`).
    pub router: bool,
}

impl Netlink {
    /// What `ip neighbour` shows: without those that need no resolution (`NUD_NOARP`: multicast, loopback).
    pub fn neighbours(&mut self) -> Result<Vec<Neighbour>, Error> {
        let answers = self.route.dump(RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()));
        let answers = answers.map_err(|failure| failure.of("neighbour show"))?;
        Ok(answers.into_iter().filter_map(Neighbour::read).collect())
    }
}

impl Neighbour {
    fn read(message: RouteNetlinkMessage) -> Option<Neighbour> {
        let RouteNetlinkMessage::NewNeighbour(message) = message else { return None };
        let (mut address, mut mac) = (None, None);
        for attribute in message.attributes {
            match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) => address = Some(ip.into()),
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) => address = Some(ip.into()),
                NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.try_into().ok(),
                _ => {}
            }
        }
        let (link, state) = (message.header.ifindex, message.header.state);
        let router = message.header.flags.contains(NeighbourFlags::Router);
        let shown = state != NeighbourState::Noarp;
        address.filter(|_| shown).map(|address| Neighbour { address, link, mac, state, router })
    }
}
