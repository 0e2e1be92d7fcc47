//! What is in a block of the ring: the kernel's headers (linux/if_packet.h), and the packets behind them.

use std::mem::{offset_of, size_of};

use nix::libc;

/// Where in a block its status stands, which says whose the block is.
pub(super) const STATUS: usize =
    offset_of!(libc::tpacket_block_desc, hdr) + offset_of!(libc::tpacket_hdr_v1, block_status);

const PACKETS: usize = offset_of!(libc::tpacket_block_desc, hdr) + offset_of!(libc::tpacket_hdr_v1, num_pkts);
const FIRST: usize = offset_of!(libc::tpacket_block_desc, hdr) + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt);

/// Behind a packet's header stands the address that recvfrom(2) would have told, aligned to 16 bytes (`TPACKET_ALIGN`).
const ADDRESS: usize = size_of::<libc::tpacket3_hdr>().next_multiple_of(16);
/// The type of a frame with an 802.1Q tag (linux/if_ether.h).
const ETH_P_8021Q: u16 = 0x8100;
const VARIANT: usize = offset_of!(libc::tpacket3_hdr, hv1);

/// A packet as it stands in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// When it was seen: nanoseconds since 1970.
    pub time: u64,
    /// Its length in bytes, without the VLAN tag.
    pub length: u32,
    /// The VLAN tag that the kernel took out: TPID and TCI.
    pub tag: Option<(u16, u16)>,
    /// `sll_pkttype`.
    pub pkttype: u8,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// How many packets are in `block`, and where the first one is.
pub(super) fn contents(block: &[u8]) -> (u32, usize) {
    (number(block, PACKETS), number(block, FIRST) as usize)
}

/// The packet at `offset` of `block`, and how far behind it the next one is. `None` would be an error of the kernel.
pub(super) fn frame(block: &[u8], offset: usize) -> Option<(Frame<'_>, usize)> {
    let header = block.get(offset..)?;
    let at = |field: usize| number(header, field);
    let status = at(offset_of!(libc::tpacket3_hdr, tp_status));
    let start = usize::from(short(header, offset_of!(libc::tpacket3_hdr, tp_mac)));
    let length = at(offset_of!(libc::tpacket3_hdr, tp_snaplen)) as usize;
    let seconds = u64::from(at(offset_of!(libc::tpacket3_hdr, tp_sec)));
    let frame = Frame {
        time: seconds * 1_000_000_000 + u64::from(at(offset_of!(libc::tpacket3_hdr, tp_nsec))),
        length: at(offset_of!(libc::tpacket3_hdr, tp_len)),
        tag: tag(header, status),
        pkttype: *header.get(ADDRESS + offset_of!(libc::sockaddr_ll, sll_pkttype))?,
        bytes: header.get(start..start + length)?,
    };
    Some((frame, at(offset_of!(libc::tpacket3_hdr, tp_next_offset)) as usize))
}

/// Kernels before 3.0 say nothing of the TPID; it is the usual one then.
fn tag(header: &[u8], status: u32) -> Option<(u16, u16)> {
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let tci = number(header, VARIANT + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tci)) as u16;
    let tpid = short(header, VARIANT + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tpid));
    let said = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
    Some((if said { tpid } else { ETH_P_8021Q }, tci))
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|bytes| bytes.try_into().ok()).map_or(0, u16::from_ne_bytes)
}
