//! Which columns of which tables the commands need: only those are read.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Column, Table};
use super::records::{Way, is_beginning, ways};
use crate::ovsdb::monitor::{MonitorRequest, TableRequest};
use crate::ovsdb::operation::Condition;
use crate::ovsdb::schema::{AtomicType, DatabaseSchema};
use crate::ovsdb::value::Uuid;

/// Tables with what is needed of each.
pub(super) struct Needs<'a> {
    pub schema: &'a DatabaseSchema,
    tables: BTreeMap<&'a str, Need<'a>>,
}

/// What is needed of a table.
struct Need<'a> {
    columns: BTreeSet<&'a str>,
    /// The rows that meet one of these; without, all.
    rows: Option<BTreeSet<Condition>>,
}

impl<'a> Needs<'a> {
    pub(super) const fn new(schema: &'a DatabaseSchema) -> Self {
        Self { schema, tables: BTreeMap::new() }
    }

    fn need(&mut self, table: &'a str) -> &mut Need<'a> {
        self.tables.entry(table).or_insert_with(|| Need { columns: BTreeSet::new(), rows: Some(BTreeSet::new()) })
    }

    /// All rows of a table; nothing if the server does not have it.
    pub(super) fn table(&mut self, name: &str) {
        self.columns(name, &[]);
    }

    /// Columns of all rows of a table, as far as the server has them.
    pub(super) fn columns(&mut self, table: &str, columns: &[&str]) {
        let Some((name, schema)) = self.schema.tables.get_key_value(table) else { return };
        let known = columns.iter().filter_map(|column| schema.columns.get_key_value(*column));
        let need = self.need(name);
        need.rows = None;
        need.columns.extend(known.map(|(column, _)| column.as_str()));
    }

    /// A column of the rows of a table that are needed anyway.
    pub(super) fn column(&mut self, table: &Table<'a>, column: &Column<'a>) {
        self.need(table.name).columns.insert(column.name);
    }

    /// What is needed to find records of a table; all of them, if none is named. Those that have names of their own are read
    /// alone: however large the table is, it costs the same.
    pub(super) fn records(&mut self, table: &Table<'a>, ids: &[String]) {
        let conditions: Option<BTreeSet<_>> = ids.iter().flat_map(|id| conditions(table, id)).collect();
        match conditions.filter(|conditions| !conditions.is_empty()) {
            Some(conditions) => {
                let own = ways(table.name).filter_map(|way| table.column(way.name));
                let need = self.need(table.name);
                need.columns.extend(own.map(|column| column.name));
                if let Some(rows) = &mut need.rows {
                    rows.extend(conditions);
                }
            }
            None => {
                self.table(table.name);
                for way in ways(table.name) {
                    self.columns(way.table, &[way.name]);
                    self.columns(way.table, way.through.as_slice());
                }
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

    /// What to monitor; `whole` tables, where the server knows no conditions.
    pub(super) fn request(&self, whole: bool) -> MonitorRequest {
        self.tables.iter().fold(MonitorRequest::new(), |request, (table, need)| {
            let columns = TableRequest::new().columns(need.columns.iter().copied());
            let conditions = need.rows.iter().flatten().filter(|_| !whole).cloned();
            request.table(*table, conditions.fold(columns, TableRequest::condition))
        })
    }
}

/// The conditions that only a record of this name can meet; `None` is for every record.
fn conditions(table: &Table<'_>, id: &str) -> Vec<Option<Condition>> {
    let mut ways = ways(table.name);
    let name = match (ways.next(), ways.next()) {
        (Some(Way { name, through: None, .. }), None) if id != "." => name,
        _ => return vec![None],
    };
    let is_text = table.column(name).is_some_and(|column| column.column_type().key().atomic() == AtomicType::String);
    match id.parse::<Uuid>() {
        Ok(uuid) if is_text => vec![Some(Condition::uuid(uuid)), Some(Condition::equal(*name, id))],
        Err(_) if is_text && !is_beginning(id) => vec![Some(Condition::equal(*name, id))],
        _ => vec![None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::vsctl::names::find_table;
    use crate::ovsdb::schema::{ColumnSchema, TableSchema};

    fn schema() -> DatabaseSchema {
        let text = ColumnSchema::new(AtomicType::String.into());
        let columns = ["name", "qos"].into_iter().map(|name| (name.to_owned(), text.clone())).collect();
        let table = TableSchema { columns, is_root: false, max_rows: None, mutable: true, indexes: Vec::new() };
        let tables = ["Interface", "Port", "QoS"].into_iter().map(|name| (name.to_owned(), table.clone())).collect();
        DatabaseSchema { name: "x".to_owned(), version: None, cksum: None, tables }
    }

    fn request(table: &str, ids: &[&str]) -> String {
        let schema = schema();
        let mut needs = Needs::new(&schema);
        let table = find_table(&schema, table).unwrap();
        let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
        needs.records(&table, &ids);
        needs.request(false).to_json().to_string()
    }

    #[test]
    fn a_record_with_a_name_is_read_alone() {
        let one = r#"{"Interface":[{"columns":["name"],"where":[["name","==","eth0"]]}]}"#;
        assert_eq!(request("Interface", &["eth0"]), one);
        let all = r#"{"Interface":[{"columns":["name"]}]}"#;
        for ids in [&["eth0", "."][..], &["abcd"], &[]] {
            assert_eq!(request("Interface", ids), all, "{ids:?}");
        }
        let through = r#"{"Port":[{"columns":["name","qos"]}],"QoS":[{"columns":[]}]}"#;
        assert_eq!(request("QoS", &["eth0"]), through);
    }

    #[test]
    fn what_another_command_needs_whole_stays_whole() {
        let schema = schema();
        let mut needs = Needs::new(&schema);
        let table = find_table(&schema, "Port").unwrap();
        needs.names();
        needs.records(&table, &["p1".to_owned()]);
        assert!(!needs.request(false).is_conditional());
    }
}
