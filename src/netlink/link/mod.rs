//! Links: what `ip link` shows, and (in the files beside) what it changes.

mod answer;
mod change;
mod create;
mod delete;
mod setting;
mod statistics;
mod tunnel;

use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkExtentMask, LinkInfo, LinkMessage};

pub use change::{Change, add_altname, delete_altname, set};
pub use create::{Bridge, Veth, VethPeer, add_bridge, add_veth};
pub use delete::{delete, delete_group};
use nix::errno::Errno;
use nix::libc::{IFLA_ALT_IFNAME, IFLA_IFALIAS};
use nix::net::if_::if_nametoindex;
pub use setting::{BridgePortInfo, BridgeSetting, PortSetting};
pub use statistics::{Counted, LinkStatistics};
pub use tunnel::{NewDevice, Tunnel, TunnelKind, add_tunnel, add_vlan_device};

use super::error::Error;
use super::request::Netlink;

/// The longest name of a link, in bytes: `IFNAMSIZ` without the terminating zero (linux/if.h). Alternative names may have
/// up to 127 bytes (`ALTIFNAMSIZ`).
pub const NAME_MAX: usize = 15;

/// A hardware address of an Ethernet device.
pub type Mac = [u8; 6];

/// Which link: by index, which is exact, or by name or alternative name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Device {
    /// The interface index, at least 1.
    Index(u32),
    /// The name or an alternative name.
    Name(String),
}

