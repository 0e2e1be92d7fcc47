//! Making links: `ip link add`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};

use super::change::{set_arp, set_up};
use super::delete::delete_group_message;
use super::{Mac, set};
use crate::netlink::bridge::VLAN_FILTERING;
use crate::netlink::error::Error;
use crate::netlink::netns::NetnsFile;
use crate::netlink::request::{AT_ONCE, Datagram, Netlink, Request};

/// A veth pair to be made: this end in the namespace of the connection that it is sent on.
#[derive(Debug, Clone, Default)]
pub struct Veth {
    /// The name, up to [`super::NAME_MAX`] bytes.
    pub name: String,
    /// The hardware address; `None`: the kernel picks one at random.
    pub mac: Option<Mac>,
    /// The MTU in bytes; `None`: 1500.
    pub mtu: Option<u32>,
    /// The index of the bridge that it becomes a port of.
    pub master: Option<u32>,
    /// Whether it is set up at once.
    pub up: bool,
    /// Whether it does without ARP.
    pub noarp: bool,
    /// The mark: the link never exists without it, also after a `kill -9`.
    pub alias: Option<String>,
    /// The device group; 0 is the default one. Links of one group can be deleted in one go: [`super::delete_group`].
    pub group: u32,
    /// The other end.
    pub peer: VethPeer,
}

/// The other end of a veth pair. It cannot be set up in the same message (ENOTCONN, `veth_open`): do so inside.
#[derive(Debug, Clone, Default)]
pub struct VethPeer {
    /// The name, up to [`super::NAME_MAX`] bytes.
    pub name: String,
    /// The namespace that it is made in; `None`: the same.
    pub netns: Option<NetnsFile>,
    /// The hardware address; `None`: the kernel picks one at random.
    pub mac: Option<Mac>,
    /// The MTU in bytes; `None`: 1500.
    pub mtu: Option<u32>,
}

/// `ip link add NAME type veth peer name NAME netns NETNS …`: both ends appear where they belong, at once.
pub fn add_veth(veth: Veth) -> Request {
    let Veth { name, mac, mtu, master, up, noarp, alias, group, peer } = veth;
    let words = format!("link add {name} type veth peer name {}", peer.name);
    let mut message = new_link(&name, mac, mtu);
    if up {
        set_up(&mut message);
    }
    if noarp {
        set_arp(&mut message, false);
    }
    message.attributes.extend(master.map(LinkAttribute::Controller));
    let mut other = new_link(&peer.name, peer.mac, peer.mtu);
    other.attributes.extend(peer.netns.as_ref().map(|netns| LinkAttribute::NetNsFd(netns.as_raw_fd())));
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(other))),
    ]));
    create(words, message, &name, alias, group).holding(peer.netns)
}

impl Netlink {
    /// Makes veth pairs, which all bear the same mark and come into the same group. Each is made as by [`add_veth`], or not for the
    /// reason given, without any being left unmarked; nothing is made where this fails.
    ///
    /// All of them are born into one group and marked by one message, so that the kernel looks for its members once. They are
    /// born down: each change of alias or group of a device that is up makes the kernel walk over all IPv6 routes of the
    /// namespace (`netdev_state_change`, `rt6_sync_down_dev`), of which each device brings some.
    pub fn add_veths(&mut self, veths: Vec<Veth>) -> Result<Vec<Result<(), Error>>, Error> {
        let (Some(alias), group) =
            (veths.first().and_then(|veth| veth.alias.clone()), veths.first().map_or(0, |v| v.group))
        else {
            return Ok(veths.into_iter().map(|veth| self.request(add_veth(veth))).collect());
        };
        let birth = group_of_its_own();
        let names: Vec<(String, bool)> = veths.iter().map(|veth| (veth.name.clone(), veth.up)).collect();
        let births = veths.into_iter().map(|veth| add_veth(Veth { alias: None, group: birth, up: false, ..veth }));
        let regroup = |name: &str| {
            let mut message = LinkMessage::default();
            message.attributes = vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::Group(group)];
            Request::new(format!("link set {name} group {group}"), 0, RouteNetlinkMessage::SetLink(message))
        };
        let made = self.bear(births.collect(), birth, &alias).and_then(|mut made| {
            let born: Vec<usize> = (0..names.len()).filter(|number| made[*number].is_ok()).collect();
            let up: Vec<usize> = born.iter().copied().filter(|number| names[*number].1).collect();
            let regroup = born.iter().map(|number| regroup(&names[*number].0));
            let set_up = up.iter().map(|number| set(names[*number].0.as_str()).up().request());
            let results = self.each(regroup.chain(set_up).collect())?;
            for (number, result) in born.iter().copied().chain(up).zip(results) {
                made[number] = std::mem::replace(&mut made[number], Ok(())).and(result);
            }
            for number in born.into_iter().filter(|number| made[*number].is_err()).collect::<Vec<_>>() {
                // Half made is not made.
                let _ = self.request(super::delete(names[number].0.as_str()));
            }
            Ok(made)
        });
        if made.is_err() {
            // What is still in the group of its birth is half made. Fails where there is none.
            let _ = self.route.change(vec![(0, delete_group_message(birth))]);
        }
        made
    }

    /// Makes links that are born into the group `birth`, and marks those of one datagram by its last message.
    fn bear(&mut self, mut births: Vec<Request>, birth: u32, alias: &str) -> Result<Vec<Result<(), Error>>, Error> {
        let mut made = Vec::with_capacity(births.len());
        while !births.is_empty() {
            let rest = births.split_off(births.len().min(AT_ONCE - 1));
            let mut requests = std::mem::replace(&mut births, rest);
            requests.push(Request::new("link set group alias", 0, mark(birth, alias)));
            let mut results = self.each(requests)?;
            let marked = results.pop().unwrap_or(Ok(()));
            if results.iter().any(Result::is_ok) {
                marked?;
            }
            made.append(&mut results);
        }
        Ok(made)
    }
}

