//! What is on disk of a program: its record, which is JSON, and its log.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::processes::{Id, Process, of_program};
use super::{Service, ServiceError};

/// A program that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub service: Service,
    /// Where what it writes is appended.
    pub log: PathBuf,
    /// What its processes have in their environment; no two starts have the same.
    pub token: String,
    /// The boot in which it was started.
    pub boot: String,
    /// The keeper, once it has begun.
    #[serde(default)]
    pub keeper: Option<Id>,
    /// The command, once it was started.
    #[serde(default)]
    pub command: Option<Id>,
    /// When that was, in seconds since 1970.
    pub since: u64,
    /// How it ended.
    #[serde(default)]
    pub ending: Option<Ending>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody was there to see how: its keeper was killed, or it was never run.
    Unknown,
}

impl Ending {
    /// Whether it has done what it was to do.
    pub fn is_success(self) -> bool {
        self == Ending::Status(0)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ending::Status(status) => write!(f, "ended with status {status}"),
            Ending::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Ending::Unknown => f.write_str("has ended"),
        }
    }
}

/// Whether a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    /// It does.
    Runs {
        /// The process.
        pid: u32,
        /// Since when, in seconds since 1970.
        since: u64,
    },
    /// It does no more.
    Ended {
        /// How it ended.
        ending: Ending,
    },
}

impl Record {
    /// A program that is about to be started.
    pub fn new(service: Service, logs: &Path) -> Record {
        Record {
            log: logs.join(format!("{}.log", file_name(&service))),
            service,
            token: fresh_token(),
            boot: boot_id(),
            keeper: None,
            command: None,
            since: seconds(),
            ending: None,
        }
    }

    /// Its processes, the keeper among them.
    pub fn processes(&self, all: &[Process]) -> Vec<Id> {
        match self.boot == boot_id() {
            true => of_program(all, &self.token, self.keeper, self.command),
            false => Vec::new(),
        }
    }

    /// It runs while its command does; what that leaves behind is only to be stopped.
    pub fn state(&self, all: &[Process]) -> State {
        let alive = |id: &Id| self.boot == boot_id() && all.iter().any(|process| process.id == *id);
        match (&self.command, self.ending) {
            (Some(command), None) if alive(command) => State::Runs { pid: command.pid, since: self.since },
            (_, ending) => State::Ended { ending: ending.unwrap_or(Ending::Unknown) },
        }
    }

    /// Writes it: whole or not at all, since a rename is one step.
    pub fn write(&self, path: &Path) -> Result<(), ServiceError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| ServiceError::Damaged { path: path.to_owned(), source })?;
        let new = path.with_extension("new");
        fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(|source| {
            // On a full disk, what there was room for would only be in the way.
            let _ = fs::remove_file(&new);
            ServiceError::Io { path: path.to_owned(), source }
        })
    }

    /// The record at `path`; `None` where there is none.
    pub fn read(path: &Path) -> Result<Option<Record>, ServiceError> {
        let text = match fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ServiceError::Io { path: path.to_owned(), source }),
        };
        let damaged = |source| ServiceError::Damaged { path: path.to_owned(), source };
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }
}

/// Where the record of a program is.
pub(super) fn path_of(directory: &Path, service: &Service) -> PathBuf {
    directory.join(format!("{}.json", file_name(service)))
}

/// `NAME@PLACE`, with the bytes that are not plain as `%XX`.
fn file_name(service: &Service) -> String {
    format!("{}@{}", plain(&service.name), plain(&service.place))
}

/// All records of a directory, sorted by their names.
pub(super) fn list(directory: &Path) -> Result<Vec<(PathBuf, Record)>, ServiceError> {
    let failed = |source| ServiceError::Io { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut records = Vec::with_capacity(paths.len());
    for path in paths {
        records.extend(Record::read(&path)?.map(|record| (path, record)));
    }
    Ok(records)
}

fn plain(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02x}"),
    };
    text.bytes().map(byte).collect()
}

/// It need not be secret, only nobody else's: the kernel's own random UUID.
fn fresh_token() -> String {
    kernel_word("uuid")
}

/// The boot, as the kernel names it.
fn boot_id() -> String {
    kernel_word("boot_id")
}

/// Of random(4): `/proc/sys/kernel/random/WHAT`.
fn kernel_word(what: &str) -> String {
    fs::read_to_string(format!("/proc/sys/kernel/random/{what}")).unwrap_or_default().trim().to_owned()
}

/// Now, in seconds since 1970.
pub(super) fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Restart;
    use super::*;

    pub fn service(name: &str) -> Service {
        Service {
            name: name.to_owned(),
            place: "ns1".to_owned(),
            target: None,
            argv: Service::shell("exit 0"),
            directory: "/".into(),
            restart: Restart::No,
        }
    }

    #[test]
    fn no_two_programs_share_a_file() {
        let path =
            |name: &str, place: &str| path_of(Path::new("/d"), &Service { place: place.to_owned(), ..service(name) });
        assert_eq!(path("web", "ns1"), Path::new("/d/web@ns1.json"));
        assert_eq!(path("../x", "path:/a"), Path::new("/d/..%2fx@path%3a%2fa.json"));
        assert_ne!(path("a@b", "c"), path("a", "b@c"));
        assert_eq!(Record::new(service("a.b"), Path::new("/l")).log, Path::new("/l/a.b@ns1.log"));
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        assert!(list(&directory.path().join("none")).unwrap().is_empty());
        let record = Record { ending: Some(Ending::Signal(9)), ..Record::new(service("web"), Path::new("/log")) };
        let path = path_of(directory.path(), &record.service);
        record.write(&path).unwrap();
        assert_eq!(list(directory.path()).unwrap(), [(path.clone(), record)]);
        fs::write(&path, "{").unwrap();
        assert!(matches!(list(directory.path()), Err(ServiceError::Damaged { .. })));
    }

    #[test]
    fn a_pid_alone_proves_nothing() {
        let all = super::super::processes::all();
        let own = super::super::processes::id_of(std::process::id()).unwrap();
        let runs = Record { command: Some(own), ..Record::new(service("web"), Path::new("/log")) };
        assert!(matches!(runs.state(&all), State::Runs { .. }));
        let before = Id { start_time: own.start_time - 1, ..own };
        let other = Record { command: Some(before), ..runs.clone() };
        assert_eq!(other.state(&all), State::Ended { ending: Ending::Unknown });
        let other_boot = Record { boot: "another".to_owned(), ..runs };
        assert_eq!(other_boot.state(&all), State::Ended { ending: Ending::Unknown });
        assert!(other_boot.processes(&all).is_empty());
    }
}
