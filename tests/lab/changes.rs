//! `apply`: what is not as the file says becomes so, and nothing else changes.

use std::process::Command;

use nix::sys::signal::Signal;

use super::common::running::Running;
use super::common::tool::{self, inside};
use super::common::traffic::pings;
use super::stage::{CAMPUS, Stage};

pub fn it_is_idempotent(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    let said = stage.ok(&format!("apply {file}"));
    assert!(said.contains("+ netns n1") && said.contains(" to add, "), "{said}");
    for (from, to) in [("n1", "10.0.0.2"), ("n1", "10.9.0.2"), ("host", "10.0.0.3"), ("n2", "192.0.2.1")] {
        assert!(pings(from, to), "{from} does not reach {to}");
    }
    let world = stage.numbered();
    for _ in 0..2 {
        assert_eq!(stage.ok(&format!("apply {file}")), "nothing to do\n");
        assert_eq!(stage.ok(&format!("plan {file} --exit-code")), "nothing to do\n");
    }
    stage.numbered().assert_is(&world, "nothing to do, and something is different");
    assert_eq!(stage.json(&format!("apply {file}"))["plan"], serde_json::json!([]));
    stage.destroy();
}

/// A change of the lab file, and the steps that it takes, as they begin.
const CHANGES: [(&str, &str, &[&str]); 7] = [
    (
        "ip: 10.0.0.2/24",
        "ip: 10.0.0.22/24",
        &[
            "address 10.0.0.2/24 on eth1-n2",
            "address 10.0.0.22/24 on eth1-n2",
            "published tcp 8080",
            // the kernel takes it away with the address
            "route default via 10.0.0.254 dev eth1-n2",
            "route default via 10.0.0.254 dev eth1-n2",
        ],
    ),
    ("s2: { mtu: 1500 }", "s2: { mtu: 1500, stp: true }", &["switch s2"]),
    ("mtu: 1500", "mtu: 1400", &["switch s2"]),
    ("rate: 10mbit", "rate: 20mbit", &["impairment of eth1-n1"]),
    ("ip_forward: 1", "ip_forward: 0", &["sysctl net.ipv4.ip_forward"]),
    ("b-ip: 10.9.0.2/30", "b-ip: 10.9.0.2/29", &["address 10.9.0.2/30 on eth2-n2", "address 10.9.0.2/29 on eth2-n2"]),
    ("8080:n2:80", "8081:n2:80", &["published tcp 8080", "published tcp 8081"]),
];

/// Of everything else not a number changes, and packets go on.
pub fn just_what_changes_is_changed(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let world = stage.world();
    let devices = [("n1", "eth1-n1"), ("n2", "eth1-n2"), ("n3", "eth1-n3"), ("host", "veth-n2"), ("host", "s1")];
    let numbers = devices.map(|(netns, device)| stage.ifindex(netns, device));
    let ping = pinging("n1", "10.0.0.3");
    let mut changes = CHANGES.to_vec();
    if stage.ovs().is_some() {
        changes.push(("{ switch: s2 }", "{ switch: s2, tag: 10 }", &["port veth2-n3"]));
        changes.push((
            "trunks: [ { a: s1, b: s2 } ]",
            "trunks: [ { a: s1, b: s2, vlans: [10] } ]",
            &["port s1-s2", "port s2-s1"],
        ));
    }
    for (old, new, expected) in changes {
        stage.lab(&CAMPUS.replacen(old, new, 1));
        let mut planned = stage.steps(&format!("plan {file}"));
        let applied = stage.steps(&format!("apply {file}"));
        assert_eq!(planned, applied, "{new}");
        planned.sort_by_key(|step| step[2..].to_owned());
        for words in expected {
            assert!(planned.iter().any(|step| step[2..].starts_with(words)), "{new}: {words}: {planned:#?}");
        }
        assert_eq!(planned.len(), expected.len(), "{new}: {planned:#?}");
        stage.is_as_its_file(&file);
        stage.lab(CAMPUS);
        stage.ok(&format!("apply {file}"));
        stage.world().assert_is(&world, &format!("{new} and back"));
    }
    assert_eq!(devices.map(|(netns, device)| stage.ifindex(netns, device)), numbers);
    goes_on(ping);
    stage.destroy();
}

