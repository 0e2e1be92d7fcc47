//! Daemons that died, hang, or are not ours; starts that fail.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ovsns::daemon::{self, Daemon, DaemonError, Ended, Launch, Options, Stage, State, Stopped};

use crate::ovs::{TIMEOUT, entries, kill_and_wait, links, options, pid, start, stop, vsctl, with_layout};

/// A sleeping bystander.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("1000").spawn().unwrap())
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_switch_is_dead_and_is_started_again() {
    with_layout(|layout| {
        start(layout);
        vsctl(layout, &["add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev"]);
        let database = pid(layout, Daemon::Database);
        kill_and_wait(pid(layout, Daemon::Switch), Signal::SIGKILL);
        let pid_file = layout.pid_file(Daemon::Switch);
        assert_eq!(daemon::status(layout).unwrap().ovs_vswitchd, State::Dead { pid_file });
        let started = start(layout);
        assert_eq!((started.ovsdb_server, started.ovs_vswitchd), (Launch::AlreadyRunning, Launch::Started));
        assert_eq!(pid(layout, Daemon::Database), database);
        let controls = entries(&layout.run_dir).into_iter().filter(|name| name.ends_with(".ctl")).count();
        assert_eq!(controls, 2, "{:?}", entries(&layout.run_dir));
        stop(layout);
        assert_eq!(links(), [""; 0]);
    });
}

#[test]
fn a_killed_switch_leaves_no_devices_after_a_stop() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        with_layout(move |layout| {
            start(layout);
            vsctl(layout, &["add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev"]);
            kill_and_wait(pid(layout, Daemon::Switch), signal);
            assert_eq!(links(), ["ovs-netdev", "br1"]);
            let stopped = stop(layout);
            assert_eq!(stopped, Stopped { ovsdb_server: Ended::Exited, ovs_vswitchd: Ended::NotRunning });
            assert_eq!(links(), [""; 0]);
            assert!(!layout.run_dir.exists(), "{:?}", entries(&layout.run_dir));
        });
    }
}

#[test]
fn both_killed_are_taken_down_too() {
    with_layout(|layout| {
        start(layout);
        vsctl(layout, &["add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev"]);
        for daemon in [Daemon::Database, Daemon::Switch] {
            kill_and_wait(pid(layout, daemon), Signal::SIGKILL);
        }
        stop(layout);
        assert_eq!(links(), [""; 0]);
        assert!(!layout.run_dir.exists(), "{:?}", entries(&layout.run_dir));
        assert_eq!(entries(&layout.state_dir), ["conf.db", "lock"]);
    });
}

#[test]
fn a_killed_database_is_started_again_under_the_running_switch() {
    with_layout(|layout| {
        start(layout);
        let switch = pid(layout, Daemon::Switch);
        kill_and_wait(pid(layout, Daemon::Database), Signal::SIGKILL);
        let started = start(layout);
        assert_eq!((started.ovsdb_server, started.ovs_vswitchd), (Launch::Started, Launch::AlreadyRunning));
        assert_eq!(pid(layout, Daemon::Switch), switch);
    });
}

#[test]
fn a_start_right_after_the_kill_does_not_take_the_dying_for_running() {
    with_layout(|layout| {
        start(layout);
        for _ in 0..5 {
            for daemon in [Daemon::Database, Daemon::Switch] {
                kill(Pid::from_raw(pid(layout, daemon)), Signal::SIGKILL).unwrap();
            }
            let started = start(layout);
            assert_eq!((started.ovsdb_server, started.ovs_vswitchd), (Launch::Started, Launch::Started));
        }
    });
}

#[test]
fn a_stopped_switch_is_killed_and_its_devices_go() {
    with_layout(|layout| {
        start(layout);
        vsctl(layout, &["add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev"]);
        kill(Pid::from_raw(pid(layout, Daemon::Switch)), Signal::SIGSTOP).unwrap();
        let State::Running { version: None, .. } = daemon::status(layout).unwrap().ovs_vswitchd else { panic!() };
        let error = daemon::start(layout, Options { timeout: Duration::from_millis(300), ..options() }).unwrap_err();
        assert!(matches!(error, DaemonError::Deadline { stage: Stage::Switch }), "{error}");
        let stopped = daemon::stop(layout, Duration::from_millis(500)).unwrap();
        assert_eq!(stopped.ovs_vswitchd, Ended::Killed);
        assert_eq!(links(), [""; 0]);
    });
}

#[test]
fn a_pid_file_that_names_a_bystander_harms_nobody() {
    with_layout(|layout| {
        let mut bystander = Bystander::new();
        let pid = bystander.0.id();
        fs::create_dir_all(&layout.run_dir).unwrap();
        fs::create_dir_all(&layout.state_dir).unwrap();
        for daemon in [Daemon::Database, Daemon::Switch] {
            fs::write(layout.pid_file(daemon), format!("{pid}\n")).unwrap();
        }
        let dead = State::Dead { pid_file: layout.pid_file(Daemon::Switch) };
        assert_eq!(daemon::status(layout).unwrap().ovs_vswitchd, dead);
        assert_eq!(stop(layout).ovs_vswitchd, Ended::NotRunning);
        assert!(bystander.is_alive());
        assert!(!layout.run_dir.exists(), "{:?}", entries(&layout.run_dir));
    });
}

