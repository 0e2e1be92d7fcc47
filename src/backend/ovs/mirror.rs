//! Mirrors: table Mirror of ovs-vswitchd.conf.db(5).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{BackendName, Entry, IfName, Key, Mirror, MirrorOutput, Resource, SwitchName, VlanId};
use crate::ovsdb::operation::{Condition, Insert, Mutation, Select, Update};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Atom, Datum, Uuid};

use super::Ovs;
use super::ops::{Transaction, bridge, contradiction, is_there, of_bridge};
use super::read::{Found, OWNER, by_name, by_uuid, guard, misread, owner, select};
use crate::backend::BackendError;

/// `external_ids` key, on a Mirror: the port that it sends to, whose row takes the reference with it when it goes.
pub(super) const OUTPUT: &str = "ovsns-output";

const COLUMNS: [&str; 10] = [
    "_uuid",
    "name",
    "select_all",
    "select_src_port",
    "select_dst_port",
    "select_vlan",
    "output_port",
    "output_vlan",
    "snaplen",
    "external_ids",
];

/// The columns that refer to ports.
const PORTS: [&str; 3] = ["select_src_port", "select_dst_port", "output_port"];

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

    /// All.
    pub(super) async fn all(ovs: &Ovs) -> Result<Mirrors, BackendError> {
        let with_mirrors = Select::from_table("Bridge").filter(Condition::not_equal("mirrors", Datum::empty_set()));
        let bridges = select(ovs, [with_mirrors.columns(["_uuid", "name", "mirrors"])]).await?;
        Mirrors::of_bridges(ovs, &bridges.into_iter().flatten().collect::<Vec<_>>()).await
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
        let of_row = |(row, ..): &(Row, Uuid, String)| PORTS.map(|column| row.all::<Uuid>(column).unwrap_or_default());
        let named: BTreeSet<Uuid> = rows.iter().flat_map(of_row).flatten().collect();
        let ports = select(ovs, named.into_iter().map(|port| by_uuid("Port", port, &["_uuid", "name"]))).await?;
        let name = |row: &Row| Ok((row.row_uuid()?, row.one("name")?));
        let ports = ports.iter().flatten().map(name).collect::<Result<_, _>>().map_err(misread)?;
        Ok(Mirrors { rows, ports })
    }

    /// The resources that they are. A mirror that leads nowhere, or has ports that ovsns could not name, is none.
    pub(super) fn found(&self) -> Result<Vec<Found>, RowError> {
        self.rows
            .iter()
            .map(|(row, bridge, switch)| self.mirror(row, *bridge, switch))
            .filter_map(Result::transpose)
            .collect()
    }

    fn mirror(&self, row: &Row, bridge: Uuid, switch: &str) -> Result<Option<Found>, RowError> {
        let ids = row.map::<String, String>("external_ids")?;
        let port = row.optional::<Uuid>("output_port")?.and_then(|port| self.ports.get(&port).cloned());
        let port = port.or_else(|| ids.get(OUTPUT).cloned()).and_then(|name| name.parse().ok());
        let vlan = row.optional::<i64>("output_vlan")?.and_then(vlan_id);
        let output = port.map(MirrorOutput::Port).or(vlan.map(MirrorOutput::Vlan));
        let sources = (self.names(row, "select_src_port")?, self.names(row, "select_dst_port")?);
        let (Ok(switch), Some(output), (Some(ingress), Some(egress))) = (switch.parse(), output, sources) else {
            return Ok(None);
        };
        let mirror = Mirror {
            switch,
            name: row.one("name")?,
            backend: BackendName::Ovs,
            output,
            all: row.one("select_all")?,
            ingress,
            egress,
            vlans: row.all::<i64>("select_vlan")?.into_iter().filter_map(vlan_id).collect(),
            snaplen: row.optional::<i64>("snaplen")?.and_then(|snaplen| snaplen.try_into().ok()),
        };
        let entry = Entry { resource: Resource::Mirror(mirror), owner: owner(row)? };
        let guard = guard(row, &COLUMNS);
        Ok(Some(Found { entry, row: row.row_uuid()?, bridge: Some(bridge), interface: None, guard }))
    }

    fn names(&self, row: &Row, column: &str) -> Result<Option<BTreeSet<IfName>>, RowError> {
        let ports = row.all::<Uuid>(column)?;
        Ok(ports.iter().map(|port| self.ports.get(port)?.parse().ok()).collect())
    }
}

