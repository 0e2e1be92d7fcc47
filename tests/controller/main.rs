//! `ovsns run`: each kind of drift is healed, and nothing is done where nothing happens.

#![allow(clippy::unwrap_used, clippy::print_stdout)] // clippy.toml spares #[test] functions alone

#[path = "../common/mod.rs"]
mod common;
mod kept;

use std::time::{Duration, Instant};

use common::cli::Cli;
use common::ovs::Ovs;
use common::{require, sandbox, tool};
use nix::sys::signal::Signal;

use kept::{FILE, Kept, PATIENCE, shows};

/// Two namespaces on a Linux bridge, and one without any port.
const BRIDGE: &str = "\
lab: campus
switches: { br1: { backend: linux, ip: [10.1.0.254/24] } }
namespaces:
  ns1: { ports: [ { switch: br1, ip: 10.1.0.1/24, gw: 10.1.0.254 } ] }
  ns2: { ports: [ { switch: br1, ip: 10.1.0.2/24 } ] }
  alone: {}
links: [ { a: alone, b: ns2, a-ip: 10.9.0.1/30, b-ip: 10.9.0.2/30 } ]
";

const OVS: &str = "\
lab: campus
switches: { OVS-1: { backend: ovs, ip: [10.0.0.254/24] } }
namespaces:
  ns1: { ports: [ { switch: OVS-1, ip: 10.0.0.1/24, tag: 10 } ] }
  ns2: { ports: [ { switch: OVS-1, ip: 10.0.0.2/24 } ] }
";

fn run(command: &str) {
    tool::run(command);
}

fn has_address(netns: &str, address: &str) -> bool {
    shows(&format!("ip -n {netns} -o address show"), &[address])
}

fn is_port_of(port: &str, switch: &str) -> bool {
    shows(&format!("ip link show dev {port}"), &[&format!("master {switch}"), "UP"])
}

fn diff(cli: &Cli) -> String {
    cli.ok(&["diff", FILE])
}

#[test]
fn what_is_broken_on_a_linux_bridge_is_healed() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let mut kept = Kept::start(&cli, BRIDGE);
        let in_ns1 = || has_address("ns1", "10.1.0.1/24");
        kept.heals("address in a namespace", || run("ip -n ns1 address del 10.1.0.1/24 dev eth1-ns1"), in_ns1);
        kept.heals(
            "address in a namespace behind another",
            || run("ip -n alone address flush dev eth1-alone"),
            || has_address("alone", "10.9.0.1/30"),
        );
        kept.heals(
            "route",
            || run("ip -n ns1 route del default"),
            || shows("ip -n ns1 route", &["default via 10.1.0.254"]),
        );
        kept.heals("device set down", || run("ip link set veth-ns1 down"), || is_port_of("veth-ns1", "br1"));
        kept.heals("port", || run("ip link set veth-ns1 nomaster"), || is_port_of("veth-ns1", "br1"));
        kept.heals(
            "link",
            || run("ip link del veth-ns2"),
            || is_port_of("veth-ns2", "br1") && has_address("ns2", "10.1.0.2/24"),
        );
        kept.heals("namespace", || run("ip netns del ns1"), || in_ns1() && is_port_of("veth-ns1", "br1"));
        kept.heals("namespace without a port", || run("ip netns del alone"), || has_address("alone", "10.9.0.1/30"));
        kept.heals(
            "switch",
            || run("ip link del br1"),
            || is_port_of("veth-ns1", "br1") && shows("ip -o address show dev br1", &["10.1.0.254/24"]),
        );
        kept.heals(
            "MTU",
            || run("ip -n ns1 link set eth1-ns1 mtu 1400"),
            || shows("ip -n ns1 link show dev eth1-ns1", &["mtu 1500"]),
        );
        assert_eq!(diff(&cli).trim(), "lab campus is as its file says");
        run("ip netns exec ns1 ping -c1 -W5 10.1.0.2");
        kept.end(Signal::SIGTERM);
        assert_eq!(diff(&cli).trim(), "lab campus is as its file says");
    });
}

