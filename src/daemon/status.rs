//! `ovsns ovs status`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::deadline::Deadline;
use super::instance::Instance;
use super::record::{self, Found};
use super::rpc::Rpc;
use super::{Daemon, DaemonError, Layout};

/// How long a running daemon is waited for when asked for its version.
const ANSWER: Duration = Duration::from_secs(1);

/// Both daemons, and where they are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// ovsdb-server.
    pub ovsdb_server: State,
    /// ovs-vswitchd.
    pub ovs_vswitchd: State,
    /// The socket of the database, whether it is there or not.
    pub socket: PathBuf,
    /// The database file, whether it is there or not.
    pub database: PathBuf,
}

/// One daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum State {
    /// It was not started, or it was stopped.
    NotStarted,
    /// It was started and is gone without having been stopped.
    Dead {
        /// Its pid file, which is stale, or gone too.
        pid_file: PathBuf,
    },
    /// It runs, and it is the process that we started.
    Running {
        /// Its process.
        pid: i32,
        /// When it started, in seconds since 1970-01-01 UTC.
        since: u64,
        /// Its version, such as `3.1.0`; none if it does not answer.
        version: Option<String>,
    },
    /// A process that ovsns did not start holds the pid file.
    NotOurs {
        /// That process.
        pid: i32,
    },
}

/// Tells how the daemons are, without changing anything but for an unfinished record. Takes no lock.
///
/// # Errors
///
/// [`DaemonError::File`] where the layout's files cannot be read.
pub fn status(layout: &Layout) -> Result<Status, DaemonError> {
    let layout = layout.absolute()?;
    Ok(Status {
        ovsdb_server: state(&layout, Daemon::Database)?,
        ovs_vswitchd: state(&layout, Daemon::Switch)?,
        socket: layout.socket(),
        database: layout.database(),
    })
}

fn state(layout: &Layout, daemon: Daemon) -> Result<State, DaemonError> {
    Ok(match record::find(layout, daemon)? {
        Found::Nothing => State::NotStarted,
        Found::Stale { .. } => State::Dead { pid_file: layout.pid_file(daemon) },
        Found::NotOurs { pid } => State::NotOurs { pid },
        Found::Ours(instance) => {
            let version = version(layout, daemon, instance.pid());
            State::Running { pid: instance.pid(), since: since(&instance), version }
        }
    })
}

/// The answer to the command `version`: ovs-vswitchd (Open vSwitch) 3.1.0.
fn version(layout: &Layout, daemon: Daemon, pid: i32) -> Option<String> {
    let mut rpc = Rpc::connect(&layout.control(daemon, pid), Deadline::after(ANSWER)).ok()?;
    let answer = rpc.call("version", json!([])).ok()?.ok()?;
    answer.as_str()?.lines().next()?.split(' ').next_back().map(str::to_owned)
}

/// The boot's time (`btime` in `/proc/stat`, proc_stat(5)) and the process's start after it.
fn since(instance: &Instance) -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = text.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok()).unwrap_or(0);
    boot + instance.start_time() / rustix::param::clock_ticks_per_second().max(1)
}
