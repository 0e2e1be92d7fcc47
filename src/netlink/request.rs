//! Changes as values, and the connection that carries them out.

use std::collections::HashMap;
use std::fmt;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use nix::errno::Errno;

use super::error::{BatchError, Error, Refusal};
use super::ethtool::{self, Ethtool};
use super::netns::NetnsFile;
use super::socket::Socket;

/// One change, ready to be sent: what [`link`](super::link), [`address`](super::address) and the others build. It displays
/// in `ip` words, such as `address add 192.168.0.1/24 dev if5`.
///
/// It is in effect as a whole or not at all, but for [several settings](super::link::set) in one.
#[derive(Debug)]
#[must_use = "a request is nothing until it is sent"]
pub struct Request {
    words: String,
    /// Sent one after the other, until one fails.
    datagrams: Vec<Datagram>,
    /// Takes back what was done when something fails later; fails itself where nothing was done.
    retreat: Option<Message>,
    /// The feature that a kernel lacks when it answers this errno.
    needs: Option<(&'static str, Errno)>,
    /// Keeps the descriptors open whose numbers stand in the messages.
    netns: Vec<NetnsFile>,
}

/// How many messages stand in one datagram at most: their answers have to fit into the socket's buffer, which takes less than 300
/// (`net.core.rmem_default`).
pub(super) const AT_ONCE: usize = 32;

/// What one `sendmsg(2)` hands to the kernel: it handles all of it before this process runs, or dies, again.
#[derive(Debug)]
pub(super) enum Datagram {
    Route(Vec<Message>),
    Ethtool(ethtool::Checksum),
}

/// A message, and its flags besides `NLM_F_REQUEST` and `NLM_F_ACK`.
pub(super) type Message = (u16, RouteNetlinkMessage);

impl Request {
    pub(super) fn new(words: impl Into<String>, flags: u16, message: RouteNetlinkMessage) -> Self {
        Self::of(words, vec![Datagram::Route(vec![(flags, message)])])
    }

    pub(super) fn of(words: impl Into<String>, datagrams: Vec<Datagram>) -> Self {
        Self { words: words.into(), datagrams, retreat: None, needs: None, netns: Vec::new() }
    }

    pub(super) fn or_else(mut self, retreat: RouteNetlinkMessage) -> Self {
        self.retreat = Some((0, retreat));
        self
    }

    /// The kernel answers EOPNOTSUPP where it lacks `feature`.
    pub(super) fn needing(self, feature: &'static str) -> Self {
        self.needing_or(feature, Errno::EOPNOTSUPP)
    }

    /// The kernel answers `errno` where it lacks `feature`.
    pub(super) fn needing_or(mut self, feature: &'static str, errno: Errno) -> Self {
        self.needs = Some((feature, errno));
        self
    }

