//! VLANs: who has one tag does not hear the other.

use super::common::require::{Feature, has};
use super::common::tool::{inside, json, run};
use super::common::traffic::{pings, silent};
use super::lab::{Lab, SwitchKind};
use super::{play, require};

fn tags_keep_apart(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, tag) in [("ns1", "10"), ("ns2", "10"), ("ns3", "20")] {
        lab.ok(&format!("add-port sw1 {netns} --tag {tag} --ip 10.0.0.{}/24", &netns[2..]));
    }
    assert!(pings("ns1", "10.0.0.2"));
    assert!(silent("ns1", "10.0.0.3"));
    lab.ok("add-port sw1 ns3 --may-exist --tag 10");
    assert!(pings("ns1", "10.0.0.3"));
    let port = lab.json("list-ports sw1")["ports"][0].clone();
    assert_eq!(port["vlan"], serde_json::json!({"tag": 10}));
}

/// A router on a stick: `ns9` takes part in two VLANs through one port, and in a third that the port does not carry.
fn trunks_carry_tags(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, tag) in [("ns1", 10), ("ns2", 20), ("ns3", 30)] {
        lab.ok(&format!("add-port sw1 {netns} --tag {tag} --ip 10.0.{tag}.1/24"));
    }
    lab.ok("add-port sw1 ns9 --trunks 10,20 --name eth0");
    for tag in [10, 20, 30] {
        run(&inside("ns9", &format!("ip link add link eth0 name eth0.{tag} up type vlan id {tag}")));
        run(&inside("ns9", &format!("ip address add 10.0.{tag}.9/24 dev eth0.{tag}")));
    }
    assert!(pings("ns9", "10.0.10.1"));
    assert!(pings("ns2", "10.0.20.9"));
    assert!(silent("ns9", "10.0.30.1"));
    // untagged frames have no VLAN that the port carries
    run(&inside("ns9", "ip address add 10.0.99.9/24 dev eth0"));
    lab.ok("add-port sw1 ns1 --may-exist --ip 10.0.99.1/24");
    assert!(silent("ns9", "10.0.99.1"));
    lab.ok("add-port sw1 ns9 --may-exist --trunks 20,30");
    assert!(silent("ns9", "10.0.10.1"));
    assert!(pings("ns9", "10.0.30.1"));
}

/// With a tag and trunks, untagged frames belong to the tag.
fn a_trunk_has_a_native_vlan(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, tag) in [("ns1", 10), ("ns2", 20)] {
        lab.ok(&format!("add-port sw1 {netns} --tag {tag} --ip 10.0.{tag}.1/24"));
    }
    lab.ok("add-port sw1 ns9 --tag 10 --trunks 20 --name eth0 --ip 10.0.10.9/24");
    run(&inside("ns9", "ip link add link eth0 name eth0.20 up type vlan id 20"));
    run(&inside("ns9", "ip address add 10.0.20.9/24 dev eth0.20"));
    assert!(pings("ns1", "10.0.10.9"));
    assert!(pings("ns2", "10.0.20.9"));
}

#[test]
fn userspace_tags() {
    require!(Root, OpenVswitch);
    play(SwitchKind::Userspace, tags_keep_apart);
}

#[test]
fn userspace_trunks() {
    require!(Root, OpenVswitch, VlanDevice);
    play(SwitchKind::Userspace, trunks_carry_tags);
}

#[test]
fn userspace_native_vlan() {
    require!(Root, OpenVswitch, VlanDevice);
    play(SwitchKind::Userspace, a_trunk_has_a_native_vlan);
}

#[test]
fn kernel_tags() {
    require!(Root, OpenVswitch, KernelDatapath);
    play(SwitchKind::Kernel, tags_keep_apart);
}

#[test]
fn kernel_trunks() {
    require!(Root, OpenVswitch, KernelDatapath, VlanDevice);
    play(SwitchKind::Kernel, trunks_carry_tags);
}

#[test]
fn linux_tags() {
    require!(Root, VlanFiltering);
    play(SwitchKind::Linux, tags_keep_apart);
}

#[test]
fn linux_trunks() {
    require!(Root, VlanFiltering, VlanDevice);
    play(SwitchKind::Linux, trunks_carry_tags);
}

#[test]
fn linux_native_vlan() {
    require!(Root, VlanFiltering, VlanDevice);
    play(SwitchKind::Linux, a_trunk_has_a_native_vlan);
}

/// A bridge that did not look at tags begins to with the first port that has some; the ports before stay together.
#[test]
fn a_linux_bridge_begins_to_filter() {
    require!(Root, VlanFiltering);
    play(SwitchKind::Linux, |lab| {
        lab.add_br("sw1", "");
        lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
        lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24");
        lab.ok("add-port sw1 ns3 --ip 10.0.0.3/24 --tag 7");
        assert!(pings("ns1", "10.0.0.2"));
        assert!(silent("ns1", "10.0.0.3"));
        let vlans = json("bridge -j vlan show dev veth-ns3");
        assert_eq!(vlans[0]["vlans"], serde_json::json!([{"vlan": 7, "flags": ["PVID", "Egress Untagged"]}]));
    });
}

/// Where the kernel cannot, that is said and nothing is left.
#[test]
fn a_kernel_without_vlan_filtering_is_told() {
    require!(Root);
    play(SwitchKind::Linux, |lab| {
        lab.add_br("sw1", "");
        if has(Feature::VlanFiltering) {
            lab.ok("add-port sw1 ns1 --tag 7");
        } else {
            let said = lab.refused(1, "add-port sw1 ns1 --tag 7");
            assert!(said.contains("VLAN filtering"), "{said}");
        }
    });
}
