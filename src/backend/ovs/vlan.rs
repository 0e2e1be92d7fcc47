//! VLANs in the columns of table Port.

use std::collections::BTreeSet;

use crate::model::{Vlan, VlanId, VlanMode};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Atom, Datum};

/// The columns that say what a port does with VLANs.
pub const COLUMNS: [&str; 4] = ["tag", "trunks", "vlan_mode", "cvlans"];

/// What the columns of `row` say.
pub fn read(row: &Row) -> Result<Vlan, RowError> {
    let id = |number: i64| u16::try_from(number).ok().and_then(|number| VlanId::try_from(number).ok());
    let tag = row.optional::<i64>("tag")?.and_then(id);
    let trunks: BTreeSet<VlanId> = row.all::<i64>("trunks")?.into_iter().filter_map(id).collect();
    let cvlans = row.all::<i64>("cvlans")?.into_iter().filter_map(id).collect();
    let mode = match row.optional::<String>("vlan_mode")?.as_deref() {
        Some("native-tagged") => Some(VlanMode::NativeTagged),
        Some("native-untagged") => Some(VlanMode::NativeUntagged).filter(|_| trunks.is_empty()),
        Some("dot1q-tunnel") => Some(VlanMode::Dot1qTunnel),
        _ => None,
    };
    Ok(Vlan { tag, trunks, mode, cvlans })
}

/// The columns that say `vlan`.
pub fn columns(vlan: &Vlan) -> [(&'static str, Datum); 4] {
    let set = |vlans: &BTreeSet<VlanId>| Datum::set(vlans.iter().map(|vlan| Atom::Integer(vlan.get().into())));
    let native = vlan.tag.is_some() && !vlan.trunks.is_empty();
    let mode = vlan.mode.map(VlanMode::as_str).or(native.then_some("native-untagged"));
    [
        ("tag", Datum::set(vlan.tag.map(|tag| Atom::Integer(tag.get().into())))),
        ("trunks", set(&vlan.trunks)),
        ("vlan_mode", Datum::set(mode.map(Atom::from))),
        ("cvlans", set(&vlan.cvlans)),
    ]
}