#[test]
fn what_is_broken_on_open_vswitch_is_healed() {
    require!(OpenVswitch);
    sandbox::run_blocking(|| {
        let mut ovs = Ovs::start();
        let cli = Cli::with(&ovs);
        let mut kept = Kept::start(&cli, OVS);
        let is_port = |ovs: &Ovs, port: &str| ovs.vsctl(&["list-ports", "OVS-1"]).lines().any(|line| line == port);
        kept.heals("port", || drop(ovs.vsctl(&["del-port", "veth-ns1"])), || is_port(&ovs, "veth-ns1"));
        kept.heals(
            "tag",
            || drop(ovs.vsctl(&["set", "Port", "veth-ns1", "tag=20"])),
            || ovs.vsctl(&["get", "Port", "veth-ns1", "tag"]).trim() == "10",
        );
        kept.heals(
            "link",
            || run("ip link del veth-ns2"),
            || has_address("ns2", "10.0.0.2/24") && is_port(&ovs, "veth-ns2"),
        );
        kept.heals(
            "switch",
            || drop(ovs.vsctl(&["del-br", "OVS-1"])),
            || {
                ovs.vsctl(&["list-br"]).contains("OVS-1")
                    && is_port(&ovs, "veth-ns1")
                    && shows("ip -o address show dev OVS-1", &["10.0.0.254/24"])
            },
        );
        let has_own_address = || shows("ip -o address show dev OVS-1", &["10.0.0.254/24"]);
        ovs.kill_vswitchd();
        ovs.start_vswitchd();
        let begin = Instant::now();
        while !(has_own_address() && shows("ip link show dev OVS-1", &["UP"])) {
            assert!(begin.elapsed() < PATIENCE, "vswitchd restarted: {:#?}", kept.said);
            std::thread::yield_now();
        }
        println!("vswitchd restarted: healed {} ms after it was there", begin.elapsed().as_millis());
        kept.is_quiet(Duration::from_millis(500));

        kept.said.clear();
        ovs.kill_server();
        kept.says("no Open vSwitch database answers");
        ovs.start_server();
        kept.says("as its file says again");
        kept.is_quiet(Duration::from_millis(300));
        let told = kept.said.iter().filter(|line| line.starts_with("ovsns: ")).count();
        assert_eq!(told, 2, "told more than once: {:#?}", kept.said);
        kept.said.clear();
        kept.heals(
            "port, after the database was away",
            || drop(ovs.vsctl(&["del-port", "veth-ns1"])),
            || is_port(&ovs, "veth-ns1"),
        );
        assert_eq!(diff(&cli).trim(), "lab campus is as its file says");
        kept.end(Signal::SIGTERM);
    });
}

#[test]
fn rules_that_are_flushed_come_back() {
    require!(NftNat);
    sandbox::run_blocking(|| {
        run("ip link add up0 type veth peer name up1");
        run("ip address add 192.0.2.1/24 dev up0");
        let cli = Cli::new();
        let mut kept = Kept::start(&cli, &format!("{BRIDGE}nat: [ {{ switch: br1, out: up0 }} ]\n"));
        let has_rules = || shows("nft list ruleset", &["masquerade", "br1"]);
        kept.heals("rules", || run("nft flush ruleset"), has_rules);
        kept.end(Signal::SIGTERM);
    });
}

#[test]
fn nothing_is_done_where_nothing_happens() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let mut kept = Kept::start(&cli, BRIDGE);
        // Duplicate address detection and the like have ended.
        kept.is_quiet(Duration::from_secs(3));
        let (before, looks) = (kept.usage().0, kept.looks);
        let begin = Instant::now();
        kept.is_quiet(Duration::from_secs(5));
        let (used, took) = (kept.usage().0 - before, begin.elapsed());
        println!(
            "idle: {} looks and {} ms of processor time in {} s",
            kept.looks - looks,
            used.as_millis(),
            took.as_secs()
        );
        assert_eq!(kept.looks, looks);
        assert!(used <= Duration::from_millis(10), "{used:?} in {took:?}");
        // What it does itself makes events too: one more look, and no loop.
        kept.said.clear();
        let looks = kept.looks;
        run("ip -n ns1 address del 10.1.0.1/24 dev eth1-ns1");
        kept.says("healed");
        kept.is_quiet(Duration::from_secs(3));
        assert!(kept.looks - looks <= 4, "{} looks", kept.looks - looks);
        kept.end(Signal::SIGINT);
    });
}

#[test]
fn somebody_who_breaks_it_again_and_again_is_outlasted() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let mut kept = Kept::start(&cli, BRIDGE);
        let begin = Instant::now();
        let healed = |kept: &Kept| kept.said.iter().filter(|line| line.contains("healed: + address")).count();
        while begin.elapsed() < Duration::from_secs(5) {
            tool::output("ip -n ns1 address del 10.1.0.1/24 dev eth1-ns1");
            kept.is_quiet(Duration::from_millis(50));
        }
        // Five at once, then after 1 and 2 more seconds.
        assert!((5..=8).contains(&healed(&kept)), "{:#?}", kept.said);
        assert!(kept.said.iter().any(|line| line.contains("breaks again and again")), "{:#?}", kept.said);
        kept.said.clear();
        // Something else is healed at once all the same.
        kept.heals(
            "another address",
            || run("ip -n ns2 address del 10.1.0.2/24 dev eth1-ns2"),
            || has_address("ns2", "10.1.0.2/24"),
        );
        kept.end(Signal::SIGTERM);
    });
}

