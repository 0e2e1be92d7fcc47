use crate::ovsdb::format::FormatError;
use crate::ovsdb::monitor::ReplicaError;
use crate::ovsdb::value::ValueError;

/// Why a run of the command ends early, in ovs-vsctl's words.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line makes no sense, what it names is not there, or the database refuses.
    #[error("{0}")]
    Words(String),
    /// There is nothing to say, the exit status tells: `br-exists` of a bridge that is not there.
    #[error("exit status {0}")]
    Status(u8),
    /// ovs-vswitchd has not taken the change over in so many seconds; the database has it.
    #[error(
        "the database has the change, but ovs-vswitchd has not taken it over within {0} s: does it run? (--no-wait does not wait, --timeout waits longer)"
    )]
    TooLate(u64),
    /// The time of `--timeout` is over.
    #[error("terminating with signal 14 (Alarm clock)")]
    Alarm,
}

impl Failure {
    /// What the process ends with: 1, the status itself, or what a shell makes of `SIGALRM`.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Words(_) => 1,
            Self::Status(status) => *status,
            Self::Alarm | Self::TooLate(_) => 128 + 14,
        }
    }

    pub(super) fn words(words: impl Into<String>) -> Self {
        Self::Words(words.into())
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        Self::Words(error.to_string())
    }
}

impl From<ValueError> for Failure {
    fn from(error: ValueError) -> Self {
        Self::Words(error.to_string())
    }
}

impl From<ReplicaError> for Failure {
    fn from(error: ReplicaError) -> Self {
        Self::Words(error.to_string())
    }
}
