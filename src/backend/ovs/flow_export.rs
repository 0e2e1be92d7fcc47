//! sFlow, NetFlow and IPFIX of switches: rows that only the bridge refers to, and that go when it no longer does.

use std::collections::BTreeMap;

use crate::model::{BackendName, Entry, ExportProtocol, FlowExport, Key, Resource, SwitchName};
use crate::ovsdb::operation::{Condition, Insert, Select, Update};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Atom, Datum, Uuid};

use super::Ovs;
use super::ops::{Transaction, bridge, is_there};
use super::read::{Found, OWNER, by_name, by_uuid, guard, misread, owner, select};
use crate::backend::BackendError;

/// What those of these switches tell; all without.
pub(super) async fn read(ovs: &Ovs, of: Option<&[SwitchName]>) -> Result<Vec<Found>, BackendError> {
    let columns = ["_uuid", "name", "sflow", "netflow", "ipfix"];
    let selects = match of {
        Some(names) => names.iter().map(|name| by_name("Bridge", name.as_str(), &columns)).collect(),
        None => vec![Select::from_table("Bridge").columns(columns)],
    };
    let mut homes: Vec<(Uuid, String, ExportProtocol, Uuid)> = Vec::new();
    for row in select(ovs, selects).await?.iter().flatten() {
        for protocol in ExportProtocol::ALL {
            let told = || Ok((row.row_uuid()?, row.one("name")?, row.optional::<Uuid>(protocol.as_str())?));
            let (bridge, name, export) = told().map_err(misread)?;
            homes.extend(export.map(|export| (bridge, name, protocol, export)));
        }
    }
    let rows = homes.iter().map(|(.., protocol, row)| by_uuid(protocol.table(), *row, &columns_of(*protocol)));
    let rows = select(ovs, rows).await?;
    let mut found = Vec::new();
    for ((bridge, switch, protocol, _), row) in homes.iter().zip(&rows) {
        if let (Ok(switch), Some(row)) = (switch.parse(), row.first()) {
            found.push(export(row, *bridge, switch, *protocol).map_err(misread)?);
        }
    }
    Ok(found)
}

fn columns_of(protocol: ExportProtocol) -> Vec<&'static str> {
    let mut columns = vec!["_uuid", "targets", "external_ids"];
    columns.extend(match protocol {
        ExportProtocol::Sflow => &["sampling", "polling", "header", "agent"][..],
        ExportProtocol::Netflow => &["active_timeout"],
        ExportProtocol::Ipfix => &["sampling", "cache_active_timeout"],
    });
    columns
}

fn export(row: &Row, bridge: Uuid, switch: SwitchName, protocol: ExportProtocol) -> Result<Found, RowError> {
    let number = |column: &str| match row.get(column) {
        Some(_) => Ok(row.optional::<i64>(column)?.and_then(|number| u32::try_from(number).ok())),
        None => Ok(None),
    };
    let timeout = match protocol {
        // 0 is the default, which is not to be told from one that was said.
        ExportProtocol::Netflow => number("active_timeout")?.filter(|seconds| *seconds > 0),
        _ => number("cache_active_timeout")?,
    };
    let agent = if protocol == ExportProtocol::Sflow { row.optional("agent")? } else { None };
    let export = FlowExport {
        targets: row.all::<String>("targets")?.into_iter().collect(),
        sampling: number("sampling")?,
        polling: number("polling")?,
        header: number("header")?,
        agent,
        active_timeout: timeout,
        ..FlowExport::new(switch, BackendName::Ovs, protocol)
    };
    let entry = Entry { resource: Resource::FlowExport(export), owner: owner(row)? };
    let guard = guard(row, &columns_of(protocol));
    Ok(Found { entry, row: row.row_uuid()?, bridge: Some(bridge), interface: None, guard })
}

/// The columns that say it.
fn columns(export: &FlowExport) -> Vec<(&'static str, Datum)> {
    let mut columns = vec![("targets", Datum::set(export.targets.iter().map(String::as_str)))];
    columns.extend(export.numbers().into_iter().map(|(column, number)| {
        let number = match (export.protocol, number) {
            // It is no set, but a number.
            (ExportProtocol::Netflow, None) => Some(0),
            (_, number) => number,
        };
        (column, Datum::set(number.map(|number| Atom::Integer(number.into()))))
    }));
    if export.protocol == ExportProtocol::Sflow {
        columns.push(("agent", Datum::set(export.agent.as_deref())));
    }
    columns
}

impl Transaction {
    pub(super) fn create_export(
        &mut self,
        entry: &Entry,
        export: &FlowExport,
        current: &BTreeMap<Key, Found>,
    ) -> Result<(), BackendError> {
        let mark = entry.owner.iter().map(|owner| (OWNER, owner.as_str()));
        let insert = Insert::into_table(export.protocol.table()).with("external_ids", Datum::map(mark));
        let insert = columns(export).into_iter().fold(insert, |insert, (column, value)| insert.with(column, value));
        let row = self.insert(insert);
        let column = export.protocol.as_str();
        if let Some(new) = self.new_bridge(&export.switch) {
            new.insert = new.insert.clone().with(column, row);
            return Ok(());
        }
        let bridge = bridge(entry, &export.switch, current)?;
        self.push(is_there(bridge));
        self.push(Update::table_rows("Bridge").filter(Condition::uuid(bridge)).with(column, row));
        Ok(())
    }

    pub(super) fn set_export(&mut self, export: &FlowExport, found: &Found) {
        let update = Update::table_rows(export.protocol.table()).filter(Condition::uuid(found.row));
        let update = columns(export).into_iter().fold(update, |update, (column, value)| update.with(column, value));
        self.push(update);
    }

    /// Its row goes with the reference.
    pub(super) fn delete_export(&mut self, export: &FlowExport, bridge: Uuid) {
        let update = Update::table_rows("Bridge").filter(Condition::uuid(bridge));
        self.push(update.with(export.protocol.as_str(), Datum::empty_set()));
    }
}

/// The switches whose exports `keys` name.
pub(super) fn wanted(keys: &[Key]) -> Vec<SwitchName> {
    let switch = |key: &Key| if let Key::FlowExport { switch, .. } = key { Some(switch.clone()) } else { None };
    let mut wanted: Vec<SwitchName> = keys.iter().filter_map(switch).collect();
    wanted.dedup();
    wanted
}
