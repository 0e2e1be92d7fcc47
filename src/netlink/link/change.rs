//! Changing links: `ip link set` and `ip link property`.

use std::os::fd::AsRawFd;

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage, Prop,
};

use super::setting::{BridgeSetting, PortSetting};
use super::{Device, Mac};
use crate::netlink::bridge::VLAN_FILTERING;
use crate::netlink::error::Error;
use crate::netlink::netns::NetnsFile;
use crate::netlink::request::{Netlink, Request};

/// Starts a change of one link: `link::set("eth0").up().mtu(1400).request()` is `ip link set eth0 up mtu 1400`, in one
/// message.
///
/// Of several settings in one change the kernel may have made some when it refuses another (`do_setlink`,
/// net/core/rtnetlink.c): where that matters, let each be a request.
pub fn set(device: impl Into<Device>) -> Change {
    let device = device.into();
    Change {
        words: format!("link set {device}"),
        message: device.message(),
        bridge: Vec::new(),
        port: Vec::new(),
        netns: None,
    }
}

/// A change of one link that is being put together; see [`set`].
#[derive(Debug)]
#[must_use = "a change is nothing until it is a request and sent"]
pub struct Change {
    words: String,
    message: LinkMessage,
    bridge: Vec<InfoBridge>,
    port: Vec<InfoBridgePort>,
    netns: Option<NetnsFile>,
}

impl Change {
    /// `ip link set DEV up`.
    pub fn up(mut self) -> Self {
        set_up(&mut self.message);
        self.say("up")
    }

    /// `ip link set DEV down`.
    pub fn down(mut self) -> Self {
        self.message.header.flags.remove(LinkFlags::Up);
        self.message.header.change_mask |= LinkFlags::Up;
        self.say("down")
    }

    /// `ip link set DEV arp on|off`.
    pub fn arp(mut self, on: bool) -> Self {
        set_arp(&mut self.message, on);
        self.say(if on { "arp on" } else { "arp off" })
    }

    /// `ip link set DEV name NAME`. The device must be given by index: in a message by name, the name says which device.
    pub fn name(self, name: &str) -> Self {
        self.with(&format!("name {name}"), LinkAttribute::IfName(name.to_owned()))
    }

    /// `ip link set DEV mtu MTU`, in bytes.
    pub fn mtu(self, mtu: u32) -> Self {
        self.with(&format!("mtu {mtu}"), LinkAttribute::Mtu(mtu))
    }

    /// `ip link set DEV address MAC`.
    pub fn mac(self, mac: Mac) -> Self {
        let words = mac.map(|byte| format!("{byte:02x}")).join(":");
        self.with(&format!("address {words}"), LinkAttribute::Address(mac.to_vec()))
    }

    /// `ip link set DEV master DEV`: makes it a port of the bridge with this index.
    pub fn master(self, index: u32) -> Self {
        self.with(&format!("master if{index}"), LinkAttribute::Controller(index))
    }

    /// `ip link set DEV nomaster`.
    pub fn nomaster(self) -> Self {
        self.with("nomaster", LinkAttribute::Controller(0))
    }

    /// `ip link set DEV alias TEXT`, up to 255 bytes; an empty text takes the alias away.
    pub fn alias(self, alias: &str) -> Self {
        self.with(&format!("alias '{alias}'"), super::alias(alias))
    }

    /// `ip link set DEV group GROUP`.
    pub fn group(self, group: u32) -> Self {
        self.with(&format!("group {group}"), LinkAttribute::Group(group))
    }

    /// `ip link set DEV netns NETNS`: moves it. It loses its addresses, its master and its being up.
    pub fn netns(mut self, netns: &NetnsFile) -> Self {
        self.netns = Some(netns.clone());
        self.with("netns", LinkAttribute::NetNsFd(netns.as_raw_fd()))
    }

    /// `ip link set DEV type bridge stp_state 0|1`.
    pub fn stp(self, on: bool) -> Self {
        self.of_bridge(&format!("stp_state {}", u8::from(on)), InfoBridge::StpState(super::create::stp_state(on)))
    }

    /// `ip link set DEV type bridge vlan_filtering 0|1`.
    pub fn vlan_filtering(self, on: bool) -> Self {
        self.of_bridge(&format!("vlan_filtering {}", u8::from(on)), InfoBridge::VlanFiltering(on))
    }

