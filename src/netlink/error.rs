//! What can go wrong between us and the kernel.

use std::fmt;
use std::io;
use std::path::PathBuf;

use netlink_packet_core::DecodeError;
use nix::errno::Errno;

/// Why a request, or the handling of a network namespace, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel answered a request with an errno.
    #[error("the kernel refused `{request}`")]
    Refused {
        /// The request in `ip` words, such as `link add veth-ns1 type veth`.
        request: String,
        /// What the kernel said.
        #[source]
        source: Refusal,
    },
    /// The kernel was built without what the request needs, such as VLAN filtering.
    #[error("this kernel has no {feature}, which `{request}` needs")]
    Unsupported {
        /// The request in `ip` words.
        request: String,
        /// What is missing, as a noun.
        feature: &'static str,
        /// What the kernel said.
        #[source]
        source: Refusal,
    },
    /// A system call failed.
    #[error("cannot {action}")]
    Io {
        /// What was tried, as the rest of a sentence that begins with "cannot".
        action: String,
        /// The system call's error.
        #[source]
        source: io::Error,
    },
    /// The kernel's answer does not follow the format that we know.
    #[error("the kernel's answer to `{request}` cannot be read")]
    Answer {
        /// The request in `ip` words.
        request: String,
        /// Where decoding stopped.
        #[source]
        source: DecodeError,
    },
    /// A listing was changed by others each time that it was read (`NLM_F_DUMP_INTR`), until the deadline.
    #[error("others changed what `{request}` lists each time that it was read")]
    Interrupted {
        /// The request in `ip` words.
        request: String,
    },
    /// What was waited for did not come in time.
    #[error("{waited_for} did not come within the deadline")]
    Deadline {
        /// What was waited for, as a noun.
        waited_for: String,
    },
    /// The name is taken, by a network namespace or by a stale file.
    #[error("{} exists", path.display())]
    NetnsExists {
        /// The name's place in the run directory.
        path: PathBuf,
    },
    /// There is no network namespace of that name.
    #[error("{} does not exist", path.display())]
    NetnsMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is there, but it is no network namespace: left behind by a crash or a reboot, or never one.
    #[error("{} is a file, but no network namespace is mounted there", path.display())]
    NotNetns {
        /// The file that was opened.
        path: PathBuf,
    },
}

impl Error {
    /// The errno at the bottom of this error, if there is one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { source, .. } | Self::Unsupported { source, .. } => Some(source.errno),
            Self::Io { source, .. } => source.raw_os_error().map(Errno::from_raw),
            _ => None,
        }
    }

    /// Whether what was to be made is there already (EEXIST).
    pub fn is_exists(&self) -> bool {
        matches!(self, Self::NetnsExists { .. }) || self.errno() == Some(Errno::EEXIST)
    }

    /// Whether the thing spoken of is not there: a device (ENODEV, ENXIO), an address (EADDRNOTAVAIL), a route or
    /// neighbour (ESRCH, ENOENT), a netns.
    pub fn is_missing(&self) -> bool {
        use Errno::{EADDRNOTAVAIL, ENODEV, ENOENT, ENXIO, ESRCH};
        matches!(self, Self::NetnsMissing { .. })
            || matches!(self.errno(), Some(ENODEV | ENXIO | EADDRNOTAVAIL | ESRCH | ENOENT))
    }

    /// Whether the caller lacks the privilege (EPERM, EACCES): `CAP_NET_ADMIN` in the namespace, and `CAP_SYS_ADMIN` to
    /// make or enter one.
    pub fn is_not_permitted(&self) -> bool {
        matches!(self.errno(), Some(Errno::EPERM | Errno::EACCES))
    }

    pub(super) fn io(action: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self::Io { action: action.into(), source: source.into() }
    }

    /// Says that the kernel lacks a feature, if that is what the errno of its answer means.
    pub(super) fn without(self, needed: Option<(&'static str, Errno)>) -> Self {
        match (self, needed) {
            (Self::Refused { request, source }, Some((feature, errno))) if source.errno == errno => {
                Self::Unsupported { request, feature, source }
            }
            (error, _) => error,
        }
    }
}

/// A negative answer of the kernel: its errno, and the sentence that came with it, if any (`NLMSGERR_ATTR_MSG`,
/// linux/netlink.h).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusal {
    /// The errno.
    pub errno: Errno,
    /// The kernel's extended-ack message, such as "MTU less than device minimum".
    pub message: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{message} ({:?})", self.errno),
            None => write!(f, "{} ({:?})", self.errno.desc(), self.errno),
        }
    }
}

/// A batch that stopped: the first `applied` requests are in effect, the others are not and were not sent.
#[derive(Debug, thiserror::Error)]
#[error("request {} of the batch failed", applied + 1)]
pub struct BatchError {
    /// How many requests are in effect; also the index of the one that failed.
    pub applied: usize,
    /// Why it failed.
    #[source]
    pub source: Error,
}
