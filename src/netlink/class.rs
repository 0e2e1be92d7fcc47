//! Classes of the disciplines that share a link out: `tc class`, of tc-htb(8) and tc-hfsc(7) (linux/pkt_sched.h).

use netlink_packet_core::{
    DecodeError, DefaultNla, NLM_F_CREATE, NLM_F_EXCL, NetlinkDeserializable, NetlinkHeader, parse_string, parse_u32,
    parse_u64,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHeader, TcMessage};
use nix::errno::Errno;

use super::error::Error;
use super::filter::attributes;
use super::qdisc::{ETHERNET, HEADER_LEN, Handle, TCA_KIND, TCA_OPTIONS, attribute, message, number, saturated};
use super::request::{Netlink, Request};

/// What a kernel without `CONFIG_NET_SCH_HTB` lacks.
const HTB: &str = "htb (module sch_htb)";
/// What a kernel without `CONFIG_NET_SCH_HFSC` lacks.
const HFSC: &str = "hfsc (module sch_hfsc)";
const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const TCA_HTB_RATE64: u16 = 6;
const TCA_HTB_CEIL64: u16 = 7;
const TCA_HFSC_RSC: u16 = 1;
const TCA_HFSC_FSC: u16 = 2;
const TCA_HFSC_USC: u16 = 3;

/// A discipline with classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shaper {
    /// tc-htb(8).
    Htb,
    /// tc-hfsc(7).
    Hfsc,
}

/// The limits of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How much it may always have, in bytes a second.
    pub min: u64,
    /// How much it has at most, in bytes a second.
    pub max: u64,
    /// `htb`: how long the burst takes at `min`, and at `max`, in ticks of the scheduler.
    pub buffers: [u32; 2],
    /// `htb`: what the lower leaves, the higher gets.
    pub priority: u32,
}

/// A class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// Its number.
    pub id: Handle,
    /// Its discipline.
    pub shaper: Shaper,
    /// Its limits.
    pub limits: Limits,
}

impl Shaper {
    /// The word for it in tc(8).
    pub fn as_str(self) -> &'static str {
        match self {
            Shaper::Htb => "htb",
            Shaper::Hfsc => "hfsc",
        }
    }

    fn needs(self) -> &'static str {
        match self {
            Shaper::Htb => HTB,
            Shaper::Hfsc => HFSC,
        }
    }
}

/// `tc qdisc add dev DEV root handle HANDLE htb|hfsc default 1`. EEXIST where another one is in the way.
pub fn add_shaper(link: u32, handle: Handle, shaper: Shaper) -> Request {
    let options = match shaper {
        // `struct tc_htb_glob`: the version, how a quantum follows from a rate, the class of what nobody directs elsewhere.
        Shaper::Htb => attribute(TCA_HTB_INIT, &[3_u32, 10, 1, 0, 0].map(u32::to_ne_bytes).concat()),
        // `struct tc_hfsc_qopt`
        Shaper::Hfsc => 1_u16.to_ne_bytes().to_vec(),
    };
    let mut message = message(link, Handle::ROOT, handle);
    message.attributes.push(TcAttribute::Kind(shaper.as_str().to_owned()));
    message.attributes.push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options)));
    let words = format!("qdisc add dev if{link} root handle {} {}", number(handle), shaper.as_str());
    let request = Request::new(words, NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewQueueDiscipline(message));
    request.needing_or(shaper.needs(), Errno::ENOENT)
}

/// `tc class replace dev DEV parent PARENT classid ID …`.
pub fn set(link: u32, parent: Handle, id: Handle, shaper: Shaper, limits: Limits) -> Request {
    let options = match shaper {
        Shaper::Htb => htb_options(limits),
        Shaper::Hfsc => hfsc_options(limits),
    };
    let mut message = message(link, parent, id);
    message.attributes.push(TcAttribute::Kind(shaper.as_str().to_owned()));
    message.attributes.push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options)));
    let words = format!("class replace dev if{link} classid {}{:x} {}", number(id), id.minor, shaper.as_str());
    Request::new(words, NLM_F_CREATE, RouteNetlinkMessage::NewTrafficClass(message))
}

/// `tc class del dev DEV classid ID`.
pub fn delete(link: u32, id: Handle) -> Request {
    let message = message(link, Handle::UNSPEC, id);
    let words = format!("class del dev if{link} classid {}{:x}", number(id), id.minor);
    Request::new(words, 0, RouteNetlinkMessage::DelTrafficClass(message))
}

