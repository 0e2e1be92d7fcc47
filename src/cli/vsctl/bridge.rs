//! The commands on bridges.

use std::collections::BTreeMap;

use super::context::{Context, Flow, Output};
use super::controller::read_number;
use super::failure::Failure;
use super::switches::Bridge;
use super::syntax::Command;
use super::transaction::ROOT;
use crate::ovsdb::value::{Datum, Uuid};

impl Context<'_> {
    pub(super) fn add_br(&mut self, command: &Command) -> Result<Flow, Failure> {
        let name = command.arguments[0].as_str();
        if name.is_empty() {
            return Err(Failure::words("bridge name must not be empty string"));
        }
        let parent = match command.arguments.as_slice() {
            [_] => None,
            [_, parent, vlan] => Some((parent.as_str(), read_vlan(vlan)?)),
            _ => return Err(Failure::words("'add-br' command takes exactly 1 or 3 arguments")),
        };
        if command.has("--may-exist")
            && let Some(bridge) = self.find_bridge(name)
        {
            return check_alike(&bridge, parent).map(|()| Flow::Done);
        }
        self.check_free(name, &format!("cannot create a bridge named {name}"))?;
        let interface = match parent {
            None => self.make_bridge(name),
            Some((parent, vlan)) => self.make_fake_bridge(name, parent, vlan)?,
        };
        self.expected.push(interface);
        self.forget();
        Ok(Flow::Done)
    }

    fn make_bridge(&mut self, name: &str) -> Uuid {
        let (interface, port) = self.make_local_port(name);
        let bridge = self.txn.insert("Bridge");
        self.txn.write("Bridge", bridge, "name", name);
        self.txn.write("Bridge", bridge, "ports", port);
        self.refer(ROOT, self.root, "bridges", |bridges| bridges.push(bridge));
        interface
    }

    fn make_fake_bridge(&mut self, name: &str, parent: &str, vlan: i64) -> Result<Uuid, Failure> {
        let bridge = self.find_bridge(parent);
        let bridge = bridge.ok_or_else(|| Failure::words(format!("parent bridge {parent} does not exist")))?;
        if bridge.parent.is_some() {
            return Err(Failure::words("cannot create bridge with fake bridge as parent"));
        }
        if let Some(child) = bridge.children.get(&vlan) {
            let words = format!("bridge {parent} already has a child VLAN bridge {child} on VLAN {vlan}");
            return Err(Failure::words(words));
        }
        let (interface, port) = self.make_local_port(name);
        self.txn.write("Port", port, "fake_bridge", true);
        self.txn.write("Port", port, "tag", vlan);
        self.refer("Bridge", bridge.row, "ports", |ports| ports.push(port));
        Ok(interface)
    }

    /// A bridge's own port, with its interface.
    fn make_local_port(&mut self, name: &str) -> (Uuid, Uuid) {
        let interface = self.txn.insert("Interface");
        self.txn.write("Interface", interface, "name", name);
        self.txn.write("Interface", interface, "type", "internal");
        let port = self.txn.insert("Port");
        self.txn.write("Port", port, "name", name);
        self.txn.write("Port", port, "interfaces", interface);
        (interface, port)
    }

    pub(super) fn del_br(&mut self, command: &Command) -> Result<Flow, Failure> {
        let name = command.arguments[0].as_str();
        let bridge = match command.has("--if-exists") {
            true => self.find_bridge(name),
            false => Some(self.bridge(name)?),
        };
        if let Some(bridge) = bridge {
            self.delete_bridge(&bridge.name);
        }
        Ok(Flow::Done)
    }

    /// Deletes a bridge with its fake bridges and its ports.
    fn delete_bridge(&mut self, name: &str) {
        let Some(bridge) = self.switches().bridges.get(name).cloned() else { return };
        for child in bridge.children.values() {
            self.delete_bridge(child);
        }
        for port in &bridge.ports {
            self.delete_port(port);
        }
        if bridge.parent.is_none() {
            for set in self.txn.rows("Flow_Sample_Collector_Set") {
                if self.txn.one("Flow_Sample_Collector_Set", set, "bridge") == Some(bridge.row) {
                    self.txn.delete("Flow_Sample_Collector_Set", set);
                }
            }
            self.txn.delete("Bridge", bridge.row);
            self.refer(ROOT, self.root, "bridges", |bridges| bridges.retain(|other| *other != bridge.row));
        }
        self.switches().remove_bridge(name);
    }

    pub(super) fn list_br(&mut self, command: &Command, out: &mut Output) -> Flow {
        let (real, fake) = (command.has("--real"), command.has("--fake"));
        let both = !real && !fake;
        let wanted = |bridge: &&Bridge| both || if bridge.parent.is_some() { fake } else { real };
        out.lines(self.switches().bridges.values().filter(wanted).map(|bridge| bridge.name.clone()));
        Flow::Done
    }

    pub(super) fn br_exists(&mut self, command: &Command) -> Result<Flow, Failure> {
        match self.find_bridge(&command.arguments[0]) {
            Some(_) => Ok(Flow::Done),
            None => Err(Failure::Status(2)),
        }
    }

    pub(super) fn br_to_vlan(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        out.line(&self.bridge(&command.arguments[0])?.vlan.to_string());
        Ok(Flow::Done)
    }

    pub(super) fn br_to_parent(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let bridge = self.bridge(&command.arguments[0])?;
        out.line(&bridge.parent.unwrap_or(bridge.name));
        Ok(Flow::Done)
    }

    /// Where the external IDs of a bridge are, and what stands before the keys of a fake one.
    fn external_ids(&mut self, name: &str) -> Result<(&'static str, Uuid, &'static str), Failure> {
        let bridge = self.bridge(name)?;
        let port = self.switches().ports.get(name).map(|port| port.row);
        Ok(match port.filter(|_| bridge.parent.is_some()) {
            Some(port) => ("Port", port, "fake-bridge-"),
            None => ("Bridge", bridge.row, ""),
        })
    }

    pub(super) fn br_set_external_id(&mut self, command: &Command) -> Result<Flow, Failure> {
        let (table, row, prefix) = self.external_ids(&command.arguments[0])?;
        let key = format!("{prefix}{}", command.arguments[1]);
        let mut ids: BTreeMap<String, String> = self.txn.map(table, row, EXTERNAL_IDS);
        match command.arguments.get(2) {
            Some(value) => ids.insert(key, value.clone()),
            None => ids.remove(&key),
        };
        self.txn.verify(table, row, EXTERNAL_IDS);
        self.txn.write(table, row, EXTERNAL_IDS, Datum::map(ids));
        Ok(Flow::Done)
    }

    pub(super) fn br_get_external_id(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let (table, row, prefix) = self.external_ids(&command.arguments[0])?;
        self.txn.verify(table, row, EXTERNAL_IDS);
        let ids: BTreeMap<String, String> = self.txn.map(table, row, EXTERNAL_IDS);
        match command.arguments.get(1) {
            Some(key) => out.lines(ids.get(&format!("{prefix}{key}")).cloned()),
            None => {
                out.lines(ids.iter().filter_map(|(key, value)| Some(format!("{}={value}", key.strip_prefix(prefix)?))))
            }
        }
        Ok(Flow::Done)
    }
}

const EXTERNAL_IDS: &str = "external_ids";

fn read_vlan(text: &str) -> Result<i64, Failure> {
    match read_number(text) {
        vlan @ 0..=4095 => Ok(vlan),
        _ => Err(Failure::words("add-br: vlan must be between 0 and 4095")),
    }
}

/// Refuses a bridge that is there, but is not what should be made.
fn check_alike(bridge: &Bridge, parent: Option<(&str, i64)>) -> Result<(), Failure> {
    let Bridge { name, vlan, .. } = bridge;
    let words = match (parent, &bridge.parent) {
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            format!("\"--may-exist add-br {name}\" but {name} is a VLAN bridge for VLAN {vlan}")
        }
        (Some((wanted, tag)), actual) => {
            let start = format!("\"--may-exist add-br {name} {wanted} {tag}\" but {name}");
            match actual {
                None => format!("{start} is not a VLAN bridge"),
                Some(actual) if actual != wanted => format!("{start} has the wrong parent {actual}"),
                Some(_) if *vlan != tag => format!("{start} is a VLAN bridge for the wrong VLAN {vlan}"),
                Some(_) => return Ok(()),
            }
        }
    };
    Err(Failure::words(words))
}
