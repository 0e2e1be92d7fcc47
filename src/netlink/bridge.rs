//! VLANs of the Linux bridge: `bridge vlan`. (Bridges themselves are links, and so are their ports: [`super::link`].)

use netlink_packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable, NlaBuffer, NlasIterator, parse_u16,
    parse_u32,
};
use netlink_packet_route::link::{
    AfSpecBridge, BridgeFlag, BridgeVlanInfo, BridgeVlanInfoFlags, LinkAttribute, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::error::Error;
use super::request::{Netlink, Request};

/// What a kernel built without `CONFIG_BRIDGE_VLAN_FILTERING` lacks; it answers EOPNOTSUPP.
pub(super) const VLAN_FILTERING: &str = "VLAN filtering of bridges";

/// VLANs from `first` to `last` (1 to 4094) that a port, or the bridge's own device, is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vlan {
    /// The first VLAN of the range.
    pub first: u16,
    /// The last VLAN of the range; the first, where it is a single one.
    pub last: u16,
    /// Untagged frames that come in belong to it. Only a single VLAN can be it, and it takes the place of the one before.
    pub pvid: bool,
    /// Its frames go out without a tag.
    pub untagged: bool,
}

impl Vlan {
    /// A tagged VLAN.
    pub fn tagged(vlan: u16) -> Self {
        Self { first: vlan, last: vlan, pvid: false, untagged: false }
    }

    /// The VLAN of an access port: `pvid untagged`.
    pub fn access(vlan: u16) -> Self {
        Self { pvid: true, untagged: true, ..Self::tagged(vlan) }
    }
}

/// Where VLANs are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// A port of a bridge, by its index.
    Port(u32),
    /// The bridge's own device, by its index: what the host itself takes part in (`bridge vlan … self`).
    Bridge(u32),
}

/// `bridge vlan add dev PORT vid FIRST[-LAST] [pvid] [untagged]`. What the port is in already is changed.
pub fn add_vlan(member: Member, vlan: Vlan) -> Request {
    let mut words = words("add", member, vlan);
    words.push_str(if vlan.pvid { " pvid" } else { "" });
    words.push_str(if vlan.untagged { " untagged" } else { "" });
    Request::new(words, 0, RouteNetlinkMessage::SetLink(message(member, vlan))).needing(VLAN_FILTERING)
}

/// `bridge vlan del dev PORT vid FIRST[-LAST]`. The kernel says nothing where the port is in none of them.
pub fn delete_vlan(member: Member, vlan: Vlan) -> Request {
    let message = message(member, Vlan { pvid: false, untagged: false, ..vlan });
    Request::new(words("del", member, vlan), 0, RouteNetlinkMessage::DelLink(message)).needing(VLAN_FILTERING)
}

fn words(verb: &str, member: Member, vlan: Vlan) -> String {
    let (index, of_itself) = match member {
        Member::Port(index) => (index, ""),
        Member::Bridge(index) => (index, " self"),
    };
    match vlan.first == vlan.last {
        true => format!("bridge vlan {verb} dev if{index} vid {}{of_itself}", vlan.first),
        false => format!("bridge vlan {verb} dev if{index} vid {}-{}{of_itself}", vlan.first, vlan.last),
    }
}

/// `RTM_SETLINK` or `RTM_DELLINK` of family `AF_BRIDGE`, with the VLANs in `IFLA_AF_SPEC` (linux/if_bridge.h).
fn message(member: Member, vlan: Vlan) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.interface_family = AddressFamily::Bridge;
    let mut spec = Vec::new();
    match member {
        Member::Port(index) => message.header.index = index,
        Member::Bridge(index) => {
            message.header.index = index;
            spec.push(AfSpecBridge::Flags(BridgeFlag::LowerDev));
        }
    }
    let mut flags = BridgeVlanInfoFlags::empty();
    flags.set(BridgeVlanInfoFlags::Pvid, vlan.pvid);
    flags.set(BridgeVlanInfoFlags::Untagged, vlan.untagged);
    spec.extend(range(vlan, flags));
    message.attributes.push(LinkAttribute::AfSpecBridge(spec));
    message
}

