//! Monitors: the server tells what there is in some tables, and then every change (RFC 7047 sections 4.1.5 to 4.1.7,
//! ovsdb-server(7) sections 4.1.12 to 4.1.16).

mod replica;
mod request;
mod update;

use std::borrow::Cow;

use jsonrpsee_core::client::{Subscription, SubscriptionClientT as _, SubscriptionCloseReason};
use serde::Deserialize;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::time::timeout;

pub use replica::{Change, Replica, ReplicaError};
pub use request::{Kind, MonitorRequest, TableRequest};
use update::Format;
pub use update::{RowUpdate, TableUpdates, Update};

use super::client::Client;
use super::error::ClientError;
use super::value::{Uuid, ValueError};
use super::wire::SubscriptionParams;

/// A monitor that runs. It ends when it is dropped.
#[derive(Debug)]
pub struct Monitor {
    id: String,
    format: Format,
    client: Client,
    subscription: Subscription<Push>,
}

/// A monitor, and what it started with.
#[derive(Debug)]
pub struct Started {
    /// The changes to come.
    pub monitor: Monitor,
    /// What there is; if `found`, what has changed since the transaction that was named.
    pub first: Update,
    /// Whether the server still knew the transaction that `monitor_cond_since` named. If not, throw away what is known
    /// and begin with `first`.
    pub found: bool,
}

/// Why a monitor tells no more.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// Updates came faster than they were taken, and some are lost: start again. See `Options::monitor_buffer`.
    #[error("updates came faster than they were taken")]
    Lagged,
    /// The server ended it: the database is gone, or has another schema.
    #[error("the server ended the monitor")]
    Cancelled,
    /// The connection is lost.
    #[error(transparent)]
    Lost(ClientError),
    /// An update makes no sense.
    #[error("an update makes no sense")]
    Senseless(#[source] ValueError),
}

/// What the transport makes of an update: the method of the notification and its parameters.
#[derive(Debug, Deserialize)]
struct Push {
    method: String,
    params: Value,
}

