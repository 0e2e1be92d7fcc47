//! Switches, their ports and interfaces by name, as ovs-vsctl finds them in the tables; and among them its "fake bridges":
//! a port with `fake_bridge` and a tag, which has for its ports those of its parent with the same tag.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::failure::Failure;
use super::log::{Log, Module};
use super::transaction::{ROOT, Transaction};
use crate::ovsdb::value::{Datum, Uuid};

/// All of them, by name.
#[derive(Debug, Default)]
pub(super) struct Switches {
    pub bridges: BTreeMap<String, Bridge>,
    pub ports: BTreeMap<String, Port>,
    pub interfaces: BTreeMap<String, Interface>,
}

#[derive(Debug, Clone)]
pub(super) struct Bridge {
    pub name: String,
    /// The row, or that of the parent.
    pub row: Uuid,
    /// Of a fake bridge.
    pub parent: Option<String>,
    /// Zero of a real one.
    pub vlan: i64,
    /// The fake bridges of a real one.
    pub children: BTreeMap<i64, String>,
    pub ports: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Port {
    pub row: Uuid,
    pub bridge: String,
    pub interfaces: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Interface {
    pub row: Uuid,
    pub port: String,
}

/// A port's tag, if it can be one.
fn tag(txn: &Transaction<'_>, port: Uuid) -> Option<i64> {
    txn.one("Port", port, "tag").filter(|tag| (0..=4095).contains(tag))
}

fn fake_tag(txn: &Transaction<'_>, port: Uuid) -> Option<i64> {
    let fake = txn.one("Port", port, "fake_bridge") == Some(true);
    tag(txn, port).filter(|_| fake)
}

impl Switches {
    pub(super) fn read(txn: &Transaction<'_>, root: Uuid, log: &mut Log) -> Self {
        let mut switches = Self::default();
        let rows = txn.references(ROOT, root, "bridges", "Bridge");
        let mut bridges = BTreeSet::new();
        let named: Vec<_> = rows.iter().map(|row| (txn.text("Bridge", *row, "name"), *row)).collect();
        for (name, row) in &named {
            if !bridges.insert(name.clone()) {
                log.warn(Module::Vsctl, &format!("{name}: database contains duplicate bridge name"));
                continue;
            }
            switches.add_bridge(name, *row, None, 0, log);
            switches.add_fakes(txn, name, *row, &mut bridges, log);
        }
        let mut bridges = BTreeSet::new();
        for (name, row) in &named {
            if bridges.insert(name.clone()) {
                switches.add_ports(txn, name, *row, &mut bridges, log);
            }
        }
        switches
    }

    fn add_bridge(&mut self, name: &str, row: Uuid, parent: Option<&str>, vlan: i64, log: &mut Log) {
        if let Some(parent) = parent.and_then(|parent| self.bridges.get_mut(parent)) {
            match parent.children.get(&vlan) {
                Some(other) => log.warn(
                    Module::Vsctl,
                    &format!(
                        "{}: bridge has multiple VLAN bridges ({name} and {other}) for VLAN {vlan}, but only one is allowed",
                        parent.name
                    ),
                ),
                None => drop(parent.children.insert(vlan, name.to_owned())),
            }
        }
        let bridge = Bridge {
            name: name.to_owned(),
            row,
            parent: parent.map(str::to_owned),
            vlan,
            children: BTreeMap::new(),
            ports: Vec::new(),
        };
        self.bridges.insert(name.to_owned(), bridge);
    }

    fn add_fakes(
        &mut self,
        txn: &Transaction<'_>,
        bridge: &str,
        row: Uuid,
        bridges: &mut BTreeSet<String>,
        log: &mut Log,
    ) {
        for port in txn.references("Bridge", row, "ports", "Port") {
            let Some(vlan) = fake_tag(txn, port) else { continue };
            let name = txn.text("Port", port, "name");
            if bridges.insert(name.clone()) {
                self.add_bridge(&name, row, Some(bridge), vlan, log);
            }
        }
    }

    fn add_ports(
        &mut self,
        txn: &Transaction<'_>,
        bridge: &str,
        row: Uuid,
        bridges: &mut BTreeSet<String>,
        log: &mut Log,
    ) {
        for port in txn.references("Bridge", row, "ports", "Port") {
            let name = txn.text("Port", port, "name");
            if let Some(other) = self.ports.get(&name) {
                let words = format!("{name}: port is in multiple bridges ({bridge} and {})", other.bridge);
                log.warn(Module::Vsctl, &words);
                continue;
            }
            if fake_tag(txn, port).is_some() && !bridges.insert(name.clone()) {
                continue;
            }
            self.add_port(txn, bridge, &name, port);
            for interface in txn.references("Port", port, "interfaces", "Interface") {
                let interface_name = txn.text("Interface", interface, "name");
                match self.interfaces.get(&interface_name) {
                    Some(other) => log.warn(
                        Module::Vsctl,
                        &format!("{interface_name}: interface is in multiple ports ({} and {name})", other.port),
                    ),
                    None => self.add_interface(&name, &interface_name, interface),
                }
            }
        }
    }

    /// Adds a port to a bridge, or to its fake bridge of the same tag.
    pub(super) fn add_port(&mut self, txn: &Transaction<'_>, bridge: &str, name: &str, row: Uuid) {
        let child = |tag| self.bridges.get(bridge)?.children.get(&tag).cloned();
        let bridge = tag(txn, row).and_then(child).unwrap_or_else(|| bridge.to_owned());
        if let Some(bridge) = self.bridges.get_mut(&bridge) {
            bridge.ports.push(name.to_owned());
        }
        self.ports.insert(name.to_owned(), Port { row, bridge, interfaces: Vec::new() });
    }

    pub(super) fn add_interface(&mut self, port: &str, name: &str, row: Uuid) {
        if let Some(port) = self.ports.get_mut(port) {
            port.interfaces.push(name.to_owned());
        }
        self.interfaces.insert(name.to_owned(), Interface { row, port: port.to_owned() });
    }

    pub(super) fn remove_interface(&mut self, name: &str) {
        let Some(interface) = self.interfaces.remove(name) else { return };
        if let Some(port) = self.ports.get_mut(&interface.port) {
            port.interfaces.retain(|other| other != name);
        }
    }

    pub(super) fn remove_port(&mut self, name: &str) {
        let Some(port) = self.ports.remove(name) else { return };
        if let Some(bridge) = self.bridges.get_mut(&port.bridge) {
            bridge.ports.retain(|other| other != name);
        }
    }

    pub(super) fn remove_bridge(&mut self, name: &str) {
        let Some(bridge) = self.bridges.remove(name) else { return };
        if let Some(parent) = bridge.parent.and_then(|parent| self.bridges.get_mut(&parent)) {
            parent.children.retain(|_, child| child != name);
        }
    }
}

impl Context<'_> {
    /// The switches, read from the tables where that has not been done since they changed.
    pub(super) fn switches(&mut self) -> &mut Switches {
        let Self { txn, root, log, switches, .. } = self;
        switches.get_or_insert_with(|| Switches::read(txn, *root, log))
    }

    /// The bridge, if there is one.
    pub(super) fn find_bridge(&mut self, name: &str) -> Option<Bridge> {
        let bridge = self.switches().bridges.get(name).cloned();
        self.txn.verify(ROOT, self.root, "bridges");
        bridge
    }

    /// The bridge that must be there.
    pub(super) fn bridge(&mut self, name: &str) -> Result<Bridge, Failure> {
        self.find_bridge(name).ok_or_else(|| Failure::words(format!("no bridge named {name}")))
    }

    /// The bridge that must be there and be no fake one.
    pub(super) fn real_bridge(&mut self, name: &str) -> Result<Bridge, Failure> {
        let bridge = self.bridge(name)?;
        match bridge.parent {
            Some(_) => Err(Failure::words(format!("{name} is a fake bridge"))),
            None => Ok(bridge),
        }
    }

    /// The port, if there is one; a bridge's own port does not count.
    pub(super) fn find_port(&mut self, name: &str) -> Option<Port> {
        let port = self.switches().ports.get(name).filter(|port| port.bridge != name).cloned();
        self.verify_ports();
        port
    }

    /// The port that must be there.
    pub(super) fn port(&mut self, name: &str) -> Result<Port, Failure> {
        self.find_port(name).ok_or_else(|| Failure::words(format!("no port named {name}")))
    }

    /// The interface, and the bridge that it is on; a bridge's own interface does not count.
    pub(super) fn find_interface(&mut self, name: &str) -> Option<(Interface, String)> {
        let switches = self.switches();
        let bridge_of = |interface: &Interface| switches.ports.get(&interface.port).map(|port| port.bridge.clone());
        let found = switches.interfaces.get(name).and_then(|found| Some((found.clone(), bridge_of(found)?)));
        self.verify_ports();
        found.filter(|(_, bridge)| bridge != name)
    }

    /// The interface that must be there, and the bridge that it is on.
    pub(super) fn interface(&mut self, name: &str) -> Result<(Interface, String), Failure> {
        self.find_interface(name).ok_or_else(|| Failure::words(format!("no interface named {name}")))
    }

    /// Has the transaction tried again if ports or interfaces have come or gone in the meantime.
    pub(super) fn verify_ports(&mut self) {
        self.txn.verify(ROOT, self.root, "bridges");
        for bridge in self.txn.rows("Bridge") {
            self.txn.verify("Bridge", bridge, "ports");
        }
        for port in self.txn.rows("Port") {
            self.txn.verify("Port", port, "interfaces");
        }
    }

    /// Refuses a name that a bridge, a port or an interface has already; `words` say what cannot be done.
    pub(super) fn check_free(&mut self, name: &str, words: &str) -> Result<(), Failure> {
        self.verify_ports();
        let switches = self.switches();
        let taken = if switches.bridges.contains_key(name) {
            Some(format!("a bridge named {name} already exists"))
        } else if let Some(port) = switches.ports.get(name) {
            Some(format!("a port named {name} already exists on bridge {}", port.bridge))
        } else {
            switches.interfaces.get(name).map(|interface| {
                let bridge = switches.ports.get(&interface.port).map_or("", |port| port.bridge.as_str());
                format!("an interface named {name} already exists on bridge {bridge}")
            })
        };
        taken.map_or(Ok(()), |taken| Err(Failure::words(format!("{words} because {taken}"))))
    }

    /// A column of references with one more, or one fewer.
    pub(super) fn refer(&mut self, table: &str, row: Uuid, column: &str, change: impl FnOnce(&mut Vec<Uuid>)) {
        let mut references = self.txn.all(table, row, column);
        change(&mut references);
        self.txn.write(table, row, column, Datum::set(references));
    }
}
