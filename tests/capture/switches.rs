//! A whole switch, of each kind.

use nix::sys::signal::Signal;

use super::common::pid::wait_for_end;
use super::common::tool::{inside, run};
use super::common::traffic::pings;
use super::lab::{Lab, SwitchKind};
use super::pcapng::File;
use super::watching::{Watching, packets_in, read, without_time};

fn three_namespaces(lab: &Lab) {
    lab.add_br("sw1", "--ip 10.0.0.254/24");
    for number in 1..=3 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24"));
    }
    // neighbours and ports are known from now on: what passes then is for one port alone
    for number in 2..=3 {
        assert!(pings("ns1", &format!("10.0.0.{number}")));
    }
}

fn watch(lab: &Lab, options: &[&str]) -> Watching {
    Watching::ours_with(&lab.cli, &[&["capture", "sw1"], options].concat())
}

fn ping(from: &str, count: usize, to: &str) {
    run(&inside(from, &format!("ping -q -n -c{count} -i0.01 {to}")));
}

/// Each frame once: between two ports, from the host and to it.
pub fn the_whole_switch_is_seen(lab: &Lab) {
    three_namespaces(lab);
    let before = lab.inventory();
    let lines = watch(lab, &["--filter", "icmp"]);
    let file = watch(lab, &["--filter", "icmp", "-w", "/run/x.pcapng"]);
    ping("ns1", 3, "10.0.0.2");
    ping("ns3", 1, "10.0.0.254");
    ping("host", 2, "10.0.0.3");
    lines.lines(12);
    packets_in("/run/x.pcapng", 12);
    let (lines, file) = (lines.stop(), file.stop());
    for ended in [&lines, &file] {
        assert!(ended.stderr.contains("ovsns: 12 packets captured, 0 dropped by kernel"), "{ended:?}");
    }
    assert_eq!(without_time(&lines.stdout), read("/run/x.pcapng"));
    let count = |from: &str, to: &str| lines.stdout.matches(&format!("IP {from} > {to}: ICMP")).count();
    assert_eq!((count("10.0.0.1", "10.0.0.2"), count("10.0.0.2", "10.0.0.1")), (3, 3));
    assert_eq!((count("10.0.0.3", "10.0.0.254"), count("10.0.0.254", "10.0.0.3")), (3, 3));
    let interfaces = File::read("/run/x.pcapng").interfaces;
    assert_eq!(interfaces.iter().map(|interface| interface.name.as_str()).collect::<Vec<_>>(), ["sw1"]);
    assert_eq!(lab.inventory(), before);
    assert!(
        !run("ip -d link show sw1").contains("promiscuity 1") || !lab.is_linux(),
        "it is promiscuous for that time only"
    );
}

/// The lock is free while it runs, and what is made meanwhile is seen.
pub fn others_change_the_switch_meanwhile(lab: &Lab) {
    three_namespaces(lab);
    let watching = watch(lab, &["--filter", "icmp and host 10.0.0.4"]);
    lab.ok("add-port sw1 ns4 --ip 10.0.0.4/24");
    ping("ns4", 2, "10.0.0.1");
    watching.lines(4);
    lab.ok("del-port sw1 ns4");
    assert!(watching.stop().stderr.contains("ovsns: 4 packets captured"));
}

/// Also of what the mirror takes on Open vSwitch.
pub fn a_signal_leaves_nothing(lab: &Lab) {
    three_namespaces(lab);
    let before = lab.inventory();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let watching = watch(lab, &["--filter", "icmp", "-w", "/run/x.pcapng"]);
        assert_eq!(lab.inventory() == before, lab.is_linux(), "a mirror and its port, while it runs");
        ping("ns1", 1, "10.0.0.2");
        packets_in("/run/x.pcapng", 2);
        watching.signal(signal);
        let ended = watching.end();
        assert_eq!(ended.code, 0, "{signal}: {ended:?}");
        assert_eq!(lab.inventory(), before, "{signal}");
        assert_eq!(read("/run/x.pcapng").len(), 2);
    }
    let refused = lab.run("capture sw1 --filter and");
    assert_eq!(refused.code, 2);
    assert_eq!(lab.inventory(), before, "a filter that is none makes nothing");
    assert_eq!(lab.run("capture sw1 -w /nosuch/x").code, 1);
    assert_eq!(lab.inventory(), before, "a file that cannot be made leaves nothing");
}

