//! One packet as it was seen.

/// Where a packet was going to when it was seen (`sll_pkttype`, packet(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// In, to this device's own address.
    Host,
    /// In, to all.
    Broadcast,
    /// In, to a group.
    Multicast,
    /// In, to somebody else: seen because the device is promiscuous.
    OtherHost,
    /// Out.
    Outgoing,
}

impl Class {
    /// From the kernel's number; `None` for what is none of the above.
    pub fn of_pkttype(number: u8) -> Option<Class> {
        [Class::Host, Class::Broadcast, Class::Multicast, Class::OtherHost, Class::Outgoing]
            .get(usize::from(number))
            .copied()
    }

    /// As tcpdump says it for a capture of several devices.
    pub fn word(self) -> &'static str {
        match self {
            Class::Host => "In",
            Class::Broadcast => "B",
            Class::Multicast => "M",
            Class::OtherHost => "P",
            Class::Outgoing => "Out",
        }
    }
}

/// What a device carries (`LINKTYPE_*`, <https://www.tcpdump.org/linktypes.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkType {
    /// Ethernet, and what pretends to be (veth, bridges, `lo`).
    Ethernet,
    /// IP without anything before it (tun, ipip, WireGuard).
    RawIp,
}

impl LinkType {
    /// The number in a file.
    pub fn number(self) -> u16 {
        match self {
            LinkType::Ethernet => 1,
            LinkType::RawIp => 101,
        }
    }

    /// The name that tcpdump has for it (`-y`).
    pub fn name(self) -> &'static str {
        match self {
            LinkType::Ethernet => "EN10MB",
            LinkType::RawIp => "RAW",
        }
    }
}

/// The two addresses, behind which a VLAN tag stands (IEEE 802.1Q).
const ADDRESSES: usize = 12;

/// A packet, in the ring of the kernel: what it was like on the wire, with the VLAN tag that the kernel took out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Which of the devices of the capture, by its place among them.
    pub device: usize,
    /// When it was seen: nanoseconds since 1970.
    pub time: u64,
    /// Where it was going to.
    pub class: Class,
    /// What the device carries.
    pub link: LinkType,
    /// Its length in bytes, however much of it was captured.
    pub length: u32,
    /// TPID and TCI, four bytes as they stand behind the addresses.
    tag: Option<[u8; 4]>,
    /// What was captured, without the tag.
    bytes: &'a [u8],
    /// How many bytes at most were asked for.
    limit: usize,
}

impl<'a> Packet<'a> {
    /// A packet of which `bytes` were captured, `snaplen` at most.
    pub fn new(device: usize, time: u64, class: Class, link: LinkType, length: u32, bytes: &'a [u8]) -> Packet<'a> {
        Packet { device, time, class, link, length, tag: None, bytes, limit: usize::MAX }
    }

    /// The same, with the tag that the kernel took out.
    pub fn tagged(mut self, tpid: u16, tci: u16) -> Packet<'a> {
        if self.link == LinkType::Ethernet && self.bytes.len() >= ADDRESSES {
            let [a, b] = tpid.to_be_bytes();
            let [c, d] = tci.to_be_bytes();
            self.tag = Some([a, b, c, d]);
            self.length += 4;
        }
        self
    }

    /// The same, cut to `snaplen` bytes.
    pub fn cut(mut self, snaplen: u32) -> Packet<'a> {
        self.limit = usize::try_from(snaplen).unwrap_or(usize::MAX);
        self
    }

    /// How many bytes [`append_to`](Self::append_to) appends.
    pub fn captured(&self) -> usize {
        (self.bytes.len() + self.tag.map_or(0, |tag| tag.len())).min(self.limit)
    }

    /// Appends what was captured, the tag in its place.
    pub fn append_to(&self, buffer: &mut Vec<u8>) {
        let end = buffer.len() + self.captured();
        match self.tag {
            None => buffer.extend_from_slice(self.bytes),
            Some(tag) => {
                let (addresses, rest) = self.bytes.split_at(ADDRESSES);
                buffer.extend_from_slice(addresses);
                buffer.extend_from_slice(&tag);
                buffer.extend_from_slice(rest);
            }
        }
        buffer.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(packet: &Packet) -> Vec<u8> {
        let mut buffer = vec![9];
        packet.append_to(&mut buffer);
        assert_eq!(buffer.len(), 1 + packet.captured());
        buffer.split_off(1)
    }

    #[test]
    fn the_tag_is_put_back_behind_the_addresses() {
        let frame: Vec<u8> = (0..20).collect();
        let plain = Packet::new(0, 0, Class::Host, LinkType::Ethernet, 60, &frame);
        assert_eq!(bytes(&plain), frame);
        let tagged = plain.tagged(0x8100, 0x600a);
        assert_eq!(bytes(&tagged), [&frame[..12], &[0x81, 0, 0x60, 0x0a], &frame[12..]].concat());
        assert_eq!(tagged.length, 64);
        assert_eq!(bytes(&tagged.cut(14)), [&frame[..12], &[0x81, 0]].concat());
        assert_eq!(bytes(&tagged.cut(24)).len(), 24);
    }

    #[test]
    fn what_has_no_place_for_a_tag_gets_none() {
        let short = Packet::new(0, 0, Class::Host, LinkType::Ethernet, 60, &[0; 11]);
        assert_eq!(short.tagged(0x8100, 1), short);
        let ip = Packet::new(0, 0, Class::Host, LinkType::RawIp, 60, &[0; 40]);
        assert_eq!(ip.tagged(0x8100, 1), ip);
    }
}
