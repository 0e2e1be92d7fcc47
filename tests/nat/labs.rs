//! Labs that translate and publish, beside each other and beside what verbs have made.

use std::fs;

use nix::mount::{MsFlags, mount, umount};

use super::common::tool::{inside, run, succeeds};
use super::host::{HOST, Host, WORLD, is_as, state};
use super::lab::Lab;
use super::peers::{Answers, is_deaf, tcp};

const IN_WORLD: Answers<'_> = Answers { netns: "world", port: 80 };

fn campus() -> Lab {
    let mut lab = Lab::new("campus");
    lab.switch("lb1", &["10.1.0.254/24", "fd01::fe/64"]);
    lab.guest("lb1", "c1", &["10.1.0.1/24", "fd01::1/64"]);
    lab.guest("lb1", "c2", &["10.1.0.2/24", "fd01::2/64"]);
    lab.nat("lb1", "eth0");
    lab.publish(8081, "c1");
    lab
}

fn answers(netns: &str) -> Answers<'_> {
    Answers { netns, port: 80 }
}

/// Everything goes out of `netns`, and comes in by `port`.
fn is_in_effect(netns: &str, port: u16) {
    for version in [0, 1] {
        assert_eq!(tcp(netns, WORLD[version], 80, IN_WORLD).to_string(), HOST[version]);
        assert_eq!(tcp("world", HOST[version], port, answers(netns)).to_string(), WORLD[version]);
    }
    tcp("host", "127.0.0.1", port, answers(netns));
}

fn setting(name: &str) -> String {
    fs::read_to_string(format!("/proc/sys/net/{name}")).unwrap().trim().to_owned()
}

/// At the first apply nothing is there yet: neither the switch's device with its settings nor an address.
pub fn a_lab_comes_and_goes(host: &Host) {
    let before = state();
    let mut lab = campus();
    let plan = lab.apply();
    for line in [
        "+ sysctl net.ipv4.conf.lb1.forwarding = 1",
        "+ sysctl net.ipv4.conf.lb1.route_localnet = 1",
        "~ sysctl net.ipv4.conf.eth0.forwarding: 0 -> 1",
        "+ route default via 10.1.0.254 dev lab0 in c1",
        "+ route default via fd01::fe dev lab0 in c2",
        "+ ruleset inet ovsns",
        "+ nat of lb1 out of eth0",
        "+ published tcp 8081 to c1:80 at 10.1.0.1, fd01::1",
    ] {
        assert!(plan.lines().any(|there| there == line), "{line}\n{plan}");
    }
    is_in_effect("c1", 8081);
    assert_eq!(tcp("c2", WORLD[0], 80, IN_WORLD).to_string(), HOST[0]);
    assert_eq!(
        host.ok("list-nat"),
        "SWITCH  OUT   NETWORKS               OWNER   STATE\nlb1     eth0  10.1.0.0/24,fd01::/64  campus  ok\n"
    );
    assert_eq!(host.json("list-published")["published"][0]["owner"], "campus");
    // one thing less, then one more
    lab.publishes_nothing();
    let plan = lab.apply();
    assert!(plan.contains("- published tcp 8081") && plan.contains("route_localnet: 1 -> 0"), "{plan}");
    assert!(is_deaf("world", HOST[0], 8081, answers("c1")));
    assert_eq!(tcp("c1", WORLD[0], 80, IN_WORLD).to_string(), HOST[0]);
    lab.wants_no_nat();
    lab.publish(8082, "c2");
    let plan = lab.apply();
    assert!(plan.contains("- route default via 10.1.0.254 dev lab0 in c1"), "{plan}");
    assert!(!plan.contains("in c2"), "{plan}");
    assert_eq!(tcp("world", HOST[0], 8082, answers("c2")).to_string(), WORLD[0]);
    assert!(is_deaf("c1", WORLD[0], 80, IN_WORLD));
    lab.destroy();
    is_as(&before, "destroy");
}

const FILE: &str = "\
lab: campus
switches: { lb1: { ip: [10.1.0.254/24, fd01::fe/64] } }
namespaces:
  c1: { ports: [ { switch: lb1, ip: [10.1.0.1/24, fd01::1/64] } ] }
