//! ARP (RFC 826).

use std::net::Ipv4Addr;

use etherparse::{ArpOperation, ArpPacketSlice};

use super::mac;

pub(super) fn line(arp: &ArpPacketSlice<'_>, length: usize) -> String {
    let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
    let sender = address(arp.sender_protocol_addr());
    let (Some(sender), Some(target)) = (sender, address(arp.target_protocol_addr())) else {
        return format!("ARP, op {}, length {length}", arp.operation().0);
    };
    match arp.operation() {
        ArpOperation::REQUEST => {
            let known = arp.target_hw_addr();
            let known = if known.iter().any(|byte| *byte != 0) { format!(" ({})", mac(known)) } else { String::new() };
            format!("ARP, Request who-has {target}{known} tell {sender}, length {length}")
        }
        ArpOperation::REPLY => {
            format!("ARP, Reply {sender} is-at {}, length {length}", mac(arp.sender_hw_addr()))
        }
        ArpOperation(number) => format!("ARP, op {number}, length {length}"),
    }
}
