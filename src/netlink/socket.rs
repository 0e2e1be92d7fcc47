//! One netlink socket, asked and answered.
//!
//! The kernel carries out a request inside `sendmsg(2)` and has queued its answer before that call returns. There is
//! nothing to await between the two, so this is plain blocking code: usable on a thread without a runtime, and never
//! cancelled half-way, which is what makes "exactly the first n requests are in effect" true.

use std::io;
use std::time::Duration;

use netlink_packet_core::{
    DecodeError, DoneMessage, ErrorMessage, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART,
    NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable, NlasIterator,
};
use netlink_sys::SocketAddr;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::TimeVal;

use super::error::{Error, Refusal};

/// The kernel sizes the parts of a dump after the reader's buffer, up to this (`netlink_dump`, net/netlink/af_netlink.c).
const BUFFER: usize = 32 * 1024;
/// The answer is there when the request returns: this only ends a wait that a bug would make endless.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// How often a dump that was interrupted by other changes is read again.
const DUMP_ATTEMPTS: u32 = 16;
/// `struct nlmsghdr`, linux/netlink.h.
const HEADER_LEN: usize = 16;
/// `NLMSGERR_ATTR_MSG`, linux/netlink.h.
const EXTENDED_ACK_MESSAGE: u16 = 1;

/// Why an exchange failed, before it is known what it was about.
#[derive(Debug)]
pub(super) enum Failure {
    Io(io::Error),
    Refused(Refusal),
    Answer(DecodeError),
    Interrupted,
}

impl Failure {
    /// Names the request that failed.
    pub fn of(self, request: impl Into<String>) -> Error {
        let request = request.into();
        match self {
            Self::Io(source) if source.kind() == io::ErrorKind::WouldBlock => {
                Error::Deadline { waited_for: format!("the kernel's answer to `{request}`") }
            }
            Self::Io(source) => Error::Io { action: format!("ask the kernel for `{request}`"), source },
            Self::Refused(source) => Error::Refused { request, source },
            Self::Answer(source) => Error::Answer { request, source },
            Self::Interrupted => Error::Interrupted { request, attempts: DUMP_ATTEMPTS },
        }
    }
}

/// A netlink socket with strict checking and extended acks on. It stays in the namespace it was opened in.
#[derive(Debug)]
pub(super) struct Socket {
    inner: netlink_sys::Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens a socket of `protocol` (`NETLINK_ROUTE`, `NETLINK_GENERIC`) in the calling thread's network namespace.
    pub fn open(protocol: isize) -> io::Result<Self> {
        let inner = netlink_sys::Socket::new(protocol)?;
        inner.set_ext_ack(true)?;
        inner.set_cap_ack(true)?;
        inner.set_netlink_get_strict_chk(true)?;
        let deadline = TimeVal::new(ANSWER_DEADLINE.as_secs() as i64, 0);
        setsockopt(&inner, ReceiveTimeout, &deadline)?;
        Ok(Self { inner, sequence: 0, buffer: Vec::with_capacity(BUFFER) })
    }

