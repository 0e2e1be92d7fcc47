//! Bonds: two switches joined by two veth pairs, `a1`-`b1` and `a2`-`b2`, which are one port at one of them or at both.

use std::process::Command;

use serde_json::Value;

use super::common::tool::{link, run};
use super::common::traffic::{pings, silent};
use super::lab::Lab;
use super::until;

super::features! {
    ovs: active_backup_bond(OpenVswitch) balance_slb_bond(OpenVswitch) balance_tcp_bond_with_lacp(OpenVswitch)
        lacp_without_a_partner(OpenVswitch) bond_in_a_vlan(OpenVswitch) bonds_that_cannot_be(OpenVswitch)
        bonds_of_others(OpenVswitch) bonds_of_a_lab(OpenVswitch);
    linux: active_backup_bond(Bond) balance_slb_bond(Bond) balance_tcp_bond_with_lacp(Bond) lacp_without_a_partner(Bond)
        bond_in_a_vlan(Bond, VlanFiltering) bonds_that_cannot_be(Bond) bonds_of_a_lab(Bond);
    linux_refuses: lacp_in_another_mode();
}

/// What the switches are joined by; the test deletes it in the end.
struct Pairs;

impl Pairs {
    fn new() -> Pairs {
        for number in [1, 2] {
            run(&format!("ip link add a{number} type veth peer name b{number}"));
        }
        Pairs
    }

    fn delete(self) {
        for number in [1, 2] {
            run(&format!("ip link delete a{number}"));
        }
    }
}

/// The two switches and who is on them; `sw2` has the other ends as ports, or as a bond if `bond2` is given.
fn joined(lab: &Lab, bond1: &str, bond2: Option<&str>) -> Pairs {
    let pairs = Pairs::new();
    for (switch, netns, ip) in [("sw1", "ns1", "10.0.0.1/24"), ("sw2", "ns2", "10.0.0.2/24")] {
        lab.add_br(switch, "");
        lab.ok(&format!("add-port {switch} {netns} --ip {ip}"));
    }
    lab.ok(&format!("add-bond sw1 bond1 a1 a2 {bond1}"));
    match bond2 {
        Some(options) => _ = lab.ok(&format!("add-bond sw2 bond2 b1 b2 {options}")),
        None => ["b1", "b2"].iter().for_each(|device| _ = lab.ok(&format!("add-port sw2 dev:{device}"))),
    }
    pairs
}

fn reached() {
    until("ns2 answers", || pings("ns1", "10.0.0.2").then_some(()));
}

/// What the system's own tools say of the mode.
fn mode(lab: &Lab) -> String {
    if lab.is_linux() {
        let bond = link("host", "bond1").unwrap();
        assert_eq!((&bond["master"], &bond["linkinfo"]["info_data"]["miimon"]), (&"sw1".into(), &100.into()));
        return bond["linkinfo"]["info_data"]["mode"].as_str().unwrap().to_owned();
    }
    assert_eq!(link("host", "bond1"), None);
    lab.ovs().vsctl(&["get", "Port", "bond1", "bond_mode"]).trim().to_owned()
}

/// What `show --json` says of a device of the bond `name`.
fn member(lab: &Lab, name: &str, device: &str) -> Value {
    let shown = lab.json("show");
    let ports = shown["switches"].as_array().unwrap().iter().flat_map(|switch| switch["ports"].as_array().unwrap());
    let port = ports.into_iter().find(|port| port["device"] == name).unwrap_or_else(|| panic!("{shown}"));
    let members = port["members"]["members"].as_array().unwrap_or_else(|| panic!("{port}"));
    members.iter().find(|member| member["name"] == device).unwrap_or_else(|| panic!("{port}")).clone()
}

/// Each link in turn is down, and the other one carries.
fn survives(lab: &Lab) {
    reached();
    for (down, up) in [(1, 2), (2, 1)] {
        run(&format!("ip link set b{down} down"));
        until("the bond notices", || (member(lab, "bond1", &format!("a{down}"))["up"] == false).then_some(()));
        reached();
        assert_eq!(member(lab, "bond1", &format!("a{up}"))["enabled"], true);
        let tree = lab.ok("show sw1");
        assert!(tree.contains(&format!("member a{down}: link down")), "{tree}");
        run(&format!("ip link set b{down} up"));
        until("the bond notices", || (member(lab, "bond1", &format!("a{down}"))["up"] == true).then_some(()));
    }
    reached();
}

