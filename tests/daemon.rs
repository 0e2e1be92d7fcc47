//! `ovsns::daemon` against the real ovsdb-server and ovs-vswitchd.

#![allow(clippy::unwrap_used, clippy::expect_used)] // clippy.toml spares #[test] functions alone

mod common;
#[path = "daemon/faults.rs"]
mod faults;
#[path = "daemon/ovs.rs"]
mod ovs;
#[path = "daemon/traffic.rs"]
mod traffic;

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use ovs::{Ovs, entries, links, options, pid, start, stop, vsctl, with_layout};
use ovsns::daemon::{self, Daemon, DaemonError, Datapath, Ended, Launch, Layout, Started, State, Stopped};

#[test]
fn a_start_leaves_a_working_switch_and_a_stop_leaves_nothing() {
    with_layout(|layout| {
        let started = start(layout);
        assert_eq!((started.ovsdb_server, started.ovs_vswitchd), (Launch::Started, Launch::Started));
        assert_eq!((started.datapath, started.socket), (Datapath::Userspace, PathBuf::from("/run/ovsns/ovs/db.sock")));
        vsctl(layout, &["add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev"]);
        assert_eq!(links(), ["ovs-netdev", "br1"]);
        let stopped = stop(layout);
        assert_eq!(stopped, Stopped { ovsdb_server: Ended::Exited, ovs_vswitchd: Ended::Exited });
        assert_eq!(links(), [""; 0]);
        assert!(!layout.run_dir.exists(), "{:?}", entries(&layout.run_dir));
        assert_eq!(entries(&layout.state_dir), ["conf.db", "lock"]);
        // What was configured is there again at the next start.
        start(layout);
        assert_eq!(vsctl(layout, &["list-br"]), "br1");
    });
}

#[test]
fn status_tells_pid_start_and_version() {
    with_layout(|layout| {
        let before = daemon::status(layout).unwrap();
        let json = serde_json::to_value(&before).unwrap();
        assert_eq!(json["ovs-vswitchd"]["state"], "not-started");
        assert_eq!((before.ovsdb_server, before.ovs_vswitchd), (State::NotStarted, State::NotStarted));
        let now = || std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let earliest = now();
        start(layout);
        let installed = Command::new("ovs-vswitchd").arg("--version").output().unwrap();
        let installed = String::from_utf8(installed.stdout).unwrap();
        let status = daemon::status(layout).unwrap();
        for (daemon, state) in [(Daemon::Database, status.ovsdb_server), (Daemon::Switch, status.ovs_vswitchd)] {
            let State::Running { pid, since, version } = state else { panic!("{daemon}: {state:?}") };
            assert_eq!(fs::read_to_string(layout.pid_file(daemon)).unwrap().trim(), pid.to_string());
            // btime is rounded to the second.
            assert!((earliest - 2..=now() + 2).contains(&since), "{since}");
            assert!(installed.lines().next().unwrap().ends_with(&version.unwrap()), "{installed}");
        }
        stop(layout);
        let after = daemon::status(layout).unwrap();
        assert_eq!((after.ovsdb_server, after.ovs_vswitchd), (State::NotStarted, State::NotStarted));
    });
}

#[test]
fn a_second_start_changes_nothing() {
    with_layout(|layout| {
        start(layout);
        let pids = [Daemon::Database, Daemon::Switch].map(|daemon| pid(layout, daemon));
        let again = start(layout);
        assert_eq!((again.ovsdb_server, again.ovs_vswitchd), (Launch::AlreadyRunning, Launch::AlreadyRunning));
        assert_eq!(again.datapath, Datapath::Userspace);
        assert_eq!([Daemon::Database, Daemon::Switch].map(|daemon| pid(layout, daemon)), pids);
    });
}

#[test]
fn many_starts_at_once_make_one() {
    with_layout(|layout| {
        let starts: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| start(layout))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let made =
            |launch: fn(&Started) -> Launch| starts.iter().filter(|start| launch(start) == Launch::Started).count();
        assert_eq!((made(|start| start.ovsdb_server), made(|start| start.ovs_vswitchd)), (1, 1));
    });
}

#[test]
fn the_row_says_what_ovs_ctl_says() {
    with_layout(|layout| {
        start(layout);
        let get = |column: &str| vsctl(layout, &["get", "Open_vSwitch", ".", column]).replace('"', "");
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(get("external_ids:hostname"), hostname.trim());
        assert_eq!(get("external_ids:rundir"), "/run/ovsns/ovs");
        let system = Command::new("sh").args(["-c", ". /etc/os-release; echo -n $ID $VERSION_ID"]).output().unwrap();
        assert_eq!(format!("{} {}", get("system_type"), get("system_version")).into_bytes(), system.stdout);
        assert_eq!(get("other_config:userspace-tso-enable"), "true");
        assert!(!get("ovs_version").is_empty() && !get("db_version").is_empty());
        let system_id = get("external_ids:system-id");
        assert_eq!(system_id.len(), 36);
        // What an administrator has set stays; so does the identity.
        vsctl(layout, &["set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=false"]);
        stop(layout);
        start(layout);
        assert_eq!(get("other_config:userspace-tso-enable"), "false");
        assert_eq!(get("external_ids:system-id"), system_id);
    });
}

