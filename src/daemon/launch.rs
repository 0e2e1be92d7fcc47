//! Starts one daemon and waits until it says that it is ready.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::deadline::Deadline;
use super::programs::Programs;
use super::record::{self, Found};
use super::{Daemon, DaemonError, Datapath, Layout, Said, Stage, tool};

/// How many open files ovs-vswitchd may have: ovs-ctl's number. It needs about one for each port, and three for each bridge.
const OPEN_FILES: u64 = 65_535;
/// How much of a log an error shows.
const TAIL_LINES: usize = 10;

/// Starts ovsdb-server on the layout's database.
pub(super) fn database(layout: &Layout, programs: &Programs, deadline: Deadline) -> Result<(), DaemonError> {
    let mut command = Command::new(&programs.ovsdb_server);
    command.arg(layout.database());
    command.arg(joined("--remote=punix:", &layout.socket()));
    // What `ovs-vsctl set-manager` and `set-ssl` configure.
    command.args([
        "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
        "--private-key=db:Open_vSwitch,SSL,private_key",
        "--certificate=db:Open_vSwitch,SSL,certificate",
        "--bootstrap-ca-cert=db:Open_vSwitch,SSL,ca_cert",
    ]);
    launch(layout, Daemon::Database, command, deadline)
}

/// Starts ovs-vswitchd; ovsdb-server must run.
pub(super) fn switch(
    layout: &Layout,
    programs: &Programs,
    datapath: Datapath,
    deadline: Deadline,
) -> Result<(), DaemonError> {
    let mut command = Command::new(&programs.ovs_vswitchd);
    command.arg(joined("unix:", &layout.socket()));
    if datapath == Datapath::Userspace {
        // Otherwise it asks for the kernel module again and again.
        command.arg("--disable-system");
    }
    let _limit = OpenFiles::raise();
    launch(layout, Daemon::Switch, command, deadline)
}

/// With `--detach` a daemon's first process ends when the daemon is ready, or has failed (ovs-vswitchd(8)).
fn launch(layout: &Layout, daemon: Daemon, mut command: Command, deadline: Deadline) -> Result<(), DaemonError> {
    let log = layout.log(daemon);
    command.arg(joined("--pidfile=", &layout.pid_file(daemon))).arg(joined("--log-file=", &log));
    command.args(["--detach", "-vconsole:off", "-vsyslog:err", "-vfile:info"]);
    // The control socket's folder has no option of its own.
    command.env("OVS_RUNDIR", &layout.run_dir).env("OVS_LOGDIR", &layout.log_dir).env("OVS_DBDIR", &layout.state_dir);
    command.current_dir("/");
    let logged = fs::metadata(&log).map_or(0, |file| file.len());
    record::announce(layout, daemon)?;
    let ended = tool::run(&mut command, Stage::Start(daemon), deadline)?;
    if ended.success && matches!(record::find(layout, daemon)?, Found::Ours(_)) {
        return Ok(());
    }
    let tail = tail(&log, logged).unwrap_or_default();
    Err(DaemonError::Failed {
        action: format!("starting {daemon}"),
        source: Said { stderr: ended.stderr, log: Some((log, tail)) },
    })
}

/// An argument of the form `--option=PATH`, whatever the bytes of the path.
fn joined(start: &str, path: &Path) -> PathBuf {
    let mut argument = std::ffi::OsString::from(start);
    argument.push(path);
    argument.into()
}

/// The last lines that were logged since the log had `from` bytes.
fn tail(log: &Path, from: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}

/// A higher limit of open files for what is started meanwhile; put back when dropped.
struct OpenFiles(Rlimit);

impl OpenFiles {
    fn raise() -> Self {
        let before = getrlimit(Resource::Nofile);
        // None stands for no limit.
        let raised = |limit: Option<u64>| limit.map(|limit| limit.max(OPEN_FILES));
        let after = Rlimit { current: raised(before.current), maximum: raised(before.maximum) };
        // Without CAP_SYS_RESOURCE it stays as it is, which is enough for a small switch.
        let _ = setrlimit(Resource::Nofile, after);
        Self(before)
    }
}

impl Drop for OpenFiles {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}
