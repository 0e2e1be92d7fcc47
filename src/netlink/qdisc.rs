//! Queueing disciplines: `tc qdisc`, as far as it takes to make a device's network worse.
//!
//! Of `netem` and `tbf` the packet crate knows nothing: their options are written and read here (linux/pkt_sched.h).

use netlink_packet_core::{
    DecodeError, DefaultNla, NLM_F_CREATE, NLM_F_REPLACE, NetlinkDeserializable, NetlinkHeader, NlaBuffer,
    NlasIterator, parse_string, parse_u32, parse_u64,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcHeader, TcMessage};
use nix::errno::Errno;

use super::error::Error;
use super::request::{Netlink, Request};

/// Where a discipline hangs: `root`, or a class of another one, as major and minor number of tc(8) (`1:1`).
pub type Handle = TcHandle;

/// A queueing discipline of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Qdisc {
    /// The index of the link that has it.
    pub link: u32,
    /// What it hangs on: [`TcHandle::ROOT`], or a class.
    pub parent: Handle,
    /// Its own number. The kernel's own choice, and what it gives a device by itself, has none: 0.
    pub handle: Handle,
    /// What it does.
    pub kind: Kind,
}

/// What a discipline does, of those that we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Delay and loss: tc-netem(8).
    Netem(Netem),
    /// A limited rate: tc-tbf(8).
    Tbf(Tbf),
    /// Another one, by its name.
    Other(String),
}

/// The settings of `netem`. What is not here is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Netem {
    /// How many packets it holds at most.
    pub limit: u32,
    /// How long it holds each, in nanoseconds.
    pub delay: u64,
    /// By how much that varies, in nanoseconds; at most `i32::MAX` (`get_jitter`, net/sched/sch_netem.c).
    pub jitter: u64,
    /// How many of 2^32 - 1 packets are lost.
    pub loss: u32,
}

/// The settings of `tbf`, on Ethernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tbf {
    /// In bytes a second.
    pub rate: u64,
    /// How many bytes may go at once. The kernel does not tell it but in rounded time: 0 where it was read.
    pub burst: u32,
    /// How many bytes may wait.
    pub limit: u32,
}

/// What a kernel without `CONFIG_NET_SCH_NETEM` lacks.
pub const NETEM: &str = "netem (module sch_netem)";
/// What a kernel without `CONFIG_NET_SCH_TBF` lacks.
pub const TBF: &str = "tbf (module sch_tbf)";
/// `struct tcmsg`, linux/rtnetlink.h.
pub(super) const HEADER_LEN: usize = 20;
/// linux/rtnetlink.h.
pub(super) const TCA_KIND: u16 = 1;
pub(super) const TCA_OPTIONS: u16 = 2;
/// linux/pkt_sched.h.
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;
const TCA_TBF_BURST: u16 = 6;
/// `struct tc_netem_qopt`: six numbers of 32 bits.
const NETEM_LEN: usize = 24;
/// `TC_LINKLAYER_ETHERNET`: with it the kernel computes what a rate table (`TCA_TBF_RTAB`) would tell it.
pub(super) const ETHERNET: u8 = 1;
/// A tick of the packet scheduler, in nanoseconds (`PSCHED_SHIFT`, net/pkt_sched.h). Fields of 32 bits count in it.
const TICK: u64 = 64;

/// `tc qdisc add dev DEV parent PARENT handle HANDLE KIND …`. One of this handle and kind that is there is changed. EEXIST where
/// another one is in the way, unless that is what the kernel gives devices by itself.
pub fn add(link: u32, parent: Handle, handle: Handle, kind: &Kind) -> Request {
    set("add", NLM_F_CREATE, link, parent, handle, kind)
}

/// The same in place of whatever is there: `tc qdisc replace …`.
pub fn replace(link: u32, parent: Handle, handle: Handle, kind: &Kind) -> Request {
    set("replace", NLM_F_CREATE | NLM_F_REPLACE, link, parent, handle, kind)
}

