//! Which columns of which tables the commands need: only those are read.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Column, Table};
use super::records::ways;
use crate::ovsdb::monitor::{MonitorRequest, TableRequest};
use crate::ovsdb::schema::DatabaseSchema;

/// Tables with the columns that are needed of each.
pub(super) struct Needs<'a> {
    pub schema: &'a DatabaseSchema,
    tables: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Needs<'a> {
    pub(super) const fn new(schema: &'a DatabaseSchema) -> Self {
        Self { schema, tables: BTreeMap::new() }
    }

    /// The rows of a table; nothing if the server does not have it.
    pub(super) fn table(&mut self, name: &str) {
        if let Some((name, _)) = self.schema.tables.get_key_value(name) {
            self.tables.entry(name).or_default();
        }
    }

    /// Columns of a table, as far as the server has them.
    pub(super) fn columns(&mut self, table: &str, columns: &[&str]) {
        let Some((name, schema)) = self.schema.tables.get_key_value(table) else { return };
        let known = columns.iter().filter_map(|column| schema.columns.get_key_value(*column));
        self.tables.entry(name).or_default().extend(known.map(|(column, _)| column.as_str()));
    }

    /// A column of a table.
    pub(super) fn column(&mut self, table: &Table<'a>, column: &Column<'a>) {
        self.tables.entry(table.name).or_default().insert(column.name);
    }

    /// What is needed to find records of a table by their names.
    pub(super) fn records(&mut self, table: &Table<'a>) {
        self.table(table.name);
        for way in ways(table.name) {
            self.columns(way.table, &[way.name]);
            if let Some(column) = way.through {
                self.columns(way.table, &[column]);
            }
        }
    }

    /// What is needed of switches, ports and interfaces to find their names.
    pub(super) fn names(&mut self) {
        self.columns("Open_vSwitch", &["bridges"]);
        self.columns("Bridge", &["name", "ports"]);
        self.columns("Port", &["name", "fake_bridge", "tag", "interfaces"]);
        self.columns("Interface", &["name"]);
    }

    pub(super) fn request(&self) -> MonitorRequest {
        self.tables.iter().fold(MonitorRequest::new(), |request, (table, columns)| {
            request.table(*table, TableRequest::new().columns(columns.iter().copied()))
        })
    }
}
