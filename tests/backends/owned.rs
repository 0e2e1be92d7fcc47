//! What one owner's scope takes in and leaves out, in a world with things of others in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use ovsns::backend::kernel::Kernel;
use ovsns::backend::linux_bridge::LinuxBridge;
use ovsns::backend::{BackendSet, Scope};
use ovsns::model::Owner;

use super::common::require::{Feature, has};
use super::common::{require, sandbox, tool};
use super::kernel::DEADLINE;

const MARK: &str = "ovsns-owner=lab-1";

/// A namespace of ours with a pair to a bridge of ours, a foreign pair, and addresses and routes of all kinds; a pair of ours
/// between namespaces of others.
fn world() {
    for command in [
        "ip netns add n1",
        "ip link add br1 type bridge",
        "ip link set br1 up",
        "ip address add 10.0.0.254/24 dev br1",
        "ip route add 10.9.0.0/16 via 10.0.0.1 dev br1",
        "ip link add v1 master br1 up type veth peer name e1 netns n1",
        "ip -n n1 link set e1 up",
        "ip -n n1 address add 10.0.0.1/24 dev e1",
        "ip -n n1 route add default via 10.0.0.254",
        "ip -n n1 route add 10.1.0.0/16 via 10.0.0.254 proto static",
        "ip -n n1 route add 10.2.0.0/16 via 10.0.0.254 proto bird",
        "ip -n n1 route add 10.3.0.0/16 via 10.0.0.254 proto dhcp",
        // somebody else's, in ours and on ours
        "ip link add v2 master br1 up type veth peer name e2 netns n1",
        "ip -n n1 link set e2 up",
        "ip -n n1 address add 10.5.0.1/24 dev e2",
        "ip address add 10.6.0.1/24 dev v2",
        // ours, in theirs
        "ip netns add n2",
        "ip netns add n3",
        "ip -n n2 link add x2 type veth peer name x3 netns n3",
        "ip -n n3 link set x3 up",
        "ip -n n3 address add 10.7.0.1/24 dev x3",
        "ip -n n3 link add y3 type veth peer name y4",
        "ip -n n3 link set y3 up",
        "ip -n n3 address add 10.8.0.1/24 dev y3",
    ] {
        tool::run(command);
    }
    for (place, device) in [("", "br1"), ("", "v1"), ("-n n1", "lo"), ("-n n1", "e1"), ("-n n2", "x2")] {
        tool::run(&format!("ip {place} link set {device} alias {MARK}"));
    }
}

#[test]
fn the_scope_of_an_owner() {
    require!(Root);
    sandbox::run(async || {
        world();
        let is_shaped = has(Feature::Tbf);
        if is_shaped {
            tool::run("tc -n n3 qdisc add dev x3 root handle 7b: tbf rate 10mbit burst 50000 limit 112500");
        }
        let set = BackendSet::new(vec![Arc::new(Kernel::new(DEADLINE)), Arc::new(LinuxBridge::default())]);
        let owner: Owner = "lab-1".parse().unwrap();
        let found = set.observe(&Scope::Owner(owner)).await.unwrap();
        let found: BTreeSet<String> = found.keys().map(ToString::to_string).collect();
        let mut wanted = vec![
            "netns n1",
            "switch br1",
            "device br1",
            "link v1",
            "port v1",
            "address 10.0.0.254/24 on br1",
            "route to 10.9.0.0/16 in host",
            "address 10.0.0.1/24 on e1 in n1",
            "address 10.5.0.1/24 on e2 in n1",
            "route to 0.0.0.0/0 in n1",
            "route to 10.1.0.0/16 in n1",
            "link x2 in n2",
            "address 10.7.0.1/24 on x3 in n3",
        ];
        wanted.extend(is_shaped.then_some("impairment of x3 in n3"));
        assert_eq!(found, wanted.into_iter().map(str::to_owned).collect());
    });
}
