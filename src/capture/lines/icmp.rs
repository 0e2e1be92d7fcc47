//! ICMP of both versions (RFC 792, RFC 4443, RFC 4861, RFC 3810), and IGMP (RFC 3376).

use std::net::{Ipv4Addr, Ipv6Addr};

use etherparse::{Icmpv4Slice, Icmpv6Slice, IgmpSlice};

/// `length` is that of header and data.
pub(super) fn version_4(icmp: &Icmpv4Slice<'_>, length: usize) -> String {
    let [a, b, c, d] = icmp.bytes5to8();
    let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let quoted = Quoted::read(icmp.payload());
    let said = match (icmp.type_u8(), icmp.code_u8(), quoted) {
        (0, _, _) => format!("echo reply, id {first}, seq {second}"),
        (8, _, _) => format!("echo request, id {first}, seq {second}"),
        (3, code, Some(quoted)) => unreachable_4(code, second, &quoted),
        (5, 0, Some(quoted)) => format!("redirect {} to net {}", quoted.destination, Ipv4Addr::new(a, b, c, d)),
        (5, 1, Some(quoted)) => format!("redirect {} to host {}", quoted.destination, Ipv4Addr::new(a, b, c, d)),
        (11, 0, _) => "time exceeded in-transit".to_owned(),
        (11, 1, _) => "ip reassembly time exceeded".to_owned(),
        (kind, ..) => format!("type-#{kind}"),
    };
    format!("ICMP {said}, length {length}")
}

fn unreachable_4(code: u8, mtu: u16, quoted: &Quoted) -> String {
    let to = quoted.destination;
    match (code, quoted.port) {
        (0, _) => format!("net {to} unreachable"),
        (1, _) => format!("host {to} unreachable"),
        (2, _) => format!("{to} protocol {} unreachable", quoted.protocol),
        (3, Some(port)) => match quoted.protocol {
            6 => format!("{to} tcp port {port} unreachable"),
            17 => format!("{to} udp port {port} unreachable"),
            protocol => format!("{to} protocol {protocol} port {port} unreachable"),
        },
        (4, _) if mtu != 0 => format!("{to} unreachable - need to frag (mtu {mtu})"),
        (4, _) => format!("{to} unreachable - need to frag"),
        (9, _) => format!("net {to} unreachable - admin prohibited"),
        (10, _) => format!("host {to} unreachable - admin prohibited"),
        (13, _) => format!("host {to} unreachable - admin prohibited filter"),
        (code, _) => format!("{to} unreachable - #{code}"),
    }
}

/// The packet that an error is about, of which its beginning is quoted.
struct Quoted {
    destination: Ipv4Addr,
    protocol: u8,
    /// The port that it was for.
    port: Option<u16>,
}

impl Quoted {
    fn read(bytes: &[u8]) -> Option<Quoted> {
        let destination: [u8; 4] = bytes.get(16..20)?.try_into().ok()?;
        let ports = usize::from(bytes[0] & 15) * 4;
        let port = bytes.get(ports + 2..ports + 4).map(|port| u16::from_be_bytes([port[0], port[1]]));
        Some(Quoted { destination: destination.into(), protocol: bytes[9], port })
    }
}

/// `length` is that of header and data.
pub(super) fn version_6(icmp: &Icmpv6Slice<'_>, length: usize) -> String {
    let [a, b, c, d] = icmp.bytes5to8();
    let (first, second) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let target = address_6(icmp.payload(), 0);
    let quoted = address_6(icmp.payload(), 24);
    let said = match (icmp.type_u8(), target, quoted) {
        (1, _, Some(to)) => unreachable_6(icmp.code_u8(), to, icmp.payload()),
        (2, ..) => format!("packet too big, mtu {}", u32::from_be_bytes([a, b, c, d])),
        (3, _, Some(to)) => match icmp.code_u8() {
            0 => format!("time exceeded in-transit for {to}"),
            _ => "time exceeded in-transit (reassembly)".to_owned(),
        },
        (128, ..) => format!("echo request, id {first}, seq {second}"),
        (129, ..) => format!("echo reply, id {first}, seq {second}"),
        (130, ..) => "multicast listener query".to_owned(),
        (131, ..) => "multicast listener report".to_owned(),
        (132, ..) => "multicast listener done".to_owned(),
        (133, ..) => "router solicitation".to_owned(),
        (134, ..) => "router advertisement".to_owned(),
        (135, Some(target), _) => format!("neighbor solicitation, who has {target}"),
        (136, Some(target), _) => format!("neighbor advertisement, tgt is {target}"),
        (143, ..) => format!("multicast listener report v2, {second} group record(s)"),
        (kind, ..) => format!("type-#{kind}"),
    };
    format!("ICMP6, {said}, length {length}")
}

fn unreachable_6(code: u8, to: Ipv6Addr, quoted: &[u8]) -> String {
    let port = quoted.get(42..44).map(|port| u16::from_be_bytes([port[0], port[1]]));
    let said = match (code, port, quoted.get(6)) {
        (0, ..) => format!("unreachable route {to}"),
        (1, ..) => format!("unreachable prohibited {to}"),
        (3, ..) => format!("unreachable address {to}"),
        (4, Some(port), Some(6)) => format!("unreachable port, {to} tcp port {port}"),
        (4, Some(port), Some(17)) => format!("unreachable port, {to} udp port {port}"),
        (code, ..) => format!("unreachable code-#{code}"),
    };
    format!("destination unreachable, {said}")
}

fn address_6(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(bytes.get(at..at + 16)?).ok().map(Ipv6Addr::from)
}

pub(super) fn group(igmp: &IgmpSlice<'_>) -> String {
    let group = Ipv4Addr::from(igmp.bytes4to7());
    let to = |words: &str| if group.is_unspecified() { words.to_owned() } else { format!("{words} [gaddr {group}]") };
    match igmp.type_u8() {
        0x11 => to(if igmp.max_resp_code_or_reserved() == 0 { "igmp query v1" } else { "igmp query v2" }),
        0x12 => format!("igmp v1 report {group}"),
        0x16 => format!("igmp v2 report {group}"),
        0x17 => format!("igmp leave {group}"),
        0x22 => {
            let [.., high, low] = igmp.bytes4to7();
            format!("igmp v3 report, {} group record(s)", u16::from_be_bytes([high, low]))
        }
        kind => format!("igmp-{kind}"),
    }
}
