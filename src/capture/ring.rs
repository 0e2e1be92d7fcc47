//! A packet socket whose packets the kernel writes into memory that this process shares: `PACKET_RX_RING`, version 3
//! (Documentation/networking/packet_mmap.rst).
//!
//! The memory is a ring of blocks. The kernel fills one, and hands it over when it is full or a while has passed; from then on
//! it is ours, until we give it back.
#![allow(unsafe_code)]
#![warn(clippy::undocumented_unsafe_blocks)]

use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket, sockopt};

use super::block::{self, Frame, STATUS};
use super::error::Error;
use super::filter::{Instruction, Program};
use super::packet::{Class, LinkType, Packet};

/// In bytes. It holds the largest packet that there is without jumbograms, 64 KiB, which a device that segments by itself is
/// given in one piece.
const BLOCK: usize = 128 * 1024;
/// How long the kernel keeps a block that is not full. It looks so often, and hands over what it found at the last look too.
const BLOCK_TIMEOUT: Duration = Duration::from_millis(50);
/// After this time each packet that was seen before is in a block that was handed over.
pub const HAND_OVER: Duration = Duration::from_millis(2 * 50 + 20);
/// In bytes. Of no meaning for version 3, but checked.
const FRAME: usize = 2048;
/// The bytes of all rings of a capture together, and of one.
const BYTES: usize = 64 << 20;
const BYTES_MAX: usize = 32 << 20;
const BYTES_MIN: usize = 4 * BLOCK;

/// `ETH_P_ALL` (linux/if_ether.h): packets of all protocols, and those that go out too.
const ALL_PROTOCOLS: u16 = 3;

/// A device, and what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name, for messages.
    pub name: String,
    /// Whether packets that go out are wanted.
    pub outgoing: bool,
    /// Packets from this Ethernet address are not wanted.
    pub except: Option<[u8; 6]>,
}

impl Device {
    /// A device of which everything is wanted.
    pub fn new(index: u32, name: impl Into<String>) -> Device {
        Device { index, name: name.into(), outgoing: true, except: None }
    }
}

/// The block that is being read.
#[derive(Debug)]
struct Held {
    /// Where the next packet is.
    offset: usize,
    /// How many packets are left.
    left: u32,
    /// When it was found to be ours.
    since: Instant,
}

/// A device under capture.
#[derive(Debug)]
pub struct Ring {
    socket: OwnedFd,
    memory: Memory,
    device: Device,
    link: LinkType,
    is_loopback: bool,
    /// The block that is handed over next, or is held.
    current: usize,
    held: Option<Held>,
    received: u64,
    dropped: u64,
}

