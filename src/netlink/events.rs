//! That something has changed, told by the kernel's multicast groups. What has, is read anew.

use std::io;

use netlink_sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use nix::errno::Errno;
use nix::libc;

use super::error::Error;

/// Links (with ports and VLANs of bridges), addresses, routes, queueing disciplines, settings of devices, and the numbers that
/// namespaces get and lose (linux/rtnetlink.h).
const ROUTE_GROUPS: [u32; 9] = [
    libc::RTNLGRP_LINK,
    libc::RTNLGRP_TC,
    libc::RTNLGRP_IPV4_IFADDR,
    libc::RTNLGRP_IPV4_ROUTE,
    libc::RTNLGRP_IPV6_IFADDR,
    libc::RTNLGRP_IPV6_ROUTE,
    libc::RTNLGRP_IPV4_NETCONF,
    libc::RTNLGRP_IPV6_NETCONF,
    libc::RTNLGRP_NSID,
];
/// Links and addresses.
const DEVICE_GROUPS: [u32; 3] = [libc::RTNLGRP_LINK, libc::RTNLGRP_IPV4_IFADDR, libc::RTNLGRP_IPV6_IFADDR];
/// `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h).
const NFTABLES_GROUP: u32 = 7;

/// The events of some groups.
///
/// That one got lost (ENOBUFS: more came than the socket holds) is an event too. Needs a tokio runtime with I/O.
pub struct Events(TokioSocket);

impl Events {
    /// All changes of the calling thread's namespace and of every one that has a number in it ([`nsid`](super::nsid)): the far end of
    /// a veth pair gets one by itself.
    pub fn of_all_namespaces() -> Result<Events, Error> {
        let events = Events::open(NETLINK_ROUTE, &ROUTE_GROUPS)?;
        events.0.socket_ref().set_listen_all_namespaces(true).map_err(failed)?;
        Ok(events)
    }

    /// Changes of links and addresses of the calling thread's namespace.
    pub fn of_devices() -> Result<Events, Error> {
        Events::open(NETLINK_ROUTE, &DEVICE_GROUPS)
    }

    /// Changes of the rules of nftables in the calling thread's namespace. `None` where the kernel has no netfilter.
    pub fn of_rules() -> Result<Option<Events>, Error> {
        match Events::open(NETLINK_NETFILTER, &[NFTABLES_GROUP]) {
            // No such protocol, or no such group of it.
            Err(error) if matches!(error.errno(), Some(Errno::EPROTONOSUPPORT | Errno::EINVAL)) => Ok(None),
            events => events.map(Some),
        }
    }

    fn open(protocol: isize, groups: &[u32]) -> Result<Events, Error> {
        let mut socket = TokioSocket::new(protocol).map_err(failed)?;
        socket.socket_mut().bind(&SocketAddr::new(0, 0)).map_err(failed)?;
        groups.iter().try_for_each(|group| socket.socket_mut().add_membership(*group)).map_err(failed)?;
        Ok(Events(socket))
    }

    /// Returns once there was an event, with all of them taken off the socket. A short buffer does: what is cut off is not
    /// looked at. Dropping the future loses none.
    pub async fn next(&mut self) -> Result<(), Error> {
        let mut result = self.0.recv(&mut [0; 16].as_mut_slice()).await;
        loop {
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.raw_os_error() != Some(Errno::ENOBUFS as i32) => return Err(failed(error)),
                _ => result = self.0.socket_ref().recv(&mut [0; 16].as_mut_slice(), 0).map(drop),
            }
        }
    }
}

fn failed(error: io::Error) -> Error {
    Error::io("watch for changes", error)
}
