use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::hash_order::hash_order;
use super::schema::{Fetched, fetch};
use super::transact::read_json;
use super::{Command, Failure, Session};
use crate::ovsdb::format::{Cell, Table, timestamp};
use crate::ovsdb::notification::Notification;
use crate::ovsdb::operation::Condition;
use crate::ovsdb::schema::{ColumnType, TableSchema};
use crate::ovsdb::value::Uuid;

/// A table that is monitored, and the columns that are shown.
struct Monitored<'a> {
    table: &'a str,
    columns: Vec<(String, ColumnType)>,
    requests: Vec<Value>,
}

/// How the server tells of changes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// `monitor` and `update` (RFC 7047).
    Whole,
    /// `monitor_cond` and `update2`.
    Difference,
    /// `monitor_cond_since` and `update3`.
    Since(Uuid),
}

/// The failure when the server goes away.
pub(super) fn lost(session: &Session) -> Failure {
    Failure::words(format!("{}: receive failed (End of file)", session.server))
}

impl Command<'_> {
    pub(super) async fn monitor(&mut self, session: &Session, arguments: &[String]) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        let monitored = if arguments[0] == "ALL" {
            let tables = fetched.schema.tables.iter();
            tables
                .map(|(name, schema)| monitored(session, name, schema, &arguments[1..]))
                .collect::<Result<Vec<_>, _>>()?
        } else {
            let schema = table(session, &fetched, &arguments[0], true)?;
            vec![monitored(session, &arguments[0], schema, &arguments[1..])?]
        };
        self.follow(session, Protocol::Whole, &monitored).await
    }

    pub(super) async fn monitor_cond(&mut self, session: &Session, arguments: &[String]) -> Result<(), Failure> {
        self.monitor_some(session, Protocol::Difference, arguments).await
    }

    /// A UUID before the conditions is the transaction after which to begin.
    pub(super) async fn monitor_cond_since(&mut self, session: &Session, arguments: &[String]) -> Result<(), Failure> {
        match arguments[0].parse() {
            Ok(last_id) if arguments.len() > 2 => {
                self.monitor_some(session, Protocol::Since(last_id), &arguments[1..]).await
            }
            _ => self.monitor_some(session, Protocol::Since(Uuid::ZERO), arguments).await,
        }
    }

    async fn monitor_some(
        &mut self,
        session: &Session,
        protocol: Protocol,
        arguments: &[String],
    ) -> Result<(), Failure> {
        let fetched = fetch(session).await?;
        let schema = table(session, &fetched, &arguments[1], false)?;
        let conditions = read_json(&arguments[0])?;
        for condition in conditions.as_array().into_iter().flatten() {
            Condition::from_json(schema, condition)?;
        }
        let mut monitored = monitored(session, &arguments[1], schema, &arguments[2..])?;
        monitored.requests[0]["where"] = conditions;
        self.follow(session, protocol, &[monitored]).await
    }

    /// Prints what there is, and then every change.
    async fn follow(
        &mut self,
        session: &Session,
        protocol: Protocol,
        monitored: &[Monitored<'_>],
    ) -> Result<(), Failure> {
        let client = &session.client;
        let mut notifications = client.notifications().await?;
        match client.set_db_change_aware(true).await {
            Err(error) if !error.is_unknown_method() => return Err(error.into()),
            _ => {}
        }
        let requests: Map<_, _> =
            monitored.iter().map(|table| (table.table.to_owned(), json!(table.requests))).collect();
        let mut params = vec![json!(session.database), Value::Null, Value::Object(requests)];
        if let Protocol::Since(last_id) = protocol {
            params.push(json!(last_id.to_string()));
        }
        let reply = client.call(protocol.method(), Value::Array(params)).await?;
        self.print_first(protocol, monitored, &reply)?;
        while let Some(notification) = notifications.next().await {
            let Notification::Other { method, params } = notification else { continue };
            if method == "monitor_canceled" {
                let words = format!("{}: {} database was removed", session.server, session.database);
                return Err(Failure::words(words));
            }
            self.print_change(protocol, monitored, &method, &params)?;
        }
        Err(lost(session))
    }

    fn print_first(&mut self, protocol: Protocol, monitored: &[Monitored<'_>], reply: &Value) -> Result<(), Failure> {
        match protocol {
            Protocol::Whole => self.print_updates(monitored, reply, rows_of_first_update),
            Protocol::Difference => self.print_updates(monitored, reply, rows_of_update2),
            Protocol::Since(_) => {
                let (found, last_id) = (reply[0] == true, reply[1].as_str().unwrap_or_default());
                self.print_line(&format!("found: {found}, last_id: {last_id}"))?;
                self.print_updates(monitored, &reply[2], rows_of_update2)
            }
        }
    }

    fn print_change(
        &mut self,
        protocol: Protocol,
        monitored: &[Monitored<'_>],
        method: &str,
        params: &Value,
    ) -> Result<(), Failure> {
        match (protocol, method, params.as_array().map(Vec::as_slice)) {
            (Protocol::Whole, "update", Some([Value::Null, updates])) => {
                self.print_updates(monitored, updates, rows_of_update)
            }
            (Protocol::Difference, "update2", Some([Value::Null, updates])) => {
                self.print_updates(monitored, updates, rows_of_update2)
            }
            (Protocol::Since(_), "update3", Some([Value::Null, last_id, updates])) => {
                // The empty line that stands before every table but the first ends this line.
                self.print_bytes(format!("\nlast_id: {}", last_id.as_str().unwrap_or_default()).as_bytes())?;
                self.print_updates(monitored, updates, rows_of_update2)
            }
            _ => Ok(()),
        }
    }

    /// One table of output for each table that changed.
    fn print_updates(
        &mut self,
        monitored: &[Monitored<'_>],
        updates: &Value,
        rows: fn(&Value) -> Vec<(&'static str, &Value)>,
    ) -> Result<(), Failure> {
        for table in monitored {
            let Some(updates) = updates.get(table.table).and_then(Value::as_object) else { continue };
            let mut output =
                Table::new(["row", "action"].into_iter().chain(table.columns.iter().map(|(name, _)| name.as_str())));
            output.caption = (monitored.len() > 1).then(|| table.table.to_owned());
            output.timestamp = self.args.timestamp.then(now);
            for uuid in hash_order(updates.keys().map(String::as_str)) {
                for (action, row) in rows(&updates[uuid]) {
                    // The second line of a pair does not repeat the row's name.
                    let name = if action == "new" { "" } else { uuid };
                    output.rows.push(table.cells(name, action, row));
                }
            }
            self.print_table(&output)?;
        }
        Ok(())
    }
}

impl Protocol {
    const fn method(self) -> &'static str {
        match self {
            Self::Whole => "monitor",
            Self::Difference => "monitor_cond",
            Self::Since(_) => "monitor_cond_since",
        }
    }
}

impl Monitored<'_> {
    fn cells(&self, name: &str, action: &str, row: &Value) -> Vec<Cell> {
        let cell = |(column, column_type): &(String, ColumnType)| match row.get(column) {
            Some(json) => Cell::Datum { json: json.clone(), column_type: column_type.clone() },
            None => Cell::Empty,
        };
        [name.into(), action.into()].into_iter().chain(self.columns.iter().map(cell)).collect()
    }
}

fn rows_of_first_update(update: &Value) -> Vec<(&'static str, &Value)> {
    vec![("initial", &update["new"])]
}

fn rows_of_update(update: &Value) -> Vec<(&'static str, &Value)> {
    match (update.get("old"), update.get("new")) {
        (None, Some(new)) => vec![("insert", new)],
        (Some(old), None) => vec![("delete", old)],
        (Some(old), Some(new)) => vec![("old", old), ("new", new)],
        (None, None) => Vec::new(),
    }
}

fn rows_of_update2(update: &Value) -> Vec<(&'static str, &Value)> {
    let kinds = ["delete", "initial", "modify", "insert"];
    kinds.into_iter().find_map(|kind| Some((kind, update.get(kind)?))).into_iter().collect()
}

/// `monitor` says which server it talks of, `monitor-cond` does not.
fn table<'a>(
    session: &Session,
    fetched: &'a Fetched,
    name: &str,
    with_server: bool,
) -> Result<&'a TableSchema, Failure> {
    let server = if with_server { format!("{}: ", session.server) } else { String::new() };
    let words = || format!("{server}{} does not have a table named \"{name}\"", session.database);
    fetched.table(name).ok_or_else(|| Failure::words(words()))
}

