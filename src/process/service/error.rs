//! What can go wrong with programs that run on their own.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::Ending;

/// Why programs were not started or stopped.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are what the message says of them")]
pub enum ServiceError {
    /// A record or a log cannot be written or read.
    #[error("{}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// A record is not what this version writes.
    #[error("the record {} is damaged or from another version", path.display())]
    Damaged { path: PathBuf, source: serde_json::Error },
    /// The keeper could not be started.
    #[error("cannot start a keeper for {name} in {place}")]
    Keeper { name: String, place: String, source: io::Error },
    /// The command could not be run.
    #[error("{name} in {place} did not start (`{command}`): {why}")]
    NotStarted { name: String, place: String, command: String, why: String },
    /// The command failed at once.
    #[error("{name} in {place} {ending} at once (`{command}`)")]
    Failed { name: String, place: String, command: String, ending: Ending, last_lines: Vec<String> },
    /// Processes are there still, after SIGKILL.
    #[error("{name} in {place} did not end within {after:?} of SIGKILL")]
    Stays { name: String, place: String, after: Duration },
    /// A process cannot be waited for, or signalled.
    #[error("cannot stop process {pid}")]
    Signal { pid: u32, source: io::Error },
}

impl ServiceError {
    /// The last lines of the log of a program that failed at once.
    pub fn last_lines(&self) -> &[String] {
        match self {
            Self::Failed { last_lines, .. } => last_lines,
            _ => &[],
        }
    }
}
