//! A copy of what a monitor sees, kept up to date by its updates.

use std::collections::{BTreeMap, BTreeSet};

use super::{MonitorRequest, RowUpdate, TableRequest, TableUpdates};
use crate::ovsdb::row::Row;
use crate::ovsdb::schema::{ColumnType, DatabaseSchema, UNLIMITED};
use crate::ovsdb::value::{Atom, Datum, Uuid, ValueError};

/// The monitored columns of the monitored rows, `_uuid` included. Every row has every column: what updates leave out
/// because it is a default is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    tables: BTreeMap<String, Table>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    columns: BTreeMap<String, ColumnType>,
    rows: BTreeMap<Uuid, Row>,
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The table.
    pub table: String,
    /// The row.
    pub uuid: Uuid,
    /// What it was; `None` if it is new.
    pub old: Option<Row>,
    /// What it is; `None` if it is gone.
    pub new: Option<Row>,
}

/// Why a replica cannot be had or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// The request is for a table or a column that the schema does not have.
    #[error("the schema has no {table}{}", column.as_ref().map(|name| format!(".{name}")).unwrap_or_default())]
    Unknown {
        /// The table.
        table: String,
        /// The column, if the table is known.
        column: Option<String>,
    },
    /// The request leaves out some kinds of update: no copy can be kept from the rest.
    #[error("a copy of {table} needs every kind of update, but the request leaves some out")]
    Partial {
        /// The table.
        table: String,
    },
    /// An update is about a row or a column that the copy does not have: start again.
    #[error("an update is about {table} {uuid}, of which the copy knows {}", column.as_deref().map_or("nothing".to_owned(), |name| format!("no column {name}")))]
    Diverged {
        /// The table.
        table: String,
        /// The row.
        uuid: Uuid,
        /// The column, if the row is known.
        column: Option<String>,
    },
    /// A value does not fit its column.
    #[error("an update of {table} {uuid} does not fit the schema")]
    Value {
        /// The table.
        table: String,
        /// The row.
        uuid: Uuid,
        /// Where, and why.
        source: ValueError,
    },
}

impl Replica {
    /// An empty copy of what `request` asks for.
    ///
    /// # Errors
    /// [`ReplicaError::Unknown`] and [`ReplicaError::Partial`].
    pub fn new(schema: &DatabaseSchema, request: &MonitorRequest) -> Result<Self, ReplicaError> {
        let table = |(name, request): (&str, &TableRequest)| {
            if request.is_partial() {
                return Err(ReplicaError::Partial { table: name.to_owned() });
            }
            Ok((name.to_owned(), Table { columns: column_types(schema, name, request)?, rows: BTreeMap::new() }))
        };
        Ok(Self { tables: request.iter().map(table).collect::<Result<_, _>>()? })
    }

    /// The rows of a table; none if it is not monitored.
    pub fn rows(&self, table: &str) -> impl Iterator<Item = (Uuid, &Row)> {
        self.tables.get(table).into_iter().flat_map(|table| table.rows.iter().map(|(uuid, row)| (*uuid, row)))
    }

    /// One row.
    #[must_use]
    pub fn row(&self, table: &str, uuid: Uuid) -> Option<&Row> {
        self.tables.get(table)?.rows.get(&uuid)
    }

    /// Whether both have the same columns of the same tables, of the same types.
    pub(in crate::ovsdb) fn has_columns_of(&self, other: &Self) -> bool {
        let columns = |replica: &Self| -> Vec<_> {
            replica.tables.iter().map(|(name, table)| (name.clone(), table.columns.clone())).collect()
        };
        columns(self) == columns(other)
    }

    /// Forgets all rows.
    pub fn clear(&mut self) {
        for table in self.tables.values_mut() {
            table.rows.clear();
        }
    }

    /// Applies updates and tells what they changed.
    ///
    /// # Errors
    /// [`ReplicaError::Diverged`] and [`ReplicaError::Value`]: the copy is as before, but not what the server has. Start
    /// the monitor again.
    pub fn apply(&mut self, updates: &TableUpdates) -> Result<Vec<Change>, ReplicaError> {
        let mut changes = Vec::new();
        for (name, rows) in &updates.0 {
            for (uuid, update) in rows {
                match self.apply_one(name, *uuid, update) {
                    Ok(change) => changes.extend(change),
                    Err(error) => {
                        self.revert(changes);
                        return Err(error);
                    }
                }
            }
        }
        Ok(changes)
    }