nat: [ { switch: lb1, out: eth0 } ]
publish: [ \"8081:c1:80\" ]
";

/// The same by a file and the verbs of labs, with what they take over and what they leave alone.
pub fn a_file_says_it(host: &Host) {
    let before = state();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("campus.yaml");
    fs::write(&file, FILE).unwrap();
    let file = file.display();
    host.ok(&format!("apply {file}"));
    is_in_effect("c1", 8081);
    let plan = host.run(&format!("diff {file} --exit-code"));
    assert_eq!(plan.code, 0, "{plan:?}");
    run("nft flush ruleset");
    assert_eq!(host.run(&format!("diff {file} --exit-code")).code, 3);
    host.ok(&format!("apply {file}"));
    is_in_effect("c1", 8081);
    // what a verb has made in its place is adopted, if that is asked for
    host.ok("del-nat lb1");
    host.ok("unpublish 8081");
    host.ok("nat lb1 --out eth0");
    host.ok("publish 8081:c1:81");
    let said = host.refused(1, &format!("apply {file}"));
    assert!(said.contains("not its own"), "{said}");
    let plan = host.ok(&format!("apply {file} --adopt"));
    assert!(plan.contains("nat of lb1 out of eth0: owner - -> campus"), "{plan}");
    is_in_effect("c1", 8081);
    assert_eq!(host.json("list-published")["published"][0]["owner"], "campus");
    host.ok("destroy --lab campus");
    for file in ["ipv4/conf/eth0/forwarding", "ipv6/conf/eth0/force_forwarding"] {
        // the flush has made us forget that it was us
        let _ = fs::write(format!("/proc/sys/net/{file}"), "0");
    }
    is_as(&before, "destroy");
}

/// What one takes of the host stays as long as another one needs it, whoever goes first.
pub fn owners_side_by_side(host: &Host) {
    let before = state();
    for verbs_go_first in [true, false] {
        let (lab, mut other) = (campus(), Lab::new("other"));
        other.switch("lb2", &["10.2.0.254/24"]);
        other.guest("lb2", "o1", &["10.2.0.1/24"]);
        other.nat("lb2", "eth0");
        host.ok("nat br1");
        lab.apply();
        host.ok("publish 8080:ns1:80");
        other.apply();
        is_in_effect("ns1", 8080);
        is_in_effect("c1", 8081);
        tcp("o1", WORLD[0], 80, IN_WORLD);
        if verbs_go_first {
            host.ok("unpublish 8080");
            host.ok("del-nat br1");
            is_in_effect("c1", 8081);
            other.destroy();
            is_in_effect("c1", 8081);
            assert_eq!(setting("ipv4/conf/eth0/forwarding"), "1");
            lab.destroy();
        } else {
            host.ok("teardown --owner campus");
            is_in_effect("ns1", 8080);
            tcp("o1", WORLD[0], 80, IN_WORLD);
            host.ok("del-nat br1");
            tcp("world", HOST[0], 8080, answers("ns1"));
            host.ok("unpublish 8080");
            assert_eq!(tcp("o1", WORLD[0], 80, IN_WORLD).to_string(), HOST[0]);
            assert_eq!(setting("ipv4/conf/eth0/forwarding"), "1");
            other.destroy();
        }
        is_as(&before, "all of them are gone");
    }
}

/// Deleted behind our back, while there are others in the table.
pub fn a_flush_is_healed(host: &Host) {
    let before = state();
    let lab = campus();
    lab.apply();
    let applied = state();
    for flush in ["nft flush ruleset", "nft delete table inet ovsns"] {
        run(flush);
        assert!(is_deaf("c1", WORLD[0], 80, IN_WORLD));
        let plan = lab.plan();
        for line in ["+ ruleset inet ovsns", "+ nat of lb1 out of eth0", "+ published tcp 8081"] {
            assert!(plan.contains(line), "{line}\n{plan}");
        }
        lab.apply();
        is_in_effect("c1", 8081);
    }
    // the rules alone: what stands in the sets is still there, and with it what was turned on
    run("nft flush table inet ovsns");
    assert!(is_deaf("c1", WORLD[0], 80, IN_WORLD));
    assert_eq!(lab.apply(), "~ ruleset inet ovsns: its rules back");
    is_in_effect("c1", 8081);
    // one element, one setting and one route
    run("nft delete element inet ovsns nat { \"lb1\" . \"eth0\" }");
    fs::write("/proc/sys/net/ipv4/conf/lb1/forwarding", "0").unwrap();
    run(&inside("c2", "ip route del default"));
    let plan = lab.apply();
    assert_eq!(plan.lines().count(), 3, "{plan}");
    tcp("c2", WORLD[0], 80, IN_WORLD);
    run("nft delete element inet ovsns networks4 { \"lb1\" . 10.1.0.0/24 }");
    assert_eq!(lab.apply(), "~ ruleset inet ovsns: networks +10.1.0.0/24 on lb1");
    // what stands in the table of eth0 is forgotten: who turned it on, nobody knows any more
    assert_eq!(setting("ipv4/conf/eth0/forwarding"), "1");
    host.ok("nat br1");
    run("nft delete table inet ovsns");
    lab.apply();
    host.ok("nat br1");
    is_in_effect("c1", 8081);
    tcp("ns1", WORLD[0], 80, IN_WORLD);
    host.ok("del-nat br1");
    lab.destroy();
    fs::write("/proc/sys/net/ipv4/conf/eth0/forwarding", "0").unwrap();
    for file in ["ipv6/conf/eth0/force_forwarding", "ipv4/conf/br1/forwarding", "ipv6/conf/br1/force_forwarding"] {
        let _ = fs::write(format!("/proc/sys/net/{file}"), "0");
    }
    assert!(applied != before);
    is_as(&before, "destroy");
}

/// The address, the target, the length of a prefix, whose it is: each is a change of just that.
pub fn changes_follow(host: &Host) {
    let before = state();
    let mut lab = campus();
    lab.apply();
    let renumbered = |length: u8| {
        let mut lab = Lab::new("campus");
        lab.switch("lb1", &[&format!("10.3.0.254/{length}"), "fd01::fe/64"]);
        lab.guest("lb1", "c1", &[&format!("10.3.0.1/{length}"), "fd01::1/64"]);
        lab.guest("lb1", "c2", &[&format!("10.3.0.2/{length}"), "fd01::2/64"]);
        lab.nat("lb1", "eth0");
        lab.publish(8081, "c2");
        lab
    };
    lab.becomes(renumbered(16));
    let plan = lab.apply();
    assert!(plan.contains("networks -10.1.0.0/24 on lb1 +10.3.0.0/16 on lb1"), "{plan}");
    assert!(
        plan.contains("~ published tcp 8081: to c1:80 -> c2:80, at 10.1.0.1, fd01::1 -> 10.3.0.2, fd01::2"),
        "{plan}"
    );
    assert!(plan.contains("+ route default via 10.3.0.254 dev lab0 in c1"), "{plan}");
    is_in_effect("c2", 8081);
    // another prefix of the same address is no reason for anybody to lose it
    host.ok("publish 8090:c1:80 --to 10.3.0.1");
    lab.becomes(renumbered(24));
    let plan = lab.apply();
    assert!(!plan.contains("published") && plan.contains("networks -10.3.0.0/16 on lb1 +10.3.0.0/24 on lb1"), "{plan}");
    is_in_effect("c2", 8081);
    tcp("world", HOST[0], 8090, answers("c1"));
    // a route that the verbs' port needs stays when the lab does without
    lab.wants_no_nat();
    lab.publishes_nothing();
    let plan = lab.apply();
    assert!(!plan.contains("- route default via 10.3.0.254 dev lab0 in c1"), "{plan}");
    assert!(plan.contains("- route default via 10.3.0.254 dev lab0 in c2"), "{plan}");
    tcp("world", HOST[0], 8090, answers("c1"));
    // and what the lab takes away, others lose
    let plan = lab.destroy();
    assert!(plan.contains("- published tcp 8090 to c1:80"), "{plan}");
    is_as(&before, "destroy");
}

/// Nobody takes over what is another's.
pub fn what_is_anothers_stays_anothers(host: &Host) {
    let mut lab = campus();
    lab.apply();
    let said = host.refused(1, "nat lb1 --out eth0");
    assert!(said.contains("switch lb1 is translated at eth0 already, by lab campus"), "{said}");
    assert_eq!(host.ok("nat lb1 --out eth0 --may-exist"), "");
    let said = host.refused(1, "publish 8081:ns1:80 --may-exist");
    assert!(said.contains("tcp port 8081 is published already, to c1:80, by lab campus"), "{said}");
    assert_eq!(host.ok("publish 8081:c1:80 --may-exist"), "");
    let owners = |list: &str, what: &str| host.json(list)[what][0]["owner"].clone();
    assert_eq!((owners("list-nat", "nat"), owners("list-published", "published")), ("campus".into(), "campus".into()));
    // who names it takes it away, and the lab heals it
    host.ok("del-nat lb1");
    host.ok("unpublish 8081");
    let plan = lab.apply();
    assert!(plan.contains("+ nat of lb1 out of eth0") && plan.contains("+ published tcp 8081"), "{plan}");
    // the same the other way round
    host.ok("publish 8080:ns1:80");
    let published = "nft list map inet ovsns published4";
    let before = run(published);
    lab.publish(8080, "c1");
    let said = lab.refused();
    assert!(said.contains("published tcp 8080, made by a verb of ovsns"), "{said}");
    assert_eq!(run(published), before);
    let others = |edit: &dyn Fn(&mut Lab)| {
        let mut other = Lab::new("other");
        other.others_switch("lb1");
        edit(&mut other);
        other.refused()
    };
    let said = others(&|other| {
        other.guest("lb1", "o1", &["10.1.0.9/24"]);
        other.publish(8081, "o1");
    });
    assert!(said.contains("published tcp 8081, of lab campus"), "{said}");
    let said = others(&|other| other.nat("lb1", "eth0"));
    assert!(said.contains("nat of lb1 out of eth0, of lab campus"), "{said}");
}

/// Things that the lab names and has not made: the switch of verbs, and a namespace of somebody's.
pub fn what_is_there_already_takes_part(_: &Host) {
    run("ip netns add bare");
    let before = state();
    let mut lab = Lab::new("guest");
    lab.others_switch("br1");
    lab.others_guest("br1", "bare", &["10.0.0.8/24"]);
    lab.guest("br1", "g1", &["10.0.0.9/24", "fd00::9/64"]);
    lab.nat("br1", "eth0");
    lab.publish(8085, "bare");
    let plan = lab.apply();
    assert!(plan.contains("+ route default via 10.0.0.254 dev lab0 in bare"), "{plan}");
    assert!(!plan.contains("in ns2"), "others' namespaces get no routes: {plan}");
    is_in_effect_of_v4("g1");
    assert_eq!(tcp("world", HOST[0], 8085, answers("bare")).to_string(), WORLD[0]);
    lab.destroy();
    is_as(&before, "destroy");
    assert!(!succeeds(&inside("bare", "ip route get 192.0.2.2")));
    run("ip netns del bare");
}

fn is_in_effect_of_v4(netns: &str) {
    assert_eq!(tcp(netns, WORLD[0], 80, IN_WORLD).to_string(), HOST[0]);
}

pub fn what_a_lab_cannot_have(_: &Host) {
    let before = state();
    let refused = |edit: &dyn Fn(&mut Lab)| {
        let mut lab = campus();
        edit(&mut lab);
        let said = lab.refused();
        is_as(&before, &said);
        said
    };
    let is_refused = |edit: &dyn Fn(&mut Lab), why: &str| {
        let said = refused(edit);
        assert!(said.contains(why), "{said}");
    };
    is_refused(&|lab| lab.nat("lb1", "eth7"), "the host has no device eth7");
    is_refused(&|lab| lab.nat("lb1", "lb1"), "`lb1` cannot lead out of `lb1`");
    let listener = std::net::TcpListener::bind("0.0.0.0:8081").unwrap();
    is_refused(&|_| (), "port 8081 of the host is taken: a program listens at it (tcp)");
    drop(listener);
    let lab = campus();
    lab.apply();
    // one that is there is not looked at again
    let _listener = std::net::TcpListener::bind("0.0.0.0:8081").unwrap();
    assert_eq!(lab.apply(), "");
    lab.destroy();
    is_as(&before, "destroy");
}

/// A lab that translates nothing runs no nft: here there is none.
pub fn without_translation_no_nft(host: &Host) {
    let before = state();
    let path = std::env::var_os("PATH").unwrap();
    let program = std::env::split_paths(&path).map(|directory| directory.join("nft")).find(|nft| nft.exists()).unwrap();
    let program = fs::canonicalize(program).unwrap();
    mount(Some("/dev/null"), &program, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let mut plain = Lab::new("plain");
    plain.switch("lb1", &["10.1.0.254/24"]);
    plain.guest("lb1", "c1", &["10.1.0.1/24"]);
    plain.apply();
    plain.destroy();
    assert!(campus().refused().contains("nft"), "this one takes it");
    umount(&program).unwrap();
    is_as(&before, "destroy");
    assert_eq!(host.ok("list-nat"), "");
}
