//! The raw sockets of one namespace.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrIn, SockaddrIn6, recvfrom, sendto};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::echo::{
    BAD_PARAMETER_V4, BAD_PARAMETER_V6, ECHO_REPLY_V4, ECHO_REPLY_V6, Echo, Heard, TIME_EXCEEDED_V4, UNREACHABLE_V4,
    heard_v4, heard_v6,
};
use super::error::Error;

/// More than any message has that is ours: an error quotes 548 bytes at most (RFC 1812 section 4.3.2.3), or 1,280 (RFC 4443).
const BUFFER: usize = 1500;

/// The sockets by which the addresses of a namespace's neighbours are asked: raw ones (raw(7)), one for each family that is needed.
#[derive(Debug)]
pub struct Sockets {
    v4: Option<Socket>,
    v6: Option<Socket>,
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Sockets {
    /// Opens them in the network namespace of the calling thread; they work from anywhere. Needs `CAP_NET_RAW`.
    pub fn open(v4: bool, v6: bool) -> Result<Sockets, Error> {
        let open = |domain, protocol, filter: &[SockFilter]| {
            let socket = Socket::new(domain, Type::RAW.nonblocking().cloexec(), Some(protocol))
                .map_err(|error| Error::io("open a raw socket", error))?;
            socket.attach_filter(filter).map_err(|error| Error::io("filter what a raw socket hears", error))?;
            Ok(socket)
        };
        let v4 = v4.then(|| open(Domain::IPV4, Protocol::ICMPV4, &filter_v4())).transpose()?;
        let v6 = v6.then(|| open(Domain::IPV6, Protocol::ICMPV6, &filter_v6())).transpose()?;
        Ok(Sockets { v4, v6 })
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (Family, BorrowedFd<'_>)> {
        let v4 = self.v4.iter().map(|socket| (Family::V4, socket.as_fd()));
        v4.chain(self.v6.iter().map(|socket| (Family::V6, socket.as_fd())))
    }

    /// Sends a request to `to`.
    pub(super) fn send(&self, to: IpAddr, echo: Echo) -> io::Result<()> {
        let none = || io::Error::from(Errno::EAFNOSUPPORT);
        let sent = match to {
            IpAddr::V4(to) => {
                let (socket, to) = (self.v4.as_ref().ok_or_else(none)?, SockaddrIn::from(SocketAddrV4::new(to, 0)));
                sendto(socket.as_raw_fd(), &echo.request_v4(), &to, MsgFlags::empty())
            }
            IpAddr::V6(to) => {
                let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, 0));
                sendto(self.v6.as_ref().ok_or_else(none)?.as_raw_fd(), &echo.request_v6(), &to, MsgFlags::empty())
            }
        };
        sent.map(drop).map_err(io::Error::from)
    }

    /// Reads the next packet. `Ok(None)`: it tells us nothing; `WouldBlock`: there is none.
    pub(super) fn receive(&self, family: Family) -> io::Result<Option<Heard>> {
        let mut buffer = [0; BUFFER];
        match family {
            Family::V4 => {
                let socket = self.v4.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
                let (length, _) = recvfrom::<SockaddrIn>(socket.as_raw_fd(), &mut buffer)?;
                Ok(heard_v4(&buffer[..length]))
            }
            Family::V6 => {
                let socket = self.v6.as_ref().ok_or(io::ErrorKind::WouldBlock)?;
                let (length, from) = recvfrom::<SockaddrIn6>(socket.as_raw_fd(), &mut buffer)?;
                let from = from.map_or(Ipv6Addr::UNSPECIFIED, |from| from.ip());
                Ok(heard_v6(from, &buffer[..length]))
            }
        }
    }
}

/// By which the echoes of this process are told from others': the low half of its number, as ping(8) does.
pub(super) fn own_id() -> u16 {
    (std::process::id() & 0xffff) as u16
}

// Instructions of the kernel's filters (linux/bpf_common.h).
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const LOAD_X_WITH_HEADER_LENGTH: u16 = 0xb1;
const LOAD_BYTE_BEHIND_X: u16 = 0x50;
const LOAD_HALF_BEHIND_X: u16 = 0x48;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const RETURN: u16 = 0x06;

/// Of an IPv4 socket, which hears whole packets: our own replies, and errors. Without it each namespace would hear what the others
/// ask it.
fn filter_v4() -> [SockFilter; 10] {
    [
        SockFilter::new(LOAD_X_WITH_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(LOAD_BYTE_BEHIND_X, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 3, 0, ECHO_REPLY_V4.into()),
        SockFilter::new(JUMP_IF_EQUAL, 4, 0, UNREACHABLE_V4.into()),
        SockFilter::new(JUMP_IF_EQUAL, 3, 0, TIME_EXCEEDED_V4.into()),
        SockFilter::new(JUMP_IF_EQUAL, 2, 3, BAD_PARAMETER_V4.into()),
        SockFilter::new(LOAD_HALF_BEHIND_X, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, own_id().into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}

/// The same of an IPv6 socket, which hears messages without the header of their packet.
fn filter_v6() -> [SockFilter; 7] {
    [
        SockFilter::new(LOAD_BYTE, 0, 0, 0),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, ECHO_REPLY_V6.into()),
        SockFilter::new(JUMP_IF_GREATER, 3, 2, BAD_PARAMETER_V6.into()),
        SockFilter::new(LOAD_HALF, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, own_id().into()),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
        SockFilter::new(RETURN, 0, 0, 0),
    ]
}
