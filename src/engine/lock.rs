//! One run at a time changes a host.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::JournalError;
use super::journal::{make_directory, netns_id};

/// Held from the first look to the end of `apply`. The kernel releases it when the process ends, however it ends (flock(2)).
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// The lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another run holds it.
    #[error("another ovsns{} is changing this host; gave up after {after:?}", .pid.as_deref().map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    Held {
        /// The process that holds it, if it said so.
        pid: Option<String>,
        /// How long this run waited.
        after: Duration,
    },
    /// The file system said no.
    #[error("lock {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The directory could not be made.
    #[error(transparent)]
    Directory(#[from] JournalError),
}

impl Lock {
    /// Waits until the lock is free, `timeout` at most.
    pub async fn acquire(directory: &Path, timeout: Duration) -> Result<Lock, LockError> {
        make_directory(directory)?;
        let path = path(directory);
        let failed = |source| LockError::Io { path: path.clone(), source };
        // For us alone: whoever can open the file can hold the lock.
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => file = wait(file, &path, timeout).await?,
        }
        // Whoever waits reads from it who holds it; that nothing but a message depends on.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Lock { _file: file })
    }

    /// Whether a run holds the lock now.
    pub fn is_held(directory: &Path) -> bool {
        File::open(path(directory)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(format!("lock-{}", netns_id()))
}

/// Blocks on the lock in a thread of its own. Past the deadline the thread is left behind; it ends with the process.
async fn wait(file: File, path: &Path, timeout: Duration) -> Result<File, LockError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let result = file.lock().map(|()| file);
        // Nobody listens any more once the deadline has passed.
        let _ = sender.send(result);
    });
    match tokio::time::timeout(timeout, receiver).await {
        Ok(Ok(result)) => result.map_err(|source| LockError::Io { path: path.to_owned(), source }),
        _ => {
            let pid = std::fs::read_to_string(path).ok().filter(|pid| !pid.is_empty());
            Err(LockError::Held { pid, after: timeout })
        }
    }
}
