//! Whether there is a table or a chain, and whether anything has changed, asked of the kernel itself: nft(8) takes milliseconds to
//! answer, and most hosts have none of those that are asked for.

use std::io;

use netlink_sys::protocols::NETLINK_NETFILTER;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc::{
    NFNETLINK_V0, NFNL_SUBSYS_NFTABLES, NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6, NFPROTO_UNSPEC, NFT_MSG_GETCHAIN,
    NFT_MSG_GETGEN, NFT_MSG_GETTABLE, NLM_F_REQUEST, NLMSG_ERROR,
};

/// The attributes that name a table, and a chain and its table (linux/netfilter/nf_tables.h).
const NFTA_TABLE_NAME: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
/// The length of `struct nlmsghdr` (linux/netlink.h).
const HEADER_LEN: usize = 16;
/// Where the kind of message stands in it.
const KIND: std::ops::Range<usize> = 4..6;
/// Where an error's number stands: behind it.
const ERROR: std::ops::Range<usize> = 16..20;
/// Where the number of a ruleset stands: behind that header, `struct nfgenmsg` and the head of its attribute, `NFTA_GEN_ID`,
/// which is the first (`nf_tables_fill_gen_info`, net/netfilter/nf_tables_api.c).
const GENERATION: std::ops::Range<usize> = 24..28;

/// Whether this namespace has this table. A kernel without nftables has none.
pub fn has_table(family: &str, table: &str) -> io::Result<bool> {
    is_there(NFT_MSG_GETTABLE, family, &[(NFTA_TABLE_NAME, table)])
}

/// Whether this namespace has this chain.
pub fn has_chain(family: &str, table: &str, chain: &str) -> io::Result<bool> {
    is_there(NFT_MSG_GETCHAIN, family, &[(NFTA_CHAIN_TABLE, table), (NFTA_CHAIN_NAME, chain)])
}

/// The number of this namespace's ruleset, which every change of it raises; `None` where there is no nftables.
pub fn generation() -> io::Result<Option<u32>> {
    let answer = ask(NFT_MSG_GETGEN, "unspec", &[])?;
    let number = answer.and_then(|answer| Some(u32::from_be_bytes(answer.get(GENERATION)?.try_into().ok()?)));
    Ok(number)
}

fn is_there(question: i32, family: &str, names: &[(u16, &str)]) -> io::Result<bool> {
    Ok(ask(question, family, names)?.is_some())
}

/// What the kernel answers; `None` where there is nothing of the kind.
fn ask(question: i32, family: &str, names: &[(u16, &str)]) -> io::Result<Option<Vec<u8>>> {
    let socket = match Socket::new(NETLINK_NETFILTER) {
        Err(error) if error.raw_os_error() == Some(Errno::EPROTONOSUPPORT as i32) => return Ok(None),
        socket => socket?,
    };
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.send(&message(question, family, names), 0)?;
    let (answer, _) = socket.recv_from_full()?;
    Ok(if read(&answer)? { Some(answer) } else { None })
}

fn message(question: i32, family: &str, names: &[(u16, &str)]) -> Vec<u8> {
    let family = match family {
        "ip" => NFPROTO_IPV4,
        "ip6" => NFPROTO_IPV6,
        "inet" => NFPROTO_INET,
        _ => NFPROTO_UNSPEC,
    };
    // struct nfgenmsg (linux/netfilter/nfnetlink.h)
    let mut body = vec![family as u8, NFNETLINK_V0 as u8, 0, 0];
    for (attribute, name) in names {
        body.extend((4 + name.len() as u16 + 1).to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(name.as_bytes());
        // the zero that ends it, and those up to the next multiple of four bytes
        body.push(0);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let kind = (NFNL_SUBSYS_NFTABLES << 8 | question) as u16;
    let mut message = Vec::with_capacity(HEADER_LEN + body.len());
    message.extend(((HEADER_LEN + body.len()) as u32).to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST as u16).to_ne_bytes());
    // Sequence number and port, of which there is no need.
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// What is there is shown. ENOENT: it is not. EINVAL, EOPNOTSUPP: no nftables (`nfnetlink_rcv_msg`,
/// net/netfilter/nfnetlink.c).
fn read(answer: &[u8]) -> io::Result<bool> {
    let number = |range: std::ops::Range<usize>| answer.get(range).and_then(|bytes| bytes.try_into().ok());
    let kind = answer.get(KIND).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    match (kind, number(ERROR).map(i32::from_ne_bytes)) {
        (Some(kind), _) if i32::from(kind) >> 8 == NFNL_SUBSYS_NFTABLES => Ok(true),
        (Some(kind), Some(error)) if i32::from(kind) == NLMSG_ERROR => match Errno::from_raw(-error) {
            Errno::ENOENT | Errno::EINVAL | Errno::EOPNOTSUPP => Ok(false),
            errno => Err(errno.into()),
        },
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}