impl Client {
    /// Starts a monitor that any server has (RFC 7047 section 4.1.5). It has no conditions: those of `request` are
    /// refused by the server.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn monitor(&self, database: &str, request: &MonitorRequest) -> Result<Started, ClientError> {
        let (monitor, reply) = self.start("monitor", Format::Whole, database, request, None).await?;
        let tables = monitor.read(&reply).map_err(|source| self.senseless_because("monitor", source))?;
        Ok(Started { monitor, first: Update { tables, last_txn_id: None }, found: false })
    }

    /// Starts a monitor of the rows that meet conditions (ovsdb-server(7) section 4.1.12).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn monitor_cond(&self, database: &str, request: &MonitorRequest) -> Result<Started, ClientError> {
        let (monitor, reply) = self.start("monitor_cond", Format::Difference, database, request, None).await?;
        let tables = monitor.read(&reply).map_err(|source| self.senseless_because("monitor_cond", source))?;
        Ok(Started { monitor, first: Update { tables, last_txn_id: None }, found: false })
    }

    /// Starts a monitor of what has changed since transaction `last_txn_id`, or, if the server does not know it, of all
    /// (ovsdb-server(7) section 4.1.15). [`Uuid::ZERO`] is never known.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn monitor_cond_since(
        &self,
        database: &str,
        request: &MonitorRequest,
        last_txn_id: Uuid,
    ) -> Result<Started, ClientError> {
        let method = "monitor_cond_since";
        let since = Some(last_txn_id);
        let (monitor, reply) = self.start(method, Format::Difference, database, request, since).await?;
        let read = || {
            let Some([Value::Bool(found), id, tables]) = reply.as_array().map(Vec::as_slice) else {
                return Err(ValueError::expected("[found, transaction, updates]", &reply));
            };
            Ok((*found, Update { tables: monitor.read(tables)?, last_txn_id: Some(read_txn_id(id)?) }))
        };
        let (found, first) = read().map_err(|source| self.senseless_because(method, source))?;
        Ok(Started { monitor, first, found })
    }

    /// Changes the conditions of a monitor that has them, of the tables in `request` (ovsdb-server(7) section 4.1.13).
    /// The rows that come and go by this come as an update before this returns.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn monitor_cond_change(&self, monitor: &Monitor, request: &MonitorRequest) -> Result<(), ClientError> {
        // The same id again: updates are told apart by their order.
        let params = json!([monitor.id, monitor.id, request.conditions_to_json()]);
        self.call("monitor_cond_change", params).await.map(drop)
    }

    /// Ends a monitor and returns when no more updates come (RFC 7047 section 4.1.7).
    pub async fn monitor_cancel(&self, monitor: Monitor) {
        let _ = timeout(self.timeout(), monitor.subscription.unsubscribe()).await;
    }

    /// Sends the request, and takes its reply from the subscription, where the transport puts it as first item.
    async fn start(
        &self,
        method: &str,
        format: Format,
        database: &str,
        request: &MonitorRequest,
        since: Option<Uuid>,
    ) -> Result<(Monitor, Value), ClientError> {
        let id = self.monitor_id();
        let mut params = vec![json!(database), json!(id), request.to_json()];
        params.extend(since.map(|txn_id| json!(txn_id.to_string())));
        let params = to_raw_value(&params).unwrap_or_default();
        let wrapped = SubscriptionParams { monitor: Cow::Borrowed(&id), params: &params };
        let subscribed = timeout(self.timeout(), self.rpc().subscribe(method, wrapped, "monitor_cancel")).await;
        let outcome = subscribed.map_err(|_| self.timed_out(method))?;
        let subscription = outcome.map_err(|error| self.failed(method, error))?;
        let mut monitor = Monitor { id, format, client: self.clone(), subscription };
        let first = monitor.push().await.map_err(|_| self.disconnected(method))?;
        Ok((monitor, first.params))
    }
}

impl Monitor {
    /// The next update. It may be called again after it was dropped half-way.
    ///
    /// # Errors
    /// [`MonitorError`]: the monitor has ended.
    pub async fn next(&mut self) -> Result<Update, MonitorError> {
        let push = self.push().await?;
        self.update(&push).map_err(MonitorError::Senseless)
    }

    async fn push(&mut self) -> Result<Push, MonitorError> {
        match self.subscription.next().await {
            Some(Ok(push)) => Ok(push),
            Some(Err(error)) => {
                tracing::debug!(%error, "an update was not taken");
                let excerpt = Value::from(error.to_string());
                Err(MonitorError::Senseless(ValueError::expected("an update", &excerpt)))
            }
            None if matches!(self.subscription.close_reason(), Some(SubscriptionCloseReason::Lagged)) => {
                Err(MonitorError::Lagged)
            }
            None if self.client.is_connected() => Err(MonitorError::Cancelled),
            None => Err(MonitorError::Lost(self.client.disconnected("monitor"))),
        }
    }

    fn update(&self, push: &Push) -> Result<Update, ValueError> {
        match (push.method.as_str(), push.params.as_array().map(Vec::as_slice)) {
            ("update" | "update2", Some([_, tables])) => Ok(Update { tables: self.read(tables)?, last_txn_id: None }),
            ("update3", Some([_, id, tables])) => {
                Ok(Update { tables: self.read(tables)?, last_txn_id: Some(read_txn_id(id)?) })
            }
            _ => Err(ValueError::expected("the parameters of an update", &push.params)),
        }
    }

    fn read(&self, tables: &Value) -> Result<TableUpdates, ValueError> {
        TableUpdates::read(tables, self.format)
    }
}

/// A transaction's id, which is a string here and not `["uuid", …]`.
fn read_txn_id(json: &Value) -> Result<Uuid, ValueError> {
    let text = json.as_str().ok_or_else(|| ValueError::expected("a transaction id (a string)", json))?;
    text.parse()
}
