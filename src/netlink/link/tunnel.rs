//! Tunnels and VLAN devices: `ip link add type vxlan|geneve|gretap|erspan|vlan`. The packet crate has no names for some of their
//! settings, so that they are put together here (linux/if_link.h, linux/if_tunnel.h).

use std::net::IpAddr;

use netlink_packet_core::{DecodeError, DefaultNla, Emitable, NlaBuffer, NlasIterator, parse_u8, parse_u16, parse_u32};
use netlink_packet_route::link::{InfoData, InfoKind, InfoVlan, LinkAttribute, LinkInfo, LinkMessage};

use super::Mac;
use super::change::set_up;
use super::create::{create, new_link};
use crate::netlink::request::Request;

/// Keys, checksums and sequence numbers in GRE's header (`GRE_KEY`, `GRE_CSUM`, `GRE_SEQ`, linux/if_tunnel.h).
const GRE_KEY: u16 = 0x2000;
/// See [`GRE_KEY`].
const GRE_CSUM: u16 = 0x8000;
/// See [`GRE_KEY`].
const GRE_SEQ: u16 = 0x1000;
/// Of tunnels over IPv6: no header that limits how deep they are nested (`IP6_TNL_F_IGN_ENCAP_LIMIT`, linux/ip6_tunnel.h).
const IGN_ENCAP_LIMIT: u32 = 1;

/// How frames are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TunnelKind {
    /// `vxlan`
    #[default]
    Vxlan,
    /// `geneve`
    Geneve,
    /// `gretap`, over IPv6 `ip6gretap`
    Gre,
    /// `erspan`, over IPv6 `ip6erspan`
    Erspan,
}

/// A tunnel between two hosts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tunnel {
    /// How frames are wrapped.
    pub kind: TunnelKind,
    /// The other end; `None`: a VXLAN that has to be told by its forwarding database.
    pub remote: Option<IpAddr>,
    /// This end.
    pub local: Option<IpAddr>,
    /// The VNI, which VXLAN and Geneve always have; the key of GRE, the session of ERSPAN.
    pub key: Option<u32>,
    /// The UDP port of the other end.
    pub port: Option<u16>,
    /// The type of service; 1: that of the packet inside.
    pub tos: u8,
    /// The time to live; 0: the system's default, of GRE that of the packet inside.
    pub ttl: u8,
    /// Whether packets may not be fragmented on their way.
    pub df: bool,
    /// Whether packets have a checksum of their own.
    pub csum: bool,
    /// Of ERSPAN: the index of type II.
    pub index: Option<u32>,
    /// Of ERSPAN: the direction of type III, 0 in and 1 out.
    pub direction: Option<u8>,
}

impl TunnelKind {
    /// The kind of link that `ip` knows it as.
    pub fn link_kind(self, ipv6: bool) -> &'static str {
        match (self, ipv6) {
            (TunnelKind::Vxlan, _) => "vxlan",
            (TunnelKind::Geneve, _) => "geneve",
            (TunnelKind::Gre, false) => "gretap",
            (TunnelKind::Gre, true) => "ip6gretap",
            (TunnelKind::Erspan, false) => "erspan",
            (TunnelKind::Erspan, true) => "ip6erspan",
        }
    }

    /// The kind of tunnel that a kind of link is.
    pub(super) fn of(link_kind: &str) -> Option<TunnelKind> {
        let kinds = [TunnelKind::Vxlan, TunnelKind::Geneve, TunnelKind::Gre, TunnelKind::Erspan];
        kinds.into_iter().find(|kind| [false, true].iter().any(|ipv6| kind.link_kind(*ipv6) == link_kind))
    }

    /// What a kernel that lacks it is built without.
    fn feature(self) -> &'static str {
        match self {
            TunnelKind::Vxlan => "VXLAN devices (module vxlan)",
            TunnelKind::Geneve => "Geneve devices (module geneve)",
            TunnelKind::Gre | TunnelKind::Erspan => "GRE devices (modules ip_gre, ip6_gre)",
        }
    }
}

/// A device to be made, in the namespace of the connection that it is sent on.
#[derive(Debug, Clone, Default)]
pub struct NewDevice {
    /// The name, up to [`super::NAME_MAX`] bytes.
    pub name: String,
    /// The hardware address; `None`: the kernel picks one.
    pub mac: Option<Mac>,
    /// The MTU in bytes; `None`: the kernel's choice.
    pub mtu: Option<u32>,
    /// The mark.
    pub alias: Option<String>,
}

