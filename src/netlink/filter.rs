//! Filters at the doors of a device: `tc filter`, as far as it takes to copy what passes there, and to limit it.
//!
//! They hang on a `clsact` discipline (tc(8)), select by `u32` (tc-u32(8), which every kernel with `tc` has), and act by tc-mirred(8) and tc-police(8).
//! After its action each goes on to the next filter, so that several stand side by side. linux/pkt_cls.h has the numbers.

use netlink_packet_core::{
    DecodeError, DefaultNla, NLM_F_CREATE, NLM_F_EXCL, NetlinkDeserializable, NetlinkHeader, NlaBuffer, NlasIterator,
    parse_string, parse_u32,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcHeader, TcMessage};
use nix::errno::Errno;

use super::error::Error;
use super::police::Police;
use super::qdisc::{HEADER_LEN, TCA_KIND, TCA_OPTIONS, attribute};
use super::request::{Netlink, Request};

/// What a kernel without `CONFIG_NET_SCH_INGRESS` lacks.
pub const CLSACT: &str = "clsact (module sch_ingress)";
/// What a kernel without `CONFIG_NET_CLS_U32`, or without the action, lacks: it answers ENOENT to either.
pub const MIRRED: &str = "mirroring by tc (modules cls_u32 and act_mirred)";

/// The longest cookie of an action, in bytes (`TC_COOKIE_MAX_SIZE`).
pub const COOKIE_MAX: usize = 16;

/// linux/pkt_cls.h, linux/tc_act/tc_mirred.h.
const TCA_U32_SEL: u16 = 5;
const TCA_U32_ACT: u16 = 7;
const TC_U32_TERMINAL: u8 = 1;
const TCA_ACT_KIND: u16 = 1;
const TCA_ACT_OPTIONS: u16 = 2;
const TCA_ACT_COOKIE: u16 = 6;
const TCA_MIRRED_PARMS: u16 = 2;
const TCA_EGRESS_MIRROR: i32 = 2;
/// `TC_ACT_UNSPEC`: on to the next filter.
pub(super) const GO_ON: i32 = -1;
/// `ETH_P_ALL`, in the byte order of the network.
const ANY_PROTOCOL: u32 = 0x0003_u16.to_be() as u32;
/// `TC_H_CLSACT`, which `clsact` hangs on; also the major number of its doors.
const DOORS: u16 = 0xffff;

/// A door of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// What it receives.
    Ingress,
    /// What it sends.
    Egress,
}

/// A filter that acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The link that has it.
    pub link: u32,
    /// Its door.
    pub hook: Hook,
    /// The lower, the earlier (`pref`); several may share one.
    pub pref: u16,
    /// What tells it from others of its `pref` (`handle`, `fh`).
    pub handle: u32,
    /// What it does.
    pub action: Action,
    /// The note on its action.
    pub cookie: Vec<u8>,
}

/// What a filter does, of those that we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Sends a copy out of the link of this index; 0 where that is gone.
    Mirror(u32),
    /// Drops what is too much.
    Police(Police),
    /// Another one, by its name.
    Other(String),
}

impl Hook {
    /// The word for it in tc(8).
    pub fn as_str(self) -> &'static str {
        match self {
            Hook::Ingress => "ingress",
            Hook::Egress => "egress",
        }
    }

    /// `TC_H_MIN_INGRESS`, `TC_H_MIN_EGRESS`.
    fn parent(self) -> TcHandle {
        let minor = match self {
            Hook::Ingress => 0xfff2,
            Hook::Egress => 0xfff3,
        };
        TcHandle { major: DOORS, minor }
    }
}

/// `tc qdisc add dev DEV clsact`. EEXIST where there is one.
pub fn add_clsact(link: u32) -> Request {
    let mut message = message(link, TcHandle { major: DOORS, minor: 0xfff1 });
    message.header.handle = TcHandle { major: DOORS, minor: 0 };
    message.attributes.push(TcAttribute::Kind("clsact".to_owned()));
    let words = format!("qdisc add dev if{link} clsact");
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    Request::new(words, flags, RouteNetlinkMessage::NewQueueDiscipline(message)).needing_or(CLSACT, Errno::ENOENT)
}

