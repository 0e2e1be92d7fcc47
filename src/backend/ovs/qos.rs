//! Queues of ports: tables QoS and Queue of ovs-vswitchd.conf.db(5). Both are roots of the database: their rows are deleted by name,
//! and do not go with the port.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::model::{BackendName, Burst, Entry, IfName, Key, Qos, QosType, Queue, Rate, Resource};
use crate::ovsdb::operation::{Condition, Delete, Insert, Select, Until, Update, Wait};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Atom, Datum, Uuid};

use super::Ovs;
use super::ops::Transaction;
use super::read::{Found, OWNER, by_name, by_uuid, guard, misread, owner, select};
use crate::backend::BackendError;

const COLUMNS: [&str; 5] = ["_uuid", "type", "queues", "other_config", "external_ids"];
const QUEUE: [&str; 2] = ["_uuid", "other_config"];
/// Keys of `other_config`.
const MIN_RATE: &str = "min-rate";
const MAX_RATE: &str = "max-rate";
const BURST: &str = "burst";
const PRIORITY: &str = "priority";

/// The queues of those of these ports that have some; of all without.
pub(super) async fn read(ovs: &Ovs, of: Option<&[IfName]>) -> Result<Vec<Found>, BackendError> {
    let columns = ["_uuid", "name", "qos"];
    let selects = match of {
        Some(names) => names.iter().map(|name| by_name("Port", name.as_str(), &columns)).collect(),
        None => {
            let with_qos = Select::from_table("Port").filter(Condition::not_equal("qos", Datum::empty_set()));
            vec![with_qos.columns(columns)]
        }
    };
    let mut ports: Vec<(Uuid, String, Uuid)> = Vec::new();
    for row in select(ovs, selects).await?.iter().flatten() {
        let told = || Ok((row.row_uuid()?, row.one::<String>("name")?, row.optional::<Uuid>("qos")?));
        let (port, name, qos) = told().map_err(misread)?;
        ports.extend(qos.map(|qos| (port, name, qos)));
    }
    let bridges = ports
        .iter()
        .map(|(port, ..)| Select::from_table("Bridge").filter(Condition::includes("ports", *port)).columns(["name"]));
    let bridges = select(ovs, bridges).await?;
    let rows = select(ovs, ports.iter().map(|(.., qos)| by_uuid("QoS", *qos, &COLUMNS))).await?;
    let queues = rows.iter().flatten().filter_map(|row| row.map::<i64, Uuid>("queues").ok());
    let queues: Vec<Uuid> = queues.flat_map(BTreeMap::into_values).collect();
    let queues = select(ovs, queues.into_iter().map(|queue| by_uuid("Queue", queue, &QUEUE))).await?;
    let queue = |row: &Row| Ok((row.row_uuid()?, read_queue(row)?));
    let queues: HashMap<Uuid, Queue> = queues.iter().flatten().map(queue).collect::<Result<_, _>>().map_err(misread)?;
    let mut found = Vec::new();
    for (((_, device, _), bridge), row) in ports.iter().zip(&bridges).zip(&rows) {
        if let (Some(bridge), Some(row)) = (bridge.first(), row.first()) {
            let switch = bridge.one::<String>("name").map_err(misread)?;
            found.extend(read_qos(row, device, &switch, &queues).map_err(misread)?);
        }
    }
    Ok(found)
}

fn read_qos(row: &Row, device: &str, switch: &str, queues: &HashMap<Uuid, Queue>) -> Result<Option<Found>, RowError> {
    let (Ok(device), Ok(switch)) = (device.parse(), switch.parse()) else { return Ok(None) };
    let numbers = row.map::<i64, Uuid>("queues")?;
    let queue = |(number, row): (i64, Uuid)| Some((u32::try_from(number).ok()?, queues.get(&row).copied()?));
    let qos = Qos {
        switch,
        device,
        backend: BackendName::Ovs,
        discipline: QosType::from(row.one::<String>("type")?),
        max_rate: rate(&row.map("other_config")?, MAX_RATE),
        queues: numbers.into_iter().filter_map(queue).collect(),
    };
    let entry = Entry { resource: Resource::Qos(qos), owner: owner(row)? };
    let guard = guard(row, &COLUMNS);
    Ok(Some(Found { entry, row: row.row_uuid()?, bridge: None, interface: None, guard }))
}

fn read_queue(row: &Row) -> Result<Queue, RowError> {
    let config = row.map::<String, String>("other_config")?;
    Ok(Queue {
        min_rate: rate(&config, MIN_RATE),
        max_rate: rate(&config, MAX_RATE),
        burst: number(&config, BURST).map(|bits| Burst::from_bytes(bits / 8)),
        priority: number(&config, PRIORITY).and_then(|priority| priority.try_into().ok()),
    })
}