    /// `ip link set DEV type bridge SETTING`.
    pub fn bridge(self, setting: BridgeSetting) -> Self {
        let (words, info) = setting.info();
        self.of_bridge(&words, info)
    }

    /// `ip link set DEV type bridge_slave SETTING`, of a port of a bridge.
    pub fn bridge_port(mut self, setting: PortSetting) -> Self {
        let (words, info) = setting.info();
        self = if self.port.is_empty() { self.say("type bridge_slave") } else { self };
        self.port.push(info);
        self.say(&words)
    }

    /// The change as a request.
    pub fn request(mut self) -> Request {
        if !self.port.is_empty() {
            let data = LinkInfo::PortData(InfoPortData::BridgePort(self.port));
            self.message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::PortKind(InfoPortKind::Bridge), data]));
            return Request::new(self.words, 0, RouteNetlinkMessage::NewLink(self.message)).holding(self.netns);
        }
        if self.bridge.is_empty() {
            return Request::new(self.words, 0, RouteNetlinkMessage::SetLink(self.message)).holding(self.netns);
        }
        let filtering = self.bridge.iter().any(|setting| matches!(setting, InfoBridge::VlanFiltering(_)));
        let infos = vec![LinkInfo::Kind(InfoKind::Bridge), LinkInfo::Data(InfoData::Bridge(self.bridge))];
        self.message.attributes.push(LinkAttribute::LinkInfo(infos));
        // As `ip link set DEV type` does it: RTM_SETLINK ignores IFLA_LINKINFO, RTM_NEWLINK without NLM_F_CREATE does not.
        let message = RouteNetlinkMessage::NewLink(self.message);
        let request = Request::new(self.words, 0, message).holding(self.netns);
        if filtering { request.needing(VLAN_FILTERING) } else { request }
    }

    fn with(mut self, words: &str, attribute: LinkAttribute) -> Self {
        self.message.attributes.push(attribute);
        self.say(words)
    }

    fn of_bridge(mut self, words: &str, setting: InfoBridge) -> Self {
        self = if self.bridge.is_empty() { self.say("type bridge") } else { self };
        self.bridge.push(setting);
        self.say(words)
    }

    fn say(mut self, words: &str) -> Self {
        self.words.push(' ');
        self.words.push_str(words);
        self
    }
}

impl Netlink {
    /// Makes devices ports of bridges, each given by index, the device first: each is one, or is not for the reason given.
    pub fn enslave(&mut self, pairs: &[(u32, u32)]) -> Result<Vec<Result<(), Error>>, Error> {
        self.each(pairs.iter().map(|(device, master)| set(*device).master(*master).request()).collect())
    }

    /// Takes these devices off their bridges.
    pub fn release(&mut self, devices: &[u32]) -> Result<Vec<Result<(), Error>>, Error> {
        self.each(devices.iter().map(|device| set(*device).nomaster().request()).collect())
    }
}

/// `ip link property add dev DEV altname NAME`, up to 127 bytes. EEXIST where any link of the namespace has the name.
pub fn add_altname(device: impl Into<Device>, name: &str) -> Request {
    let device = device.into();
    let words = format!("link property add dev {device} altname {name}");
    let flags = NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND;
    Request::new(words, flags, RouteNetlinkMessage::NewLinkProp(with_altname(&device, name)))
}

/// `ip link property del dev DEV altname NAME`.
pub fn delete_altname(device: impl Into<Device>, name: &str) -> Request {
    let device = device.into();
    let words = format!("link property del dev {device} altname {name}");
    Request::new(words, 0, RouteNetlinkMessage::DelLinkProp(with_altname(&device, name)))
}

fn with_altname(device: &Device, name: &str) -> LinkMessage {
    let mut message = device.message();
    message.attributes.push(LinkAttribute::PropList(vec![Prop::AltIfName(name.to_owned())]));
    message
}

pub(super) fn set_up(message: &mut LinkMessage) {
    message.header.flags |= LinkFlags::Up;
    message.header.change_mask |= LinkFlags::Up;
}

pub(super) fn set_arp(message: &mut LinkMessage, on: bool) {
    message.header.flags.set(LinkFlags::Noarp, !on);
    message.header.change_mask |= LinkFlags::Noarp;
}
