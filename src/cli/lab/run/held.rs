//! One controller a lab.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::lab::records;
use crate::model::Owner;

/// Held for as long as a lab is kept. The kernel releases it when the process ends, however it ends (flock(2)).
pub struct Held {
    _file: File,
}

impl Held {
    /// Fails where the lab is kept already.
    pub fn take(owner: &Owner) -> Result<Held, Failure> {
        let path = path(owner);
        let failed = |error| Failure::new(format!("cannot lock {}", path.display())).cause(error);
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(format!("lab {owner} is kept already{}", by(owner))));
            }
        }
        // Others read from it who it is; nothing but a message depends on that.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(Held { _file: file })
    }
}

/// Fails where a controller keeps the lab: what is taken away it would make again.
pub fn check_not_held(owner: &Owner) -> Result<(), Failure> {
    let is_held =
        File::open(path(owner)).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)));
    if !is_held {
        return Ok(());
    }
    let what = format!("lab {owner} is kept as its file says{}: it would be made again", by(owner));
    Err(Failure::new(what).hint(format!("end that first, with SIGTERM or systemctl stop ovsns-lab@{owner}")))
}

fn by(owner: &Owner) -> String {
    let pid = std::fs::read_to_string(path(owner)).unwrap_or_default();
    if pid.is_empty() { String::new() } else { format!(", by `ovsns run` (pid {pid})") }
}

fn path(owner: &Owner) -> PathBuf {
    records(owner).directory().join("controller")
}
