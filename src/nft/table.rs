//! Whether there is a table, asked of the kernel itself: nft(8) takes milliseconds to answer, and most hosts have none of ours.

use std::io;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc::{NFNETLINK_V0, NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NLM_F_REQUEST, NLMSG_ERROR};
use nix::libc::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE};

/// The attribute that names a table (linux/netfilter/nf_tables.h).
const NFTA_TABLE_NAME: u16 = 1;
/// `struct nlmsghdr` and `struct nfgenmsg` (linux/netlink.h, linux/netfilter/nfnetlink.h).
const HEADERS_LEN: usize = 16 + 4;
/// Where the kind of message stands in the first of them.
const KIND: std::ops::Range<usize> = 4..6;
/// Where an error's number stands: behind the first header.
const ERROR: std::ops::Range<usize> = 16..20;

/// Whether this namespace has a table `name` of family `inet`. A kernel without nftables has none.
pub fn has_table(name: &str) -> io::Result<bool> {
    let socket = match Socket::new(NETLINK_NETFILTER) {
        Err(error) if error.raw_os_error() == Some(Errno::EPROTONOSUPPORT as i32) => return Ok(false),
        socket => socket?,
    };
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&question(name), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    read(&answer)
}

fn question(name: &str) -> Vec<u8> {
    let attribute_len = 4 + name.len() + 1;
    let len = HEADERS_LEN + attribute_len.next_multiple_of(4);
    let kind = (NFNL_SUBSYS_NFTABLES << 8) as u16 | NFT_MSG_GETTABLE as u16;
    let mut message = Vec::with_capacity(len);
    message.extend((len as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST as u16).to_ne_bytes());
    // Sequence number and port, of which there is no need.
    message.extend([0; 8]);
    message.extend([NFPROTO_INET as u8, NFNETLINK_V0 as u8, 0, 0]);
    message.extend((attribute_len as u16).to_ne_bytes());
    message.extend(NFTA_TABLE_NAME.to_ne_bytes());
    message.extend(name.as_bytes());
    message.resize(len, 0);
    message
}

/// ENOENT: no such table. EINVAL, EOPNOTSUPP: no nftables (`nfnetlink_rcv_msg`, net/netfilter/nfnetlink.c).
fn read(answer: &[u8]) -> io::Result<bool> {
    let number = |range: std::ops::Range<usize>| answer.get(range).and_then(|bytes| bytes.try_into().ok());
    let kind = answer.get(KIND).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    let new_table = (NFNL_SUBSYS_NFTABLES << 8) as u16 | NFT_MSG_NEWTABLE as u16;
    match (kind, number(ERROR).map(i32::from_ne_bytes)) {
        (Some(kind), _) if kind == new_table => Ok(true),
        (Some(kind), Some(error)) if i32::from(kind) == NLMSG_ERROR => match Errno::from_raw(-error) {
            Errno::ENOENT | Errno::EINVAL | Errno::EOPNOTSUPP => Ok(false),
            errno => Err(errno.into()),
        },
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}
