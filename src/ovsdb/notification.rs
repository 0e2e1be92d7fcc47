//! What the server says unasked, updates of monitors excepted.

use jsonrpsee_core::client::{Error as RpcError, Subscription, SubscriptionClientT as _};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use super::client::Client;
use super::error::ClientError;
use super::wire::NOTIFICATION;

/// A notification of the server's.
#[derive(Debug, Clone, PartialEq)]
pub enum Notification {
    /// A lock that was asked for is owned now (RFC 7047 section 4.1.9).
    Locked(String),
    /// A lock that was owned has been stolen (section 4.1.10).
    Stolen(String),
    /// Anything else, such as the updates of a monitor that was started with [`Client::call`].
    Other {
        /// The method.
        method: String,
        /// Its parameters.
        params: Value,
    },
}

/// The server's notifications, in their order.
#[derive(Debug)]
pub struct Notifications(Subscription<Raw>);

#[derive(Debug, Deserialize)]
struct Raw {
    method: String,
    params: Value,
}

impl From<Raw> for Notification {
    fn from(raw: Raw) -> Self {
        match (raw.method.as_str(), raw.params[0].as_str()) {
            ("locked", Some(lock)) => Self::Locked(lock.to_owned()),
            ("stolen", Some(lock)) => Self::Stolen(lock.to_owned()),
            _ => Self::Other { method: raw.method, params: raw.params },
        }
    }
}

impl Client {
    /// The notifications from now on. Those before are lost: call it before [`Client::lock`]. There is one reader a
    /// connection.
    ///
    /// # Errors
    /// [`ClientError::NotificationsTaken`] while another reader is there.
    pub async fn notifications(&self) -> Result<Notifications, ClientError> {
        let subscribed = timeout(self.timeout(), self.rpc().subscribe_to_method(NOTIFICATION)).await;
        match subscribed.map_err(|_| self.timed_out(NOTIFICATION))? {
            Ok(subscription) => Ok(Notifications(subscription)),
            Err(RpcError::RegisterMethod(_)) => Err(ClientError::NotificationsTaken),
            Err(error) => Err(self.failed(NOTIFICATION, error)),
        }
    }
}

impl Notifications {
    /// The next notification, or `None` when the connection is lost, or when they came faster than they were taken.
    /// It may be called again after it was dropped half-way.
    pub async fn next(&mut self) -> Option<Notification> {
        loop {
            match self.0.next().await? {
                Ok(raw) => return Some(raw.into()),
                Err(error) => tracing::debug!(%error, "a notification was not taken"),
            }
        }
    }
}
