//! `add-fdb`.

use clap::Args;
use serde_json::json;

use super::entry::{Entry, Kind};
use super::{Table, linux, ovs};
use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{Session, linux_fdb};
use crate::cli::told::Told;
use crate::model::{Key, Mac, Resource, SwitchName, VlanId};

const HELP: &str = "\
Frames to the address go out of this port and no other, whether frames come from it or not, until
del-fdb, or the end of the port or of ovs-vswitchd. What the switch knew of the address before is
replaced.

Examples:
  ovsns add-fdb OVS-1 02:00:00:00:00:01 ns1
  ovsns add-fdb OVS-1 02:00:00:00:00:09 eth0 --vlan 10";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct AddFdb {
    /// The switch
    switch: SwitchName,
    /// The Ethernet address
    mac: Mac,
    /// What it is behind: a port, a namespace, or host
    target: String,
    /// The VLAN; without it that of the port's untagged frames
    #[arg(long)]
    vlan: Option<VlanId>,
    #[command(flatten)]
    told: Told,
}

impl AddFdb {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let (mac, switch) = (self.mac, self.switch.as_str());
        let mut table = Table::open(session, &self.switch).await?;
        let port = table.ports.port(&self.target)?.name.clone();
        let vlan = match &table.control {
            Some(_) => self.vlan.map(VlanId::get).or(tag(session, &port).await?),
            None => self.linux_vlan(&table)?,
        };
        let wanted = Entry { mac, vlan, port, netns: None, kind: Kind::Static, age: None };
        let there: Vec<Entry> =
            table.list()?.into_iter().filter(|entry| entry.mac == mac && entry.vlan == vlan).collect();
        let is_there = |entry: &Entry| entry.port == wanted.port && entry.kind != Kind::Learned;
        let document = json!({"switch": self.switch});
        if there.iter().any(is_there) {
            return self.told.carry_out(document, &[], &[], || Ok(()));
        }
        let sign = if there.is_empty() { '+' } else { '~' };
        let line = format!("{sign} address {} of {switch}", wanted.told());
        let command = match &table.control {
            Some(_) => ovs::explain_set(switch, &wanted.port, mac, vlan),
            None => linux::explain_set(&self.switch, &wanted.port, mac, vlan),
        };
        let report = self.told.carry_out(document, &[line], &[command], || match &mut table.control {
            Some(control) => ovs::set(control, switch, &wanted.port, mac, vlan),
            None => Ok(linux_fdb::set(&self.switch, &wanted.port, mac, self.vlan)?),
        })?;
        table.settle(session, &self.told);
        Ok(report)
    }

    /// The kernel takes a VLAN only where the port is in it.
    fn linux_vlan(&self, table: &Table) -> Result<Option<u16>, Failure> {
        match (self.vlan, table.ports.switch.vlan_filtering) {
            (Some(vlan), filtering) if filtering != Some(true) => {
                Err(Failure::new(format!("switch {} looks at no VLANs: there is no VLAN {vlan} on it", self.switch))
                    .hint("it does once a port is given one: ovsns set-port … --tag"))
            }
            (vlan, _) => Ok(vlan.map(VlanId::get)),
        }
    }
}

/// The VLAN of the untagged frames of a port of Open vSwitch.
async fn tag(session: &Session<'_>, port: &str) -> Result<Option<u16>, Failure> {
    let Ok(device) = port.parse() else { return Ok(None) };
    let key = Key::Port { device };
    let state = session.observe(Scope::Keys(vec![key.clone()])).await?;
    Ok(match state.get(&key).map(|entry| &entry.resource) {
        Some(Resource::Port(port)) => port.vlan.tag.map(VlanId::get),
        _ => None,
    })
}
