//! What can go wrong while addresses are asked.

use std::io;

/// Why nothing could be asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub struct Error {
    action: &'static str,
    #[source]
    source: io::Error,
}

impl Error {
    pub(super) fn io(action: &'static str, source: impl Into<io::Error>) -> Error {
        Error { action, source: source.into() }
    }

    /// Whether the caller lacks the privilege (EPERM, EACCES): `CAP_NET_RAW` in the namespace.
    pub fn is_not_permitted(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }

    /// Whether too many files are open (EMFILE): there are up to two sockets a namespace.
    pub fn is_too_many_files(&self) -> bool {
        self.source.raw_os_error() == Some(nix::libc::EMFILE)
    }
}
