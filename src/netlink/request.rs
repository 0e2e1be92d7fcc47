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
#[must_use = "a request is nothing until it is sent"]
pub struct Request {
    words: String,
    /// Each is sent in one `sendmsg(2)`: the kernel handles all its messages before this process runs, or dies, again.
    datagrams: Vec<Vec<Message>>,
    /// Takes back what was done when something fails later; fails itself where nothing was done.
    retreat: Option<Message>,
    /// Keeps the descriptors open whose numbers stand in the messages.
    netns: Vec<NetnsFile>,
}

/// A message, and its flags besides `NLM_F_REQUEST` and `NLM_F_ACK`.
pub(super) type Message = (u16, RouteNetlinkMessage);

impl Request {
    pub(super) fn new(words: impl Into<String>, flags: u16, message: RouteNetlinkMessage) -> Self {
        Self::of_several(words, vec![vec![(flags, message)]], None)
    }

    pub(super) fn of_several(
        words: impl Into<String>,
        datagrams: Vec<Vec<Message>>,
        retreat: impl Into<Option<RouteNetlinkMessage>>,
    ) -> Self {
        let retreat = retreat.into().map(|message| (0, message));
        Self { words: words.into(), datagrams, retreat, netns: Vec::new() }
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
        let Request { words, datagrams, retreat, netns } = request;
        let result = datagrams.into_iter().try_for_each(|messages| self.socket.change(messages));
        if let (Err(_), Some(retreat)) = (&result, retreat) {
            // Fails where the first message failed already, and then there is nothing to take back.
            let _ = self.socket.change(vec![retreat]);
        }
        drop(netns);
        result.map_err(|failure| failure.of(words))
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
