//! What to monitor: the parameters of `monitor` and `monitor_cond`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::ovsdb::operation::Condition;

/// Which tables to monitor, and what of them; `<monitor-requests>` of RFC 7047 section 4.1.5 and
/// `<monitor-cond-requests>` of ovsdb-server(7) section 4.1.12.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MonitorRequest(BTreeMap<String, TableRequest>);

/// What to monitor of one table; by default all columns of all rows, from what there is to every change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableRequest {
    columns: Option<Vec<String>>,
    conditions: Vec<Condition>,
    without: Vec<Kind>,
}

/// The kinds of update, `<monitor-select>` of RFC 7047 section 4.1.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The rows that there are.
    Initial,
    /// Rows that come.
    Insert,
    /// Rows that go.
    Delete,
    /// Rows that change.
    Modify,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Insert => "insert",
            Self::Delete => "delete",
            Self::Modify => "modify",
        }
    }
}

impl MonitorRequest {
    /// A request for nothing; add tables to it.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// With `table` too.
    #[must_use]
    pub fn table(mut self, table: impl Into<String>, request: TableRequest) -> Self {
        self.0.insert(table.into(), request);
        self
    }

    /// The tables and what is wanted of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TableRequest)> {
        self.0.iter().map(|(table, request)| (table.as_str(), request))
    }

    /// Whether any table is monitored on conditions, which `monitor` does not have.
    #[must_use]
    pub fn is_conditional(&self) -> bool {
        self.0.values().any(|request| !request.conditions.is_empty())
    }

    /// Writes the request for `monitor_cond` and `monitor_cond_since`; without conditions it serves `monitor` as well.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.objects(TableRequest::to_json)
    }

    /// Writes the conditions, and nothing else, for `monitor_cond_change`.
    #[must_use]
    pub fn conditions_to_json(&self) -> Value {
        self.objects(|request| json!({"where": request.conditions_to_json()}))
    }

    fn objects(&self, write: impl Fn(&TableRequest) -> Value) -> Value {
        Value::Object(self.0.iter().map(|(table, request)| (table.clone(), json!([write(request)]))).collect())
    }
}

impl TableRequest {
    /// All columns of all rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Only these columns.
    #[must_use]
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Rows that meet `condition`, or another one given: unlike in an operation, one that holds is enough
    /// (ovsdb-server(7) section 4.1.12).
    #[must_use]
    pub fn condition(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// Without this kind of update.
    #[must_use]
    pub fn without(mut self, kind: Kind) -> Self {
        self.without.push(kind);
        self
    }

    /// Whether some kinds of update are left out.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        !self.without.is_empty()
    }

    /// The columns, if not all.
    #[must_use]
    pub fn monitored_columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    fn conditions_to_json(&self) -> Value {
        self.conditions.iter().map(Condition::to_json).collect()
    }

    fn to_json(&self) -> Value {
        let mut json = Map::new();
        if let Some(columns) = &self.columns {
            json.insert("columns".to_owned(), json!(columns));
        }
        if !self.conditions.is_empty() {
            json.insert("where".to_owned(), self.conditions_to_json());
        }
        if !self.without.is_empty() {
            let select = self.without.iter().map(|kind| (kind.name().to_owned(), json!(false)));
            json.insert("select".to_owned(), Value::Object(select.collect()));
        }
        Value::Object(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_written_as_the_manual_has_them() {
        let request = MonitorRequest::new().table("Port", TableRequest::new()).table(
            "Bridge",
            TableRequest::new()
                .columns(["name"])
                .condition(Condition::equal("name", "br0"))
                .without(Kind::Initial)
                .without(Kind::Delete),
        );
        let bridge = json!({
            "columns": ["name"], "where": [["name", "==", "br0"]], "select": {"initial": false, "delete": false},
        });
        assert_eq!(request.to_json(), json!({"Bridge": [bridge], "Port": [{}]}));
        let change = json!({"Bridge": [{"where": [["name", "==", "br0"]]}], "Port": [{"where": []}]});
        assert_eq!(request.conditions_to_json(), change);
        assert!(request.is_conditional());
    }
}