/// The bond goes, and its devices are as they were: up, and nobody's.
fn given_back(lab: &Lab) {
    lab.ok("del-port bond1");
    assert_eq!(link("host", "bond1"), None);
    assert!(silent("ns1", "10.0.0.2"));
    for device in ["a1", "a2"] {
        let seen = link("host", device).unwrap();
        assert!(seen["flags"].as_array().unwrap().iter().any(|flag| flag == "UP"), "{seen}");
        assert!(seen.get("master").is_none_or(|master| master == "ovs-system"), "{seen}");
    }
    // the commands that `--explain` prints do the same
    let words = "add-bond sw1 bond1 a1 a2";
    let script = lab.ok(&format!("{words} --explain"));
    let mut shell = if lab.is_linux() { Command::new("sh") } else { lab.ovs().command("sh") };
    assert!(shell.args(["-ec", &script]).status().unwrap().success(), "{script}");
    let left = lab.ok(&format!("{words} --may-exist --dry-run"));
    assert!(!left.contains("bond1"), "{left}");
}

fn active_backup_bond(lab: &Lab) {
    let pairs = joined(lab, "", None);
    assert_eq!(mode(lab), "active-backup");
    survives(lab);
    let active = ["a1", "a2"].map(|device| member(lab, "bond1", device)["active"] == true);
    assert!(active[0] != active[1], "{active:?}");
    super::shown_as_the_schema_says(lab);
    let tree = lab.ok("show sw1");
    for words in ["bond: active-backup", ": active", ": waiting"] {
        assert!(tree.contains(words), "{tree}");
    }
    given_back(lab);
    reached();
    lab.ok("del-port bond1");
    pairs.delete();
}

/// Open vSwitch sees to it that what is at the other end need not know; the kernel's bond needs another one there.
fn balance_slb_bond(lab: &Lab) {
    let options = "--mode balance-slb";
    let pairs = joined(lab, options, lab.is_linux().then_some(options));
    assert_eq!(mode(lab), if lab.is_linux() { "balance-xor" } else { "balance-slb" });
    if lab.is_linux() {
        assert_eq!(link("host", "bond1").unwrap()["linkinfo"]["info_data"]["xmit_hash_policy"], "vlan+srcmac");
    }
    survives(lab);
    for device in ["a1", "a2"] {
        until("both carry", || (member(lab, "bond1", device)["enabled"] == true).then_some(()));
    }
    lab.ok("del-port bond1");
    pairs.delete();
}

fn balance_tcp_bond_with_lacp(lab: &Lab) {
    let fast = "--mode balance-tcp --lacp-time fast";
    let pairs = joined(lab, fast, Some(&format!("{fast} --lacp passive")));
    assert_eq!(mode(lab), if lab.is_linux() { "802.3ad" } else { "balance-tcp" });
    for (bond, device) in [("bond1", "a1"), ("bond1", "a2"), ("bond2", "b1"), ("bond2", "b2")] {
        until("the ends have settled", || (member(lab, bond, device)["partner"] == true).then_some(()));
        until("it carries", || (member(lab, bond, device)["enabled"] == true).then_some(()));
    }
    let tree = lab.ok("show sw1");
    assert!(tree.contains("lacp: active (fast), a partner answers"), "{tree}");
    if !lab.is_linux() {
        let current = lab.ovs().vsctl(&["get", "Interface", "a1", "lacp_current"]);
        assert_eq!(current.trim(), "true");
    }
    survives(lab);
    // by `--may-exist` it becomes what is asked for
    lab.ok(&format!("add-bond sw1 bond1 a1 a2 {fast} --lacp passive --may-exist"));
    let plan = lab.ok(&format!("add-bond sw1 bond1 a1 a2 {fast} --lacp passive --may-exist --dry-run"));
    assert!(!plan.contains("bond1"), "{plan}");
    let bond = &lab.json("show sw1")["switches"][0]["ports"][0]["bond"];
    assert_eq!((&bond["lacp"], &bond["lacp_time"]), (&"passive".into(), &"fast".into()));
    lab.ok("del-port bond1");
    lab.ok("del-port bond2");
    pairs.delete();
}

