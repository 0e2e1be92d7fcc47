//! Making links: `ip link add`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    BridgeStpState, InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage,
};

use super::Mac;
use super::change::{delete_group_message, set_up};
use crate::netlink::netns::NetnsFile;
use crate::netlink::request::Request;

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
    /// The mark: the link never exists without it, also after a `kill -9`.
    pub alias: Option<String>,
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
    let Veth { name, mac, mtu, master, up, alias, peer } = veth;
    let words = format!("link add {name} type veth peer name {}", peer.name);
    let mut message = new_link(name, mac, mtu);
    if up {
        set_up(&mut message);
    }
    message.attributes.extend(master.map(LinkAttribute::Controller));
    let mut other = new_link(peer.name, peer.mac, peer.mtu);
    other.attributes.extend(peer.netns.as_ref().map(|netns| LinkAttribute::NetNsFd(netns.as_raw_fd())));
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(other))),
    ]));
    create(words, message, alias).holding(peer.netns)
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
}

/// `ip link add NAME type bridge …`.
pub fn add_bridge(bridge: Bridge) -> Request {
    let words = format!("link add {} type bridge", bridge.name);
    let mut message = new_link(bridge.name, bridge.mac, bridge.mtu);
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
    create(words, message, bridge.alias)
}

pub(super) fn stp_state(on: bool) -> BridgeStpState {
    if on { BridgeStpState::KernelStp } else { BridgeStpState::Disabled }
}

fn new_link(name: String, mac: Option<Mac>, mtu: Option<u32>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes.push(LinkAttribute::IfName(name));
    message.attributes.extend(mac.map(|mac| LinkAttribute::Address(mac.to_vec())));
    message.attributes.extend(mtu.map(LinkAttribute::Mtu));
    message
}

/// The kernel ignores `IFLA_IFALIAS` when it makes a link, but not `IFLA_GROUP` (`rtnl_create_link`, net/core/rtnetlink.c).
/// So the link is born into a group of its own, and a second message in the same datagram gives all links of that group
/// the alias. Naming the link in it instead would mark somebody else's, were the name taken and the first message refused.
fn create(words: String, mut message: LinkMessage, alias: Option<String>) -> Request {
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let Some(alias) = alias else {
        return Request::new(words, flags, RouteNetlinkMessage::NewLink(message));
    };
    let group = group_of_its_own();
    message.attributes.push(LinkAttribute::Group(group));
    let mut mark = LinkMessage::default();
    mark.attributes = vec![LinkAttribute::Group(group), LinkAttribute::IfAlias(alias)];
    Request::new(words, flags, RouteNetlinkMessage::NewLink(message))
        .followed_by(RouteNetlinkMessage::NewLink(mark), delete_group_message(group))
}

/// A number that nobody else uses: random, and above those that people choose.
fn group_of_its_own() -> u32 {
    RandomState::new().build_hasher().finish() as u32 | 0x8000_0000
}