pub fn a_killed_capture_is_found_dead(lab: &Lab) {
    three_namespaces(lab);
    let before = lab.inventory();
    let watching = watch(lab, &[]);
    let pid = watching.pid();
    watching.kill();
    wait_for_end(pid.try_into().unwrap());
    let found = lab.ok("gc");
    assert_eq!(found.contains(&format!("- mirror ovsns-capture-{pid}-")), !lab.is_linux(), "{found}");
    let removed = lab.ok("gc --yes");
    assert_eq!(removed == "nothing is dead\n", lab.is_linux(), "{removed}");
    assert_eq!(lab.inventory(), before);
    assert_eq!(lab.ok("gc"), "nothing is dead\n");
    assert!(pings("ns1", "10.0.0.2"));
}

/// To the collector of garbage a capture that runs must not look like one.
pub fn a_live_capture_is_left_alone(lab: &Lab) {
    three_namespaces(lab);
    let watching = watch(lab, &["--filter", "icmp"]);
    assert_eq!(lab.ok("gc"), "nothing is dead\n");
    assert_eq!(lab.ok("gc --yes"), "nothing is dead\n");
    assert_eq!(lab.ok("gc --yes --backend linux"), "nothing is dead\n", "also where the mirror is not seen");
    ping("ns1", 1, "10.0.0.2");
    watching.lines(2);
    watching.stop();
}

pub fn a_switch_that_goes_ends_it(lab: &Lab) {
    three_namespaces(lab);
    let watching = watch(lab, &["-w", "/run/x.pcapng"]);
    lab.ok("del-br sw1");
    let ended = watching.end();
    assert_eq!(ended.code, 0, "{ended:?}");
    File::read("/run/x.pcapng");
    assert_eq!(lab.ok("gc"), "nothing is dead\n");
}

/// Pasted, it captures and takes away what it made.
pub fn what_is_explained_does_the_same(lab: &Lab) {
    three_namespaces(lab);
    let before = lab.inventory();
    let explain =
        ["capture", "sw1", "--filter", "icmp and src 10.0.0.1", "--count", "2", "-w", "/run/x.pcap", "--explain"];
    let script = lab.cli.ok(&explain);
    let mut bash = std::process::Command::new("bash");
    bash.args(["-e", "-c", &script]);
    if !lab.is_linux() {
        bash.env("OVS_RUNDIR", lab.ovs().run_dir());
    }
    let pasted = Watching::start(bash, "listening on");
    // ovs-vswitchd may take a second until it copies what it has forwarded before; in one transaction, as we make it, it does not
    ping("ns1", 300, "10.0.0.2");
    let ended = pasted.end();
    assert_eq!(ended.code, 0, "{script}: {ended:?}");
    assert_eq!(read("/run/x.pcap").len(), 2);
    assert_eq!(lab.inventory(), before);
    let planned = lab.ok("capture sw1 --dry-run");
    assert_eq!(planned.contains("4 to add, 0 to change, 0 to remove"), !lab.is_linux(), "{planned}");
    assert_eq!(lab.inventory(), before);
}

/// What passes between access ports bears the tag of its VLAN, and what passes untagged bears none.
pub fn vlans_are_seen(lab: &Lab) {
    if lab.kind == SwitchKind::Linux && !super::common::require::has(super::common::require::Feature::VlanFiltering) {
        println!("skipped: needs VlanFiltering");
        return;
    }
    lab.add_br("sw1", "");
    for (netns, address, options) in
        [("ns1", 1, "--tag 10"), ("ns2", 2, "--tag 10"), ("ns3", 3, "--tag 20"), ("ns4", 4, "--tag 20")]
    {
        lab.ok(&format!("add-port sw1 {netns} --ip 10.0.0.{address}/24 {options}"));
    }
    let [all, tagged, other] =
        ["icmp or (vlan and icmp)", "vlan 10 and icmp", "vlan 30"].map(|f| watch(lab, &["--filter", f]));
    ping("ns1", 1, "10.0.0.2");
    ping("ns3", 1, "10.0.0.4");
    all.lines(4);
    tagged.lines(2);
    let lines = without_time(&all.stop().stdout);
    let begins: Vec<&str> = lines.iter().map(|line| line.split(" > ").next().unwrap()).collect();
    let expected =
        [(10, 1), (10, 2), (20, 3), (20, 4)].map(|(vlan, number)| format!("vlan {vlan}, p 0, IP 10.0.0.{number}"));
    assert_eq!(begins, expected);
    assert_eq!(tagged.stop().stdout.lines().count(), 2);
    assert_eq!(other.stop().stdout.lines().count(), 0);
}
