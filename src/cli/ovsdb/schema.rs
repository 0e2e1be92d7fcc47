use serde_json::Value;

use super::hash_order::hash_order;
use super::session::databases;
use super::{Command, Failure, Session};
use crate::ovsdb::format::{Cell, Table};
use crate::ovsdb::schema::{DatabaseSchema, TableSchema};

/// A schema, and its JSON as the server sent it, which has an order.
pub(super) struct Fetched {
    pub(super) schema: DatabaseSchema,
    json: Value,
}

/// Asks for the schema of the session's database.
pub(super) async fn fetch(session: &Session) -> Result<Fetched, Failure> {
    let json = session.client.get_schema(&session.database).await?;
    Ok(Fetched { schema: DatabaseSchema::from_json(&json)?, json })
}

impl Fetched {
    /// The tables in ovsdb-client's order: its JSON and its schema are hashes, one filled from the other.
    fn tables(&self) -> Vec<&str> {
        hash_order(hash_order(names(&self.json["tables"])))
    }

    /// The columns of a table in ovsdb-client's order.
    fn columns(&self, table: &str) -> Vec<&str> {
        let parsed = hash_order(names(&self.json["tables"][table]["columns"]));
        hash_order(["_uuid", "_version"].into_iter().chain(parsed))
    }

    pub(super) fn table(&self, name: &str) -> Option<&TableSchema> {
        self.schema.tables.get(name)
    }
}

fn names(object: &Value) -> impl Iterator<Item = &str> {
    object.as_object().into_iter().flatten().map(|(name, _)| name.as_str())
}

impl Command<'_> {
    pub(super) async fn list_dbs(&mut self, session: &Session) -> Result<(), Failure> {
        for name in databases(session).await? {
            self.print_line(&name)?;
        }
        Ok(())
    }

    pub(super) async fn get_schema(&mut self, session: &Session) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        self.print_json(&fetched.schema.to_json())
    }

    pub(super) async fn get_schema_version(&mut self, session: &Session) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        self.print_line(&fetched.schema.version.unwrap_or_default())
    }

    pub(super) async fn get_schema_cksum(&mut self, session: &Session) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        self.print_line(&fetched.schema.cksum.unwrap_or_default())
    }

    pub(super) async fn list_tables(&mut self, session: &Session) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        let mut table = Table::new(["Table"]);
        table.rows = fetched.tables().into_iter().map(|name| vec![name.into()]).collect();
        self.print_table(&table)
    }

    /// The columns of one table, or of all, with the table's name before them. A table that is not there has none.
    pub(super) async fn list_columns(&mut self, session: &Session, only: Option<&String>) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        let headings = ["Table", "Column", "Type"];
        let mut table = Table::new(headings.into_iter().skip(usize::from(only.is_some())));
        let names = fetched.tables();
        for name in names.iter().filter(|name| only.is_none_or(|only| only == *name)) {
            for column in fetched.columns(name) {
                let column_type = fetched.schema.tables[*name].column_type(column)?;
                let cells = [(*name).into(), column.into(), Cell::Json(column_type.to_json())];
                table.rows.push(cells.into_iter().skip(usize::from(only.is_some())).collect());
            }
        }
        self.print_table(&table)
    }
}
