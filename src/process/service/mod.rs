//! Programs that run in namespaces on their own, for as long as a lab is there.
//!
//! ```text
//! Services::reconcile   compares what should run with the records of what runs
//!   start               a record with a fresh token, then a keeper: this program again, in a session of its own
//!     keep              the keeper: notes itself, starts the command in the namespace, notes how it ended
//!   stop                SIGTERM to all that the session and the token tell, then SIGKILL, through pidfds
//! ```
//!
//! What runs is never told by a pid alone, which the kernel gives out again, but with the moment at which the process began. A
//! process is of a program if its environment holds the program's token ([`TOKEN_VARIABLE`]) or it is in the keeper's session. The
//! record is there before the keeper is, so that also a run that is killed in the middle leaves nothing that is not found again.

mod error;
mod keep;
mod processes;
mod reconcile;
mod record;
mod start;
mod stop;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Target;

pub use error::ServiceError;
pub use keep::keep;
pub use reconcile::{Action, Due};
pub use record::{Ending, State};

/// The environment variable by which the processes of a program are known.
pub const TOKEN_VARIABLE: &str = "OVSNS_RUN";

/// How long a program has to end after SIGTERM.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A program that should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its name, the only one of it in its namespace.
    pub name: String,
    /// The namespace in words.
    pub place: String,
    /// The namespace; `None` is that of ovsns itself.
    pub target: Option<Target>,
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// The directory that it starts in.
    pub directory: PathBuf,
    /// Whether it is started again when it ends.
    pub restart: Restart,
}

/// Whether a program is started again when it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is not.
    #[default]
    No,
    /// When it failed.
    OnFailure,
    /// However it ended.
    Always,
}

impl Service {
    /// `sh -c LINE`.
    pub fn shell(line: &str) -> Vec<String> {
        ["/bin/sh", "-c", line].map(str::to_owned).to_vec()
    }

    /// The command for people: the line of a shell, or the words.
    pub fn command(&self) -> String {
        match self.argv.as_slice() {
            [sh, c, line] if sh == "/bin/sh" && c == "-c" => line.clone(),
            words => words.join(" "),
        }
    }
}

/// A program as it is.
#[derive(Debug, Clone, Serialize)]
pub struct ServiceStatus {
    /// What was started.
    #[serde(flatten)]
    pub service: Service,
    /// Whether it runs.
    #[serde(flatten)]
    pub state: State,
    /// What it has written.
    pub log: PathBuf,
}

/// The program that becomes a keeper: run with these words and the path of a record, it calls [`keep`].
#[derive(Debug, Clone)]
pub struct Keeper {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<OsString>,
}

impl Keeper {
    /// This very program, also if its file was replaced since.
    pub fn this_program(argument: &str) -> Keeper {
        Keeper { program: "/proc/self/exe".into(), arguments: vec![argument.into()] }
    }
}

/// The programs whose records are in one directory, and their logs in another, which outlives them.
#[derive(Debug, Clone)]
pub struct Services {
    directory: PathBuf,
    logs: PathBuf,
    keeper: Keeper,
}

impl Services {
    /// Those of `directory`, which is made when it is needed, as `logs` is. Only one run at a time may change them.
    pub fn new(directory: PathBuf, logs: PathBuf, keeper: Keeper) -> Services {
        Services { directory, logs, keeper }
    }

    /// Where the records are: a file comes or goes when a program is started, ends, or is stopped.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All that were started and not stopped, sorted by their names.
    pub fn list(&self) -> Result<Vec<ServiceStatus>, ServiceError> {
        let records = record::list(&self.directory)?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let processes = processes::all();
        let status = |record: record::Record| ServiceStatus {
            state: record.state(&processes),
            log: record.log,
            service: record.service,
        };
        Ok(records.into_iter().map(|(_, record)| status(record)).collect())
    }
}
