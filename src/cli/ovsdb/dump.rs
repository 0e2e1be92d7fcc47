use std::cmp::Ordering;

use serde_json::{Value, json};

use super::schema::{Fetched, fetch};
use super::{Command, Failure, Session};
use crate::ovsdb::format::{Cell, Table};
use crate::ovsdb::schema::{AtomicType, ColumnType, TableSchema};
use crate::ovsdb::text::json_text;
use crate::ovsdb::value::Datum;

/// A table and which of its columns are shown.
struct Part<'a> {
    table: &'a str,
    columns: Vec<(&'a str, ColumnType)>,
}

impl Command<'_> {
    /// All tables, or one, or some columns of one, in one transaction, so that they fit each other.
    pub(super) async fn dump(&mut self, session: &Session, arguments: &[String]) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        let parts = choose(&fetched, arguments)?;
        let mut transaction = vec![json!(session.database)];
        transaction.extend(parts.iter().map(Part::select));
        let results = session.client.call("transact", Value::Array(transaction)).await?;
        let count = parts.len();
        let wrong_count = || format!("reply is not array of {count} elements: {}", json_text(&results, false));
        let answers = results.as_array().filter(|answers| answers.len() == count);
        let answers = answers.ok_or_else(|| Failure::words(wrong_count()))?;
        for (part, answer) in parts.iter().zip(answers) {
            let table = part.table(answer)?;
            self.print_table(&table)?;
        }
        Ok(())
    }
}

fn choose<'a>(fetched: &'a Fetched, arguments: &'a [String]) -> Result<Vec<Part<'a>>, Failure> {
    let [name, columns @ ..] = arguments else {
        return Ok(fetched.schema.tables.iter().map(|(name, schema)| Part::whole(name, schema)).collect());
    };
    let schema = fetched.table(name).ok_or_else(|| Failure::words(format!("No table \"{name}\" found.")))?;
    if columns.is_empty() {
        return Ok(vec![Part::whole(name, schema)]);
    }
    let column = |column: &'a String| {
        let missing = |_| Failure::words(format!("Table \"{name}\" has no column {column}."));
        Ok((column.as_str(), schema.column_type(column).map_err(missing)?))
    };
    let mut columns = columns.iter().map(column).collect::<Result<Vec<_>, Failure>>()?;
    columns.sort_by_key(|(column, _)| *column);
    Ok(vec![Part { table: name, columns }])
}

impl<'a> Part<'a> {
    fn whole(table: &'a str, schema: &'a TableSchema) -> Self {
        let uuid = std::iter::once(("_uuid", ColumnType::from(AtomicType::Uuid)));
        let columns = schema.columns.iter().map(|(name, column)| (name.as_str(), column.column_type.clone()));
        // `_` stands before all small letters, but not before the capitals.
        let mut columns: Vec<_> = uuid.chain(columns).collect();
        columns.sort_by_key(|(column, _)| *column);
        Self { table, columns }
    }

    fn select(&self) -> Value {
        let columns: Vec<_> = self.columns.iter().map(|(name, _)| name).collect();
        json!({"op": "select", "table": self.table, "where": [], "columns": columns})
    }

    fn table(&self, answer: &Value) -> Result<Table, Failure> {
        let no_rows = || {
            let text = json_text(answer, false);
            Failure::words(format!("{} table reply is not an object with a \"rows\" member array: {text}", self.table))
        };
        let rows = answer["rows"].as_array().ok_or_else(no_rows)?;
        let mut rows = rows.iter().enumerate().map(|(at, row)| self.row(at, row)).collect::<Result<Vec<_>, _>>()?;
        rows.sort_by(|left, right| self.compare(left, right));
        let mut table = Table::new(self.columns.iter().map(|(name, _)| *name));
        table.caption = Some(format!("{} table", self.table));
        let cell = |(datum, (_, column_type)): (Datum, &(&str, ColumnType))| Cell::Datum {
            json: datum.to_json(),
            column_type: column_type.clone(),
        };
        table.rows = rows.into_iter().map(|row| row.into_iter().zip(&self.columns).map(cell).collect()).collect();
        Ok(table)
    }

    fn row(&self, at: usize, row: &Value) -> Result<Vec<Datum>, Failure> {
        let column = |(name, _): &(&str, ColumnType)| {
            let lacks = || Failure::words(format!("row {at} in table {} response lacks {name} column", self.table));
            Ok(Datum::from_json(row.get(name).ok_or_else(lacks)?)?)
        };
        self.columns.iter().map(column).collect()
    }

    /// By the columns from left to right, but UUIDs last: they differ from one run to the next.
    fn compare(&self, left: &[Datum], right: &[Datum]) -> Ordering {
        let is_uuid = |column: &usize| self.columns[*column].1.key().atomic() == AtomicType::Uuid;
        let (uuids, others): (Vec<_>, Vec<_>) = (0..self.columns.len()).partition(is_uuid);
        let orders = others.into_iter().chain(uuids).map(|column| left[column].cmp(&right[column]));
        orders.fold(Ordering::Equal, Ordering::then)
    }
}
