//! The connection to ovsdb-server, which may be restarted while we work.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, interval, timeout_at};

use crate::ovsdb::client::Client;
use crate::ovsdb::error::ClientError;
use crate::ovsdb::operation::{Operation, OperationResult};

use super::DATABASE;

/// How often it is tried to reach a server that is gone.
const RETRY: Duration = Duration::from_millis(50);

/// A connection that is made again when it is lost.
#[derive(Debug)]
pub(super) struct Connection(Mutex<Client>);

impl Connection {
    pub(super) fn new(client: Client) -> Connection {
        Connection(Mutex::new(client))
    }

    /// The connection as it stands, or as it stood last.
    pub(super) fn client(&self) -> Client {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Connects again, after `error`. That it was not a loss, or that nobody can be reached until `deadline`, is the error.
    pub(super) async fn restore(&self, error: ClientError, deadline: Instant) -> Result<(), ClientError> {
        if !matches!(error, ClientError::Lost { .. }) {
            return Err(error);
        }
        tracing::info!(%error, "connecting to ovsdb-server again");
        let lost = self.client();
        let mut retry = interval(RETRY);
        while Instant::now() < deadline {
            retry.tick().await;
            if let Ok(Ok(client)) = timeout_at(deadline, lost.connect_again()).await {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = client;
                return Ok(());
            }
        }
        Err(error)
    }

    /// A transaction that changes nothing, and so may be carried out twice.
    pub(super) async fn read(
        &self,
        operations: &[Operation],
        deadline: Instant,
    ) -> Result<Vec<OperationResult>, ClientError> {
        loop {
            match self.client().transact(DATABASE, operations).await {
                Err(error) => self.restore(error, deadline).await?,
                Ok(results) => return Ok(results),
            }
        }
    }
}
