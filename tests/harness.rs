//! The tests' own tools: what they promise to the other tests.

mod common;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use common::ovs::Ovs;
use common::require;
use common::require::test_of;
use common::sandbox;

fn is_alive(pid: &u32) -> bool {
    PathBuf::from(format!("/proc/{pid}")).exists()
}

#[test]
fn names_of_tests_are_those_that_libtest_prints() {
    assert_eq!(test_of("ovs::plain::here"), ("ovs", "plain"));
    assert_eq!(test_of("ovs::vlan::tags::here"), ("ovs", "vlan::tags"));
    assert_eq!(test_of("ovs::vlan::tags::{{closure}}::{{closure}}::here"), ("ovs", "vlan::tags"));
}

#[test]
fn what_is_there_is_not_missing() {
    require!(Root);
    assert!(!require::lacks(&[require::Feature::Root], "harness::x::here"));
}

#[test]
fn the_kernel_datapath_forwards() {
    require!(Root, OpenVswitch, KernelDatapath);
    sandbox::run(|| async {
        let ovs = Ovs::start();
        ovs.add_br("sw0");
        assert_eq!(ovs.datapath_type(), "system");
        assert_eq!(ovs.vsctl(&["get", "Interface", "sw0", "ofport"]).trim(), "65534");
    });
}

#[test]
fn a_private_ovs_serves_and_goes() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let ovs = Ovs::start();
        ovs.add_br("sw0");
        assert_eq!(ovs.vsctl(&["list-br"]), "sw0\n");
        let (pids, run_dir) = (ovs.pids(), ovs.run_dir().to_owned());
        assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 2);
        drop(ovs);
        assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 0);
        assert!(!run_dir.exists());
    });
}

#[test]
fn a_panicking_test_leaves_no_process() {
    require!(Root, OpenVswitch);
    let (send, receive) = std::sync::mpsc::channel();
    let test = std::thread::spawn(move || {
        sandbox::run(|| async move {
            let ovs = Ovs::start();
            send.send(ovs.pids()).unwrap();
            panic!("expected: this is the test that fails");
        });
    });
    let pids = receive.recv().unwrap();
    assert!(test.join().is_err());
    assert_eq!(pids.iter().filter(|pid| is_alive(pid)).count(), 0);
}

#[test]
fn a_stopped_vswitchd_answers_nobody_until_it_goes_on() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let ovs = Ovs::start();
        ovs.stop_vswitchd();
        let refused = ovs.command("ovs-vsctl").args(["--timeout=1", "add-br", "sw0"]).output().unwrap();
        assert!(!refused.status.success());
        ovs.continue_vswitchd();
        // waits for vswitchd, and would run into its deadline
        ovs.add_br("sw1");
    });
}

#[test]
fn a_killed_vswitchd_can_be_started_again() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut ovs = Ovs::start();
        ovs.add_br("sw0");
        ovs.kill_vswitchd();
        assert_eq!(ovs.pids().len(), 1);
        ovs.start_vswitchd();
        ovs.add_br("sw1");
        assert_eq!(ovs.vsctl(&["list-br"]), "sw0\nsw1\n");
    });
}

#[test]
fn a_stopped_server_accepts_and_says_nothing() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let ovs = Ovs::database_only();
        ovs.stop_server();
        let before = Instant::now();
        let status =
            Command::new("timeout").arg("1").args(["ovsdb-client", "list-dbs", &ovs.remote()]).status().unwrap();
        assert_eq!(status.code(), Some(124));
        assert!(before.elapsed() >= Duration::from_secs(1));
        ovs.continue_server();
        assert!(ovs.vsctl(&["list-br"]).is_empty());
    });
}