    pub(super) fn holding(mut self, netns: Option<NetnsFile>) -> Self {
        self.netns.extend(netns);
        self
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// A netlink connection that lives in one network namespace, wherever it is used from.
///
/// Its calls block for as long as the kernel takes, which is the change itself: see the module's page. Opening one costs
/// a few microseconds, and a short-lived thread (0.1 ms) for a namespace other than the caller's.
#[derive(Debug)]
pub struct Netlink {
    pub(super) route: Socket,
    /// Opened when it is needed, which is seldom.
    ethtool: Option<Ethtool>,
    /// The namespace; `None`: that of the thread, which stays there.
    netns: Option<NetnsFile>,
}

impl Netlink {
    /// Opens a connection in the host's network namespace.
    pub fn host() -> Result<Self, Error> {
        Self::of_this_thread()
    }

    /// Opens a connection inside `netns`. Needs `CAP_SYS_ADMIN`.
    pub fn open(netns: &NetnsFile) -> Result<Self, Error> {
        netns.inside(|| Self::of_this_thread_in(netns))?
    }

    /// For the use of this thread, as long as it is in its namespace.
    pub(super) fn of_this_thread() -> Result<Self, Error> {
        let route = Socket::open(NETLINK_ROUTE).map_err(|error| Error::io("open an rtnetlink socket", error))?;
        Ok(Self { route, ethtool: None, netns: None })
    }

    /// For the use of any thread. The calling one is in `netns` now.
    pub(super) fn of_this_thread_in(netns: &NetnsFile) -> Result<Self, Error> {
        Ok(Self { netns: Some(netns.clone()), ..Self::of_this_thread()? })
    }

    pub(super) fn ethtool(&mut self) -> Result<&mut Ethtool, Error> {
        let ethtool = match (self.ethtool.take(), &self.netns) {
            (Some(ethtool), _) => Ok(ethtool),
            (None, Some(netns)) => netns.inside(Ethtool::open)?,
            (None, None) => Ethtool::open(),
        };
        Ok(self.ethtool.insert(ethtool.map_err(|error| Error::io("open a generic netlink socket", error))?))
    }

    /// Carries out one change: it is in effect when this returns `Ok`, and is not when it returns `Err`.
    pub fn request(&mut self, request: Request) -> Result<(), Error> {
        let Request { words, datagrams, retreat, needs, netns } = request;
        let result = datagrams.into_iter().try_for_each(|datagram| self.send(&words, datagram));
        if let (Err(_), Some(retreat)) = (&result, retreat) {
            // Fails where the first message failed already, and then there is nothing to take back.
            let _ = self.route.change(vec![retreat]);
        }
        drop(netns);
        result.map_err(|error| error.without(needs))
    }

    fn send(&mut self, words: &str, datagram: Datagram) -> Result<(), Error> {
        let sent = match datagram {
            Datagram::Route(messages) => self.route.change(messages),
            Datagram::Ethtool(checksum) => self.ethtool()?.set(checksum),
        };
        sent.map_err(|failure| failure.of(words))
    }

    /// Carries out changes that do not depend on each other, [`AT_ONCE`] as one datagram: each is in effect, or is not for the
    /// reason given. Where this fails nobody knows of how many. Only for changes of one message each.
    pub(super) fn each(&mut self, mut requests: Vec<Request>) -> Result<Vec<Result<(), Error>>, Error> {
        let mut results = Vec::with_capacity(requests.len());
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(AT_ONCE));
            results.extend(self.each_at_once(std::mem::replace(&mut requests, rest))?);
        }
        Ok(results)
    }

    fn each_at_once(&mut self, requests: Vec<Request>) -> Result<Vec<Result<(), Error>>, Error> {
        let (mut messages, mut words, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for request in requests {
            words.push((request.words, request.needs));
            kept.extend(request.netns);
            for datagram in request.datagrams {
                if let Datagram::Route(route) = datagram {
                    messages.extend(route);
                }
            }
        }
        let refusals = self.route.change_each(messages).map_err(|failure| failure.of("several changes"))?;
        drop(kept);
        let mut refusals: HashMap<u32, Refusal> = refusals.into_iter().rev().collect();
        let outcome = |(number, (request, needs)): (u32, (String, _))| match refusals.remove(&number) {
            None => Ok(()),
            Some(source) => Err(Error::Refused { request, source }.without(needs)),
        };
        Ok((0..).zip(words).map(outcome).collect())
    }

    /// Carries out the changes in order and stops at the first that fails: then exactly the first
    /// [`BatchError::applied`] are in effect.
    ///
    /// Each waits for its answer. Sending them without waiting gains nothing, for the kernel works while we send (see the
    /// module's page), and would leave a hole where one fails and later ones succeed.
    pub fn batch(&mut self, requests: impl IntoIterator<Item = Request>) -> Result<(), BatchError> {
        for (applied, request) in requests.into_iter().enumerate() {
            self.request(request).map_err(|source| BatchError { applied, source })?;
        }
        Ok(())
    }
}
