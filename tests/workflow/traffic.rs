//! Packets.

use super::common::tool::{inside, json, run};
use super::common::traffic::{ping_with, pings, silent, tcp, udp};
use super::lab::Lab;

/// The first screen of the README.
pub fn the_workflow(lab: &Lab) {
    lab.add_br("OVS-1", "");
    lab.ok("add-port OVS-1 ns1 --ip 192.168.0.1/24");
    lab.ok("add-port OVS-1 ns2 --ip 192.168.0.2/24 --ip fd00::2/64");
    lab.ok("add-port OVS-1 ns3 --ip fd00::3/64");
    lab.ok("exec ns1 -- ping -c1 -w20 192.168.0.2");
    assert!(pings("ns3", "fd00::2"));
    assert_eq!(lab.run("exec ns1 -- ping -c1 -W1 192.168.0.99").code, 1);
    assert_eq!(lab.lines("list-ports OVS-1"), ["veth-ns1", "veth-ns2", "veth-ns3"]);
    lab.ok("del-port OVS-1 ns1");
    assert!(silent("ns2", "192.168.0.1"));
    lab.ok("del-port OVS-1 ns2");
    lab.ok("del-port OVS-1 ns3");
    lab.ok("del-br OVS-1");
    for netns in ["ns1", "ns2", "ns3"] {
        lab.ok(&format!("del-ns {netns}"));
    }
    lab.is_as_before();
}

pub fn tcp_and_udp(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 192.168.0.1/24 --ip fd00::1/64 --nodad");
    lab.ok("add-port sw1 ns2 --ip 192.168.0.2/24 --ip fd00::2/64 --nodad");
    for address in ["192.168.0.2", "fd00::2"] {
        udp("ns1", "ns2", address, 1500);
        tcp("ns1", "ns2", address);
    }
    tcp("ns2", "ns1", "192.168.0.1");
}

pub fn the_host_is_reached_through_the_switch(lab: &Lab) {
    lab.add_br("sw1", "--ip 192.168.0.254/24 --ip fd00::fe/64");
    lab.ok("add-port sw1 ns1 --ip 192.168.0.1/24 --ip fd00::1/64 --nodad");
    // The host knows ns1, and has no question of its own. The first answer counts (ip-sysctl.rst, locktime): it is the switch's
    // own device's, not that of the port's end on the host.
    assert!(pings("host", "192.168.0.1"));
    run(&inside("ns1", "ip neighbour flush all"));
    assert!(pings("ns1", "192.168.0.254"));
    let neighbours = json(&inside("ns1", "ip -j neighbour show to 192.168.0.254"));
    assert_eq!(neighbours[0]["lladdr"], json("ip -j link show dev sw1")[0]["address"]);
    for (host, netns) in [("192.168.0.254", "192.168.0.1"), ("fd00::fe", "fd00::1")] {
        assert!(pings("ns1", host));
        assert!(pings("host", netns));
        udp("ns1", "host", host, 1500);
        udp("host", "ns1", netns, 1500);
        tcp("ns1", "host", host);
        tcp("host", "ns1", netns);
    }
}

/// Two switches; the host forwards between them, as sysctl has told it to in this sandbox.
pub fn a_gateway_leads_out(lab: &Lab) {
    // below /proc/sys/net a thread sees its own namespace (network_namespaces(7))
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
    lab.add_br("sw1", "--ip 10.0.1.254/24 --ip fd01::fe/64");
    lab.add_br("sw2", "--ip 10.0.2.254/24 --ip fd02::fe/64");
    lab.ok("add-port sw1 ns1 --ip 10.0.1.1/24 --ip fd01::1/64 --gw 10.0.1.254 --gw fd01::fe --nodad");
    lab.ok("add-port sw2 ns2 --ip 10.0.2.1/24 --ip fd02::1/64 --gw 10.0.2.254 --nodad");
    assert!(pings("ns1", "10.0.2.1"));
    tcp("ns1", "ns2", "10.0.2.1");
    // ns2 has no way back for IPv6 yet
    assert!(silent("ns1", "fd02::1"));
    lab.ok("add-port sw2 ns2 --may-exist --gw fd02::fe");
    assert!(pings("ns1", "fd02::1"));
    for (family, gateway) in [("-4", "10.0.1.254"), ("-6", "fd01::fe")] {
        let routes = json(&inside("ns1", &format!("ip -j {family} route show default")));
        assert_eq!(routes[0]["gateway"], gateway);
        // the mark of ours
        assert_eq!(routes[0]["protocol"], "79");
    }
    let said = lab.refused(2, "add-port sw1 ns3 --ip 10.0.1.3/24 --gw 10.9.9.9");
    assert!(said.contains("the gateway 10.9.9.9 is outside every subnet of the port"), "{said}");
    let said = lab.refused(1, "add-port sw1 ns1 --ip 10.0.1.4/24 --gw 10.0.1.253");
    assert!(said.contains("it has a default route via 10.0.1.254 already"), "{said}");
    lab.ok("del-port sw1 ns1");
    assert_eq!(run(&inside("ns1", "ip route")), "");
}

pub fn frames_are_as_large_as_the_mtu(lab: &Lab) {
    lab.add_br("sw1", "");
    for (netns, mtu) in [("ns1", 1400), ("ns2", 1400), ("ns3", 9000), ("ns4", 9000)] {
        lab.ok(&format!("add-port sw1 {netns} --ip 10.0.0.{}/24 --mtu {mtu}", &netns[2..]));
    }
    // 20 bytes of IP and 8 of ICMP belong to it; -M do: not in fragments
    assert!(ping_with("ns1", "-w20 -M do -s 1372", "10.0.0.2"));
    assert!(!ping_with("ns1", "-W1 -M do -s 1373", "10.0.0.2"));
    assert!(ping_with("ns3", "-w20 -M do -s 8972", "10.0.0.4"));
    // leaves ns3, and no port takes it
    assert!(!ping_with("ns3", "-W1 -M do -s 1473", "10.0.0.1"));
    udp("ns3", "ns4", "10.0.0.4", 9000);
}

pub fn an_ipv6_address_is_ready_at_the_end(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip fd00::1/64");
    lab.ok("add-port sw1 ns2 --ip fd00::2/64 --nodad");
    assert_eq!(run(&inside("ns1", "ip -6 address show tentative scope global")), "");
    let flags = |netns: &str| {
        let links = json(&inside(netns, "ip -j -6 address show scope global"));
        links.as_array().unwrap().iter().find_map(|link| link["addr_info"].get(0).cloned()).unwrap()["nodad"].clone()
    };
    assert_eq!((flags("ns1"), flags("ns2")), (serde_json::Value::Null, true.into()));
    assert!(pings("ns1", "fd00::2"));
    // it is there, and that is all that is asked
    assert_eq!(lab.ok("add-port sw1 ns1 --may-exist --ip fd00::1/64 --nodad"), "");
    assert_eq!(lab.ok("add-port sw1 ns2 --may-exist --ip fd00::2/64"), "");
}

pub fn a_taken_ipv6_address_is_refused(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip fd00::1/64");
    let said = lab.refused(1, "add-port sw1 ns2 --ip fd00::1/64");
    assert!(said.contains("another device of the same network has this address"), "{said}");
}