fn set(verb: &str, flags: u16, link: u32, parent: Handle, handle: Handle, kind: &Kind) -> Request {
    let (name, options) = match kind {
        Kind::Netem(netem) => ("netem", netem.options()),
        Kind::Tbf(tbf) => ("tbf", tbf.options()),
        Kind::Other(name) => (name.as_str(), Vec::new()),
    };
    let mut message = message(link, parent, handle);
    message.attributes.push(TcAttribute::Kind(name.to_owned()));
    message.attributes.push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options)));
    let words = format!("qdisc {verb} dev if{link} {} handle {} {name}", under(parent), number(handle));
    let request = Request::new(words, flags, RouteNetlinkMessage::NewQueueDiscipline(message));
    match kind {
        // The kernel has looked for the module when it answers ENOENT.
        Kind::Netem(_) => request.needing_or(NETEM, Errno::ENOENT),
        Kind::Tbf(_) => request.needing_or(TBF, Errno::ENOENT),
        Kind::Other(_) => request,
    }
}

/// `tc qdisc del dev DEV parent PARENT`, with what hangs below it. The kernel's own choice comes in its place. ENOENT where there
/// is none.
pub fn delete(link: u32, parent: Handle) -> Request {
    let words = format!("qdisc del dev if{link} {}", under(parent));
    Request::new(words, 0, RouteNetlinkMessage::DelQueueDiscipline(message(link, parent, TcHandle::UNSPEC)))
}

pub(super) fn message(link: u32, parent: Handle, handle: Handle) -> TcMessage {
    let mut message = TcMessage::default();
    // An index is at most INT_MAX (`dev_index_reserve`, net/core/dev.c).
    message.header.index = i32::try_from(link).unwrap_or_default();
    (message.header.parent, message.header.handle) = (parent, handle);
    message
}

/// As tc(8) writes what a discipline hangs on.
fn under(parent: Handle) -> String {
    if parent == TcHandle::ROOT { "root".to_owned() } else { format!("parent {}{:x}", number(parent), parent.minor) }
}

pub(super) fn number(handle: Handle) -> String {
    format!("{:x}:", handle.major)
}

impl Netlink {
    /// The disciplines of all links of the namespace: the kernel has no way to ask for one link's only.
    pub fn qdiscs(&mut self) -> Result<Vec<Qdisc>, Error> {
        let question = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        self.route.dump(question).map_err(|failure| failure.of("qdisc show"))
    }
}

/// An attribute as bytes: length, kind, value, and what fills it up to a multiple of four.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub(super) fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Netem {
    /// `struct tc_netem_qopt`, and the times in full behind it.
    fn options(&self) -> Vec<u8> {
        let (gap, duplicate) = (0, 0);
        let ticks = |time: u64| saturated(time / TICK);
        let fixed = [ticks(self.delay), self.limit, self.loss, gap, duplicate, ticks(self.jitter)];
        let mut bytes: Vec<u8> = fixed.iter().flat_map(|number| number.to_ne_bytes()).collect();
        bytes.extend(attribute(TCA_NETEM_LATENCY64, &self.delay.to_ne_bytes()));
        bytes.extend(attribute(TCA_NETEM_JITTER64, &self.jitter.to_ne_bytes()));
        bytes
    }

    fn read(options: &[u8]) -> Result<Self, DecodeError> {
        let Some((fixed, rest)) = options.split_at_checked(NETEM_LEN) else {
            return Err(DecodeError::from("the options of netem are too short"));
        };
        let field = |number: usize| parse_u32(&fixed[4 * number..4 * number + 4]);
        let ticks = |number: usize| field(number).map(|ticks| u64::from(ticks) * TICK);
        let mut netem = Self { limit: field(1)?, delay: ticks(0)?, jitter: ticks(5)?, loss: field(2)? };
        for attribute in NlasIterator::new(rest) {
            let attribute = attribute?;
            match attribute.kind() {
                TCA_NETEM_LATENCY64 => netem.delay = parse_u64(attribute.value())?,
                TCA_NETEM_JITTER64 => netem.jitter = parse_u64(attribute.value())?,
                _ => {}
            }
        }
        Ok(netem)
    }
}

