//! From rows to resources.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::setting::Holder;
use crate::model::{
    BackendName, Datapath, Entry, Interface, Key, Kind, Owner, Place, Port, Resource, Switch, SwitchName,
};
use crate::ovsdb::operation::{Condition, Operation, OperationResult, Select};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Datum, Uuid};
use crate::plan::Step;

use super::Ovs;
use super::bond;
use super::extras;
use super::interface;
use super::mirror::{self, Mirrors};
use super::{settings, vlan};
use crate::backend::{BackendError, Scope};

/// `external_ids` key of the mark.
pub const OWNER: &str = "ovsns-owner";
/// `external_ids` key, on an Interface: the namespace behind it.
pub const NETNS: &str = "ovsns-netns";
/// What an uplink has lent to the switch's own device.
pub const LENT: &str = "ovsns-lent";
/// `external_ids` key, on an Interface: the boot in which it was plugged, as /proc/sys/kernel/random/boot_id has it.
pub const BOOT: &str = "ovsns-boot";
/// `external_ids` key, on an Interface: its name for controllers.
pub const IFACE_ID: &str = "iface-id";

const BRIDGE: [&str; 11] = {
    let [snooping, fail_mode, protocols, controller] = settings::OF_BRIDGE;
    let known = ["_uuid", "name", "datapath_type", "other_config", "stp_enable", "rstp_enable", "external_ids"];
    let [uuid, name, datapath, config, stp, rstp, ids] = known;
    [uuid, name, datapath, config, stp, rstp, ids, snooping, fail_mode, protocols, controller]
};
const PORT: [&str; 12] = {
    let [tag, trunks, mode, cvlans] = vlan::COLUMNS;
    let [config, protected] = settings::OF_PORT;
    let [interfaces, bond_mode, lacp] = bond::COLUMNS;
    ["_uuid", "name", "external_ids", tag, trunks, mode, cvlans, config, protected, interfaces, bond_mode, lacp]
};
const INTERFACE: [&str; 6] = ["_uuid", "name", "type", "options", "mtu_request", "external_ids"];

/// Rows that the resources of a scope are read from.
#[derive(Debug, Default)]
pub struct Rows {
    bridges: Vec<Row>,
    ports: Vec<Row>,
    interfaces: HashMap<String, Row>,
    /// The devices of each bond, by the row of the port.
    bonds: HashMap<Uuid, Vec<String>>,
    /// The bridge that each port is in.
    port_bridges: HashMap<Uuid, (Uuid, String)>,
    mirrors: Mirrors,
    /// The targets of controllers, where a bridge has some.
    controllers: HashMap<Uuid, String>,
}

/// A resource and the rows that it is made of.
#[derive(Debug, Clone)]
pub struct Found {
    /// The resource.
    pub entry: Entry,
    /// Its row of table Bridge, Port or Mirror.
    pub row: Uuid,
    /// The bridge that a port or a mirror is in.
    pub bridge: Option<Uuid>,
    /// Its row of table Interface, unless it is a bond.
    pub interface: Option<Uuid>,
    /// The columns of `row` that say what the resource is, as they were read.
    pub guard: Row,
}

pub async fn observe(ovs: &Ovs, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
    let rows = match scope {
        Scope::Keys(keys) => of_keys(ovs, keys).await?,
        Scope::Switch(name) => of_switch(ovs, name).await?,
        Scope::Kind(Kind::Mirror) => Rows { mirrors: Mirrors::all(ovs).await?, ..Rows::default() },
        Scope::Kind(Kind::Switch | Kind::Port) | Scope::Owner(_) | Scope::All => whole(ovs).await?,
        Scope::Kind(_) | Scope::Place(_) | Scope::Within(..) | Scope::Ruleset => return Ok(Vec::new()),
    };
    let found = rows.found().map_err(misread)?;
    let within = |entry: &Entry| match scope {
        Scope::Kind(kind) => entry.resource.kind() == *kind,
        Scope::Owner(owner) => entry.owner.as_ref() == Some(owner),
        _ => true,
    };
    Ok(found.into_iter().map(|found| found.entry).filter(within).collect())
}

/// What there is now of what `steps` are about.
pub async fn current(ovs: &Ovs, steps: &[Step]) -> Result<BTreeMap<Key, Found>, BackendError> {
    let mut keys: Vec<Key> = steps.iter().map(Step::key).collect();
    // The bridges that new ports and mirrors go to, and the ports that mirrors send to.
    for step in steps {
        match &step.entry().resource {
            Resource::Port(port) => keys.push(Key::Switch { name: port.switch.clone() }),
            Resource::FlowExport(export) => keys.push(Key::Switch { name: export.switch.clone() }),
            Resource::Mirror(mirror) => {
                keys.push(Key::Switch { name: mirror.switch.clone() });
                keys.extend(mirror::ports(mirror));
            }
            _ => {}
        }
    }
    keys.sort();
    keys.dedup();
    let mut found = of_keys(ovs, &keys).await?.found().map_err(misread)?;
    found.extend(extras::of_keys(ovs, &keys).await?);
    Ok(found.into_iter().map(|found| (found.entry.key(), found)).collect())
}