impl Ring {
    /// Opens a ring on `device`, in the network namespace of the calling thread, for a capture of `devices` devices in all. It
    /// takes nothing before it is told [what](Ring::take). The device is in promiscuous mode until the ring is dropped, as it is
    /// under tcpdump: it takes what is for others too. A bridge takes what passes through it then (`br_handle_frame_finish`,
    /// net/bridge/br_input.c).
    ///
    /// Needs `CAP_NET_RAW` in the namespace.
    pub fn open(device: &Device, devices: usize) -> Result<Ring, Error> {
        let failed = |errno: Errno| Error::io(format!("capture on device {}", device.name), errno);
        // Without a protocol it gets nothing before it is bound.
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).map_err(failed)?;
        attach(&socket, &Program::nothing()).map_err(failed)?;
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        set(&socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version).map_err(failed)?;
        let memory = Memory::of(&socket, BYTES / devices.max(1)).map_err(failed)?;
        bind(&socket, device.index).map_err(failed)?;
        let (_, hardware) = bound(&socket).map_err(failed)?;
        let link = link_type(hardware).ok_or_else(|| Error::LinkType { device: device.name.clone(), hardware })?;
        let is_loopback = hardware == libc::ARPHRD_LOOPBACK;
        if !is_loopback {
            promiscuous(&socket, device.index).map_err(failed)?;
        }
        let device = device.clone();
        Ok(Ring { socket, memory, device, link, is_loopback, current: 0, held: None, received: 0, dropped: 0 })
    }

    /// What the device carries.
    pub fn link(&self) -> LinkType {
        self.link
    }

    /// Takes what `program` takes from now on.
    pub fn take(&self, program: &Program) -> Result<(), Error> {
        attach(&self.socket, program).map_err(|errno| Error::io("attach a filter to a packet socket", errno))
    }

    /// Whether the device is gone; its last packets may still be in the ring. To be asked when the socket has an error, which
    /// this clears: the device may only be down (`packet_notifier`, net/packet/af_packet.c).
    pub fn is_gone(&self) -> bool {
        // The error is asked for so that poll(2) does not tell of it again.
        let _ = getsockopt(&self.socket, sockopt::SocketError);
        bound(&self.socket).is_ok_and(|(index, _)| index < 0)
    }

    /// Goes to the next packet that is wanted, if one was handed over.
    pub(super) fn seek(&mut self) -> bool {
        loop {
            match &self.held {
                None if !self.memory.is_ours(self.current) => return false,
                None => {
                    let (left, offset) = block::contents(self.memory.block(self.current));
                    self.held = Some(Held { offset, left, since: Instant::now() });
                }
                Some(Held { left: 0, .. }) => self.give_back(),
                Some(_) if self.packet(0, u32::MAX).is_some() => return true,
                Some(_) => self.skip(),
            }
        }
    }

    /// When the next packet was seen, if it was handed over.
    pub(super) fn time_of_next(&mut self) -> Option<u64> {
        if self.seek() { self.frame().map(|(frame, _)| frame.time) } else { None }
    }

    /// The packet that [`seek`](Ring::seek) found. `number` is the device's among those of the capture.
    pub(super) fn packet(&self, number: usize, snaplen: u32) -> Option<Packet<'_>> {
        let (frame, _) = self.frame()?;
        let class = Class::of_pkttype(frame.pkttype)?;
        if !self.wants(class, frame.bytes) {
            return None;
        }
        let packet = Packet::new(number, frame.time, class, self.link, frame.length, frame.bytes);
        let packet = frame.tag.map_or(packet, |(tpid, tci)| packet.tagged(tpid, tci));
        Some(packet.cut(snaplen))
    }

    fn frame(&self) -> Option<(Frame<'_>, usize)> {
        let held = self.held.as_ref()?;
        block::frame(self.memory.block(self.current), held.offset)
    }

    /// On `lo` each packet comes in that went out: tcpdump too shows it once.
    fn wants(&self, class: Class, bytes: &[u8]) -> bool {
        let out = class == Class::Outgoing && (self.is_loopback || !self.device.outgoing);
        let source = bytes.get(6..12);
        !out && (self.device.except.is_none() || source != self.device.except.as_ref().map(|mac| mac.as_slice()))
    }

    /// Leaves the packet that was found.
    pub(super) fn skip(&mut self) {
        let next = self.frame().map(|(_, next)| next);
        if let Some(held) = &mut self.held {
            held.left -= 1;
            match next {
                Some(next) => held.offset += next,
                // Nobody knows where the next one would be.
                None => held.left = 0,
            }
        }
    }

    fn give_back(&mut self) {
        self.memory.give_back(self.current);
        self.current = (self.current + 1) % self.memory.blocks;
        self.held = None;
    }

    /// How long the block has been ours in which the packet is that was found.
    pub(super) fn age(&self) -> Option<Duration> {
        self.held.as_ref().map(|held| held.since.elapsed())
    }

    /// Whether half of the ring waits for us.
    pub(super) fn is_crowded(&self) -> bool {
        let ours = (0..self.memory.blocks).filter(|index| self.memory.is_ours(*index));
        ours.count() * 2 >= self.memory.blocks
    }

    /// How many packets passed the filter, and how many of them were dropped, since the ring was opened.
    pub(super) fn statistics(&mut self) -> Result<(u64, u64), Error> {
        let new = statistics(&self.socket).map_err(|errno| Error::io("read the counters of a packet socket", errno))?;
        // Reading sets them back (packet(7)).
        self.received += u64::from(new.tp_packets);
        self.dropped += u64::from(new.tp_drops);
        Ok((self.received, self.dropped))
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// `ARPHRD_*` numbers (linux/if_arp.h) of devices that carry plain IP, as libpcap has them (`map_arphrd_to_dlt`).
fn link_type(hardware: u16) -> Option<LinkType> {
    const TUNNEL6: u16 = 769;
    const SIT: u16 = 776;
    const RAWIP: u16 = 519;
    match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Some(LinkType::Ethernet),
        libc::ARPHRD_NONE | libc::ARPHRD_TUNNEL | TUNNEL6 | SIT | RAWIP => Some(LinkType::RawIp),
        _ => None,
    }
}

/// The memory of a ring.
#[derive(Debug)]
struct Memory {
    start: NonNull<u8>,
    blocks: usize,
}

// SAFETY: The memory is reached through this value alone, and belongs to the process, not to a thread.
unsafe impl Send for Memory {}