    fn apply_one(&mut self, name: &str, uuid: Uuid, update: &RowUpdate) -> Result<Option<Change>, ReplicaError> {
        let diverged = |column| ReplicaError::Diverged { table: name.to_owned(), uuid, column };
        let table = self.tables.get_mut(name).ok_or_else(|| diverged(None))?;
        let (old, new) = table.apply(uuid, update).map_err(|misfit| match misfit {
            Misfit::Unknown(column) => diverged(column),
            Misfit::Value(source) => ReplicaError::Value { table: name.to_owned(), uuid, source },
        })?;
        Ok((old != new).then(|| Change { table: name.to_owned(), uuid, old, new }))
    }

    fn revert(&mut self, changes: Vec<Change>) {
        for Change { table, uuid, old, .. } in changes {
            let Some(table) = self.tables.get_mut(&table) else { continue };
            match old {
                Some(row) => table.rows.insert(uuid, row),
                None => table.rows.remove(&uuid),
            };
        }
    }

    /// What has to change to make `self` into `other`, a copy of the same tables.
    #[must_use]
    pub fn changes_to(&self, other: &Self) -> Vec<Change> {
        let names: BTreeSet<_> = self.tables.keys().chain(other.tables.keys()).collect();
        let mut changes = Vec::new();
        for name in names {
            let uuids: BTreeSet<_> = self.rows(name).chain(other.rows(name)).map(|(uuid, _)| uuid).collect();
            for uuid in uuids {
                let (old, new) = (self.row(name, uuid), other.row(name, uuid));
                if old != new {
                    changes.push(Change { table: name.clone(), uuid, old: old.cloned(), new: new.cloned() });
                }
            }
        }
        changes
    }
}

fn column_types(
    schema: &DatabaseSchema,
    name: &str,
    request: &TableRequest,
) -> Result<BTreeMap<String, ColumnType>, ReplicaError> {
    let unknown = |column| ReplicaError::Unknown { table: name.to_owned(), column };
    let table = schema.tables.get(name).ok_or_else(|| unknown(None))?;
    // RFC 7047 section 4.1.5: without `columns` all are monitored but `_uuid`, which here comes from the row's key.
    let all = || table.columns.keys().cloned().chain(["_version".to_owned()]).collect();
    let names: Vec<String> = request.monitored_columns().map_or_else(all, <[_]>::to_vec);
    let column = |column: String| match table.column_type(&column) {
        Ok(column_type) => Ok((column, column_type)),
        Err(_) => Err(unknown(Some(column))),
    };
    names.into_iter().map(column).collect()
}

/// Why an update does not fit a table.
enum Misfit {
    /// The row, or one of its columns, is not known.
    Unknown(Option<String>),
    Value(ValueError),
}

impl Table {
    /// Applies one update; the row before and after.
    fn apply(&mut self, uuid: Uuid, update: &RowUpdate) -> Result<(Option<Row>, Option<Row>), Misfit> {
        let known = || Misfit::Unknown(None);
        let new = match update {
            RowUpdate::Initial(row) | RowUpdate::Insert(row) | RowUpdate::Whole { new: Some(row), .. } => {
                Some(self.complete(uuid, row)?)
            }
            RowUpdate::Modify(difference) => Some(self.modify(self.rows.get(&uuid).ok_or_else(known)?, difference)?),
            RowUpdate::Delete | RowUpdate::Whole { new: None, .. } => None,
        };
        let old = match new.clone() {
            Some(row) => self.rows.insert(uuid, row),
            None => Some(self.rows.remove(&uuid).ok_or_else(known)?),
        };
        Ok((old, new))
    }

    fn column_type(&self, name: &str) -> Result<&ColumnType, Misfit> {
        self.columns.get(name).ok_or_else(|| Misfit::Unknown(Some(name.to_owned())))
    }

    /// The whole row, of which defaults may have been left out.
    fn complete(&self, uuid: Uuid, row: &Row) -> Result<Row, Misfit> {
        let mut whole: Row = self.columns.iter().map(|(name, kind)| (name, kind.default_datum())).collect();
        for (name, datum) in row.iter() {
            let datum = self.column_type(name)?.conform(datum.clone()).map_err(|error| misfit(name, error))?;
            whole.insert(name, datum);
        }
        whole.insert("_uuid", uuid);
        Ok(whole)
    }