/// `tc qdisc del dev DEV clsact`, with its filters.
pub fn delete_clsact(link: u32) -> Request {
    let message = message(link, TcHandle { major: DOORS, minor: 0xfff1 });
    Request::new(format!("qdisc del dev if{link} clsact"), 0, RouteNetlinkMessage::DelQueueDiscipline(message))
}

/// `tc filter add dev DEV HOOK pref PREF u32 match u32 0 0 action mirred egress mirror dev TO continue cookie COOKIE`: of each frame a
/// copy.
pub fn add_mirror(link: u32, hook: Hook, pref: u16, to: u32, cookie: &[u8]) -> Request {
    let (index, capabilities, references, bindings) = (0_u32, 0_u32, 0_i32, 0_i32);
    let mut parms = [index.to_ne_bytes(), capabilities.to_ne_bytes(), GO_ON.to_ne_bytes()].concat();
    parms.extend([references, bindings, TCA_EGRESS_MIRROR].map(i32::to_ne_bytes).concat());
    parms.extend(to.to_ne_bytes());
    let words = format!("filter add dev if{link} {} pref {pref} u32 action mirred", hook.as_str());
    add(words, (link, hook, pref), &EVERYTHING, &action("mirred", &attribute(TCA_MIRRED_PARMS, &parms), cookie))
        .needing_or(MIRRED, Errno::ENOENT)
}

/// One action, as a list of actions has it.
pub(super) fn action(kind: &str, options: &[u8], cookie: &[u8]) -> Vec<u8> {
    let name = [kind.as_bytes(), &[0]].concat();
    let mut parts = attribute(TCA_ACT_KIND, &name);
    parts.extend(attribute(TCA_ACT_OPTIONS, options));
    parts.extend(attribute(TCA_ACT_COOKIE, cookie));
    attribute(1, &parts)
}

/// A key that is zero under a mask of zero.
const EVERYTHING: [u8; 16] = [0; 16];

/// A filter of the frames that one `struct tc_u32_key` selects.
pub(super) fn add(words: String, (link, hook, pref): (u32, Hook, u16), key: &[u8; 16], actions: &[u8]) -> Request {
    // `struct tc_u32_sel` with the key behind it.
    let mut selector = [0; 32];
    selector[16..].copy_from_slice(key);
    (selector[0], selector[2]) = (TC_U32_TERMINAL, 1);
    let options = [attribute(TCA_U32_SEL, &selector), attribute(TCA_U32_ACT, actions)].concat();
    let mut message = message(link, hook.parent());
    message.header.info = u32::from(pref) << 16 | ANY_PROTOCOL;
    message.attributes.push(TcAttribute::Kind("u32".to_owned()));
    message.attributes.push(TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options)));
    Request::new(words, NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewTrafficFilter(message))
}

/// `tc filter del dev DEV HOOK pref PREF handle HANDLE u32`. ENOENT where there is none.
pub fn delete(filter: &Filter) -> Request {
    let Filter { link, hook, pref, handle, .. } = filter;
    let mut message = message(*link, hook.parent());
    message.header.info = u32::from(*pref) << 16 | ANY_PROTOCOL;
    message.header.handle = TcHandle::from(*handle);
    message.attributes.push(TcAttribute::Kind("u32".to_owned()));
    let words = format!("filter del dev if{link} {} pref {pref}", hook.as_str());
    Request::new(words, 0, RouteNetlinkMessage::DelTrafficFilter(message))
}

/// `tc filter del dev DEV HOOK pref PREF`: all of that preference.
pub fn delete_all(link: u32, hook: Hook, pref: u16) -> Request {
    let mut message = message(link, hook.parent());
    message.header.info = u32::from(pref) << 16 | ANY_PROTOCOL;
    let words = format!("filter del dev if{link} {} pref {pref}", hook.as_str());
    Request::new(words, 0, RouteNetlinkMessage::DelTrafficFilter(message))
}

