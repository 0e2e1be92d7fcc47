//! The kernel backend: namespaces, veth pairs, addresses, routes; seen with `ip` and `ethtool`.

use std::sync::Arc;
use std::time::Duration;

use ovsns::backend::kernel::Kernel;
use ovsns::backend::{Backend, BackendSet};
use ovsns::model::{
    Address, End, Entry, IfName, Impairment, Key, Link, Netns, Owner, Place, ROUTE_PROTOCOL, Resource, Route,
};
use serde_json::Value;

use super::common::require::{Feature, has};
use super::common::tc;
use super::common::tool::{self, inside};
use super::fixture::{Failing, Fixture, Specimen, ours};

pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn fixture() -> Fixture {
    tool::run("ip link set lo up");
    let backend: Arc<dyn Backend> = Arc::new(Kernel::new(DEADLINE));
    Fixture {
        set: BackendSet::new(vec![backend.clone()]),
        backend,
        specimens: specimens(),
        theirs: Box::new(theirs),
        is_strict: false,
        world: world(),
        failing: failing(),
        hundred: hundred(),
        switch: super::linux::switch,
        port: super::linux::port,
        ovs: None,
    }
}

pub fn place(text: &str) -> Place {
    text.parse().unwrap()
}

pub fn name(text: &str) -> IfName {
    text.parse().unwrap()
}

pub fn netns(text: &str) -> Entry {
    ours(Resource::Netns(Netns::new(text.parse().unwrap())))
}

pub fn end(at: &str, device: &str) -> End {
    End::new(place(at), name(device))
}

/// A pair of these ends, each of which is up.
pub fn pair(a: (&str, &str), b: (&str, &str)) -> Entry {
    ours(Resource::Link(Link::new(end(a.0, a.1), end(b.0, b.1))))
}

pub fn address(at: &str, device: &str, text: &str, nodad: bool) -> Entry {
    Entry::unmarked(Resource::Address(Address::new(place(at), name(device), text.parse().unwrap(), nodad)))
}

fn route(text: &str, via: Option<&str>, device: Option<&str>, metric: Option<u32>) -> Entry {
    let via = via.map(|via| via.parse().unwrap());
    let destination = text.parse().unwrap();
    let route = Route::new(place("n1"), destination, via, device.map(name));
    Entry::unmarked(Resource::Route(Route { metric, ..route }))
}

/// The `n`-th of the variants of a pair that differ in one thing each, and one that has them all.
pub fn pair_variants(a: (&str, &str), b: (&str, &str)) -> Vec<Entry> {
    let changes: [fn(&mut End, &mut End); 7] = [
        |_, _| {},
        |a, b| {
            (a.mac, b.mac) = (Some("02:00:00:00:00:0a".parse().unwrap()), Some("02:00:00:00:00:0b".parse().unwrap()))
        },
        |a, b| (a.mtu, b.mtu) = (Some(1400), Some(1300)),
        |a, b| {
            (a.altname, b.altname) = (Some("a-rather-long-name-for-it".into()), Some("another-rather-long-name".into()))
        },
        |a, b| (a.up, b.up) = (false, false),
        |_, b| b.tx_checksum = Some(false),
        |a, b| {
            (a.mtu, b.mtu, b.mac) = (Some(9000), Some(9000), Some("02:00:00:00:00:0c".parse().unwrap()));
            (a.tx_checksum, b.tx_checksum, a.altname) =
                (Some(false), Some(true), Some("a-third-rather-long-name".into()));
        },
    ];
    let variant = |change: &fn(&mut End, &mut End)| {
        let (mut a, mut b) = (end(a.0, a.1), end(b.0, b.1));
        change(&mut a, &mut b);
        ours(Resource::Link(Link::new(a, b)))
    };
    changes.iter().map(variant).collect()
}

/// A namespace with a port `e1` that leads to the host, and an address of each family on it.
pub fn inhabited() -> Vec<Entry> {
    vec![
        netns("n1"),
        pair(("host", "v1"), ("n1", "e1")),
        address("n1", "e1", "10.0.0.1/24", false),
        address("n1", "e1", "fd00::1/64", true),
    ]
}

