//! Stopping programs: all that was started, and nothing else.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, timeout_at};

use super::processes::{self, Id};
use super::record::Record;
use super::{ServiceError, Services};

/// How long the kernel has to take away what was killed.
const KILLED: Duration = Duration::from_secs(5);
/// How many are stopped at a time: each takes a few descriptors.
const AT_A_TIME: usize = 64;

impl Services {
    /// Stops these, and takes their records away; the logs stay. SIGTERM first, and after `patience` SIGKILL.
    pub(super) async fn stop(&self, records: &[(PathBuf, Record)], patience: Duration) -> Result<(), ServiceError> {
        for some in records.chunks(AT_A_TIME) {
            stop(some, patience).await?;
        }
        Ok(())
    }
}

async fn stop(records: &[(PathBuf, Record)], patience: Duration) -> Result<(), ServiceError> {
    end(records, Signal::TERM, patience).await?;
    // What began while the others were ended, and what does not listen.
    let deadline = Instant::now() + KILLED;
    while let Some(left) = end(records, Signal::KILL, KILLED).await? {
        if Instant::now() > deadline {
            let (name, place) = (left.service.name.clone(), left.service.place.clone());
            return Err(ServiceError::Stays { name, place, after: KILLED });
        }
    }
    records.iter().try_for_each(|(path, _)| forget(path))
}

/// Sends `signal` to the processes of `records` and waits for their end, `patience` at most. Returns one that had any.
async fn end(
    records: &[(PathBuf, Record)],
    signal: Signal,
    patience: Duration,
) -> Result<Option<&Record>, ServiceError> {
    let all = processes::all();
    let mut handles = Vec::new();
    let mut found = None;
    for (path, record) in records {
        // Its keeper may have noted more since this was read.
        let now = Record::read(path)?.filter(|now| now.token == record.token).unwrap_or_else(|| record.clone());
        for id in now.processes(&all) {
            found = found.or(Some(record));
            // The keeper ends after its command, and notes how that ended.
            let spared = signal == Signal::TERM && now.command.is_some() && now.keeper == Some(id);
            handles.extend(handle(id, (!spared).then_some(signal))?.map(|handle| (id, handle)));
        }
    }
    let deadline = Instant::now() + patience;
    for (id, handle) in handles {
        wait(id, handle, deadline).await?;
    }
    Ok(found)
}

/// A handle of the process, which has got `signal`; `None` if it has ended.
fn handle(id: Id, signal: Option<Signal>) -> Result<Option<OwnedFd>, ServiceError> {
    let failed = |error: rustix::io::Errno| ServiceError::Signal { pid: id.pid, source: error.into() };
    let Some(pid) = i32::try_from(id.pid).ok().and_then(Pid::from_raw) else { return Ok(None) };
    let handle = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        handle => handle.map_err(failed)?,
    };
    // The handle stays with one process: if that is the one that was found, nobody else gets the signal.
    if processes::id_of(id.pid) != Some(id) {
        return Ok(None);
    }
    match signal.map_or(Ok(()), |signal| pidfd_send_signal(&handle, signal)) {
        Err(rustix::io::Errno::SRCH) => Ok(None),
        sent => sent.map(|()| Some(handle)).map_err(failed),
    }
}

/// Waits until the process has ended or the deadline has passed.
#[allow(
    deprecated,
    reason = "an OwnedFd is open as long as it is owned, which is all that its successor asks for by `unsafe`"
)]
async fn wait(id: Id, handle: OwnedFd, deadline: Instant) -> Result<(), ServiceError> {
    let failed = |source| ServiceError::Signal { pid: id.pid, source };
    let handle = AsyncFd::with_interest(handle, Interest::READABLE).map_err(failed)?;
    match timeout_at(deadline, handle.readable()).await {
        Ok(ended) => ended.map(drop).map_err(failed),
        Err(_) => Ok(()),
    }
}

fn forget(path: &Path) -> Result<(), ServiceError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(ServiceError::Io { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
