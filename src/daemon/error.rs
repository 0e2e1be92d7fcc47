//! What can go wrong with the daemons.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::Daemon;

/// Why the daemons could not be started, stopped or looked at.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are what the message says of them")]
pub enum DaemonError {
    /// A program of Open vSwitch is not installed.
    #[error("{program} not found; it is in the package openvswitch-switch: apt-get install openvswitch-switch")]
    Missing { program: &'static str },
    /// The schema of the database is not installed.
    #[error(
        "no vswitch.ovsschema in {looked}; it is in the package openvswitch-switch: apt-get install openvswitch-switch"
    )]
    NoSchema { looked: String },
    /// A file or directory could not be read, made or removed.
    #[error("{action} {} failed", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// A program could not be run, or a system call about one failed.
    #[error("{action} failed")]
    Run { action: String, source: io::Error },
    /// A program ended with a failure.
    #[error("{action} failed")]
    Failed { action: String, source: Said },
    /// The stage did not answer before the deadline.
    #[error("no answer in time from {stage}")]
    Deadline { stage: Stage },
    /// Another ovs-vswitchd runs in this network namespace. A second one would take its devices: the userspace datapath needs a tap named
    /// `ovs-netdev`, the kernel's a datapath named `ovs-system`, and a network namespace has one of each.
    #[error("another ovs-vswitchd runs in this network namespace (pid {pid})")]
    OtherSwitch { pid: i32 },
    /// A daemon runs with our pid file, and it was not us who started it. It is left alone.
    #[error("{daemon} (pid {pid}) holds {} and was not started by ovsns", pid_file.display())]
    NotOurs { daemon: Daemon, pid: i32, pid_file: PathBuf },
    /// Some other process uses the database file.
    #[error("process {pid} uses the database {}", path.display())]
    DatabaseInUse { path: PathBuf, pid: i32 },
    /// A daemon's socket did not answer as it should.
    #[error("talking to {} failed", path.display())]
    Talk { path: PathBuf, source: io::Error },
    /// The database refused a transaction.
    #[error("the database refused: {details}")]
    Refused { details: String },
    /// Not even SIGKILL ended the daemon: it hangs in the kernel.
    #[error("{daemon} (pid {pid}) does not end")]
    StillRunning { daemon: Daemon, pid: i32 },
}

impl DaemonError {
    pub(super) fn file(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self::File { action, path: path.as_ref().to_owned(), source }
    }

    pub(super) fn run(action: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Run { action: action.into(), source: source.into() }
    }
}

/// What a deadline was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Another `ovsns` that starts or stops the same daemons.
    Lock,
    /// A program that prepares the start: `ovsdb-tool`, `modprobe`.
    Tool(&'static str),
    /// A daemon that was started and does not say that it is ready.
    Start(Daemon),
    /// ovsdb-server, asked for a transaction.
    Database,
    /// ovs-vswitchd, which has the configuration and does not carry it out.
    Switch,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lock => f.write_str("another ovsns that starts or stops these daemons"),
            Self::Tool(program) => f.write_str(program),
            Self::Start(daemon) => write!(f, "{daemon}, which was started"),
            Self::Database => f.write_str("ovsdb-server"),
            Self::Switch => f.write_str("ovs-vswitchd, which has not carried out the configuration"),
        }
    }
}

/// What a program said before it failed: its standard error, and the end of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Error)]
#[error("{}", self.text())]
pub struct Said {
    /// Standard error, trimmed.
    pub stderr: String,
    /// The last lines of the log file, and its path; none for programs without one.
    pub log: Option<(PathBuf, String)>,
}

impl Said {
    fn text(&self) -> String {
        let log = self.log.iter().map(|(path, tail)| format!("the end of {}:\n{tail}", path.display()));
        let stderr = (!self.stderr.is_empty()).then(|| self.stderr.clone());
        let parts: Vec<_> = stderr.into_iter().chain(log).collect();
        if parts.is_empty() { "it said nothing".to_owned() } else { parts.join("\n") }
    }
}