pub fn specimens() -> Vec<Specimen> {
    let alone = |variants: Vec<Entry>| Specimen { below: Vec::new(), variants };
    let within = |entry: Entry| Specimen { below: inhabited(), variants: vec![entry] };
    let impaired = [("n1", "e1"), ("host", "v1")]
        .map(|(at, device)| Specimen { below: inhabited(), variants: impairments(at, device) });
    let mut specimens = vec![
        alone(vec![netns("n1")]),
        alone(vec![netns("a-name-that-no-device-could-have_.1")]),
        alone(pair_variants(("host", "v1"), ("host", "v2"))),
        Specimen { below: vec![netns("n1")], variants: pair_variants(("host", "v1"), ("n1", "e1")) },
        // the same name in two namespaces is two devices
        Specimen { below: vec![netns("n1"), netns("n2")], variants: pair_variants(("n1", "eth0"), ("n2", "eth0")) },
        within(address("n1", "e1", "192.168.0.1/24", false)),
        // one subnet twice: the second address is a secondary one
        within(address("n1", "e1", "10.0.0.9/24", false)),
        within(address("n1", "e1", "fd00::9/64", true)),
        within(address("n1", "e1", "fd00::9/128", false)),
        within(address("host", "v1", "10.1.0.1/31", false)),
        within(address("n1", "lo", "10.2.0.1/32", false)),
        within(route("0.0.0.0/0", Some("10.0.0.254"), Some("e1"), None)),
        within(route("0.0.0.0/0", Some("10.0.0.254"), Some("e1"), Some(50))),
        within(route("10.3.0.0/16", None, Some("e1"), None)),
        within(route("10.3.0.0/16", Some("10.0.0.254"), None, None)),
        within(route("::/0", Some("fd00::fe"), Some("e1"), None)),
        within(route("fd03::/48", Some("fd00::fe"), Some("e1"), Some(77))),
    ];
    specimens.extend(impaired.into_iter().filter(|specimen| !specimen.variants.is_empty()));
    specimens
}

/// Those that the kernel can do.
fn impairments(at: &str, device: &str) -> Vec<Entry> {
    let none = Impairment::none(place(at), name(device));
    let rate = |text: &str| Impairment { rate: Some(text.parse().unwrap()), ..none.clone() };
    let with_delay = |there: &Impairment| Impairment {
        delay: Some("20ms".parse().unwrap()),
        jitter: Some("1.5ms".parse().unwrap()),
        ..there.clone()
    };
    let with_loss = |there: &Impairment| Impairment { loss: Some("0.5%".parse().unwrap()), ..there.clone() };
    let mut variants = Vec::new();
    if has(Feature::Tbf) {
        variants.extend([rate("10mbit"), rate("1kbit"), rate("50gbit")]);
    }
    if has(Feature::Netem) {
        variants.extend([with_delay(&none), with_loss(&none), with_loss(&with_delay(&none))]);
    }
    if has(Feature::Tbf) && has(Feature::Netem) {
        variants.extend([with_delay(&rate("10mbit")), with_loss(&rate("1mbit"))]);
    }
    variants.into_iter().map(|impairment| Entry::unmarked(Resource::Impairment(impairment))).collect()
}

fn failing() -> Vec<Failing> {
    let broken = pair(("host", "v1"), ("nowhere", "e1"));
    let links = vec![pair(("host", "x1"), ("host", "x2")), broken, pair(("host", "x3"), ("host", "x4"))];
    let on_nothing = address("n1", "nosuch", "10.0.0.2/24", false);
    let addresses =
        vec![address("n1", "e1", "10.9.0.1/24", false), on_nothing, address("n1", "e1", "10.9.0.2/24", false)];
    let unreachable = route("10.7.0.0/16", Some("172.16.0.1"), Some("e1"), None);
    // the other end's name is taken: the kernel refuses the pair
    let taken = vec![netns("n5"), pair(("host", "v5"), ("n1", "e1")), netns("n6")];
    vec![
        Failing { below: Vec::new(), wanted: links },
        Failing { below: inhabited(), wanted: addresses },
        Failing { below: inhabited(), wanted: vec![route("10.6.0.0/16", None, Some("e1"), None), unreachable] },
        Failing { below: inhabited(), wanted: taken },
        // half a pair: the alternative name of the inside end is taken
        Failing { below: with_altname(), wanted: vec![netns("n5"), altname_taken(), netns("n6")] },
    ]
}

const ALTNAME: &str = "an-alternative-name-for-one";

fn with_altname() -> Vec<Entry> {
    let other = End { altname: Some(ALTNAME.into()), ..end("n1", "e1") };
    vec![netns("n1"), ours(Resource::Link(Link::new(end("host", "v1"), other)))]
}

fn altname_taken() -> Entry {
    let other = End { altname: Some(ALTNAME.into()), ..end("n1", "e2") };
    ours(Resource::Link(Link::new(end("host", "v2"), other)))
}

fn hundred() -> (Vec<Entry>, Vec<Entry>) {
    let below = vec![netns("n1")];
    let ports = (0..100).map(|n| pair(("host", &format!("v{n}")), ("n1", &format!("e{n}"))));
    (below, ports.collect())
}

fn world() -> Vec<Entry> {
    let lab: Owner = "lab-1".parse().unwrap();
    let of_lab = |entry: Entry| Entry { owner: Some(lab.clone()), ..entry };
    let mut world = inhabited();
    world.extend([
        of_lab(netns("n2")),
        of_lab(pair(("host", "v2"), ("n2", "e2"))),
        pair(("n1", "x1"), ("n2", "x2")),
        address("n2", "x2", "10.5.0.2/24", false),
        address("host", "v2", "10.6.0.1/24", false),
        route("0.0.0.0/0", Some("10.0.0.254"), Some("e1"), None),
    ]);
    world
}

