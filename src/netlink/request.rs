//! Changes as values, and the connection that carries them out.

use std::fmt;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;

use super::error::{BatchError, Error};
use super::netns::NetnsFile;
use super::socket::Socket;

/// One change, ready to be sent: what [`crate::netlink::link`], [`crate::netlink::address`] and the others build.
/// It displays in `ip` words, such as `address add 192.168.0.1/24 dev 5`.
///
/// It is in effect as a whole or not at all.
#[derive(Debug)]
pub struct Request {
    words: String,
    /// Sent as one datagram: the kernel handles all of them before this process runs, or dies, again.
    messages: Vec<(u16, RouteNetlinkMessage)>,
    /// Takes back what the earlier of several `messages` did, when a later one fails; fails itself where nothing was done.
    retreat: Option<RouteNetlinkMessage>,
    /// Keeps the descriptors open whose numbers stand in the messages.
    netns: Vec<NetnsFile>,
}

impl Request {
    /// `flags` are those besides `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub(super) fn new(words: impl Into<String>, flags: u16, message: RouteNetlinkMessage) -> Self {
        Self { words: words.into(), messages: vec![(flags, message)], retreat: None, netns: Vec::new() }
    }

    /// Lets `message` follow in the same datagram, and `retreat` undo the whole should it fail.
    pub(super) fn followed_by(mut self, message: RouteNetlinkMessage, retreat: RouteNetlinkMessage) -> Self {
        self.messages.push((0, message));
        self.retreat = Some(retreat);
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

/// An rtnetlink connection that lives in one network namespace, wherever it is used from.
///
/// Its calls block for as long as the kernel takes, which is the change itself: see the module's page. Opening one costs
/// some ten microseconds, plus a short-lived thread for a namespace other than the caller's.
#[derive(Debug)]
pub struct Netlink {
    pub(super) socket: Socket,
}

impl Netlink {
    /// Opens a connection in the host's network namespace.
    pub fn host() -> Result<Self, Error> {
        Self::of_this_thread()
    }

    /// Opens a connection inside `netns`. Needs `CAP_SYS_ADMIN`.
    pub fn open(netns: &NetnsFile) -> Result<Self, Error> {
        netns.inside(Self::of_this_thread)?
    }

    pub(super) fn of_this_thread() -> Result<Self, Error> {
        let socket = Socket::open(NETLINK_ROUTE).map_err(|error| Error::io("open an rtnetlink socket", error))?;
        Ok(Self { socket })
    }

    /// Carries out one change; it is in effect when this returns `Ok`, and not at all when it returns `Err`.
    pub fn request(&mut self, request: Request) -> Result<(), Error> {
        let Request { words, messages, retreat, netns } = request;
        let result = self.socket.change(messages).map_err(|failure| failure.of(words));
        if let (Err(_), Some(retreat)) = (&result, retreat) {
            // Fails where the first message failed already, and then there is nothing to take back.
            let _ = self.socket.change(vec![(0, retreat)]);
        }
        drop(netns);
        result
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
