//! A private Open vSwitch for a test, and what to look at around it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ovsns::daemon::{self, Daemon, Datapath, Layout, Options, Started, State, Stopped};

use crate::common::pid::wait_for_end;
use crate::common::sandbox;

pub const TIMEOUT: Duration = Duration::from_secs(20);

/// The userspace datapath, whatever the machine has.
pub fn options() -> Options {
    Options { timeout: TIMEOUT, datapath: Some(Datapath::Userspace) }
}

pub fn start(layout: &Layout) -> Started {
    daemon::start(layout, options()).unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

pub fn stop(layout: &Layout) -> Stopped {
    daemon::stop(layout, TIMEOUT).unwrap()
}

/// A layout that is stopped when the test ends, however it ends.
pub struct Ovs(pub Layout);

impl Drop for Ovs {
    fn drop(&mut self) {
        let _ = daemon::stop(&self.0, TIMEOUT);
    }
}

/// Runs `test` with a layout of its own in private namespaces.
pub fn with_layout(test: impl FnOnce(&Layout) + Send + 'static) {
    sandbox::run_blocking(|| {
        let ovs = Ovs(Layout::default());
        test(&ovs.0);
    });
}

/// The pid of a running daemon.
pub fn pid(layout: &Layout, daemon: Daemon) -> i32 {
    let status = daemon::status(layout).unwrap();
    let state = if daemon == Daemon::Switch { status.ovs_vswitchd } else { status.ovsdb_server };
    let State::Running { pid, .. } = state else { panic!("{daemon}: {state:?}") };
    pid
}

/// Kills a process, and waits until it is gone with all its threads.
pub fn kill_and_wait(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
    wait_for_end(pid);
}

pub fn vsctl(layout: &Layout, arguments: &[&str]) -> String {
    let socket = format!("--db=unix:{}", layout.socket().display());
    let output = Command::new("ovs-vsctl").args(["--timeout=10", &socket]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The links of this network namespace but `lo`.
pub fn links() -> Vec<String> {
    let output = Command::new("ip").args(["-br", "link"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split([' ', '@']).next());
    names.filter(|name| *name != "lo").map(str::to_owned).collect()
}

pub fn entries(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).into_iter().flatten().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
