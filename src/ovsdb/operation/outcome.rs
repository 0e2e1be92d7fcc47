use std::fmt;

use serde_json::Value;

use super::Operation;
use crate::ovsdb::row::Row;
use crate::ovsdb::value::{Uuid, ValueError, describe};

/// What one operation of a committed transaction answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationResult {
    /// `insert`: the new row's UUID.
    Inserted(Uuid),
    /// `select`: the rows.
    Rows(Vec<Row>),
    /// `update`, `mutate`, `delete`: how many rows met the conditions, changed or not.
    Count(u64),
    /// `wait`, `commit`, `comment`, `assert` have nothing to say.
    Done,
}

impl OperationResult {
    /// The UUID of an inserted row.
    #[must_use]
    pub const fn inserted(&self) -> Option<Uuid> {
        if let Self::Inserted(uuid) = self { Some(*uuid) } else { None }
    }

    /// The rows of a `select`.
    #[must_use]
    pub fn rows(&self) -> Option<&[Row]> {
        if let Self::Rows(rows) = self { Some(rows) } else { None }
    }

    /// The number of rows that an `update`, `mutate` or `delete` found.
    #[must_use]
    pub const fn count(&self) -> Option<u64> {
        if let Self::Count(count) = self { Some(*count) } else { None }
    }
}

/// The server's own words for a failure, `<error>` of RFC 7047 section 3.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// A short word for what went wrong, such as `constraint violation`; section 5.2 lists them.
    pub error: String,
    /// The particulars, for people.
    pub details: Option<String>,
    /// The piece of JSON that the server did not understand, as text.
    pub syntax: Option<String>,
}

impl ServerError {
    /// Reads an error: an object with a string `error`, or a string alone.
    #[must_use]
    pub fn from_json(json: &Value) -> Option<Self> {
        let text = |name| json.get(name).and_then(Value::as_str).map(str::to_owned);
        match json {
            Value::String(error) => Some(Self { error: error.clone(), details: None, syntax: None }),
            _ => Some(Self { error: text("error")?, details: text("details"), syntax: text("syntax") }),
        }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)?;
        if let Some(details) = &self.details {
            write!(f, ": {details}")?;
        }
        if let Some(syntax) = &self.syntax {
            write!(f, " (in {syntax})")?;
        }
        Ok(())
    }
}

impl std::error::Error for ServerError {}

/// Why a transaction had no effect, or its reply no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactError {
    /// An operation failed; nothing of the transaction is in effect.
    #[error("operation {index} ({}) of the transaction failed", name(kind, table.as_deref()))]
    Operation {
        /// Its place in the transaction, from 0.
        index: usize,
        /// Its name on the wire.
        kind: &'static str,
        /// The table it works on.
        table: Option<String>,
        /// What the server says.
        #[source]
        source: ServerError,
    },
    /// All operations went well, and then the whole broke a rule of the database; nothing is in effect.
    #[error("the transaction was refused at its commit")]
    Commit(#[source] ServerError),
    /// The reply is not one to this transaction. Whether it is in effect is unknown.
    #[error("the reply to operation {index} ({}) makes no sense: {found}", name(kind, table.as_deref()))]
    Senseless {
        /// The operation's place in the transaction, from 0.
        index: usize,
        /// Its name on the wire.
        kind: &'static str,
        /// The table it works on.
        table: Option<String>,
        /// What the reply has in its place.
        found: String,
    },
    /// The reply is no array, or has too few or too many elements. Whether the transaction is in effect is unknown.
    #[error("expected the results of {operations} operations, found {found}")]
    Shape {
        /// The number of operations.
        operations: usize,
        /// The reply, shortened.
        found: String,
    },
}

impl TransactError {
    /// The server's words, if the server refused the transaction.
    #[must_use]
    pub const fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Operation { source, .. } | Self::Commit(source) => Some(source),
            Self::Senseless { .. } | Self::Shape { .. } => None,
        }
    }

    /// Whether a `wait` found other rows than it wanted: read again and try again.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::Operation { source, .. } if source.error == "timed out")
    }
}

fn name(kind: &str, table: Option<&str>) -> String {
    table.map_or_else(|| kind.to_owned(), |table| format!("{kind} {table}"))
}

/// Reads the `result` of a `transact` reply (RFC 7047 section 4.1.3): one element for each operation, null for those
/// after a failed one, and one element more if the commit failed.
///
/// # Errors
/// [`TransactError`].
pub fn read_results(operations: &[Operation], result: &Value) -> Result<Vec<OperationResult>, TransactError> {
    let shape = || TransactError::Shape { operations: operations.len(), found: describe(result) };
    let elements = result.as_array().ok_or_else(shape)?;
    // A failure is looked for first: elements before it look fine although nothing is in effect.
    if let Some(error) = find_failure(operations, elements) {
        return Err(error);
    }
    if elements.len() != operations.len() {
        return Err(shape());
    }
    operations.iter().zip(elements).enumerate().map(read_result).collect()
}

fn find_failure(operations: &[Operation], elements: &[Value]) -> Option<TransactError> {
    let (index, source) = elements.iter().enumerate().find_map(|(index, element)| {
        let error = element.get("error").filter(|error| !error.is_null()).and(ServerError::from_json(element));
        error.map(|error| (index, error))
    })?;
    Some(match operations.get(index) {
        Some(operation) => {
            let table = operation.table().map(str::to_owned);
            TransactError::Operation { index, kind: operation.kind(), table, source }
        }
        None => TransactError::Commit(source),
    })
}

