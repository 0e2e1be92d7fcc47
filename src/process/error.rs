//! What can go wrong before the user's command runs.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use thiserror::Error;

/// Why a command was not run. Once it runs, its exit status is the answer, whatever it is.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "the fields are what the message says of them")]
pub enum ExecError {
    /// Nothing is at the path where the network namespace should be.
    #[error("no network namespace at {}", path.display())]
    NoNetns { path: PathBuf },
    /// Something is at the path, but no network namespace: a stale file whose mount is gone, or a namespace of another kind.
    #[error("{} is not a network namespace", path.display())]
    NotNetns { path: PathBuf },
    /// The kernel wants a capability that the caller does not have.
    #[error("{action} needs {capability}")]
    NotPermitted { action: String, capability: &'static str },
    /// A system call failed on the way into the namespace.
    #[error("{action} failed")]
    Enter { action: String, source: io::Error },
    /// `--user` is neither a user's name nor UID, or its part after the colon neither a group's name nor GID.
    #[error("no {kind} {name:?} on this system")]
    Unknown { kind: &'static str, name: String },
    /// `--user UID` without a group, where no user of the system has this UID.
    #[error("no group known for uid {uid}: write it as {uid}:GID")]
    NoGroup { uid: u32 },
    /// The user database did not answer.
    #[error("cannot look up {name:?} in the user database")]
    Lookup { name: String, source: io::Error },
    /// There is nothing to run.
    #[error("no command given")]
    NoCommand,
    /// The command exists neither at its path nor in `PATH` (exit status 127).
    #[error("{}: command not found", command.display())]
    NotFound { command: OsString },
    /// A script whose `#!` line names an interpreter that does not exist (exit status 127).
    #[error("{}: the interpreter that its first line names does not exist", command.display())]
    NoInterpreter { command: OsString },
    /// The command is there and cannot be executed (exit status 126).
    #[error("{}: cannot be executed", command.display())]
    NotExecutable { command: OsString, source: io::Error },
    /// The output of a command could not be passed on; the commands were ended.
    #[error("cannot write the output of {name}")]
    Output { name: String, source: io::Error },
    /// A signal came before this command was started.
    #[error("not started: interrupted by signal {signal}")]
    Interrupted { signal: i32 },
}

impl ExecError {
    /// The exit status that says this error: 127 and 126 as in POSIX `env` and the shells, 128 + number for a signal, otherwise 1.
    pub fn exit_status(&self) -> u8 {
        match self {
            Self::NotFound { .. } | Self::NoInterpreter { .. } => 127,
            Self::NotExecutable { .. } => 126,
            Self::Interrupted { signal } => 128u8.saturating_add(u8::try_from(*signal).unwrap_or(u8::MAX)),
            _ => 1,
        }
    }

    /// The failure of a system call on the way into a namespace; `capability` is the one that EPERM would ask for.
    pub(super) fn call(action: impl Into<String>, capability: &'static str, errno: Errno) -> Self {
        let action = action.into();
        match errno {
            Errno::EPERM => Self::NotPermitted { action, capability },
            errno => Self::Enter { action, source: errno.into() },
        }
    }

    /// The failure of `execve(2)` or of a spawn, told as a shell tells it.
    pub(super) fn exec(command: &OsString, source: io::Error) -> Self {
        let command = command.clone();
        let is_path = command.as_encoded_bytes().contains(&b'/');
        match source.kind() {
            io::ErrorKind::NotFound if is_path && Path::new(&command).exists() => Self::NoInterpreter { command },
            io::ErrorKind::NotFound => Self::NotFound { command },
            _ => Self::NotExecutable { command, source },
        }
    }
}
