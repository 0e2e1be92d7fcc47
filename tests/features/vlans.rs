//! VLANs: which frames pass where, and with which tags.

use super::common::tool::run;
use super::common::traffic::{pings, silent};
use super::frames::{CUSTOMER, Expected, Frame, PROVIDER};
use super::lab::Lab;

super::features! {
    ovs: access_ports(OpenVswitch) trunk_ports(OpenVswitch) native_vlan_untagged(OpenVswitch) native_vlan_tagged(OpenVswitch)
        native_vlan_on_a_trunk_of_all(OpenVswitch) ports_without_vlans(OpenVswitch) outer_vlans_of_providers(OpenVswitch)
        modes_in_a_lab_file(OpenVswitch) mistakes_are_told(OpenVswitch);
    linux: access_ports(VlanFiltering) trunk_ports(VlanFiltering) native_vlan_untagged(VlanFiltering)
        native_vlan_tagged(VlanFiltering) ports_without_vlans(VlanFiltering) outer_vlans_of_providers(VlanFiltering)
        modes_in_a_lab_file(VlanFiltering) mistakes_are_told();
    linux_refuses: native_vlan_on_a_trunk_of_all();
}

/// Namespaces with one port each, called eth0 inside, with these options.
fn plug(lab: &Lab, ports: &[(&str, &str)]) {
    for (netns, options) in ports {
        lab.ok(&format!("add-port sw1 {netns} --name eth0 {options}"));
    }
}

/// Who has one tag does not hear the other.
fn access_ports(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, tag) in [("ns1", 10), ("ns2", 10), ("ns3", 20)] {
        lab.ok(&format!("add-port sw1 {netns} --tag {tag} --ip 10.0.0.{}/24", &netns[2..]));
    }
    assert!(pings("ns1", "10.0.0.2"));
    assert!(silent("ns1", "10.0.0.3"));
}

fn trunk_ports(lab: &Lab) {
    lab.add_br("sw1", "");
    plug(lab, &[("ns1", "--tag 10"), ("ns2", "--tag 20"), ("ns3", "--tag 30"), ("ns9", "--trunks 10,20")]);
    Frame::broadcast("ns9", &[(CUSTOMER, 10)]).arrives(&[("ns1", Some(&[])), ("ns2", None), ("ns3", None)]);
    Frame::broadcast("ns2", &[]).arrives(&[("ns9", Some(&[(CUSTOMER, 20)])), ("ns1", None)]);
    // the trunk carries neither VLAN 30 nor what has no tag
    Frame::broadcast("ns9", &[(CUSTOMER, 30)]).arrives(&[("ns1", None), ("ns3", None)]);
    Frame::broadcast("ns9", &[]).arrives(&[("ns1", None), ("ns2", None)]);
    Frame::broadcast("ns3", &[]).arrives(&[("ns9", None)]);
}

fn native_vlan_untagged(lab: &Lab) {
    lab.add_br("sw1", "");
    plug(lab, &[("ns1", "--tag 10"), ("ns2", "--tag 20"), ("ns9", "--tag 10 --trunks 20")]);
    Frame::broadcast("ns9", &[]).arrives(&[("ns1", Some(&[])), ("ns2", None)]);
    Frame::broadcast("ns9", &[(CUSTOMER, 20)]).arrives(&[("ns1", None), ("ns2", Some(&[]))]);
    Frame::broadcast("ns1", &[]).arrives(&[("ns9", Some(&[]))]);
    Frame::broadcast("ns2", &[]).arrives(&[("ns9", Some(&[(CUSTOMER, 20)]))]);
}

fn native_vlan_tagged(lab: &Lab) {
    lab.add_br("sw1", "");
    plug(lab, &[("ns1", "--tag 10"), ("ns9", "--vlan-mode native-tagged --tag 10 --trunks 10,20")]);
    Frame::broadcast("ns9", &[]).arrives(&[("ns1", Some(&[]))]);
    Frame::broadcast("ns9", &[(CUSTOMER, 10)]).arrives(&[("ns1", Some(&[]))]);
    Frame::broadcast("ns1", &[]).arrives(&[("ns9", Some(&[(CUSTOMER, 10)]))]);
    // and back to the plain kind
    lab.ok("set-port sw1 ns9 --tag 10 --trunks 20");
    Frame::broadcast("ns1", &[]).arrives(&[("ns9", Some(&[]))]);
}

/// Open vSwitch has trunks of all VLANs; a Linux bridge lists them.
fn native_vlan_on_a_trunk_of_all(lab: &Lab) {
    lab.add_br("sw1", "");
    let words = "add-port sw1 ns9 --name eth0 --vlan-mode native-untagged --tag 10";
    if lab.is_linux() {
        let said = lab.refused(1, words);
        assert!(said.contains("a list of the VLANs") && said.contains("--trunks 10,20"), "{said}");
        return;
    }
    lab.ok(words);
    plug(lab, &[("ns1", "--tag 10"), ("ns2", "--tag 77")]);
    Frame::broadcast("ns1", &[]).arrives(&[("ns9", Some(&[]))]);
    Frame::broadcast("ns2", &[]).arrives(&[("ns9", Some(&[(CUSTOMER, 77)]))]);
}

