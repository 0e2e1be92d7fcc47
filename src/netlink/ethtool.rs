//! Offloads of a link: `ethtool -k` and `-K`, over generic netlink (Documentation/networking/ethtool-netlink.rst).

use std::collections::HashMap;
use std::io;
use std::sync::OnceLock;

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable,
    NlaBuffer, NlasIterator, parse_string, parse_u16, parse_u32,
};
use netlink_sys::protocols::NETLINK_GENERIC;
use nix::errno::Errno;

use super::error::{Error, Refusal};
use super::request::{Datagram, Netlink, Request};
use super::socket::{Failure, Socket};

/// `struct genlmsghdr`, linux/genetlink.h: command, version, two bytes reserved.
const GENERIC_HEADER_LEN: usize = 4;
/// `GENL_ID_CTRL`: the family that knows the numbers of the others.
const CONTROLLER: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

// linux/ethtool_netlink.h
const ETHTOOL_MSG_STRSET_GET: u8 = 1;
const ETHTOOL_MSG_FEATURES_GET: u8 = 11;
const ETHTOOL_MSG_FEATURES_SET: u8 = 12;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const ETHTOOL_A_HEADER_FLAGS: u16 = 3;
const ETHTOOL_FLAG_COMPACT_BITSETS: u32 = 1;
const ETHTOOL_FLAG_OMIT_REPLY: u32 = 1 << 1;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_WANTED: u16 = 3;
const ETHTOOL_A_FEATURES_ACTIVE: u16 = 4;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_VALUE: u16 = 4;
const ETHTOOL_A_STRSET_HEADER: u16 = 1;
const ETHTOOL_A_STRSET_STRINGSETS: u16 = 2;
const ETHTOOL_A_STRINGSETS_STRINGSET: u16 = 1;
const ETHTOOL_A_STRINGSET_ID: u16 = 1;
const ETHTOOL_A_STRINGSET_STRINGS: u16 = 3;
const ETHTOOL_A_STRING_INDEX: u16 = 1;
const ETHTOOL_A_STRING_VALUE: u16 = 2;
/// `enum ethtool_stringset`, linux/ethtool.h.
const ETH_SS_FEATURES: u32 = 4;
const ETHTOOL_A_BITSET_BITS_BIT: u16 = 1;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BIT_VALUE: u16 = 3;

/// What `ethtool -K DEV tx` stands for: the features that it calls `tx-checksum-*`, but the one for Fibre Channel.
const TX_CHECKSUMS: [&str; 4] = ["tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6", "tx-checksum-sctp"];

/// The number of the ethtool family, which the kernel gives once, whatever the namespace.
static FAMILY: OnceLock<u16> = OnceLock::new();
/// Which bits of a set of features stand for [`TX_CHECKSUMS`]: as numbers, an answer takes a tenth of its length.
static TX_CHECKSUM_BITS: OnceLock<Vec<u32>> = OnceLock::new();

/// `ethtool -K DEV tx on|off`, where the link is given by index: who computes the checksums of outgoing packets.
///
/// On a veth "on" means that nobody does, which is right while the packet stays in the kernel and wrong once it is read
/// from a packet socket, as Open vSwitch's userspace datapath does. Off takes segmentation offload (TSO) along, which
/// cannot be without (`netdev_fix_features`, net/core/dev.c). Fails with [`Error::Unsupported`] where the device has it
/// fixed.
pub fn set_tx_checksum(link: u32, on: bool) -> Request {
    let words = format!("ethtool -K if{link} tx {}", if on { "on" } else { "off" });
    Request::of(words, vec![Datagram::Ethtool(Checksum { link, on })]).needing("changeable checksum offload there")
}

/// The TX checksum offload that a link should have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checksum {
    link: u32,
    on: bool,
}

impl Netlink {
    /// Whether TX checksum offload is on: `tx-checksumming` in `ethtool -k`.
    pub fn tx_checksum(&mut self, link: u32) -> Result<bool, Error> {
        self.ethtool()?.tx_checksum(link).map_err(|failure| failure.of(format!("ethtool -k if{link}")))
    }

    /// The same of all links of the namespace, by index.
    pub fn tx_checksums(&mut self) -> Result<HashMap<u32, bool>, Error> {
        self.ethtool()?.tx_checksums().map_err(|failure| failure.of("ethtool -k"))
    }
}

/// A connection to the kernel's ethtool, in the namespace that it was opened in.
#[derive(Debug)]
pub(super) struct Ethtool {
    socket: Socket,
}

