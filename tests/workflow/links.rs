//! Veth pairs without a switch, and what is inside a namespace.

use serde_json::{Value, json};

use super::common::tool::{self, inside, link, run};
use super::common::traffic::{pings, tcp, udp};
use super::lab::Lab;

fn addresses(netns: &str, device: &str) -> Vec<String> {
    let links = tool::json(&inside(netns, &format!("ip -j address show dev {device} scope global")));
    let found = links.as_array().unwrap().iter().filter_map(|link| link["addr_info"].as_array()).flatten();
    let told =
        found.filter(|info| !info["local"].is_null()).map(|info| format!("{}/{}", info["local"], info["prefixlen"]));
    told.map(|text| text.replace('"', "")).collect()
}

fn routes(netns: &str) -> Vec<Value> {
    let of = |family: &str| tool::json(&inside(netns, &format!("ip -j {family} route show proto 79")));
    [of("-4"), of("-6")].iter().flat_map(|routes| routes.as_array().unwrap().clone()).collect()
}

pub fn two_namespaces_are_joined(lab: &Lab) {
    lab.ok(
        "add-link client server --ip 10.0.0.1/24 --peer-ip 10.0.0.2/24 --ip fd00::1/64 --peer-ip fd00::2/64 --nodad",
    );
    for address in ["10.0.0.2", "fd00::2"] {
        assert!(pings("client", address));
        tcp("client", "server", address);
        udp("client", "server", address, 1500);
    }
    assert_eq!(addresses("client", "eth1-client"), ["10.0.0.1/24", "fd00::1/64"]);
    assert_eq!(link("server", "eth1-server").unwrap()["ifalias"], "ovsns-owner=-");
    assert_eq!(lab.lines("list-links"), ["eth1-client in client (UP) <-> eth1-server in server (UP)"]);
    run(&inside("server", "ip link set eth1-server down"));
    let shown = lab.json("list-links");
    assert_eq!(shown["links"][0]["a"]["carrier"], json!(false));
    assert_eq!(shown["links"][0]["b"]["operstate"], json!("DOWN"));
    let said = lab.ok("list-links client");
    assert!(said.contains("eth1-server in server is down"), "{said}");
    // a second one has other names
    lab.ok("add-link server client");
    assert!(link("client", "eth2-client").is_some() && link("server", "eth2-server").is_some());
    let said = lab.refused(2, "del-link client server");
    assert!(said.contains("several such links") && said.contains("--name"), "{said}");
    lab.ok("del-link client server --name eth1-client");
    assert!(link("client", "eth1-client").is_none());
    lab.ok("del-link server client");
    assert!(link("server", "eth2-server").is_none());
    let said = lab.refused(1, "del-link server client");
    assert!(said.contains("no link between server and client"), "{said}");
    lab.ok("del-link server client --if-exists");
}

pub fn a_namespace_and_the_host_are_joined(lab: &Lab) {
    lab.ok("add-link test host --ip 10.0.0.1/24 --peer-ip 10.0.0.2/24");
    assert!(pings("host", "10.0.0.1"));
    tcp("test", "host", "10.0.0.2");
    assert_eq!(addresses("host", "veth-test"), ["10.0.0.2/24"]);
    lab.ok("add-route test default via 10.0.0.2");
    // a port of a switch is no such link
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 test --ip 10.1.0.1/24");
    assert_eq!(lab.lines("list-links").len(), 1);
    assert_eq!(lab.lines("list-links --all").len(), 2);
    let said = lab.refused(1, "del-link host test --name veth2-test");
    assert!(said.contains("is a port of switch sw1") && said.contains("ovsns del-port"), "{said}");
    lab.ok("del-link host test");
    assert_eq!(lab.lines("list-ports sw1"), ["veth2-test"]);
    assert!(routes("test").is_empty());
    let said = lab.refused(2, "add-link host host");
    assert!(said.contains("both ends"), "{said}");
    let said = lab.refused(1, "add-link test host --name eth2-test");
    assert!(said.contains("one of this name already"), "{said}");
    // what another run would take is refused as a whole: no namespace is left
    let said = lab.refused(1, "add-link fresh host --peer-name sw1");
    assert!(said.contains("one of this name already"), "{said}");
}

