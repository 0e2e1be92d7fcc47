//! `nat`, `del-nat`, `list-nat`.

use std::fs;

use nix::mount::{MsFlags, mount, umount};
use serde_json::json;

use super::common::tool::{inside, run, succeeds};
use super::common::traffic::pings;
use super::host::{HOST, Host, WORLD, is_as, state};
use super::peers::{Answers, is_deaf, tcp, udp};

const IN_WORLD: Answers<'_> = Answers { netns: "world", port: 80 };

pub fn the_world_is_reached_and_nothing_is_left(host: &Host) {
    let before = state();
    assert!(is_deaf("ns1", WORLD[0], 80, IN_WORLD));
    assert!(host.ok("nat br1 --dry-run").ends_with("to remove\n"));
    is_as(&before, "a dry run");
    let plan = host.ok("nat br1");
    assert!(plan.ends_with("+ nat of br1 out of eth0\n"), "{plan}");
    for version in [0, 1] {
        let (seen, address) = (HOST[version].parse::<std::net::IpAddr>().unwrap(), WORLD[version]);
        for netns in ["ns1", "ns2"] {
            assert!(pings(netns, address));
        }
        assert_eq!(tcp("ns1", address, 80, IN_WORLD), seen, "under the host's own address");
        assert_eq!(udp("ns2", address, 80, IN_WORLD), seen);
    }
    // the host as a whole does not forward
    for setting in ["ipv4/ip_forward", "ipv4/conf/all/forwarding"] {
        assert_eq!(fs::read_to_string(format!("/proc/sys/net/{setting}")).unwrap(), "0\n", "{setting}");
    }
    assert_eq!(
        host.ok("list-nat"),
        "SWITCH  OUT   NETWORKS               STATE\nbr1     eth0  10.0.0.0/24,fd00::/64  ok\n"
    );
    let listed = json!([{"switch": "br1", "out": "eth0", "networks": ["10.0.0.0/24", "fd00::/64"], "owner": "-", "state": "ok"}]);
    assert_eq!(host.json("list-nat")["nat"], listed);
    let said = host.refused(1, "nat br1");
    assert!(said.contains("switch br1 is translated at eth0 already") && said.contains("--may-exist"), "{said}");
    assert_eq!(host.ok("nat br1 --may-exist"), "");
    host.ok("del-nat br1");
    is_as(&before, "del-nat");
    assert_eq!(host.ok("list-nat"), "");
    host.refused(1, "del-nat br1");
    assert_eq!(host.ok("del-nat br1 --if-exists"), "");
}

/// What one turned on and the other needs stays on; what was on before is not turned off.
pub fn two_translations_share_settings(host: &Host) {
    host.add_br("br2", "--ip 10.0.2.254/24");
    host.ok("add-port br2 ns3 --ip 10.0.2.1/24");
    fs::write("/proc/sys/net/ipv4/conf/br2/forwarding", "1").unwrap();
    let before = state();
    host.ok("nat br1 --out eth0");
    host.ok("nat br2 --out eth0");
    host.ok("publish 8080:ns1:80");
    tcp("ns3", WORLD[0], 80, IN_WORLD);
    host.ok("del-nat br1");
    assert_eq!(tcp("ns3", WORLD[0], 80, IN_WORLD).to_string(), HOST[0]);
    // ns1 has to answer the world still
    assert!(succeeds(&inside("ns1", "ip route get 192.0.2.2")) && !succeeds(&inside("ns2", "ip route get 192.0.2.2")));
    tcp("world", HOST[0], 8080, Answers { netns: "ns1", port: 80 });
    host.ok("del-nat br2");
    tcp("world", HOST[0], 8080, Answers { netns: "ns1", port: 80 });
    host.ok("unpublish 8080");
    is_as(&before, "all of it is taken back");
    assert_eq!(fs::read_to_string("/proc/sys/net/ipv4/conf/br2/forwarding").unwrap(), "1\n");
}

