use std::net::IpAddr;

use ovsns::netlink::{NeighbourTables, Netlink, Route, address, link, route};
use serde_json::Value;

use crate::common::sandbox;
use crate::{json, pair, run, the_link};

/// Of our own, so that no route of others is taken for ours.
const PROTOCOL: u8 = 77;

/// A link `a` that is up, with an address of either family.
fn with_addresses(host: &mut Netlink) -> u32 {
    host.request(link::add_veth(link::Veth { up: true, ..pair("a", "b") })).expect("a pair");
    let a = the_link(host, "a").index;
    host.batch([
        link::set("b").up().request(),
        address::add(a, "192.168.0.1/24".parse().expect("an address"), false),
        address::add(a, "fd00::1/64".parse().expect("an address"), true),
    ])
    .expect("addresses");
    a
}

fn via(destination: &str, via: Option<&str>, link: u32, metric: Option<u32>) -> Route {
    let via = via.map(|via| via.parse().expect("an address"));
    let destination = destination.parse().expect("a prefix");
    Route { destination, via, link: Some(link), metric, source: None, protocol: PROTOCOL, several_hops: false }
}

fn ip_route(family: &str) -> Vec<Value> {
    let routes = json(&format!("ip {family} -j route show proto {PROTOCOL}"));
    routes.as_array().expect("routes").clone()
}

#[test]
fn routes_are_as_ip_sets_them() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let a = with_addresses(&mut host);
        let routes = [
            via("0.0.0.0/0", Some("192.168.0.254"), a, None),
            via("10.0.0.0/8", None, a, Some(50)),
            via("10.1.0.0/16", Some("fd00::99"), a, None),
            via("::/0", Some("fd00::fe"), a, Some(1024)),
            via("fd01::/64", None, a, Some(50)),
        ];
        host.batch(routes.iter().map(route::add)).expect("added");
        let ours = |host: &mut Netlink| -> Vec<Route> {
            host.routes().expect("routes").into_iter().filter(|route| route.protocol == PROTOCOL).collect()
        };
        let mut listed = ours(&mut host);
        listed.sort_by_key(|route| routes.iter().position(|made| made == route));
        assert_eq!(listed, routes);
        let v4 = ip_route("-4");
        assert_eq!(
            (&v4[0]["dst"], &v4[0]["gateway"], &v4[0]["dev"]),
            (&"default".into(), &"192.168.0.254".into(), &"a".into())
        );
        assert_eq!(
            (&v4[1]["dst"], &v4[1]["scope"], &v4[1]["metric"]),
            (&"10.0.0.0/8".into(), &"link".into(), &50.into())
        );
        assert_eq!(v4[2]["via"]["host"], "fd00::99");
        assert_eq!(ip_route("-6").len(), 2);
        assert!(host.request(route::add(&routes[0])).expect_err("there").is_exists());
        host.batch(routes.iter().map(route::delete)).expect("deleted");
        assert_eq!(ours(&mut host), []);
        assert!(host.request(route::delete(&routes[0])).expect_err("gone").is_missing());
        assert!(host.request(route::delete(&routes[3])).expect_err("gone").is_missing());
    });
}

#[test]
fn a_route_of_others_is_not_ours_to_delete() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let a = with_addresses(&mut host);
        run("ip route add default via 192.168.0.254");
        let ours = via("0.0.0.0/0", Some("192.168.0.254"), a, None);
        assert!(host.request(route::delete(&ours)).expect_err("not ours").is_missing());
        assert_eq!(json("ip -j route show default").as_array().expect("routes").len(), 1);
        let unreachable = via("10.0.0.0/8", Some("172.16.0.1"), a, None);
        let error = host.request(route::add(&unreachable)).expect_err("no way to the next hop");
        let source = std::error::Error::source(&error).expect("a source").to_string();
        assert_eq!(source, "Nexthop has invalid gateway (ENETUNREACH)");
    });
}

#[test]
fn an_empty_namespace_has_no_routes() {
    sandbox::run(|| async {
        assert_eq!(Netlink::host().expect("host").routes().expect("routes"), []);
    });
}

#[test]
fn a_permanent_neighbour_stays() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let a = with_addresses(&mut host);
        let neighbours: [IpAddr; 2] =
            ["192.168.0.9".parse().expect("an address"), "fd00::9".parse().expect("an address")];
        for ip in neighbours {
            host.request(route::add_permanent_neighbour(a, ip, [2, 0, 0, 0, 0, 8])).expect("added");
            host.request(route::add_permanent_neighbour(a, ip, [2, 0, 0, 0, 0, 9])).expect("replaced");
            let theirs = &json(&format!("ip -j neighbour show {ip} dev a"))[0];
            assert_eq!((&theirs["lladdr"], &theirs["state"][0]), (&"02:00:00:00:00:09".into(), &"PERMANENT".into()));
            host.request(route::delete_neighbour(a, ip)).expect("deleted");
            assert!(host.request(route::delete_neighbour(a, ip)).expect_err("gone").is_missing());
        }
    });
}

/// More than the answers of one datagram could be.
#[test]
fn many_neighbours_are_forgotten_in_one_go() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let a = with_addresses(&mut host);
        let neighbours =
            (1..=600u128).map(|k| (IpAddr::from(((0xfd00 << 112) | (0x1_0000 + k)).to_be_bytes()), [2, 0, 0, 0, 0, 8]));
        host.batch(neighbours.map(|(ip, mac)| route::add_permanent_neighbour(a, ip, mac))).expect("added");
        let mut tables = NeighbourTables::of_this_thread().expect("a connection");
        let mut there = tables.list().expect("a list");
        there.retain(|neighbour| neighbour.mac == Some([2, 0, 0, 0, 0, 8]));
        assert_eq!(there.len(), 600);
        host.request(route::delete_neighbour(a, there[0].address)).expect("one is gone already");
        tables.delete(&there).expect("deleted");
        assert_eq!(json("ip -j neighbour show nud permanent"), serde_json::json!([]));
    });
}
