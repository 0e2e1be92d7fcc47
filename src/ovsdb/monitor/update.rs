//! What a monitor tells: `<table-updates>` (RFC 7047 section 4.1.6) and `<table-updates2>` (ovsdb-server(7) section
//! 4.1.14).

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ovsdb::row::Row;
use crate::ovsdb::value::{Uuid, ValueError};

/// Updates by table and row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableUpdates(pub BTreeMap<String, BTreeMap<Uuid, RowUpdate>>);

/// What a monitor tells of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowUpdate {
    /// From `monitor`. A row that comes has no `old`, one that goes no `new`.
    Whole {
        /// The columns that changed, as they were; all columns of a row that is gone.
        old: Option<Row>,
        /// All monitored columns, as they are.
        new: Option<Row>,
    },
    /// From `monitor_cond`: a row that was there already; columns that hold their type's default are left out.
    Initial(Row),
    /// From `monitor_cond`: a row that comes; columns that hold their type's default are left out.
    Insert(Row),
    /// From `monitor_cond`: the difference of the columns that changed. Of a scalar or optional value it is the new
    /// value; of a set, the elements that come or go; of a map, the pairs that come or go, and those that change,
    /// with their new value.
    Modify(Row),
    /// From `monitor_cond`: a row that goes.
    Delete,
}

/// One update of a monitor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Update {
    /// The rows.
    pub tables: TableUpdates,
    /// The transaction that the update leads up to, from `monitor_cond_since`; [`Uuid::ZERO`] where the server does
    /// not count transactions.
    pub last_txn_id: Option<Uuid>,
}

/// Which kind of update a monitor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// `update`
    Whole,
    /// `update2`, `update3`
    Difference,
}

impl TableUpdates {
    /// Reads `<table-updates>`, the result of `monitor`.
    ///
    /// # Errors
    /// Where `json` is something else; the place begins with the table's name and the row's UUID.
    pub fn from_json(json: &Value) -> Result<Self, ValueError> {
        Self::read(json, Format::Whole)
    }

    /// Reads `<table-updates2>`, the result of `monitor_cond`.
    ///
    /// # Errors
    /// As [`TableUpdates::from_json`].
    pub fn from_json2(json: &Value) -> Result<Self, ValueError> {
        Self::read(json, Format::Difference)
    }

    pub(super) fn read(json: &Value, format: Format) -> Result<Self, ValueError> {
        let tables = members(json, |rows| {
            let rows = members(rows, |update| match format {
                Format::Whole => read_whole(update),
                Format::Difference => read_difference(update),
            })?;
            let row = |(uuid, update): (String, RowUpdate)| match uuid.parse() {
                Ok(uuid) => Ok((uuid, update)),
                Err(error) => Err(ValueError::within(error, uuid)),
            };
            rows.into_iter().map(row).collect()
        })?;
        Ok(Self(tables.into_iter().collect()))
    }

    /// Whether there is no update.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }
}

/// Reads each member of an object; an error's place begins with the member's name.
fn members<T>(json: &Value, read: impl Fn(&Value) -> Result<T, ValueError>) -> Result<Vec<(String, T)>, ValueError> {
    let members = json.as_object().ok_or_else(|| ValueError::expected("an object of updates", json))?;
    let member = |(name, value): (&String, &Value)| match read(value) {
        Ok(value) => Ok((name.clone(), value)),
        Err(error) => Err(error.within(name)),
    };
    members.iter().map(member).collect()
}

fn read_whole(json: &Value) -> Result<RowUpdate, ValueError> {
    let row = |name: &str| match json.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(row) => Row::from_json(row).map(Some).map_err(|error| error.within(name)),
    };
    match (row("old")?, row("new")?) {
        (None, None) => Err(ValueError::expected("'old', 'new' or both", json)),
        (old, new) => Ok(RowUpdate::Whole { old, new }),
    }
}

fn read_difference(json: &Value) -> Result<RowUpdate, ValueError> {
    let members = json.as_object().into_iter().flatten();
    let known = |(name, row): (&String, &Value)| {
        let make = match name.as_str() {
            "initial" => RowUpdate::Initial,
            "insert" => RowUpdate::Insert,
            "modify" => RowUpdate::Modify,
            "delete" => return Some(Ok(RowUpdate::Delete)),
            _ => return None,
        };
        Some(Row::from_json(row).map(make).map_err(|error| error.within(name)))
    };
    let found = members.filter_map(|(name, row)| known((name, row))).next();
    found.unwrap_or_else(|| Err(ValueError::expected("'initial', 'insert', 'modify' or 'delete'", json)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn row(value: i64) -> Row {
        Row::new().with("tag", value)
    }

    fn only(updates: &TableUpdates) -> &RowUpdate {
        &updates.0["Port"][&UUID.parse().unwrap()]
    }

    /// Point 32: old holds changed columns only, new all monitored; insert has no old, delete no new.
    #[test]
    fn reads_update() {
        for (json, old, new) in [
            (json!({"new": {"tag": 1}}), None, Some(row(1))),
            (json!({"old": {"tag": 1}, "new": {"tag": 2}}), Some(row(1)), Some(row(2))),
            (json!({"old": {"tag": 1}}), Some(row(1)), None),
            (json!({"old": {"tag": 1}, "new": null}), Some(row(1)), None),
        ] {
            let updates = TableUpdates::from_json(&json!({"Port": {UUID: json}})).unwrap();
            assert_eq!(only(&updates), &RowUpdate::Whole { old, new });
        }
    }

    #[test]
    fn reads_update2() {
        for (json, update) in [
            (json!({"initial": {"tag": 1}}), RowUpdate::Initial(row(1))),
            (json!({"insert": {"tag": 1}}), RowUpdate::Insert(row(1))),
            (json!({"modify": {"tag": 1}}), RowUpdate::Modify(row(1))),
            (json!({"delete": null}), RowUpdate::Delete),
        ] {
            let updates = TableUpdates::from_json2(&json!({"Port": {UUID: json}})).unwrap();
            assert_eq!(only(&updates), &update);
        }
    }

    #[test]
    fn errors_name_the_place() {
        let text = |json: Value| TableUpdates::from_json2(&json).unwrap_err().to_string();
        assert_eq!(text(json!([])), "expected an object of updates, found the array []");
        assert_eq!(
            text(json!({"Port": {UUID: {}}})),
            format!("/Port/{UUID}: expected 'initial', 'insert', 'modify' or 'delete', found the object {{}}")
        );
        assert_eq!(
            text(json!({"Port": {UUID: {"insert": {"tag": null}}}})).split(':').next(),
            Some(format!("/Port/{UUID}/insert/tag").as_str())
        );
        assert!(text(json!({"Port": {"x": {"delete": null}}})).starts_with("/Port/x: "));
    }
}
