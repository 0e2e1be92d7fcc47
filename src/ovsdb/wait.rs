//! Waiting for a row to change without a monitor: the server holds a transaction back until it has.

use std::time::Duration;

use super::client::Client;
use super::error::ClientError;
use super::operation::{Condition, Select, Until, Wait};
use super::row::Row;
use super::value::Uuid;

/// How much longer than the server our side waits: it says itself that the time is over, if it is alive.
const GRACE: Duration = Duration::from_secs(1);

/// What a wait has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Awaited {
    /// The row holds something else now: this, in the same columns.
    Changed(Row),
    /// The row is gone.
    Gone,
    /// The time is over, and the row still holds what it held.
    Unchanged,
}

impl Client {
    /// Waits up to `limit` until a row holds something else than `last` in the columns of `last`. It costs one call,
    /// whatever else happens in the database, and others may be under way at the same time.
    ///
    /// # Errors
    /// [`ClientError`]; of a server that does not answer at all, a second after `limit`.
    pub async fn wait_until_changed(
        &self,
        database: &str,
        table: &str,
        uuid: Uuid,
        last: &Row,
        limit: Duration,
    ) -> Result<Awaited, ClientError> {
        let columns: Vec<_> = last.iter().map(|(name, _)| name.to_owned()).collect();
        let wait = Wait::on_table(table, columns.clone(), Until::NotEqual);
        let wait = wait.filter(Condition::uuid(uuid)).row(last.clone()).timeout(limit);
        let select = Select::from_table(table).filter(Condition::uuid(uuid)).columns(columns);
        let results = match self.within(limit + GRACE).transact(database, &[wait.into(), select.into()]).await {
            Err(ClientError::Transact(error)) if error.is_timed_out() => return Ok(Awaited::Unchanged),
            outcome => outcome?,
        };
        let row = results.get(1).and_then(|result| result.rows()?.first());
        Ok(row.map_or(Awaited::Gone, |row| Awaited::Changed(row.clone())))
    }
}