impl Ethtool {
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: Socket::open(NETLINK_GENERIC)? })
    }

    /// Sets it, and looks: the kernel acknowledges a change of what is fixed, and does not make it.
    pub fn set(&mut self, checksum: Checksum) -> Result<(), Failure> {
        let family = self.family()?;
        let bits: Vec<_> = TX_CHECKSUMS.iter().map(|name| bit(name, checksum.on)).collect();
        let wanted = nest(ETHTOOL_A_FEATURES_WANTED, &[nest(ETHTOOL_A_BITSET_BITS, &bits)]);
        let message = Generic::new(
            family,
            ETHTOOL_MSG_FEATURES_SET,
            &[header(Some(checksum.link), ETHTOOL_FLAG_OMIT_REPLY), wanted],
        );
        self.socket.change(vec![(0, message)])?;
        match self.tx_checksum(checksum.link)? == checksum.on {
            true => Ok(()),
            false => Err(Failure::Refused(Refusal { errno: Errno::EOPNOTSUPP, message: None })),
        }
    }

    fn tx_checksum(&mut self, link: u32) -> Result<bool, Failure> {
        let (family, bits) = (self.family()?, self.tx_checksum_bits()?);
        let header = header(Some(link), ETHTOOL_FLAG_COMPACT_BITSETS);
        let answer: Option<Generic> = self.socket.get(Generic::new(family, ETHTOOL_MSG_FEATURES_GET, &[header]))?;
        answer.map_or(Ok(false), |answer| has_any(&answer.attributes, bits)).map_err(Failure::Answer)
    }

    fn tx_checksums(&mut self) -> Result<HashMap<u32, bool>, Failure> {
        let (family, bits) = (self.family()?, self.tx_checksum_bits()?);
        let header = header(None, ETHTOOL_FLAG_COMPACT_BITSETS);
        let answers: Vec<Generic> = self.socket.dump(Generic::new(family, ETHTOOL_MSG_FEATURES_GET, &[header]))?;
        let read = |answer: Generic| Ok((device(&answer.attributes)?, has_any(&answer.attributes, bits)?));
        answers.into_iter().map(read).collect::<Result<_, DecodeError>>().map_err(Failure::Answer)
    }

    fn tx_checksum_bits(&mut self) -> Result<&'static [u32], Failure> {
        if let Some(bits) = TX_CHECKSUM_BITS.get() {
            return Ok(bits);
        }
        let id = DefaultNla::new(ETHTOOL_A_STRINGSET_ID, ETH_SS_FEATURES.to_ne_bytes().to_vec());
        let set = nest(ETHTOOL_A_STRSET_STRINGSETS, &[nest(ETHTOOL_A_STRINGSETS_STRINGSET, &[id])]);
        let question = Generic::new(self.family()?, ETHTOOL_MSG_STRSET_GET, &[nest(ETHTOOL_A_STRSET_HEADER, &[]), set]);
        let answer: Option<Generic> = self.socket.get(question)?;
        let bits = numbers(&answer.unwrap_or_default().attributes, &TX_CHECKSUMS).map_err(Failure::Answer)?;
        Ok(TX_CHECKSUM_BITS.get_or_init(|| bits))
    }

    fn family(&mut self) -> Result<u16, Failure> {
        if let Some(family) = FAMILY.get() {
            return Ok(*family);
        }
        let name = DefaultNla::new(CTRL_ATTR_FAMILY_NAME, b"ethtool\0".to_vec());
        let answer: Option<Generic> = self.socket.get(Generic::new(CONTROLLER, CTRL_CMD_GETFAMILY, &[name]))?;
        let answer = answer.unwrap_or_default();
        let id = find(&answer.attributes, CTRL_ATTR_FAMILY_ID).map_err(Failure::Answer)?;
        let family = id.map_or(Err("no family id".into()), |id| parse_u16(id.value())).map_err(Failure::Answer)?;
        Ok(*FAMILY.get_or_init(|| family))
    }
}

/// A generic netlink message of any family.
#[derive(Debug, Clone, Default)]
struct Generic {
    family: u16,
    command: u8,
    attributes: Vec<u8>,
}

impl Generic {
    fn new(family: u16, command: u8, attributes: &[DefaultNla]) -> Self {
        Self { family, command, attributes: encode(attributes) }
    }
}

impl NetlinkSerializable for Generic {
    fn message_type(&self) -> u16 {
        self.family
    }