pub fn routes_are_given_to_those_that_have_none(host: &Host) {
    host.ok("add-route ns2 default via 10.0.0.1");
    let before = state();
    let route = |netns: &str| run(&inside(netns, "ip route show default"));
    let own = route("ns2");
    let plan = host.ok("nat br1");
    assert!(plan.contains("+ route default via 10.0.0.254 dev eth1-ns1 in ns1"), "{plan}");
    assert!(!plan.contains("via 10.0.0.254 dev eth1-ns2"), "{plan}");
    assert!(plan.contains("+ route default via fd00::fe dev eth1-ns2 in ns2"), "{plan}");
    assert_eq!(route("ns1"), "default via 10.0.0.254 dev eth1-ns1 proto 80 \n");
    // asking for the same is no failure, for another one it is
    assert_eq!(host.ok("add-port br1 ns1 --may-exist --gw 10.0.0.254"), "");
    let said = host.refused(1, "add-port br1 ns1 --may-exist --gw 10.0.0.2");
    assert!(said.contains("it has a default route via 10.0.0.254 already"), "{said}");
    // one that comes later
    host.ok("add-port br1 ns3 --ip 10.0.0.3/24");
    assert_eq!(route("ns3"), "");
    let plan = host.ok("nat br1 --may-exist");
    assert_eq!(plan, "+ route default via 10.0.0.254 dev eth1-ns3 in ns3\n");
    assert_eq!(tcp("ns3", WORLD[0], 80, IN_WORLD).to_string(), HOST[0]);
    host.ok("del-ns ns3");
    host.ok("del-nat br1");
    is_as(&before, "del-nat");
    assert_eq!(route("ns2"), own);
    host.ok("nat br1 --no-routes");
    assert_eq!(route("ns1"), "");
    run(&inside("ns1", "ip route add default via 10.0.0.254"));
    assert_eq!(tcp("ns1", WORLD[0], 80, IN_WORLD).to_string(), HOST[0]);
    host.ok("del-nat br1");
    // it is none of ours
    assert_eq!(route("ns1"), "default via 10.0.0.254 dev eth1-ns1 \n");
}

/// Before Linux 6.17 there was no `force_forwarding`: it is hidden here behind other files.
pub fn a_kernel_that_forwards_ipv6_everywhere_or_nowhere(host: &Host) {
    let before = state();
    for device in ["br1", "eth0"] {
        let path = format!("/proc/sys/net/ipv6/conf/{device}");
        mount(Some("tmpfs"), path.as_str(), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    }
    fs::write("/proc/sys/net/ipv6/conf/eth0/accept_ra", "1\n").unwrap();
    let value =
        |setting: &str| fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{setting}")).unwrap().trim().to_owned();
    let ran = host.run("nat br1");
    assert!(ran.code == 0 && ran.stderr.contains("net.ipv6.conf.all.forwarding is turned on"), "{ran:?}");
    let settings: Vec<&str> = ran.stdout.lines().filter(|line| line.contains("net.ipv6")).collect();
    // a host that begins to forward forgets its routers, unless it was told before
    let expected = ["~ sysctl net.ipv6.conf.eth0.accept_ra: 1 -> 2", "~ sysctl net.ipv6.conf.all.forwarding: 0 -> 1"];
    assert_eq!(settings, expected);
    assert_eq!((value("all/forwarding").as_str(), value("eth0/accept_ra").as_str()), ("1", "2"));
    assert_eq!(tcp("ns1", WORLD[1], 80, IN_WORLD).to_string(), HOST[1]);
    host.ok("publish 8080:ns1:80");
    host.ok("del-nat br1");
    assert_eq!((value("all/forwarding").as_str(), value("eth0/accept_ra").as_str()), ("1", "2"));
    assert_eq!(tcp("world", HOST[1], 8080, Answers { netns: "ns1", port: 80 }).to_string(), WORLD[1]);
    host.ok("unpublish 8080");
    assert_eq!((value("all/forwarding").as_str(), value("eth0/accept_ra").as_str()), ("0", "1"));
    for device in ["br1", "eth0"] {
        umount(format!("/proc/sys/net/ipv6/conf/{device}").as_str()).unwrap();
    }
    is_as(&before, "all of it is taken back");
}