pub async fn userspace_tso(ovs: &Ovs) -> Result<bool, BackendError> {
    let rows = select(ovs, [Select::from_table("Open_vSwitch").columns(["other_config"])]).await?;
    let Some(row) = rows.into_iter().flatten().next() else { return Ok(false) };
    let config = row.map::<String, String>("other_config").map_err(misread)?;
    Ok(config.get("userspace-tso-enable").is_some_and(|value| value == "true"))
}

pub async fn datapath_types(ovs: &Ovs) -> Result<Vec<String>, BackendError> {
    let rows = select(ovs, [Select::from_table("Open_vSwitch").columns(["datapath_types"])]).await?;
    rows.into_iter().flatten().next().map_or(Ok(Vec::new()), |row| row.all("datapath_types").map_err(misread))
}

pub async fn interface_errors(ovs: &Ovs) -> Result<BTreeMap<String, String>, BackendError> {
    let with_error = Select::from_table("Interface").filter(Condition::not_equal("error", Datum::empty_set()));
    let rows = select(ovs, [with_error.columns(["name", "error"])]).await?;
    let error = |row: &Row| Ok((row.one("name")?, row.one("error")?));
    rows.iter().flatten().map(error).collect::<Result<_, _>>().map_err(misread)
}

const READ: &str = "read the Open vSwitch database";

pub(super) fn misread(error: RowError) -> BackendError {
    BackendError::refused("cannot read the Open vSwitch database", error)
}

/// Runs `selects` in one transaction and returns the rows of each.
pub(super) async fn select(
    ovs: &Ovs,
    selects: impl IntoIterator<Item = Select>,
) -> Result<Vec<Vec<Row>>, BackendError> {
    let operations: Vec<Operation> = selects.into_iter().map(Operation::from).collect();
    if operations.is_empty() {
        return Ok(Vec::new());
    }
    let results = ovs.read(READ, &operations).await?;
    Ok(results.iter().map(|result| OperationResult::rows(result).unwrap_or_default().to_vec()).collect())
}

pub(super) fn by_name(table: &str, name: &str, columns: &[&str]) -> Select {
    Select::from_table(table).filter(Condition::equal("name", name)).columns(columns.iter().copied())
}

pub(super) fn by_uuid(table: &str, uuid: Uuid, columns: &[&str]) -> Select {
    Select::from_table(table).filter(Condition::uuid(uuid)).columns(columns.iter().copied())
}

/// From how many switches and ports the tables are read whole. Each that is looked for by name costs the server three walks over a
/// table, and us three operations. Measured, the two are alike at about a third of the ports that there are (30 of 100, 280 of
/// 1,000), a number that nobody knows before; this one is in between.
const MANY: usize = 100;

async fn of_keys(ovs: &Ovs, keys: &[Key]) -> Result<Rows, BackendError> {
    if keys.iter().filter(|key| matches!(key, Key::Switch { .. } | Key::Port { .. })).count() > MANY {
        let mut rows = whole(ovs).await?;
        rows.retain(keys);
        return Ok(rows);
    }
    let wanted = keys.iter().filter_map(|key| match key {
        Key::Switch { name } => Some((by_name("Bridge", name.as_str(), &BRIDGE), name.to_string(), true)),
        Key::Port { device } => Some((by_name("Port", device.as_str(), &PORT), device.to_string(), false)),
        _ => None,
    });
    let wanted: Vec<(Select, String, bool)> = wanted.collect();
    let interfaces = wanted.iter().map(|(_, name, _)| by_name("Interface", name, &INTERFACE));
    let selects: Vec<Select> = wanted.iter().map(|(select, ..)| select.clone()).chain(interfaces).collect();
    let mut answers = select(ovs, selects).await?.into_iter();
    let mut rows = Rows::default();
    for (_, _, is_bridge) in &wanted {
        let answer = answers.next().unwrap_or_default();
        if *is_bridge { &mut rows.bridges } else { &mut rows.ports }.extend(answer);
    }
    rows.put_interfaces(answers.flatten()).map_err(misread)?;
    rows.find_bridges(ovs).await?;
    rows.find_devices(ovs).await?;
    rows.mirrors = Mirrors::of_keys(ovs, keys).await?;
    rows.controllers = settings::controllers(ovs, &rows.bridges).await?;
    Ok(rows)
}

