//! Waiting for what the kernel does by itself: carriers, duplicate address detection, devices that others make.

use std::time::Instant;

use tokio::runtime::Handle;
use tokio::time::timeout_at;

use super::error::Error;
use super::events::Events;
use super::link::Link;
use super::netns::NetnsFile;
use super::request::Netlink;

/// A view of one namespace that looks again whenever a link or an address in it changes.
///
/// The events only say that something changed. What did, it reads anew, so an event that got lost (ENOBUFS: more came than
/// the socket holds) costs nothing. Needs a tokio runtime with I/O and time.
pub struct Watch {
    events: Events,
    netlink: Netlink,
}

impl Watch {
    /// Begins to watch `netns`: no change from now on is missed.
    pub fn open(netns: &NetnsFile) -> Result<Self, Error> {
        let runtime = Handle::current();
        netns.inside(|| {
            let _entered = runtime.enter();
            Ok(Self { events: Events::of_devices()?, netlink: Netlink::of_this_thread_in(netns)? })
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
            match timeout_at(deadline.into(), self.events.next()).await {
                Ok(changed) => changed?,
                Err(_) => return Err(Error::Deadline { waited_for: what.to_owned() }),
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
