//! The commands on ports and interfaces.

use std::collections::BTreeSet;

use super::context::{Context, Flow, Output};
use super::failure::Failure;
use super::switches::{Bridge, Port};
use super::syntax::Command;
use crate::ovsdb::value::{Datum, Uuid};

/// A port to be made.
struct NewPort<'c> {
    bridge: &'c str,
    name: &'c str,
    interfaces: &'c [String],
    /// Whether an interface of the bond's own name is faked for old programs.
    fake_interface: bool,
    /// `COLUMN[:KEY]=VALUE`
    settings: &'c [String],
}

impl Context<'_> {
    pub(super) fn add_port(&mut self, command: &Command) -> Result<Flow, Failure> {
        let [bridge, name, settings @ ..] = command.arguments.as_slice() else { return Ok(Flow::Done) };
        let interfaces = std::slice::from_ref(name);
        self.make_port(command, &NewPort { bridge, name, interfaces, fake_interface: false, settings })
    }

    pub(super) fn add_bond(&mut self, command: &Command) -> Result<Flow, Failure> {
        let [bridge, name, rest @ ..] = command.arguments.as_slice() else { return Ok(Flow::Done) };
        let count = rest.iter().take_while(|word| !word.contains('=')).count();
        if count < 2 {
            let words = format!("add-bond requires at least 2 interfaces, but only {count} were specified");
            return Err(Failure::words(words));
        }
        let (interfaces, settings) = rest.split_at(count);
        let fake_interface = command.has("--fake-iface");
        self.make_port(command, &NewPort { bridge, name, interfaces, fake_interface, settings })
    }

    fn make_port(&mut self, command: &Command, new: &NewPort<'_>) -> Result<Flow, Failure> {
        if new.name.is_empty() {
            return Err(Failure::words("port name must not be empty string"));
        }
        if new.interfaces.iter().any(String::is_empty) {
            return Err(Failure::words("interface name must not be empty string"));
        }
        if command.has("--may-exist")
            && let Some(port) = self.find_port(new.name)
        {
            return self.check_port(command, new, &port).map(|()| Flow::Done);
        }
        self.check_free(new.name, &format!("cannot create a port named {}", new.name))?;
        for interface in new.interfaces {
            self.check_free(interface, &format!("cannot create an interface named {interface}"))?;
        }
        let bridge = self.bridge(new.bridge)?;
        let rows: Vec<_> = new.interfaces.iter().map(|name| self.make_interface(name)).collect();
        let port = self.txn.insert("Port");
        self.txn.write("Port", port, "name", new.name);
        self.txn.write("Port", port, "interfaces", Datum::set(rows.clone()));
        self.txn.write("Port", port, "bond_fake_iface", new.fake_interface);
        if bridge.parent.is_some() {
            self.txn.write("Port", port, "tag", bridge.vlan);
        }
        let table = self.table("Port")?;
        for setting in new.settings {
            self.set_column(&table, port, setting)?;
        }
        self.refer("Bridge", bridge.row, "ports", |ports| ports.push(port));
        let Self { txn, switches, .. } = self;
        if let Some(switches) = switches {
            switches.add_port(txn, new.bridge, new.name, port);
            for (name, row) in new.interfaces.iter().zip(rows) {
                switches.add_interface(new.name, name, row);
            }
        }
        Ok(Flow::Done)
    }

    fn make_interface(&mut self, name: &str) -> Uuid {
        let interface = self.txn.insert("Interface");
        self.txn.write("Interface", interface, "name", name);
        self.expected.push(interface);
        interface
    }

    /// Refuses a port that is there, but is not what should be made.
    fn check_port(&mut self, command: &Command, new: &NewPort<'_>, port: &Port) -> Result<(), Failure> {
        let start = format!("\"{}\" but {}", command.typed(), new.name);
        if port.bridge != new.bridge {
            return Err(Failure::words(format!("{start} is actually attached to bridge {}", port.bridge)));
        }
        let rows = self.txn.references("Port", port.row, "interfaces", "Interface");
        let mut have: Vec<_> = rows.into_iter().map(|row| self.txn.text("Interface", row, "name")).collect();
        have.sort();
        let mut want: Vec<_> = new.interfaces.to_vec();
        want.sort();
        if have == want {
            return Ok(());
        }
        Err(Failure::words(format!("{start} actually has interface(s) {}", have.join(", "))))
    }

    pub(super) fn add_bond_iface(&mut self, command: &Command) -> Result<Flow, Failure> {
        let (port_name, name) = (command.arguments[0].as_str(), command.arguments[1].as_str());
        let port = self.port(port_name)?;
        if command.has("--may-exist")
            && let Some((interface, _)) = self.find_interface(name)
        {
            if interface.port == port_name {
                return Ok(Flow::Done);
            }
            let words = format!("\"{}\" but {name} is actually attached to port {}", command.typed(), interface.port);
            return Err(Failure::words(words));
        }
        self.check_free(name, &format!("cannot create an interface named {name}"))?;
        let interface = self.make_interface(name);
        self.refer("Port", port.row, "interfaces", |interfaces| interfaces.push(interface));
        self.switches().add_interface(port_name, name, interface);
        Ok(Flow::Done)
    }

    pub(super) fn del_bond_iface(&mut self, command: &Command) -> Result<Flow, Failure> {
        let (port_name, name) = match command.arguments.as_slice() {
            [port, name] => (Some(port.as_str()), name.as_str()),
            [name] => (None, name.as_str()),
            _ => return Ok(Flow::Done),
        };
        let found = match command.has("--if-exists") {
            true => self.find_interface(name),
            false => Some(self.interface(name)?),
        };
        let Some((interface, _)) = found else { return Ok(Flow::Done) };
        if let Some(port_name) = port_name
            && port_name != interface.port
        {
            self.port(port_name)?;
            return Err(Failure::words(format!("port {port_name} does not have an interface {name}")));
        }
        let port = self.port(&interface.port)?;
        if port.interfaces.len() <= 1 {
            return Err(Failure::words(format!("cannot delete last interface from port {}", interface.port)));
        }
        self.refer("Port", port.row, "interfaces", |rows| rows.retain(|row| *row != interface.row));
        self.txn.delete("Interface", interface.row);
        self.switches().remove_interface(name);
        Ok(Flow::Done)
    }

    pub(super) fn del_port(&mut self, command: &Command) -> Result<Flow, Failure> {
        let (bridge, target) = match command.arguments.as_slice() {
            [bridge, target] => (Some(bridge.as_str()), target.as_str()),
            [target] => (None, target.as_str()),
            _ => return Ok(Flow::Done),
        };
        let Some(name) = self.port_to_delete(command, target)? else { return Ok(Flow::Done) };
        if let Some(bridge) = bridge {
            let bridge = self.bridge(bridge)?;
            self.check_on(&name, target, &bridge)?;
        }
        self.delete_port(&name);
        Ok(Flow::Done)
    }

    fn port_to_delete(&mut self, command: &Command, target: &str) -> Result<Option<String>, Failure> {
        let must_exist = !command.has("--if-exists");
        if self.find_bridge(target).is_some() {
            let words = format!(
                "cannot delete port {target} because it is the local port for bridge {target} (deleting this port requires deleting the entire bridge)"
            );
            return if must_exist { Err(Failure::words(words)) } else { Ok(None) };
        }
        if self.find_port(target).is_some() {
            return Ok(Some(target.to_owned()));
        }
        let with_interface = command.has("--with-iface");
        let interface = if with_interface { self.find_interface(target) } else { None };
        match interface {
            Some((interface, _)) => Ok(Some(interface.port)),
            None if !must_exist => Ok(None),
            None if with_interface => Err(Failure::words(format!("no port or interface named {target}"))),
            None => Err(Failure::words(format!("no port named {target}"))),
        }
    }

    /// Refuses a port that is not on the bridge.
    fn check_on(&mut self, port: &str, target: &str, bridge: &Bridge) -> Result<(), Failure> {
        let switches = self.switches();
        let actual = switches.ports.get(port).map_or("", |port| port.bridge.as_str());
        if actual == bridge.name {
            return Ok(());
        }
        let words = format!("bridge {} does not have a port {target}", bridge.name);
        let parent = switches.bridges.get(actual).and_then(|actual| actual.parent.as_deref());
        Err(Failure::words(match parent {
            Some(parent) if parent == bridge.name => format!("{words} (although its child bridge {actual} does)"),
            _ => words,
        }))
    }

    /// Deletes a port with its interfaces.
    pub(super) fn delete_port(&mut self, name: &str) {
        let switches = self.switches();
        let Some(port) = switches.ports.get(name).cloned() else { return };
        let bridge = switches.bridges.get(&port.bridge).map(|bridge| bridge.row);
        let interfaces: Vec<_> =
            port.interfaces.iter().filter_map(|name| switches.interfaces.get(name)).cloned().collect();
        if let Some(bridge) = bridge {
            self.refer("Bridge", bridge, "ports", |ports| ports.retain(|other| *other != port.row));
        }
        for interface in interfaces {
            self.txn.delete("Interface", interface.row);
        }
        for interface in &port.interfaces {
            self.switches().remove_interface(interface);
        }
        self.txn.delete("Port", port.row);
        self.switches().remove_port(name);
    }

    pub(super) fn list_ports(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let bridge = self.bridge(&command.arguments[0])?;
        self.txn.verify("Bridge", bridge.row, "ports");
        let ports: BTreeSet<_> = bridge.ports.into_iter().filter(|port| *port != bridge.name).collect();
        out.lines(ports);
        Ok(Flow::Done)
    }

    pub(super) fn port_to_br(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        out.line(&self.port(&command.arguments[0])?.bridge);
        Ok(Flow::Done)
    }

    pub(super) fn list_ifaces(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let bridge = self.bridge(&command.arguments[0])?;
        self.verify_ports();
        let switches = self.switches();
        let ports = bridge.ports.iter().filter_map(|port| switches.ports.get(port));
        let interfaces: BTreeSet<_> = ports.flat_map(|port| port.interfaces.iter().cloned()).collect();
        out.lines(interfaces.into_iter().filter(|interface| *interface != bridge.name));
        Ok(Flow::Done)
    }

    pub(super) fn iface_to_br(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let (_, bridge) = self.interface(&command.arguments[0])?;
        out.line(&bridge);
        Ok(Flow::Done)
    }
}
