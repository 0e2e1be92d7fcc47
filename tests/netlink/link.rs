use ovsns::netlink::{Error, Netlink, link};

use crate::common::sandbox;
use crate::{ip_shows, json, make_netns, pair, run, the_link};

const MAC_A: link::Mac = [2, 0, 0, 0, 0, 0xa];
const MAC_B: link::Mac = [2, 0, 0, 0, 0, 0xb];

#[test]
fn a_veth_pair_appears_in_both_places_with_everything() {
    sandbox::run(|| async {
        let (ns1, mut inside) = make_netns("ns1");
        let mut host = Netlink::host().expect("host");
        host.request(link::add_bridge(link::Bridge { name: "br1".into(), up: true, ..Default::default() }))
            .expect("br1");
        let br1 = the_link(&mut host, "br1");
        host.request(link::add_veth(link::Veth {
            name: "veth-ns1".into(),
            mac: Some(MAC_A),
            mtu: Some(1400),
            master: Some(br1.index),
            up: true,
            noarp: true,
            alias: Some("ovsns:lab".into()),
            group: 7,
            peer: link::VethPeer { name: "eth1-ns1".into(), netns: Some(ns1), mac: Some(MAC_B), mtu: Some(1300) },
        }))
        .expect("the pair");
        let theirs = ip_shows("veth-ns1");
        assert_eq!(theirs["address"], "02:00:00:00:00:0a");
        assert_eq!(
            (&theirs["mtu"], &theirs["master"], &theirs["ifalias"]),
            (&1400.into(), &"br1".into(), &"ovsns:lab".into())
        );
        assert_eq!((&theirs["group"], &theirs["linkinfo"]["info_kind"]), (&"7".into(), &"veth".into()));
        let has = |wanted: &str| theirs["flags"].as_array().expect("flags").iter().any(|flag| flag == wanted);
        assert!(has("UP") && has("NOARP"));
        let peer = &json("ip -n ns1 -j link show dev eth1-ns1")[0];
        assert_eq!((&peer["address"], &peer["mtu"]), (&"02:00:00:00:00:0b".into(), &1300.into()));

        let ours = the_link(&mut host, "veth-ns1");
        assert_eq!((ours.mac, ours.mtu, ours.master, ours.group), (Some(MAC_A), 1400, Some(br1.index), 7));
        assert!(!ours.arp);
        host.request(link::set("veth-ns1").arp(true).request()).expect("arp on");
        assert!(the_link(&mut host, "veth-ns1").arp);
        assert_eq!((ours.kind.as_deref(), ours.alias.as_deref()), (Some("veth"), Some("ovsns:lab")));
        assert!(ours.up && !ours.carrier, "the other end is down");
        let other = the_link(&mut inside, "eth1-ns1");
        assert_eq!((ours.peer, other.peer), (Some(other.index), Some(ours.index)));
        inside.request(link::set(&other).up().request()).expect("up inside");
        assert!(the_link(&mut host, "veth-ns1").carrier);
    });
}

#[test]
fn names_may_have_fifteen_bytes() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_veth(pair("exactly-fifteen", "p"))).expect("15 bytes");
        assert_eq!(ip_shows("exactly-fifteen")["ifname"], "exactly-fifteen");
        let error = host.request(link::add_veth(pair("precisely-16-byt", "q"))).expect_err("16 bytes");
        assert_eq!(error.to_string(), "the kernel refused `link add precisely-16-byt type veth peer name q`");
        assert!(host.link("q").expect("an answer").is_none());
        assert!(host.link("precisely-16-byt").expect("an answer").is_none(), "asked for as an alternative name");
    });
}

/// The mark must not fall on a link of somebody else that has the name already.
#[test]
fn what_exists_is_neither_changed_nor_marked() {
    sandbox::run(|| async {
        run("ip link add taken type veth peer name other");
        let before = ip_shows("taken");
        let mut host = Netlink::host().expect("host");
        let marked = link::Veth { alias: Some("ovsns:lab".into()), group: 7, up: true, ..pair("taken", "new") };
        let error = host.request(link::add_veth(marked)).expect_err("taken");
        assert!(error.is_exists(), "{error}");
        assert_eq!(ip_shows("taken"), before);
        assert!(host.link("new").expect("an answer").is_none());
        let marked = link::Bridge { name: "taken".into(), alias: Some("ovsns:lab".into()), ..Default::default() };
        assert!(host.request(link::add_bridge(marked)).expect_err("taken").is_exists());
        assert_eq!(ip_shows("taken"), before);
    });
}

#[test]
fn a_name_taken_inside_leaves_nothing_outside() {
    sandbox::run(|| async {
        let (ns1, mut inside) = make_netns("ns1");
        inside.request(link::add_veth(pair("eth1", "x"))).expect("taken inside");
        let mut host = Netlink::host().expect("host");
        let peer = link::VethPeer { name: "eth1".into(), netns: Some(ns1), ..Default::default() };
        let error = host.request(link::add_veth(link::Veth { peer, ..pair("a", "eth1") })).expect_err("taken inside");
        assert!(error.is_exists(), "{error}");
        assert!(host.link("a").expect("an answer").is_none());
    });
}