/// `OVSNS_TEST_HEALS=10000` for longer.
#[test]
fn its_memory_does_not_grow_with_what_it_heals() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let heals = std::env::var("OVSNS_TEST_HEALS").map_or(60, |text| text.parse().unwrap());
        std::fs::write(FILE, BRIDGE).unwrap();
        let mut kept = Kept::start_again(&cli, &["--longest-pause", "0.001"]);
        let heal = |kept: &mut Kept| {
            kept.said.clear();
            run("ip -n ns1 address del 10.1.0.1/24 dev eth1-ns1");
            kept.says("healed: + address");
        };
        (0..20).for_each(|_| heal(&mut kept));
        let before = kept.usage().1;
        (0..heals).for_each(|_| heal(&mut kept));
        let after = kept.usage().1;
        println!("memory: {before} KiB after 20 heals, {after} KiB after {heals} more");
        assert!(after < before + 1024, "{before} KiB, then {after} KiB");
        kept.end(Signal::SIGTERM);
    });
}

#[test]
fn a_hangup_reads_the_file_again_and_a_broken_one_is_told() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let mut kept = Kept::start(&cli, BRIDGE);
        std::fs::write(FILE, BRIDGE.replace("10.1.0.2/24", "10.1.0.3/24")).unwrap();
        kept.signal(Signal::SIGHUP);
        kept.says("applied: + address 10.1.0.3/24");
        assert!(has_address("ns2", "10.1.0.3/24") && !has_address("ns2", "10.1.0.2/24"));
        kept.is_quiet(Duration::from_millis(300));
        kept.said.clear();
        std::fs::write(FILE, BRIDGE.replace("switch: br1", "switch: br2")).unwrap();
        kept.signal(Signal::SIGHUP);
        kept.says("what the file said before goes on");
        kept.said.clear();
        kept.heals(
            "what it kept before",
            || run("ip -n ns2 address del 10.1.0.3/24 dev eth1-ns2"),
            || has_address("ns2", "10.1.0.3/24"),
        );
        std::fs::write(FILE, BRIDGE.replace("campus", "other")).unwrap();
        kept.signal(Signal::SIGHUP);
        kept.says("the file is of lab other now");
        kept.end(Signal::SIGTERM);
    });
}

#[test]
fn others_are_waited_for_and_told_who_keeps_the_lab() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let mut kept = Kept::start(&cli, BRIDGE);
        for verb in ["destroy", "rollback"] {
            let said = cli.fails(1, &[verb, "--lab", "campus"]);
            assert!(said.contains(&format!("by `ovsns run` (pid {})", kept.pid())), "{said}");
        }
        let said = cli.fails(1, &["run", FILE]);
        assert!(said.contains("lab campus is kept already"), "{said}");
        // Another run holds the lock: the controller heals when it is free.
        let id = std::fs::metadata("/proc/thread-self/ns/net").map(|file| std::os::unix::fs::MetadataExt::ino(&file));
        let lock = std::fs::File::open(format!("/run/ovsns/lock-{}", id.unwrap())).unwrap();
        lock.lock().unwrap();
        run("ip -n ns1 address del 10.1.0.1/24 dev eth1-ns1");
        kept.is_quiet(Duration::from_secs(1));
        assert!(!has_address("ns1", "10.1.0.1/24"));
        drop(lock);
        kept.says("healed: + address 10.1.0.1/24");
        kept.end(Signal::SIGTERM);
        cli.ok(&["destroy", "--lab", "campus"]);
    });
}

#[test]
fn the_end_leaves_the_lab_or_takes_it_away() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let lab = format!("{BRIDGE}run: {{ ns1: [ \"exec sleep 1000\" ] }}\n");
        let kept = Kept::start(&cli, &lab);
        kept.end(Signal::SIGTERM);
        assert_eq!(tool::run("ip netns pids ns1").lines().count(), 1);
        let kept = Kept::start_again(&cli, &["--destroy-on-exit"]);
        kept.end(Signal::SIGINT);
        assert_eq!(tool::run("ip netns list"), "");
        assert!(!tool::succeeds("ip link show br1"));
    });
}

#[test]
fn programs_are_kept_too() {
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        let program = "run: { ns1: [ { command: exec sleep 1000, restart: always } ] }\n";
        let mut kept = Kept::start(&cli, &format!("{BRIDGE}{program}"));
        let pids = || tool::run("ip netns pids ns1");
        let before = pids();
        kept.heals("program", || run(&format!("kill -9 {before}")), || pids().lines().count() == 1);
        kept.heals(
            "program in a namespace made anew",
            || run("ip netns del ns1"),
            || tool::output("ip netns pids ns1").stdout.len() > 1,
        );
        assert_ne!(pids(), before);
        let status = cli.ok(&["status", "--lab", "campus"]);
        assert!(
            status.contains("program sleep in ns1: runs, pid ") || status.contains("in ns1: runs, pid "),
            "{status}"
        );
        kept.end(Signal::SIGTERM);
        cli.ok(&["destroy", "--lab", "campus"]);
        assert_eq!(tool::run("ip netns list"), "");
    });
}
