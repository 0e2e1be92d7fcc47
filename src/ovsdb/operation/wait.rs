use std::time::Duration;

use serde_json::{Value, json};

use super::Condition;
use super::statement::conditions;
use crate::ovsdb::row::Row;
use crate::ovsdb::value::Uuid;

/// Compares what a query gives with certain rows, and fails the transaction ("timed out") if the answer does not become
/// the wanted one in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    table: String,
    conditions: Vec<Condition>,
    columns: Vec<String>,
    until: Until,
    rows: Vec<Row>,
    timeout: Option<Duration>,
}

/// What a [`Wait`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The query gives exactly the rows.
    Equal,
    /// The query gives other rows.
    NotEqual,
}

impl Wait {
    /// Waits until all rows of `table`, seen in `columns`, are, or are not, those given with [`Wait::row`].
    pub fn on_table<C: Into<String>>(
        table: impl Into<String>,
        columns: impl IntoIterator<Item = C>,
        until: Until,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { table: table.into(), conditions: Vec::new(), columns, until, rows: Vec::new(), timeout: None }
    }

    /// A guard: goes on only if the row with this UUID holds exactly the columns of `row` now (timeout 0).
    pub fn guard(table: impl Into<String>, uuid: Uuid, row: Row) -> Self {
        let columns: Vec<_> = row.iter().map(|(name, _)| name.to_owned()).collect();
        let wait = Self::on_table(table, columns, Until::Equal).filter(Condition::uuid(uuid));
        wait.row(row).timeout(Duration::ZERO)
    }

    /// Looks only at rows that meet `condition` too.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Self {
        self.conditions.push(condition);
        self
    }

    /// One more row to compare with.
    #[must_use]
    pub fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    /// Fails after `timeout`, in whole milliseconds; zero fails at once. Without a timeout the server waits as long as the
    /// session lasts.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn to_json(&self) -> Value {
        let until = match self.until {
            Until::Equal => "==",
            Until::NotEqual => "!=",
        };
        let rows: Vec<_> = self.rows.iter().map(Row::to_json).collect();
        let mut json = json!({
            "op": "wait", "table": self.table, "where": conditions(&self.conditions),
            "columns": self.columns, "until": until, "rows": rows,
        });
        if let Some(timeout) = self.timeout {
            json["timeout"] = json!(i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX));
        }
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_has_a_timeout_only_if_asked() {
        let wait = Wait::on_table("T", ["a"], Until::NotEqual).row(Row::new().with("a", 1));
        let expected =
            json!({"op": "wait", "table": "T", "where": [], "columns": ["a"], "until": "!=", "rows": [{"a": 1}]});
        assert_eq!(wait.to_json(), expected);
        assert_eq!(wait.timeout(Duration::from_millis(1500)).to_json()["timeout"], json!(1500));
    }

    /// Point 25: guard what was read with `wait` until `==`, timeout 0.
    #[test]
    fn a_guard_waits_for_nothing() {
        let json = Wait::guard("T", Uuid::ZERO, Row::new().with("a", 1).with("b", "x")).to_json();
        assert_eq!(json["timeout"], json!(0));
        assert_eq!(json["columns"], json!(["a", "b"]));
        assert_eq!(json["rows"], json!([{"a": 1, "b": "x"}]));
        assert_eq!(json["until"], json!("=="));
    }
}
