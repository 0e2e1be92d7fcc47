use ipnet::IpNet;
use ovsns::netlink::{Netlink, address, link};

use crate::common::sandbox;
use crate::{json, make_netns, pair, run, the_link};

fn net(text: &str) -> IpNet {
    text.parse().expect("an address with a prefix length")
}

#[test]
fn addresses_are_as_ip_sets_them() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_veth(pair("a", "b"))).expect("a pair");
        run("ip link set dev b addrgenmode none");
        let (a, b) = (the_link(&mut host, "a").index, the_link(&mut host, "b").index);
        run("ip address add 192.168.0.2/24 dev b");
        run("ip address add fd00::2/64 dev b nodad");
        run("ip address add fd00::3/64 dev b");
        host.batch([
            address::add(a, net("192.168.0.1/24"), false),
            address::add(a, net("fd00::1/64"), true),
            address::add(a, net("fd00::4/64"), false),
        ])
        .expect("added");
        let theirs = |name: &str| {
            let mut infos = json(&format!("ip -j address show dev {name}"))[0]["addr_info"].clone();
            for info in infos.as_array_mut().expect("addresses") {
                let info = info.as_object_mut().expect("an address");
                assert!(info.remove("local").is_some());
                info.remove("label");
            }
            infos
        };
        assert_eq!(theirs("a"), theirs("b"), "but for the numbers");
        let ours = host.addresses(Some(a)).expect("addresses");
        assert!(ours.iter().all(|address| address.link == a && address.is_permanent() && !address.is_duplicate()));
        let mut nodad: Vec<_> = ours.iter().map(|address| (address.address.to_string(), address.is_nodad())).collect();
        nodad.sort();
        let expected = [("192.168.0.1/24", false), ("fd00::1/64", true), ("fd00::4/64", false)];
        assert_eq!(nodad, expected.map(|(address, nodad)| (address.to_owned(), nodad)));
        assert_eq!(host.addresses(None).expect("addresses").len(), 6);
        assert_eq!(host.addresses(Some(b)).expect("addresses").len(), 3);
    });
}

#[test]
fn an_address_is_there_once() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_veth(pair("a", "b"))).expect("a pair");
        let a = the_link(&mut host, "a").index;
        for address in [net("192.168.0.1/24"), net("fd00::1/64")] {
            host.request(address::add(a, address, true)).expect("added");
            assert!(host.request(address::add(a, address, true)).expect_err("there").is_exists());
            host.request(address::delete(a, address)).expect("deleted");
            assert!(host.request(address::delete(a, address)).expect_err("gone").is_missing());
        }
        assert_eq!(host.addresses(Some(a)).expect("addresses"), []);
        assert!(host.request(address::add(4711, net("10.0.0.1/8"), false)).expect_err("no link").is_missing());
        assert!(host.addresses(Some(4711)).expect_err("no link").is_missing());
    });
}

#[test]
fn two_namespaces_on_a_bridge_reach_each_other() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_bridge(link::Bridge { name: "br1".into(), up: true, ..Default::default() }))
            .expect("br1");
        let br1 = the_link(&mut host, "br1").index;
        for k in 1..=2 {
            let (netns, mut inside) = make_netns(&format!("ns{k}"));
            let peer = link::VethPeer { name: "eth1".into(), netns: Some(netns), ..Default::default() };
            let veth = link::Veth { master: Some(br1), up: true, peer, ..pair(&format!("veth-ns{k}"), "eth1") };
            host.request(link::add_veth(veth)).expect("a pair");
            let eth1 = the_link(&mut inside, "eth1").index;
            inside
                .batch([
                    link::set(eth1).up().request(),
                    address::add(eth1, net(&format!("192.168.0.{k}/24")), false),
                    address::add(eth1, net(&format!("fd00::{k}/64")), true),
                ])
                .expect("inside");
        }
        run("ip netns exec ns1 ping -c1 -W5 192.168.0.2");
        run("ip netns exec ns1 ping -c1 -W5 fd00::2");
    });
}
