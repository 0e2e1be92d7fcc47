//! ICMP messages (RFC 792) and ICMPv6 messages (RFC 4443): what is sent, and what is heard.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Ipv4Header, Ipv6Header};

/// Types of ICMP messages (RFC 792).
pub const ECHO_REPLY_V4: u8 = 0;
pub const UNREACHABLE_V4: u8 = 3;
const ECHO_V4: u8 = 8;
pub const TIME_EXCEEDED_V4: u8 = 11;
pub const BAD_PARAMETER_V4: u8 = 12;
/// Types of ICMPv6 messages (RFC 4443); up to [`BAD_PARAMETER_V6`], errors.
const UNREACHABLE_V6: u8 = 1;
const TIME_EXCEEDED_V6: u8 = 3;
pub const BAD_PARAMETER_V6: u8 = 4;
const ECHO_V6: u8 = 128;
pub const ECHO_REPLY_V6: u8 = 129;
/// The head of an ICMP message in bytes: type, code, checksum, and four bytes that depend on the type.
const HEAD: usize = 8;

/// What tells one echo from another: `id` is the process's, `sequence` the request's, and `nonce` goes along as data, so that no
/// answer to somebody else is taken for one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    pub id: u16,
    pub sequence: u16,
    pub nonce: u64,
}

/// What a socket hears.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// An echo came back from this address.
    Reply(IpAddr, Echo),
    /// A request to `to` came to an end on its way. Of its data not all may be quoted.
    Refusal { to: IpAddr, id: u16, sequence: u16, refusal: Refusal },
}

/// Why a request came to an end on its way, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Who says so.
    pub from: IpAddr,
    kind: u8,
    code: u8,
}

impl Echo {
    /// The request for an IPv4 address, with its checksum.
    pub fn request_v4(&self) -> Vec<u8> {
        let payload = self.nonce.to_be_bytes();
        let echo = IcmpEchoHeader { id: self.id, seq: self.sequence };
        let head = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &payload);
        [head.to_bytes().as_slice(), &payload].concat()
    }

    /// The request for an IPv6 address. The kernel puts the checksum in, for it knows both addresses (RFC 3542 section 3.1).
    pub fn request_v6(&self) -> Vec<u8> {
        let (id, sequence) = (self.id.to_be_bytes(), self.sequence.to_be_bytes());
        [&[ECHO_V6, 0, 0, 0], id.as_slice(), &sequence, &self.nonce.to_be_bytes()].concat()
    }

    fn read(message: &[u8]) -> Option<Echo> {
        let (id, sequence) = identity(message)?;
        let nonce = u64::from_be_bytes(message.get(HEAD..HEAD + 8)?.try_into().ok()?);
        Some(Echo { id, sequence, nonce })
    }
}

/// Identifier and sequence number of an echo.
fn identity(message: &[u8]) -> Option<(u16, u16)> {
    let number = |at: usize| message.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes);
    Some((number(4)?, number(6)?))
}

/// What an IPv4 packet says, its header included.
pub fn heard_v4(packet: &[u8]) -> Option<Heard> {
    let (header, message) = Ipv4Header::from_slice(packet).ok()?;
    let from = Ipv4Addr::from(header.source).into();
    match *message.first()? {
        ECHO_REPLY_V4 => Some(Heard::Reply(from, Echo::read(message)?)),
        kind @ (UNREACHABLE_V4 | TIME_EXCEEDED_V4 | BAD_PARAMETER_V4) => {
            let (quoted, request) = Ipv4Header::from_slice(message.get(HEAD..)?).ok()?;
            let (id, sequence) = identity(request).filter(|_| request[0] == ECHO_V4)?;
            let to = Ipv4Addr::from(quoted.destination).into();
            Some(Heard::Refusal { to, id, sequence, refusal: Refusal { from, kind, code: message[1] } })
        }
        _ => None,
    }
}

/// What an ICMPv6 message says that came from an address.
pub fn heard_v6(from: Ipv6Addr, message: &[u8]) -> Option<Heard> {
    let from = from.into();
    match *message.first()? {
        ECHO_REPLY_V6 => Some(Heard::Reply(from, Echo::read(message)?)),
        kind if kind <= BAD_PARAMETER_V6 => {
            let (quoted, request) = Ipv6Header::from_slice(message.get(HEAD..)?).ok()?;
            let (id, sequence) = identity(request).filter(|_| request[0] == ECHO_V6)?;
            let to = Ipv6Addr::from(quoted.destination).into();
            Some(Heard::Refusal { to, id, sequence, refusal: Refusal { from, kind, code: message[1] } })
        }
        _ => None,
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { from, kind, code } = self;
        let words = if from.is_ipv4() { words_v4(*kind, *code) } else { words_v6(*kind, *code) };
        match words {
            Some(words) => write!(f, "{words}, says {from}"),
            None => write!(f, "ICMP type {kind} code {code}, says {from}"),
        }
    }
}