async fn of_switch(ovs: &Ovs, name: &SwitchName) -> Result<Rows, BackendError> {
    let columns: Vec<&str> = BRIDGE.iter().copied().chain(["ports", "mirrors"]).collect();
    let answers = select(ovs, [by_name("Bridge", name.as_str(), &columns)]).await?;
    let mut rows = Rows { bridges: answers.into_iter().flatten().collect(), ..Rows::default() };
    let Some(bridge) = rows.bridges.first() else { return Ok(rows) };
    let uuids = bridge.all::<Uuid>("ports").map_err(misread)?;
    let here = (bridge.row_uuid().map_err(misread)?, name.to_string());
    let ports = select(ovs, uuids.iter().map(|uuid| by_uuid("Port", *uuid, &PORT))).await?;
    rows.ports = ports.into_iter().flatten().collect();
    rows.port_bridges = uuids.into_iter().map(|uuid| (uuid, here.clone())).collect();
    let names: Vec<String> = rows.ports.iter().filter_map(|row| row.one("name").ok()).collect();
    let interfaces = select(ovs, names.iter().map(|name| by_name("Interface", name, &INTERFACE))).await?;
    rows.put_interfaces(interfaces.into_iter().flatten()).map_err(misread)?;
    rows.find_devices(ovs).await?;
    rows.mirrors = Mirrors::of_bridges(ovs, &rows.bridges).await?;
    rows.controllers = settings::controllers(ovs, &rows.bridges).await?;
    Ok(rows)
}

/// The three tables.
async fn whole(ovs: &Ovs) -> Result<Rows, BackendError> {
    let bridge: Vec<&str> = BRIDGE.iter().copied().chain(["ports", "mirrors"]).collect();
    let tables = [("Bridge", bridge.as_slice()), ("Port", &PORT), ("Interface", &INTERFACE)];
    let selects = tables.map(|(table, columns)| Select::from_table(table).columns(columns.iter().copied()));
    let mut answers = select(ovs, selects).await?.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let mut rows = Rows { bridges: next(), ports: next(), ..Rows::default() };
    rows.put_interfaces(next()).map_err(misread)?;
    for bridge in &rows.bridges {
        let here = (bridge.row_uuid().map_err(misread)?, bridge.one::<String>("name").map_err(misread)?);
        let ports = bridge.all::<Uuid>("ports").map_err(misread)?;
        rows.port_bridges.extend(ports.into_iter().map(|port| (port, here.clone())));
    }
    rows.find_devices(ovs).await?;
    rows.mirrors = Mirrors::of_bridges(ovs, &rows.bridges).await?;
    rows.controllers = settings::controllers(ovs, &rows.bridges).await?;
    Ok(rows)
}

impl Rows {
    /// Leaves what `keys` name.
    fn retain(&mut self, keys: &[Key]) {
        let switches: HashSet<&str> = keys
            .iter()
            .filter_map(|key| if let Key::Switch { name } = key { Some(name.as_str()) } else { None })
            .collect();
        let ports: HashSet<&str> = keys
            .iter()
            .filter_map(|key| if let Key::Port { device } = key { Some(device.as_str()) } else { None })
            .collect();
        let named =
            |row: &Row, names: &HashSet<&str>| row.one::<String>("name").is_ok_and(|name| names.contains(&*name));
        self.bridges.retain(|row| named(row, &switches));
        self.ports.retain(|row| named(row, &ports));
        self.mirrors.retain(keys);
    }

    fn put_interfaces(&mut self, interfaces: impl IntoIterator<Item = Row>) -> Result<(), RowError> {
        for row in interfaces {
            self.interfaces.insert(row.one("name")?, row);
        }
        Ok(())
    }

    /// Asks for the devices of bonds: of the ports that have no interface of their own name.
    async fn find_devices(&mut self, ovs: &Ovs) -> Result<(), BackendError> {
        let is_bond = |row: &&Row| row.one::<String>("name").is_ok_and(|name| !self.interfaces.contains_key(&name));
        let bonds: Vec<&Row> = self.ports.iter().filter(is_bond).collect();
        for row in bonds {
            let uuids = row.all::<Uuid>("interfaces").map_err(misread)?;
            let answers = select(ovs, uuids.into_iter().map(|uuid| by_uuid("Interface", uuid, &["name"]))).await?;
            let names = answers.iter().flatten().map(|row| row.one("name")).collect::<Result<_, _>>();
            self.bonds.insert(row.row_uuid().map_err(misread)?, names.map_err(misread)?);
        }
        Ok(())
    }