#[test]
fn tcp_segmentation_offload_is_on_before_the_switch_starts() {
    with_layout(|layout| {
        start(layout);
        let log = fs::read_to_string(layout.log(Daemon::Switch)).unwrap();
        assert!(log.contains("Userspace TCP Segmentation Offloading support enabled"), "{log}");
    });
}

#[test]
fn a_stop_with_nothing_to_stop_says_so() {
    with_layout(|layout| {
        let nothing = Stopped { ovsdb_server: Ended::NotRunning, ovs_vswitchd: Ended::NotRunning };
        assert_eq!(stop(layout), nothing);
        assert!(!layout.state_dir.exists());
        start(layout);
        stop(layout);
        assert_eq!(stop(layout), nothing);
    });
}

#[test]
fn a_second_switch_in_the_same_namespace_is_refused() {
    with_layout(|layout| {
        start(layout);
        let other =
            Layout { state_dir: "/run/2/state".into(), run_dir: "/run/2/run".into(), log_dir: "/run/2/log".into() };
        let error = daemon::start(&other, options()).unwrap_err();
        assert!(
            matches!(error, DaemonError::OtherSwitch { pid: other } if other == pid(layout, Daemon::Switch)),
            "{error}"
        );
        let status = daemon::status(&other).unwrap();
        assert_eq!((status.ovsdb_server, status.ovs_vswitchd), (State::NotStarted, State::NotStarted));
        assert_eq!(entries(&other.run_dir), [""; 0]);
    });
}

#[test]
fn a_database_in_use_elsewhere_is_refused() {
    with_layout(|layout| {
        start(layout);
        let database = pid(layout, Daemon::Database);
        let other = Layout { run_dir: "/run/other".into(), ..layout.clone() };
        // From another network namespace, where no other switch is in the way.
        let error = thread::scope(|scope| {
            let elsewhere = || {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                daemon::start(&other, options()).unwrap_err()
            };
            scope.spawn(elsewhere).join().unwrap()
        });
        assert!(matches!(error, DaemonError::DatabaseInUse { pid, .. } if pid == database), "{error}");
    });
}

#[test]
fn a_database_of_another_schema_is_converted_and_kept() {
    with_layout(|layout| {
        fs::create_dir_all(&layout.state_dir).unwrap();
        let schema = fs::read_to_string("/usr/share/openvswitch/vswitch.ovsschema").unwrap();
        let mut schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        schema["version"] = "7.0.0".into();
        schema.as_object_mut().unwrap().remove("cksum");
        schema["tables"]["Bridge"]["columns"].as_object_mut().unwrap().remove("rstp_status");
        fs::write("/run/old.ovsschema", schema.to_string()).unwrap();
        let database = layout.database();
        let create = ["create", database.to_str().unwrap(), "/run/old.ovsschema"];
        assert!(Command::new("ovsdb-tool").args(create).status().unwrap().success());
        start(layout);
        assert_eq!(vsctl(layout, &["list", "Bridge"]), "");
        assert!(layout.state_dir.join("conf.db.backup-7.0.0").exists(), "{:?}", entries(&layout.state_dir));
    });
}

#[test]
fn missing_programs_are_named_with_their_package() {
    with_layout(|layout| {
        fs::create_dir("/run/empty").unwrap();
        let none = None::<&str>;
        for dir in ["/usr/sbin", "/usr/bin"] {
            nix::mount::mount(Some("/run/empty"), dir, none, nix::mount::MsFlags::MS_BIND, none).unwrap();
        }
        let error = daemon::start(layout, options()).unwrap_err();
        assert!(matches!(error, DaemonError::Missing { program: "ovsdb-server" }), "{error}");
        assert!(error.to_string().contains("apt-get install openvswitch-switch"), "{error}");
        assert!(!layout.run_dir.exists() && !layout.state_dir.exists());
        for dir in ["/usr/sbin", "/usr/bin"] {
            nix::mount::umount(dir).unwrap();
        }
    });
}

#[test]
fn long_directories_are_no_obstacle() {
    with_layout(|_| {
        let long = PathBuf::from("/run").join("d".repeat(120));
        let ovs = Ovs(Layout { state_dir: long.join("state"), run_dir: long.join("run"), log_dir: long.join("log") });
        start(&ovs.0);
        assert_eq!(stop(&ovs.0).ovs_vswitchd, Ended::Exited);
    });
}