/// An alias of more than 255 bytes is refused by the second message: the first must be taken back.
#[test]
fn a_link_that_cannot_be_marked_is_not_left_behind() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let marked = |length| link::Veth { alias: Some("x".repeat(length)), ..pair("a", "b") };
        host.request(link::add_veth(marked(256))).expect_err("too long");
        assert!(host.link("a").expect("an answer").is_none());
        host.request(link::add_veth(marked(255))).expect("the longest");
        assert_eq!(ip_shows("a")["ifalias"], "x".repeat(255));
        assert_eq!(ip_shows("a")["group"], "default");
    });
}

#[test]
fn a_refusal_carries_the_words_of_the_kernel() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_veth(pair("a", "b"))).expect("a pair");
        let error = host.request(link::set("a").mtu(10).request()).expect_err("too small");
        assert_eq!(error.to_string(), "the kernel refused `link set a mtu 10`");
        let source = std::error::Error::source(&error).expect("a source").to_string();
        assert_eq!(source, "mtu less than device minimum (EINVAL)");
        let error = host.request(link::set("eth9").up().request()).expect_err("no such device");
        assert!(error.is_missing() && matches!(error, Error::Refused { .. }), "{error}");
    });
}

#[test]
fn every_change_is_seen_by_ip() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.batch([
            link::add_veth(pair("a", "b")),
            link::add_bridge(link::Bridge { name: "br1".into(), ..Default::default() }),
        ])
        .expect("links");
        let br1 = the_link(&mut host, "br1").index;
        let change = link::set("a").up().mtu(1400).mac(MAC_A).master(br1).alias("hello").group(9);
        host.request(change.request()).expect("changed");
        let a = ip_shows("a");
        assert_eq!(
            (&a["mtu"], &a["address"], &a["master"]),
            (&1400.into(), &"02:00:00:00:00:0a".into(), &"br1".into())
        );
        assert_eq!((&a["ifalias"], &a["group"]), (&"hello".into(), &"9".into()));
        host.request(link::set("a").down().nomaster().alias("").group(0).request()).expect("changed back");
        let a = ip_shows("a");
        assert!(a["master"].is_null() && a["ifalias"].is_null() && a["group"] == "default", "{a}");
        assert!(a["flags"].as_array().expect("flags").iter().all(|flag| flag != "UP"));
        let index = the_link(&mut host, "a").index;
        host.request(link::set(index).name("renamed").request()).expect("renamed");
        assert_eq!(ip_shows("renamed")["ifindex"], index);
    });
}

#[test]
fn a_link_moves_to_another_netns() {
    sandbox::run(|| async {
        let (ns1, mut inside) = make_netns("ns1");
        let mut host = Netlink::host().expect("host");
        host.request(link::add_veth(link::Veth { alias: Some("kept".into()), ..pair("a", "b") })).expect("a pair");
        host.request(link::set("a").netns(&ns1).request()).expect("moved");
        assert!(host.link("a").expect("an answer").is_none());
        assert_eq!(the_link(&mut inside, "a").alias.as_deref(), Some("kept"));
    });
}

#[test]
fn alternative_names_are_names() {
    sandbox::run(|| async {
        let long = "a-name-that-is-far-longer-than-the-fifteen-bytes-that-a-link-may-have";
        let mut host = Netlink::host().expect("host");
        host.batch([link::add_veth(pair("a", "b")), link::add_altname("a", long), link::add_altname("a", "short")])
            .expect("named");
        assert_eq!(ip_shows("a")["altnames"], serde_json::json!([long, "short"]));
        let a = the_link(&mut host, "a");
        assert_eq!(a.altnames, [long, "short"]);
        assert_eq!((the_link(&mut host, long), the_link(&mut host, "short")), (a.clone(), a.clone()));
        host.request(link::set(long).alias("by altname").request()).expect("set by alternative name");
        assert!(host.request(link::add_altname("b", long)).expect_err("taken").is_exists());
        host.request(link::delete_altname("a", long)).expect("deleted");
        assert!(host.link(long).expect("an answer").is_none());
        host.request(link::delete("short")).expect("deleted by alternative name");
        assert!(host.link(a.index).expect("an answer").is_none());
    });
}

#[test]
fn a_batch_stops_at_the_first_failure() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let error = host
            .batch([
                link::add_veth(pair("a", "b")),
                link::set("a").alias("done").request(),
                link::set("eth9").up().request(),
                link::set("b").alias("not done").request(),
            ])
            .expect_err("no eth9");
        assert_eq!(error.applied, 2);
        assert!(error.source.is_missing(), "{}", error.source);
        assert_eq!(ip_shows("a")["ifalias"], "done");
        assert!(ip_shows("b")["ifalias"].is_null());
        host.request(link::set("b").up().request()).expect("the connection goes on");
    });
}

