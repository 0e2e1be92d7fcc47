//! What others do to a lab is seen by `diff`, and healed by `apply`.

use super::common::tool;
use super::stage::{CAMPUS, Stage};

/// What is done by hand, and what `diff` says of it among others.
const DRIFTS: [(&str, &str); 15] = [
    ("ip link del veth-n1", "missing: link veth-n1"),
    ("ip netns del n2", "missing: netns n2"),
    ("ip -n n1 address del 10.0.0.1/24 dev eth1-n1", "missing: address 10.0.0.1/24"),
    ("ip -n n1 address add 10.66.0.1/24 dev eth1-n1", "extra: address 10.66.0.1/24"),
    ("ip -n n1 address del fd00::1/64 dev eth1-n1", "missing: address fd00::1/64"),
    ("ip -n n1 link set eth1-n1 mtu 1400", "differs: link veth-n1"),
    ("ip -n n1 link set eth1-n1 down", "eth1-n1"),
    ("ip -n n1 route add 10.67.0.0/16 via 10.0.0.2", "extra: route 10.67.0.0/16"),
    ("ip -n n2 route del default", "missing: route default via 10.0.0.254"),
    ("tc -n n1 qdisc del dev eth1-n1 root", "missing: impairment of eth1-n1"),
    ("nsenter --net=/run/netns/n1 sysctl -qw net.ipv4.ip_forward=0", "differs: sysctl net.ipv4.ip_forward"),
    ("ip address del 10.0.0.254/24 dev s1", "missing: address 10.0.0.254/24"),
    ("ip link set s1 down", "differs: device s1"),
    ("ip -n n1 link del eth2-n1", "missing: link eth2-n1"),
    ("ip link set veth-n3 down", "veth-n3"),
];

/// The table is made again, but for who has turned the forwarding of out0 on: nobody knows that any more.
const TABLE: (&str, &str) = ("nft delete table inet ovsns", "missing: nat of s1 out of out0");

const ON_OVS: [(&str, &str); 6] = [
    ("ovs-vsctl del-port veth-n1", "missing: port veth-n1"),
    ("ovs-vsctl set Port veth-n1 tag=5", "differs: port veth-n1"),
    ("ovs-vsctl del-br s2", "missing: switch s2"),
    ("ovs-vsctl set Bridge s1 stp_enable=true", "differs: switch s1"),
    ("ovs-vsctl del-port s1-s2", "missing: port s1-s2"),
    ("ovs-vsctl set Interface s1-s2 options:peer=nobody", "port s1-s2"),
];

const ON_LINUX: [(&str, &str); 4] = [
    ("ip link set veth-n1 nomaster", "missing: port veth-n1"),
    ("ip link set veth-n1 master fbr", "differs: port veth-n1"),
    ("ip link del s2", "missing: switch s2"),
    ("ip link set s1 type bridge stp_state 1", "differs: switch s1"),
];

pub fn each_kind_is_seen_and_healed(stage: &mut Stage) {
    let file = stage.lab(CAMPUS);
    stage.ok(&format!("apply {file}"));
    let world = stage.world();
    let more = if stage.ovs().is_some() { &ON_OVS[..] } else { &ON_LINUX };
    for (drift, difference) in DRIFTS.iter().chain(more).chain(&[TABLE]) {
        match drift.strip_prefix("ovs-vsctl ") {
            Some(words) => drop(stage.ovs().unwrap().vsctl(&words.split(' ').collect::<Vec<_>>())),
            None => drop(tool::run(drift)),
        }
        let diff = stage.run(&format!("diff {file} --exit-code"));
        assert_eq!(diff.code, 3, "{drift}: {diff:#?}");
        assert!(diff.stdout.lines().any(|line| line.contains(difference)), "{drift}: {difference}\n{diff:#?}");
        stage.ok(&format!("apply {file}"));
        stage.is_as_its_file(&file);
        if *drift != TABLE.0 {
            stage.world().assert_is(&world, drift);
        }
    }
    stage.destroy();
    tool::run("sysctl -qw net.ipv4.conf.out0.forwarding=0 net.ipv6.conf.out0.force_forwarding=0");
}
