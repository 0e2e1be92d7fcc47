//! Neighbours: `ip neighbour`.

use std::net::IpAddr;

use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::error::Error;
use super::link::Mac;
use super::request::{Netlink, Request};
use super::socket::Socket;

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
        let mut neighbours = list(&mut self.route)?;
        neighbours.retain(|neighbour| neighbour.state != NeighbourState::Noarp);
        Ok(neighbours)
    }
}

/// The neighbour tables of one namespace, over one connection of their own.
#[derive(Debug)]
pub struct NeighbourTables(Netlink);

impl NeighbourTables {
    /// Those of the calling thread's network namespace.
    pub fn of_this_thread() -> Result<NeighbourTables, Error> {
        Netlink::of_this_thread().map(NeighbourTables)
    }

    /// What `ip neighbour show nud all` shows.
    pub fn list(&mut self) -> Result<Vec<Neighbour>, Error> {
        list(&mut self.0.route)
    }

    /// Deletes these entries, as far as they are there.
    pub fn delete(&mut self, neighbours: &[Neighbour]) -> Result<(), Error> {
        let deletion = |neighbour: &Neighbour| {
            let words = format!("neighbour delete {}", neighbour.address);
            Request::new(words, 0, RouteNetlinkMessage::DelNeighbour(neighbour.write()))
        };
        let results = self.0.each(neighbours.iter().map(deletion).collect())?;
        let missing = |result: &Result<(), Error>| result.as_ref().is_err_and(Error::is_missing);
        results.into_iter().filter(|result| !missing(result)).collect()
    }
}

fn list(socket: &mut Socket) -> Result<Vec<Neighbour>, Error> {
    let answers = socket.dump(RouteNetlinkMessage::GetNeighbour(NeighbourMessage::default()));
    let answers = answers.map_err(|failure| failure.of("neighbour show"))?;
    Ok(answers.into_iter().filter_map(Neighbour::read).collect())
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
        address.map(|address| Neighbour { address, link, mac, state, router })
    }

    /// What names the entry.
    fn write(&self) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header.ifindex = self.link;
        let destination = match self.address {
            IpAddr::V4(ip) => {
                message.header.family = AddressFamily::Inet;
                NeighbourAddress::Inet(ip)
            }
            IpAddr::V6(ip) => {
                message.header.family = AddressFamily::Inet6;
                NeighbourAddress::Inet6(ip)
            }
        };
        message.attributes.push(NeighbourAttribute::Destination(destination));
        message
    }
}
