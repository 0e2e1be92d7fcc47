//! Where the private Open vSwitch keeps its files.

use std::fmt;
use std::fs;
use std::path::{self, Path, PathBuf};

use serde::Serialize;

use super::DaemonError;

/// The two daemons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Daemon {
    /// ovsdb-server(1), which holds the database.
    #[serde(rename = "ovsdb-server")]
    Database,
    /// ovs-vswitchd(8), which switches.
    #[serde(rename = "ovs-vswitchd")]
    Switch,
}

impl Daemon {
    /// The program's name, which its files carry too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Database => "ovsdb-server",
            Self::Switch => "ovs-vswitchd",
        }
    }
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The directories of one private Open vSwitch. Two layouts are two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The database, and the lock that keeps two starts or stops apart. Survives a boot.
    pub state_dir: PathBuf,
    /// Sockets and pid files. To be handed to OVS's own tools as `OVS_RUNDIR`.
    pub run_dir: PathBuf,
    /// Log files.
    pub log_dir: PathBuf,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            state_dir: "/var/lib/ovsns/ovs".into(),
            run_dir: "/run/ovsns/ovs".into(),
            log_dir: "/var/log/ovsns".into(),
        }
    }
}

impl Layout {
    /// The socket on which ovsdb-server answers.
    pub fn socket(&self) -> PathBuf {
        self.run_dir.join("db.sock")
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.state_dir.join("conf.db")
    }

    /// The daemon's log.
    pub fn log(&self, daemon: Daemon) -> PathBuf {
        self.log_dir.join(format!("{daemon}.log"))
    }

    /// The pid file, which the daemon writes, and keeps locked while it runs.
    pub fn pid_file(&self, daemon: Daemon) -> PathBuf {
        self.run_dir.join(format!("{daemon}.pid"))
    }

    /// The socket on which the daemon takes the commands of ovs-appctl(8).
    pub(super) fn control(&self, daemon: Daemon, pid: i32) -> PathBuf {
        self.run_dir.join(format!("{daemon}.{pid}.ctl"))
    }

    /// Our record of the process, beside its pid file.
    pub(super) fn record(&self, daemon: Daemon) -> PathBuf {
        self.run_dir.join(format!("{daemon}.ovsns"))
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.state_dir.join("lock")
    }

    /// The file that ovsdb-server and ovsdb-tool keep locked while they use the database (`lib/lockfile.c`).
    pub(super) fn database_lock(&self) -> PathBuf {
        self.state_dir.join(".conf.db.~lock~")
    }

    /// The same directories from the root on: the daemons change theirs.
    pub(super) fn absolute(&self) -> Result<Self, DaemonError> {
        let absolute = |dir: &Path| path::absolute(dir).map_err(|source| DaemonError::file("finding", dir, source));
        Ok(Self {
            state_dir: absolute(&self.state_dir)?,
            run_dir: absolute(&self.run_dir)?,
            log_dir: absolute(&self.log_dir)?,
        })
    }

    pub(super) fn make(&self) -> Result<(), DaemonError> {
        for dir in [&self.state_dir, &self.run_dir, &self.log_dir] {
            fs::create_dir_all(dir).map_err(|source| DaemonError::file("making", dir, source))?;
        }
        Ok(())
    }
}
