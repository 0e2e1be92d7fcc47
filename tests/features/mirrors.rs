//! Mirrors: a capture at their output sees what they select, and nothing else.

use super::common::sniffer::Sniffer;
use super::common::tool;
use super::common::traffic::{ping_with, pings};
use super::lab::{Lab, SwitchKind};

super::features! {
    ovs: mirror_of_ports(OpenVswitch) mirror_of_one_direction(OpenVswitch) mirror_of_a_switch(OpenVswitch) mirror_of_vlans(OpenVswitch)
        mirror_into_a_vlan(OpenVswitch) mirror_of_short_frames(OpenVswitch) mirrors_of_a_lab(OpenVswitch)
        mirrors_lose_their_ports(OpenVswitch) mirror_to_another_host(OpenVswitch);
    linux: mirror_of_ports(Mirred) mirror_of_one_direction(Mirred) mirrors_of_a_lab(Mirred) mirrors_lose_their_ports(Mirred)
        mirror_to_another_host(Mirred, Erspan);
    linux_refuses: mirror_of_a_switch() mirror_of_vlans() mirror_into_a_vlan() mirror_of_short_frames();
}

/// Three namespaces that know each other, and one that watches.
fn stage(lab: &Lab, options: &str) {
    lab.add_br("sw1", "");
    for number in 1..=3 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24 {options}"));
    }
    lab.ok("add-port sw1 monitor");
    for (from, to) in [("ns1", 2), ("ns2", 3), ("ns3", 1)] {
        assert!(pings(from, &format!("10.0.0.{to}")));
    }
}

fn watch() -> Sniffer {
    Sniffer::start("monitor", "eth1-monitor", "icmp")
}

/// Runs a verb, and has ovs-vswitchd forget what it has cached: by itself it looks at that again half a second later.
fn change(lab: &Lab, words: &str) {
    lab.ok(words);
    if !lab.is_linux() {
        lab.ovs().appctl(&["revalidator/purge"]);
    }
}

/// One echo request with `size` bytes, and its answer.
fn ping(from: &str, to: u8, size: usize) {
    assert!(ping_with(from, &format!("-w20 -s {size}"), &format!("10.0.0.{to}")));
}

/// What of `lines` there is: requests and replies by who sends them and their size; the rest of the headers is left out.
fn told(lines: &[String]) -> Vec<String> {
    let told = |line: &String| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at =
            words.iter().position(|word| *word == ">").map(|_| words.iter().rposition(|word| *word == ">").unwrap());
        let sender = words[at.unwrap() - 1].rsplit('.').next().unwrap();
        let kind = if line.contains("echo request") { "request" } else { "reply" };
        format!("{sender} {kind} {}", words.last().unwrap())
    };
    lines.iter().map(told).collect()
}

fn mirror_of_ports(lab: &Lab) {
    stage(lab, "");
    change(lab, "add-mirror sw1 m1 --to monitor --from ns1");
    let capture = watch();
    ping("ns1", 2, 10);
    ping("ns2", 3, 20);
    ping("ns3", 1, 30);
    // the ICMP header has eight bytes
    let seen = told(&capture.until("echo reply, id"));
    assert_eq!(seen, ["1 request 18", "2 reply 18"]);
    assert_eq!(told(&capture.until("echo reply, id")), ["3 request 38", "1 reply 38"], "nothing of ns2 and ns3");
    assert_eq!(lab.lines("list-mirrors sw1"), ["mirror m1 of sw1 output veth-monitor in veth-ns1 out veth-ns1"]);
    assert!(lab.refused(1, "add-mirror sw1 m1 --to monitor --from ns2").contains("has a mirror m1 already"));
    change(lab, "add-mirror sw1 m2 --to monitor --from ns2 --direction in");
    change(lab, "del-mirror sw1 m1");
    ping("ns1", 3, 40);
    ping("ns2", 3, 50);
    assert_eq!(told(&capture.until("request")), ["2 request 58"], "the second mirror stays");
    change(lab, "del-mirror sw1 m2");
    assert_eq!(lab.lines("list-mirrors"), Vec::<String>::new());
    if lab.is_linux() {
        let left = tool::run("tc qdisc show dev veth-ns1") + &tool::run("tc qdisc show dev veth-ns2");
        assert!(!left.contains("clsact"), "{left}");
    }
    let said = lab.refused(1, "del-mirror sw1 m1");
    assert!(said.contains("has no mirror m1") && said.contains("list-mirrors sw1"), "{said}");
}