/// A port of which nothing is asked: on Open vSwitch it carries everything as it comes; on a Linux bridge that looks at tags it
/// is in VLAN 1, the default PVID.
fn ports_without_vlans(lab: &Lab) {
    lab.add_br("sw1", "");
    plug(lab, &[("ns1", "--tag 10"), ("ns2", ""), ("ns3", "")]);
    Frame::broadcast("ns2", &[]).arrives(&[("ns3", Some(&[])), ("ns1", None)]);
    let tagged: Expected = if lab.is_linux() { None } else { Some(&[(CUSTOMER, 10)]) };
    Frame::broadcast("ns1", &[]).arrives(&[("ns2", tagged)]);
}

/// QinQ: what customers send, with tags or without, travels in an outer VLAN (IEEE 802.1ad).
fn outer_vlans_of_providers(lab: &Lab) {
    let (switch, mode) =
        if lab.is_linux() { ("--vlan-protocol 802.1ad", "") } else { ("", "--vlan-mode dot1q-tunnel") };
    lab.add_br("sw1", switch);
    let port = |tag: u16| format!("{mode} --tag {tag}");
    plug(lab, &[("ns1", &port(100)), ("ns2", &port(100)), ("ns3", &port(200)), ("ns9", "--trunks 100,200")]);
    let outer: &[(u16, u16)] = &[(PROVIDER, 100), (CUSTOMER, 5)];
    Frame::broadcast("ns1", &[(CUSTOMER, 5)]).arrives(&[
        ("ns2", Some(&[(CUSTOMER, 5)])),
        ("ns3", None),
        ("ns9", Some(outer)),
    ]);
    Frame::broadcast("ns1", &[]).arrives(&[("ns2", Some(&[])), ("ns9", Some(&[(PROVIDER, 100)]))]);
    Frame::broadcast("ns9", &[(PROVIDER, 200), (CUSTOMER, 6)])
        .arrives(&[("ns3", Some(&[(CUSTOMER, 6)])), ("ns1", None)]);
    if !lab.is_linux() {
        plug(lab, &[("ns4", &format!("{} --cvlans 7", port(100)))]);
        Frame::broadcast("ns4", &[(CUSTOMER, 7)]).arrives(&[("ns1", Some(&[(CUSTOMER, 7)]))]);
        Frame::broadcast("ns4", &[(CUSTOMER, 5)]).arrives(&[("ns1", None)]);
        // whether the inner tag of what goes out is looked at is a matter of how many tags are read
        lab.ovs().vsctl(&["set", "Open_vSwitch", ".", "other_config:vlan-limit=2"]);
        Frame::broadcast("ns1", &[(CUSTOMER, 7)]).arrives(&[("ns4", Some(&[(CUSTOMER, 7)]))]);
        Frame::broadcast("ns1", &[(CUSTOMER, 5)]).arrives(&[("ns2", Some(&[(CUSTOMER, 5)])), ("ns4", None)]);
        lab.ovs().vsctl(&["remove", "Open_vSwitch", ".", "other_config", "vlan-limit"]);
    }
}

fn modes_in_a_lab_file(lab: &Lab) {
    let kind = if lab.is_linux() { "linux" } else { "ovs" };
    let file = format!(
        "lab: vlans\ndefaults: {{ backend: {kind} }}\nswitches: {{ sw1: {{}} }}\nnamespaces:\n  \
         ns1: {{ ports: [ {{ switch: sw1, name: eth0, tag: 10 }} ] }}\n  \
         ns9: {{ ports: [ {{ switch: sw1, name: eth0, tag: 10, trunks: [10, 20-22], vlan-mode: native-tagged }} ] }}\n"
    );
    std::fs::write("/run/vlans.yaml", &file).unwrap();
    lab.ok("apply /run/vlans.yaml");
    assert!(lab.ok("plan /run/vlans.yaml").contains("nothing to do"));
    Frame::broadcast("ns1", &[]).arrives(&[("ns9", Some(&[(CUSTOMER, 10)]))]);
    assert!(lab.ok("export").contains("vlan-mode: native-tagged"));
    std::fs::write("/run/vlans.yaml", file.replace(", vlan-mode: native-tagged", "")).unwrap();
    lab.ok("apply /run/vlans.yaml");
    Frame::broadcast("ns1", &[]).arrives(&[("ns9", Some(&[]))]);
    lab.ok("destroy /run/vlans.yaml");
    run("rm /run/vlans.yaml");
}

fn mistakes_are_told(lab: &Lab) {
    lab.add_br("sw1", "");
    for (options, why) in [
        ("--vlan-mode native-tagged", "takes the VLAN as tag"),
        ("--vlan-mode access --tag 10 --trunks 20", "access takes a tag, and no trunks"),
        ("--vlan-mode dot1q-tunnel --tag 10 --trunks 20", "no trunks"),
        ("--vlan-mode native-tagged --tag 10 --trunks 20 --cvlans 5", "for dot1q-tunnel"),
        ("--tag 10 --cvlans 5", "--vlan-mode dot1q-tunnel"),
        ("--vlan-mode nonsense", "none of access, trunk"),
        ("--tag 10 --tag 20", "cannot be used multiple times"),
        ("--tag 4095", "not a number from 1 to 4094"),
    ] {
        let said = lab.refused(2, &format!("add-port sw1 ns1 {options}"));
        assert!(said.contains(why), "{options}: {said}");
    }
    if lab.is_linux() {
        let said = lab.refused(1, "add-port sw1 ns1 --vlan-mode dot1q-tunnel --tag 10");
        assert!(said.contains("--vlan-protocol 802.1ad"), "{said}");
    } else {
        let said = lab.refused(1, "set-br sw1 --vlan-protocol 802.1ad");
        assert!(said.contains("have the vlan-mode dot1q-tunnel, and the VLAN as tag"), "{said}");
    }
}