    /// Sends `messages` as one datagram, so that the kernel has handled all of them before this process runs, or dies,
    /// again. Like the kernel it does not stop at a message that fails; the first failure is what it returns. The numbers
    /// are flags besides `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub fn change<Q: NetlinkSerializable>(&mut self, messages: Vec<(u16, Q)>) -> Result<(), Failure> {
        let messages = messages.into_iter().map(|(flags, message)| (NLM_F_ACK | flags, message)).collect();
        self.exchange::<Q, Nothing>(messages, true).map(drop)
    }

    /// Asks for one thing. `None` where the kernel sends something else than an `A`.
    pub fn get<Q, A>(&mut self, question: Q) -> Result<Option<A>, Failure>
    where
        Q: NetlinkSerializable,
        A: NetlinkDeserializable,
    {
        self.exchange(vec![(0, question)], false).map(|answers| answers.into_iter().next())
    }

    /// Lists all that matches; read again while others change it in the middle, so that the answer is one snapshot.
    pub fn dump<Q, A>(&mut self, question: Q) -> Result<Vec<A>, Failure>
    where
        Q: NetlinkSerializable + Clone,
        A: NetlinkDeserializable,
    {
        for _ in 0..DUMP_ATTEMPTS {
            match self.exchange(vec![(NLM_F_DUMP, question.clone())], false) {
                Err(Failure::Interrupted) => {}
                result => return result,
            }
        }
        Err(Failure::Interrupted)
    }

    fn exchange<Q, A>(&mut self, messages: Vec<(u16, Q)>, acked: bool) -> Result<Vec<A>, Failure>
    where
        Q: NetlinkSerializable,
        A: NetlinkDeserializable,
    {
        let first = self.sequence.wrapping_add(1);
        let mut open =
            Open { first, left: messages.len(), acked, interrupted: false, answers: Vec::new(), refusal: None };
        let datagram = self.encode(messages);
        self.inner.send_to(&datagram, &SocketAddr::new(0, 0), 0).map_err(Failure::Io)?;
        while open.left > 0 {
            self.receive().map_err(Failure::Io)?;
            open.read(&self.buffer).map_err(Failure::Answer)?;
        }
        open.finish()
    }

    fn encode<Q: NetlinkSerializable>(&mut self, messages: Vec<(u16, Q)>) -> Vec<u8> {
        let mut datagram = Vec::new();
        for (flags, message) in messages {
            self.sequence = self.sequence.wrapping_add(1);
            let mut message = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::InnerMessage(message));
            message.header.flags = NLM_F_REQUEST | flags;
            message.header.sequence_number = self.sequence;
            message.finalize();
            let start = datagram.len();
            datagram.resize(start + message.buffer_len().next_multiple_of(4), 0);
            message.serialize(&mut datagram[start..start + message.buffer_len()]);
        }
        datagram
    }

    /// Reads one datagram of the kernel's (port 0) into the buffer; another process's is passed over.
    fn receive(&mut self) -> io::Result<()> {
        loop {
            self.buffer.clear();
            match self.inner.recv_from(&mut self.buffer, nix::libc::MSG_TRUNC) {
                Ok((len, _)) if len > self.buffer.len() => return Err(Errno::EMSGSIZE.into()),
                Ok((_, sender)) if sender.port_number() == 0 => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What a change is answered with, besides the acknowledgement.
struct Nothing;

impl NetlinkDeserializable for Nothing {
    type Error = DecodeError;

    fn deserialize(_: &NetlinkHeader, _: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self)
    }
}

/// The answers to one datagram, while they come in.
struct Open<T> {
    /// The sequence number of the datagram's first message.
    first: u32,
    /// How many messages have no final answer yet.
    left: usize,
    /// Whether the final answer is an acknowledgement, and not a first answer without `NLM_F_MULTI`.
    acked: bool,
    interrupted: bool,
    answers: Vec<T>,
    refusal: Option<Refusal>,
}

impl<T: NetlinkDeserializable> Open<T> {
    fn read(&mut self, datagram: &[u8]) -> Result<(), DecodeError> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let length = NetlinkBuffer::new_checked(rest)?.length() as usize;
            let message = NetlinkMessage::deserialize(&rest[..length])?;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            // An answer to an earlier request, whose reader gave up: its number is behind ours.
            if message.header.sequence_number.wrapping_sub(self.first) < u32::MAX / 2 {
                self.take(message);
            }
        }
        Ok(())
    }

    fn take(&mut self, message: NetlinkMessage<T>) {
        let flags = message.header.flags;
        self.interrupted |= flags & NLM_F_DUMP_INTR != 0;
        match message.payload {
            NetlinkPayload::InnerMessage(answer) => {
                self.answers.push(answer);
                if flags & NLM_F_MULTIPART == 0 && !self.acked {
                    self.left = self.left.saturating_sub(1);
                }
            }
            NetlinkPayload::Error(error) => self.close(refusal(&error, flags)),
            NetlinkPayload::Done(done) => self.close(dump_refusal(&done)),
            _ => {}
        }
    }

    fn close(&mut self, refusal: Option<Refusal>) {
        self.left = self.left.saturating_sub(1);
        self.refusal = self.refusal.take().or(refusal);
    }

    fn finish(self) -> Result<Vec<T>, Failure> {
        match self.refusal {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None if self.interrupted => Err(Failure::Interrupted),
            None => Ok(self.answers),
        }
    }
}

/// `None` for an acknowledgement. With `NETLINK_CAP_ACK` the request's header alone stands before the attributes.
fn refusal(error: &ErrorMessage, flags: u16) -> Option<Refusal> {
    let code = error.code?;
    let attributes = if flags & NLM_F_ACK_TLVS == 0 { None } else { error.header.get(HEADER_LEN..) };
    Some(Refusal { errno: errno(code.get()), message: extended_ack(attributes.unwrap_or_default()) })
}

fn dump_refusal(done: &DoneMessage) -> Option<Refusal> {
    (done.code < 0).then(|| Refusal { errno: errno(done.code), message: extended_ack(&done.extended_ack) })
}

fn errno(code: i32) -> Errno {
    Errno::from_raw(code.saturating_abs())
}

fn extended_ack(attributes: &[u8]) -> Option<String> {
    let message = NlasIterator::new(attributes).flatten().find(|nla| nla.kind() == EXTENDED_ACK_MESSAGE)?;
    let text = String::from_utf8_lossy(message.value());
    Some(text.trim_end_matches('\0').to_owned())
}
