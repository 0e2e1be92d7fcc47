//! Limits of what comes in by ports: the columns `ingress_policing_rate` and `ingress_policing_burst` of table Interface of
//! ovs-vswitchd.conf.db(5), in kbit a second and kbit. They bear the mark of the row.

use crate::model::{BackendName, Burst, Entry, IfName, Key, Policing, Rate, Resource};
use crate::ovsdb::operation::{Condition, Select, Update};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::Uuid;

use super::Ovs;
use super::ops::Transaction;
use super::read::{Found, by_name, guard, misread, owner, select};
use crate::backend::{BackendError, Unsupported};

const RATE: &str = "ingress_policing_rate";
const BURST: &str = "ingress_policing_burst";
const COLUMNS: [&str; 5] = ["_uuid", "name", "external_ids", RATE, BURST];

/// Whether Open vSwitch can have it.
pub(super) fn check(policing: &Policing) -> Result<(), Unsupported> {
    let Some(rate) = policing.storm else { return Ok(()) };
    let Policing { switch, device, .. } = policing;
    Err(Unsupported {
        what: format!("storm-rate {rate} of {device}"),
        backend: "ovs",
        reason: "Open vSwitch has no column for it".to_owned(),
        hint: Some(format!(
            "a meter and a flow do it: ovsns add-meter {switch} meter=1,kbps,burst,band=type=drop,rate={kbit},burst_size={burst}; \
             ovsns add-flow {switch} \
             priority=10,in_port={device},dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,actions=meter:1,NORMAL",
            kbit = rate.kbits(),
            burst = Policing::storm_burst(rate).kbits(),
        )),
    })
}

/// The limits of those of these ports that have some; of all without.
pub(super) async fn read(ovs: &Ovs, of: Option<&[IfName]>) -> Result<Vec<Found>, BackendError> {
    let selects = match of {
        Some(names) => names.iter().map(|name| by_name("Interface", name.as_str(), &COLUMNS)).collect(),
        None => vec![Select::from_table("Interface").filter(Condition::not_equal(RATE, 0)).columns(COLUMNS)],
    };
    let rows = select(ovs, selects).await?;
    let mut limited: Vec<(String, &Row)> = Vec::new();
    for row in rows.iter().flatten() {
        if row.one::<i64>(RATE).map_err(misread)? > 0 {
            limited.push((row.one("name").map_err(misread)?, row));
        }
    }
    // A port that is no bond has the name of its interface.
    let ports = select(ovs, limited.iter().map(|(name, _)| by_name("Port", name, &["_uuid"]))).await?;
    let port = |rows: &Vec<Row>| rows.first().and_then(|row| row.row_uuid().ok());
    let limited: Vec<(String, &Row, Uuid)> =
        limited.into_iter().zip(&ports).filter_map(|((name, row), rows)| Some((name, row, port(rows)?))).collect();
    let bridges = limited
        .iter()
        .map(|(.., port)| Select::from_table("Bridge").filter(Condition::includes("ports", *port)).columns(["name"]));
    let bridges = select(ovs, bridges).await?;
    let mut found = Vec::new();
    for ((name, row, _), bridge) in limited.iter().zip(&bridges) {
        if let Some(bridge) = bridge.first() {
            let switch = bridge.one::<String>("name").map_err(misread)?;
            found.extend(read_policing(row, name, &switch).map_err(misread)?);
        }
    }
    Ok(found)
}

fn read_policing(row: &Row, device: &str, switch: &str) -> Result<Option<Found>, RowError> {
    let (Ok(device), Ok(switch)) = (device.parse(), switch.parse()) else { return Ok(None) };
    let bytes = |column: &str| Ok(u64::try_from(row.one::<i64>(column)?).unwrap_or_default() * 1000 / 8);
    let policing = Policing {
        rate: Some(Rate::from_bytes(bytes(RATE)?)),
        burst: Some(Burst::from_bytes(bytes(BURST)?)).filter(|burst| burst.bytes() > 0),
        ..Policing::none(switch, device, BackendName::Ovs)
    };
    let entry = Entry { resource: Resource::Policing(policing), owner: owner(row)? };
    let guard = guard(row, &COLUMNS);
    Ok(Some(Found { entry, row: row.row_uuid()?, bridge: None, interface: None, guard }))
}

impl Transaction {
    pub(super) fn create_policing(&mut self, policing: &Policing) {
        self.limit(Condition::equal("name", policing.device.as_str()), Some(policing));
    }

    pub(super) fn set_policing(&mut self, new: &Policing, found: &Found) {
        self.limit(Condition::uuid(found.row), Some(new));
    }

    pub(super) fn delete_policing(&mut self, found: &Found) {
        self.limit(Condition::uuid(found.row), None);
    }

    fn limit(&mut self, row: Condition, policing: Option<&Policing>) {
        let kbits = |kbits: Option<u64>| kbits.and_then(|kbits| i64::try_from(kbits).ok()).unwrap_or(0);
        let rate = kbits(policing.and_then(|policing| policing.rate).map(Rate::kbits));
        let burst = kbits(policing.and_then(|policing| policing.burst).map(Burst::kbits));
        self.push(Update::table_rows("Interface").filter(row).with(RATE, rate).with(BURST, burst));
    }
}

/// The ports whose limits `keys` name.
pub(super) fn wanted(keys: &[Key]) -> Vec<IfName> {
    keys.iter().filter_map(|key| if let Key::Policing { device } = key { Some(device.clone()) } else { None }).collect()
}
