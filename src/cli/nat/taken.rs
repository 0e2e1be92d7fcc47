//! Whether a port of the host is in use by a program that listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};

use crate::cli::failure::Failure;
use crate::model::{Family, Owner, Protocol, Published};

use super::books::{Books, said};

/// Fails if a program listens at what is to be published, which it could not do any more.
pub fn check(published: &Published) -> Result<(), Failure> {
    let families = published.targets.iter().map(|target| Family::of(*target));
    for family in families {
        let address = published.address.unwrap_or(match family {
            Family::Ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::Ipv6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        });
        try_listen(published.protocol, SocketAddr::new(address, published.port)).map_err(|e| refused(published, e))?;
    }
    Ok(())
}

/// What is published already at what `wanted` is to be published at.
pub fn published<'a>(books: &'a Books, wanted: &Published) -> Option<&'a Published> {
    let overlaps = |there: &&Published| {
        there.protocol == wanted.protocol
            && there.port == wanted.port
            && (there.address.is_none() || wanted.address.is_none() || there.address == wanted.address)
    };
    books.published().find(overlaps)
}

/// `there` is in the way; it is `owner`'s.
pub fn already(there: &Published, owner: &Owner) -> Failure {
    let Published { protocol, address, port, netns, to_port, .. } = there;
    let at = address.map(|address| format!(" at {address}")).unwrap_or_default();
    let by = if *owner == Owner::verbs() { String::new() } else { format!(", {}", said(owner)) };
    let udp = if *protocol == Protocol::Udp { " --udp" } else { "" };
    let flag = address.map(|address| format!(" --address {address}")).unwrap_or_default();
    Failure::new(format!("{protocol} port {port} is published{at} already, to {netns}:{to_port}{by}"))
        .hint(format!("to end that: ovsns unpublish {port}{udp}{flag}"))
}

/// As a program would that has been started anew: connections that are ending (TIME-WAIT) are in nobody's way.
fn try_listen(protocol: Protocol, at: SocketAddr) -> Result<(), Errno> {
    let family = if at.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let kind = if protocol == Protocol::Tcp { SockType::Stream } else { SockType::Datagram };
    let socket = match socket(family, kind, SockFlag::SOCK_CLOEXEC, None) {
        // No such version of IP: nobody listens at it.
        Err(Errno::EAFNOSUPPORT) => return Ok(()),
        socket => socket?,
    };
    if at.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    if protocol == Protocol::Tcp {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(std::os::fd::AsRawFd::as_raw_fd(&socket), &SockaddrStorage::from(at))?;
    if protocol == Protocol::Tcp { listen(&socket, Backlog::MAXCONN) } else { Ok(()) }
}

fn refused(published: &Published, error: Errno) -> Failure {
    let Published { protocol, address, port, .. } = published;
    match (error, address) {
        (Errno::EADDRINUSE, _) => {
            let tool = if *protocol == Protocol::Tcp { "ss -Hltnp" } else { "ss -Hlunp" };
            Failure::new(format!("port {port} of the host is taken: a program listens at it ({protocol})"))
                .hint(format!("publish another one, or end that program: {tool} 'sport = {port}' shows it"))
        }
        (Errno::EADDRNOTAVAIL, Some(address)) => Failure::new(format!("the host does not have the address {address}"))
            .hint(
                "ovsns list-addr host shows those that it has; without --address the port is published at all of them",
            ),
        (error, _) => Failure::new(format!("cannot find out whether port {port} of the host is free")).cause(error),
    }
}
