//! What a link has counted: `ip -s link`.

use netlink_packet_core::{DecodeError, NetlinkDeserializable, NetlinkHeader, NlasIterator, parse_string};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkHeader, LinkMessage};
use nix::libc;

use super::Device;
use super::answer::HEADER_LEN;
use crate::netlink::error::Error;
use crate::netlink::request::Netlink;

/// A link's counters since it was made. Received is what came in through it to this host, also where it is a port of a bridge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkStatistics {
    /// Its name.
    pub name: String,
    /// What came in.
    pub received: Counted,
    /// What went out.
    pub sent: Counted,
}

/// One direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Packets.
    pub packets: u64,
    /// Their bytes, with the Ethernet header, without the checksum.
    pub bytes: u64,
    /// Packets that were bad.
    pub errors: u64,
    /// Packets that there was no room for.
    pub dropped: u64,
}

impl Netlink {
    /// Those of all links of the namespace, by index.
    pub fn all_statistics(&mut self) -> Result<Vec<LinkStatistics>, Error> {
        let answers = self.route.dump(RouteNetlinkMessage::GetLink(LinkMessage::default()));
        answers.map_err(|failure| failure.of("-s link show"))
    }

    /// Those of one link; `None` where there is none of this name.
    pub fn statistics(&mut self, name: &str) -> Result<Option<LinkStatistics>, Error> {
        let answer = self.route.get(RouteNetlinkMessage::GetLink(Device::from(name).message()));
        match answer.map_err(|failure| failure.of(format!("-s link show {name}"))) {
            Ok(statistics) => Ok(statistics),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl NetlinkDeserializable for LinkStatistics {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        LinkHeader::parse(payload)?;
        let mut statistics = Self::default();
        for attribute in NlasIterator::new(&payload[HEADER_LEN..]) {
            let attribute = attribute?;
            match attribute.kind() {
                libc::IFLA_IFNAME => statistics.name = parse_string(attribute.value())?,
                libc::IFLA_STATS64 => statistics.take(attribute.value()),
                _ => {}
            }
        }
        Ok(statistics)
    }
}

impl LinkStatistics {
    /// `struct rtnl_link_stats64`, linux/if_link.h: numbers of eight bytes, of which newer kernels have more.
    fn take(&mut self, value: &[u8]) {
        let number = |chunk: &[u8]| chunk.try_into().map_or(0, u64::from_ne_bytes);
        let numbers: Vec<u64> = value.chunks(8).map(number).collect();
        let at = |index: usize| numbers.get(index).copied().unwrap_or_default();
        self.received = Counted { packets: at(0), bytes: at(2), errors: at(4), dropped: at(6) };
        self.sent = Counted { packets: at(1), bytes: at(3), errors: at(5), dropped: at(7) };
    }
}