fn number(config: &BTreeMap<String, String>, key: &str) -> Option<u64> {
    config.get(key).and_then(|value| value.parse().ok())
}

/// Rates stand there in bits a second.
fn rate(config: &BTreeMap<String, String>, key: &str) -> Option<Rate> {
    number(config, key).map(|bits| Rate::from_bytes(bits / 8))
}

fn bits(rate: Rate) -> String {
    (rate.bytes() * 8).to_string()
}

fn settings(queue: &Queue) -> [(&'static str, Option<String>); 4] {
    [
        (MIN_RATE, queue.min_rate.map(bits)),
        (MAX_RATE, queue.max_rate.map(bits)),
        (BURST, queue.burst.map(|burst| (burst.bytes() * 8).to_string())),
        (PRIORITY, queue.priority.map(|priority| priority.to_string())),
    ]
}

impl Transaction {
    /// A port that has come to have queues meanwhile keeps them.
    pub(super) fn create_qos(&mut self, entry: &Entry, qos: &Qos) {
        let device = Condition::equal("name", qos.device.as_str());
        let none = Wait::on_table("Port", ["qos"], Until::Equal).filter(device.clone());
        self.push(none.row(Row::new().with("qos", Datum::empty_set())).timeout(Duration::ZERO));
        let queues: Vec<(i64, Atom)> =
            qos.queues.iter().map(|(number, queue)| (i64::from(*number), self.insert_queue(queue))).collect();
        let mark = entry.owner.iter().map(|owner| (OWNER, owner.as_str()));
        let row = Insert::into_table("QoS")
            .with("type", qos.discipline.as_str())
            .with("other_config", Datum::map(qos.max_rate.map(|rate| (MAX_RATE, bits(rate)))))
            .with("queues", Datum::map(queues))
            .with("external_ids", Datum::map(mark));
        let row = self.insert(row);
        self.push(Update::table_rows("Port").filter(device).with("qos", row));
    }

    fn insert_queue(&mut self, queue: &Queue) -> Atom {
        let config = settings(queue).into_iter().filter_map(|(key, value)| Some((key, value?)));
        self.insert(Insert::into_table("Queue").with("other_config", Datum::map(config)))
    }

    pub(super) fn set_qos(&mut self, old: &Qos, new: &Qos, found: &Found) {
        let there = queue_rows(found);
        let mut rows: Vec<(i64, Atom)> = Vec::new();
        for (number, queue) in &new.queues {
            let number = i64::from(*number);
            let row = match there.get(&number) {
                Some(row) => {
                    self.set_queue(*row, queue);
                    (*row).into()
                }
                None => self.insert_queue(queue),
            };
            rows.push((number, row));
        }
        let kept = |number: &i64| rows.iter().any(|(kept, _)| kept == number);
        let gone: Vec<Uuid> = there.iter().filter(|(number, _)| !kept(number)).map(|(_, row)| *row).collect();
        let update = Update::table_rows("QoS").filter(Condition::uuid(found.row));
        self.push(update.with("type", new.discipline.as_str()).with("queues", Datum::map(rows)));
        if old.max_rate != new.max_rate {
            self.set_map("QoS", found.row, "other_config", MAX_RATE, new.max_rate.map(bits).as_deref());
        }
        self.delete_queues(gone);
    }

    fn set_queue(&mut self, row: Uuid, queue: &Queue) {
        for (key, value) in settings(queue) {
            self.set_map("Queue", row, "other_config", key, value.as_deref());
        }
    }

    pub(super) fn delete_qos(&mut self, qos: &Qos, found: &Found) {
        let port = Update::table_rows("Port").filter(Condition::equal("name", qos.device.as_str()));
        self.push(port.with("qos", Datum::empty_set()));
        self.push(Delete::from_table("QoS").filter(Condition::uuid(found.row)));
        self.delete_queues(queue_rows(found).into_values());
    }

    fn delete_queues(&mut self, rows: impl IntoIterator<Item = Uuid>) {
        for row in rows {
            self.push(Delete::from_table("Queue").filter(Condition::uuid(row)));
        }
    }
}

/// The rows of table Queue, by number.
fn queue_rows(found: &Found) -> BTreeMap<i64, Uuid> {
    found.guard.map::<i64, Uuid>("queues").unwrap_or_default()
}

/// The ports whose queues `keys` name.
pub(super) fn wanted(keys: &[Key]) -> Vec<IfName> {
    keys.iter().filter_map(|key| if let Key::Qos { device } = key { Some(device.clone()) } else { None }).collect()
}
