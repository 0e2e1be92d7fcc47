//! What a run is about to do, on disk, so that the next run can take it back if this one is killed.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// The journal of one network namespace: a file in `directory` that is there while a run is under way.
///
/// The directory is on a file system that does not outlive the boot (`/run`), as the devices that it tells of do not. Its
/// file is named after the network namespace, since runs in different ones have nothing to do with each other.
#[derive(Debug, Clone)]
pub struct Journal {
    directory: PathBuf,
}

/// A run that was under way, from its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interrupted {
    /// The process.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// What it was about to do.
    pub plan: Plan,
    /// Where its journal is kept when it has ended well, if it is: see [`Terms::recorded_at`](super::Terms::recorded_at).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<PathBuf>,
}

/// The journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("journal {path}")]
    Io {
        /// The file or its directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what this version writes.
    #[error("journal {path} is damaged or from another version")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Damage,
    },
}

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A part of it is missing, or other than it was written.
    #[error("it is truncated, or was changed: its checksum is wrong")]
    Checksum,
    /// It is whole, and makes no sense.
    #[error("it does not read as a plan")]
    Senseless(#[source] serde_json::Error),
}

impl Interrupted {
    /// A run of this process.
    pub(super) fn of_this_process(plan: Plan) -> Interrupted {
        let command = std::env::args().collect::<Vec<_>>().join(" ");
        Interrupted { pid: std::process::id(), command, plan, record: None }
    }

    /// Writes it to `path`: whole or not at all, since a rename is one step.
    pub(super) fn write_to(&self, path: &Path) -> Result<(), JournalError> {
        let senseless = |source| JournalError::Damaged { path: path.to_owned(), source: Damage::Senseless(source) };
        let file = self.write().map_err(senseless)?;
        let new = path.with_extension("new");
        std::fs::write(&new, file).map_err(|source| {
            // On a full disk, what there was room for would only be in the way.
            let _ = std::fs::remove_file(&new);
            JournalError::Io { path: new.clone(), source }
        })?;
        std::fs::rename(&new, path).map_err(|source| JournalError::Io { path: path.to_owned(), source })
    }

    /// The file: a line with the CRC-32 of the rest, in hexadecimal digits, and then the run as JSON.
    fn write(&self) -> serde_json::Result<Vec<u8>> {
        let text = serde_json::to_vec(self)?;
        let mut file = format!("{:08x}\n", crc32fast::hash(&text)).into_bytes();
        file.extend(text);
        Ok(file)
    }

    fn parse(file: &[u8]) -> Result<Interrupted, Damage> {
        let line = file.iter().position(|byte| *byte == b'\n').ok_or(Damage::Checksum)?;
        let (sum, text) = (&file[..line], &file[line + 1..]);
        if sum != format!("{:08x}", crc32fast::hash(text)).as_bytes() {
            return Err(Damage::Checksum);
        }
        serde_json::from_slice(text).map_err(Damage::Senseless)
    }

    /// The run of which [`Journal::keep`] has left the journal at `path`.
    pub fn of(path: &Path) -> Result<Option<Interrupted>, JournalError> {
        match std::fs::read(path) {
            Ok(file) => match Interrupted::parse(&file) {
                Ok(run) => Ok(Some(run)),
                Err(source) => Err(JournalError::Damaged { path: path.to_owned(), source }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(JournalError::Io { path: path.to_owned(), source }),
        }
    }
}

impl Journal {
    /// The journal in `directory`, which is made when it is needed.
    pub fn new(directory: PathBuf) -> Journal {
        Journal { directory }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of this network namespace.
    pub fn path(&self) -> PathBuf {
        self.directory.join(format!("journal-{}.json", netns_id()))
    }

    /// Writes what is about to be done.
    pub fn write(&self, plan: &Plan) -> Result<(), JournalError> {
        self.write_for(plan, None)
    }

    /// The same, where it is to be kept at `record`.
    pub(super) fn write_for(&self, plan: &Plan, record: Option<&Path>) -> Result<(), JournalError> {
        make_directory(&self.directory)?;
        let run = Interrupted::of_this_process(plan.clone());
        Interrupted { record: record.map(Path::to_owned), ..run }.write_to(&self.path())
    }

    /// Where it is while it is written.
    fn unfinished(&self) -> PathBuf {
        self.path().with_extension("new")
    }

    /// Takes away what a run that was killed while it wrote its journal has left: it had done nothing yet.
    pub fn discard_unfinished(&self) -> Result<(), JournalError> {
        remove(&self.unfinished())
    }

    /// The run that is under way or was interrupted.
    pub fn read(&self) -> Result<Option<Interrupted>, JournalError> {
        Interrupted::of(&self.path())
    }

    /// Renames it to `….damaged`.
    pub fn put_aside(&self) -> Result<PathBuf, JournalError> {
        let (path, aside) = (self.path(), self.path().with_extension("damaged"));
        std::fs::rename(&path, &aside).map_err(|source| JournalError::Io { path, source })?;
        Ok(aside)
    }

    /// Takes it away: the run has ended, and the system is as it should be.
    pub fn remove(&self) -> Result<(), JournalError> {
        remove(&self.path())
    }

    /// The same, and keeps it at `record`, in place of what is there: in one step, so that a run has ended just if it has left its
    /// record.
    pub(super) fn keep(&self, record: &Path) -> Result<(), JournalError> {
        std::fs::rename(self.path(), record).map_err(|source| JournalError::Io { path: record.to_owned(), source })
    }
}

pub(super) fn remove(path: &Path) -> Result<(), JournalError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::Io { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Makes the run directory, in which root alone may write.
pub(super) fn make_directory(directory: &Path) -> Result<(), JournalError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory);
    made.map_err(|source| JournalError::Io { path: directory.to_owned(), source })
}

/// A name for the network namespace that this process runs in: the inode of its file (namespaces(7)).
pub(super) fn netns_id() -> u64 {
    std::fs::metadata("/proc/thread-self/ns/net").map_or(0, |file| file.ino())
}