/// `ip link add NAME up type vxlan …`.
pub fn add_tunnel(device: NewDevice, tunnel: &Tunnel) -> Request {
    let ipv6 = tunnel.is_ipv6();
    let kind = tunnel.kind.link_kind(ipv6);
    let data = InfoData::Other(emitted(&tunnel.settings(ipv6)));
    add(device, kind, LinkInfo::Kind(InfoKind::Other(kind.to_owned())), LinkInfo::Data(data), None)
        .needing(tunnel.kind.feature())
}

/// `ip link add link LOWER name NAME up type vlan id VLAN`; `lower` is the index of the device below.
pub fn add_vlan_device(device: NewDevice, lower: u32, vlan: u16) -> Request {
    let data = LinkInfo::Data(InfoData::Vlan(vec![InfoVlan::Id(vlan)]));
    add(device, "vlan", LinkInfo::Kind(InfoKind::Vlan), data, Some(lower)).needing("VLAN devices (module 8021q)")
}

fn add(device: NewDevice, kind: &str, info: LinkInfo, data: LinkInfo, lower: Option<u32>) -> Request {
    let NewDevice { name, mac, mtu, alias } = device;
    let mut message: LinkMessage = new_link(&name, mac, mtu);
    set_up(&mut message);
    message.attributes.extend(lower.map(LinkAttribute::Link));
    message.attributes.push(LinkAttribute::LinkInfo(vec![info, data]));
    create(format!("link add {name} type {kind}"), message, &name, alias, 0)
}

fn emitted(settings: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; settings.iter().map(Emitable::buffer_len).sum()];
    let mut rest = bytes.as_mut_slice();
    for setting in settings {
        let (here, behind) = rest.split_at_mut(setting.buffer_len());
        setting.emit(here);
        rest = behind;
    }
    bytes
}

/// The numbers of the attributes that both kinds of UDP tunnel have, in their order here.
struct Numbers {
    remote: [u16; 2],
    local: [u16; 2],
    ttl: u16,
    tos: u16,
    port: u16,
    csum: u16,
    zero_csum6_rx: u16,
    df: u16,
}

/// `IFLA_VXLAN_*` and `IFLA_GENEVE_*`, linux/if_link.h. Geneve has no local end: 0 stands for none.
const VXLAN: Numbers =
    Numbers { remote: [2, 16], local: [4, 17], ttl: 5, tos: 6, port: 15, csum: 18, zero_csum6_rx: 20, df: 29 };
/// See [`VXLAN`].
const GENEVE: Numbers =
    Numbers { remote: [2, 7], local: [0, 0], ttl: 3, tos: 4, port: 5, csum: 8, zero_csum6_rx: 10, df: 13 };
/// `IFLA_VXLAN_ID`, `IFLA_GENEVE_ID`.
const ID: u16 = 1;
/// `IFLA_VXLAN_COLLECT_METADATA`, `IFLA_GENEVE_COLLECT_METADATA`, `IFLA_GRE_COLLECT_METADATA`.
const EXTERNAL: [u16; 3] = [25, 6, 18];

