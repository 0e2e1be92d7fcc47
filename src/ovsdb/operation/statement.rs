use serde_json::{Value, json};

use super::{Condition, Mutation};
use crate::ovsdb::row::Row;
use crate::ovsdb::value::{Datum, Uuid};

/// Makes a row; columns that are not given take their type's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Insert {
    table: String,
    row: Row,
    uuid_name: Option<String>,
    uuid: Option<Uuid>,
}

impl Insert {
    /// A row in `table`.
    pub fn into_table(table: impl Into<String>) -> Self {
        Self { table: table.into(), row: Row::new(), uuid_name: None, uuid: None }
    }

    /// With `column` holding `value`.
    #[must_use]
    pub fn with(mut self, column: impl Into<String>, value: impl Into<Datum>) -> Self {
        self.row.insert(column, value);
        self
    }

    /// With all columns of `row`, and those given before.
    #[must_use]
    pub fn row(mut self, row: Row) -> Self {
        for (column, value) in row {
            self.row.insert(column, value);
        }
        self
    }

    /// Lets other operations of the transaction refer to the row as `Atom::NamedUuid(name)`. The name is an `<id>`,
    /// unique in the transaction.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.uuid_name = Some(name.into());
        self
    }

    /// Chooses the row's UUID. An extension of Open vSwitch 2.11 (ovsdb-server(7) section 5.2.1).
    #[must_use]
    pub fn uuid(mut self, uuid: Uuid) -> Self {
        self.uuid = Some(uuid);
        self
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({"op": "insert", "table": self.table, "row": self.row.to_json()});
        if let Some(name) = &self.uuid_name {
            json["uuid-name"] = json!(name);
        }
        if let Some(uuid) = self.uuid {
            json["uuid"] = json!(uuid.to_string());
        }
        json
    }
}

/// Reads the rows that meet all conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    table: String,
    conditions: Vec<Condition>,
    columns: Option<Vec<String>>,
}

impl Select {
    /// All rows and all columns of `table`.
    pub fn from_table(table: impl Into<String>) -> Self {
        Self { table: table.into(), conditions: Vec::new(), columns: None }
    }

    /// Only rows that meet `condition` too.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Only these columns. `_uuid` comes along only if it is named.
    #[must_use]
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({"op": "select", "table": self.table, "where": conditions(&self.conditions)});
        if let Some(columns) = &self.columns {
            json["columns"] = json!(columns);
        }
        json
    }
}

/// Overwrites columns of the rows that meet all conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    table: String,
    conditions: Vec<Condition>,
    row: Row,
}

impl Update {
    /// No column yet, of all rows of `table`.
    pub fn table_rows(table: impl Into<String>) -> Self {
        Self { table: table.into(), conditions: Vec::new(), row: Row::new() }
    }

    /// Only rows that meet `condition` too.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Puts `value` in `column`.
    #[must_use]
    pub fn with(mut self, column: impl Into<String>, value: impl Into<Datum>) -> Self {
        self.row.insert(column, value);
        self
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn to_json(&self) -> Value {
        let row = self.row.to_json();
        json!({"op": "update", "table": self.table, "where": conditions(&self.conditions), "row": row})
    }
}

/// Changes columns of the rows that meet all conditions, in relation to what they hold. Other than read, change and
/// `update`, it loses no one else's change in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutate {
    table: String,
    conditions: Vec<Condition>,
    mutations: Vec<Mutation>,
}

impl Mutate {
    /// No change yet, of all rows of `table`.
    pub fn table_rows(table: impl Into<String>) -> Self {
        Self { table: table.into(), conditions: Vec::new(), mutations: Vec::new() }
    }

    /// Only rows that meet `condition` too.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Carries out `mutation`, after those given before.
    #[must_use]
    pub fn with(mut self, mutation: Mutation) -> Self {
        self.mutations.push(mutation);
        self
    }

    /// Carries out the mutations in order, after those given before.
    #[must_use]
    pub fn with_all(mut self, mutations: impl IntoIterator<Item = Mutation>) -> Self {
        self.mutations.extend(mutations);
        self
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn to_json(&self) -> Value {
        let mutations: Vec<_> = self.mutations.iter().map(Mutation::to_json).collect();
        let conditions = conditions(&self.conditions);
        json!({"op": "mutate", "table": self.table, "where": conditions, "mutations": mutations})
    }
}

/// Deletes the rows that meet all conditions. Rows that nothing refers to any more go by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    table: String,
    conditions: Vec<Condition>,
}

impl Delete {
    /// All rows of `table`.
    pub fn from_table(table: impl Into<String>) -> Self {
        Self { table: table.into(), conditions: Vec::new() }
    }

    /// Only rows that meet `condition` too.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"op": "delete", "table": self.table, "where": conditions(&self.conditions)})
    }
}

pub(super) fn conditions(conditions: &[Condition]) -> Value {
    conditions.iter().map(Condition::to_json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ovsdb::value::Atom;

    #[test]
    fn statements_are_written_as_the_rfc_has_them() {
        let named = Atom::NamedUuid("new".into());
        let by_name = || Condition::equal("name", "br0");
        let by_name_json = json!([["name", "==", "br0"]]);
        for (json, expected) in [
            (
                Insert::into_table("Bridge").with("name", "br0").named("new").to_json(),
                json!({"op": "insert", "table": "Bridge", "row": {"name": "br0"}, "uuid-name": "new"}),
            ),
            (
                Select::from_table("Bridge").filter(by_name()).columns(["_uuid"]).to_json(),
                json!({"op": "select", "table": "Bridge", "where": by_name_json, "columns": ["_uuid"]}),
            ),
            (
                Update::table_rows("Bridge").filter(by_name()).with("stp_enable", true).to_json(),
                json!({"op": "update", "table": "Bridge", "where": by_name_json, "row": {"stp_enable": true}}),
            ),
            (
                Mutate::table_rows("Bridge").filter(by_name()).with(Mutation::insert("ports", named)).to_json(),
                json!({"op": "mutate", "table": "Bridge", "where": by_name_json,
                       "mutations": [["ports", "insert", ["named-uuid", "new"]]]}),
            ),
            (
                Delete::from_table("Bridge").filter(by_name()).to_json(),
                json!({"op": "delete", "table": "Bridge", "where": by_name_json}),
            ),
        ] {
            assert_eq!(json, expected);
        }
    }

    #[test]
    fn an_insert_may_choose_its_uuid() {
        let insert = Insert::into_table("T").row(Row::new().with("a", 1)).uuid(Uuid::ZERO);
        assert_eq!(insert.to_json()["uuid"], json!(Uuid::ZERO.to_string()));
        assert_eq!(insert.to_json()["row"], json!({"a": 1}));
    }
}