fn vlan_id(number: i64) -> Option<VlanId> {
    u16::try_from(number).ok().and_then(|number| VlanId::try_from(number).ok())
}

fn wanted(keys: &[Key]) -> Vec<(&SwitchName, &String)> {
    keys.iter()
        .filter_map(|key| if let Key::Mirror { switch, name } = key { Some((switch, name)) } else { None })
        .collect()
}

/// The ports that a mirror refers to.
pub(super) fn ports(mirror: &Mirror) -> impl Iterator<Item = Key> {
    let ports = mirror.sources().into_iter().chain(mirror.output_port());
    ports.map(|device| Key::Port { device: device.clone() })
}

impl Transaction {
    pub(super) fn create_mirror(
        &mut self,
        entry: &Entry,
        mirror: &Mirror,
        current: &BTreeMap<Key, Found>,
    ) -> Result<(), BackendError> {
        let mark = entry.owner.iter().map(|owner| (OWNER, owner.as_str()));
        let output = mirror.output_port().map(|port| (OUTPUT, port.as_str()));
        let mut insert = Insert::into_table("Mirror")
            .with("name", mirror.name.as_str())
            .with("external_ids", Datum::map(mark.chain(output)));
        for (column, value) in self.mirror_columns(entry, mirror, current)? {
            insert = insert.with(column, value);
        }
        let row = self.insert(insert);
        if let Some(new) = self.new_bridge(&mirror.switch) {
            new.mirrors.push(row);
            return Ok(());
        }
        let bridge = bridge(entry, &mirror.switch, current)?;
        self.push(is_there(bridge));
        self.push(of_bridge(bridge).with(Mutation::insert("mirrors", row)));
        Ok(())
    }

    pub(super) fn set_mirror(
        &mut self,
        entry: &Entry,
        mirror: &Mirror,
        found: &Found,
        current: &BTreeMap<Key, Found>,
    ) -> Result<(), BackendError> {
        let mut update = Update::table_rows("Mirror").filter(Condition::uuid(found.row));
        for (column, value) in self.mirror_columns(entry, mirror, current)? {
            update = update.with(column, value);
        }
        self.push(update);
        self.set_ids("Mirror", found.row, OUTPUT, mirror.output_port().map(IfName::as_str));
        Ok(())
    }

    /// What a mirror selects, and where to.
    fn mirror_columns(
        &self,
        entry: &Entry,
        mirror: &Mirror,
        current: &BTreeMap<Key, Found>,
    ) -> Result<[(&'static str, Datum); 7], BackendError> {
        let row = |port: &IfName| self.port_row(entry, mirror, port, current);
        let rows = |ports: &BTreeSet<IfName>| ports.iter().map(row).collect::<Result<Vec<Atom>, _>>().map(Datum::set);
        let output = mirror.output_port().map(row).transpose()?;
        let vlan = if let MirrorOutput::Vlan(vlan) = mirror.output { Some(vlan) } else { None };
        let number = |vlan: VlanId| Atom::Integer(vlan.get().into());
        Ok([
            ("select_all", mirror.all.into()),
            ("select_src_port", rows(&mirror.ingress)?),
            ("select_dst_port", rows(&mirror.egress)?),
            ("select_vlan", Datum::set(mirror.vlans.iter().copied().map(number))),
            ("output_port", Datum::set(output)),
            ("output_vlan", Datum::set(vlan.map(number))),
            ("snaplen", Datum::set(mirror.snaplen.map(|snaplen| Atom::Integer(snaplen.into())))),
        ])
    }

    /// A port that a mirror names, which is on its switch or is made in this transaction.
    fn port_row(
        &self,
        entry: &Entry,
        mirror: &Mirror,
        port: &IfName,
        current: &BTreeMap<Key, Found>,
    ) -> Result<Atom, BackendError> {
        if let Some(row) = self.new_port(port) {
            return Ok(row.clone());
        }
        let found = current.get(&Key::Port { device: port.clone() });
        let here =
            |found: &&Found| matches!(&found.entry.resource, Resource::Port(port) if port.switch == mirror.switch);
        let why = || contradiction(entry, format!("switch {} has no port {port}", mirror.switch));
        found.filter(here).map(|found| found.row.into()).ok_or_else(why)
    }
}
