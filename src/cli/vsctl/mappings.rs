//! The commands on Auto Attach mappings, on timeouts of connection tracking by zone, and on what a datapath can do.

use std::collections::BTreeMap;

use super::context::{Context, Flow, Output};
use super::failure::Failure;
use super::needs::Needs;
use super::syntax::Command;
use super::transaction::ROOT;
use crate::ovsdb::value::{Datum, Uuid};

impl Needs<'_> {
    pub(super) fn aa_mapping(&mut self) {
        self.names();
        self.columns("Bridge", &["auto_attach"]);
        self.columns("AutoAttach", &["mappings"]);
    }

    pub(super) fn zone_tp(&mut self) {
        self.columns(ROOT, &["datapaths"]);
        self.columns("Datapath", &["ct_zones"]);
        self.columns("CT_Zone", &["timeout_policy"]);
        self.columns("CT_Timeout_Policy", &["timeouts"]);
    }

    pub(super) fn dp_cap(&mut self) {
        self.columns(ROOT, &["datapaths"]);
        self.columns("Datapath", &["capabilities"]);
    }
}

/// As strtoull(3): the number at the beginning, of which there must be a digit.
fn read_unsigned(text: &str) -> Result<i64, Failure> {
    let digits = text.trim_start().trim_start_matches(['+', '-']);
    if digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Ok(super::controller::read_number(text));
    }
    Err(Failure::words(format!("Invalid argument {text}")))
}

