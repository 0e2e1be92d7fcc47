use std::error::Error as _;
use std::io;

use nix::errno::Errno;
use serde_json::{Value, json};

use crate::ovsdb::error::{ClientError, ConnectCause, ConnectError};
use crate::ovsdb::format::FormatError;
use crate::ovsdb::operation::ServerError;
use crate::ovsdb::text::json_text;
use crate::ovsdb::value::ValueError;

/// Why a command failed, in ovsdb-client's words.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments make no sense, or what they name is not there.
    #[error("{0}")]
    Words(String),
    /// A word after `--format` or `--data` names no format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The server refused the call; its error as JSON.
    #[error("transaction returned error: {0}")]
    Refused(String),
    /// The call has no answer. The errno or other reason stands in the message, as it does in ovsdb-client's.
    #[error("transaction failed ({0})")]
    Call(String),
    /// The server's answer is not what the protocol promises.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// Nobody takes what is printed.
    #[error("write to stdout failed")]
    Output(#[source] io::Error),
    /// The time of `--timeout` is over.
    #[error("terminating with signal 14 (Alarm clock)")]
    Alarm,
}

impl Failure {
    pub(super) fn words(words: impl Into<String>) -> Self {
        Self::Words(words.into())
    }

    /// What the process ends with: 1, or what a shell makes of `SIGALRM`.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Alarm => 128 + 14,
            _ => 1,
        }
    }

    pub(super) fn connect(server: &str, error: &ConnectError) -> Self {
        Self::Words(format!("failed to connect to \"{server}\" ({})", connect_reason(error)))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error.server_error() {
            Some(words) => Self::Refused(json_text(&server_error_to_json(words), false)),
            None => {
                let source = error.source().map(ToString::to_string);
                Self::Call(source.unwrap_or_else(|| error.to_string()))
            }
        }
    }
}

/// Why the last endpoint that was tried could not be connected to, as strerror(3) has it.
pub(in crate::cli) fn connect_reason(error: &ConnectError) -> String {
    error.attempts.last().map(|attempt| reason_of(&attempt.cause)).unwrap_or_default()
}

fn reason_of(cause: &ConnectCause) -> String {
    match cause {
        ConnectCause::Io(error) => describe(error),
        ConnectCause::TimedOut(_) => Errno::ETIMEDOUT.desc().to_owned(),
        ConnectCause::Tls(error) => match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// The errno's words, as strerror(3) has them.
pub(super) fn describe(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |errno| Errno::from_raw(errno).desc().to_owned())
}

/// The error as the server sent it: a string alone, or an object.
fn server_error_to_json(words: &ServerError) -> Value {
    if words.details.is_none() && words.syntax.is_none() {
        return json!(words.error);
    }
    let mut json = json!({"error": words.error});
    for (name, text) in [("details", &words.details), ("syntax", &words.syntax)] {
        if let Some(text) = text {
            json[name] = json!(text);
        }
    }
    json
}
