//! `show`, which follows references from the top; and `emer-reset`.

use std::collections::BTreeMap;

use super::context::{Context, Flow, Output};
use super::needs::Needs;
use super::transaction::ROOT;
use crate::ovsdb::value::{Atom, Datum, Uuid};

/// A table of the overview: the column that names its rows, and those to print or to follow.
struct Shown {
    table: &'static str,
    name: Option<&'static str>,
    columns: &'static [&'static str],
}

const SHOWN: [Shown; 6] = [
    Shown { table: ROOT, name: None, columns: &["manager_options", "bridges", "ovs_version"] },
    Shown { table: "Bridge", name: Some("name"), columns: &["controller", "fail_mode", "datapath_type", "ports"] },
    Shown { table: "Port", name: Some("name"), columns: &["tag", "trunks", "interfaces"] },
    Shown { table: "Interface", name: Some("name"), columns: &["type", "options", "error"] },
    Shown { table: "Controller", name: Some("target"), columns: &["is_connected"] },
    Shown { table: "Manager", name: Some("target"), columns: &["is_connected"] },
];

/// What `emer-reset` sets back to nothing.
const RESET: [(&str, &[&str]); 3] = [
    (ROOT, &["manager_options", "ssl"]),
    ("Bridge", &["controller", "fail_mode", "mirrors", "netflow", "sflow", "ipfix", "flood_vlans"]),
    ("Port", &["other_config"]),
];
const POLICING: [&str; 2] = ["ingress_policing_rate", "ingress_policing_burst"];

impl Needs<'_> {
    pub(super) fn show(&mut self) {
        for shown in &SHOWN {
            self.columns(shown.table, shown.columns);
            if let Some(name) = shown.name {
                self.columns(shown.table, &[name]);
            }
        }
    }

    pub(super) fn emer_reset(&mut self) {
        for (table, columns) in RESET {
            self.columns(table, columns);
        }
        self.columns("Bridge", &["other_config"]);
        self.columns("Interface", &POLICING);
    }
}

impl Context<'_> {
    pub(super) fn show(&mut self, out: &mut Output) -> Flow {
        for row in self.txn.rows(ROOT) {
            self.show_row(&SHOWN[0], row, 0, &mut Vec::new(), out);
        }
        Flow::Done
    }

    /// Prints a row and what it refers to. Of a table that is being printed already only the name comes.
    fn show_row(&self, shown: &Shown, row: Uuid, level: usize, above: &mut Vec<&'static str>, out: &mut Output) {
        let indent = " ".repeat(level * 4);
        match shown.name {
            Some(name) => out.line(&format!("{indent}{} {}", shown.table, self.show_value(shown.table, row, name))),
            None => out.line(&format!("{indent}{row}")),
        }
        if above.contains(&shown.table) {
            return;
        }
        above.push(shown.table);
        for column in shown.columns {
            match self.shown_by_reference(shown.table, column) {
                Some(to) => {
                    for row in self.txn.references(shown.table, row, column, to.table) {
                        self.show_row(to, row, level + 1, above, out);
                    }
                }
                None if !self.is_default(shown.table, row, column) => {
                    out.line(&format!("{indent}    {column}: {}", self.show_value(shown.table, row, column)));
                }
                None => {}
            }
        }
        above.pop();
    }

    fn shown_by_reference(&self, table: &str, column: &str) -> Option<&'static Shown> {
        let column = self.txn.schema.tables.get(table)?.columns.get(column)?;
        let (to, _) = column.column_type.key().reference()?;
        SHOWN.iter().find(|shown| shown.table == to)
    }

    fn is_default(&self, table: &str, row: Uuid, column: &str) -> bool {
        let schema = self.txn.schema.tables.get(table).and_then(|table| table.columns.get(column));
        schema.is_none_or(|schema| self.txn.read(table, row, column) == schema.column_type.default_datum())
    }

    fn show_value(&self, table: &str, row: Uuid, column: &str) -> String {
        let schema = self.txn.schema.tables.get(table).and_then(|table| table.columns.get(column));
        schema.map_or(String::new(), |schema| schema.column_type.to_text(&self.txn.read(table, row, column)))
    }

    pub(super) fn emer_reset(&mut self) -> Flow {
        for (table, columns) in RESET {
            for row in self.txn.rows(table) {
                for column in columns {
                    self.txn.write(table, row, column, Datum::empty_set());
                }
            }
        }
        for bridge in self.txn.rows("Bridge") {
            // Only the MAC address stays.
            let config: BTreeMap<String, String> = self.txn.map("Bridge", bridge, "other_config");
            let kept = config.into_iter().filter(|(key, _)| key == "hwaddr");
            self.txn.write("Bridge", bridge, "other_config", Datum::map(kept));
        }
        for interface in self.txn.rows("Interface") {
            for column in POLICING {
                self.txn.write("Interface", interface, column, Atom::Integer(0));
            }
        }
        self.forget();
        Flow::Done
    }
}
