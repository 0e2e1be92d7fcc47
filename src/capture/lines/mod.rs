//! A line a packet, in the manner of `tcpdump -n`.
//!
//! What tcpdump says of protocols above UDP and TCP is not said; a VLAN tag is, as tcpdump's `-e` has it.

mod arp;
mod icmp;
mod ip;
mod stp;
mod tcp;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};

use etherparse::{EtherType, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket};

use super::clock;
use super::packet::{Class, LinkType, Packet};
use super::pcapng::Counters;
use super::run::Sink;

/// Packets as lines of text.
#[derive(Debug)]
pub struct Lines<W> {
    output: W,
    /// What the devices are called, where there are several.
    names: Vec<String>,
    bytes: Vec<u8>,
    /// Lines that are not written yet.
    text: Vec<u8>,
}

/// How many bytes of text are kept before they are written.
const KEPT: usize = 16 * 1024;

impl<W: Write + AsFd> Lines<W> {
    /// Writes to `output`. Where `names` are given, each line says which device and which direction it was, as `tcpdump -i any`
    /// does.
    pub fn new(output: W, names: Vec<String>) -> Lines<W> {
        Lines { output, names, bytes: Vec::new(), text: Vec::new() }
    }
}

impl<W: Write + AsFd> Sink for Lines<W> {
    fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        self.bytes.clear();
        packet.append_to(&mut self.bytes);
        let which = self.names.get(packet.device).map_or_else(String::new, |name| which(name, packet.class));
        let time = clock::time_of_day(packet.time);
        writeln!(self.text, "{time} {which}{}", line(packet.link, packet.length, &self.bytes))?;
        if self.text.len() >= KEPT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.output.write_all(&self.text).and_then(|()| self.output.flush());
        self.text.clear();
        result
    }

    fn finish(&mut self, _: &[Counters]) -> io::Result<()> {
        self.flush()
    }

    fn output(&self) -> Option<BorrowedFd<'_>> {
        Some(self.output.as_fd())
    }
}

/// The columns of `tcpdump -i any` (print_packet of tcpdump.c: `%s %-3s `).
fn which(name: &str, class: Class) -> String {
    format!("{name} {:<3} ", class.word())
}

/// What there is to say of a packet: `IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 64`. `bytes` is what was
/// captured of the `length` bytes that it had.
pub fn line(link: LinkType, length: u32, bytes: &[u8]) -> String {
    let length = length as usize;
    match link {
        LinkType::Ethernet => match LaxSlicedPacket::from_ethernet(bytes) {
            Ok(packet) => ethernet(&packet, length, bytes),
            Err(_) => "[|ether]".to_owned(),
        },
        LinkType::RawIp => match LaxSlicedPacket::from_ip(bytes) {
            Ok(packet) => network(&packet, length).unwrap_or_default(),
            Err(_) => "[|ip]".to_owned(),
        },
    }
}

fn ethernet(packet: &LaxSlicedPacket<'_>, length: usize, bytes: &[u8]) -> String {
    let mut line = String::new();
    for extension in &packet.link_exts {
        if let LaxLinkExtSlice::Vlan(tag) = extension {
            let dei = if tag.drop_eligible_indicator() { ", DEI" } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(line, "vlan {}, p {}{dei}, ", tag.vlan_identifier(), tag.priority_code_point());
        }
    }
    let Some(payload) = packet.ether_payload() else { return line };
    // What was cut off behind the captured bytes belongs to the payload.
    let inside = payload.payload.len() + length.saturating_sub(bytes.len());
    match network(packet, inside) {
        Some(said) => line + &said,
        None => line + &unknown(payload.ether_type, payload.payload, inside, length, bytes),
    }
}

/// A packet of IP or ARP; `length` is how many bytes it has, with what fills it up.
fn network(packet: &LaxSlicedPacket<'_>, length: usize) -> Option<String> {
    Some(match packet.net.as_ref()? {
        LaxNetSlice::Arp(arp) => arp::line(arp, length),
        LaxNetSlice::Ipv4(v4) => ip::version_4(v4, packet.transport.as_ref(), length),
        LaxNetSlice::Ipv6(v6) => ip::version_6(v6, packet.transport.as_ref(), length),
    })
}

/// A frame that is neither, or too short to say.
fn unknown(kind: EtherType, payload: &[u8], inside: usize, length: usize, frame: &[u8]) -> String {
    match kind {
        EtherType::IPV4 => "IP [|ip]".to_owned(),
        EtherType::IPV6 => "IP6 [|ip6]".to_owned(),
        EtherType::ARP => "ARP [|arp]".to_owned(),
        EtherType(0x88cc) => format!("LLDP, length {inside}"),
        // IEEE 802.3: up to 1500 it is a length.
        EtherType(said) if said <= 1500 => match stp::line(payload) {
            Some(said) => said,
            None => format!("{}, 802.3, length {said}", addresses(frame)),
        },
        EtherType(number) => format!("{}, ethertype Unknown (0x{number:04x}), length {length}", addresses(frame)),
    }
}

fn addresses(frame: &[u8]) -> String {
    let part = |range: std::ops::Range<usize>| frame.get(range).map(mac).unwrap_or_default();
    format!("{} > {}", part(6..12), part(0..6))
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of `samples.txt`, with what tcpdump says of each: the line, the length, the bytes.
    fn samples() -> Vec<(&'static str, u32, Vec<u8>)> {
        let mut lines = include_str!("samples.txt").lines().filter(|line| !line.starts_with('#'));
        let mut samples = Vec::new();
        while let (Some(said), Some(frame)) = (lines.next(), lines.next()) {
            let (length, hex) = frame.split_once(' ').unwrap();
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            samples.push((said, length.parse().unwrap(), bytes.collect()));
        }
        assert!(samples.len() > 70);
        samples
    }

    #[test]
    fn lines_are_as_tcpdump_has_them() {
        for (said, length, bytes) in samples() {
            assert_eq!(line(LinkType::Ethernet, length, &bytes), said);
        }
    }

    #[test]
    fn plain_ip_has_no_ethernet_before_it() {
        for (said, length, bytes) in samples().iter().filter(|(_, _, bytes)| bytes.get(12..14) == Some(&[8, 0])) {
            let said = if *said == "IP [|ip]" { "[|ip]" } else { said };
            assert_eq!(line(LinkType::RawIp, length - 14, &bytes[14..]), said);
        }
    }

    #[test]
    fn whatever_comes_is_told() {
        for (_, length, bytes) in samples() {
            for cut in 0..bytes.len() {
                line(LinkType::Ethernet, length, &bytes[..cut]);
                line(LinkType::RawIp, length, &bytes[cut..]);
                for value in [0, 1, 0x45, 0x7f, 0xff] {
                    let mut broken = bytes.clone();
                    broken[cut] = value;
                    line(LinkType::Ethernet, length, &broken);
                    line(LinkType::Ethernet, 0, &broken);
                }
            }
        }
    }
}