/// A ping that goes on until it is told to end, ten minutes at most.
fn pinging(netns: &str, address: &str) -> Running {
    let command = inside(netns, &format!("ping -n -q -i0.02 -c30000 {address}"));
    let mut words = command.split(' ');
    let mut ping = Command::new(words.next().unwrap());
    ping.args(words);
    Running::start(ping)
}

/// Few packets were lost: ovs-vswitchd looks at all its ports when one changes, for as long as a busy machine makes it.
fn goes_on(ping: Running) {
    ping.signal(Signal::SIGINT);
    let said = ping.end().stdout;
    let summary = said.lines().find(|line| line.contains("transmitted")).unwrap();
    let numbers: Vec<u32> = summary.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] > 10 && numbers[0] - numbers[1] <= 2 + numbers[0] / 10, "{summary}");
}

pub fn it_grows_and_shrinks(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let world = stage.numbered();
    stage.lab(&CAMPUS.replace("links:", "  \"h[1-3]\": { ports: [ { switch: s2, ip: 10.1.0.+/24 } ] }\nlinks:"));
    let steps = stage.steps(&format!("apply {file}"));
    assert!(steps.iter().all(|step| step.starts_with("+ ") && step.contains("h")), "{steps:#?}");
    assert!(pings("h1", "10.1.0.3"));
    // what others have made, within what is the lab's too
    let ovs = stage.ovs().is_some();
    tool::run("ip netns exec n3 ip link add mine type veth peer name mine2");
    if ovs {
        stage.ovs().unwrap().vsctl(&["add-port", "s2", "theirs", "--", "set", "Interface", "theirs", "type=internal"]);
    }
    stage.ok("add-ns h9");
    stage.lab(CAMPUS);
    let steps = stage.steps(&format!("apply {file}"));
    assert!(steps.iter().all(|step| step.starts_with("- ") && step.contains("h")), "{steps:#?}");
    tool::run("ip netns exec n3 ip link del mine");
    if ovs {
        stage.ovs().unwrap().vsctl(&["del-port", "theirs"]);
    }
    stage.ok("del-ns h9");
    stage.numbered().assert_is(&world, "there and back");
    stage.destroy();
}

/// A device of the host as a port: it moves from a switch to another, and is the host's again.
pub fn uplinks_come_and_go(stage: &mut Stage) {
    let text = "lab: campus\ndefaults: { backend: BACKEND }\nswitches: { s1: { uplinks: [up0] }, s2: {} }\n";
    let file = stage.lab(text);
    stage.ok(&format!("apply {file}"));
    assert_eq!(stage.ok(&format!("apply {file}")), "nothing to do\n");
    stage.lab(&text.replace("s1: { uplinks: [up0] }, s2: {}", "s1: {}, s2: { uplinks: [up0] }"));
    assert_eq!(stage.steps(&format!("apply {file}")), ["~ port up0: switch s1 -> s2"]);
    stage.is_as_its_file(&file);
    stage.destroy();
    assert!(tool::link("host", "up0").is_some());
}

/// YAML here, YAML at the standard input, TOML.
pub fn files_of_any_kind(stage: &mut Stage) {
    let yaml = "lab: campus\nnamespaces: { n1: {} }\n";
    let ran = stage.with_input("apply -", yaml);
    assert!(ran.code == 0 && ran.stdout.starts_with("+ netns n1\n"), "{ran:#?}");
    let toml = stage.file("lab.toml", "lab = \"campus\"\n[namespaces.n2]\n");
    assert_eq!(stage.steps(&format!("apply {toml}")), ["- netns n1", "+ netns n2"]);
    std::fs::remove_file(stage.path("lab.toml")).unwrap();
    stage.lab(yaml);
    let mut here = stage.cli.command(&["apply"]);
    let ran = Running::start({
        here.current_dir(stage.path("."));
        here
    });
    let ran = ran.end();
    assert!(ran.code == 0 && ran.stdout.contains("+ netns n1"), "{ran:#?}");
    let ran = stage.with_input("apply -", "lab: campus\nnamespace: {}\n");
    assert!(ran.code == 2 && ran.stderr.contains("standard input"), "{ran:#?}");
    stage.destroy();
}
