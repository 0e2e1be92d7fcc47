//! `del-fdb`, `flush-fdb`.

use clap::Args;
use serde_json::json;

use super::entry::{Entry, Kind};
use super::{Table, linux, ovs};
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{Session, linux_fdb, seen};
use crate::cli::told::Told;
use crate::model::{Mac, Place, SwitchName, VlanId};

#[derive(Debug, Args)]
pub struct DelFdb {
    /// The switch
    switch: SwitchName,
    /// The Ethernet address
    mac: Mac,
    /// Only in this VLAN
    #[arg(long)]
    vlan: Option<VlanId>,
    /// Do not fail if the switch does not know it
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    told: Told,
}

impl DelFdb {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let mut table = Table::open(session, &self.switch).await?;
        let mut found = table.list()?;
        found.retain(|entry| entry.mac == self.mac && self.vlan.is_none_or(|vlan| entry.vlan == Some(vlan.get())));
        if found.is_empty() && !self.if_exists {
            let vlan = self.vlan.map(|vlan| format!(" in VLAN {vlan}")).unwrap_or_default();
            return Err(Failure::new(format!("switch {} does not know {}{vlan}", self.switch, self.mac))
                .hint(format!("ovsns list-fdb {} lists what it knows", self.switch)));
        }
        self.check_own(&found)?;
        take_out(session, &mut table, &self.told, &found)
    }

    /// Frames to a device of the bridge itself would be flooded, and not come to it.
    fn check_own(&self, found: &[Entry]) -> Result<(), Failure> {
        if !found.iter().any(|entry| entry.kind == Kind::Local) {
            return Ok(());
        }
        let devices = seen::devices(&Place::Host)?;
        let own = devices.iter().find(|device| device.mac == Some(self.mac));
        own.map_or(Ok(()), |device| {
            Err(Failure::new(format!("{} is the address of the device {} itself, and stays", self.mac, device.name)))
        })
    }
}

/// Takes `found` out of the table, or tells how.
fn take_out(session: &Session<'_>, table: &mut Table, told: &Told, found: &[Entry]) -> Result<Report, Failure> {
    let switch = table.switch().clone();
    let lines: Vec<String> = found.iter().map(|entry| format!("- address {} of {switch}", entry.told())).collect();
    let commands: Vec<String> = found
        .iter()
        .flat_map(|entry| match &table.control {
            Some(_) => ovs::explain_delete(switch.as_str(), entry),
            None => vec![linux::explain_delete(&switch, entry)],
        })
        .collect();
    let report = told.carry_out(json!({"switch": switch}), &lines, &commands, || {
        found.iter().try_for_each(|entry| match &mut table.control {
            Some(control) => ovs::delete(control, switch.as_str(), entry),
            None => Ok(linux_fdb::delete(&switch, &entry.port, entry.mac, entry.vlan)?),
        })
    })?;
    table.settle(session, told);
    Ok(report)
}

#[derive(Debug, Args)]
#[command(
    after_help = "Forgets what was learned: until frames come, those to forgotten addresses go out of all ports. Static entries stay."
)]
pub struct FlushFdb {
    /// The switch
    switch: SwitchName,
    /// Only what is behind this port: a port, or a namespace
    target: Option<String>,
    #[command(flatten)]
    told: Told,
}

impl FlushFdb {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let mut table = Table::open(session, &self.switch).await?;
        let port = match &self.target {
            Some(target) => Some(table.ports.port(target)?.name.clone()),
            None => None,
        };
        let mut learned = table.list()?;
        learned.retain(|entry| entry.kind == Kind::Learned && port.as_ref().is_none_or(|port| *port == entry.port));
        if table.control.is_some() && port.is_some() {
            // Open vSwitch flushes a table whole.
            return take_out(session, &mut table, &self.told, &learned);
        }
        let lines: Vec<String> =
            learned.iter().map(|entry| format!("- address {} of {}", entry.told(), self.switch)).collect();
        let command = match &table.control {
            Some(_) => format!("ovs-appctl fdb/flush {}", self.switch),
            None => linux::explain_flush(&self.switch, port.as_deref()),
        };
        let document = json!({"switch": self.switch});
        let report = self.told.carry_out(document, &lines, &[command], || match &mut table.control {
            Some(control) => ovs::flush(control, self.switch.as_str()),
            None => Ok(linux_fdb::flush(&self.switch, port.as_deref())?),
        })?;
        table.settle(session, &self.told);
        Ok(report)
    }
}
