//! Bonds in the tree of `show`.

use crate::backend::bond::BondState;
use crate::model::{Bond, BondMode, Lacp};

use super::line;

/// What the bond is, and what its devices have come to.
pub fn text(text: &mut String, bond: &Bond, state: Option<&BondState>) {
    line(text, 2, format_args!("bond: {}", bond.mode));
    if bond.lacp != Lacp::Off {
        let partner = match state.and_then(BondState::partner) {
            Some(true) => "a partner answers",
            _ => "no partner",
        };
        line(text, 2, format_args!("lacp: {} ({}), {partner}", bond.lacp, bond.lacp_time));
    }
    for member in state.iter().flat_map(|state| &state.members) {
        let carries = match (member.up, member.enabled, bond.mode) {
            (false, ..) => "link down",
            (true, false, BondMode::ActiveBackup) => "waiting",
            (true, false, _) => "disabled",
            (true, true, BondMode::ActiveBackup) if !member.active => "waiting",
            (true, true, BondMode::ActiveBackup) => "active",
            (true, true, _) => "enabled",
        };
        let alone = if member.partner == Some(false) { ", no partner" } else { "" };
        line(text, 2, format_args!("member {}: {carries}{alone}", member.name));
    }
}
