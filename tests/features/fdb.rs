//! The forwarding database: what a switch learns, is told, and forgets.

use std::collections::BTreeSet;

use super::common::tool;
use super::lab::Lab;
use super::quiet::{BURST, burst, knows, mac, plug, until_ns2_alone_receives, who_receives};

super::features! {
    ovs: fdb_list(OpenVswitch) static_fdb_entries(OpenVswitch) fdb_flush(OpenVswitch) fdb_in_vlans(OpenVswitch)
        fdb_errors(OpenVswitch);
    linux: fdb_list() static_fdb_entries() fdb_flush() fdb_in_vlans(VlanFiltering) fdb_errors();
}

const THREE: [(&str, &str); 3] = [("ns1", ""), ("ns2", ""), ("ns3", "")];
/// Nobody has it.
const STRANGER: &str = "02:00:00:00:00:99";

/// Lets the switch learn all three.
fn speak() {
    assert_eq!(burst("ns1", "10.0.0.2"), BURST);
    assert_eq!(burst("ns3", "10.0.0.1"), BURST);
}

/// The entries as `MAC PORT VLAN KIND`.
fn ours(lab: &Lab) -> BTreeSet<String> {
    let found = lab.json("list-fdb sw1");
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = |entry: &serde_json::Value| {
        let vlan = entry["vlan"].as_u64().unwrap_or_default();
        format!("{} {} {vlan} {}", text(&entry["mac"]), text(&entry["port"]), text(&entry["kind"]))
    };
    found["entries"].as_array().unwrap().iter().map(line).collect()
}

/// The same, as the system's own tools show it.
fn theirs(lab: &Lab) -> BTreeSet<String> {
    if lab.is_linux() {
        let shown = tool::json("bridge -j fdb show br sw1");
        let of_bridge = shown.as_array().unwrap().iter().filter(|entry| entry["master"] == "sw1");
        return of_bridge
            .map(|entry| {
                let kind = match entry["state"].as_str().unwrap_or_default() {
                    "permanent" => "local",
                    "static" => "static",
                    _ => "learned",
                };
                let vlan = entry["vlan"].as_u64().unwrap_or_default();
                let word = |key: &str| entry[key].as_str().unwrap().to_owned();
                format!("{} {} {vlan} {kind}", word("mac"), word("ifname"))
            })
            .collect();
    }
    let control = std::fs::read_to_string(lab.ovs().run_dir().join("ovs-vswitchd.pid")).unwrap();
    let control = lab.ovs().run_dir().join(format!("ovs-vswitchd.{}.ctl", control.trim()));
    let shown = tool::run(&format!("ovs-appctl -t {} fdb/show sw1", control.display()));
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port = match words[0] {
            "LOCAL" => "sw1".to_owned(),
            number => {
                let found =
                    lab.ovs().vsctl(&["--bare", "--columns=name", "find", "Interface", &format!("ofport={number}")]);
                found.trim().to_owned()
            }
        };
        let kind = if words[3] == "static" { "static" } else { "learned" };
        format!("{} {port} {} {kind}", words[2], words[1])
    };
    shown.lines().skip(1).map(line).collect()
}

fn has(entries: &BTreeSet<String>, mac: &str, rest: &str) -> bool {
    entries.contains(&format!("{mac} {rest}"))
}

/// Who has spoken is listed, with port, namespace and age, as the system's own tools have it.
fn fdb_list(lab: &Lab) {
    plug(lab, &THREE);
    speak();
    let entries = ours(lab);
    for netns in ["ns1", "ns2", "ns3"] {
        assert!(has(&entries, &mac(netns), &format!("veth-{netns} 0 learned")), "{entries:?}");
    }
    assert_eq!(entries, theirs(lab));
    let one = lab.json(&format!("list-fdb sw1 --mac {}", mac("ns2")));
    let entry = &one["entries"].as_array().unwrap()[..];
    assert_eq!((entry.len(), &entry[0]["netns"]), (1, &"ns2".into()));
    assert!(entry[0]["age"].as_u64().unwrap() < 60, "{one:#}");
    let text = lab.ok(&format!("list-fdb sw1 --mac {}", mac("ns2")));
    assert!(text.starts_with(&format!("{} port veth-ns2 netns ns2 learned, ", mac("ns2"))), "{text}");
}