impl Memory {
    /// Makes the ring of `socket`, of about `bytes` bytes, or of as many as the kernel has.
    fn of(socket: &OwnedFd, bytes: usize) -> Result<Memory, Errno> {
        let mut blocks = bytes.clamp(BYTES_MIN, BYTES_MAX) / BLOCK;
        while let Err(errno) = make_ring(socket, blocks) {
            if errno != Errno::ENOMEM || blocks * BLOCK <= BYTES_MIN {
                return Err(errno);
            }
            blocks /= 2;
        }
        let (length, access) = (blocks * BLOCK, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: Without MAP_FIXED this maps the ring at an address that is free, and touches no memory that is in use.
        let address =
            unsafe { libc::mmap(std::ptr::null_mut(), length, access, libc::MAP_SHARED, socket.as_raw_fd(), 0) };
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let start = NonNull::new(address.cast()).ok_or(Errno::ENOMEM)?;
        Ok(Memory { start, blocks })
    }

    fn at(&self, block: usize) -> NonNull<u8> {
        assert!(block < self.blocks);
        // SAFETY: The mapping is `blocks` times BLOCK bytes long, and `block` is less than `blocks`.
        unsafe { self.start.add(block * BLOCK) }
    }

    /// The word by which the kernel and we tell each other whose a block is.
    fn status(&self, block: usize) -> &AtomicU32 {
        // SAFETY: The word is within the block, aligned (blocks begin at pages, STATUS is a multiple of 4), lives as long as
        // the mapping, and is accessed as an atomic only: by us here, and by the kernel with barriers (`prb_close_block`).
        unsafe { AtomicU32::from_ptr(self.at(block).add(STATUS).cast().as_ptr()) }
    }

    /// Whether the kernel has handed the block over.
    fn is_ours(&self, block: usize) -> bool {
        self.status(block).load(Ordering::Acquire) & libc::TP_STATUS_USER != 0
    }

    /// The bytes of a block that is ours.
    fn block(&self, block: usize) -> &[u8] {
        assert!(self.is_ours(block));
        // SAFETY: The block is BLOCK bytes long and within the mapping. It is ours, so the kernel does not write to it before
        // `give_back`, which borrows `self` for writing: no slice of it is left then. The acquiring load above makes
        // visible what the kernel wrote. We write to no byte of it but by the atomic status, and that only in `give_back`.
        unsafe { std::slice::from_raw_parts(self.at(block).as_ptr(), BLOCK) }
    }

    /// Lets the kernel write to the block again.
    fn give_back(&mut self, block: usize) {
        self.status(block).store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours alone, as long as this, and nothing borrows from a value that is dropped. It fails for
        // addresses only that are no multiples of a page.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.blocks * BLOCK) };
    }
}

fn make_ring(socket: &OwnedFd, blocks: usize) -> Result<(), Errno> {
    let number = |bytes: usize| bytes as libc::c_uint;
    let request = libc::tpacket_req3 {
        tp_block_size: number(BLOCK),
        tp_block_nr: number(blocks),
        tp_frame_size: number(FRAME),
        tp_frame_nr: number(BLOCK / FRAME * blocks),
        tp_retire_blk_tov: number(BLOCK_TIMEOUT.as_millis() as usize),
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    };
    set(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)
}

fn attach(socket: &OwnedFd, program: &Program) -> Result<(), Errno> {
    let word = |i: &Instruction| libc::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k };
    let mut words: Vec<libc::sock_filter> = program.instructions().iter().map(word).collect();
    let length = words.len().try_into().map_err(|_| Errno::EINVAL)?;
    let program = libc::sock_fprog { len: length, filter: words.as_mut_ptr() };
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn promiscuous(socket: &OwnedFd, index: u32) -> Result<(), Errno> {
    let request = libc::packet_mreq {
        mr_ifindex: index as libc::c_int,
        mr_type: libc::PACKET_MR_PROMISC as libc::c_ushort,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set(socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
}

/// setsockopt(2). `T` is what the kernel takes for the option `name`.
fn set<T>(socket: &OwnedFd, level: libc::c_int, name: libc::c_int, value: &T) -> Result<(), Errno> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: The kernel reads `length` bytes from `value`, which has as many, and for SO_ATTACH_FILTER as many instructions
    // as it says there are, which `attach` keeps alive. It keeps no pointer.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length) };
    Errno::result(result).map(drop)
}

fn bind(socket: &OwnedFd, index: u32) -> Result<(), Errno> {
    // SAFETY: A sockaddr_ll is plain numbers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ALL_PROTOCOLS.to_be();
    address.sll_ifindex = index as libc::c_int;
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: The kernel reads `length` bytes from `address`, which has as many.
    let result = unsafe { libc::bind(socket.as_raw_fd(), std::ptr::from_ref(&address).cast(), length) };
    Errno::result(result).map(drop)
}

/// The index of the device that `socket` is bound to, -1 once it is gone, and the device's `ARPHRD_*` number.
fn bound(socket: &OwnedFd) -> Result<(i32, u16), Errno> {
    // SAFETY: A sockaddr_ll is plain numbers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    let mut length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: The kernel writes `length` bytes at most to `address`, which has as many.
    let result = unsafe { libc::getsockname(socket.as_raw_fd(), std::ptr::from_mut(&mut address).cast(), &mut length) };
    Errno::result(result).map(|_| (address.sll_ifindex, address.sll_hatype))
}

fn statistics(socket: &OwnedFd) -> Result<libc::tpacket_stats_v3, Errno> {
    // SAFETY: A tpacket_stats_v3 is three numbers, for which zero is a value.
    let mut statistics: libc::tpacket_stats_v3 = unsafe { zeroed() };
    let mut length = size_of::<libc::tpacket_stats_v3>() as libc::socklen_t;
    let value = std::ptr::from_mut(&mut statistics).cast();
    // SAFETY: The kernel writes `length` bytes at most to `statistics`, which has as many.
    let result =
        unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, value, &mut length) };
    Errno::result(result).map(|_| statistics)
}
