//! What is kept of a lab beside what is in the system.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::Owner;
use crate::plan::Plan;

use super::journal::{Interrupted, JournalError, make_directory, netns_id, remove};

/// The directory of one lab of this network namespace, beside the journal: how to go back to before its last apply, and whether it
/// is being destroyed. What the lab is made of is not in it: that is read from the system.
#[derive(Debug, Clone)]
pub struct Records {
    directory: PathBuf,
}

impl Records {
    /// Those of the lab of `owner`, in the directory where the journal is.
    pub fn of(run_directory: &Path, owner: &Owner) -> Records {
        Records { directory: run_directory.join(format!("{}{owner}", prefix())) }
    }

    /// The labs that have any.
    pub fn all(run_directory: &Path) -> Result<Vec<Owner>, JournalError> {
        let failed = |source| JournalError::Io { path: run_directory.to_owned(), source };
        let entries = match std::fs::read_dir(run_directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(source)),
        };
        let prefix = prefix();
        let mut owners = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            owners.extend(name.to_str().and_then(|name| name.strip_prefix(&prefix)?.parse::<Owner>().ok()));
        }
        owners.sort();
        Ok(owners)
    }

    /// The directory. What else belongs to the lab is kept in it too: its processes and their logs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes the directory.
    pub fn make(&self) -> Result<(), JournalError> {
        make_directory(&self.directory)
    }

    /// Where the journal of the last apply is kept, for [`Terms::recorded_at`](super::Terms::recorded_at).
    pub fn last_apply(&self) -> PathBuf {
        self.directory.join("last-apply")
    }

    /// There is no last apply any more: it was taken back.
    pub fn forget_last_apply(&self) -> Result<(), JournalError> {
        remove(&self.last_apply())
    }

    /// Notes that the lab is being destroyed by these steps: what is then found of it is what is left, and its last apply can be taken back no
    /// more, since that made only a part of what goes.
    pub fn begin_to_destroy(&self, plan: &Plan) -> Result<(), JournalError> {
        self.make()?;
        Interrupted::of_this_process(plan.clone()).write_to(&self.destroying())?;
        self.forget_last_apply()
    }

    /// The run that began to destroy the lab, and has not ended well.
    pub fn destroyer(&self) -> Result<Option<Interrupted>, JournalError> {
        Interrupted::of(&self.destroying())
    }

    /// The lab is not being destroyed any more: something else has become of it.
    pub fn forget_destruction(&self) -> Result<(), JournalError> {
        remove(&self.destroying())
    }

    fn destroying(&self) -> PathBuf {
        self.directory.join("destroying")
    }

    /// Takes the directory away where nothing but empty directories is in it: nothing became of the lab.
    pub fn remove_empty(&self) {
        let inner = std::fs::read_dir(&self.directory).into_iter().flatten().flatten().map(|entry| entry.path());
        for directory in inner.chain([self.directory.clone()]) {
            // What is in it, or cannot be taken away, stays.
            let _ = std::fs::remove_dir(directory);
        }
    }

    /// Takes all of it away.
    pub fn remove(&self) -> Result<(), JournalError> {
        match std::fs::remove_dir_all(&self.directory) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(JournalError::Io { path: self.directory.clone(), source })
            }
            _ => Ok(()),
        }
    }
}

/// What the names of the directories of this network namespace begin with.
fn prefix() -> String {
    format!("lab-{}-", netns_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labs_are_found_by_their_records() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(Records::all(&run.path().join("none")).unwrap(), []);
        // Also such a one stays in the directory.
        for name in ["campus", "..", "a-b"] {
            let owner: Owner = name.parse().unwrap();
            let records = Records::of(run.path(), &owner);
            assert!(records.destroyer().unwrap().is_none());
            records.begin_to_destroy(&Plan::default()).unwrap();
            assert_eq!(records.destroyer().unwrap().unwrap().pid, std::process::id());
            assert_eq!(records.directory().parent(), Some(run.path()));
        }
        let names: Vec<String> = Records::all(run.path()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["..", "a-b", "campus"]);
        Records::of(run.path(), &"..".parse().unwrap()).remove().unwrap();
        assert_eq!(Records::all(run.path()).unwrap().len(), 2);
    }
}
