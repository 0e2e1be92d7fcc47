//! Bonds, as a lab file has them.

use super::{Entries, Out};
use crate::lab::parts::LabBond;
use crate::model::{BondMode, Lacp, LacpTime};

pub fn bond(of: &LabBond) -> Out {
    let (mut keys, bond) = (Entries::default(), &of.bond);
    keys.list("devices", bond.devices.iter().map(Out::text).collect());
    keys.word("mode", Some(bond.mode).filter(|mode| *mode != BondMode::default()));
    let plain = if bond.mode == BondMode::BalanceTcp { Lacp::Active } else { Lacp::Off };
    // YAML takes a bare `off` for false.
    keys.text("lacp", Some(bond.lacp).filter(|lacp| *lacp != plain));
    keys.word("lacp-time", Some(bond.lacp_time).filter(|time| *time != LacpTime::Slow));
    keys.vlan("tag", "trunks", &of.vlan);
    keys.settings(&of.settings);
    keys.out()
}