/// It is made all the same; a line says so, and `show`, and what it means.
fn lacp_without_a_partner(lab: &Lab) {
    let pairs = Pairs::new();
    for device in ["b1", "b2"] {
        run(&format!("ip link set {device} up"));
    }
    lab.add_br("sw1", "");
    let ran = lab.run("add-bond sw1 bond1 a1 a2 --mode balance-tcp");
    assert_eq!(ran.code, 0, "{ran:?}");
    let meaning = if lab.is_linux() { "one device alone is used" } else { "nothing is forwarded over it" };
    for words in ["bond bond1: lacp is active, and no partner has answered yet", meaning] {
        assert!(ran.stderr.contains(words), "{ran:?}");
    }
    let tree = lab.ok("show sw1");
    assert!(tree.contains("lacp: active (slow), no partner"), "{tree}");
    assert_eq!(member(lab, "bond1", "a1")["partner"], false);
    super::shown_as_the_schema_says(lab);
    lab.ok("del-port bond1");
    pairs.delete();
}

fn bond_in_a_vlan(lab: &Lab) {
    let pairs = joined(lab, "--tag 10", None);
    lab.ok("set-port sw1 ns1 --tag 10");
    reached();
    lab.ok("set-port sw1 ns1 --tag 20");
    assert!(silent("ns1", "10.0.0.2"));
    let tree = lab.ok("show sw1");
    assert!(tree.contains("tag: 10"), "{tree}");
    lab.ok("del-port bond1");
    pairs.delete();
}

/// What would not work, or would cut the host off, is refused before anything is done.
fn bonds_that_cannot_be(lab: &Lab) {
    let pairs = Pairs::new();
    lab.add_br("sw1", "");
    lab.add_br("sw2", "");
    let refused = |code: i32, words: &str, said: &str, hint: &str| {
        let text = lab.refused(code, &format!("add-bond {words}"));
        assert!(text.contains(said) && text.contains(hint), "{words}: {text}");
    };
    refused(2, "sw1 bond1 a1", "a bond takes two devices at least, not 1", "");
    refused(2, "sw1 bond1 a1 a1", "device a1 is named twice", "");
    refused(
        2,
        "sw1 bond1 a1 a2 --mode balance-tcp --lacp off",
        "mode balance-tcp needs LACP",
        "active-backup, in silence",
    );
    refused(2, "sw1 bond1 a1 a2 --lacp-time fast", "LACP is off", "");
    refused(2, "sw1 bond1 a1 a2 --mode fast", "none of active-backup, balance-slb, balance-tcp", "");
    refused(1, "sw1 bond1 a1 a9", "cannot put a9 into bond bond1: the host has no device a9", "ip link lists");
    refused(1, "sw1 bond1 a1 sw2", "it is itself a switch", "");
    refused(1, "sw1 b2 a1 a2", "the host has a device of this name", "choose another name");
    run("ip address add 192.0.2.5/24 dev a2");
    refused(1, "sw1 bond1 a1 a2", "its addresses (192.0.2.5/24) would stop working", "take them off a2");
    run("ip address flush dev a2");
    lab.ok("add-ns far");
    run("ip link set b2 netns far");
    refused(1, "sw1 bond1 b1 b2", "cannot put b2 into bond bond1: it is in namespace far", "move it there");
    lab.ok("add-port sw2 dev:b1");
    refused(1, "sw1 bond1 a1 b1", "it is a port of switch sw2", "ovsns del-port sw2 b1");
    lab.ok("add-bond sw1 bond1 a1 a2");
    refused(1, "sw1 bond1 a1 a2", "switch sw1 has it already", "--may-exist");
    refused(
        1,
        "sw2 bond2 a1 a2",
        if lab.is_linux() { "belongs to bond bond1" } else { "it is in bond bond1 of switch sw1" },
        "",
    );
    let text = lab.refused(1, "add-port sw2 dev:a1");
    let whose = if lab.is_linux() { "it belongs to bond bond1" } else { "it is in bond bond1 of switch sw1" };
    assert!(text.contains(&format!("cannot plug a1 into sw2: {whose}")), "{text}");
    lab.ok("del-port bond1");
    lab.ok("del-port b1");
    pairs.delete();
}

