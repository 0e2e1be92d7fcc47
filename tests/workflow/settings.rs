//! What can be asked of a port.

use serde_json::json;

use super::common::tool::{inside, json as json_of, link, run};
use super::common::traffic::pings;
use super::lab::Lab;

/// The addresses of a device that somebody asked for, as `ip` lists them.
fn addresses(netns: &str, device: &str) -> Vec<String> {
    let links = json_of(&inside(netns, &format!("ip -j address show dev {device} scope global")));
    let found = links.as_array().unwrap().iter().filter_map(|link| link["addr_info"].as_array()).flatten();
    let texts = found.filter_map(|info| Some(format!("{}/{}", info["local"].as_str()?, info["prefixlen"])));
    texts.collect()
}

pub fn both_ends_get_what_was_asked_for(lab: &Lab) {
    lab.add_br("sw1", "");
    let options = "--ip 10.0.0.1/24 --ip 10.0.1.1/16 --ip fd00::1/64 --nodad --mac 02:00:00:00:00:01 --mtu 1400 \
                   --name eth0 --host-name tap-one";
    let said = lab.ok(&format!("add-port sw1 ns1 {options}"));
    assert!(said.contains("+ netns ns1"), "the namespace is made, and that is said: {said}");

    let (host, own) = (link("host", "tap-one").unwrap(), link("ns1", "eth0").unwrap());
    assert_eq!(own["address"], "02:00:00:00:00:01");
    assert_eq!((&host["mtu"], &own["mtu"]), (&json!(1400), &json!(1400)));
    assert_eq!((&host["operstate"], &own["operstate"]), (&json!("UP"), &json!("UP")));
    assert_eq!((&host["ifalias"], &own["ifalias"]), (&json!("ovsns-owner=-"), &json!("ovsns-owner=-")));
    assert_eq!(addresses("ns1", "eth0"), ["10.0.0.1/24", "10.0.1.1/16", "fd00::1/64"]);
    assert!(link("ns1", "lo").unwrap()["flags"].as_array().unwrap().contains(&json!("UP")));
    assert_eq!(lab.ok("port-to-br tap-one"), "sw1\n");

    if lab.is_linux() {
        assert_eq!(host["master"], "sw1");
        let said = lab.refused(1, "add-port sw1 ns2 --iface-id vm-7");
        assert!(said.contains("iface-id vm-7") && said.contains("--backend ovs"), "{said}");
    } else {
        lab.ok("add-port sw1 ns2 --iface-id vm-7");
        let id = |key| lab.ovs().vsctl(&["get", "Interface", "veth-ns2", &format!("external_ids:{key}")]);
        assert_eq!(
            (id("iface-id").trim(), id("ovsns-netns").trim(), id("ovsns-owner").trim()),
            ("vm-7", "ns2", "\"-\"")
        );
        assert_eq!(id("ovsns-boot").trim().trim_matches('"').len(), 36);
        assert_eq!(lab.ovs().vsctl(&["get", "Port", "veth-ns2", "external_ids:ovsns-owner"]).trim(), "\"-\"");
    }
}

pub fn long_names_are_cut_and_kept_as_alternatives(lab: &Lab) {
    lab.add_br("sw1", "");
    let (one, two) = ("a-warehouse-with-a-long-name-1", "a-warehouse-with-a-long-name-2");
    lab.ok(&format!("add-port sw1 {one} --ip 10.0.0.1/24"));
    lab.ok(&format!("add-port sw1 {two} --ip 10.0.0.2/24"));
    assert!(pings(one, "10.0.0.2"));
    let ports = lab.lines("list-ports sw1");
    assert_eq!(ports.len(), 2);
    for (netns, port) in [(one, &ports[0]), (two, &ports[1])] {
        assert_eq!(port.len(), 15, "{port}");
        let host = link("host", port).unwrap();
        assert_eq!(host["altnames"], json!([format!("veth-{netns}")]));
        let links = json_of(&inside(netns, "ip -j link show type veth"));
        assert_eq!(links[0]["altnames"], json!([format!("eth1-{netns}")]));
    }
    // both names lead to it
    lab.ok(&format!("del-port sw1 {one}"));
    lab.ok(&format!("del-port sw1 {}", ports[1]));
    assert_eq!(lab.ok("list-ports sw1"), "");
}

pub fn a_namespace_has_several_ports(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port sw1 ns1 --ip 10.1.0.1/24");
    lab.ok("add-port sw1 ns1 --name lan");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24 --ip 10.1.0.2/24");
    assert_eq!(lab.lines("list-ports sw1"), ["veth-ns1", "veth-ns2", "veth2-ns1", "veth3-ns1"]);
    for device in ["eth1-ns1", "eth2-ns1", "lan"] {
        assert!(link("ns1", device).is_some(), "{device}");
    }
    assert!(pings("ns1", "10.0.0.2"));
    assert!(pings("ns1", "10.1.0.2"));
    // a number that is free again is taken again
    lab.ok("del-port sw1 veth2-ns1");
    lab.ok("add-port sw1 ns1");
    assert!(link("ns1", "eth2-ns1").is_some());
    let said = lab.refused(1, "add-port sw1 ns1 --name lan");
    assert!(said.contains("cannot name a device lan"), "{said}");
    let said = lab.refused(1, "add-port sw1 ns1 --host-name veth-ns2");
    assert!(said.contains("cannot name a device veth-ns2: the host has one"), "{said}");
}

