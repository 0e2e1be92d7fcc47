//! Reading links. Of the sixty-odd attributes that a link comes with, only those that we show are decoded: with thousands
//! of links that is most of the time, and what we do not look at cannot be malformed.

use netlink_packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NlaBuffer, NlasIterator, Parseable, parse_i32, parse_string,
    parse_u8, parse_u16, parse_u32,
};
use netlink_packet_route::link::{BridgeStpState, InfoBridge, LinkFlags, LinkHeader, VlanProtocol};
use nix::libc;

use super::{BridgeInfo, BridgePortInfo, Link, OperState, Tunnel, TunnelKind};

/// `struct ifinfomsg`, linux/rtnetlink.h.
pub(super) const HEADER_LEN: usize = 16;

type Attribute<'a> = NlaBuffer<&'a [u8]>;

impl NetlinkDeserializable for Link {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let header = LinkHeader::parse(payload)?;
        let mut link = Self {
            index: header.index,
            up: header.flags.contains(LinkFlags::Up),
            arp: !header.flags.contains(LinkFlags::Noarp),
            running: header.flags.contains(LinkFlags::Running),
            carrier: header.flags.contains(LinkFlags::LowerUp),
            ..Self::default()
        };
        for attribute in NlasIterator::new(&payload[HEADER_LEN..]) {
            link.take(&attribute?)?;
        }
        Ok(link)
    }
}

impl Link {
    fn take(&mut self, attribute: &Attribute) -> Result<(), DecodeError> {
        let value = attribute.value();
        match attribute.kind() {
            libc::IFLA_IFNAME => self.name = parse_string(value)?,
            libc::IFLA_PROP_LIST => self.altnames = altnames(value)?,
            libc::IFLA_ADDRESS => self.mac = value.try_into().ok(),
            libc::IFLA_MTU => self.mtu = parse_u32(value)?,
            libc::IFLA_MIN_MTU => self.min_mtu = Some(parse_u32(value)?),
            libc::IFLA_MAX_MTU => self.max_mtu = positive(value)?,
            libc::IFLA_OPERSTATE => self.operstate = OperState::from(parse_u8(value)?),
            libc::IFLA_MASTER => self.master = positive(value)?,
            libc::IFLA_LINK => self.peer = positive(value)?,
            libc::IFLA_LINK_NETNSID => self.peer_nsid = Some(parse_i32(value)?),
            libc::IFLA_IFALIAS => self.alias = Some(parse_string(value)?),
            libc::IFLA_GROUP => self.group = parse_u32(value)?,
            libc::IFLA_PROMISCUITY => self.promiscuity = parse_u32(value)?,
            libc::IFLA_QDISC => self.qdisc = Some(parse_string(value)?),
            libc::IFLA_PARENT_DEV_NAME => self.parent_device = Some(parse_string(value)?),
            libc::IFLA_LINKINFO => self.take_info(value)?,
            _ => {}
        }
        Ok(())
    }

    /// `IFLA_INFO_KIND` comes first, and says what `IFLA_INFO_DATA` holds (`rtnl_link_fill`, net/core/rtnetlink.c).
    fn take_info(&mut self, infos: &[u8]) -> Result<(), DecodeError> {
        let mut slave_of_bridge = false;
        for info in NlasIterator::new(infos) {
            let info = info?;
            match info.kind() {
                libc::IFLA_INFO_KIND => self.kind = Some(parse_string(info.value())?),
                libc::IFLA_INFO_DATA => self.take_data(info.value())?,
                libc::IFLA_INFO_SLAVE_KIND => slave_of_bridge = parse_string(info.value())? == "bridge",
                libc::IFLA_INFO_SLAVE_DATA if slave_of_bridge => {
                    self.bridge_port = Some(BridgePortInfo::read(info.value())?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Link {
    fn take_data(&mut self, data: &[u8]) -> Result<(), DecodeError> {
        /// linux/if_link.h.
        const IFLA_VLAN_ID: u16 = 1;
        match self.kind.as_deref() {
            Some("bridge") => self.bridge = Some(BridgeInfo::read(data)?),
            Some("vlan") => {
                for setting in NlasIterator::new(data) {
                    let setting = setting?;
                    if setting.kind() == IFLA_VLAN_ID {
                        self.vlan = Some(parse_u16(setting.value())?);
                    }
                }
            }
            Some(kind) => {
                if let Some(kind) = TunnelKind::of(kind) {
                    self.tunnel = Tunnel::read(kind, data)?;
                }
            }
            None => {}
        }
        Ok(())
    }
}

impl From<u8> for OperState {
    fn from(state: u8) -> Self {
        match state {
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            _ => Self::Unknown,
        }
    }
}

/// An index or a limit, where 0 says that there is none.
fn positive(value: &[u8]) -> Result<Option<u32>, DecodeError> {
    Ok(Some(parse_u32(value)?).filter(|number| *number > 0))
}

fn altnames(props: &[u8]) -> Result<Vec<String>, DecodeError> {
    let mut names = Vec::new();
    for prop in NlasIterator::new(props) {
        let prop = prop?;
        if prop.kind() == libc::IFLA_ALT_IFNAME {
            names.push(parse_string(prop.value())?);
        }
    }
    Ok(names)
}

impl BridgeInfo {
    fn read(settings: &[u8]) -> Result<Self, DecodeError> {
        let mut info = Self::default();
        for setting in NlasIterator::new(settings) {
            match InfoBridge::parse(&setting?)? {
                InfoBridge::StpState(state) => info.stp = state != BridgeStpState::Disabled,
                InfoBridge::VlanFiltering(on) => info.vlan_filtering = on,
                InfoBridge::VlanDefaultPvid(vlan) => info.default_pvid = Some(vlan),
                InfoBridge::AgeingTime(time) => info.ageing_time = time,
                InfoBridge::GroupAddr(address) => info.group_address = address,
                InfoBridge::Priority(priority) => info.priority = priority,
                InfoBridge::HelloTime(time) => info.hello_time = time,
                InfoBridge::MaxAge(time) => info.max_age = time,
                InfoBridge::ForwardDelay(time) => info.forward_delay = time,
                InfoBridge::TopologyChange(on) => info.topology_change = on != 0,
                InfoBridge::FdbMaxLearned(count) => info.max_learned = Some(count),
                InfoBridge::MulticastSnooping(on) => info.mcast_snooping = on,
                InfoBridge::GroupFwdMask(mask) => info.group_fwd_mask = mask,
                InfoBridge::VlanProtocol(protocol) => info.provider = protocol == VlanProtocol::Ieee8021Ad,
                InfoBridge::RootId(root) => info.root = Some((root.priority, root.address)),
                InfoBridge::RootPort(port) => info.root_port = port,
                _ => {}
            }
        }
        Ok(info)
    }
}
