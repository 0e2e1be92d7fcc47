//! Namespace ids: how one namespace numbers another (ip-netns(8), `ip netns list-id`).
//!
//! The other end of a veth pair is told as an index and such a number ([`Link::peer_nsid`](super::Link::peer_nsid)), so
//! that asking for the number of one namespace tells which links lead there, without a look into any other.

use std::os::fd::AsRawFd;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};

use super::error::Error;
use super::netns::NetnsFile;
use super::request::{Netlink, Request};

/// The kernel's word for "no number yet" and "any free number" (`NETNSA_NSID_NOT_ASSIGNED`, linux/net_namespace.h).
const NOT_ASSIGNED: i32 = -1;

/// `ip netns set NAME auto`: gives `netns` a number. The kernel does so itself when it shows a link that leads there.
/// EEXIST where it has one.
pub fn assign(netns: &NetnsFile) -> Request {
    let mut message = question(netns);
    message.attributes.push(NsidAttribute::Id(NOT_ASSIGNED));
    Request::new("netns set auto", 0, RouteNetlinkMessage::NewNsId(message)).holding(Some(netns.clone()))
}

fn question(netns: &NetnsFile) -> NsidMessage {
    let mut message = NsidMessage::default();
    message.attributes.push(NsidAttribute::Fd(netns.as_raw_fd() as u32));
    message
}

/// A number of another namespace's, and what we call the namespace that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
    /// The number there.
    pub there: i32,
    /// The number here; `None` where it has none, or is this very namespace.
    pub here: Option<i32>,
}

impl Netlink {
    /// All numbers that the namespace with number `target` has given. Kernels before 5.0 do not tell.
    pub fn numbers_of(&mut self, target: i32) -> Result<Vec<Number>, Error> {
        let mut message = NsidMessage::default();
        message.attributes.push(NsidAttribute::TargetNsid(target));
        let answers = self.route.dump(RouteNetlinkMessage::GetNsId(message));
        let answers: Vec<RouteNetlinkMessage> = answers.map_err(|failure| failure.of("netns list-id target-nsid"))?;
        let numbers = answers.into_iter().filter_map(|answer| {
            let RouteNetlinkMessage::NewNsId(message) = answer else { return None };
            let here = message.attributes.iter().find_map(|attribute| match attribute {
                NsidAttribute::CurrentNsid(id) if *id != NOT_ASSIGNED => Some(*id),
                _ => None,
            });
            Some(Number { there: message.attributes.iter().find_map(number)?, here })
        });
        Ok(numbers.collect())
    }

    /// The number of `netns` in the namespace that has number `target` here. Kernels before 5.0 do not tell.
    pub fn nsid_in(&mut self, target: i32, netns: &NetnsFile) -> Result<Option<i32>, Error> {
        let mut message = question(netns);
        message.attributes.push(NsidAttribute::TargetNsid(target));
        let answer = self.route.get(RouteNetlinkMessage::GetNsId(message));
        match answer.map_err(|failure| failure.of("netns list-id target-nsid"))? {
            Some(RouteNetlinkMessage::NewNsId(message)) => Ok(message.attributes.iter().find_map(number)),
            _ => Ok(None),
        }
    }

    /// The number of `netns` in this connection's namespace; `None`: it has none, so no link shown so far leads there.
    pub fn nsid(&mut self, netns: &NetnsFile) -> Result<Option<i32>, Error> {
        let answer = self.route.get(RouteNetlinkMessage::GetNsId(question(netns)));
        match answer.map_err(|failure| failure.of("netns list-id"))? {
            Some(RouteNetlinkMessage::NewNsId(message)) => Ok(message.attributes.iter().find_map(number)),
            _ => Ok(None),
        }
    }
}

fn number(attribute: &NsidAttribute) -> Option<i32> {
    match attribute {
        NsidAttribute::Id(id) if *id != NOT_ASSIGNED => Some(*id),
        _ => None,
    }
}