/// What to ask of a table: one request for each group of columns, or one for all columns.
fn monitored<'a>(
    session: &Session,
    table: &'a str,
    schema: &TableSchema,
    groups: &[String],
) -> Result<Monitored<'a>, Failure> {
    let mut monitored = Monitored { table, columns: Vec::new(), requests: Vec::new() };
    let all = [String::new()];
    for group in if groups.is_empty() { &all } else { groups } {
        let request = monitored.read_group(session, schema, group)?;
        monitored.requests.push(request);
    }
    Ok(monitored)
}

impl Monitored<'_> {
    fn read_group(&mut self, session: &Session, schema: &TableSchema, group: &str) -> Result<Value, Failure> {
        let words: Vec<_> = group.split(',').filter(|word| !word.is_empty()).collect();
        let (without, mut columns): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| is_kind(word));
        if columns.is_empty() {
            columns = schema.columns.keys().map(String::as_str).chain(["_version"]).collect();
        }
        for column in &columns {
            self.add_column(session, schema, column)?;
        }
        let mut request = json!({"columns": columns});
        if !without.is_empty() {
            let kinds = KINDS.map(|kind| (kind[1..].to_owned(), json!(!without.contains(&kind))));
            request["select"] = Value::Object(kinds.into_iter().collect());
        }
        Ok(request)
    }

    fn add_column(&mut self, session: &Session, schema: &TableSchema, column: &str) -> Result<(), Failure> {
        let server = &session.server;
        if self.columns.iter().any(|(name, _)| name == column) {
            return Err(Failure::words(format!("{server}: column \"{column}\" mentioned multiple times")));
        }
        let column_type = schema.column_type(column).map_err(|_| {
            let (table, database) = (self.table, &session.database);
            let words = format!("table \"{table}\" in {database} does not have a column named \"{column}\"");
            Failure::words(format!("{server}: {words}"))
        })?;
        self.columns.push((column.to_owned(), column_type));
        Ok(())
    }
}

const KINDS: [&str; 4] = ["!initial", "!insert", "!delete", "!modify"];

fn is_kind(word: &str) -> bool {
    KINDS.contains(&word)
}

fn now() -> String {
    timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
