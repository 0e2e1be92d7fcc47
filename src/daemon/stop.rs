//! `ovsns ovs stop`.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;
use serde::Serialize;
use serde_json::json;

use super::deadline::Deadline;
use super::instance::{self, Instance};
use super::lock::Lock;
use super::record::{self, Found};
use super::rpc::Rpc;
use super::start::start_locked;
use super::{Daemon, DaemonError, Layout, leftovers};

/// How long a daemon may take for `exit` when a failed start takes it back.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to end on SIGTERM, which is sent when it has not answered before.
const AFTER_TERM: Duration = Duration::from_secs(2);

/// How one daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It did not run.
    NotRunning,
    /// It was asked to exit and did.
    Exited,
    /// It did not answer, and ended on SIGTERM.
    Terminated,
    /// It did not end on SIGTERM, but on SIGKILL.
    Killed,
}

/// What a stop did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stopped {
    /// ovsdb-server.
    pub ovsdb_server: Ended,
    /// ovs-vswitchd.
    pub ovs_vswitchd: Ended,
}

/// Stops the daemons, and removes their sockets, pid files and devices. The database stays. `timeout` is for each daemon's orderly exit;
/// ovs-vswitchd takes about 13 ms for each port.
///
/// An ovs-vswitchd that was killed has left its taps behind. It alone knows which: it is started once more, takes them over, and removes
/// them with its orderly exit.
///
/// # Errors
///
/// [`DaemonError::NotOurs`] for a daemon that ovsns did not start, [`DaemonError::StillRunning`], [`DaemonError::Deadline`] while another
/// `ovsns` holds the layout, and those of files.
pub fn stop(layout: &Layout, timeout: Duration) -> Result<Stopped, DaemonError> {
    let layout = layout.absolute()?;
    if !layout.state_dir.exists() && !layout.run_dir.exists() {
        return Ok(Stopped { ovsdb_server: Ended::NotRunning, ovs_vswitchd: Ended::NotRunning });
    }
    layout.make()?;
    let _lock = Lock::take(&layout, Deadline::after(timeout))?;
    for daemon in [Daemon::Switch, Daemon::Database] {
        if let Found::NotOurs { pid } = record::find(&layout, daemon)? {
            return Err(DaemonError::NotOurs { daemon, pid, pid_file: layout.pid_file(daemon) });
        }
    }
    let ovs_vswitchd = end(&layout, Daemon::Switch, timeout)?;
    remove_devices(&layout, timeout)?;
    let ovsdb_server = end(&layout, Daemon::Database, timeout)?;
    tidy(&layout)?;
    Ok(Stopped { ovsdb_server, ovs_vswitchd })
}

/// After an orderly exit nothing tells of a daemon; a stale record or pid file says that devices may be left.
fn remove_devices(layout: &Layout, timeout: Duration) -> Result<(), DaemonError> {
    if !matches!(record::find(layout, Daemon::Switch)?, Found::Stale { this_boot: true }) {
        return Ok(());
    }
    match start_locked(layout, Deadline::after(timeout)) {
        Ok(_) => end(layout, Daemon::Switch, timeout).map(drop),
        // It cannot run, which may be why it died: then what it left stays.
        Err(error) => {
            tracing::warn!("devices of the ovs-vswitchd that died may be left: {error}");
            Ok(())
        }
    }
}

fn tidy(layout: &Layout) -> Result<(), DaemonError> {
    leftovers::clean(layout, Daemon::Switch)?;
    leftovers::clean(layout, Daemon::Database)?;
    leftovers::remove(&layout.database_lock())?;
    // Stays if something that is not ours is in it.
    let _ = fs::remove_dir(&layout.run_dir);
    Ok(())
}

/// Ends the daemon if it runs and is ours: first by its own `exit`, then by SIGTERM, then by SIGKILL.
pub(super) fn end(layout: &Layout, daemon: Daemon, patience: Duration) -> Result<Ended, DaemonError> {
    let Found::Ours(instance) = record::find(layout, daemon)? else { return Ok(Ended::NotRunning) };
    let failed = |source| DaemonError::run(format!("ending {daemon} (pid {})", instance.pid()), source);
    if exit(layout, daemon, &instance, Deadline::after(patience)).map_err(failed)? {
        return leftovers::clean(layout, daemon).map(|()| Ended::Exited);
    }
    let signals = [(Signal::TERM, AFTER_TERM, Ended::Terminated), (Signal::KILL, instance::ENDING, Ended::Killed)];
    for (signal, patience, ended) in signals {
        instance.signal(signal).map_err(failed)?;
        if instance.wait(Deadline::after(patience)).map_err(failed)? {
            return Ok(ended);
        }
    }
    Err(DaemonError::StillRunning { daemon, pid: instance.pid() })
}

/// Asks the daemon to exit, and waits for its end; false if it cannot be asked or does not end in time. The answer comes before the end,
/// so it is not waited for.
fn exit(layout: &Layout, daemon: Daemon, instance: &Instance, deadline: Deadline) -> std::io::Result<bool> {
    let arguments = match daemon {
        Daemon::Switch => json!(["--cleanup"]),
        Daemon::Database => json!([]),
    };
    let asked = Rpc::connect(&layout.control(daemon, instance.pid()), deadline)
        .and_then(|mut rpc| rpc.send("exit", arguments).map(|_| rpc));
    match asked {
        // The connection stays open until the daemon has ended.
        Ok(_rpc) => instance.wait(deadline),
        Err(_) => instance.wait(Deadline::after(Duration::ZERO)),
    }
}
