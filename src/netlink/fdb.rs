//! What a bridge knows of which address is behind which port: `bridge fdb`.

use netlink_packet_core::{
    DecodeError, NLM_F_CREATE, NLM_F_REPLACE, NetlinkDeserializable, NetlinkHeader, NlasIterator, parse_u16, parse_u32,
};
use netlink_packet_route::link::{
    InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, LinkAttribute, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::libc;

use super::error::Error;
use super::link::Mac;
use super::request::{Netlink, Request};

/// An entry of a bridge's forwarding database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FdbEntry {
    /// The address that is behind the port.
    pub mac: Mac,
    /// The index of the port; of the bridge itself, where the address is the bridge's own.
    pub port: u32,
    /// The VLAN; `None` where the bridge does not look at them.
    pub vlan: Option<u16>,
    /// How the entry came about.
    pub kind: FdbKind,
    /// For how long no frame has come from the address, in hundredths of a second (`USER_HZ`; `br_fdb_fill_info`,
    /// net/bridge/br_fdb.c).
    pub age: u32,
}

/// How an entry came about, which says how it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FdbKind {
    /// From a frame that came in; goes when none has come for a while.
    Learned,
    /// Put in by somebody: `bridge fdb add … master static` (`NUD_NOARP`).
    Static,
    /// The address of the bridge itself, or of a port: frames to it are for the host (`NUD_PERMANENT`).
    Local,
}

/// `bridge fdb replace MAC dev PORT master static [vlan VLAN]`.
pub fn set(port: u32, mac: Mac, vlan: Option<u16>) -> Request {
    let mut message = message(port, mac, vlan, NeighbourFlags::Controller);
    message.header.state = NeighbourState::Noarp;
    let words = words("replace", port, mac, vlan) + " master static";
    Request::new(words, NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewNeighbour(message))
}

/// `bridge fdb replace MAC dev BRIDGE self permanent [vlan VLAN]`: frames to the address are for the host.
pub fn set_own(bridge: u32, mac: Mac, vlan: Option<u16>) -> Request {
    let mut message = message(bridge, mac, vlan, NeighbourFlags::Own);
    message.header.state = NeighbourState::Permanent;
    let words = words("replace", bridge, mac, vlan) + " self permanent";
    Request::new(words, NLM_F_CREATE | NLM_F_REPLACE, RouteNetlinkMessage::NewNeighbour(message))
}

/// `bridge fdb del MAC dev PORT master [vlan VLAN]`; of the bridge itself `self`.
pub fn delete(port: u32, of_bridge_itself: bool, mac: Mac, vlan: Option<u16>) -> Request {
    let (flags, word) =
        if of_bridge_itself { (NeighbourFlags::Own, "self") } else { (NeighbourFlags::Controller, "master") };
    let words = format!("{} {word}", words("del", port, mac, vlan));
    Request::new(words, 0, RouteNetlinkMessage::DelNeighbour(message(port, mac, vlan, flags)))
}

/// `ip link set BRIDGE type bridge fdb_flush`: forgets what was learned. What was put in stays (`br_fdb_flush`, net/bridge/br_fdb.c).
pub fn flush(bridge: u32) -> Request {
    let infos = vec![LinkInfo::Kind(InfoKind::Bridge), LinkInfo::Data(InfoData::Bridge(vec![InfoBridge::FdbFlush]))];
    change(bridge, infos, "bridge")
}

/// `ip link set PORT type bridge_slave fdb_flush`: the same, of one port.
pub fn flush_port(port: u32) -> Request {
    let data = InfoPortData::BridgePort(vec![InfoBridgePort::Flush]);
    change(port, vec![LinkInfo::PortKind(InfoPortKind::Bridge), LinkInfo::PortData(data)], "bridge_slave")
}

fn change(index: u32, infos: Vec<LinkInfo>, kind: &str) -> Request {
    let mut message = LinkMessage::default();
    message.header.index = index;
    message.attributes.push(LinkAttribute::LinkInfo(infos));
    let words = format!("link set if{index} type {kind} fdb_flush");
    // RTM_SETLINK ignores IFLA_LINKINFO, RTM_NEWLINK without NLM_F_CREATE does not.
    Request::new(words, 0, RouteNetlinkMessage::NewLink(message))
}

fn words(verb: &str, port: u32, mac: Mac, vlan: Option<u16>) -> String {
    let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
    let vlan = vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
    format!("bridge fdb {verb} {mac} dev if{port}{vlan}")
}

fn message(port: u32, mac: Mac, vlan: Option<u16>, flags: NeighbourFlags) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Bridge;
    message.header.ifindex = port;
    message.header.flags = flags;
    message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.to_vec()));
    message.attributes.extend(vlan.map(NeighbourAttribute::Vlan));
    message
}

impl Netlink {
    /// `bridge fdb show br BRIDGE`, of the bridge with this index; without what its ports, such as VXLAN devices, know by
    /// themselves.
    pub fn fdb(&mut self, bridge: u32) -> Result<Vec<FdbEntry>, Error> {
        let mut question = NeighbourMessage::default();
        question.header.family = AddressFamily::Bridge;
        question.attributes.push(NeighbourAttribute::Controller(bridge));
        let answers: Result<Vec<FdbAnswer>, _> = self.route.dump(RouteNetlinkMessage::GetNeighbour(question));
        let answers = answers.map_err(|failure| failure.of(format!("bridge fdb show br if{bridge}")))?;
        Ok(answers
            .into_iter()
            .filter(|answer| answer.bridge == Some(bridge))
            .filter_map(|answer| answer.entry)
            .collect())
    }
}

/// `RTM_NEWNEIGH` of family `AF_BRIDGE`.
struct FdbAnswer {
    /// `NDA_MASTER`: in the entries of a bridge, and of nobody else.
    bridge: Option<u32>,
    entry: Option<FdbEntry>,
}

/// `struct ndmsg`, linux/neighbour.h: family, three bytes of padding, index, state, flags, type.
const HEADER_LEN: usize = 12;
/// linux/neighbour.h.
const NDA_LLADDR: u16 = 2;
const NDA_CACHEINFO: u16 = 3;
const NDA_VLAN: u16 = 5;
const NDA_MASTER: u16 = 9;

impl NetlinkDeserializable for FdbAnswer {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let (header, attributes) = payload
            .split_at_checked(HEADER_LEN)
            .ok_or_else(|| DecodeError::buffer_too_small(payload.len(), HEADER_LEN))?;
        let (port, state) = (parse_u32(&header[4..8])?, parse_u16(&header[8..10])?);
        let (mut bridge, mut mac, mut vlan, mut age) = (None, None, None, 0);
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            let value = attribute.value();
            match attribute.kind() {
                NDA_LLADDR => mac = value.try_into().ok(),
                NDA_VLAN => vlan = Some(parse_u16(value)?),
                NDA_MASTER => bridge = Some(parse_u32(value)?),
                // struct nda_cacheinfo: confirmed, used, updated, refcnt
                NDA_CACHEINFO => age = value.get(8..12).map_or(Ok(0), parse_u32)?,
                _ => {}
            }
        }
        let kind = match state {
            libc::NUD_PERMANENT => FdbKind::Local,
            libc::NUD_NOARP => FdbKind::Static,
            _ => FdbKind::Learned,
        };
        Ok(Self { bridge, entry: mac.map(|mac| FdbEntry { mac, port, vlan, kind, age }) })
    }
}
