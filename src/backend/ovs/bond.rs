//! Bonds: ports of several interfaces, in the columns of table Port (ovs-vswitchd.conf.db(5)).

use std::collections::BTreeMap;

use crate::backend::BackendError;
use crate::backend::bond::{BondState, Member};
use crate::model::{Bond, BondMode, IfName, Interface, Lacp};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Datum, Uuid};

use super::Ovs;
use super::read::{by_name, by_uuid, misread, select};

/// The columns that say what a bond is, besides `other_config`.
pub const COLUMNS: [&str; 3] = ["interfaces", "bond_mode", "lacp"];
/// The key of `other_config` that says how often LACP speaks.
pub const TIME: &str = "lacp-time";

/// What the row of a port says of the bond of these devices. Without a mode it is active-backup, and LACP is off.
pub fn read(row: &Row, devices: &[String]) -> Result<Interface, RowError> {
    let config = row.map::<String, String>("other_config")?;
    let mode = row.optional::<String>("bond_mode")?.and_then(|mode| mode.parse::<BondMode>().ok());
    let lacp = row.optional::<String>("lacp")?.and_then(|lacp| lacp.parse::<Lacp>().ok());
    Ok(Interface::Bond(Bond {
        devices: devices.iter().filter_map(|name| name.parse::<IfName>().ok()).collect(),
        mode: mode.unwrap_or_default(),
        lacp: lacp.unwrap_or_default(),
        lacp_time: config.get(TIME).and_then(|time| time.parse().ok()).unwrap_or_default(),
    }))
}

/// The columns that say what it is.
pub fn columns(bond: &Bond) -> Vec<(&'static str, Datum)> {
    vec![("bond_mode", bond.mode.as_str().into()), ("lacp", bond.lacp.as_str().into())]
}

impl Ovs {
    /// What the bonds with these names have come to, by name.
    pub async fn bonds(&self, names: &[&IfName]) -> Result<BTreeMap<String, BondState>, BackendError> {
        let columns = ["name", "interfaces", "bond_active_slave", "bond_mode", "lacp"];
        let ports = select(self, names.iter().map(|name| by_name("Port", name.as_str(), &columns))).await?;
        let mut bonds = BTreeMap::new();
        for row in ports.iter().flatten() {
            let uuids = row.all::<Uuid>("interfaces").map_err(misread)?;
            let columns = ["name", "link_state", "lacp_current", "mac_in_use"];
            let interfaces = select(self, uuids.into_iter().map(|uuid| by_uuid("Interface", uuid, &columns))).await?;
            let (name, state) = state(row, interfaces.iter().flatten()).map_err(misread)?;
            bonds.insert(name, state);
        }
        Ok(bonds)
    }
}

/// With LACP, a device without a partner carries nothing (`member_may_enable__`, lib/lacp.c).
fn state<'a>(port: &Row, interfaces: impl Iterator<Item = &'a Row>) -> Result<(String, BondState), RowError> {
    // The others have one for what is sent to all.
    let mode = port.optional::<String>("bond_mode")?;
    let waits = mode.is_none_or(|mode| mode == BondMode::ActiveBackup.as_str());
    let active = port.optional::<String>("bond_active_slave")?.filter(|_| waits);
    let lacp = port.optional::<String>("lacp")?.is_some_and(|lacp| lacp != Lacp::Off.as_str());
    let mut state = BondState::default();
    for row in interfaces {
        let partner = if lacp { Some(row.optional::<bool>("lacp_current")?.unwrap_or(false)) } else { None };
        let up = row.optional::<String>("link_state")?.is_some_and(|state| state == "up");
        let mac = row.optional::<String>("mac_in_use")?;
        let enabled = up && partner != Some(false);
        state.members.push(Member {
            name: row.one("name")?,
            enabled,
            active: enabled && active.is_some() && mac == active,
            up,
            partner,
        });
    }
    state.members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((port.one("name")?, state))
}
