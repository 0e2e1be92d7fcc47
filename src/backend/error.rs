//! What can go wrong between a resource and its system.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A source of an error, whatever its type.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A part of the way to "in effect" that can fail to answer in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The socket of ovsdb-server.
    Socket,
    /// ovsdb-server.
    Database,
    /// ovs-vswitchd, which carries out what the database says.
    Vswitchd,
    /// A network device.
    Device,
    /// Another ovsns, which holds the lock.
    Lock,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Socket => "socket",
            Stage::Database => "database",
            Stage::Vswitchd => "vswitchd",
            Stage::Device => "device",
            Stage::Lock => "lock",
        })
    }
}

/// The manner of a failure, as far as callers tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A deadline passed at this stage.
    Deadline(Stage, Duration),
    /// There is no way to the system: no socket, nobody listens.
    Unreachable,
    /// The system wants a privilege that we lack.
    Denied,
    /// The system said no, or answered something that makes no sense.
    Refused,
}

/// A backend could not look, or could not carry out a step.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct BackendError {
    /// What was being done to which resource: `add port veth-ns1 to OVS-1`.
    pub what: String,
    /// The manner of the failure.
    pub fault: Fault,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// The words of the system.
    #[source]
    pub source: Option<Cause>,
}

impl BackendError {
    /// The system said no.
    pub fn refused(what: impl Into<String>, source: impl Into<Cause>) -> BackendError {
        BackendError { what: what.into(), fault: Fault::Refused, hint: None, source: Some(source.into()) }
    }

    /// A deadline passed.
    pub fn deadline(what: impl Into<String>, stage: Stage, after: Duration) -> BackendError {
        BackendError { what: what.into(), fault: Fault::Deadline(stage, after), hint: None, source: None }
    }

    /// The same, of another manner.
    pub fn fault(mut self, fault: Fault) -> BackendError {
        self.fault = fault;
        self
    }

    /// The same, with what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> BackendError {
        self.hint = Some(hint.into());
        self
    }
}

/// Carrying out a batch of steps stopped.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct ApplyError {
    /// How many steps, from the first, are in effect.
    pub applied: usize,
    /// Why it stopped. Shown in this error's place, so it is no `#[source]`, which would show it twice.
    pub source: Box<BackendError>,
}

impl ApplyError {
    /// `applied` steps are in effect; the next one failed by `source`.
    pub fn after(applied: usize, source: BackendError) -> ApplyError {
        ApplyError { applied, source: Box::new(source) }
    }
}

/// A backend cannot express what a resource asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not possible on backend {backend}: {reason}")]
pub struct Unsupported {
    /// What was asked: `datapath netdev of switch br1`.
    pub what: String,
    /// The backend that cannot.
    pub backend: &'static str,
    /// Why it cannot.
    pub reason: String,
    /// What could.
    pub hint: Option<String>,
}