/// As the switch sees it: in is what ns1 sends.
fn mirror_of_one_direction(lab: &Lab) {
    stage(lab, "");
    change(lab, "add-mirror sw1 m1 --to monitor --from ns1 --direction in");
    let capture = watch();
    ping("ns1", 2, 10);
    ping("ns3", 1, 20);
    ping("ns1", 2, 30);
    assert_eq!(told(&capture.until("length 38")), ["1 request 18", "1 reply 28", "1 request 38"]);
    change(lab, "del-mirror sw1 m1");
    change(lab, "add-mirror sw1 m1 --to monitor --from veth-ns1,ns3 --direction out");
    ping("ns1", 2, 40);
    ping("ns2", 3, 50);
    assert_eq!(told(&capture.until("length 58")), ["2 reply 48", "2 request 58"]);
    let said = lab.refused(2, "add-mirror sw1 m2 --to monitor --from ns1,monitor");
    assert!(said.contains("what it sends out of veth-monitor itself"), "{said}");
    lab.add_br("sw2", "");
    lab.ok("add-port sw2 ns4");
    let said = lab.refused(1, "add-mirror sw1 m2 --to ns4 --from ns1");
    assert!(said.contains("ns4 has no port on switch sw1, but on sw2"), "{said}");
}

fn mirror_of_a_switch(lab: &Lab) {
    stage(lab, "");
    if lab.is_linux() {
        let said = lab.refused(1, "add-mirror sw1 m1 --to monitor");
        return assert!(said.contains("port by port") && said.contains("--from ns1,ns2"), "{said}");
    }
    change(lab, "add-mirror sw1 m1 --to monitor");
    let capture = watch();
    ping("ns1", 2, 10);
    ping("ns2", 3, 20);
    let seen = [capture.until("echo reply"), capture.until("echo reply")].concat();
    assert_eq!(told(&seen), ["1 request 18", "2 reply 18", "2 request 28", "3 reply 28"], "each once");
}

fn mirror_of_vlans(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, port) in [("monitor", ""), ("ns1", "--ip 10.0.0.1/24"), ("ns2", "--ip 10.0.0.2/24")] {
        lab.ok(&format!("add-port sw1 {netns} {port}"));
    }
    if lab.is_linux() {
        let said = lab.refused(1, "add-mirror sw1 m1 --to monitor --from ns1 --vlan 10");
        return assert!(said.contains("VLANs of mirror m1") && said.contains("--backend ovs"), "{said}");
    }
    for (netns, tag) in [("ns1", 10), ("ns2", 10), ("ns3", 20), ("ns4", 20)] {
        lab.ok(&format!("add-port sw1 {netns} --may-exist --tag {tag} --ip 10.0.0.{}/24", &netns[2..]));
    }
    change(lab, "add-mirror sw1 m1 --to monitor --vlan 10");
    let capture = watch();
    ping("ns3", 4, 10);
    ping("ns1", 2, 20);
    let seen = capture.until("echo reply");
    assert_eq!(told(&seen), ["1 request 28", "2 reply 28"], "nothing of VLAN 20");
    assert!(seen.iter().all(|line| line.contains("vlan 10")), "{seen:#?}");
}

/// RSPAN: what is in the VLAN of the copies, here a trunk to the monitor, sees them with its tag.
fn mirror_into_a_vlan(lab: &Lab) {
    stage(lab, "");
    if lab.is_linux() {
        let said = lab.refused(1, "add-mirror sw1 m1 --to-vlan 99 --from ns1");
        return assert!(said.contains("output VLAN 99") && said.contains("--backend ovs"), "{said}");
    }
    lab.ok("set-port sw1 monitor --trunks 99");
    change(lab, "add-mirror sw1 m1 --to-vlan 99 --from ns1 --direction in");
    let capture = watch();
    ping("ns2", 3, 10);
    ping("ns1", 2, 20);
    let seen = capture.until("echo request");
    assert_eq!(told(&seen), ["1 request 28"]);
    assert!(seen[0].contains("vlan 99"), "{seen:#?}");
    let said = lab.refused(2, "add-mirror sw1 m2 --to-vlan 99 --vlan 99");
    assert!(said.contains("VLAN 99 into itself"), "{said}");
}

fn mirror_of_short_frames(lab: &Lab) {
    stage(lab, "");
    if lab.is_linux() {
        let said = lab.refused(1, "add-mirror sw1 m1 --to monitor --from ns1 --snaplen 100");
        return assert!(said.contains("tc copies whole frames") && said.contains("--backend ovs"), "{said}");
    }
    change(lab, "add-mirror sw1 m1 --to monitor --from ns1 --snaplen 100");
    let capture = watch();
    ping("ns1", 2, 1000);
    let seen = capture.until("echo request");
    assert!(seen[0].contains("length 100:"), "{seen:#?}");
}

