//! One netlink socket, asked and answered.
//!
//! The kernel carries out a request inside `sendmsg(2)` and has queued its answer before that call returns. There is
//! nothing to await between the two, so this is plain blocking code: usable on a thread without a runtime, and never
//! cancelled half-way, which is what makes "exactly the first n requests are in effect" true.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use netlink_packet_core::{
    DecodeError, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkDeserializable, NetlinkHeader, NetlinkMessage,
    NetlinkPayload, NetlinkSerializable,
};
use netlink_sys::SocketAddr;
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::{TimeVal, TimeValLike};

use super::answers::Answers;
use super::error::{Error, Refusal};

/// The kernel sizes the parts of a dump after the reader's buffer, up to this (`netlink_dump`, net/netlink/af_netlink.c).
const BUFFER: usize = 32 * 1024;

thread_local! {
    /// What this thread reads answers into: thousands of connections may be open.
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// In seconds. The answer is there when the request returns: this only ends a wait that a bug would make endless.
const ANSWER_DEADLINE: i64 = 10;
/// How long a listing that others keep changing is begun anew. One of a few dozen things comes in one part, and is never
/// interrupted.
const DUMP_DEADLINE: Duration = Duration::from_secs(10);

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
            Self::Interrupted => Error::Interrupted { request },
        }
    }
}

/// A netlink socket with strict checking and extended acks on. It stays in the namespace it was opened in.
#[derive(Debug)]
pub(super) struct Socket {
    inner: netlink_sys::Socket,
    sequence: u32,
}

impl Socket {
    /// Opens a socket of `protocol` (`NETLINK_ROUTE`, `NETLINK_GENERIC`) in the calling thread's network namespace.
    pub fn open(protocol: isize) -> io::Result<Self> {
        let inner = netlink_sys::Socket::new(protocol)?;
        inner.set_ext_ack(true)?;
        inner.set_cap_ack(true)?;
        inner.set_netlink_get_strict_chk(true)?;
        setsockopt(&inner, ReceiveTimeout, &TimeVal::seconds(ANSWER_DEADLINE))?;
        Ok(Self { inner, sequence: 0 })
    }

    /// Sends `messages` as one datagram, so that the kernel has handled all of them before this process runs, or dies,
    /// again. Like the kernel it does not stop at a message that fails; the first failure is what it returns. The numbers
    /// are flags besides `NLM_F_REQUEST` and `NLM_F_ACK`.
    pub fn change<Q: NetlinkSerializable>(&mut self, messages: Vec<(u16, Q)>) -> Result<(), Failure> {
        let messages = messages.into_iter().map(|(flags, message)| (NLM_F_ACK | flags, message)).collect();
        self.exchange::<Q, Nothing>(messages, true).map(drop)
    }

    /// The same; returns which of them failed, counted from 0, and why.
    pub fn change_each<Q: NetlinkSerializable>(
        &mut self,
        messages: Vec<(u16, Q)>,
    ) -> Result<Vec<(u32, Refusal)>, Failure> {
        let messages = messages.into_iter().map(|(flags, message)| (NLM_F_ACK | flags, message)).collect();
        self.converse::<Q, Nothing>(messages, true)?.refusals()
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
        let begin = Instant::now();
        loop {
            match self.exchange(vec![(NLM_F_DUMP, question.clone())], false) {
                Err(Failure::Interrupted) if begin.elapsed() < DUMP_DEADLINE => {}
                result => return result,
            }
        }
    }

    fn exchange<Q, A>(&mut self, messages: Vec<(u16, Q)>, acked: bool) -> Result<Vec<A>, Failure>
    where
        Q: NetlinkSerializable,
        A: NetlinkDeserializable,
    {
        self.converse(messages, acked)?.finish()
    }

    fn converse<Q, A>(&mut self, messages: Vec<(u16, Q)>, acked: bool) -> Result<Answers<A>, Failure>
    where
        Q: NetlinkSerializable,
        A: NetlinkDeserializable,
    {
        let mut answers = Answers::new(self.sequence.wrapping_add(1), messages.len(), acked);
        let datagram = self.encode(messages);
        self.inner.send_to(&datagram, &SocketAddr::new(0, 0), 0).map_err(Failure::Io)?;
        let mut buffer = READ.take();
        buffer.clear();
        buffer.reserve(BUFFER);
        let read = self.read(&mut buffer, &mut answers);
        READ.set(buffer);
        read?;
        Ok(answers)
    }

    fn read<A: NetlinkDeserializable>(&self, buffer: &mut Vec<u8>, answers: &mut Answers<A>) -> Result<(), Failure> {
        while !answers.are_complete() {
            self.receive(buffer).map_err(Failure::Io)?;
            answers.read(buffer).map_err(Failure::Answer)?;
        }
        Ok(())
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
    fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        loop {
            buffer.clear();
            match self.inner.recv_from(buffer, nix::libc::MSG_TRUNC) {
                Ok((len, _)) if len > buffer.len() => return Err(Errno::EMSGSIZE.into()),
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
