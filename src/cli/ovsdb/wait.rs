use std::time::Duration;

use serde_json::{Value, json};

use super::session::default_remote;
use super::{Command, Failure};
use crate::ovsdb::client::Client;
use crate::ovsdb::error::ClientError;
use crate::ovsdb::text::json_text;

/// How long until the next attempt to connect: as long as Open vSwitch waits first (`RECONNECT_DEFAULT_MIN_BACKOFF`).
const BACKOFF: Duration = Duration::from_secs(1);

impl Command<'_> {
    /// Waits until a database is in a state; connects again and again, since the server may not be there yet.
    pub(super) async fn wait(&mut self, arguments: &[String]) -> Result<(), Failure> {
        let [remote @ .., database, state] = arguments else { return Err(Failure::words("unknown state")) };
        let transaction = transaction(database, state)?;
        let remote = remote.first().map_or_else(default_remote, Clone::clone);
        let mut retry = tokio::time::interval(BACKOFF);
        loop {
            retry.tick().await;
            let client = match self.connect(&remote).await {
                Ok((_, client)) => client,
                Err(error) => {
                    tracing::info!(%error, "trying again");
                    continue;
                }
            };
            match wait_on(&client, &transaction).await {
                Err(error) if error.is_disconnect() => tracing::info!(%error, "trying again"),
                outcome => return check(&outcome?),
            }
        }
    }
}

async fn wait_on(client: &Client, transaction: &Value) -> Result<Value, ClientError> {
    // Without it the server would end the connection when the database comes or goes.
    client.set_db_change_aware(true).await?;
    client.call("transact", transaction.clone()).await
}

/// A `wait` on the server's own table of databases (ovsdb-server(5)).
fn transaction(database: &str, state: &str) -> Result<Value, Failure> {
    let (columns, rows) = match state {
        "connected" => (json!(["connected"]), json!([{"connected": true}])),
        "added" => (json!([]), json!([{}])),
        "removed" => (json!([]), json!([])),
        _ => return Err(Failure::words(format!("{state}: unknown state"))),
    };
    let named = json!([["name", "==", database]]);
    let wait =
        json!({"op": "wait", "table": "Database", "where": named, "columns": columns, "until": "==", "rows": rows});
    Ok(json!(["_Server", wait]))
}

fn check(reply: &Value) -> Result<(), Failure> {
    let failed = reply.as_array().into_iter().flatten().find(|result| result.get("error").is_some());
    match failed {
        Some(result) => Err(Failure::words(format!("server returned error reply: {}", json_text(result, false)))),
        None => Ok(()),
    }
}
