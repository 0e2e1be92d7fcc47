//! What happens while a run is under way: a signal, or somebody who takes away what it stands on. The run is held where it
//! waits for ovs-vswitchd, which is stopped.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::common::running::Running;
use crate::common::{require, sandbox};
use crate::{Host, assert_refused, sh};

/// Stops ovs-vswitchd and starts `command`; returns when the database meets `condition`, in the words of `ovs-vsctl wait-until`: then
/// its transaction stands, and it waits for ovs-vswitchd.
fn hold(host: &mut Host, command: &str, condition: &str) -> Running {
    host.ovs().stop_vswitchd();
    let arguments: Vec<&str> = ["--timeout", "20"].into_iter().chain(command.split(' ')).collect();
    let running = Running::start(host.cli.command(&arguments));
    let wait: Vec<&str> = ["--no-wait", "wait-until"].into_iter().chain(condition.split(' ')).collect();
    host.ovs().vsctl(&wait);
    running
}

#[test]
fn signals_undo_it_at_once() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0\nadd-port sw0 ns1 --ip 10.0.0.1/24");
        let before = host.world();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            let own_port = host.ovs().vsctl(&["get", "Port", "sw0", "_uuid"]);
            for (command, condition) in [
                ("add-port sw0 ns2 --ip 10.0.0.2/24", "Port veth-ns2"),
                ("add-br sw1 --datapath netdev", "Bridge sw1"),
                ("del-ns ns1", &format!("Bridge sw0 ports={}", own_port.trim())),
            ] {
                let running = hold(&mut host, command, condition);
                let start = Instant::now();
                running.signal(signal);
                assert_refused(&running.end(), 1, command, &["interrupted; what had been done is undone"]);
                assert!(start.elapsed() < Duration::from_secs(10), "{signal} was heeded after {:?}", start.elapsed());
                host.world().assert_is(&before, &format!("{signal} during {command}"));
                host.ovs().continue_vswitchd();
            }
        }
        host.ok("add-port sw0 ns2 --ip 10.0.0.2/24\nexec ns2 -- ping -c1 -W5 10.0.0.1");
    });
}

#[test]
fn a_namespace_that_vanishes() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        let before = host.world();
        for command in ["add-port sw0 ns1", "add-port sw0 ns1 --ip 10.0.0.1/24"] {
            let running = hold(&mut host, command, "Port veth-ns1");
            sh("ip netns del ns1");
            host.ovs().continue_vswitchd();
            assert_refused(&running.end(), 1, command, &["ns1"]);
            host.world().assert_is(&before, command);
        }
    });
}

#[test]
fn a_namespace_that_was_there_and_vanishes() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        let before = host.world();
        host.ok("add-ns ns1");
        let running = hold(&mut host, "add-port sw0 ns1 --ip 10.0.0.1/24", "Port veth-ns1");
        sh("ip netns del ns1");
        host.ovs().continue_vswitchd();
        assert_refused(&running.end(), 1, "add-port", &["ns1"]);
        host.world().assert_is(&before, "the port of a namespace that vanished");
    });
}

#[test]
fn a_device_that_vanishes() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        let before = host.world();
        let running = hold(&mut host, "add-port sw0 ns1", "Port veth-ns1");
        sh("ip link del veth-ns1");
        host.ovs().continue_vswitchd();
        assert_refused(&running.end(), 1, "add-port", &["veth-ns1"]);
        host.world().assert_is(&before, "the port of a device that vanished");
    });
}

/// The transaction may stand or not: nobody answers. What cannot be undone is told, and the next run does it.
#[test]
fn a_database_that_stops() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        let before = host.world();
        host.ovs().stop_vswitchd();
        let running = Running::start(host.cli.command(&["--timeout", "1", "add-port", "sw0", "ns1"]));
        host.ovs().vsctl(&["--no-wait", "wait-until", "Port", "veth-ns1"]);
        host.ovs().stop_server();
        let says = ["no answer from the", "undoing failed", "still to do", "- port veth-ns1 on sw0", "ovsns gc --yes"];
        assert_refused(&running.end(), 4, "add-port", &says);
        host.ovs().continue_server();
        host.ovs().continue_vswitchd();
        host.ok("gc --yes");
        host.world().assert_is(&before, "what could not be undone, after gc");
    });
}

/// Who waits for the lock, or for the database, has nothing to undo.
#[test]
fn signals_end_a_wait() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        let first = hold(&mut host, "add-port sw0 ns1", "Port veth-ns1");
        let waiting = Running::start(host.cli.command(&["--timeout", "20", "add-ns", "ns2"]));
        waiting.opens("/run/ovsns/lock-");
        let start = Instant::now();
        waiting.signal(Signal::SIGINT);
        assert_refused(&waiting.end(), 1, "add-ns", &["interrupted"]);
        assert!(start.elapsed() < Duration::from_secs(10), "heeded after {:?}", start.elapsed());
        host.ovs().continue_vswitchd();
        assert_eq!(first.end().code, 0);
        let before = host.world();
        host.ovs().stop_server();
        let waiting = Running::start(host.cli.command(&["--timeout", "20", "add-port", "sw0", "ns2"]));
        waiting.opens("/run/ovsns/lock-");
        let start = Instant::now();
        waiting.signal(Signal::SIGTERM);
        assert_refused(&waiting.end(), 1, "add-port", &["interrupted"]);
        assert!(start.elapsed() < Duration::from_secs(10), "heeded after {:?}", start.elapsed());
        host.ovs().continue_server();
        host.world().assert_is(&before, "a run that waited has changed something");
    });
}

/// One run at a time: the second waits, and says for whom it waited in vain.
#[test]
fn another_run() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        let running = hold(&mut host, "add-port sw0 ns1", "Port veth-ns1");
        let says = host.cli.fails(5, &["--timeout", "0.5", "add-ns", "ns2"]);
        for words in ["another ovsns (pid ", "is changing this host", "gave up after", "--timeout"] {
            assert!(says.contains(words), "{words}: {says}");
        }
        let waiting = Running::start(host.cli.command(&["add-port", "sw0", "ns2"]));
        host.ovs().continue_vswitchd();
        assert_eq!((running.end().code, waiting.end().code), (0, 0));
        assert!(host.world().has("row Port veth-ns2"));
    });
}