/// `struct tc_htb_opt`: two `struct tc_ratespec`, then buffer, cbuffer, quantum, level, prio. Where the rates say that this is
/// Ethernet, the kernel computes what rate tables would tell it.
fn htb_options(limits: Limits) -> Vec<u8> {
    let rate = |rate: u64| [&[0, ETHERNET, 0, 0, 0, 0, 0, 0][..], &saturated(rate).to_ne_bytes()].concat();
    let quantum = saturated(limits.min / 10).clamp(1_500, 60_000);
    let mut parms = [rate(limits.min), rate(limits.max)].concat();
    parms.extend([limits.buffers[0], limits.buffers[1], quantum, 0, limits.priority].map(u32::to_ne_bytes).concat());
    let mut bytes = attribute(TCA_HTB_PARMS, &parms);
    for (kind, rate) in [(TCA_HTB_RATE64, limits.min), (TCA_HTB_CEIL64, limits.max)] {
        if rate > u64::from(u32::MAX) {
            bytes.extend(attribute(kind, &rate.to_ne_bytes()));
        }
    }
    bytes
}

/// `struct tc_service_curve`, without a burst: as ovs-vswitchd has them (`hfsc_setup_class__`, lib/netdev-linux.c).
fn hfsc_options(limits: Limits) -> Vec<u8> {
    let curve = |rate: u64| [saturated(rate), 0, saturated(rate)].map(u32::to_ne_bytes).concat();
    let (min, max) = (curve(limits.min), curve(limits.max));
    [attribute(TCA_HFSC_RSC, &min), attribute(TCA_HFSC_FSC, &min), attribute(TCA_HFSC_USC, &max)].concat()
}

impl Netlink {
    /// The classes of a link's disciplines that are `htb` or `hfsc`.
    pub fn classes(&mut self, link: u32) -> Result<Vec<Class>, Error> {
        let message: TcMessage = message(link, Handle::UNSPEC, Handle::UNSPEC);
        let answers: Result<Vec<Answer>, _> = self.route.dump(RouteNetlinkMessage::GetTrafficClass(message));
        let answers = answers.map_err(|failure| failure.of("class show"))?;
        Ok(answers.into_iter().filter_map(|answer| answer.0).collect())
    }
}

/// What the kernel tells of a class, if we know its discipline.
struct Answer(Option<Class>);

impl NetlinkDeserializable for Answer {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let header = TcHeader::parse(payload)?;
        let (mut kind, mut options) = (String::new(), Vec::new());
        for (number, value) in attributes(payload.get(HEADER_LEN..).unwrap_or_default())? {
            match number {
                TCA_KIND => kind = parse_string(value)?,
                TCA_OPTIONS => options = attributes(value)?,
                _ => {}
            }
        }
        let class = match kind.as_str() {
            "htb" => read_htb(&options)?.map(|limits| (Shaper::Htb, limits)),
            "hfsc" => read_hfsc(&options)?.map(|limits| (Shaper::Hfsc, limits)),
            _ => None,
        };
        Ok(Answer(class.map(|(shaper, limits)| Class { id: header.handle, shaper, limits })))
    }
}

fn find<'a>(options: &[(u16, &'a [u8])], wanted: u16) -> Option<&'a [u8]> {
    options.iter().find(|(number, _)| *number == wanted).map(|(_, value)| *value)
}

fn read_htb(options: &[(u16, &[u8])]) -> Result<Option<Limits>, DecodeError> {
    let Some(parms) = find(options, TCA_HTB_PARMS).filter(|parms| parms.len() >= 44) else { return Ok(None) };
    let field = |at: usize| parse_u32(&parms[at..at + 4]);
    let full = |wanted: u16, at: usize| match find(options, wanted) {
        Some(rate) => parse_u64(rate),
        None => field(at).map(u64::from),
    };
    let (min, max) = (full(TCA_HTB_RATE64, 8)?, full(TCA_HTB_CEIL64, 20)?);
    Ok(Some(Limits { min, max, buffers: [field(24)?, field(28)?], priority: field(40)? }))
}

fn read_hfsc(options: &[(u16, &[u8])]) -> Result<Option<Limits>, DecodeError> {
    let rate = |wanted: u16| match find(options, wanted).filter(|curve| curve.len() >= 12) {
        Some(curve) => parse_u32(&curve[8..12]).map(|rate| Some(u64::from(rate))),
        None => Ok(None),
    };
    let (min, max) = (rate(TCA_HFSC_RSC)?, rate(TCA_HFSC_USC)?);
    Ok(min.zip(max).map(|(min, max)| Limits { min, max, buffers: [0, 0], priority: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for (min, max) in [(1_500, 125_000), (u64::from(u32::MAX) + 1, 12_500_000_000)] {
            let limits = Limits { min, max, buffers: [10, 20], priority: 3 };
            let bytes = htb_options(limits);
            assert_eq!(read_htb(&attributes(&bytes).unwrap()).unwrap(), Some(limits));
        }
        let limits = Limits { min: 1_500, max: 125_000, buffers: [0, 0], priority: 0 };
        let bytes = hfsc_options(limits);
        assert_eq!(read_hfsc(&attributes(&bytes).unwrap()).unwrap(), Some(limits));
        assert_eq!(read_htb(&[]).unwrap(), None);
    }
}