/// What `ovs-vsctl` has made is shown, and kept by who did not name it.
fn bonds_of_others(lab: &Lab) {
    let pairs = Pairs::new();
    lab.add_br("sw1", "");
    lab.ovs().vsctl(&["add-bond", "sw1", "theirs", "a1", "a2", "bond_mode=balance-slb"]);
    let tree = lab.ok("show sw1");
    for words in ["Port theirs", "bond: balance-slb", "member a1: ", "member a2: "] {
        assert!(tree.contains(words), "{tree}");
    }
    let names = lab.lines("list-ports sw1");
    assert!(names.iter().any(|line| line.contains("theirs")), "{names:?}");
    lab.ok("gc --yes");
    lab.ok("set-port sw1 theirs --tag 10");
    assert_eq!(lab.ovs().vsctl(&["get", "Port", "theirs", "tag"]).trim(), "10");
    lab.ok("del-port sw1 theirs");
    pairs.delete();
}

/// From a lab file, where the file of what is there is the same again.
fn bonds_of_a_lab(lab: &Lab) {
    let pairs = Pairs::new();
    let datapath = lab.datapath().replace("--datapath ", ", datapath: ");
    let kind = format!("backend: {}{datapath}", lab.backend());
    let port = |switch: &str, ip: &str| format!("{{ ports: [ {{ switch: {switch}, ip: {ip}/24 }} ] }}");
    let text = format!(
        "lab: t\nswitches:\n  \
           sw1: {{ {kind}, bonds: {{ bond1: {{ devices: [a1, a2], mode: balance-tcp, lacp-time: fast }} }} }}\n  \
           sw2: {{ {kind}, bonds: {{ bond2: {{ devices: [b1, b2], mode: balance-tcp, lacp: passive }} }} }}\n\
         namespaces:\n  ns1: {}\n  ns2: {}\n",
        port("sw1", "10.0.0.1"),
        port("sw2", "10.0.0.2")
    );
    std::fs::write("/run/lab.yaml", &text).unwrap();
    lab.ok("apply /run/lab.yaml");
    reached();
    assert_eq!(lab.run("diff /run/lab.yaml --exit-code").code, 0);
    let file = lab.ok("export --lab t");
    for words in ["devices: [a1, a2]", "mode: balance-tcp", "lacp-time: fast", "lacp: passive"] {
        assert!(file.contains(words), "{file}");
    }
    let bad = text.replace("[b1, b2]", "[a1, b2]");
    std::fs::write("/run/bad.yaml", bad).unwrap();
    assert_eq!(lab.run("check /run/bad.yaml").code, 2);
    std::fs::write(
        "/run/lab.yaml",
        text.replace(", lacp: passive", "").replace("balance-tcp", "active-backup").replace(", lacp-time: fast", ""),
    )
    .unwrap();
    lab.ok("apply /run/lab.yaml");
    assert_eq!(mode(lab), "active-backup");
    lab.ok("rollback --lab t");
    reached();
    lab.ok("destroy --lab t");
    assert_eq!(link("host", "bond1"), None);
    assert!(link("host", "a1").unwrap().get("master").is_none());
    pairs.delete();
}

fn lacp_in_another_mode(lab: &Lab) {
    let pairs = Pairs::new();
    lab.add_br("sw1", "");
    let said = lab.refused(1, "add-bond sw1 bond1 a1 a2 --lacp active");
    assert!(
        said.contains("lacp active in mode active-backup of bond bond1 is not possible on backend linux"),
        "{said}"
    );
    assert!(said.contains("hint: --mode balance-tcp; Open vSwitch can: --backend ovs"), "{said}");
    pairs.delete();
}
