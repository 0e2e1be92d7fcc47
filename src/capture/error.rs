//! What can go wrong while packets are captured.

use std::io;

/// Why there is no capture, or why it ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call failed.
    #[error("cannot {action}")]
    Io {
        /// What was tried, as the rest of a sentence that begins with "cannot".
        action: String,
        /// The system call's error.
        #[source]
        source: io::Error,
    },
    /// What a device carries is neither Ethernet nor plain IP.
    #[error("device {device} carries packets of a kind that cannot be captured (ARPHRD type {hardware})")]
    LinkType {
        /// The device.
        device: String,
        /// Its `ARPHRD_*` number (linux/if_arp.h).
        hardware: u16,
    },
    /// There is no tcpdump to compile a filter.
    #[error("there is no tcpdump, which compiles the filter")]
    NoTcpdump,
    /// tcpdump opens `lo` to learn what the kernel's filters can do, and it is down.
    #[error("lo is down, by which tcpdump learns what the kernel's filters can do")]
    LoopbackDown,
    /// tcpdump does not take the expression.
    #[error("`{expression}` is no filter: {message}")]
    Filter {
        /// The expression.
        expression: String,
        /// What tcpdump says.
        message: String,
    },
    /// tcpdump printed something that is no program.
    #[error("tcpdump printed something else than a program: `{line}`")]
    Program {
        /// The line.
        line: String,
    },
    /// A line or a block could not be written.
    #[error("cannot write")]
    Write(#[source] io::Error),
}

impl Error {
    pub(super) fn io(action: impl Into<String>, source: impl Into<io::Error>) -> Error {
        Error::Io { action: action.into(), source: source.into() }
    }

    /// Whether the caller lacks the privilege (EPERM, EACCES): `CAP_NET_RAW` in the namespace.
    pub fn is_not_permitted(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied)
    }
}
