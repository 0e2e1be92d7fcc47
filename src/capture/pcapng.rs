//! The blocks of a pcapng file (draft-ietf-opsawg-pcapng), in the byte order of this machine.

use super::packet::{Class, LinkType, Packet};

/// Section Header Block, draft section 4.1.
const SECTION: u32 = 0x0a0d_0d0a;
/// Interface Description Block, draft section 4.2.
const INTERFACE: u32 = 1;
/// Interface Statistics Block, draft section 4.6.
const STATISTICS: u32 = 5;
/// Enhanced Packet Block, draft section 4.3.
pub const PACKET: u32 = 6;

/// What says in a section header which byte order the file has.
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// `if_tsresol`: times count units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;

/// An interface of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What it carries.
    pub link: LinkType,
    /// `if_name`.
    pub name: String,
    /// `if_description`.
    pub description: String,
    /// How many bytes of each packet are captured at most.
    pub snaplen: u32,
    /// `if_filter`: the expression, in tcpdump's language.
    pub filter: Option<String>,
}

/// The counters of an interface, at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets that were written.
    pub captured: u64,
    /// Packets that passed the filter, also those that were dropped.
    pub received: u64,
    /// Packets that the kernel dropped because its buffer was full.
    pub dropped: u64,
}

/// Appends the block that a file begins with. `application` is the program that writes it.
pub fn section(buffer: &mut Vec<u8>, application: &str) {
    block(buffer, SECTION, |body| {
        number(body, BYTE_ORDER);
        // Version 1.0; the length of the section is not known beforehand (-1).
        short(body, 1);
        short(body, 0);
        body.extend_from_slice(&(-1i64).to_ne_bytes());
        option(body, 3, b"Linux");
        option(body, 4, application.as_bytes());
        end_of_options(body);
    });
}

/// Appends the description of an interface. Packets refer to interfaces by the order of these, from 0.
pub fn interface(buffer: &mut Vec<u8>, interface: &Interface) {
    block(buffer, INTERFACE, |body| {
        short(body, interface.link.number());
        short(body, 0);
        number(body, interface.snaplen);
        option(body, 2, interface.name.as_bytes());
        option(body, 3, interface.description.as_bytes());
        option(body, 9, &[NANOSECONDS]);
        if let Some(filter) = &interface.filter {
            // A zero before it says that it is text.
            option(body, 11, &[&[0], filter.as_bytes()].concat());
        }
        end_of_options(body);
    });
}

/// Appends a packet.
pub fn packet(buffer: &mut Vec<u8>, packet: &Packet<'_>) {
    block(buffer, PACKET, |body| {
        number(body, packet.device as u32);
        time(body, packet.time);
        number(body, packet.captured() as u32);
        number(body, packet.length);
        packet.append_to(body);
        pad(body);
        option(body, 2, &flags(packet.class).to_ne_bytes());
        end_of_options(body);
    });
}

/// Appends the counters of the interface with this number, as they were at `now`; the capture began at `begin`, both in
/// nanoseconds since 1970.
pub fn statistics(buffer: &mut Vec<u8>, interface: usize, counters: &Counters, begin: u64, now: u64) {
    block(buffer, STATISTICS, |body| {
        number(body, interface as u32);
        time(body, now);
        for (code, at) in [(2, begin), (3, now)] {
            let mut value = Vec::new();
            time(&mut value, at);
            option(body, code, &value);
        }
        option(body, 4, &counters.received.to_ne_bytes());
        option(body, 5, &counters.dropped.to_ne_bytes());
        option(body, 8, &counters.captured.to_ne_bytes());
        end_of_options(body);
    });
}

/// `epb_flags`: the direction (bits 0 and 1), and how it was received (bits 2 to 4).
fn flags(class: Class) -> u32 {
    let (direction, reception) = match class {
        Class::Host => (1, 1),
        Class::Multicast => (1, 2),
        Class::Broadcast => (1, 3),
        Class::OtherHost => (1, 4),
        Class::Outgoing => (2, 0),
    };
    direction | reception << 2
}

/// A block is its type, its length, what `write` appends, and its length again.
fn block(buffer: &mut Vec<u8>, kind: u32, write: impl FnOnce(&mut Vec<u8>)) {
    let start = buffer.len();
    number(buffer, kind);
    number(buffer, 0);
    write(buffer);
    let length = (buffer.len() - start + 4) as u32;
    number(buffer, length);
    buffer[start + 4..start + 8].copy_from_slice(&length.to_ne_bytes());
}

/// An option is its code, the length of its value, and the value, filled up to four bytes. What is longer than an option can
/// say is cut.
fn option(buffer: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    short(buffer, code);
    short(buffer, value.len() as u16);
    buffer.extend_from_slice(value);
    pad(buffer);
}

fn end_of_options(buffer: &mut Vec<u8>) {
    number(buffer, 0);
}

/// Blocks and what is in them begin at multiples of four bytes.
fn pad(buffer: &mut Vec<u8>) {
    buffer.resize(buffer.len().next_multiple_of(4), 0);
}

/// A time is two numbers, the upper half first, whatever the byte order.
fn time(buffer: &mut Vec<u8>, nanoseconds: u64) {
    number(buffer, (nanoseconds >> 32) as u32);
    number(buffer, nanoseconds as u32);
}