impl Context<'_> {
    /// The bridge with the mappings, and, if there is one, the row that has them.
    fn auto_attach(&mut self, bridge: &str) -> Result<(Uuid, Option<Uuid>), Failure> {
        let bridge = self.bridge(bridge)?.row;
        let row = self.txn.references("Bridge", bridge, "auto_attach", "AutoAttach").first().copied();
        Ok((bridge, row))
    }

    pub(super) fn add_aa_mapping(&mut self, command: &Command) -> Result<Flow, Failure> {
        let (isid, vlan) = (read_unsigned(&command.arguments[1])?, read_unsigned(&command.arguments[2])?);
        let (bridge, row) = self.auto_attach(&command.arguments[0])?;
        let row = row.unwrap_or_else(|| {
            let row = self.txn.insert("AutoAttach");
            self.txn.write("Bridge", bridge, "auto_attach", row);
            row
        });
        let mut mappings: BTreeMap<i64, i64> = self.txn.map("AutoAttach", row, "mappings");
        mappings.entry(isid).or_insert(vlan);
        self.txn.write("AutoAttach", row, "mappings", Datum::map(mappings));
        Ok(Flow::Done)
    }

    /// Of a mapping that is there. As ovs-vsctl, it takes those along that share one of the two numbers.
    pub(super) fn del_aa_mapping(&mut self, command: &Command) -> Result<Flow, Failure> {
        let (isid, vlan) = (read_unsigned(&command.arguments[1])?, read_unsigned(&command.arguments[2])?);
        let (_, row) = self.auto_attach(&command.arguments[0])?;
        let Some(row) = row else { return Ok(Flow::Done) };
        let mut mappings: BTreeMap<i64, i64> = self.txn.map("AutoAttach", row, "mappings");
        if mappings.get(&isid) == Some(&vlan) {
            mappings.retain(|other_isid, other_vlan| *other_isid != isid && *other_vlan != vlan);
            self.txn.write("AutoAttach", row, "mappings", Datum::map(mappings));
        }
        Ok(Flow::Done)
    }

    pub(super) fn get_aa_mapping(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let (bridge, row) = self.auto_attach(&command.arguments[0])?;
        self.txn.verify("Bridge", bridge, "auto_attach");
        let Some(row) = row else { return Ok(Flow::Done) };
        self.txn.verify("AutoAttach", row, "mappings");
        let mappings: BTreeMap<i64, i64> = self.txn.map("AutoAttach", row, "mappings");
        out.lines(mappings.into_iter().map(|(isid, vlan)| format!("{isid} {vlan}")));
        Ok(Flow::Done)
    }

    fn find_datapath(&self, name: &str) -> Option<Uuid> {
        let datapaths: BTreeMap<String, Uuid> = self.txn.map(ROOT, self.root, "datapaths");
        datapaths.get(name).copied().filter(|row| self.txn.exists("Datapath", *row))
    }

    fn datapath(&self, name: &str) -> Result<Uuid, Failure> {
        self.find_datapath(name).ok_or_else(|| Failure::words(format!("datapath {name} does not exist")))
    }

    pub(super) fn add_zone_tp(&mut self, command: &Command) -> Result<Flow, Failure> {
        let [datapath, zone, timeouts @ ..] = command.arguments.as_slice() else { return Ok(Flow::Done) };
        let datapath = self.datapath(datapath)?;
        let zone = read_zone(zone)?;
        let mut zones: BTreeMap<i64, Uuid> = self.txn.map("Datapath", datapath, "ct_zones");
        let old = zones.get(&zone).copied();
        if old.is_some() && !command.has("--may-exist") {
            return Err(Failure::words(format!("zone id {zone} already exists")));
        }
        let policy = self.txn.insert("CT_Timeout_Policy");
        self.txn.write("CT_Timeout_Policy", policy, "timeouts", read_timeouts(timeouts));
        let row = old.unwrap_or_else(|| {
            let row = self.txn.insert("CT_Zone");
            zones.insert(zone, row);
            self.txn.write("Datapath", datapath, "ct_zones", Datum::map(zones));
            row
        });
        self.txn.write("CT_Zone", row, "timeout_policy", policy);
        Ok(Flow::Done)
    }

    pub(super) fn del_zone_tp(&mut self, command: &Command) -> Result<Flow, Failure> {
        let datapath = self.datapath(&command.arguments[0])?;
        let zone = read_zone(&command.arguments[1])?;
        let mut zones: BTreeMap<i64, Uuid> = self.txn.map("Datapath", datapath, "ct_zones");
        match zones.remove(&zone) {
            Some(_) => self.txn.write("Datapath", datapath, "ct_zones", Datum::map(zones)),
            None if command.has("--if-exists") => {}
            None => return Err(Failure::words(format!("zone id {zone} does not exist"))),
        }
        Ok(Flow::Done)
    }

    pub(super) fn list_zone_tp(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let name = &command.arguments[0];
        let missing = || Failure::words(format!("datapath: {name} record not found"));
        let datapath = self.find_datapath(name).ok_or_else(missing)?;
        let zones: BTreeMap<i64, Uuid> = self.txn.map("Datapath", datapath, "ct_zones");
        for (zone, row) in zones {
            let policy = self.txn.references("CT_Zone", row, "timeout_policy", "CT_Timeout_Policy").first().copied();
            let timeouts = policy.map(|policy| self.txn.map("CT_Timeout_Policy", policy, "timeouts"));
            out.line(&format!("Zone:{zone}, Timeout Policies: {}", list_timeouts(timeouts)));
        }
        Ok(Flow::Done)
    }

    pub(super) fn list_dp_cap(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let name = &command.arguments[0];
        let missing = || Failure::words(format!("datapath \"{name}\" record not found"));
        let datapath = self.find_datapath(name).ok_or_else(missing)?;
        let capabilities: BTreeMap<String, String> = self.txn.map("Datapath", datapath, "capabilities");
        let pairs: Vec<_> = capabilities.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        out.line(&pairs.join(" "));
        Ok(Flow::Done)
    }
}

fn list_timeouts(timeouts: Option<BTreeMap<String, i64>>) -> String {
    match timeouts {
        None => "system default".to_owned(),
        Some(timeouts) => {
            let pairs: Vec<_> = timeouts.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
            pairs.join(" ")
        }
    }
}

/// `zone=NUMBER`. Of anything else ovs-vsctl takes what happens to be in its memory.
fn read_zone(text: &str) -> Result<i64, Failure> {
    let number = text
        .strip_prefix("zone=")
        .filter(|number| number.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit()));
    let number = number.ok_or_else(|| Failure::words(format!("{text}: zone must be given as zone=NUMBER")))?;
    Ok(super::controller::read_number(number))
}

/// `KEY=SECONDS`, of which the first of several counts. What the keys may be the server knows.
fn read_timeouts(timeouts: &[String]) -> Datum {
    let mut pairs = BTreeMap::new();
    for timeout in timeouts {
        let (key, seconds) = timeout.split_once('=').unwrap_or((timeout, ""));
        pairs.entry(key.to_owned()).or_insert(super::controller::read_number(seconds));
    }
    Datum::map(pairs)
}
