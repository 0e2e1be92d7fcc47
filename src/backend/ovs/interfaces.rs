//! What ovs-vswitchd makes of a switch's ports: their numbers, and what it has counted. Nothing here is compared or undone.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::model::{Place, SwitchName};
use crate::ovsdb::endpoint::Endpoint;
use crate::ovsdb::operation::Select;
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::Uuid;

use super::Ovs;
use super::read::{NETNS, by_name, by_uuid, misread, select};
use crate::backend::BackendError;

/// The number of the port that is the switch's own device (`OFPP_LOCAL`, openflow-1.0.h).
pub const OFPP_LOCAL: u32 = 0xfffe;

const PORT: [&str; 2] = ["name", "interfaces"];
const INTERFACE: [&str; 5] = ["name", "type", "ofport", "statistics", "external_ids"];

/// A switch of Open vSwitch as OpenFlow has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interfaces {
    /// The versions of OpenFlow that it speaks (Bridge `protocols`); none: those that its ovs-vswitchd speaks by itself.
    pub protocols: Vec<String>,
    /// All of them, the switch's own device too, by number.
    pub interfaces: Vec<Interface>,
}

/// A row of table Interface. A bond has several of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The port that it is of.
    pub port: String,
    /// Its own name: that of the device, where it has one.
    pub name: String,
    /// `type`; empty for `system`.
    pub kind: String,
    /// Its number in OpenFlow; `None` where ovs-vswitchd could not set it up.
    pub ofport: Option<u32>,
    /// The namespace that was behind it when it was plugged in (`external_ids:ovsns-netns`).
    pub netns: Option<Place>,
    /// `statistics`, as ovs-vswitchd wrote them last.
    pub statistics: BTreeMap<String, i64>,
}

impl Ovs {
    /// The interfaces of a switch; `None` where there is no such switch.
    pub async fn interfaces(&self, switch: &SwitchName) -> Result<Option<Interfaces>, BackendError> {
        let answers = select(self, [by_name("Bridge", switch.as_str(), &["ports", "protocols"])]).await?;
        let Some(bridge) = answers.into_iter().flatten().next() else { return Ok(None) };
        let ports = bridge.all::<Uuid>("ports").map_err(misread)?;
        let protocols = bridge.all("protocols").map_err(misread)?;
        let ports = rows(self, "Port", &ports, &PORT).await?;
        let mut homes = HashMap::new();
        for port in &ports {
            let name: String = port.one("name").map_err(misread)?;
            let interfaces = port.all::<Uuid>("interfaces").map_err(misread)?;
            homes.extend(interfaces.into_iter().map(|interface| (interface, name.clone())));
        }
        let wanted: Vec<Uuid> = homes.keys().copied().collect();
        let columns: Vec<&str> = INTERFACE.iter().copied().chain(["_uuid"]).collect();
        let found = rows(self, "Interface", &wanted, &columns).await?;
        let read = |row: &Row| Interface::read(row, &homes);
        let mut interfaces: Vec<Interface> = found.iter().map(read).collect::<Result<_, _>>().map_err(misread)?;
        interfaces.sort_by(|one, other| (one.ofport, &one.name).cmp(&(other.ofport, &other.name)));
        Ok(Some(Interfaces { protocols, interfaces }))
    }

    /// How often ovs-vswitchd writes `statistics`, in milliseconds (Open_vSwitch `other_config:stats-update-interval`).
    pub async fn statistics_interval(&self) -> Result<u64, BackendError> {
        let rows = select(self, [Select::from_table("Open_vSwitch").columns(["other_config"])]).await?;
        let Some(row) = rows.into_iter().flatten().next() else { return Ok(INTERVAL) };
        let config = row.map::<String, String>("other_config").map_err(misread)?;
        Ok(config.get("stats-update-interval").and_then(|text| text.parse().ok()).unwrap_or(INTERVAL).max(INTERVAL))
    }

    /// The directory of the sockets and pid files of the ovs-vswitchd that serves this database; `None` where the database is not
    /// reached by a socket of this host.
    pub fn run_dir(&self) -> Option<PathBuf> {
        match self.connection.client().endpoint() {
            Endpoint::Unix(socket) => socket.parent().map(PathBuf::from),
            Endpoint::Tcp(_) | Endpoint::Ssl(_) => None,
        }
    }
}

/// The default of `stats-update-interval`, and the least that is taken (ovs-vswitchd.conf.db(5)).
const INTERVAL: u64 = 5_000;

/// These rows, as far as they are there. Each one that is looked for costs the server a lookup, and us an operation.
async fn rows(ovs: &Ovs, table: &str, uuids: &[Uuid], columns: &[&str]) -> Result<Vec<Row>, BackendError> {
    let selects = uuids.iter().map(|uuid| by_uuid(table, *uuid, columns));
    Ok(select(ovs, selects).await?.into_iter().flatten().collect())
}

impl Interface {
    fn read(row: &Row, homes: &HashMap<Uuid, String>) -> Result<Interface, RowError> {
        let ofport = row.optional::<i64>("ofport")?.and_then(|number| u32::try_from(number).ok());
        let ids: BTreeMap<String, String> = row.map("external_ids")?;
        Ok(Interface {
            port: homes.get(&row.row_uuid()?).cloned().unwrap_or_default(),
            name: row.one("name")?,
            kind: row.one("type")?,
            ofport,
            netns: ids.get(NETNS).and_then(|text| text.parse().ok()),
            statistics: row.map("statistics")?,
        })
    }
}
