//! What can go wrong between a call and its answer.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::Endpoint;
use super::operation::{ServerError, TransactError};
use super::tls::TlsError;
use super::transport::Fault;
use super::value::ValueError;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No endpoint could be connected to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The answer did not come in time. Whether the server carried the call out is unknown.
    #[error("{endpoint} did not answer '{method}' within {after:?}")]
    TimedOut {
        /// The server.
        endpoint: Arc<Endpoint>,
        /// The method called.
        method: String,
        /// How long was waited.
        after: Duration,
    },
    /// The server refused the call.
    #[error("{endpoint} refused '{method}'")]
    Refused {
        /// The server.
        endpoint: Arc<Endpoint>,
        /// The method called.
        method: String,
        /// What the server says.
        source: ServerError,
    },
    /// The connection ended before the answer came. Whether the server carried the call out is unknown.
    #[error("lost the connection to {endpoint} during '{method}'")]
    Lost {
        /// The server.
        endpoint: Arc<Endpoint>,
        /// The method called.
        method: String,
        /// Why it ended.
        source: Fault,
    },
    /// A transaction had no effect.
    #[error(transparent)]
    Transact(#[from] TransactError),
    /// The answer is not what RFC 7047 promises.
    #[error("the answer of {endpoint} to '{method}' makes no sense")]
    Senseless {
        /// The server.
        endpoint: Arc<Endpoint>,
        /// The method called.
        method: String,
        /// What is wrong with it.
        source: ValueError,
    },
    /// The connection's notifications have a reader already.
    #[error("the connection's notifications are being read already")]
    NotificationsTaken,
}

impl ClientError {
    /// The server's own words, if it refused the call or the transaction.
    #[must_use]
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::Transact(error) => error.server_error(),
            _ => None,
        }
    }

    /// Whether the server does not know the method: an older one.
    #[must_use]
    pub fn is_unknown_method(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.error == "unknown method")
    }

    /// Whether the connection is gone, or never was: connect again.
    #[must_use]
    pub const fn is_disconnect(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Lost { .. })
    }

    /// Whether a deadline passed, in connecting or in a call.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Connect(error) => {
                error.attempts.iter().any(|attempt| matches!(attempt.cause, ConnectCause::TimedOut(_)))
            }
            _ => false,
        }
    }
}

/// No endpoint could be connected to: what was tried, in order.
#[derive(Debug)]
pub struct ConnectError {
    /// At least one.
    pub attempts: Vec<Attempt>,
}

/// One endpoint that could not be connected to.
#[derive(Debug)]
pub struct Attempt {
    /// Where.
    pub endpoint: Endpoint,
    /// Why not.
    pub cause: ConnectCause,
}

/// Why an endpoint could not be connected to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectCause {
    /// The socket could not be connected; the error has the errno.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// No connection in time.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot connect to ")?;
        if let [attempt] = self.attempts.as_slice() {
            return attempt.endpoint.fmt(f);
        }
        for (at, attempt) in self.attempts.iter().enumerate() {
            let gap = if at > 0 { ", nor to " } else { "" };
            write!(f, "{gap}{} ({})", attempt.endpoint, attempt.cause)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConnectError {
    /// The cause, where it is one: those of several attempts stand in the message.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.attempts.as_slice() {
            [attempt] => Some(&attempt.cause),
            _ => None,
        }
    }
}

impl ConnectError {
    /// Whether no socket was there at all: no server runs, or it runs elsewhere.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.attempts.iter().all(|attempt| {
            let ConnectCause::Io(error) = &attempt.cause else { return false };
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
        })
    }
}
