//! Offloads of a link: `ethtool -k` and `-K`, over generic netlink (Documentation/networking/ethtool-netlink.rst).

use std::io;

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NetlinkDeserializable, NetlinkHeader, NetlinkSerializable,
    NlaBuffer, NlasIterator, parse_string, parse_u16,
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
const ETHTOOL_MSG_FEATURES_GET: u8 = 11;
const ETHTOOL_MSG_FEATURES_SET: u8 = 12;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const ETHTOOL_A_HEADER_FLAGS: u16 = 3;
const ETHTOOL_FLAG_OMIT_REPLY: u32 = 1 << 1;
const ETHTOOL_A_FEATURES_HEADER: u16 = 1;
const ETHTOOL_A_FEATURES_WANTED: u16 = 3;
const ETHTOOL_A_FEATURES_ACTIVE: u16 = 4;
const ETHTOOL_A_BITSET_BITS: u16 = 3;
const ETHTOOL_A_BITSET_BITS_BIT: u16 = 1;
const ETHTOOL_A_BITSET_BIT_NAME: u16 = 2;
const ETHTOOL_A_BITSET_BIT_VALUE: u16 = 3;

/// What `ethtool -K DEV tx` stands for: the features that it calls `tx-checksum-*`, but the one for Fibre Channel.
const TX_CHECKSUMS: [&str; 4] = ["tx-checksum-ipv4", "tx-checksum-ip-generic", "tx-checksum-ipv6", "tx-checksum-sctp"];

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
        self.ethtool.tx_checksum(link).map_err(|failure| failure.of(format!("ethtool -k if{link}")))
    }
}

/// A connection to the kernel's ethtool, in the namespace that it was opened in.
#[derive(Debug)]
pub(super) struct Ethtool {
    socket: Socket,
    /// The number of the ethtool family, once asked for.
    family: Option<u16>,
}

impl Ethtool {
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: Socket::open(NETLINK_GENERIC)?, family: None })
    }

    /// Sets it, and looks: the kernel acknowledges a change of what is fixed, and does not make it.
    pub fn set(&mut self, checksum: Checksum) -> Result<(), Failure> {
        let family = self.family()?;
        let bits: Vec<_> = TX_CHECKSUMS.iter().map(|name| bit(name, checksum.on)).collect();
        let wanted = nest(ETHTOOL_A_FEATURES_WANTED, &[nest(ETHTOOL_A_BITSET_BITS, &bits)]);
        let message = Generic::new(family, ETHTOOL_MSG_FEATURES_SET, &[header(checksum.link), wanted]);
        self.socket.change(vec![(0, message)])?;
        match self.tx_checksum(checksum.link)? == checksum.on {
            true => Ok(()),
            false => Err(Failure::Refused(Refusal { errno: Errno::EOPNOTSUPP, message: None })),
        }
    }

    fn tx_checksum(&mut self, link: u32) -> Result<bool, Failure> {
        let family = self.family()?;
        let question = Generic::new(family, ETHTOOL_MSG_FEATURES_GET, &[header(link)]);
        let answer: Option<Generic> = self.socket.get(question)?;
        let names = answer.map_or(Ok(Vec::new()), |answer| active(&answer.attributes)).map_err(Failure::Answer)?;
        Ok(names.iter().any(|name| TX_CHECKSUMS.contains(&name.as_str())))
    }

    fn family(&mut self) -> Result<u16, Failure> {
        if let Some(family) = self.family {
            return Ok(family);
        }
        let name = DefaultNla::new(CTRL_ATTR_FAMILY_NAME, b"ethtool\0".to_vec());
        let answer: Option<Generic> = self.socket.get(Generic::new(CONTROLLER, CTRL_CMD_GETFAMILY, &[name]))?;
        let answer = answer.unwrap_or_default();
        let id = find(&answer.attributes, CTRL_ATTR_FAMILY_ID).map_err(Failure::Answer)?;
        let family = id.map_or(Err("no family id".into()), |id| parse_u16(id.value())).map_err(Failure::Answer)?;
        self.family = Some(family);
        Ok(family)
    }
}

/// A generic netlink message of any family.
#[derive(Debug, Default)]
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

/// Which link. `OMIT_REPLY` is for changes and of no meaning to questions.
fn header(link: u32) -> DefaultNla {
    nest(
        ETHTOOL_A_FEATURES_HEADER,
        &[
            DefaultNla::new(ETHTOOL_A_HEADER_DEV_INDEX, link.to_ne_bytes().to_vec()),
            DefaultNla::new(ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_OMIT_REPLY.to_ne_bytes().to_vec()),
        ],
    )
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

/// The names of the features that are on. An answer lists those only: it has no mask.
fn active(attributes: &[u8]) -> Result<Vec<String>, DecodeError> {
    let mut names = Vec::new();
    let Some(active) = find(attributes, ETHTOOL_A_FEATURES_ACTIVE)? else { return Ok(names) };
    let Some(bits) = find(active.value(), ETHTOOL_A_BITSET_BITS)? else { return Ok(names) };
    for bit in NlasIterator::new(bits.value()) {
        if let Some(name) = find(bit?.value(), ETHTOOL_A_BITSET_BIT_NAME)? {
            names.push(parse_string(name.value())?);
        }
    }
    Ok(names)
}

fn find(attributes: &[u8], kind: u16) -> Result<Option<NlaBuffer<&[u8]>>, DecodeError> {
    NlasIterator::new(attributes).find(|attribute| !matches!(attribute, Ok(nla) if nla.kind() != kind)).transpose()
}