fn number(buffer: &mut Vec<u8>, value: u32) {
    buffer.extend_from_slice(&value.to_ne_bytes());
}

fn short(buffer: &mut Vec<u8>, value: u16) {
    buffer.extend_from_slice(&value.to_ne_bytes());
}

/// Where in `blocks`, which begins with a block, the last block ends that is in it as a whole, and how many packets stand before
/// that.
pub fn whole(blocks: &[u8]) -> (usize, u64) {
    let (mut end, mut packets) = (0, 0);
    let field = |at: usize| blocks.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
    while let (Some(kind), Some(length)) = (field(end), field(end + 4)) {
        let next = end + length as usize;
        if length == 0 || next > blocks.len() {
            break;
        }
        end = next;
        packets += u64::from(kind == PACKET);
    }
    (end, packets)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of four bytes, and texts that are filled up to four.
    fn bytes(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    /// Two numbers of two bytes in the place of one of four.
    fn pair(first: u16, second: u16) -> u32 {
        let bytes = [first.to_ne_bytes(), second.to_ne_bytes()].concat();
        u32::from_ne_bytes(bytes.try_into().unwrap())
    }

    fn text(text: &[u8; 4]) -> u32 {
        u32::from_ne_bytes(*text)
    }

    #[test]
    fn a_section_says_its_byte_order_and_who_wrote_it() {
        let mut buffer = Vec::new();
        section(&mut buffer, "ab 1");
        let options = [pair(3, 5), text(b"Linu"), text(b"x\0\0\0"), pair(4, 4), text(b"ab 1"), 0];
        let head = [0x0a0d_0d0a, 52, 0x1a2b_3c4d, pair(1, 0), u32::MAX, u32::MAX];
        assert_eq!(buffer, bytes(&[&head[..], &options, &[52]].concat()));
    }

    #[test]
    fn an_interface_has_a_name_and_counts_nanoseconds() {
        let mut buffer = Vec::new();
        let filter = Some("arp".to_owned());
        let (name, description) = ("eth1".to_owned(), "ns1".to_owned());
        interface(&mut buffer, &Interface { link: LinkType::Ethernet, name, description, snaplen: 96, filter });
        let options = [
            [pair(2, 4), text(b"eth1")],
            [pair(3, 3), text(b"ns1\0")],
            [pair(9, 1), text(b"\x09\0\0\0")],
            [pair(11, 4), text(b"\0arp")],
        ];
        assert_eq!(buffer, bytes(&[&[1, 56, pair(1, 0), 96], options.as_flattened(), &[0, 56]].concat()));
    }

    #[test]
    fn a_packet_has_its_time_and_direction() {
        let frame = [7; 14];
        let seen = |class| {
            let mut buffer = Vec::new();
            packet(&mut buffer, &Packet::new(3, 0x1_0000_0002, class, LinkType::Ethernet, 60, &frame));
            buffer
        };
        let words = |flags| {
            let data = [text(&[7; 4]), text(&[7; 4]), text(&[7; 4]), text(&[7, 7, 0, 0])];
            bytes(&[&[6, 60, 3, 1, 2, 14, 60], &data[..], &[pair(2, 4), flags, 0, 60]].concat())
        };
        // 4.3.1: bits 0 and 1 are the direction, 2 to 4 the reception type
        assert_eq!(seen(Class::Host), words(0b00101));
        assert_eq!(seen(Class::Broadcast), words(0b01101));
        assert_eq!(seen(Class::OtherHost), words(0b10001));
        assert_eq!(seen(Class::Outgoing), words(0b00010));
    }

    #[test]
    fn the_counters_stand_at_the_end() {
        let mut buffer = Vec::new();
        let counters = Counters { captured: 5, received: 0x1_0000_0007, dropped: 2 };
        statistics(&mut buffer, 1, &counters, 0x2_0000_0003, 0x4_0000_0005);
        let long = |value: u64| bytes_of(value);
        let options = [
            &[pair(2, 8), 2, 3][..],
            &[pair(3, 8), 4, 5],
            &[&[pair(4, 8)][..], &long(0x1_0000_0007)].concat(),
            &[&[pair(5, 8)][..], &long(2)].concat(),
            &[&[pair(8, 8)][..], &long(5)].concat(),
        ]
        .concat();
        assert_eq!(buffer, bytes(&[&[5, 88, 1, 4, 5], options.as_slice(), &[0, 88]].concat()));
    }

    fn bytes_of(value: u64) -> Vec<u32> {
        value.to_ne_bytes().chunks(4).map(|half| u32::from_ne_bytes(half.try_into().unwrap())).collect()
    }

    #[test]
    fn whole_blocks_are_found_in_a_part() {
        let mut buffer = Vec::new();
        section(&mut buffer, "x");
        let mut ends = vec![(0, 0), (buffer.len(), 0)];
        for number in 1..=2 {
            packet(&mut buffer, &Packet::new(0, 0, Class::Host, LinkType::Ethernet, 60, &[1; 33]));
            ends.push((buffer.len(), number));
        }
        for cut in 0..=buffer.len() {
            let expected = ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
            assert_eq!(whole(&buffer[..cut]), *expected, "{cut}");
        }
    }
}
