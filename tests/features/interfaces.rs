//! What joins switches of one host, and what Open vSwitch makes by itself: patches, internal ports in namespaces, the host's part in VLANs.

use super::common::tool::{inside, json, link, run};
use super::common::traffic::{pings, silent};
use super::lab::{Lab, SwitchKind};

super::features! {
    ovs: patches_between_switches(OpenVswitch) patches_to_a_linux_bridge(OpenVswitch) internal_ports(OpenVswitch)
        internal_ports_after_a_restart(OpenVswitch) vlans_of_the_host(OpenVswitch) interfaces_of_a_lab(OpenVswitch);
    linux: patches_between_switches() vlans_of_the_host(VlanFiltering, VlanDevice)
        interfaces_of_a_lab(VlanFiltering, VlanDevice);
    linux_refuses: internal_ports();
}

/// From one switch to the other, and no more when one end is gone: the other end goes with it.
fn patches_between_switches(lab: &Lab) {
    for (switch, netns) in [("sw1", "ns1"), ("sw2", "ns2")] {
        lab.add_br(switch, "");
        lab.ok(&format!("add-port {switch} {netns} --ip 10.0.0.{}/24", &netns[2..]));
    }
    assert!(silent("ns1", "10.0.0.2"));
    lab.ok("add-patch sw1 sw2");
    assert!(pings("ns1", "10.0.0.2"));
    assert_eq!(link("host", "sw1-sw2").is_some(), lab.is_linux());
    if !lab.is_linux() {
        assert_eq!(lab.ovs().vsctl(&["get", "Interface", "sw1-sw2", "type"]).trim(), "patch");
    }
    lab.refused(2, "add-patch sw1 sw1");
    lab.refused(1, "add-patch sw1 sw2 --a-name sw1-sw2 --b-name sw2-sw1");
    assert_eq!(lab.ok("add-patch sw1 sw2 --may-exist").trim(), "");
    lab.ok("del-port sw1 sw1-sw2");
    assert!(silent("ns1", "10.0.0.2"));
    assert_eq!(
        (lab.lines("list-ports sw1"), lab.lines("list-ports sw2")),
        (vec!["veth-ns1".into()], vec!["veth-ns2".into()])
    );
    lab.ok("add-patch sw1 sw2 --a-name left --b-name right");
    assert!(pings("ns1", "10.0.0.2"));
    lab.ok("del-br sw1");
    assert_eq!(lab.lines("list-ports sw2"), ["veth-ns2"]);
}

/// A veth pair does what a patch cannot; only the VLANs that are named pass.
fn patches_to_a_linux_bridge(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-br br1 --backend linux");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port br1 ns2 --ip 10.0.0.2/24");
    lab.ok("add-patch sw1 br1");
    assert!(pings("ns1", "10.0.0.2"));
    assert_eq!(link("host", "br1-sw1").unwrap()["master"], "br1");
    lab.ok("del-port br1-sw1");
    assert_eq!(
        (lab.lines("list-ports sw1"), lab.lines("list-ports br1")),
        (vec!["veth-ns1".into()], vec!["veth-ns2".into()])
    );
    lab.add_br("sw2", "");
    lab.ok("add-port sw2 ns3 --ip 10.0.0.3/24 --tag 10");
    lab.ok("set-port sw1 ns1 --tag 20");
    lab.ok("add-patch sw1 sw2 --vlans 10,20");
    lab.ok("add-port sw1 ns4 --ip 10.0.0.4/24 --tag 10");
    assert!(pings("ns4", "10.0.0.3"));
    assert!(silent("ns1", "10.0.0.3"));
}

/// A device of Open vSwitch in a namespace, beside one at the end of a veth pair.
fn internal_ports(lab: &Lab) {
    if lab.is_linux() {
        return internal_ports_are_refused(lab);
    }
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --internal --ip 10.0.0.1/24 --mac 02:00:00:00:00:01 --mtu 1400");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24 --mtu 1400");
    assert!(pings("ns1", "10.0.0.2"));
    let device = link("ns1", "eth1-ns1").unwrap();
    assert_eq!((device["address"].as_str(), device["mtu"].as_u64()), (Some("02:00:00:00:00:01"), Some(1400)));
    assert_eq!(link("host", "eth1-ns1"), None);
    assert_eq!(lab.ovs().vsctl(&["get", "Interface", "eth1-ns1", "type"]).trim(), "internal");
    let tree = lab.ok("show sw1");
    assert!(tree.contains("internal") && tree.contains("addresses: 10.0.0.1/24"), "{tree}");
    lab.ok("set-port sw1 ns1 --tag 7");
    assert!(silent("ns1", "10.0.0.2"));
    lab.ok("set-port sw1 ns1 --no-vlan");
    lab.refused(2, "add-port sw1 ns3 --internal --host-name x");
    lab.refused(1, "add-port sw1 ns3 --internal --name eth1-ns1");
    lab.ok("add-port sw1 ns1 --internal --name second");
    lab.ok("del-port sw1 second");
    assert_eq!(link("ns1", "second"), None);
    // the port goes before the namespace
    lab.ok("del-ns ns1");
    assert_eq!(lab.lines("list-ports sw1"), ["veth-ns2"]);
    lab.ok("add-port sw1 ns1 --internal --ip 10.0.0.1/24");
    assert!(pings("ns1", "10.0.0.2"));
    lab.ok("del-port sw1 ns1");
    assert_eq!((link("ns1", "eth1-ns1"), link("host", "eth1-ns1")), (None, None));
}

