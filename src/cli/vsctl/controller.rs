//! The commands on OpenFlow controllers, the fail mode, managers and the keys of TLS.

use std::collections::BTreeSet;

use super::context::{Context, Flow, Output};
use super::failure::Failure;
use super::log::Module;
use super::needs::Needs;
use super::syntax::Command;
use super::transaction::ROOT;
use crate::ovsdb::value::{Datum, Uuid};

impl Needs<'_> {
    pub(super) fn controller(&mut self) {
        self.names();
        self.columns("Bridge", &["controller"]);
        self.columns("Controller", &["target"]);
    }

    pub(super) fn fail_mode(&mut self) {
        self.names();
        self.columns("Bridge", &["fail_mode"]);
    }

    pub(super) fn manager(&mut self) {
        self.columns(ROOT, &["manager_options"]);
        self.columns("Manager", &["target"]);
    }

    pub(super) fn ssl(&mut self) {
        self.columns(ROOT, &["ssl"]);
        self.columns("SSL", &["private_key", "certificate", "ca_cert", "bootstrap_ca_cert"]);
    }
}

impl Context<'_> {
    /// The controllers of a bridge, which must not change in the meantime.
    fn controllers(&mut self, bridge: Uuid) -> Vec<Uuid> {
        self.txn.verify("Bridge", bridge, "controller");
        let controllers = self.txn.references("Bridge", bridge, "controller", "Controller");
        for controller in &controllers {
            self.txn.verify("Controller", *controller, "target");
        }
        controllers
    }

    pub(super) fn get_controller(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let bridge = self.bridge(&command.arguments[0])?;
        let controllers = self.controllers(bridge.row);
        let mut targets: Vec<_> =
            controllers.into_iter().map(|row| self.txn.text("Controller", row, "target")).collect();
        targets.sort();
        out.lines(targets);
        Ok(Flow::Done)
    }

    pub(super) fn del_controller(&mut self, command: &Command) -> Result<Flow, Failure> {
        let bridge = self.real_bridge(&command.arguments[0])?;
        let controllers = self.controllers(bridge.row);
        if !controllers.is_empty() {
            self.replace("Bridge", bridge.row, "controller", ("Controller", &controllers), &[]);
        }
        Ok(Flow::Done)
    }

    pub(super) fn set_controller(&mut self, command: &Command) -> Result<Flow, Failure> {
        let bridge = self.real_bridge(&command.arguments[0])?;
        let old = self.controllers(bridge.row);
        let new = self.make_targets("Controller", &command.arguments[1..], command);
        self.replace("Bridge", bridge.row, "controller", ("Controller", &old), &new);
        Ok(Flow::Done)
    }

    /// Makes a row for each target.
    fn make_targets(&mut self, table: &str, targets: &[String], command: &Command) -> Vec<Uuid> {
        let probe = command.value("--inactivity-probe").map(read_number);
        let mut rows = Vec::new();
        for target in targets {
            if !is_target(target) {
                self.log.warn(Module::Vsctl, &format!("target type \"{target}\" is possibly erroneous"));
            }
            let row = self.txn.insert(table);
            self.txn.write(table, row, "target", target.as_str());
            if let Some(probe) = probe {
                self.txn.write(table, row, "inactivity_probe", probe);
            }
            rows.push(row);
        }
        rows
    }

    /// Has a column refer to new rows in place of the old ones.
    fn replace(&mut self, table: &str, row: Uuid, column: &str, (of, old): (&str, &[Uuid]), new: &[Uuid]) {
        for row in old {
            self.txn.delete(of, *row);
        }
        self.txn.write(table, row, column, Datum::set(new.iter().copied()));
    }

    pub(super) fn get_fail_mode(&mut self, command: &Command, out: &mut Output) -> Result<Flow, Failure> {
        let bridge = self.bridge(&command.arguments[0])?;
        self.txn.verify("Bridge", bridge.row, "fail_mode");
        let mode = self.txn.text("Bridge", bridge.row, "fail_mode");
        out.lines(Some(mode).filter(|mode| !mode.is_empty()));
        Ok(Flow::Done)
    }

    pub(super) fn del_fail_mode(&mut self, command: &Command) -> Result<Flow, Failure> {
        let bridge = self.real_bridge(&command.arguments[0])?;
        self.txn.write("Bridge", bridge.row, "fail_mode", Datum::empty_set());
        Ok(Flow::Done)
    }

    pub(super) fn set_fail_mode(&mut self, command: &Command) -> Result<Flow, Failure> {
        let bridge = self.real_bridge(&command.arguments[0])?;
        let mode = command.arguments[1].as_str();
        if !["standalone", "secure"].contains(&mode) {
            return Err(Failure::words("fail-mode must be \"standalone\" or \"secure\""));
        }
        self.txn.write("Bridge", bridge.row, "fail_mode", mode);
        Ok(Flow::Done)
    }

    fn managers(&mut self) -> Vec<Uuid> {
        self.txn.verify(ROOT, self.root, "manager_options");
        let managers = self.txn.references(ROOT, self.root, "manager_options", "Manager");
        for manager in &managers {
            self.txn.verify("Manager", *manager, "target");
        }
        managers
    }

    pub(super) fn get_manager(&mut self, out: &mut Output) -> Flow {
        let managers = self.managers();
        let targets: BTreeSet<_> = managers.into_iter().map(|row| self.txn.text("Manager", row, "target")).collect();
        out.lines(targets);
        Flow::Done
    }

    pub(super) fn set_manager(&mut self, command: &Command) -> Flow {
        let old = self.managers();
        let new = self.make_targets("Manager", &command.arguments, command);
        self.replace(ROOT, self.root, "manager_options", ("Manager", &old), &new);
        Flow::Done
    }

    fn ssl(&mut self) -> Option<Uuid> {
        self.txn.verify(ROOT, self.root, "ssl");
        self.txn.references(ROOT, self.root, "ssl", "SSL").first().copied()
    }

    pub(super) fn get_ssl(&mut self, out: &mut Output) -> Flow {
        let Some(ssl) = self.ssl() else { return Flow::Done };
        for (heading, column) in
            [("Private key", "private_key"), ("Certificate", "certificate"), ("CA Certificate", "ca_cert")]
        {
            self.txn.verify("SSL", ssl, column);
            out.line(&format!("{heading}: {}", self.txn.text("SSL", ssl, column)));
        }
        self.txn.verify("SSL", ssl, "bootstrap_ca_cert");
        out.line(&format!("Bootstrap: {}", self.txn.one("SSL", ssl, "bootstrap_ca_cert") == Some(true)));
        Flow::Done
    }

    pub(super) fn del_ssl(&mut self) -> Flow {
        if let Some(ssl) = self.ssl() {
            self.replace(ROOT, self.root, "ssl", ("SSL", &[ssl]), &[]);
        }
        Flow::Done
    }

    pub(super) fn set_ssl(&mut self, command: &Command) -> Flow {
        let old: Vec<_> = self.ssl().into_iter().collect();
        let ssl = self.txn.insert("SSL");
        for (column, value) in ["private_key", "certificate", "ca_cert"].into_iter().zip(&command.arguments) {
            self.txn.write("SSL", ssl, column, value.as_str());
        }
        self.txn.write("SSL", ssl, "bootstrap_ca_cert", command.has("--bootstrap"));
        self.replace(ROOT, self.root, "ssl", ("SSL", &old), &[ssl]);
        Flow::Done
    }
}

/// Whether a text begins like a place to connect to, or to listen at.
fn is_target(text: &str) -> bool {
    let kind = text.split_once(':').map(|(kind, _)| kind);
    kind.is_some_and(|kind| ["tcp", "unix", "ssl", "ptcp", "punix", "pssl"].contains(&kind))
}

/// As atoll(3): the number at the beginning, if any.
pub(super) fn read_number(text: &str) -> i64 {
    let text = text.trim_start();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = text.len() - digits.len() + digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let limit = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    let number = &text[..end];
    number.parse().unwrap_or(if number.ends_with(|c: char| c.is_ascii_digit()) { limit } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_c_library_reads_them() {
        for (text, number) in
            [("7", 7), (" -7x", -7), ("+3", 3), ("x", 0), ("-", 0), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(read_number(text), number, "{text}");
        }
    }

    #[test]
    fn targets_begin_with_their_kind() {
        assert!(is_target("tcp:127.0.0.1") && is_target("punix:/x"));
        assert!(!is_target("tcp") && !is_target("xyz:1") && !is_target(""));
    }
}
