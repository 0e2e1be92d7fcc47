//! Bonds: `ip link add type bond` (linux/if_link.h, linux/if_bonding.h; Documentation/networking/bonding.rst).

use netlink_packet_core::{DecodeError, NlasIterator, parse_u8};
use netlink_packet_route::link::{InfoData, InfoKind, LinkInfo};

use super::Mac;
use super::tunnel::{NewDevice, add, emitted, nla};
use crate::netlink::request::Request;

/// How frames are spread over the devices of a bond (`BOND_MODE_*`).
pub const ACTIVE_BACKUP: u8 = 1;
/// See [`ACTIVE_BACKUP`].
pub const BALANCE_XOR: u8 = 2;
/// See [`ACTIVE_BACKUP`]. The only mode in which the kernel speaks LACP.
pub const LACP: u8 = 4;
/// What chooses the device for a frame (`BOND_XMIT_POLICY_*`): addresses and ports.
pub const LAYER34: u8 = 1;
/// See [`LAYER34`]: the VLAN and the source address.
pub const VLAN_SRCMAC: u8 = 5;

/// How often the carrier of the devices is looked at, in milliseconds.
const MIIMON: u32 = 100;

/// `IFLA_BOND_*`.
const MODE: u16 = 1;
const IFLA_MIIMON: u16 = 3;
const XMIT_HASH_POLICY: u16 = 14;
const AD_LACP_RATE: u16 = 21;
const AD_INFO: u16 = 23;
const AD_LACP_ACTIVE: u16 = 29;
/// `IFLA_BOND_AD_INFO_PARTNER_MAC`.
const PARTNER_MAC: u16 = 5;

/// The settings of a bond.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bond {
    /// [`ACTIVE_BACKUP`], [`BALANCE_XOR`], [`LACP`] or another one.
    pub mode: u8,
    /// [`LAYER34`], [`VLAN_SRCMAC`] or another one.
    pub hash: u8,
    /// With LACP: the partner is to speak every second, not every 30.
    pub fast: bool,
    /// With LACP: to wait for the partner to begin.
    pub passive: bool,
    /// The partner in LACP, where one has answered. Only read.
    pub partner: Option<Mac>,
}

/// What a device of a bond has come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BondMember {
    /// It carries frames (`BOND_STATE_ACTIVE`).
    pub active: bool,
    /// Its link is up (`BOND_LINK_UP`).
    pub up: bool,
    /// With LACP: its state, as it tells the partner (IEEE 802.1AX clause 6.4.2.3).
    pub lacp_state: Option<u8>,
}

impl BondMember {
    /// With LACP: whether what it knows of the partner is what the partner has said, and not long ago (`LACP_STATE_DEFAULTED`,
    /// `LACP_STATE_EXPIRED`).
    pub fn has_partner(&self) -> bool {
        self.lacp_state.is_some_and(|state| state & (0x40 | 0x80) == 0)
    }

    pub(super) fn read(data: &[u8]) -> Result<BondMember, DecodeError> {
        let mut member = BondMember::default();
        for setting in NlasIterator::new(data) {
            let setting = setting?;
            match setting.kind() {
                1 => member.active = parse_u8(setting.value())? == 0,
                2 => member.up = parse_u8(setting.value())? == 0,
                7 => member.lacp_state = Some(parse_u8(setting.value())?),
                _ => {}
            }
        }
        Ok(member)
    }
}

impl Bond {
    pub(super) fn read(data: &[u8]) -> Result<Bond, DecodeError> {
        let mut bond = Bond::default();
        for setting in NlasIterator::new(data) {
            let setting = setting?;
            let value = setting.value();
            match setting.kind() {
                MODE => bond.mode = parse_u8(value)?,
                XMIT_HASH_POLICY => bond.hash = parse_u8(value)?,
                AD_LACP_RATE => bond.fast = parse_u8(value)? == 1,
                AD_LACP_ACTIVE => bond.passive = parse_u8(value)? == 0,
                AD_INFO => bond.partner = partner(value)?,
                _ => {}
            }
        }
        Ok(bond)
    }
}

/// All zeros where none has answered.
fn partner(info: &[u8]) -> Result<Option<Mac>, DecodeError> {
    for setting in NlasIterator::new(info) {
        let setting = setting?;
        if setting.kind() == PARTNER_MAC {
            return Ok(setting.value().try_into().ok().filter(|mac| *mac != [0; 6]));
        }
    }
    Ok(None)
}

/// `ip link add NAME up type bond …`, without devices yet. Those are given by [`super::Change::master`], and have to be down
/// (`bond_enslave`, drivers/net/bonding/bond_main.c).
pub fn add_bond(device: NewDevice, bond: &Bond) -> Request {
    let mut settings = vec![nla(MODE, &[bond.mode]), nla(IFLA_MIIMON, &MIIMON.to_ne_bytes())];
    if bond.mode != ACTIVE_BACKUP {
        settings.push(nla(XMIT_HASH_POLICY, &[bond.hash]));
    }
    if bond.mode == LACP {
        settings.push(nla(AD_LACP_RATE, &[u8::from(bond.fast)]));
        // Before Linux 5.15 there is no such setting, and it always begins.
        settings.extend(bond.passive.then(|| nla(AD_LACP_ACTIVE, &[0])));
    }
    let data = LinkInfo::Data(InfoData::Other(emitted(&settings)));
    add(device, "bond", LinkInfo::Kind(InfoKind::Other("bond".to_owned())), data, None)
        .needing("bonds (module bonding)")
}