fn mirrors_of_a_lab(lab: &Lab) {
    let file = std::env::temp_dir().join(format!("mirrors-{}-{}.yaml", std::process::id(), lab.backend()));
    let datapath = if lab.is_linux() { "" } else { ", datapath: DATAPATH" };
    let datapath = datapath.replace("DATAPATH", lab.datapath().rsplit(' ').next().unwrap());
    let write = |mirrors: &str| {
        let text = format!(
            "lab: mirrored\n\
             switches: {{ sw1: {{ backend: {}{datapath}, mirrors: {{ {mirrors} }} }} }}\n\
             namespaces:\n  \"ns[1-3]\": {{ ports: [ {{ switch: sw1, ip: 10.0.0.+/24 }} ] }}\n  \
             monitor: {{ ports: [ {{ switch: sw1 }} ] }}\n",
            lab.backend()
        );
        std::fs::write(&file, text).unwrap();
    };
    let file_name = file.to_str().unwrap().to_owned();
    write("m1: { to: monitor, from: [\"ns[1-2]\"], direction: in }");
    change(lab, &format!("apply {file_name}"));
    lab.ok(&format!("plan {file_name} --exit-code"));
    assert!(pings("ns3", "10.0.0.1"));
    let capture = watch();
    ping("ns3", 1, 10);
    assert_eq!(told(&capture.until("length 18")), ["1 reply 18"]);
    drop(capture);
    let exported = lab.ok("export --lab mirrored");
    assert!(
        exported.contains("mirrors: { m1: { to: veth-monitor, from: [veth-ns1, veth-ns2], direction: in } }"),
        "{exported}"
    );
    write("m2: { to: monitor, from: ns3, direction: out }");
    lab.ok(&format!("apply {file_name}"));
    assert_eq!(lab.lines("list-mirrors"), ["mirror m2 of sw1 output veth-monitor out veth-ns3"]);
    write("m2: { to: monitor, from: monitor }");
    let said = lab.cli.fails(2, &["check", &file_name]);
    assert!(said.contains("would copy what it sends"), "{said}");
    write("m2: { to: nobody }");
    assert!(lab.cli.fails(2, &["check", &file_name]).contains("no port `nobody`"));
    write("");
    lab.ok(&format!("destroy {file_name}"));
    std::fs::remove_file(&file).unwrap();
}

/// A port that goes is no longer copied; a mirror with nothing left, or nowhere to send to, goes.
fn mirrors_lose_their_ports(lab: &Lab) {
    stage(lab, "");
    change(lab, "add-mirror sw1 m1 --to monitor --from ns1,ns2 --direction in");
    change(lab, "add-mirror sw1 m2 --to monitor --from ns1");
    change(lab, "del-port sw1 ns1");
    assert_eq!(lab.lines("list-mirrors"), ["mirror m1 of sw1 output veth-monitor in veth-ns2"]);
    let capture = watch();
    ping("ns2", 3, 10);
    assert_eq!(told(&capture.until("length 18")), ["2 request 18"]);
    drop(capture);
    lab.ok("del-ns monitor");
    assert_eq!(lab.lines("list-mirrors"), Vec::<String>::new());
}

/// ERSPAN: the port that the copies go out of is a tunnel.
fn mirror_to_another_host(lab: &Lab) {
    if lab.kind == SwitchKind::Userspace {
        // in user space, tunnels leave by the own device of a switch
        lab.add_br("under", "--ip 192.0.2.1/24");
        lab.ok("add-port under far --name eth0 --ip 192.0.2.2/24");
    } else {
        lab.ok("add-link far host --name eth0 --ip 192.0.2.2/24 --peer-ip 192.0.2.1/24");
    }
    assert!(pings("far", "192.0.2.1"));
    lab.add_br("sw1", "");
    for number in 1..=3 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24"));
    }
    assert!(pings("ns1", "10.0.0.2") && pings("ns2", "10.0.0.3"));
    lab.ok("add-tunnel sw1 far1 --type erspan --remote 192.0.2.2 --local 192.0.2.1 --key 5");
    change(lab, "add-mirror sw1 m1 --to far1 --from ns1");
    let capture = Sniffer::start("far", "eth0", "proto gre and greater 300");
    ping("ns2", 3, 444);
    ping("ns1", 2, 333);
    // a frame of 14 + 20 + 8 + 333 bytes behind 8 of GRE and 8 of ERSPAN type II: the request and the reply, and nothing of the others
    for _ in 0..2 {
        let copies = capture.until("gre-proto-0x88be");
        assert!(copies.iter().all(|line| line.contains("length 391")), "{copies:?}");
    }
}