fn read_result((index, (operation, element)): (usize, (&Operation, &Value))) -> Result<OperationResult, TransactError> {
    let senseless = |found| {
        let table = operation.table().map(str::to_owned);
        TransactError::Senseless { index, kind: operation.kind(), table, found }
    };
    let wrong = |error: ValueError| senseless(error.to_string());
    let member = |name: &str| element.get(name).ok_or_else(|| senseless(describe(element)));
    match operation {
        Operation::Insert(_) => read_uuid(member("uuid")?).map(OperationResult::Inserted).map_err(wrong),
        Operation::Select(_) => read_rows(member("rows")?).map(OperationResult::Rows).map_err(wrong),
        Operation::Update(_) | Operation::Mutate(_) | Operation::Delete(_) => {
            let count = member("count")?.as_u64();
            count.map(OperationResult::Count).ok_or_else(|| senseless(describe(element)))
        }
        _ if element.is_object() => Ok(OperationResult::Done),
        _ => Err(senseless(describe(element))),
    }
}

fn read_uuid(json: &Value) -> Result<Uuid, ValueError> {
    match json.as_array().map(Vec::as_slice) {
        Some([Value::String(word), Value::String(text)]) if word == "uuid" => text.parse(),
        _ => Err(ValueError::expected("a UUID", json)),
    }
}

fn read_rows(json: &Value) -> Result<Vec<Row>, ValueError> {
    let rows = json.as_array().ok_or_else(|| ValueError::expected("an array of rows", json))?;
    let row = |(index, row)| Row::from_json(row).map_err(|error| error.within(index));
    rows.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use serde_json::json;

    use super::super::{Delete, Insert, Select};
    use super::*;

    const UUID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn operations() -> Vec<Operation> {
        let insert = Insert::into_table("Port").with("name", "p").into();
        let select = Select::from_table("Bridge").into();
        vec![insert, select, Delete::from_table("Port").into(), Operation::Commit { durable: false }]
    }

    /// Point 14: `commit` and `comment` yield `{}`; point 24: `{count}`.
    #[test]
    fn each_kind_has_its_answer() {
        let reply = json!([{"uuid": ["uuid", UUID]}, {"rows": [{"name": "br0"}]}, {"count": 3}, {}]);
        let results = read_results(&operations(), &reply).unwrap();
        assert_eq!(results[0].inserted(), Some(UUID.parse().unwrap()));
        assert_eq!(results[1].rows().unwrap()[0].one::<String>("name").unwrap(), "br0");
        assert_eq!(results[2].count(), Some(3));
        assert_eq!(results[3], OperationResult::Done);
    }

    /// Point 11: after a failing operation the rest are null.
    #[test]
    fn a_failed_operation_is_named() {
        let words = json!({"error": "unknown table", "details": "No table named Bridge.", "syntax": "{}"});
        let error = read_results(&operations(), &json!([{"uuid": ["uuid", UUID]}, words, null, null])).unwrap_err();
        assert_eq!(error.to_string(), "operation 1 (select Bridge) of the transaction failed");
        assert_eq!(error.source().unwrap().to_string(), "unknown table: No table named Bridge. (in {})");
    }

    /// Point 10: one element more than operations is the commit's error; the earlier ones look fine.
    #[test]
    fn a_failed_commit_is_found_behind_good_results() {
        let words = json!({"error": "referential integrity violation", "details": "why"});
        let reply = json!([{"uuid": ["uuid", UUID]}, {"rows": []}, {"count": 0}, {}, words]);
        let error = read_results(&operations(), &reply).unwrap_err();
        assert_eq!(error.to_string(), "the transaction was refused at its commit");
        assert_eq!(error.server_error().unwrap().error, "referential integrity violation");
    }

    /// Point 14: `abort` answers an error "aborted".
    #[test]
    fn abort_and_comment() {
        let operations = [Operation::Comment("c".into()), Operation::Abort];
        let error = read_results(&operations, &json!([{}, {"error": "aborted"}])).unwrap_err();
        assert_eq!(error.to_string(), "operation 1 (abort) of the transaction failed");
        assert_eq!(error.source().unwrap().to_string(), "aborted");
        assert!(!error.is_timed_out());
    }

    /// Point 26: a failed wait is "timed out".
    #[test]
    fn a_failed_wait_can_be_told() {
        let wait = super::super::Wait::guard("T", Uuid::ZERO, Row::new()).into();
        let error = read_results(&[wait], &json!([{"error": "timed out", "details": "x"}])).unwrap_err();
        assert!(error.is_timed_out());
    }

    /// Point 5: `error` may be a string or an object.
    #[test]
    fn errors_come_in_two_shapes() {
        let error = ServerError::from_json(&json!("unknown method")).unwrap();
        assert_eq!(error.to_string(), "unknown method");
        let error = ServerError::from_json(&json!({"error": "e", "details": "d"})).unwrap();
        assert_eq!((error.to_string(), error.syntax), ("e: d".to_owned(), None));
        assert_eq!(ServerError::from_json(&json!({"details": "d"})), None);
        assert_eq!(ServerError::from_json(&json!(null)), None);
    }

    #[test]
    fn senseless_replies_are_refused() {
        let operations = [Operation::from(Insert::into_table("T"))];
        for (reply, message) in [
            (json!(null), "expected the results of 1 operations, found null"),
            (json!([]), "expected the results of 1 operations, found the array []"),
            (json!([{}, {}]), "expected the results of 1 operations, found the array [{},{}]"),
            (json!([null]), "the reply to operation 0 (insert T) makes no sense: null"),
            (json!([{"count": 1}]), "the reply to operation 0 (insert T) makes no sense: the object {\"count\":1}"),
            (
                json!([{"uuid": 1}]),
                "the reply to operation 0 (insert T) makes no sense: expected a UUID, found the number 1",
            ),
        ] {
            assert_eq!(read_results(&operations, &reply).unwrap_err().to_string(), message);
        }
    }
}
