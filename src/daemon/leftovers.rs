//! Files of daemons that are gone.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use super::{Daemon, DaemonError, Layout};

/// Removes what a daemon that no longer runs has left in the run directory, and our record of it. Other files there are not touched.
pub(super) fn clean(layout: &Layout, daemon: Daemon) -> Result<(), DaemonError> {
    let entries = match fs::read_dir(&layout.run_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| DaemonError::file("reading", &layout.run_dir, source))?,
    };
    for entry in entries.flatten() {
        let is_socket = entry.file_type().is_ok_and(|kind| kind.is_socket());
        if entry.file_name().to_str().is_some_and(|name| belongs(daemon, name, is_socket)) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes a file that need not be there.
pub(super) fn remove(path: &Path) -> Result<(), DaemonError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DaemonError::file("removing", path, error)),
        _ => Ok(()),
    }
}

fn belongs(daemon: Daemon, name: &str, is_socket: bool) -> bool {
    let own = name.strip_prefix(daemon.name()).is_some_and(|rest| {
        // The pid file is written as `.pid.tmpPID` and renamed (`lib/daemon-unix.c`).
        [".pid", ".ovsns", ".ovsns.new"].contains(&rest) || rest.starts_with(".pid.tmp") || is_control(rest)
    });
    own || is_socket
        && match daemon {
            Daemon::Database => name == "db.sock",
            // One of each for every bridge.
            Daemon::Switch => name.ends_with(".mgmt") || name.ends_with(".snoop"),
        }
}

/// `.PID.ctl`.
fn is_control(rest: &str) -> bool {
    let pid = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix(".ctl"));
    pid.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_daemons_own_files_go() {
        for name in ["ovs-vswitchd.pid", "ovs-vswitchd.42.ctl", "ovs-vswitchd.ovsns", "ovs-vswitchd.pid.tmp42"] {
            assert!(belongs(Daemon::Switch, name, false), "{name}");
            assert!(!belongs(Daemon::Database, name, false), "{name}");
        }
        for name in
            ["ovs-vswitchd", "ovs-vswitchd.ctl", "ovs-vswitchd.x.ctl", "ovs-vswitchd-2.pid", "conf.db", "a.mgmt"]
        {
            assert!(!belongs(Daemon::Switch, name, false), "{name}");
        }
        assert!(belongs(Daemon::Switch, "OVS-1.mgmt", true) && belongs(Daemon::Switch, "OVS-1.snoop", true));
        assert!(belongs(Daemon::Database, "db.sock", true) && !belongs(Daemon::Database, "db.sock", false));
    }
}