/// With the kernel's datapath the device is there all the time. In user space ovs-vswitchd makes another one, on the host, and what it
/// has left in the namespace is dead: the same verb again puts the new one there, with the addresses of the old.
fn internal_ports_after_a_restart(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --internal --ip 10.0.0.1/24 --mac 02:00:00:00:00:01");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24");
    assert!(pings("ns1", "10.0.0.2"));
    lab.ovs().restart_vswitchd();
    if lab.kind == SwitchKind::Userspace {
        assert!(silent("ns1", "10.0.0.2"));
        assert!(lab.ok("show sw1").contains("its device is not in its namespace"));
        lab.ok("add-port sw1 ns1 --internal --may-exist");
        assert_eq!(link("ns1", "eth1-ns1").unwrap()["address"], "02:00:00:00:00:01");
    }
    assert!(pings("ns1", "10.0.0.2"));
    assert_eq!(lab.ok("add-port sw1 ns1 --internal --may-exist --ip 10.0.0.1/24").trim(), "");
}

fn internal_ports_are_refused(lab: &Lab) {
    lab.add_br("sw1", "");
    let said = lab.refused(1, "add-port sw1 ns1 --internal");
    assert!(said.contains("is not possible on backend linux"), "{said}");
    assert!(said.contains("hint: without --internal a veth pair does the same"), "{said}");
}

/// A router on a stick: the host is in two VLANs, and namespaces reach each other by way of it.
fn vlans_of_the_host(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-vlan sw1 10 --ip 10.0.10.254/24");
    lab.ok("add-vlan sw1 20 --ip 10.0.20.254/24 --name lab20 --mac 02:00:00:00:00:20");
    for tag in ["10", "20"] {
        lab.ok(&format!("add-port sw1 ns{tag} --tag {tag} --ip 10.0.{tag}.1/24 --gw 10.0.{tag}.254"));
    }
    assert!(pings("ns10", "10.0.10.254") && pings("ns20", "10.0.20.254"));
    run("sysctl -qw net.ipv4.ip_forward=1");
    assert!(pings("ns10", "10.0.20.1"));
    assert_eq!(link("host", "lab20").unwrap()["address"], "02:00:00:00:00:20");
    assert_eq!(
        lab.lines("list-vlans sw1"),
        ["10: sw1.10 10.0.10.254/24, veth-ns10", "20: lab20 10.0.20.254/24, veth-ns20"]
    );
    if lab.is_linux() {
        assert_eq!(link("host", "sw1.10").unwrap()["linkinfo"]["info_data"]["id"], 10);
        let own = json("bridge -j vlan show dev sw1");
        assert!(own[0]["vlans"].as_array().unwrap().iter().any(|vlan| vlan["vlan"] == 10), "{own}");
    }
    lab.refused(1, "add-vlan sw1 10");
    lab.refused(1, "add-vlan sw1 30 --name lab20");
    lab.refused(2, "add-vlan sw1 4095");
    lab.ok("del-vlan sw1 10");
    assert_eq!(link("host", "sw1.10"), None);
    assert!(silent("ns10", "10.0.10.254"));
    lab.refused(1, "del-vlan sw1 10");
    lab.ok("del-vlan sw1 10 --if-exists");
    // what is left goes with the switch
}

/// The same from a lab file; the file of what is there is good for it.
fn interfaces_of_a_lab(lab: &Lab) {
    let datapath = lab.datapath().replace("--datapath ", ", datapath: ");
    let internal = if lab.is_linux() { "" } else { ", internal: true" };
    let text = format!(
        "lab: t\nswitches:\n  sw1: {{ backend: {backend}{datapath}, vlans: {{ 10: {{ ip: 10.0.10.254/24 }} }} }}\n  \
         sw2: {{ backend: {backend}{datapath} }}\ntrunks: [ {{ a: sw1, b: sw2, vlans: [10] }} ]\nnamespaces:\n  \
         ns1: {{ ports: [ {{ switch: sw1, ip: 10.0.10.1/24, tag: 10{internal} }} ] }}\n  \
         ns2: {{ ports: [ {{ switch: sw2, ip: 10.0.10.2/24, tag: 10 }} ] }}\n",
        backend = lab.backend(),
    );
    std::fs::write("/run/lab.yaml", text).unwrap();
    lab.ok("apply /run/lab.yaml");
    assert!(pings("ns1", "10.0.10.2") && pings("ns2", "10.0.10.254"));
    assert_eq!(lab.run("diff /run/lab.yaml --exit-code").code, 0);
    std::fs::write("/run/lab.yaml", lab.ok("export --lab t")).unwrap();
    assert_eq!(lab.run("diff /run/lab.yaml --exit-code").code, 0, "{}", lab.ok("diff /run/lab.yaml"));
    if lab.kind == SwitchKind::Userspace {
        lab.ovs().restart_vswitchd();
        assert!(silent("ns1", "10.0.10.2"));
        lab.ok("apply /run/lab.yaml");
        assert!(pings("ns1", "10.0.10.2") && pings("ns2", "10.0.10.254"));
    }
    lab.ok("destroy --lab t");
    run(&inside("host", "ip link show lo"));
}