impl Tbf {
    /// `TCA_TBF_PARMS` with `struct tc_tbf_qopt` (two `struct tc_ratespec` of twelve bytes, then limit, buffer, mtu), the rate in
    /// full, and the burst in bytes.
    fn options(&self) -> Vec<u8> {
        let mut fixed = [0; 36];
        fixed[1] = ETHERNET;
        fixed[8..12].copy_from_slice(&saturated(self.rate).to_ne_bytes());
        fixed[24..28].copy_from_slice(&self.limit.to_ne_bytes());
        let mut bytes = attribute(TCA_TBF_PARMS, &fixed);
        bytes.extend(attribute(TCA_TBF_BURST, &self.burst.to_ne_bytes()));
        if self.rate > u64::from(u32::MAX) {
            bytes.extend(attribute(TCA_TBF_RATE64, &self.rate.to_ne_bytes()));
        }
        bytes
    }

    fn read(options: &[u8]) -> Result<Self, DecodeError> {
        let mut tbf = Self::default();
        let mut full = None;
        for attribute in NlasIterator::new(options) {
            let attribute = attribute?;
            match (attribute.kind(), attribute.value()) {
                (TCA_TBF_PARMS, fixed) if fixed.len() >= 28 => {
                    (tbf.rate, tbf.limit) = (parse_u32(&fixed[8..12])?.into(), parse_u32(&fixed[24..28])?);
                }
                (TCA_TBF_RATE64, rate) => full = Some(parse_u64(rate)?),
                _ => {}
            }
        }
        tbf.rate = full.unwrap_or(tbf.rate);
        Ok(tbf)
    }
}

impl NetlinkDeserializable for Qdisc {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let header = TcHeader::parse(payload)?;
        let (mut name, mut options) = (String::new(), None);
        for attribute in NlasIterator::new(&payload[HEADER_LEN..]) {
            let attribute: NlaBuffer<&[u8]> = attribute?;
            match attribute.kind() {
                TCA_KIND => name = parse_string(attribute.value())?,
                TCA_OPTIONS => options = Some(attribute.value().to_vec()),
                _ => {}
            }
        }
        let kind = match (name.as_str(), &options) {
            ("netem", Some(options)) => Kind::Netem(Netem::read(options)?),
            ("tbf", Some(options)) => Kind::Tbf(Tbf::read(options)?),
            _ => Kind::Other(name),
        };
        let link = u32::try_from(header.index).unwrap_or_default();
        Ok(Self { link, parent: header.parent, handle: header.handle, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let netem = Netem { limit: 1000, delay: 20_000_001, jitter: 2_000_000, loss: 42_949_673 };
        assert_eq!(Netem::read(&netem.options()).unwrap(), netem);
        // More ticks than fit into 32 bits.
        let slow = Netem { delay: 3_600_000_000_000, ..netem };
        assert_eq!(Netem::read(&slow.options()).unwrap(), slow);
        for rate in [125, 1_250_000, 12_500_000_000] {
            let tbf = Tbf { rate, burst: 50_000, limit: 112_500 };
            assert_eq!(Tbf::read(&tbf.options()).unwrap(), Tbf { burst: 0, ..tbf });
        }
    }

    #[test]
    fn what_an_old_kernel_tells_is_enough() {
        // net/sched/sch_netem.c had times in ticks alone until version 4.15.
        let netem = Netem { limit: 1000, delay: 64_000, jitter: 6_400, loss: 1 };
        assert_eq!(Netem::read(&netem.options()[..NETEM_LEN]).unwrap(), netem);
        assert!(Netem::read(&[0; NETEM_LEN - 1]).is_err());
    }
}