impl From<u32> for Device {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for Device {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<&Link> for Device {
    fn from(link: &Link) -> Self {
        Self::Index(link.index)
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index(index) => write!(f, "if{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Device {
    /// A message about this device. The kernel finds alternative names by either attribute, but refuses an `IFLA_IFNAME`
    /// of more than 15 bytes (`rtnl_dev_get`, net/core/rtnetlink.c).
    fn message(&self) -> LinkMessage {
        let mut message = LinkMessage::default();
        match self {
            Self::Index(index) => message.header.index = *index,
            Self::Name(name) if name.len() <= NAME_MAX => message.attributes.push(LinkAttribute::IfName(name.clone())),
            Self::Name(name) => message.attributes.push(alternative_name(name)),
        }
        message
    }
}

/// `IFLA_ALT_IFNAME` outside of a list, which the packet crate has no name for.
fn alternative_name(name: &str) -> LinkAttribute {
    let mut value = name.as_bytes().to_vec();
    value.push(0);
    LinkAttribute::Other(DefaultNla::new(IFLA_ALT_IFNAME, value))
}

/// `IFLA_IFALIAS` without the terminating zero that the packet crate adds, and that the kernel counts.
fn alias(text: &str) -> LinkAttribute {
    LinkAttribute::Other(DefaultNla::new(IFLA_IFALIAS, text.as_bytes().to_vec()))
}

/// A link as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Link {
    /// The interface index in its namespace.
    pub index: u32,
    /// The name.
    pub name: String,
    /// The alternative names.
    pub altnames: Vec<String>,
    /// What made it: `veth`, `bridge`, `tun` …; `None` for physical devices and `lo`.
    pub kind: Option<String>,
    /// The hardware address, where it has one of six bytes.
    pub mac: Option<Mac>,
    /// The MTU in bytes.
    pub mtu: u32,
    /// The smallest MTU it takes.
    pub min_mtu: Option<u32>,
    /// The largest MTU it takes; `None` where the driver sets no limit.
    pub max_mtu: Option<u32>,
    /// Set up by the administrator (`IFF_UP`).
    pub up: bool,
    /// Answering to ARP (no `IFF_NOARP`).
    pub arp: bool,
    /// Able to pass packets (`IFF_RUNNING`).
    pub running: bool,
    /// The carrier (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// The operational state, RFC 2863.
    pub operstate: OperState,
    /// The index of the bridge, bond … that it is a port of.
    pub master: Option<u32>,
    /// The index of the other end (veth) or the device below (VLAN), in the namespace [`Link::peer_nsid`].
    pub peer: Option<u32>,
    /// The id, in this link's namespace, of the namespace that `peer` is in; `None`: in the same.
    pub peer_nsid: Option<i32>,
    /// `ip link … alias`, up to 255 bytes.
    pub alias: Option<String>,
    /// The device group, 0 unless set.
    pub group: u32,
    /// How many users asked for promiscuous mode.
    pub promiscuity: u32,
    /// The queueing discipline at its root: `noqueue`, `fq_codel`, `netem` …
    pub qdisc: Option<String>,
    /// The bus device below, such as `0000:00:03.0`: the mark of a physical device.
    pub parent_device: Option<String>,
    /// The settings of a bridge.
    pub bridge: Option<BridgeInfo>,
    /// The settings of a tunnel between two hosts.
    pub tunnel: Option<Tunnel>,
    /// The VLAN of a VLAN device; the device below is [`Link::peer`].
    pub vlan: Option<u16>,
    /// The settings of a port of a bridge.
    pub bridge_port: Option<BridgePortInfo>,
}

/// The operational state of a link, RFC 2863 section 3.1.14 (`IF_OPER_*`, linux/if.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OperState {
    /// The driver does not say, as for `lo`.
    #[default]
    Unknown,
    /// The hardware is missing.
    NotPresent,
    /// Down.
    Down,
    /// A device below is down, or the other end of a veth pair.
    LowerLayerDown,
    /// In a test mode.
    Testing,
    /// Waiting for an outside event, such as 802.1X.
    Dormant,
    /// Able to pass packets.
    Up,
}

/// The settings of a Linux bridge.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BridgeInfo {
    /// The spanning tree protocol runs, in the kernel or in user space.
    pub stp: bool,
    /// Frames are separated by VLAN.
    pub vlan_filtering: bool,
    /// The VLAN of untagged frames on new ports; 0: none. `None` where the kernel has no VLAN filtering.
    pub default_pvid: Option<u16>,
    /// How long a learned address lives, in hundredths of a second.
    pub ageing_time: u32,
    /// The address that frames for bridges themselves go to, 01:80:c2:00:00:00 unless set.
    pub group_address: Mac,
    /// The priority in the spanning tree.
    pub priority: u16,
    /// Times of the spanning tree, in hundredths of a second.
    pub hello_time: u32,
    /// See `hello_time`.
    pub max_age: u32,
    /// See `hello_time`.
    pub forward_delay: u32,
    /// Ports change their states just now: `ageing_time` is shorter meanwhile (`__br_set_topology_change`, net/bridge/br_stp.c).
    pub topology_change: bool,
    /// How many addresses are learned at most; 0: any number. `None` before Linux 6.7.
    pub max_learned: Option<u32>,
    /// Multicast goes where it was asked for.
    pub mcast_snooping: bool,
    /// Which of the reserved addresses 01:80:c2:00:00:00 to 0f pass.
    pub group_fwd_mask: u16,
    /// The tags that it looks at are those of IEEE 802.1ad.
    pub provider: bool,
    /// The root of the spanning tree: priority and address.
    pub root: Option<(u16, Mac)>,
    /// The number of the port that leads to the root; 0: it is the root.
    pub root_port: u16,
}

/// Whether the calling thread's namespace has a device of this name of 15 bytes at most. Unlike [`Netlink::link`] it does not wait for
/// whoever is changing devices: that may take the kernel a second (`SIOCGIFINDEX`, netdevice(7)).
pub fn is_there(name: &str) -> bool {
    // A failure other than ENODEV says nothing.
    if_nametoindex(name) != Err(Errno::ENODEV)
}

impl Netlink {
    /// The link with this index, name or alternative name.
    pub fn link(&mut self, device: impl Into<Device>) -> Result<Option<Link>, Error> {
        let device = device.into();
        let answer = self.route.get(RouteNetlinkMessage::GetLink(without_statistics(device.message())));
        match answer.map_err(|failure| failure.of(format!("link show {device}"))) {
            Ok(link) => Ok(link),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All links of the namespace, by index.
    pub fn links(&mut self) -> Result<Vec<Link>, Error> {
        self.dump_links(LinkMessage::default(), "link show")
    }

    /// The ports of the bridge (bond, VRF …) with this index, picked out by the kernel.
    pub fn ports(&mut self, master: u32) -> Result<Vec<Link>, Error> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::Controller(master));
        self.dump_links(message, &format!("link show master if{master}"))
    }

    /// All links of one kind, such as `bridge`, picked out by the kernel.
    pub fn links_of_kind(&mut self, kind: &str) -> Result<Vec<Link>, Error> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::from(kind))]));
        let mut links = self.dump_links(message, &format!("link show type {kind}"))?;
        // A kind that the kernel does not know, its module not being loaded, is no filter to it.
        links.retain(|link| link.kind.as_deref() == Some(kind));
        Ok(links)
    }

    fn dump_links(&mut self, filter: LinkMessage, words: &str) -> Result<Vec<Link>, Error> {
        let question = RouteNetlinkMessage::GetLink(without_statistics(filter));
        self.route.dump(question).map_err(|failure| failure.of(words))
    }
}

/// Two thirds of an answer would be counters.
fn without_statistics(mut message: LinkMessage) -> LinkMessage {
    message.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    message
}
