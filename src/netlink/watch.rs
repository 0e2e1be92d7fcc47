//! Waiting for what the kernel does by itself: carriers, duplicate address detection, devices that others make.

use std::io;
use std::time::Instant;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use nix::errno::Errno;
use nix::libc;
use tokio::runtime::Handle;
use tokio::time::timeout_at;

use super::error::Error;
use super::link::Link;
use super::netns::NetnsFile;
use super::request::Netlink;

/// A view of one namespace that looks again whenever a link or an address in it changes.
///
/// The events only say that something changed. What did, it reads anew, so an event that got lost (ENOBUFS: more came than
/// the socket holds) costs nothing. Needs a tokio runtime with I/O and time.
pub struct Watch {
    events: TokioSocket,
    netlink: Netlink,
}

impl Watch {
    /// Begins to watch `netns`: no change from now on is missed.
    pub fn open(netns: &NetnsFile) -> Result<Self, Error> {
        let runtime = Handle::current();
        netns.inside(|| {
            let _entered = runtime.enter();
            let events = subscribe().map_err(|error| Error::io("watch links and addresses", error))?;
            Ok(Self { events, netlink: Netlink::of_this_thread_in(netns)? })
        })?
    }

    /// Looks now, and after each change, until `look` finds what it looks for.
    ///
    /// Fails with [`Error::Deadline`], which names `what`, when `deadline` comes first, and with the error of `look`.
    pub async fn until<T>(
        &mut self,
        what: &str,
        deadline: Instant,
        mut look: impl FnMut(&mut Netlink) -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        loop {
            if let Some(found) = look(&mut self.netlink)? {
                return Ok(found);
            }
            match timeout_at(deadline.into(), self.changed()).await {
                Ok(changed) => changed.map_err(|error| Error::io("watch links and addresses", error))?,
                Err(_) => return Err(Error::Deadline { waited_for: what.to_owned() }),
            }
        }
    }

    /// Returns once there was an event, with all of them taken off the socket. A short buffer does: what is cut off is not
    /// looked at.
    async fn changed(&mut self) -> io::Result<()> {
        let mut result = self.events.recv(&mut [0; 16].as_mut_slice()).await;
        loop {
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.raw_os_error() != Some(Errno::ENOBUFS as i32) => return Err(error),
                _ => result = self.events.socket_ref().recv(&mut [0; 16].as_mut_slice(), 0).map(drop),
            }
        }
    }
}

/// Waits until the link `name` (or its absence, `None`) satisfies `wanted`, and returns it.
///
/// Fails with [`Error::Deadline`] when `deadline` comes first.
pub async fn wait_for_link(
    netns: &NetnsFile,
    name: &str,
    wanted: impl Fn(Option<&Link>) -> bool,
    deadline: Instant,
) -> Result<Option<Link>, Error> {
    let look = |netlink: &mut Netlink| {
        let link = netlink.link(name)?;
        Ok(if wanted(link.as_ref()) { Some(link) } else { None })
    };
    Watch::open(netns)?.until(&format!("the expected state of link {name}"), deadline, look).await
}

fn subscribe() -> io::Result<TokioSocket> {
    let mut events = TokioSocket::new(NETLINK_ROUTE)?;
    let groups = libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
    events.socket_mut().bind(&SocketAddr::new(0, groups as u32))?;
    Ok(events)
}