impl Tunnel {
    /// Whether packets go by IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.remote.or(self.local).is_some_and(|address| address.is_ipv6())
    }

    fn settings(&self, ipv6: bool) -> Vec<DefaultNla> {
        match self.kind {
            TunnelKind::Vxlan => self.udp(&VXLAN, ipv6),
            TunnelKind::Geneve => self.udp(&GENEVE, ipv6),
            TunnelKind::Gre | TunnelKind::Erspan => self.gre(ipv6),
        }
    }

    fn udp(&self, numbers: &Numbers, ipv6: bool) -> Vec<DefaultNla> {
        let version = usize::from(ipv6);
        let mut settings = vec![nla(ID, &self.key.unwrap_or_default().to_ne_bytes())];
        settings.extend(self.remote.map(|remote| address(numbers.remote[version], remote)));
        settings.extend(self.local.filter(|_| numbers.local[version] != 0).map(|l| address(numbers.local[version], l)));
        settings.extend(self.port.map(|port| nla(numbers.port, &port.to_be_bytes())));
        settings.extend([nla(numbers.tos, &[self.tos]), nla(numbers.ttl, &[self.ttl])]);
        settings.push(nla(numbers.csum, &[u8::from(self.csum)]));
        if ipv6 {
            // Open vSwitch sends none where it is not asked to.
            settings.push(nla(numbers.zero_csum6_rx, &[1]));
        } else {
            settings.push(nla(numbers.df, &[u8::from(self.df)]));
        }
        settings
    }

    fn gre(&self, ipv6: bool) -> Vec<DefaultNla> {
        let flags = match self.kind {
            // Both, and nothing else (`erspan_validate`, net/ipv4/ip_gre.c).
            TunnelKind::Erspan => GRE_KEY | GRE_SEQ,
            _ => (u16::from(self.key.is_some()) * GRE_KEY) | (u16::from(self.csum) * GRE_CSUM),
        };
        let key = self.key.unwrap_or_default().to_be_bytes();
        let mut settings = vec![nla(2, &flags.to_be_bytes()), nla(3, &flags.to_be_bytes()), nla(4, &key), nla(5, &key)];
        settings.extend(self.local.map(|local| address(6, local)));
        settings.extend(self.remote.map(|remote| address(7, remote)));
        settings.extend([nla(8, &[self.ttl]), nla(9, &[self.tos])]);
        match ipv6 {
            true => settings.push(nla(13, &IGN_ENCAP_LIMIT.to_ne_bytes())),
            false => settings.push(nla(10, &[u8::from(self.df)])),
        }
        if self.kind == TunnelKind::Erspan {
            settings.push(nla(22, &[if self.direction.is_some() { 2 } else { 1 }]));
            settings.extend(self.index.map(|index| nla(21, &index.to_ne_bytes())));
            settings.extend(self.direction.map(|direction| nla(23, &[direction])));
        }
        settings
    }

    /// What a link of this kind is set to; `None` where that is left to each packet (`external`, ip-link(8)).
    pub(super) fn read(kind: TunnelKind, data: &[u8]) -> Result<Option<Tunnel>, DecodeError> {
        let mut tunnel = Tunnel { kind, ..Tunnel::default() };
        for setting in NlasIterator::new(data) {
            let setting = setting?;
            let external = match kind {
                TunnelKind::Vxlan => EXTERNAL[0],
                TunnelKind::Geneve => EXTERNAL[1],
                TunnelKind::Gre | TunnelKind::Erspan => EXTERNAL[2],
            };
            // VXLAN and Geneve over IPv4 have it as a number, the others as a flag.
            if setting.kind() == external && (setting.value().is_empty() || setting.value() == [1]) {
                return Ok(None);
            }
            match kind {
                TunnelKind::Vxlan => tunnel.take_udp(&VXLAN, &setting)?,
                TunnelKind::Geneve => tunnel.take_udp(&GENEVE, &setting)?,
                TunnelKind::Gre | TunnelKind::Erspan => tunnel.take_gre(&setting)?,
            }
        }
        Ok(Some(tunnel))
    }

    fn take_udp(&mut self, numbers: &Numbers, setting: &NlaBuffer<&[u8]>) -> Result<(), DecodeError> {
        let (number, value) = (setting.kind(), setting.value());
        match number {
            ID => self.key = Some(parse_u32(value)?),
            _ if numbers.remote.contains(&number) => self.remote = ip(value),
            _ if numbers.local.contains(&number) => self.local = ip(value),
            _ if number == numbers.port => self.port = Some(u16::from_be(parse_u16(value)?)),
            _ if number == numbers.tos => self.tos = parse_u8(value)?,
            _ if number == numbers.ttl => self.ttl = parse_u8(value)?,
            _ if number == numbers.df => self.df = parse_u8(value)? == 1,
            _ if number == numbers.csum => self.csum = parse_u8(value)? == 1,
            _ => {}
        }
        Ok(())
    }

    fn take_gre(&mut self, setting: &NlaBuffer<&[u8]>) -> Result<(), DecodeError> {
        let value = setting.value();
        match setting.kind() {
            3 => {
                let flags = u16::from_be(parse_u16(value)?);
                self.csum = flags & GRE_CSUM != 0;
                self.key = if flags & GRE_KEY != 0 { Some(self.key.unwrap_or_default()) } else { None };
            }
            // Behind the flags (`ipgre_fill_info`, net/ipv4/ip_gre.c).
            5 => self.key = self.key.map(|_| parse_u32(value).map(u32::from_be)).transpose()?,
            6 => self.local = ip(value),
            7 => self.remote = ip(value),
            8 => self.ttl = parse_u8(value)?,
            9 => self.tos = parse_u8(value)?,
            10 => self.df = parse_u8(value)? == 1,
            21 => self.index = Some(parse_u32(value)?),
            23 => self.direction = Some(parse_u8(value)?),
            _ => {}
        }
        Ok(())
    }
}

fn nla(kind: u16, value: &[u8]) -> DefaultNla {
    DefaultNla::new(kind, value.to_vec())
}

fn address(kind: u16, address: IpAddr) -> DefaultNla {
    match address {
        IpAddr::V4(address) => nla(kind, &address.octets()),
        IpAddr::V6(address) => nla(kind, &address.octets()),
    }
}

/// An address, unless it is that of any host.
fn ip(value: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(value).ok().map(IpAddr::from);
    let address = four.or_else(|| <[u8; 16]>::try_from(value).ok().map(IpAddr::from));
    address.filter(|address| !address.is_unspecified())
}
