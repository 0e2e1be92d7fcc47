use serde_json::json;

use super::monitor::lost;
use super::{Command, Failure, Session};
use crate::ovsdb::notification::Notification;

impl Command<'_> {
    /// `lock`, `steal` or `unlock`: prints the reply, and then every notification, since the lock lasts as long as the
    /// connection.
    pub(super) async fn lock(&mut self, session: &Session, method: &str, name: &str) -> Result<(), Failure> {
        let mut notifications = session.client.notifications().await?;
        let reply = session.client.call(method, json!([name])).await?;
        self.print_json(&reply)?;
        while let Some(notification) = notifications.next().await {
            let (method, params) = match notification {
                Notification::Locked(lock) => ("locked".to_owned(), json!([lock])),
                Notification::Stolen(lock) => ("stolen".to_owned(), json!([lock])),
                Notification::Other { method, params } => (method, params),
            };
            self.print_line(&method)?;
            self.print_json(&params)?;
        }
        Err(lost(session))
    }
}