    fn buffer_len(&self) -> usize {
        GENERIC_HEADER_LEN + self.attributes.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer[..GENERIC_HEADER_LEN].copy_from_slice(&[self.command, 1, 0, 0]);
        buffer[GENERIC_HEADER_LEN..].copy_from_slice(&self.attributes);
    }
}

impl NetlinkDeserializable for Generic {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let (generic, attributes) = payload
            .split_at_checked(GENERIC_HEADER_LEN)
            .ok_or_else(|| DecodeError::buffer_too_small(payload.len(), GENERIC_HEADER_LEN))?;
        Ok(Self { family: header.message_type, command: generic[0], attributes: attributes.to_vec() })
    }
}

/// Which link; `None`: all.
fn header(link: Option<u32>, flags: u32) -> DefaultNla {
    let link = link.map(|link| DefaultNla::new(ETHTOOL_A_HEADER_DEV_INDEX, link.to_ne_bytes().to_vec()));
    let flags = DefaultNla::new(ETHTOOL_A_HEADER_FLAGS, flags.to_ne_bytes().to_vec());
    nest(ETHTOOL_A_FEATURES_HEADER, &link.into_iter().chain([flags]).collect::<Vec<_>>())
}

/// A bit of a bitset by its name: its presence is the mask, `VALUE` the value.
fn bit(name: &str, on: bool) -> DefaultNla {
    let name = DefaultNla::new(ETHTOOL_A_BITSET_BIT_NAME, [name.as_bytes(), b"\0"].concat());
    let value = DefaultNla::new(ETHTOOL_A_BITSET_BIT_VALUE, Vec::new());
    let attributes = if on { vec![name, value] } else { vec![name] };
    nest(ETHTOOL_A_BITSET_BITS_BIT, &attributes)
}

fn nest(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    DefaultNla::new(kind | NLA_F_NESTED, encode(attributes))
}

fn encode(attributes: &[DefaultNla]) -> Vec<u8> {
    let mut bytes = vec![0; attributes.buffer_len()];
    attributes.emit(&mut bytes);
    bytes
}

/// Which link an answer is about.
fn device(attributes: &[u8]) -> Result<u32, DecodeError> {
    let header = find(attributes, ETHTOOL_A_FEATURES_HEADER)?.ok_or("no header")?;
    parse_u32(find(header.value(), ETHTOOL_A_HEADER_DEV_INDEX)?.ok_or("no device")?.value())
}

/// Whether any of these features is on. A set of bits is an array of numbers of 32 bits.
fn has_any(attributes: &[u8], wanted: &[u32]) -> Result<bool, DecodeError> {
    let Some(active) = find(attributes, ETHTOOL_A_FEATURES_ACTIVE)? else { return Ok(false) };
    let Some(value) = find(active.value(), ETHTOOL_A_BITSET_VALUE)? else { return Ok(false) };
    let words = value.value().chunks_exact(4).map(parse_u32).collect::<Result<Vec<_>, _>>()?;
    let is_set = |bit: &u32| words.get((bit / 32) as usize).is_some_and(|word| word >> (bit % 32) & 1 == 1);
    Ok(wanted.iter().any(is_set))
}

/// The numbers of the features with these names.
fn numbers(attributes: &[u8], names: &[&str]) -> Result<Vec<u32>, DecodeError> {
    let mut rest = attributes.to_vec();
    for kind in [ETHTOOL_A_STRSET_STRINGSETS, ETHTOOL_A_STRINGSETS_STRINGSET, ETHTOOL_A_STRINGSET_STRINGS] {
        rest = find(&rest, kind)?.ok_or("no names of features")?.value().to_vec();
    }
    let mut numbers = Vec::new();
    for string in NlasIterator::new(rest.as_slice()) {
        let string = string?;
        let name =
            find(string.value(), ETHTOOL_A_STRING_VALUE)?.map_or(Ok(String::new()), |v| parse_string(v.value()))?;
        if names.contains(&name.as_str()) {
            // The first number is 0, and an attribute all the same.
            let number = find(string.value(), ETHTOOL_A_STRING_INDEX)?.ok_or("a feature without a number")?;
            numbers.push(parse_u32(number.value())?);
        }
    }
    Ok(numbers)
}

fn find(attributes: &[u8], kind: u16) -> Result<Option<NlaBuffer<&[u8]>>, DecodeError> {
    NlasIterator::new(attributes).find(|attribute| !matches!(attribute, Ok(nla) if nla.kind() != kind)).transpose()
}