pub fn addresses_and_routes_come_and_go(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 192.168.15.1/24");
    lab.ok("add-addr ns1 10.0.0.5/24 fd00::5/64 --nodad");
    assert_eq!(addresses("ns1", "eth1-ns1"), ["192.168.15.1/24", "10.0.0.5/24", "fd00::5/64"]);
    let shown = lab.ok("list-addr ns1");
    assert!(shown.contains("eth1-ns1 10.0.0.5/24\n") && shown.contains("/64 link"), "{shown}");
    lab.ok("add-route ns1 default via 192.168.15.5");
    lab.ok("add-route ns1 default via 192.168.15.6 metric 50");
    lab.ok("add-route ns1 10.4.0.0/16 dev eth1-ns1");
    lab.ok("add-route ns1 10.5.0.0/16 via 10.4.0.1 dev eth1-ns1");
    lab.ok("add-route ns1 default via fe80::1 dev eth1-ns1");
    assert_eq!(routes("ns1").len(), 5);
    let shown = lab.ok("list-routes ns1");
    assert!(shown.contains("default via 192.168.15.5 dev eth1-ns1 proto 79\n"), "{shown}");
    assert!(shown.contains("proto kernel src 192.168.15.1"), "{shown}");
    let said = lab.refused(2, "del-route ns1 default");
    assert!(said.contains("several such routes"), "{said}");
    lab.ok("del-route ns1 default metric 50");
    lab.ok("del-route ns1 default via 192.168.15.5");
    lab.ok("del-route ns1 default");
    assert_eq!(routes("ns1").len(), 2);
    // with the address that is left the others stay
    lab.ok("del-addr ns1 192.168.15.1");
    assert_eq!(addresses("ns1", "eth1-ns1"), ["10.0.0.5/24", "fd00::5/64"]);
    assert_eq!(routes("ns1").len(), 2);
    lab.ok("del-addr ns1 10.0.0.5/24 --dev eth1-ns1");
    assert_eq!(routes("ns1").len(), 0);
    lab.ok("del-addr ns1 10.0.0.5 --if-exists");
    pings("ns1", "fd00::5");
    let shown = lab.json("list-neigh ns1");
    assert!(shown["neighbours"].is_array(), "{shown}");
}

/// An address of the link itself is nobody's wish: it is in no plan, unless it is named.
pub fn an_address_that_nobody_asked_for_goes_by_name(lab: &Lab) {
    lab.ok("add-link ns1 ns2 --ip 10.0.0.1/24 --mac 02:00:00:00:00:01");
    let plan = lab.ok("del-link ns1 ns2 --dry-run");
    assert!(!plan.contains("fe80::"), "{plan}");
    run(&inside("ns1", "ip address add 10.9.0.7/24 dev eth1-ns1 valid_lft 1000 preferred_lft 1000"));
    lab.ok("del-addr ns1 fe80::ff:fe00:1 10.9.0.7");
    assert_eq!(lab.ok("list-addr ns1"), "eth1-ns1 10.0.0.1/24\n");
}

pub fn neighbours_are_listed(lab: &Lab) {
    lab.ok("add-link ns1 ns2 --ip 10.0.0.1/24 --peer-ip 10.0.0.2/24 --peer-mac 02:00:00:00:00:02");
    assert!(pings("ns1", "10.0.0.2"));
    let shown = lab.ok("list-neigh ns1");
    assert!(shown.starts_with("10.0.0.2 dev eth1-ns1 lladdr 02:00:00:00:00:02 "), "{shown}");
}