/// RFC 792 and RFC 1812 section 5.2.7.1.
fn words_v4(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (UNREACHABLE_V4, 0) => "network unreachable",
        (UNREACHABLE_V4, 1) => "host unreachable",
        (UNREACHABLE_V4, 2) => "protocol unreachable",
        (UNREACHABLE_V4, 3) => "port unreachable",
        (UNREACHABLE_V4, 4) => "packet too large for the way",
        (UNREACHABLE_V4, 9 | 10 | 13) => "administratively prohibited",
        (UNREACHABLE_V4, _) => "destination unreachable",
        (TIME_EXCEEDED_V4, _) => "time to live exceeded",
        _ => return None,
    })
}

/// RFC 4443 section 3.1.
fn words_v6(kind: u8, code: u8) -> Option<&'static str> {
    Some(match (kind, code) {
        (UNREACHABLE_V6, 0) => "no route to the destination",
        (UNREACHABLE_V6, 1) => "administratively prohibited",
        (UNREACHABLE_V6, 3) => "address unreachable",
        (UNREACHABLE_V6, 4) => "port unreachable",
        (UNREACHABLE_V6, 5) => "source address refused",
        (UNREACHABLE_V6, 6) => "route rejects it",
        (UNREACHABLE_V6, _) => "destination unreachable",
        (TIME_EXCEEDED_V6, _) => "hop limit exceeded",
        (BAD_PARAMETER_V6, _) => "a header that is not understood",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ECHO: Echo = Echo { id: 0x1234, sequence: 7, nonce: 0x0102_0304_0506_0708 };

    /// The sum that is zero where the checksum is right (RFC 1071).
    fn rest(message: &[u8]) -> u16 {
        let words = message.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
        let sum: u32 = words.sum();
        !(((sum & 0xffff) + (sum >> 16)) as u16)
    }

    fn packet_v4(from: [u8; 4], to: [u8; 4], message: &[u8]) -> Vec<u8> {
        let protocol = etherparse::IpNumber::ICMP;
        let header = Ipv4Header::new(message.len() as u16, 64, protocol, from, to).unwrap();
        [header.to_bytes().as_slice(), message].concat()
    }

    #[test]
    fn a_request_has_a_right_checksum() {
        let request = ECHO.request_v4();
        assert_eq!(request[..2], [ECHO_V4, 0]);
        assert_eq!(rest(&request), 0);
        assert_eq!(Echo::read(&request), Some(ECHO));
        assert_eq!(Echo::read(&ECHO.request_v6()), Some(ECHO));
    }

    #[test]
    fn replies_are_heard() {
        let mut message = ECHO.request_v4();
        message[0] = ECHO_REPLY_V4;
        let packet = packet_v4([10, 0, 0, 2], [10, 0, 0, 1], &message);
        assert_eq!(heard_v4(&packet), Some(Heard::Reply("10.0.0.2".parse().unwrap(), ECHO)));
        message[0] = ECHO_REPLY_V6;
        let from: Ipv6Addr = "fd00::2".parse().unwrap();
        assert_eq!(heard_v6(from, &message), Some(Heard::Reply(from.into(), ECHO)));
    }

    #[test]
    fn requests_and_scraps_are_not_heard() {
        let request = packet_v4([10, 0, 0, 2], [10, 0, 0, 1], &ECHO.request_v4());
        assert_eq!(heard_v4(&request), None);
        let mut reply = request;
        reply[20] = ECHO_REPLY_V4;
        for length in 0..reply.len() {
            assert_eq!(heard_v4(&reply[..length]), None, "{length} bytes");
        }
        for length in 0..16 {
            assert_eq!(heard_v6(Ipv6Addr::LOCALHOST, &[1; 16][..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn a_refusal_names_the_request() {
        // RFC 792: the header and the first eight bytes of the request are quoted.
        let quoted = &packet_v4([10, 0, 0, 1], [10, 9, 0, 9], &ECHO.request_v4())[..28];
        let message = [&[UNREACHABLE_V4, 1, 0, 0, 0, 0, 0, 0], quoted].concat();
        let Some(Heard::Refusal { to, id, sequence, refusal }) =
            heard_v4(&packet_v4([10, 0, 0, 254], [10, 0, 0, 1], &message))
        else {
            panic!("not heard")
        };
        assert_eq!((to.to_string().as_str(), id, sequence), ("10.9.0.9", ECHO.id, ECHO.sequence));
        assert_eq!(refusal.to_string(), "host unreachable, says 10.0.0.254");
    }
}
