//! Mirrors: table Mirror of ovs-vswitchd.conf.db(5).

use std::collections::HashMap;

use crate::model::{Entry, Key, Mirror, Resource, SwitchName};
use crate::ovsdb::operation::Insert;
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Datum, Uuid};

use super::Ovs;
use super::read::{Found, OWNER, by_name, by_uuid, guard, misread, owner, select};
use crate::backend::BackendError;

/// `external_ids` key, on a Mirror: the port that it sends to, whose row takes the reference with it when it goes.
pub(super) const OUTPUT: &str = "ovsns-output";

const COLUMNS: [&str; 9] = [
    "_uuid",
    "name",
    "select_all",
    "select_src_port",
    "select_dst_port",
    "select_vlan",
    "output_port",
    "output_vlan",
    "external_ids",
];

/// Mirrors, and what their rows refer to.
#[derive(Debug, Default)]
pub(super) struct Mirrors {
    /// Each with its bridge, by row and name.
    rows: Vec<(Row, Uuid, String)>,
    ports: HashMap<Uuid, String>,
}

impl Mirrors {
    /// Those that `keys` name.
    pub(super) async fn of_keys(ovs: &Ovs, keys: &[Key]) -> Result<Mirrors, BackendError> {
        let wanted = wanted(keys);
        let bridges =
            wanted.iter().map(|(switch, _)| by_name("Bridge", switch.as_str(), &["_uuid", "name", "mirrors"]));
        let bridges: Vec<Row> = select(ovs, bridges).await?.into_iter().flatten().collect();
        let mut mirrors = Mirrors::of_bridges(ovs, &bridges).await?;
        mirrors.retain(keys);
        Ok(mirrors)
    }

    /// Leaves those that `keys` name.
    pub(super) fn retain(&mut self, keys: &[Key]) {
        let wanted = wanted(keys);
        self.rows.retain(|(row, _, bridge)| {
            let name = row.one::<String>("name").unwrap_or_default();
            wanted.iter().any(|(switch, wanted)| switch.as_str() == bridge && **wanted == name)
        });
    }

    /// Those of `bridges`, rows with the columns `_uuid`, `name` and `mirrors`.
    pub(super) async fn of_bridges(ovs: &Ovs, bridges: &[Row]) -> Result<Mirrors, BackendError> {
        let mut homes = Vec::new();
        for bridge in bridges {
            let here = (bridge.row_uuid().map_err(misread)?, bridge.one::<String>("name").map_err(misread)?);
            let mirrors = bridge.all::<Uuid>("mirrors").map_err(misread)?;
            homes.extend(mirrors.into_iter().map(|mirror| (mirror, here.clone())));
        }
        let rows = select(ovs, homes.iter().map(|(mirror, _)| by_uuid("Mirror", *mirror, &COLUMNS))).await?;
        let found = rows
            .into_iter()
            .zip(homes)
            .filter_map(|(rows, (_, (bridge, name)))| rows.into_iter().next().map(|row| (row, bridge, name)));
        let rows: Vec<(Row, Uuid, String)> = found.collect();
        let outputs = rows.iter().filter_map(|(row, ..)| row.optional::<Uuid>("output_port").ok().flatten());
        let ports = select(ovs, outputs.map(|port| by_uuid("Port", port, &["_uuid", "name"]))).await?;
        let name = |row: &Row| Ok((row.row_uuid()?, row.one("name")?));
        let ports = ports.iter().flatten().map(name).collect::<Result<_, _>>().map_err(misread)?;
        Ok(Mirrors { rows, ports })
    }

    /// The resources that they are. A mirror that copies a part only, or into a VLAN, is none.
    pub(super) fn found(&self) -> Result<Vec<Found>, RowError> {
        self.rows
            .iter()
            .map(|(row, bridge, switch)| self.mirror(row, *bridge, switch))
            .filter_map(Result::transpose)
            .collect()
    }

    fn mirror(&self, row: &Row, bridge: Uuid, switch: &str) -> Result<Option<Found>, RowError> {
        let is_empty = |column| row.all::<Uuid>(column).map(|found| found.is_empty());
        let whole = row.one::<bool>("select_all")?
            && is_empty("select_src_port")?
            && is_empty("select_dst_port")?
            && row.all::<i64>("select_vlan")?.is_empty()
            && row.optional::<i64>("output_vlan")?.is_none();
        let ids = row.map::<String, String>("external_ids")?;
        let port = row.optional::<Uuid>("output_port")?.and_then(|port| self.ports.get(&port).cloned());
        let output = port.or_else(|| ids.get(OUTPUT).cloned()).and_then(|name| name.parse().ok());
        let (true, Ok(switch), Some(output)) = (whole, switch.parse(), output) else { return Ok(None) };
        let mirror = Mirror { switch, name: row.one("name")?, output };
        let entry = Entry { resource: Resource::Mirror(mirror), owner: owner(row)? };
        let guard = guard(row, &COLUMNS);
        Ok(Some(Found { entry, row: row.row_uuid()?, bridge: Some(bridge), interface: None, guard }))
    }
}

fn wanted(keys: &[Key]) -> Vec<(&SwitchName, &String)> {
    keys.iter()
        .filter_map(|key| if let Key::Mirror { switch, name } = key { Some((switch, name)) } else { None })
        .collect()
}

/// The row of a new mirror, which lacks its output.
pub(super) fn insert(entry: &Entry, mirror: &Mirror) -> Insert {
    let mark = entry.owner.iter().map(|owner| (OWNER, owner.as_str()));
    let ids = mark.chain([(OUTPUT, mirror.output.as_str())]);
    Insert::into_table("Mirror")
        .with("name", mirror.name.as_str())
        .with("select_all", true)
        .with("external_ids", Datum::map(ids))
}