pub fn what_makes_no_sense_is_refused(lab: &Lab) {
    lab.add_br("sw1", "--ip 192.168.15.5/24");
    lab.ok("add-port sw1 ns1 --ip 192.168.15.1/24");
    lab.ok("add-link ns1 host --peer-ip 10.7.0.1/24");
    for (code, words, why) in [
        (1, "add-addr nosuch 10.0.0.1/24", "there is no namespace nosuch"),
        (2, "add-addr ns1 10.0.0.1", "the length of its prefix is missing"),
        (2, "add-addr ns1 10.0.0.0/24 --dev eth1-ns1", "the network itself; its first address is 10.0.0.1/24"),
        (2, "add-addr ns1 10.0.0.255/24 --dev eth1-ns1", "by which all of 10.0.0.0/24 are reached"),
        (2, "add-addr ns1 fd00::/64 --dev eth1-ns1", "its first address is fd00::1/64"),
        (
            2,
            "add-link a b --ip 10.0.5.1/24 --peer-ip 10.0.5.1/24",
            "both ends of the link would have the address 10.0.5.1",
        ),
        (1, "add-port sw1 ns2 --ip 192.168.15.5/24", "switch sw1 itself has 192.168.15.5"),
        (1, "del-addr ns1 127.0.0.1", "the loopback address of ns1"),
        (2, "add-addr ns1 10.0.0.1/24", "several devices"),
        (1, "add-addr ns1 10.0.0.1/24 --dev eth9", "no device eth9 in namespace ns1"),
        (1, "add-addr ns1 192.168.15.1/24 --dev eth1-ns1", "has it already"),
        (1, "add-addr ns1 192.168.15.1/24 --dev eth2-ns1", "eth1-ns1 has 192.168.15.1/24 already"),
        (1, "add-addr host 10.7.0.9/16 --dev sw1", "overlaps 10.7.0.0/24 of veth2-ns1"),
        (1, "set-br sw1 --ip 10.7.0.9/24", "overlaps"),
        (1, "add-link ns3 host --peer-ip 10.7.0.9/24", "overlaps"),
        (1, "del-addr ns1 10.9.9.9", "no device in ns1 has the address 10.9.9.9"),
        (2, "add-route ns1 default", "no way to default"),
        (1, "add-route ns1 default via 10.9.9.9", "outside every subnet"),
        (1, "add-route ns1 default via 192.168.15.1", "an address of ns1 itself"),
        (2, "add-route ns1 default via fe80::1", "through which device"),
        (2, "add-route ns1 10.1.2.3/16 via 192.168.15.5", "not a network"),
        (2, "add-route ns1 blackhole 10.1.0.0/16", "`10.1.0.0/16` is none of via, dev, metric, src"),
        (2, "add-route ns1 10.1.0.0/16 over 192.168.15.5", "none of via, dev, metric, src"),
        (1, "del-route ns1 10.1.0.0/16", "no such route"),
        (2, "set ns1", "nothing to set"),
        (2, "set ns1 eth1-ns1", "to be set to"),
        (2, "set ns1 eth1-ns1 sideways", "none of up, down, mtu, mac"),
        (2, "set ns1 eth1-ns1 mtu 5", "MTU `5`"),
        (2, "set ns1 --sysctl kernel.hostname=x", "none of a namespace"),
        (1, "set ns1 --sysctl net.ipv4.nosuch=1", "no setting net.ipv4.nosuch"),
        (1, "set ns1 --sysctl net.ipv4.conf.eth9.forwarding=1", "-- ls /proc/sys/net/ipv4/conf\n"),
        (1, "set ns1 --sysctl net.ipv4.ip_forward=seven", "ip_forward"),
        (1, "set host sw1 mtu 1400", "is a switch"),
    ] {
        let said = lab.refused(code, words);
        assert!(said.contains(why), "{words}: {said}");
    }
    run("ip link delete veth2-ns1");
    // one that is there already
    lab.ok("add-route ns1 default via 192.168.15.5");
    let said = lab.refused(1, "add-route ns1 default via 192.168.15.6");
    assert!(said.contains("there is `default via 192.168.15.5 dev eth1-ns1` already"), "{said}");
    lab.refused(1, "add-route ns1 default via 192.168.15.5");
    lab.ok("add-route ns1 default via 192.168.15.5 --may-exist");
}

pub fn devices_and_settings_are_set(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24 --ip fd00::1/64 --nodad");
    lab.ok("add-route ns1 default via 10.0.0.254");
    lab.ok("set ns1 eth1-ns1 mtu 1400 mac 02:00:00:00:00:07 --sysctl net.ipv4.ip_forward=1");
    let shown = link("ns1", "eth1-ns1").unwrap();
    assert_eq!((&shown["mtu"], &shown["address"]), (&json!(1400), &json!("02:00:00:00:00:07")));
    assert_eq!(run(&inside("ns1", "sysctl -n net.ipv4.ip_forward")), "1\n");
    let said = lab.refused(1, "set ns1 eth1-ns1 mtu 1000");
    assert!(said.contains("it has the address fd00::1/64"), "{said}");
    // what goes down with it stands in the plan
    let plan = lab.ok("set ns1 eth1-ns1 down");
    assert!(plan.contains("- route default via 10.0.0.254") && plan.contains("- address fd00::1/64"), "{plan}");
    assert_eq!(addresses("ns1", "eth1-ns1"), ["10.0.0.1/24"]);
    assert!(routes("ns1").is_empty());
    lab.ok("set ns1 eth1-ns1 up");
    assert!(link("ns1", "eth1-ns1").unwrap()["flags"].as_array().unwrap().contains(&json!("UP")));
}

pub fn the_switch_is_an_interface(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 192.168.15.1/24 --ip fd00::1/64 --nodad");
    lab.ok("set-br sw1 --ip 192.168.15.5/24 --ip fd00::5/64");
    for address in ["192.168.15.1", "fd00::1"] {
        assert!(pings("host", address));
        tcp("host", "ns1", address);
    }
    lab.ok("set-br sw1 --del-ip 192.168.15.5/24 --ip 192.168.15.6/24 --mtu 1400 --mac 02:00:00:00:00:fe");
    assert_eq!(addresses("host", "sw1"), ["192.168.15.6/24", "fd00::5/64"]);
    let own = link("host", "sw1").unwrap();
    assert_eq!((&own["mtu"], &own["address"]), (&json!(1400), &json!("02:00:00:00:00:fe")));
    assert!(pings("ns1", "192.168.15.6"));
    let said = lab.refused(1, "set-br sw1 --del-ip 192.168.15.5/24");
    assert!(said.contains("does not have the address 192.168.15.5/24"), "{said}");
    lab.refused(2, "set-br sw1");
    lab.refused(1, "set-br nosuch --mtu 1400");
}
