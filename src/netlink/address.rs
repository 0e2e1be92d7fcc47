//! Addresses: `ip address`.

use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressScope};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::error::Error;
use super::request::{Netlink, Request};

/// An address of a link as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// The index of the link that has it.
    pub link: u32,
    /// The address and the length of its prefix.
    pub address: IpNet,
    /// How far it is valid: `Universe`, `Link` (fe80::/10), `Host` (loopback).
    pub scope: AddressScope,
    /// `IFA_F_*` of linux/if_addr.h.
    pub flags: AddressFlags,
}

impl Address {
    /// It has no lifetime (`IFA_F_PERMANENT`).
    pub fn is_permanent(&self) -> bool {
        self.flags.contains(AddressFlags::Permanent)
    }

    /// It has a lifetime, as those from router advertisements or DHCP: what `ip` calls "dynamic".
    pub fn is_dynamic(&self) -> bool {
        !self.is_permanent()
    }

    /// Duplicate address detection is not through: it cannot be used yet (RFC 4862 section 5.4).
    pub fn is_tentative(&self) -> bool {
        self.flags.contains(AddressFlags::Tentative)
    }

    /// Somebody else has it (RFC 4862 section 5.4.5).
    pub fn is_duplicate(&self) -> bool {
        self.flags.contains(AddressFlags::Dadfailed)
    }

    /// It was added without duplicate address detection.
    pub fn is_nodad(&self) -> bool {
        self.flags.contains(AddressFlags::Nodad)
    }

    fn read(message: RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewAddress(message) = message else { return None };
        let mut flags = AddressFlags::from_bits_retain(message.header.flags.bits().into());
        let (mut local, mut address) = (None, None);
        for attribute in message.attributes {
            match attribute {
                AddressAttribute::Local(ip) => local = Some(ip),
                AddressAttribute::Address(ip) => address = Some(ip),
                AddressAttribute::Flags(all) => flags = all,
                _ => {}
            }
        }
        // With a point-to-point peer, IFA_ADDRESS is the peer's and IFA_LOCAL ours (linux/if_addr.h).
        let address = IpNet::new(local.or(address)?, message.header.prefix_len).ok()?;
        Some(Self { link: message.header.index, address, scope: message.header.scope, flags })
    }
}

/// `ip address add ADDRESS dev DEV [nodad]`, where the link is given by index. No broadcast address, as `ip` sets none.
///
/// `nodad` spares an IPv6 address the second or two of duplicate address detection, and the risk that it fails; IPv4 knows
/// no such thing. EEXIST where the link has the address already.
pub fn add(link: u32, address: IpNet, nodad: bool) -> Request {
    let mut message = message(link, address);
    let mut words = format!("address add {address} dev if{link}");
    if nodad && address.addr().is_ipv6() {
        message.header.flags |= AddressHeaderFlags::Nodad;
        words.push_str(" nodad");
    }
    Request::new(words, NLM_F_CREATE | NLM_F_EXCL, RouteNetlinkMessage::NewAddress(message))
}

/// `ip address del ADDRESS dev DEV`. EADDRNOTAVAIL where the link does not have it.
pub fn delete(link: u32, address: IpNet) -> Request {
    let words = format!("address del {address} dev if{link}");
    Request::new(words, 0, RouteNetlinkMessage::DelAddress(message(link, address)))
}

fn message(link: u32, address: IpNet) -> AddressMessage {
    let ip = address.addr();
    let mut message = AddressMessage::default();
    message.header.family = family(ip);
    message.header.prefix_len = address.prefix_len();
    message.header.scope = scope(ip);
    message.header.index = link;
    message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    message
}

/// As `ip` chooses it (`default_scope`, ip/ipaddress.c of iproute2). IPv6 finds out for itself.
fn scope(ip: IpAddr) -> AddressScope {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() => AddressScope::Host,
        _ => AddressScope::Universe,
    }
}

pub(super) fn family(ip: IpAddr) -> AddressFamily {
    match ip {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

impl Netlink {
    /// The addresses of all links of the namespace, or of the one with this index, picked out by the kernel.
    pub fn addresses(&mut self, link: Option<u32>) -> Result<Vec<Address>, Error> {
        let mut message = AddressMessage::default();
        message.header.index = link.unwrap_or_default();
        let words = link.map_or("address show".into(), |link| format!("address show dev if{link}"));
        match self.route.dump(RouteNetlinkMessage::GetAddress(message)) {
            Ok(answers) => Ok(answers.into_iter().filter_map(Address::read).collect()),
            Err(failure) => Err(failure.of(words)),
        }
    }
}