    /// The row with the difference of some columns applied.
    fn modify(&self, row: &Row, difference: &Row) -> Result<Row, Misfit> {
        let mut row = row.clone();
        for (name, datum) in difference.iter() {
            let kind = self.column_type(name)?;
            let old = row.remove(name).unwrap_or_else(|| kind.default_datum());
            row.insert(name, change(kind, old, datum.clone()).map_err(|error| misfit(name, error))?);
        }
        Ok(row)
    }
}

fn misfit(column: &str, error: ValueError) -> Misfit {
    Misfit::Value(error.within(column))
}

/// What `difference` makes of `old` (ovsdb-server(7) section 4.1.14). Whether it is a new value or a symmetric
/// difference cannot be seen from it: a column of at most one element has the former, ovsdb_datum_apply_diff() of
/// lib/ovsdb-data.c.
fn change(kind: &ColumnType, old: Datum, difference: Datum) -> Result<Datum, ValueError> {
    if kind.max_count() == 1 {
        return kind.conform(difference);
    }
    // A difference may have more elements than the column.
    match (old, kind.with_count(0, UNLIMITED).conform(difference)?) {
        (Datum::Set(old), Datum::Set(difference)) => Ok(Datum::Set(&old ^ &difference)),
        (Datum::Map(old), Datum::Map(difference)) => Ok(Datum::Map(change_map(old, difference))),
        // `conform` has made both of the column's kind.
        (_, new) => Ok(new),
    }
}