/// Gives all links of the group `birth` the alias.
fn mark(birth: u32, alias: &str) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::Group(birth), super::alias(alias)];
    RouteNetlinkMessage::NewLink(message)
}

/// A Linux bridge to be made.
#[derive(Debug, Clone, Default)]
pub struct Bridge {
    /// The name, up to [`super::NAME_MAX`] bytes.
    pub name: String,
    /// The hardware address; `None`: the lowest of its ports', which changes as they come and go.
    pub mac: Option<Mac>,
    /// The MTU in bytes; `None`: 1500, and following the smallest port's.
    pub mtu: Option<u32>,
    /// Whether the spanning tree protocol runs.
    pub stp: bool,
    /// Whether frames are separated by VLAN.
    pub vlan_filtering: bool,
    /// Whether it is set up at once.
    pub up: bool,
    /// The mark: the link never exists without it, also after a `kill -9`.
    pub alias: Option<String>,
    /// The device group; 0 is the default one. Links of one group can be deleted in one go: [`super::delete_group`].
    pub group: u32,
}

/// `ip link add NAME type bridge …`.
pub fn add_bridge(bridge: Bridge) -> Request {
    let words = format!("link add {} type bridge", bridge.name);
    let mut message = new_link(&bridge.name, bridge.mac, bridge.mtu);
    if bridge.up {
        set_up(&mut message);
    }
    let mut settings = vec![InfoBridge::StpState(stp_state(bridge.stp))];
    if bridge.vlan_filtering {
        // Kernels without VLAN filtering refuse the attribute whatever its value.
        settings.push(InfoBridge::VlanFiltering(true));
    }
    let infos = vec![LinkInfo::Kind(InfoKind::Bridge), LinkInfo::Data(InfoData::Bridge(settings))];
    message.attributes.push(LinkAttribute::LinkInfo(infos));
    let request = create(words, message, &bridge.name, bridge.alias, bridge.group);
    if bridge.vlan_filtering { request.needing(VLAN_FILTERING) } else { request }
}

pub(super) fn stp_state(on: bool) -> BridgeStpState {
    if on { BridgeStpState::KernelStp } else { BridgeStpState::Disabled }
}

pub(super) fn new_link(name: &str, mac: Option<Mac>, mtu: Option<u32>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name.to_owned()));
    message.attributes.extend(mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
    message.attributes.extend(mtu.map(LinkAttribute::Mtu));
    message
}

/// A link to be made and marked.
///
/// The kernel ignores `IFLA_IFALIAS` when it makes a link, but not `IFLA_GROUP` (`rtnl_create_link`, net/core/rtnetlink.c).
/// So the link is born into a group of its own, and a second message in the same datagram gives all links of that group
/// the alias. Naming the link in that message instead would mark somebody else's, were the name taken and the first
/// message refused. At last the link goes to the group where it belongs. The kernel looks for the members of a group among
/// all links, at some 45 ns each: 0.2 ms where there are 4,000.
pub(super) fn create(
    words: String,
    mut message: LinkMessage,
    name: &str,
    alias: Option<String>,
    group: u32,
) -> Request {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let Some(alias) = alias else {
        message.attributes.push(LinkAttribute::Group(group));
        return Request::new(words, flags, RouteNetlinkMessage::NewLink(message));
    };
    let birth = group_of_its_own();
    message.attributes.push(LinkAttribute::Group(birth));
    let mut regroup = LinkMessage::default();
    regroup.attributes = vec![LinkAttribute::IfName(name.to_owned()), LinkAttribute::Group(group)];
    let made_and_marked = vec![(flags, RouteNetlinkMessage::NewLink(message)), (0, mark(birth, &alias))];
    let regrouped = vec![(0, RouteNetlinkMessage::SetLink(regroup))];
    let datagrams = vec![Datagram::Route(made_and_marked), Datagram::Route(regrouped)];
    Request::of(words, datagrams).or_else(delete_group_message(birth))
}

/// A number that nobody else uses: random, and above those that people choose.
pub(super) fn group_of_its_own() -> u32 {
    RandomState::new().build_hasher().finish() as u32 | 0x8000_0000
}