/// The resource as `ip` and `ethtool` show it.
pub fn theirs(like: &Entry) -> Option<Entry> {
    match &like.resource {
        Resource::Netns(netns) => {
            let listed = tool::json("ip -j netns list");
            listed.as_array()?.iter().find(|entry| entry["name"] == netns.name.as_str())?;
            let lo = tool::link(netns.name.as_str(), "lo")?;
            assert!(flag(&lo, "UP"), "lo of a namespace is up: {lo}");
            Some(Entry { owner: owner(&lo), ..like.clone() })
        }
        Resource::Link(link) => their_link(link),
        Resource::Address(address) => {
            let (at, device) = (address.place.to_string(), &address.device);
            let links = tool::output(&inside(&at, &format!("ip -j address show dev {device}"))).stdout;
            let links: Value = serde_json::from_slice(&links).unwrap_or_default();
            let found = links.as_array()?.iter().filter_map(|link| link["addr_info"].as_array()).flatten();
            let text = |info: &Value| format!("{}/{}", info["local"].as_str().unwrap_or_default(), info["prefixlen"]);
            let info = found.into_iter().find(|info| text(info) == address.address.to_string())?;
            assert_ne!(info["tentative"], true, "{info}");
            Some(Entry::unmarked(Resource::Address(Address { nodad: info["nodad"] == true, ..address.clone() })))
        }
        Resource::Route(route) => their_route(route),
        Resource::Impairment(impairment) => their_impairment(impairment),
        other => panic!("the kernel has no {other:?}"),
    }
}

pub fn owner(link: &Value) -> Option<Owner> {
    Owner::from_alias(link["ifalias"].as_str()?)
}

fn flag(link: &Value, flag: &str) -> bool {
    link["flags"].as_array().unwrap().iter().any(|seen| seen == flag)
}

fn their_link(link: &Link) -> Option<Entry> {
    let show = |end: &End| {
        let exists = end.place == Place::Host || tool::succeeds(&inside(&end.place.to_string(), "true"));
        exists.then(|| tool::link(&end.place.to_string(), end.name.as_str()))?
    };
    let a = show(&link.a)?;
    let b = show(&link.b).unwrap_or_else(|| panic!("half a pair: {a}"));
    // in one namespace `ip` says `link`, the peer's name
    let leads_to = |from: &Value, to: &Value| from["link_index"] == to["ifindex"] || from["link"] == to["ifname"];
    assert!(leads_to(&a, &b) && leads_to(&b, &a), "{a} and {b} are no pair");
    assert_eq!((&a["ifalias"], owner(&a)), (&b["ifalias"], owner(&b)), "both ends bear the mark");
    let link = Link { a: their_end(&link.a, &a), b: their_end(&link.b, &b) };
    Some(Entry { resource: Resource::Link(link), owner: owner(&a) })
}

fn their_end(end: &End, shown: &Value) -> End {
    let features = tool::run(&inside(&end.place.to_string(), &format!("ethtool -k {}", end.name)));
    let tx = features.lines().find_map(|line| line.strip_prefix("tx-checksumming: ")).unwrap();
    End {
        place: end.place.clone(),
        name: end.name.clone(),
        altname: shown["altnames"].get(0).map(|name| name.as_str().unwrap().to_owned()),
        mac: Some(shown["address"].as_str().unwrap().parse().unwrap()),
        mtu: Some(shown["mtu"].as_u64().unwrap().try_into().unwrap()),
        up: flag(shown, "UP"),
        arp: Some(!flag(shown, "NOARP")),
        tx_checksum: Some(tx == "on"),
    }
}

fn their_impairment(like: &Impairment) -> Option<Entry> {
    let show = format!("tc -j qdisc show dev {}", like.device);
    let shown = serde_json::from_slice(&tool::output(&inside(&like.place.to_string(), &show)).stdout).ok()?;
    let seen = tc::impairment(Impairment::none(like.place.clone(), like.device.clone()), &shown)?;
    Some(Entry::unmarked(Resource::Impairment(seen)))
}

fn their_route(route: &Route) -> Option<Entry> {
    let family = if route.destination.addr().is_ipv4() { "-4" } else { "-6" };
    let command = format!("ip -j {family} route show {}", route.destination_text());
    let routes = tool::json(&inside(&route.place.to_string(), &command));
    let Key::Route { metric, .. } = Resource::Route(route.clone()).key() else { unreachable!("of a route") };
    let usual = if family == "-4" { 0 } else { 1024 };
    let wanted = metric.unwrap_or(usual);
    let shown = routes.as_array()?.iter().find(|shown| shown["metric"].as_u64().unwrap_or(0) == u64::from(wanted))?;
    assert_eq!(shown["protocol"], ROUTE_PROTOCOL.to_string(), "the mark of our routes");
    let via = shown["gateway"].as_str().map(|via| via.parse().unwrap());
    let seen = Route::new(route.place.clone(), route.destination, via, shown["dev"].as_str().map(name));
    let source = shown["prefsrc"].as_str().map(|source| source.parse().unwrap());
    Some(Entry::unmarked(Resource::Route(Route { metric, source, ..seen })))
}
