//! One start or stop at a time.

use std::fs::{File, OpenOptions};
use std::sync::mpsc;
use std::thread;

use nix::fcntl::{Flock, FlockArg};

use super::deadline::Deadline;
use super::{DaemonError, Layout, Stage};

/// Holds the layout until dropped; the kernel lets go of it even if we are killed.
pub(super) struct Lock(#[allow(dead_code, reason = "held, not read")] Flock<File>);

impl Lock {
    /// Waits for it. The wait is a thread's, since flock(2) knows no deadline; one that gets the lock too late lets it go again.
    pub(super) fn take(layout: &Layout, deadline: Deadline) -> Result<Self, DaemonError> {
        let path = layout.lock();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|source| DaemonError::file("opening", &path, source))?;
        let (sender, receiver) = mpsc::channel();
        let wait = move || {
            let _ = sender.send(Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno));
        };
        thread::Builder::new().spawn(wait).map_err(|source| DaemonError::run("starting a thread", source))?;
        match receiver.recv_timeout(deadline.left().unwrap_or_default()) {
            Ok(locked) => locked.map(Self).map_err(|errno| DaemonError::file("locking", &path, errno.into())),
            Err(_) => Err(DaemonError::Deadline { stage: Stage::Lock }),
        }
    }
}