/// What nobody knows goes to all; with a static entry to one, also if nothing ever comes from it.
fn static_fdb_entries(lab: &Lab) {
    plug(lab, &THREE);
    speak();
    knows("ns1", "10.0.0.99", STRANGER);
    let send = || assert_eq!(burst("ns1", "10.0.0.99"), 0);
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns2", "ns3"], "it floods");

    assert_eq!(
        lab.ok(&format!("add-fdb sw1 {STRANGER} ns3 --dry-run")),
        format!("+ address {STRANGER} on veth-ns3 of sw1\n")
    );
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns2", "ns3"], "a dry run does nothing");
    lab.ok(&format!("add-fdb sw1 {STRANGER} ns3"));
    assert!(has(&ours(lab), STRANGER, "veth-ns3 0 static"));
    assert_eq!(ours(lab), theirs(lab));
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns3"]);
    assert_eq!(lab.ok(&format!("add-fdb sw1 {STRANGER} ns3")), "", "it is there");

    let moved = lab.ok(&format!("add-fdb sw1 {STRANGER} veth-ns2"));
    assert_eq!(moved, format!("~ address {STRANGER} on veth-ns2 of sw1\n"));
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns2"]);
    assert_eq!(ours(lab), theirs(lab));

    lab.ok(&format!("del-fdb sw1 {STRANGER}"));
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns2", "ns3"], "it floods again");

    // what was learned can be taken out too, and comes back with the next frame
    lab.ok(&format!("del-fdb sw1 {}", mac("ns2")));
    assert!(!has(&ours(lab), &mac("ns2"), "veth-ns2 0 learned"));
    assert_eq!(burst("ns1", "10.0.0.2"), BURST);
    until_ns2_alone_receives("ns1");
    assert!(has(&ours(lab), &mac("ns2"), "veth-ns2 0 learned"));
}

/// Forgotten is what was learned, of a port or of all; static entries stay.
fn fdb_flush(lab: &Lab) {
    plug(lab, &THREE);
    speak();
    lab.ok(&format!("add-fdb sw1 {STRANGER} ns1"));
    let said = lab.ok("flush-fdb sw1 ns1");
    assert!(said.contains(&format!("- address {} on veth-ns1 of sw1", mac("ns1"))), "{said}");
    let entries = ours(lab);
    assert!(
        !has(&entries, &mac("ns1"), "veth-ns1 0 learned") && has(&entries, STRANGER, "veth-ns1 0 static"),
        "{entries:?}"
    );
    assert!(has(&entries, &mac("ns2"), "veth-ns2 0 learned") && has(&entries, &mac("ns3"), "veth-ns3 0 learned"));
    assert_eq!(entries, theirs(lab));

    lab.ok("flush-fdb sw1");
    let left: Vec<String> = ours(lab).into_iter().filter(|entry| entry.ends_with("learned")).collect();
    assert_eq!(left, Vec::<String>::new());
    assert!(has(&ours(lab), STRANGER, "veth-ns1 0 static"));
    assert_eq!(ours(lab), theirs(lab));
    speak();
    assert!(has(&ours(lab), &mac("ns1"), "veth-ns1 0 learned"), "it learns again");
}

/// An entry is of a VLAN: that of the port's untagged frames, if no other is said.
fn fdb_in_vlans(lab: &Lab) {
    plug(lab, &[("ns1", "--tag 10"), ("ns2", "--tag 10"), ("ns3", "--tag 10")]);
    speak();
    assert!(has(&ours(lab), &mac("ns1"), "veth-ns1 10 learned"), "{:?}", ours(lab));
    knows("ns1", "10.0.0.99", STRANGER);
    let send = || assert_eq!(burst("ns1", "10.0.0.99"), 0);
    lab.ok(&format!("add-fdb sw1 {STRANGER} ns3 --vlan 10"));
    assert!(has(&ours(lab), STRANGER, "veth-ns3 10 static"), "{:?}", ours(lab));
    assert_eq!(ours(lab), theirs(lab));
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns3"]);
    lab.refused(1, &format!("del-fdb sw1 {STRANGER} --vlan 20"));
    lab.ok(&format!("del-fdb sw1 {STRANGER} --vlan 10"));
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns2", "ns3"]);
    lab.ok(&format!("add-fdb sw1 {STRANGER} ns2"));
    assert_eq!(who_receives(&["ns2", "ns3"], send), ["ns2"]);
}

fn fdb_errors(lab: &Lab) {
    plug(lab, &THREE);
    let said = |code: i32, words: String, why: &str| {
        let said = lab.refused(code, &words);
        assert!(said.contains(why), "ovsns {words}: {said}");
    };
    said(1, "list-fdb nope".to_owned(), "there is no switch nope");
    said(1, format!("add-fdb sw1 {STRANGER} ns9"), "there is no port ns9 on switch sw1");
    said(2, "add-fdb sw1 01:00:5e:00:00:01 ns1".to_owned(), "group (multicast) address");
    said(1, format!("del-fdb sw1 {STRANGER}"), "does not know 02:00:00:00:00:99\nhint: ovsns list-fdb sw1");
    lab.ok(&format!("del-fdb sw1 {STRANGER} --if-exists"));
    if lab.is_linux() {
        said(1, format!("add-fdb sw1 {STRANGER} ns1 --vlan 7"), "looks at no VLANs");
        let own = tool::link("host", "veth-ns1").unwrap()["address"].as_str().unwrap().to_owned();
        said(1, format!("del-fdb sw1 {own}"), "is the address of the device veth-ns1 itself");
    }
}