#[test]
fn a_reused_pid_is_not_taken_for_the_daemon() {
    with_layout(|layout| {
        // Started before, since the start time counts in hundredths of a second.
        let mut bystander = Bystander::new();
        start(layout);
        let switch = pid(layout, Daemon::Switch);
        let record = layout.run_dir.join("ovs-vswitchd.ovsns");
        let text = fs::read_to_string(&record).unwrap();
        kill_and_wait(switch, Signal::SIGKILL);
        // As if the kernel had given the dead daemon's pid to a bystander, which then differs in its start time alone.
        let reused = text.replace(&format!("\"pid\":{switch},"), &format!("\"pid\":{},", bystander.0.id()));
        assert_ne!(reused, text);
        fs::write(&record, reused).unwrap();
        fs::write(layout.pid_file(Daemon::Switch), format!("{}\n", bystander.0.id())).unwrap();
        assert!(matches!(daemon::status(layout).unwrap().ovs_vswitchd, State::Dead { .. }));
        assert_eq!(start(layout).ovs_vswitchd, Launch::Started);
        assert_eq!(stop(layout).ovs_vswitchd, Ended::Exited);
        assert!(bystander.is_alive());
    });
}

#[test]
fn a_daemon_that_others_started_is_left_alone() {
    with_layout(|layout| {
        start(layout);
        let database = pid(layout, Daemon::Database);
        let record = layout.run_dir.join("ovsdb-server.ovsns");
        let text = fs::read_to_string(&record).unwrap();
        fs::remove_file(&record).unwrap();
        assert_eq!(daemon::status(layout).unwrap().ovsdb_server, State::NotOurs { pid: database });
        for error in [daemon::start(layout, options()).unwrap_err(), daemon::stop(layout, TIMEOUT).unwrap_err()] {
            assert!(matches!(error, DaemonError::NotOurs { pid, .. } if pid == database), "{error}");
        }
        fs::write(&record, text).unwrap();
        assert_eq!(pid(layout, Daemon::Database), database);
    });
}

#[test]
fn a_start_that_was_killed_before_it_knew_the_pid_is_taken_up() {
    with_layout(|layout| {
        start(layout);
        let switch = pid(layout, Daemon::Switch);
        let record = layout.run_dir.join("ovs-vswitchd.ovsns");
        let text = fs::read_to_string(&record).unwrap();
        let (start, _) = text.split_once("\"process\":").unwrap();
        fs::write(&record, format!("{start}\"process\":null}}")).unwrap();
        assert_eq!(pid(layout, Daemon::Switch), switch);
        assert_eq!(fs::read_to_string(&record).unwrap(), text);
    });
}

#[test]
fn a_switch_that_does_not_come_up_takes_the_database_with_it() {
    with_layout(|layout| {
        // ovs-vswitchd cannot open its log.
        fs::create_dir_all(layout.log(Daemon::Switch)).unwrap();
        let error = daemon::start(layout, options()).unwrap_err();
        let DaemonError::Failed { action, source } = &error else { panic!("{error}") };
        assert_eq!(action, "starting ovs-vswitchd");
        assert!(source.to_string().contains("ovs-vswitchd.log"), "{source}");
        let status = daemon::status(layout).unwrap();
        assert_eq!((status.ovsdb_server, status.ovs_vswitchd), (State::NotStarted, State::NotStarted));
        assert_eq!(entries(&layout.run_dir), [""; 0]);
    });
}

#[test]
fn a_start_that_runs_out_of_time_leaves_nothing_running() {
    with_layout(|layout| {
        let error = daemon::start(layout, Options { timeout: Duration::from_millis(1), ..options() }).unwrap_err();
        assert!(matches!(error, DaemonError::Deadline { .. }), "{error}");
        let status = daemon::status(layout).unwrap();
        assert_eq!((status.ovsdb_server, status.ovs_vswitchd), (State::NotStarted, State::NotStarted));
    });
}

#[test]
fn the_failure_of_the_database_is_told_with_its_log() {
    with_layout(|layout| {
        fs::create_dir_all(&layout.state_dir).unwrap();
        fs::write(layout.database(), "no database\n").unwrap();
        let error = daemon::start(layout, options()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(
            error.to_string().contains("needs-conversion") && source.contains("unexpected file format"),
            "{error}: {source}"
        );
        assert_eq!(fs::read_to_string(layout.database()).unwrap(), "no database\n");
    });
}

#[test]
fn stale_sockets_locks_and_foreign_files_are_told_apart() {
    with_layout(|layout| {
        for dir in [&layout.run_dir, &layout.state_dir] {
            fs::create_dir_all(dir).unwrap();
        }
        let stale = ["db.sock", "ovsdb-server.4194304.ctl", "ovs-vswitchd.4194304.ctl", "br9.mgmt"];
        for name in stale {
            drop(UnixListener::bind(layout.run_dir.join(name)).unwrap());
        }
        fs::write(layout.run_dir.join("notes"), "mine").unwrap();
        fs::write(layout.state_dir.join(".conf.db.~lock~"), "").unwrap();
        start(layout);
        let left = entries(&layout.run_dir);
        assert!(stale[1..].iter().all(|name| !left.iter().any(|file| file == name)), "{left:?}");
        stop(layout);
        assert_eq!(entries(&layout.run_dir), ["notes"]);
        assert_eq!(entries(&layout.state_dir), ["conf.db", "lock"]);
    });
}
