//! Why a container was not found.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::Engine;

/// Why a container was not found, or an engine could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The container is there, and has no process.
    #[error("container {name} of {engine} is not running: it is {state}")]
    NotRunning {
        /// What runs it.
        engine: Engine,
        /// Its name.
        name: String,
        /// The engine's word for its state.
        state: String,
    },
    /// The engine has no such container.
    #[error("{engine} has no container {name}")]
    NoSuch {
        /// The engine that was asked.
        engine: Engine,
        /// The name or id that was looked for.
        name: String,
        /// The names of those that run.
        running: Vec<String>,
    },
    /// Several ids begin so.
    #[error("the ids of several containers of {engine} begin with {name}: those of {}", .names.join(", "))]
    Ambiguous {
        /// The engine that was asked.
        engine: Engine,
        /// The start of an id.
        name: String,
        /// The names of the containers.
        names: Vec<String>,
    },
    /// There is no sign of the engine: no socket that answers, and no files.
    #[error("{engine} is not there: {}", list(.tried))]
    Absent {
        /// The engine that was looked for.
        engine: Engine,
        /// Where it was looked for.
        tried: Vec<Tried>,
    },
    /// The environment names an engine of another host, whose processes are not here.
    #[error("{engine} is to be reached at {address} ({variable}), which is no unix socket of this host")]
    Elsewhere {
        /// The engine.
        engine: Engine,
        /// The variable.
        variable: &'static str,
        /// What it says.
        address: String,
    },
    /// The engine answered with an error.
    #[error("{engine} answered: {message} (HTTP status {status})")]
    Refused {
        /// The engine.
        engine: Engine,
        /// The status (RFC 9110 section 15).
        status: u16,
        /// Its words.
        message: String,
    },
    /// An answer or a file is not what we know.
    #[error("cannot make sense of {what}")]
    Senseless {
        /// The file, or the question that was answered.
        what: String,
        /// What does not parse.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether it is for want of a privilege.
    pub fn is_denied(&self) -> bool {
        let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
        match self {
            Error::Unreadable { source, .. } => denied(source),
            Error::Absent { tried, .. } => tried.iter().any(|tried| denied(&tried.why)),
            _ => false,
        }
    }
}

/// A place where an engine was looked for in vain.
#[derive(Debug)]
pub struct Tried {
    /// The socket or directory.
    pub path: PathBuf,
    /// Why that is none.
    pub why: io::Error,
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

fn list(tried: &[Tried]) -> String {
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
