//! Settings of bridges and their ports: `ip link set DEV type bridge …`, `bridge link set` (ip-link(8), bridge(8)).

use netlink_packet_core::DecodeError;
use netlink_packet_core::{NlaBuffer, NlasIterator, parse_u8, parse_u16, parse_u32};
use netlink_packet_route::link::{InfoBridge, InfoBridgePort, VlanProtocol};

/// A setting of a bridge. Times are in hundredths of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BridgeSetting {
    /// `priority`, IEEE 802.1D.
    Priority(u16),
    /// `hello_time`.
    HelloTime(u32),
    /// `max_age`.
    MaxAge(u32),
    /// `forward_delay`.
    ForwardDelay(u32),
    /// `ageing_time`.
    AgeingTime(u32),
    /// `fdb_max_learned`, since Linux 6.7; older ones pass over it. 0: any number.
    MaxLearned(u32),
    /// `mcast_snooping`.
    McastSnooping(bool),
    /// `group_fwd_mask`: which of 01:80:c2:00:00:00 to 0f pass.
    GroupFwdMask(u16),
    /// `vlan_protocol`: 802.1ad, or 802.1Q.
    Provider(bool),
}

/// A setting of a port of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortSetting {
    /// `isolated`.
    Isolated(bool),
    /// `cost`, 1 to 65535.
    Cost(u32),
    /// `priority`, 0 to 63.
    Priority(u16),
}

impl BridgeSetting {
    pub(super) fn info(self) -> (String, InfoBridge) {
        match self {
            Self::Priority(priority) => (format!("priority {priority}"), InfoBridge::Priority(priority)),
            Self::HelloTime(time) => (format!("hello_time {time}"), InfoBridge::HelloTime(time)),
            Self::MaxAge(time) => (format!("max_age {time}"), InfoBridge::MaxAge(time)),
            Self::ForwardDelay(time) => (format!("forward_delay {time}"), InfoBridge::ForwardDelay(time)),
            Self::AgeingTime(time) => (format!("ageing_time {time}"), InfoBridge::AgeingTime(time)),
            Self::MaxLearned(count) => (format!("fdb_max_learned {count}"), InfoBridge::FdbMaxLearned(count)),
            Self::McastSnooping(on) => (format!("mcast_snooping {}", u8::from(on)), InfoBridge::MulticastSnooping(on)),
            Self::GroupFwdMask(mask) => (format!("group_fwd_mask {mask:#x}"), InfoBridge::GroupFwdMask(mask)),
            Self::Provider(true) => {
                ("vlan_protocol 802.1ad".to_owned(), InfoBridge::VlanProtocol(VlanProtocol::Ieee8021Ad))
            }
            Self::Provider(false) => {
                ("vlan_protocol 802.1Q".to_owned(), InfoBridge::VlanProtocol(VlanProtocol::Ieee8021Q))
            }
        }
    }
}

impl PortSetting {
    pub(super) fn info(self) -> (String, InfoBridgePort) {
        match self {
            Self::Isolated(on) => (format!("isolated {}", u8::from(on)), InfoBridgePort::Isolated(on)),
            Self::Cost(cost) => (format!("cost {cost}"), InfoBridgePort::Cost(cost)),
            Self::Priority(priority) => (format!("priority {priority}"), InfoBridgePort::Priority(priority)),
        }
    }
}

/// What is known of a port of a bridge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BridgePortInfo {
    /// Isolated ports do not reach each other.
    pub isolated: bool,
    /// What the way through it costs the spanning tree.
    pub cost: u32,
    /// Its priority in the spanning tree.
    pub priority: u16,
    /// `BR_STATE_*`, linux/if_bridge.h: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking.
    pub state: u8,
}

impl BridgePortInfo {
    /// Of `IFLA_INFO_SLAVE_DATA`. By number, since there are many and most are not looked at.
    pub(super) fn read(settings: &[u8]) -> Result<Self, DecodeError> {
        const IFLA_BRPORT_STATE: u16 = 1;
        const IFLA_BRPORT_PRIORITY: u16 = 2;
        const IFLA_BRPORT_COST: u16 = 3;
        const IFLA_BRPORT_ISOLATED: u16 = 33;
        let mut info = Self::default();
        for setting in NlasIterator::new(settings) {
            let setting: NlaBuffer<&[u8]> = setting?;
            match setting.kind() {
                IFLA_BRPORT_STATE => info.state = parse_u8(setting.value())?,
                IFLA_BRPORT_PRIORITY => info.priority = parse_u16(setting.value())?,
                IFLA_BRPORT_COST => info.cost = parse_u32(setting.value())?,
                IFLA_BRPORT_ISOLATED => info.isolated = parse_u8(setting.value())? != 0,
                _ => {}
            }
        }
        Ok(info)
    }
}
