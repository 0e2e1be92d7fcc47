//! Limits at the doors of a device: filters whose action is tc-police(8).

use netlink_packet_core::{DecodeError, parse_u32, parse_u64};
use nix::errno::Errno;

use super::filter::{self, Hook};
use super::qdisc::{ETHERNET, attribute, saturated};
use super::request::Request;

/// What a kernel without `CONFIG_NET_CLS_U32`, or without the action, lacks: it answers ENOENT to either.
pub const POLICE: &str = "policing by tc (modules cls_u32 and act_police)";

/// linux/pkt_cls.h.
const TCA_POLICE_TBF: u16 = 1;
const TCA_POLICE_RATE: u16 = 2;
const TCA_POLICE_RESULT: u16 = 5;
const TCA_POLICE_RATE64: u16 = 8;
/// `TC_ACT_SHOT`: what is too much is dropped.
const DROP: i32 = 2;
/// `TC_RTAB_SIZE`, in bytes, and how a table of rates is scaled. The kernel wants one and computes itself, where it is told of Ethernet
/// (`tcf_police_init`, net/sched/act_police.c).
const TABLE_LEN: usize = 1024;
const CELL_LOG: u8 = 8;
/// Longer packets are dropped, in bytes: none is; as ovs-vswitchd has it.
const MTU: u32 = 0xffff;
/// `struct tc_police`: five numbers of 32 bits, two `struct tc_ratespec` of twelve bytes, three numbers.
const TBF_LEN: usize = 56;

/// What passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Police {
    /// In bytes a second.
    pub rate: u64,
    /// How long what may come at once takes at that rate, in ticks of the packet scheduler.
    pub burst: u32,
}

/// Which frames a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frames {
    /// All.
    All,
    /// Broadcast and multicast: those whose destination has the group bit (IEEE 802.3 clause 3.2.3).
    Group,
}

impl Frames {
    /// One key of a `struct tc_u32_sel`: mask and value as they are in the frame, and where that is, in bytes from the network header on.
    fn key(self) -> [u8; 16] {
        let mut key = [0; 16];
        if self == Frames::Group {
            // The destination is 14 bytes before the network header. As tc(8) has it, at a multiple of four.
            (key[2], key[6]) = (1, 1);
            key[8..12].copy_from_slice(&(-16_i32).to_ne_bytes());
        }
        key
    }
}

/// `tc filter add dev DEV ingress pref PREF u32 match … action police rate RATE burst BURST conform-exceed drop/continue cookie COOKIE`.
pub fn add(link: u32, pref: u16, frames: Frames, police: Police, cookie: &[u8]) -> Request {
    let words = format!("filter add dev if{link} ingress pref {pref} u32 action police");
    let action = filter::action("police", &police.options(), cookie);
    filter::add(words, (link, Hook::Ingress, pref), &frames.key(), &action).needing_or(POLICE, Errno::ENOENT)
}

impl Police {
    fn options(self) -> Vec<u8> {
        let mut fixed = [0; TBF_LEN];
        fixed[4..8].copy_from_slice(&DROP.to_ne_bytes());
        fixed[12..16].copy_from_slice(&self.burst.to_ne_bytes());
        fixed[16..20].copy_from_slice(&MTU.to_ne_bytes());
        (fixed[20], fixed[21]) = (CELL_LOG, ETHERNET);
        fixed[28..32].copy_from_slice(&saturated(self.rate).to_ne_bytes());
        let mut bytes = attribute(TCA_POLICE_TBF, &fixed);
        bytes.extend(attribute(TCA_POLICE_RATE, &[0; TABLE_LEN]));
        bytes.extend(attribute(TCA_POLICE_RESULT, &filter::GO_ON.to_ne_bytes()));
        if self.rate > u64::from(u32::MAX) {
            bytes.extend(attribute(TCA_POLICE_RATE64, &self.rate.to_ne_bytes()));
        }
        bytes
    }

    /// Of the options of an action, if they have one.
    pub(super) fn read(options: &[(u16, &[u8])]) -> Result<Option<Police>, DecodeError> {
        let find = |wanted: u16| options.iter().find(|(number, _)| *number == wanted).map(|(_, value)| *value);
        let Some(fixed) = find(TCA_POLICE_TBF).filter(|fixed| fixed.len() >= TBF_LEN) else { return Ok(None) };
        let rate = match find(TCA_POLICE_RATE64) {
            Some(rate) => parse_u64(rate)?,
            None => parse_u32(&fixed[28..32])?.into(),
        };
        Ok(Some(Police { rate, burst: parse_u32(&fixed[12..16])? }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::filter::attributes;

    #[test]
    fn what_is_written_is_what_is_read() {
        for rate in [125, 125_000, u64::from(u32::MAX) + 1, 12_500_000_000] {
            let police = Police { rate, burst: 12_345 };
            let bytes = police.options();
            assert_eq!(Police::read(&attributes(&bytes).unwrap()).unwrap(), Some(police));
        }
        assert_eq!(Police::read(&[]).unwrap(), None);
    }
}