/// A pair that is there goes; another value for a key that is there takes its place; a key that is not there comes.
fn change_map(mut pairs: BTreeMap<Atom, Atom>, difference: BTreeMap<Atom, Atom>) -> BTreeMap<Atom, Atom> {
    for (key, value) in difference {
        if pairs.get(&key) == Some(&value) {
            pairs.remove(&key);
        } else {
            pairs.insert(key, value);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Kind;
    use super::*;

    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn schema() -> DatabaseSchema {
        DatabaseSchema::from_json(&json!({"name": "db", "tables": {"T": {"columns": {
            "name": {"type": "string"},
            "tag": {"type": {"key": "integer", "min": 0}},
            "trunks": {"type": {"key": "integer", "min": 0, "max": 3}},
            "ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
            "rate": {"type": {"key": "real", "min": 0, "max": 2}},
        }}}}))
        .unwrap()
    }

    fn request() -> MonitorRequest {
        MonitorRequest::new().table("T", TableRequest::new().columns(["name", "tag", "trunks", "ids", "rate"]))
    }

    fn replica() -> Replica {
        Replica::new(&schema(), &request()).unwrap()
    }

    fn update(replica: &mut Replica, kind: &str, row: Value) -> Result<Vec<Change>, ReplicaError> {
        replica.apply(&TableUpdates::from_json2(&json!({"T": {UUID: {kind: row}}})).unwrap())
    }

    fn seen(replica: &Replica) -> Option<Value> {
        replica.row("T", UUID.parse().unwrap()).map(Row::to_json)
    }

    fn full(name: &str, tag: Value, trunks: Value, ids: Value) -> Option<Value> {
        let rate = json!(["set", []]);
        Some(json!({"_uuid": ["uuid", UUID], "name": name, "tag": tag, "trunks": trunks, "ids": ids, "rate": rate}))
    }

    /// Point 33.
    #[test]
    fn differences_are_applied_by_the_column_s_type() {
        let mut replica = replica();
        let (none, map) = (json!(["set", []]), |pairs: Value| json!(["map", pairs]));
        update(&mut replica, "initial", json!({"name": "a"})).unwrap();
        assert_eq!(seen(&replica), full("a", none.clone(), none.clone(), map(json!([]))));

        // An optional value is replaced, a set of several is not.
        let one = json!({"tag": 1, "trunks": 1, "ids": map(json!([["k", "v"], ["l", "w"]]))});
        let changes = update(&mut replica, "modify", one).unwrap();
        assert_eq!(seen(&replica), full("a", json!(1), json!(1), map(json!([["k", "v"], ["l", "w"]]))));
        assert_eq!(changes[0].old.as_ref().unwrap().get("tag"), Some(&Datum::empty_set()));

        let two = json!({"tag": 2, "trunks": 2, "ids": map(json!([["k", "x"], ["l", "w"], ["m", "y"]]))});
        update(&mut replica, "modify", two).unwrap();
        assert_eq!(seen(&replica), full("a", json!(2), json!(["set", [1, 2]]), map(json!([["k", "x"], ["m", "y"]]))));

        // More elements in the difference than the column may have.
        update(&mut replica, "modify", json!({"trunks": ["set", [1, 2, 3, 4, 5]]})).unwrap();
        let trunks = json!(["set", [3, 4, 5]]);
        assert_eq!(seen(&replica), full("a", json!(2), trunks, map(json!([["k", "x"], ["m", "y"]]))));

        // The difference to an empty optional value is empty.
        update(&mut replica, "modify", json!({"tag": none, "name": "b"})).unwrap();
        let trunks = json!(["set", [3, 4, 5]]);
        assert_eq!(seen(&replica), full("b", none, trunks, map(json!([["k", "x"], ["m", "y"]]))));

        let changes = update(&mut replica, "delete", json!(null)).unwrap();
        assert_eq!((changes[0].new.as_ref(), seen(&replica)), (None, None));
    }

    #[test]
    fn integers_in_a_column_of_reals_are_reals() {
        let mut replica = replica();
        update(&mut replica, "insert", json!({"rate": ["set", [1, 2.5]]})).unwrap();
        update(&mut replica, "modify", json!({"rate": 1.0})).unwrap();
        assert_eq!(seen(&replica).unwrap()["rate"], json!(2.5));
    }

    #[test]
    fn whole_rows_replace() {
        let mut replica = replica();
        for (name, new) in [("a", true), ("b", true), ("b", false)] {
            let old = json!({"name": name});
            let update = if new { json!({"new": {"name": name}}) } else { json!({"old": old}) };
            let updates = TableUpdates::from_json(&json!({"T": {UUID: update}})).unwrap();
            assert_eq!(replica.apply(&updates).unwrap().len(), 1);
            assert_eq!(seen(&replica).map(|row| row["name"].clone()), new.then(|| json!(name)));
        }
    }

    #[test]
    fn an_update_that_changes_nothing_is_no_change() {
        let mut replica = replica();
        update(&mut replica, "insert", json!({"name": "a"})).unwrap();
        assert_eq!(update(&mut replica, "insert", json!({"name": "a"})), Ok(Vec::new()));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let text = |kind, row| update(&mut replica(), kind, row).unwrap_err().to_string();
        assert_eq!(text("modify", json!({})), format!("an update is about T {UUID}, of which the copy knows nothing"));
        assert_eq!(
            text("delete", json!(null)),
            format!("an update is about T {UUID}, of which the copy knows nothing")
        );
        assert_eq!(
            text("insert", json!({"x": 1})),
            format!("an update is about T {UUID}, of which the copy knows no column x")
        );
        assert_eq!(text("insert", json!({"name": 1})), format!("an update of T {UUID} does not fit the schema"));
    }

    #[test]
    fn updates_that_do_not_fit_leave_the_copy_as_it_was() {
        let mut replica = replica();
        update(&mut replica, "insert", json!({"name": "a"})).unwrap();
        let before = replica.clone();
        let [good, new, bad] = [0, 1, 2].map(|n| UUID.replace("0000", &format!("000{n}")));
        assert_eq!(good, UUID);
        let updates = json!({"T": {good: {"modify": {"name": "b"}}, new: {"insert": {}}, bad: {"delete": null}}});
        replica.apply(&TableUpdates::from_json2(&updates).unwrap()).unwrap_err();
        assert_eq!(replica, before);
    }

    #[test]
    fn requests_must_fit_the_schema() {
        let text = |request| Replica::new(&schema(), &request).unwrap_err().to_string();
        assert_eq!(text(MonitorRequest::new().table("U", TableRequest::new())), "the schema has no U");
        let unknown = TableRequest::new().columns(["x"]);
        assert_eq!(text(MonitorRequest::new().table("T", unknown)), "the schema has no T.x");
        let partial = TableRequest::new().without(Kind::Initial);
        assert_eq!(
            text(MonitorRequest::new().table("T", partial)),
            "a copy of T needs every kind of update, but the request leaves some out"
        );
    }

    #[test]
    fn copies_can_be_compared() {
        let (mut one, mut other) = (replica(), replica());
        assert_eq!(one.changes_to(&other), []);
        update(&mut one, "insert", json!({"name": "a"})).unwrap();
        update(&mut other, "insert", json!({"name": "b"})).unwrap();
        let changes = one.changes_to(&other);
        assert_eq!((changes.len(), changes[0].new.as_ref()), (1, other.row("T", UUID.parse().unwrap())));
        other.clear();
        assert_eq!(one.changes_to(&other)[0].new, None);
    }
}
