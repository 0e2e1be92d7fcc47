//! IP of both versions, and UDP.

use std::fmt::Display;

use etherparse::{
    Icmpv4Slice, Icmpv6Slice, IpNumber, LaxIpPayloadSlice, LaxIpv4Slice, LaxIpv6Slice, TcpSlice, TransportSlice,
    UdpSlice,
};

use super::{icmp, tcp};

pub(super) fn version_4(ip: &LaxIpv4Slice<'_>, transport: Option<&TransportSlice<'_>>, length: usize) -> String {
    let header = ip.header();
    let (source, destination) = (header.source_addr(), header.destination_addr());
    // 0 is what a device says that segments by itself: the packet is as long as it is.
    let total = if header.total_len() == 0 { length } else { usize::from(header.total_len()) };
    let inside = total.saturating_sub(usize::from(header.ihl()) * 4);
    if header.fragments_offset().value() != 0 {
        return format!("IP {source} > {destination}: ip-proto-{}", header.protocol().0);
    }
    let inside = inside.saturating_sub(ip.extensions().auth.as_ref().map_or(0, |header| header.slice().len()));
    format!("IP {}", above(&source, &destination, "", ip.payload(), transport, inside))
}

pub(super) fn version_6(ip: &LaxIpv6Slice<'_>, transport: Option<&TransportSlice<'_>>, length: usize) -> String {
    const HEADER: usize = 40;
    let header = ip.header();
    let (source, destination) = (header.source_addr(), header.destination_addr());
    // 0 is said of a jumbogram (RFC 2675 section 3), and by a device that segments by itself.
    let said = usize::from(header.payload_length());
    let inside = if said == 0 { length.saturating_sub(HEADER) } else { said };
    let extensions = Extensions::read(header.next_header(), ip.extensions().slice(), inside);
    let inside = inside.saturating_sub(ip.extensions().slice().len());
    if !extensions.is_first {
        return format!("IP6 {source} > {destination}: {}", extensions.said.trim_end());
    }
    format!("IP6 {}", above(&source, &destination, &extensions.said, ip.payload(), transport, inside))
}

/// What is said of the headers between that of IPv6 and what it carries.
struct Extensions {
    said: String,
    /// Whether it is the first fragment, or none.
    is_first: bool,
}

impl Extensions {
    /// RFC 8200 section 4. `left` is how many bytes there are with the headers.
    fn read(first: IpNumber, mut headers: &[u8], mut left: usize) -> Extensions {
        let (mut kind, mut said, mut is_first) = (first, String::new(), true);
        while let [next, length, ..] = headers {
            let mut size = 8 + usize::from(*length) * 8;
            match kind {
                IpNumber::IPV6_HEADER_HOP_BY_HOP => said.push_str("HBH "),
                IpNumber::IPV6_DESTINATION_OPTIONS => said.push_str("DSTOPT "),
                IpNumber::IPV6_ROUTE_HEADER => said.push_str("srcrt "),
                IpNumber::IPV6_FRAGMENTATION_HEADER => {
                    size = 8;
                    let field = headers.get(2..4).map_or(0, |field| u16::from_be_bytes([field[0], field[1]]));
                    is_first = field & !7 == 0;
                    said.push_str(&format!("frag ({}|{}) ", field & !7, left.saturating_sub(size)));
                }
                _ => size = (usize::from(*length) + 2) * 4,
            }
            kind = IpNumber(*next);
            left = left.saturating_sub(size);
            headers = headers.get(size..).unwrap_or_default();
        }
        Extensions { said, is_first }
    }
}

/// The addresses, with ports where there are any, and what is between them. `length` is that of what IP carries.
fn above(
    source: &dyn Display,
    destination: &dyn Display,
    before: &str,
    payload: &LaxIpPayloadSlice<'_>,
    transport: Option<&TransportSlice<'_>>,
    length: usize,
) -> String {
    let plain = |said: String| format!("{source} > {destination}: {before}{said}");
    let ports = |from: u16, to: u16, said: String| format!("{source}.{from} > {destination}.{to}: {before}{said}");
    let first = first_fragment(payload);
    match transport.or(first.as_ref()) {
        Some(TransportSlice::Tcp(tcp)) => ports(tcp.source_port(), tcp.destination_port(), tcp::words(tcp, length)),
        Some(TransportSlice::Udp(udp)) => {
            // 0 is said where a device segments by itself, and of jumbograms (RFC 2675 section 4).
            let said = if udp.length() == 0 { length } else { usize::from(udp.length()) };
            let words = format!("UDP, length {}", said.saturating_sub(8));
            ports(udp.source_port(), udp.destination_port(), words)
        }
        Some(TransportSlice::Icmpv4(icmp)) => plain(icmp::version_4(icmp, length)),
        Some(TransportSlice::Icmpv6(icmp)) => plain(icmp::version_6(icmp, length)),
        Some(TransportSlice::Igmp(igmp)) => plain(icmp::group(igmp)),
        None => match (payload.ip_number, payload.payload) {
            (IpNumber::IPV6_NO_NEXT_HEADER, _) => plain("no next header".to_owned()),
            (number, cut) if cut.len() < length => match (name(number), cut) {
                (Some(name @ ("tcp" | "udp")), [a, b, c, d, ..]) => {
                    ports(u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]), format!("[|{name}]"))
                }
                (Some(name), _) => plain(format!("[|{name}]")),
                (None, _) => plain(format!("ip-proto-{} {length}", number.0)),
            },
            (number, _) => plain(format!("ip-proto-{} {length}", number.0)),
        },
    }
}

/// What is carried by the first fragment of a packet, which the parser does not look into.
fn first_fragment<'a>(payload: &LaxIpPayloadSlice<'a>) -> Option<TransportSlice<'a>> {
    let bytes = payload.payload;
    match payload.ip_number {
        _ if !payload.fragmented => None,
        IpNumber::TCP => TcpSlice::from_slice(bytes).ok().map(TransportSlice::Tcp),
        IpNumber::UDP => UdpSlice::from_slice_lax(bytes).ok().map(TransportSlice::Udp),
        IpNumber::ICMP => Icmpv4Slice::from_slice(bytes).ok().map(TransportSlice::Icmpv4),
        IpNumber::IPV6_ICMP => Icmpv6Slice::from_slice(bytes).ok().map(TransportSlice::Icmpv6),
        _ => None,
    }
}

/// What is told of a protocol whose header was not captured as a whole.
fn name(number: IpNumber) -> Option<&'static str> {
    match number {
        IpNumber::TCP => Some("tcp"),
        IpNumber::UDP => Some("udp"),
        IpNumber::ICMP => Some("icmp"),
        IpNumber::IPV6_ICMP => Some("icmp6"),
        IpNumber::IGMP => Some("igmp"),
        _ => None,
    }
}
