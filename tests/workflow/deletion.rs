//! Taking away.

use std::time::{Duration, Instant};

use super::common::tool::{inside, link, run};
use super::common::traffic::pings;
use super::lab::Lab;

pub fn a_port_goes_by_any_name(lab: &Lab) {
    lab.add_br("sw1", "");
    for target in ["sw1 ns1", "sw1 veth-ns1", "sw1 dev:veth-ns1", "veth-ns1", "sw1 path:/run/netns/ns1"] {
        lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
        lab.ok(&format!("del-port {target}"));
        assert_eq!(lab.ok("list-ports sw1"), "", "after del-port {target}");
        assert!(link("host", "veth-ns1").is_none() && link("ns1", "eth1-ns1").is_none());
    }
    lab.add_br("sw2", "");
    lab.ok("add-port sw2 ns1");
    let said = lab.refused(1, "del-port sw1 ns1");
    assert!(said.contains("ns1 has no port on switch sw1"), "{said}");
    let said = lab.refused(1, "del-port sw1 veth-ns1");
    assert!(said.contains("veth-ns1 has no port on switch sw1"), "{said}");
}

pub fn all_ports_of_a_namespace_go(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.add_br("sw2", "");
    for switch in ["sw1", "sw1", "sw1", "sw1", "sw2"] {
        lab.ok(&format!("add-port {switch} ns1"));
    }
    let said = lab.refused(1, "del-port sw1 ns1");
    assert!(said.contains("ns1 has 4 ports") && said.contains("--all"), "{said}");
    lab.ok("del-port sw1 ns1 --all");
    assert_eq!(lab.ok("list-ports sw1"), "");
    assert_eq!(lab.lines("list-ports sw2"), ["veth5-ns1"]);
}

pub fn a_switch_goes_with_its_ports(lab: &Lab) {
    lab.add_br("sw1", "--ip 10.0.0.254/24");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254");
    for _ in 0..4 {
        lab.ok("add-port sw1 ns2");
    }
    lab.ok("del-br sw1");
    assert_eq!(lab.lines("list-ns"), ["ns1", "ns2"], "namespaces stay");
    for netns in ["ns1", "ns2"] {
        assert_eq!(run(&inside(netns, "ip -o link show type veth")), "");
    }
    assert_eq!(lab.ok("list-br"), "");
}

pub fn a_namespace_goes_with_its_ports(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.add_br("sw2", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port sw2 ns1 --ip fd00::1/64 --nodad");
    lab.ok("add-port sw2 ns2");
    lab.ok("del-ns ns1");
    assert_eq!((lab.ok("list-ports sw1"), lab.ok("list-ports sw2")), (String::new(), "veth-ns2\n".to_owned()));
    assert_eq!(lab.lines("list-ns"), ["ns2"]);
    assert_eq!(run("ip -o link show type veth").lines().count(), 1);
}

/// The row of an Open vSwitch outlives the device that went with the namespace.
pub fn a_port_outlives_its_namespace(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    for (target, netns) in [("ns2", "ns2"), ("veth-ns2", "ns2")] {
        lab.ok(&format!("add-port sw1 {netns} --ip 10.0.0.2/24"));
        run(&format!("ip netns delete {netns}"));
        is_gone("host", "veth-ns2");
        if !lab.is_linux() {
            lab.ok(&format!("del-port sw1 {target}"));
        }
        assert_eq!(lab.lines("list-ports sw1"), ["veth-ns1"]);
    }
    // made again, it works again: on Open vSwitch the row is replaced, not found to be there
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24 --mac 02:00:00:00:00:02");
    assert!(pings("ns1", "10.0.0.2"));
    run("ip netns delete ns2");
    is_gone("host", "veth-ns2");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24 --mac 02:00:00:00:00:02");
    assert!(pings("ns1", "10.0.0.2"));
    run("ip netns delete ns2");
    is_gone("host", "veth-ns2");
    lab.ok("del-br sw1");
    assert_eq!(lab.ok("list-br"), "");
}

/// Waits until the kernel has taken the device away: a namespace is taken apart after `ip netns delete` has returned.
fn is_gone(netns: &str, device: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while link(netns, device).is_some() {
        assert!(Instant::now() < deadline, "{device} is still there");
    }
}

/// What others made: a port's device is unplugged and left alone.
pub fn what_is_not_ours_stays(lab: &Lab) {
    run("ip netns add theirs");
    run("ip link add theirs0 type veth peer name theirs1 netns theirs");
    lab.add_br("sw1", "");
    match lab.is_linux() {
        true => _ = run("ip link set theirs0 master sw1"),
        false => _ = lab.ovs().vsctl(&["add-port", "sw1", "theirs0"]),
    }
    lab.ok("add-port sw1 ns1");
    lab.ok("del-port sw1 theirs");
    assert_eq!(lab.lines("list-ports sw1"), ["veth-ns1"]);
    assert!(link("host", "theirs0").is_some() && link("theirs", "theirs1").is_some());
    lab.ok("add-port sw1 dev:theirs0");
    lab.ok("del-br sw1");
    assert!(link("host", "theirs0").is_some() && link("host", "veth-ns1").is_none());
    run("ip netns delete theirs");
}

pub fn what_is_gone_is_no_failure_if_exists(lab: &Lab) {
    lab.add_br("sw1", "");
    for (verb, why) in [
        ("del-br nosuch", "there is no switch nosuch"),
        ("del-port sw1 nosuch", "nosuch has no port on switch sw1"),
        ("del-port nosuch", "there is no port nosuch"),
        ("del-ns nosuch", "there is no namespace nosuch"),
    ] {
        let said = lab.refused(1, verb);
        assert!(said.contains(why), "{verb}: {said}");
        assert_eq!(lab.ok(&format!("{verb} --if-exists")), "");
    }
}