    /// Asks which bridge each port is in: the database picks it out, so that the `ports` of a large bridge stay there.
    async fn find_bridges(&mut self, ovs: &Ovs) -> Result<(), BackendError> {
        let uuids: Vec<Uuid> = self.ports.iter().filter_map(|row| row.row_uuid().ok()).collect();
        let selects = uuids.iter().map(|uuid| {
            Select::from_table("Bridge").filter(Condition::includes("ports", *uuid)).columns(["_uuid", "name"])
        });
        let answers = select(ovs, selects).await?;
        for (port, rows) in uuids.into_iter().zip(answers) {
            if let Some(row) = rows.first() {
                self.port_bridges.insert(port, (row.row_uuid().map_err(misread)?, row.one("name").map_err(misread)?));
            }
        }
        Ok(())
    }

    /// The resources that the rows are. Names that ovsns could not give, and the ports of the bridges themselves, are none.
    pub fn found(&self) -> Result<Vec<Found>, RowError> {
        let bridges = self.bridges.iter().map(|row| self.switch(row)).filter_map(Result::transpose);
        let ports = self.ports.iter().map(|row| self.port(row)).filter_map(Result::transpose);
        bridges.chain(ports).chain(self.mirrors.found()?.into_iter().map(Ok)).collect()
    }

    fn switch(&self, row: &Row) -> Result<Option<Found>, RowError> {
        let name: String = row.one("name")?;
        let Ok(switch_name) = name.parse::<SwitchName>() else { return Ok(None) };
        let interface = self.interfaces.get(&name);
        let mtu = interface.map(|row| row.optional::<i64>("mtu_request")).transpose()?.flatten();
        let config = row.map::<String, String>("other_config")?;
        let switch = Switch {
            name: switch_name,
            backend: BackendName::Ovs,
            datapath: Some(datapath(&row.one::<String>("datapath_type")?)),
            mac: config.get("hwaddr").and_then(|mac| mac.parse().ok()),
            mtu: mtu.and_then(|mtu| mtu.try_into().ok()),
            stp: Some(row.one("stp_enable")?),
            rstp: Some(row.one("rstp_enable")?),
            vlan_filtering: None,
            settings: settings::read(Holder::Switch, row, &self.controllers)?,
        };
        let entry = Entry { resource: Resource::Switch(switch), owner: owner(row)? };
        let interface = interface.map(Row::row_uuid).transpose()?;
        Ok(Some(Found { entry, row: row.row_uuid()?, bridge: None, interface, guard: guard(row, &BRIDGE) }))
    }

    fn port(&self, row: &Row) -> Result<Option<Found>, RowError> {
        let name: String = row.one("name")?;
        let uuid = row.row_uuid()?;
        let Some((bridge, switch)) = self.port_bridges.get(&uuid) else { return Ok(None) };
        let (Ok(device), Ok(switch)) = (name.parse(), switch.parse::<SwitchName>()) else { return Ok(None) };
        if switch.as_str() == name {
            return Ok(None);
        }
        let interface = self.interfaces.get(&name);
        let ids = interface.map(|row| row.map::<String, String>("external_ids")).transpose()?.unwrap_or_default();
        let port = Port {
            switch,
            device,
            backend: BackendName::Ovs,
            vlan: vlan::read(row)?,
            iface_id: ids.get(IFACE_ID).cloned(),
            netns: ids.get(NETNS).and_then(|netns| netns.parse::<Place>().ok()),
            lent: ids.get(LENT).and_then(|lent| lent.parse().ok()),
            interface: match (interface, self.bonds.get(&uuid)) {
                (Some(row), _) => interface::read(row)?,
                (None, Some(devices)) => bond::read(row, devices)?,
                (None, None) => Interface::System,
            },
            settings: settings::read(Holder::Port, row, &self.controllers)?,
        };
        let entry = Entry { resource: Resource::Port(port), owner: owner(row)? };
        let interface = interface.map(Row::row_uuid).transpose()?;
        Ok(Some(Found { entry, row: uuid, bridge: Some(*bridge), interface, guard: guard(row, &PORT) }))
    }
}

/// The `columns` of `row`, without its identity.
pub(super) fn guard(row: &Row, columns: &[&str]) -> Row {
    let wanted = row.iter().filter(|(name, _)| *name != "_uuid" && columns.contains(name));
    wanted.map(|(name, datum)| (name, datum.clone())).collect()
}

/// The empty string means `system` (ovs-vswitchd.conf.db(5)).
fn datapath(datapath_type: &str) -> Datapath {
    if datapath_type == "netdev" { Datapath::Netdev } else { Datapath::System }
}

pub(super) fn owner(row: &Row) -> Result<Option<Owner>, RowError> {
    let ids = row.map::<String, String>("external_ids")?;
    Ok(ids.get(OWNER).and_then(|owner| owner.parse().ok()))
}