/// A single VLAN, or the two ends of a range.
fn range(vlan: Vlan, flags: BridgeVlanInfoFlags) -> Vec<AfSpecBridge> {
    let info = |vid, more| AfSpecBridge::VlanInfo(BridgeVlanInfo { flags: flags | more, vid });
    match vlan.first == vlan.last {
        true => vec![info(vlan.first, BridgeVlanInfoFlags::empty())],
        false => {
            vec![info(vlan.first, BridgeVlanInfoFlags::RangeBegin), info(vlan.last, BridgeVlanInfoFlags::RangeEnd)]
        }
    }
}

impl Netlink {
    /// The VLANs of one port or bridge device, or of all of the namespace, each with the index of its device.
    ///
    /// Fails with [`Error::Unsupported`] where the kernel has no VLAN filtering. Kernels before January 2022 (5.17, 5.16.5,
    /// 5.15.19, 5.10.96) never end the list of a single device.
    pub fn vlans(&mut self, device: Option<u32>) -> Result<Vec<(u32, Vlan)>, Error> {
        let words = device.map_or("bridge vlan show".into(), |index| format!("bridge vlan show dev if{index}"));
        let answers = self.route.dump(VlanQuestion { device: device.unwrap_or_default() });
        let answers: Vec<VlanAnswer> =
            answers.map_err(|failure| failure.of(words).without(Some((VLAN_FILTERING, Errno::EOPNOTSUPP))))?;
        Ok(answers
            .into_iter()
            .flat_map(|answer| answer.vlans.into_iter().map(move |vlan| (answer.device, vlan)))
            .collect())
    }
}

/// `RTM_GETVLAN`, which the packet crate does not know. It asks for a single port, where `RTM_GETLINK` lists all.
#[derive(Clone)]
struct VlanQuestion {
    device: u32,
}

/// linux/rtnetlink.h.
const RTM_GETVLAN: u16 = 114;
/// `struct br_vlan_msg`, linux/if_bridge.h: family, three bytes reserved, index.
const VLAN_HEADER_LEN: usize = 8;

impl NetlinkSerializable for VlanQuestion {
    fn message_type(&self) -> u16 {
        RTM_GETVLAN
    }

    fn buffer_len(&self) -> usize {
        VLAN_HEADER_LEN
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..4].copy_from_slice(&[u8::from(AddressFamily::Bridge), 0, 0, 0]);
        buffer[4..].copy_from_slice(&self.device.to_ne_bytes());
    }
}

struct VlanAnswer {
    device: u32,
    vlans: Vec<Vlan>,
}

impl NetlinkDeserializable for VlanAnswer {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        const BRIDGE_VLANDB_ENTRY: u16 = 1;
        let (header, attributes) = payload
            .split_at_checked(VLAN_HEADER_LEN)
            .ok_or_else(|| DecodeError::buffer_too_small(payload.len(), VLAN_HEADER_LEN))?;
        let mut vlans = Vec::new();
        for entry in NlasIterator::new(attributes) {
            let entry = entry?;
            if entry.kind() == BRIDGE_VLANDB_ENTRY {
                vlans.extend(vlan(&entry)?);
            }
        }
        Ok(Self { device: parse_u32(&header[4..])?, vlans })
    }
}

/// One `BRIDGE_VLANDB_ENTRY`: a VLAN with its flags, and the last one where it is a range.
fn vlan(entry: &NlaBuffer<&[u8]>) -> Result<Option<Vlan>, DecodeError> {
    const BRIDGE_VLANDB_ENTRY_INFO: u16 = 1;
    const BRIDGE_VLANDB_ENTRY_RANGE: u16 = 2;
    let mut vlan = None;
    let mut last = None;
    for attribute in NlasIterator::new(entry.value()) {
        let attribute = attribute?;
        match attribute.kind() {
            BRIDGE_VLANDB_ENTRY_INFO => vlan = Some(read(&BridgeVlanInfo::try_from(attribute.value())?)),
            BRIDGE_VLANDB_ENTRY_RANGE => last = Some(parse_u16(attribute.value())?),
            _ => {}
        }
    }
    Ok(vlan.map(|vlan| Vlan { last: last.unwrap_or(vlan.first), ..vlan }))
}

fn read(info: &BridgeVlanInfo) -> Vlan {
    let has = |flag| info.flags.contains(flag);
    Vlan {
        pvid: has(BridgeVlanInfoFlags::Pvid),
        untagged: has(BridgeVlanInfoFlags::Untagged),
        ..Vlan::tagged(info.vid)
    }
}