#[test]
fn lists_are_filtered_by_the_kernel() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let bridge = |name: &str| link::add_bridge(link::Bridge { name: name.into(), ..Default::default() });
        host.batch([bridge("br1"), bridge("br2")]).expect("bridges");
        let br1 = the_link(&mut host, "br1").index;
        let br2 = the_link(&mut host, "br2").index;
        for (name, master) in [("a", Some(br1)), ("b", Some(br2)), ("c", Some(br1)), ("d", None)] {
            host.request(link::add_veth(link::Veth { master, ..pair(name, &format!("{name}-peer")) })).expect("a pair");
        }
        let names = |links: Vec<link::Link>| links.into_iter().map(|link| link.name).collect::<Vec<_>>();
        assert_eq!(names(host.ports(br1).expect("ports")), ["a", "c"]);
        assert_eq!(names(host.ports(br2).expect("ports")), ["b"]);
        assert_eq!(names(host.links_of_kind("bridge").expect("bridges")), ["br1", "br2"]);
        let all = json("ip -j link show");
        let theirs: Vec<_> =
            all.as_array().expect("links").iter().map(|link| link["ifname"].as_str().expect("a name")).collect();
        let mut ours = names(host.links().expect("links"));
        assert_eq!(ours.len(), theirs.len());
        ours.retain(|name| !theirs.contains(&name.as_str()));
        assert_eq!(ours, [""; 0]);
    });
}

#[test]
fn a_group_goes_in_one_message() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        for k in 0..10 {
            let group = if k < 9 { 7 } else { 8 };
            host.request(link::add_veth(link::Veth { group, ..pair(&format!("a{k}"), &format!("b{k}")) }))
                .expect("a pair");
        }
        host.request(link::delete_group(7)).expect("deleted");
        let left: Vec<_> =
            host.links().expect("links").into_iter().filter(|link| link.kind.is_some()).map(|link| link.name).collect();
        assert_eq!(left, ["b9", "a9"]);
        assert!(host.request(link::delete_group(7)).expect_err("empty").is_missing());
    });
}

#[test]
fn many_links_go_in_one_go() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        for k in 0..50 {
            host.request(link::add_veth(pair(&format!("a{k}"), &format!("b{k}")))).expect("a pair");
        }
        run("ip link set dev a49 group 7");
        let names: Vec<_> = (0..49).map(|k| format!("a{k}")).chain(["gone already".into()]).collect();
        host.delete_links(names.iter().map(|name| name.as_str().into())).expect("deleted");
        assert_eq!(host.links_of_kind("veth").expect("links").len(), 2);
        assert_eq!(ip_shows("a49")["group"], "7");
        host.delete_links(names.iter().map(|name| name.as_str().into())).expect("all gone already");
    });
}

/// Fifty are more than one datagram's.
#[test]
fn many_pairs_are_made_in_one_go() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_veth(pair("a7", "theirs"))).expect("a pair");
        let alias = || Some("ovsns:lab".to_owned());
        let named = |k| link::Veth { alias: alias(), up: true, group: 7, ..pair(&format!("a{k}"), &format!("b{k}")) };
        let made = host.add_veths((0..50).map(named).collect()).expect("made");
        assert_eq!((0..50).filter(|k| made[*k].is_err()).collect::<Vec<_>>(), [7]);
        assert!(made[7].as_ref().is_err_and(Error::is_exists));
        let pairs = host.links_of_kind("veth").expect("links");
        let (ours, others): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|link| link.alias == alias());
        assert!(ours.iter().all(|link| link.up && link.group == 7 && link.name.starts_with('a')));
        assert!(others.iter().all(|link| !link.up && link.group == 0));
        assert_eq!((ours.len(), others.len()), (49, 51));
    });
}

#[test]
fn a_netns_is_recognised_by_its_number() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let (ns1, _) = make_netns("ns1");
        let (ns2, _) = make_netns("ns2");
        assert_eq!(host.nsid(&ns1).expect("an answer"), None);
        for (name, netns) in [("a", &ns1), ("b", &ns2)] {
            let peer = link::VethPeer { name: "eth1".into(), netns: Some(netns.clone()), ..Default::default() };
            host.request(link::add_veth(link::Veth { peer, ..pair(name, "eth1") })).expect("a pair");
        }
        let (a, b) = (the_link(&mut host, "a").peer_nsid, the_link(&mut host, "b").peer_nsid);
        assert!(a.is_some() && b.is_some() && a != b, "{a:?} {b:?}");
        assert_eq!((host.nsid(&ns1).expect("an answer"), host.nsid(&ns2).expect("an answer")), (a, b));
        let (ns3, _) = make_netns("ns3");
        host.request(ovsns::netlink::nsid::assign(&ns3)).expect("assigned");
        let number = host.nsid(&ns3).expect("an answer").expect("a number");
        let list = json("ip -j netns list-id");
        assert!(list.as_array().expect("ids").iter().any(|id| id["nsid"] == number && id["name"] == "ns3"), "{list}");
    });
}