pub fn may_exist_converges(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24 --mtu 1400");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24");
    let as_it_was = lab.inventory();
    assert_eq!(lab.ok("add-port sw1 ns1 --may-exist"), "", "there is nothing to do");
    assert_eq!(lab.inventory(), as_it_was);

    let said = lab.ok("add-port sw1 ns1 --may-exist --mtu 1300 --mac 02:00:00:00:00:09 --ip 10.0.0.9/24 --gw 10.0.0.2");
    assert!(said.contains("~ link veth-ns1"), "{said}");
    let (host, own) = (link("host", "veth-ns1").unwrap(), link("ns1", "eth1-ns1").unwrap());
    assert_eq!((&host["mtu"], &own["mtu"]), (&json!(1300), &json!(1300)));
    assert_eq!(own["address"], "02:00:00:00:00:09");
    assert_eq!(addresses("ns1", "eth1-ns1"), ["10.0.0.1/24", "10.0.0.9/24"]);
    assert_eq!(json_of(&inside("ns1", "ip -j route show default"))[0]["gateway"], "10.0.0.2");
    assert!(pings("ns2", "10.0.0.9"));
    assert_eq!(lab.lines("list-ports sw1"), ["veth-ns1", "veth-ns2"]);

    // what somebody has set down comes up again
    run("ip link set veth-ns1 down");
    run(&inside("ns1", "ip link set eth1-ns1 down"));
    lab.ok("add-port sw1 ns1 --may-exist --ip 10.0.0.1/24");
    assert!(pings("ns2", "10.0.0.9"));

    if !lab.is_linux() {
        lab.ok("add-port sw1 ns1 --may-exist --tag 7 --iface-id vm-1");
        let get = |table, column| lab.ovs().vsctl(&["get", table, "veth-ns1", column]).trim().to_owned();
        assert_eq!((get("Port", "tag"), get("Interface", "external_ids:iface-id")), ("7".into(), "vm-1".into()));
        // what is not asked for stays
        lab.ok("add-port sw1 ns1 --may-exist --mtu 1500");
        assert_eq!((get("Port", "tag"), get("Interface", "external_ids:iface-id")), ("7".into(), "vm-1".into()));
    }
}

/// Without the option, it is one more port; but what was named is there already.
pub fn a_port_that_exists_is_refused_without_may_exist(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-ns ns1");
    let said = lab.refused(1, "add-ns ns1");
    assert!(said.contains("cannot make namespace ns1: it exists"), "{said}");
    lab.ok("add-ns ns1 --may-exist");
    run("ip link add x0 type veth peer name x1");
    lab.ok("add-port sw1 dev:x0");
    let said = lab.refused(1, "add-port sw1 dev:x0");
    assert!(said.contains("it is a port of it already"), "{said}");
    lab.ok("add-port sw1 dev:x0 --may-exist");
    lab.add_br("sw2", "");
    let said = lab.refused(1, "add-port sw2 dev:x0 --may-exist");
    assert!(said.contains("it is a port of switch sw1") && said.contains("del-port sw1 x0"), "{said}");
    run("ip link delete x0");
    if !lab.is_linux() {
        lab.ok("del-port sw1 x0");
    }
}

pub fn an_address_in_use_is_refused(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    let said = lab.refused(1, "add-port sw1 ns1 --ip 10.0.0.1/24");
    assert!(said.contains("eth1-ns1 has 10.0.0.1/24 already"), "{said}");
    let said = lab.refused(1, "add-port sw1 ns1 --may-exist --ip 10.0.0.1/16");
    assert!(said.contains("eth1-ns1 has 10.0.0.1/24 already"), "{said}");
    let said = lab.refused(2, "add-port sw1 ns2 --ip 10.0.0.2");
    assert!(said.contains("the length of its prefix is missing"), "{said}");
}

/// fe80::/10 is assigned like any other; a router is reached by it.
pub fn an_address_of_the_link_alone(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip fe80::1/64 --nodad --name eth0");
    lab.ok("add-port sw1 ns2 --ip fd00::2/64 --nodad --gw fe80::1 --name eth0");
    assert!(pings("ns2", "fe80::1%eth0"));
    let routes = json_of(&inside("ns2", "ip -j -6 route show default"));
    assert_eq!((&routes[0]["gateway"], &routes[0]["dev"]), (&json!("fe80::1"), &json!("eth0")));
    lab.ok("add-port sw1 ns1 --may-exist --ip fe80::1/64 --nodad");
    let said = lab.refused(2, "add-port sw1 ns3 --ip ff02::1/64");
    assert!(said.contains("no address that one device can have"), "{said}");
}

/// What no device may be called, a namespace may.
pub fn odd_names(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, device) in [("a%d", "veth-a_d"), ("x'y$(z)", "veth-x'y$(z)"), ("-dash", "veth--dash"), ("ü", "veth-ü")]
    {
        lab.ok(&format!("add-port sw1 -- {netns}"));
        assert_eq!(lab.lines("list-ports sw1"), [device]);
        lab.ok(&format!("del-port sw1 -- {netns}"));
        lab.ok(&format!("del-ns -- {netns}"));
    }
    for bad in ["--name e%d", "--host-name e%d", "--name sixteen-bytes-xx", "--name a/b", "--name .."] {
        lab.refused(2, &format!("add-port sw1 ns1 {bad}"));
    }
    lab.refused(2, "add-br sw%d");
    lab.refused(1, "add-port sw1 ns1 --name lo");
}