fn message(link: u32, parent: TcHandle) -> TcMessage {
    let mut message = TcMessage::default();
    // An index is at most INT_MAX (`dev_index_reserve`, net/core/dev.c).
    message.header.index = i32::try_from(link).unwrap_or_default();
    message.header.parent = parent;
    message
}

impl Netlink {
    /// The filters at a door of a link that have an action that we can read; none where it has no such door.
    pub fn filters(&mut self, link: u32, hook: Hook) -> Result<Vec<Filter>, Error> {
        let answers = self.filter_answers(link, hook)?;
        Ok(answers.into_iter().filter_map(|answer| answer.0).map(|filter| Filter { hook, ..filter }).collect())
    }

    /// Whether there are any filters at a door of a link, whatever they do.
    pub fn has_filters(&mut self, link: u32, hook: Hook) -> Result<bool, Error> {
        Ok(!self.filter_answers(link, hook)?.is_empty())
    }

    fn filter_answers(&mut self, link: u32, hook: Hook) -> Result<Vec<Answer>, Error> {
        let question = RouteNetlinkMessage::GetTrafficFilter(message(link, hook.parent()));
        self.route.dump(question).map_err(|failure| failure.of("filter show"))
    }
}

/// What the kernel tells of a filter, if that acts.
struct Answer(Option<Filter>);

impl NetlinkDeserializable for Answer {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let header = TcHeader::parse(payload)?;
        let (mut kind, mut options) = (String::new(), Vec::new());
        for (number, value) in attributes(&payload[HEADER_LEN..])? {
            match number {
                TCA_KIND => kind = parse_string(value)?,
                TCA_OPTIONS => options = value.to_vec(),
                _ => {}
            }
        }
        // Of other classifiers the options have other numbers.
        let actions = match kind.as_str() {
            "u32" => attributes(&options)?.into_iter().find(|(number, _)| *number == TCA_U32_ACT),
            _ => None,
        };
        let Some((_, actions)) = actions else { return Ok(Answer(None)) };
        let Some((_, first)) = attributes(actions)?.into_iter().next() else { return Ok(Answer(None)) };
        let (action, cookie) = read_action(first)?;
        Ok(Answer(Some(Filter {
            link: u32::try_from(header.index).unwrap_or_default(),
            hook: Hook::Ingress,
            pref: u16::try_from(header.info >> 16).unwrap_or_default(),
            handle: header.handle.into(),
            action,
            cookie,
        })))
    }
}

fn read_action(action: &[u8]) -> Result<(Action, Vec<u8>), DecodeError> {
    let (mut kind, mut options, mut cookie) = (String::new(), Vec::new(), Vec::new());
    for (number, value) in attributes(action)? {
        match number {
            TCA_ACT_KIND => kind = parse_string(value)?,
            TCA_ACT_OPTIONS => options = attributes(value)?,
            TCA_ACT_COOKIE => cookie = value.to_vec(),
            _ => {}
        }
    }
    let find = |wanted: u16| options.iter().find(|(number, _)| *number == wanted).map(|(_, value)| *value);
    let action = match (kind.as_str(), find(TCA_MIRRED_PARMS)) {
        ("mirred", Some(parms)) if parms.len() >= 28 && parms[20..24] == TCA_EGRESS_MIRROR.to_ne_bytes() => {
            Action::Mirror(parse_u32(&parms[24..28])?)
        }
        ("police", _) => Police::read(&options)?.map_or(Action::Other(kind), Action::Police),
        _ => Action::Other(kind),
    };
    Ok((action, cookie))
}

/// The attributes in `bytes`, by number, without the flags of those that hold others (`NLA_TYPE_MASK`, linux/netlink.h).
pub(super) fn attributes(bytes: &[u8]) -> Result<Vec<(u16, &[u8])>, DecodeError> {
    let mut found = Vec::new();
    for attribute in NlasIterator::new(bytes) {
        let attribute: NlaBuffer<&[u8]> = attribute?;
        let (kind, end) = (attribute.kind() & 0x3fff, usize::from(attribute.length()));
        found.push((kind, attribute.into_inner().get(4..end).unwrap_or_default()));
    }
    Ok(found)
}
