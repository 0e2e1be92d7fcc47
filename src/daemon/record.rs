//! Which process is ours: a record beside each pid file, and what it proves.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use serde::{Deserialize, Serialize};

use super::instance::Instance;
use super::{Daemon, DaemonError, Layout};

/// What we write down about a daemon that we start: once before, without the process, and once when its pid is known.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    boot_id: String,
    process: Option<Process>,
}

/// A pid names a process only for a time; with its start time and the boot it is unique.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Process {
    pid: i32,
    start_time: u64,
}

/// What the files tell about a daemon.
#[derive(Debug)]
pub(super) enum Found {
    /// It was not started, or it was stopped.
    Nothing,
    /// It was started and is gone without having been stopped; `this_boot`: since the last boot, so that its devices may still be there.
    Stale { this_boot: bool },
    /// The process that we started.
    Ours(Instance),
    /// A process that holds our pid file, and is not the one that we started.
    NotOurs { pid: i32 },
}

/// Says that we are about to start the daemon, so that it is known as ours even if we do not live to write its pid down.
pub(super) fn announce(layout: &Layout, daemon: Daemon) -> Result<(), DaemonError> {
    write(&layout.record(daemon), &Record { boot_id: boot_id()?, process: None })
}

/// Looks the daemon up. Finishes a record that was only announced.
pub(super) fn find(layout: &Layout, daemon: Daemon) -> Result<Found, DaemonError> {
    let boot_id = boot_id()?;
    let record = read(&layout.record(daemon))?;
    let this_boot = record.as_ref().is_some_and(|record| record.boot_id == boot_id);
    let recorded = record.filter(|_| this_boot);
    if let Some(instance) = recorded.as_ref().map(recorded_instance).transpose()?.flatten() {
        return Ok(Found::Ours(instance));
    }
    let pid_file = layout.pid_file(daemon);
    match holder(&pid_file)? {
        // On SIGTERM a daemon removes its pid file, but not its devices.
        Holder::NoFile if this_boot => Ok(Found::Stale { this_boot }),
        Holder::NoFile => Ok(Found::Nothing),
        Holder::Nobody => Ok(Found::Stale { this_boot }),
        Holder::Process(pid) if recorded.is_some_and(|record| record.process.is_none()) => {
            adopt(layout, daemon, pid, boot_id)
        }
        Holder::Process(pid) => Ok(Found::NotOurs { pid }),
    }
}

/// The recorded process, if it is the one that has its pid now.
fn recorded_instance(record: &Record) -> Result<Option<Instance>, DaemonError> {
    let Some(process) = &record.process else { return Ok(None) };
    let found = open(process.pid)?;
    Ok(found.filter(|instance| instance.start_time() == process.start_time))
}

/// Writes down the process of a daemon that was announced: it holds the lock of the pid file, so that it is no other.
fn adopt(layout: &Layout, daemon: Daemon, pid: i32, boot_id: String) -> Result<Found, DaemonError> {
    let Some(instance) = open(pid)? else { return Ok(Found::Stale { this_boot: true }) };
    let process = Some(Process { pid, start_time: instance.start_time() });
    write(&layout.record(daemon), &Record { boot_id, process })?;
    Ok(Found::Ours(instance))
}

fn open(pid: i32) -> Result<Option<Instance>, DaemonError> {
    Instance::open(pid).map_err(|source| DaemonError::run(format!("looking at process {pid}"), source))
}

/// Who has locked a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Holder {
    NoFile,
    Nobody,
    Process(i32),
}

/// Asks the kernel who holds a file with a lock of fcntl(2), as OVS's daemons hold their pid files (`lib/daemon-unix.c`) and databases.
pub(super) fn holder(path: &Path) -> Result<Holder, DaemonError> {
    let failed = |source| DaemonError::file("reading", path, source);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::NoFile),
        file => file.map_err(failed)?,
    };
    // The question is "what keeps me from a write lock on all of it": a length of 0 reaches to the end.
    let mut lock = nix::libc::flock {
        l_type: nix::libc::F_WRLCK as i16,
        l_whence: nix::libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).map_err(|errno| failed(errno.into()))?;
    let free = i32::from(lock.l_type) == nix::libc::F_UNLCK;
    Ok(if free { Holder::Nobody } else { Holder::Process(lock.l_pid) })
}

fn boot_id() -> Result<String, DaemonError> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(path).map_err(|source| DaemonError::file("reading", path, source))?;
    Ok(text.trim().to_owned())
}

/// The record; none where there is none, or one cut short by a crash.
fn read(path: &Path) -> Result<Option<Record>, DaemonError> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DaemonError::file("reading", path, source)),
    }
}

/// Writes beside the file and renames, so that no reader sees half of it.
fn write(path: &Path, record: &Record) -> Result<(), DaemonError> {
    let failed = |source| DaemonError::file("writing", path, source);
    let new = path.with_extension("ovsns.new");
    let text = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(failed)
}
