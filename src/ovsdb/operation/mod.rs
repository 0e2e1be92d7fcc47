//! Database operations, `<operation>` of RFC 7047 section 5.2, and what a `transact` reply says of each.

mod condition;
mod mutation;
mod outcome;
mod statement;
mod wait;

pub use condition::{Condition, Function};
pub use mutation::{Mutation, MutationError, Mutator};
pub use outcome::{OperationResult, ServerError, TransactError, read_results};
pub use statement::{Delete, Insert, Mutate, Select, Update};
pub use wait::{Until, Wait};

use serde_json::{Value, json};

/// One operation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Makes a row (section 5.2.1).
    Insert(Insert),
    /// Reads rows (5.2.2).
    Select(Select),
    /// Overwrites columns of rows (5.2.3).
    Update(Update),
    /// Changes columns of rows in relation to what they hold (5.2.4).
    Mutate(Mutate),
    /// Deletes rows (5.2.5).
    Delete(Delete),
    /// Goes on once, or only if, a query gives, or does not give, certain rows (5.2.6).
    Wait(Wait),
    /// Has the reply wait until the transaction is on disk, where `durable` (5.2.7).
    Commit {
        /// Whether to wait for the disk.
        durable: bool,
    },
    /// Fails the transaction (5.2.8).
    Abort,
    /// Leaves a remark in the database's log (5.2.9).
    Comment(String),
    /// Fails the transaction unless the session owns this lock (5.2.10).
    Assert(String),
}

impl Operation {
    /// The operation's name on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Insert(_) => "insert",
            Self::Select(_) => "select",
            Self::Update(_) => "update",
            Self::Mutate(_) => "mutate",
            Self::Delete(_) => "delete",
            Self::Wait(_) => "wait",
            Self::Commit { .. } => "commit",
            Self::Abort => "abort",
            Self::Comment(_) => "comment",
            Self::Assert(_) => "assert",
        }
    }

    /// The table it works on, if it works on one.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Insert(insert) => Some(insert.table()),
            Self::Select(select) => Some(select.table()),
            Self::Update(update) => Some(update.table()),
            Self::Mutate(mutate) => Some(mutate.table()),
            Self::Delete(delete) => Some(delete.table()),
            Self::Wait(wait) => Some(wait.table()),
            Self::Commit { .. } | Self::Abort | Self::Comment(_) | Self::Assert(_) => None,
        }
    }

    /// Writes the operation.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Insert(insert) => insert.to_json(),
            Self::Select(select) => select.to_json(),
            Self::Update(update) => update.to_json(),
            Self::Mutate(mutate) => mutate.to_json(),
            Self::Delete(delete) => delete.to_json(),
            Self::Wait(wait) => wait.to_json(),
            Self::Commit { durable } => json!({"op": "commit", "durable": durable}),
            Self::Abort => json!({"op": "abort"}),
            Self::Comment(comment) => json!({"op": "comment", "comment": comment}),
            Self::Assert(lock) => json!({"op": "assert", "lock": lock}),
        }
    }
}

/// The parameters of `transact` (section 4.1.3): the database's name, then the operations.
#[must_use]
pub fn transact_params(database: &str, operations: &[Operation]) -> Vec<Value> {
    let mut params = vec![Value::from(database)];
    params.extend(operations.iter().map(Operation::to_json));
    params
}

macro_rules! operation_from {
    ($($statement:ident),*) => {
        $(impl From<$statement> for Operation {
            fn from(statement: $statement) -> Self {
                Self::$statement(statement)
            }
        })*
    };
}
operation_from!(Insert, Select, Update, Mutate, Delete, Wait);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_without_a_table() {
        assert_eq!(Operation::Commit { durable: true }.to_json(), json!({"op": "commit", "durable": true}));
        assert_eq!(Operation::Abort.to_json(), json!({"op": "abort"}));
        assert_eq!(Operation::Comment("c".into()).to_json(), json!({"op": "comment", "comment": "c"}));
        assert_eq!(Operation::Assert("l".into()).to_json(), json!({"op": "assert", "lock": "l"}));
        assert_eq!(Operation::Abort.table(), None);
    }

    #[test]
    fn parameters_begin_with_the_database() {
        let select = Select::from_table("Bridge").into();
        let params = transact_params("Open_vSwitch", &[select, Operation::Abort]);
        assert_eq!(
            params,
            [json!("Open_vSwitch"), json!({"op": "select", "table": "Bridge", "where": []}), json!({"op": "abort"})]
        );
    }
}
