//! What goes takes along what leads to it.

use super::common::tool::{inside, run};
use super::host::{HOST, Host, is_as, state};
use super::peers::{Answers, tcp};

pub fn what_goes_takes_its_ports_along(host: &Host) {
    let before = state();
    for (verb, back) in [
        ("del-ns ns2", "add-port br1 ns2 --ip 10.0.0.2/24 --ip fd00::2/64 --nodad"),
        ("del-port br1 ns2", "add-port br1 ns2 --ip 10.0.0.2/24 --ip fd00::2/64 --nodad"),
    ] {
        host.ok("publish 8080:ns1:80 8081:ns2:80 8082:ns2:80");
        let plan = host.ok(&format!("{verb} --dry-run"));
        assert!(plan.contains("- published tcp 8081 to ns2:80 at 10.0.0.2, fd00::2\n"), "{plan}");
        host.ok(verb);
        assert_eq!(host.json("list-published")["published"].as_array().unwrap().len(), 1);
        tcp("world", HOST[0], 8080, Answers { netns: "ns1", port: 80 });
        host.ok("unpublish 8080");
        host.ok(back);
        is_as(&before, verb);
    }
    // one of two addresses: the other one stays published
    host.ok("publish 8080:ns1:80");
    let plan = host.ok("del-addr ns1 10.0.0.1/24");
    assert!(plan.contains("~ published tcp 8080: at 10.0.0.1, fd00::1 -> fd00::1"), "{plan}");
    tcp("world", HOST[1], 8080, Answers { netns: "ns1", port: 80 });
    let plan = host.ok("del-addr ns1 fd00::1/64");
    assert!(
        plan.contains("- published tcp 8080 to ns1:80 at fd00::1") && plan.contains("- ruleset inet ovsns"),
        "{plan}"
    );
    assert_eq!(host.ok("list-published"), "");
    host.ok("add-addr ns1 10.0.0.1/24");
    host.ok("add-addr ns1 fd00::1/64");
    is_as(&before, "del-addr");
}

pub fn a_switch_takes_its_translation_along(host: &Host) {
    host.add_br("br2", "--ip 10.0.2.254/24");
    host.ok("add-port br2 ns3 --ip 10.0.2.1/24");
    let before = state();
    host.add_br("br3", "--ip 10.0.3.254/24");
    host.ok("add-port br3 ns4 --ip 10.0.3.1/24");
    host.ok("nat br3");
    host.ok("publish 8080:ns4:80");
    host.ok("nat br2");
    let plan = host.ok("del-br br3");
    assert!(
        plan.contains("- nat of br3 out of eth0\n- published") || plan.contains("- nat of br3 out of eth0"),
        "{plan}"
    );
    assert_eq!(host.ok("list-published"), "");
    assert_eq!(host.json("list-nat")["nat"].as_array().unwrap().len(), 1);
    host.ok("del-ns ns4");
    host.ok("del-nat br2");
    is_as(&before, "all of it is taken back");
}

/// Deleted behind our back.
pub fn a_dead_namespace_is_collected(host: &Host) {
    host.ok("publish 8080:ns1:80 8081:ns2:80");
    run("ip netns delete ns2");
    let listed = host.ok("list-published");
    assert!(
        listed.lines().any(|line| line.contains("ns2") && line.ends_with("the namespace is gone (ovsns gc)")),
        "{listed}"
    );
    assert!(listed.lines().any(|line| line.contains("ns1") && line.ends_with("ok")), "{listed}");
    let dead = host.ok("gc");
    assert!(dead.contains("- published tcp 8081 to ns2:80"), "{dead}");
    assert!(!dead.contains("8080"), "{dead}");
    host.ok("gc --yes");
    assert_eq!(host.ok("gc"), "nothing is dead\n");
    assert_eq!(host.json("list-published")["published"].as_array().unwrap().len(), 1);
    tcp("world", HOST[0], 8080, Answers { netns: "ns1", port: 80 });
    host.ok("unpublish 8080");
}

pub fn an_address_that_changed(host: &Host) {
    host.ok("publish 8080:ns1:80");
    run(&inside("ns1", "ip address del 10.0.0.1/24 dev eth1-ns1"));
    run(&inside("ns1", "ip address add 10.0.0.7/24 dev eth1-ns1"));
    let listed = host.ok("list-published");
    assert!(listed.ends_with("the namespace no longer has 10.0.0.1\n"), "{listed}");
    host.ok("publish 8080:ns1:80 --may-exist");
    assert!(host.ok("list-published").ends_with("ok\n"));
    tcp("world", HOST[0], 8080, Answers { netns: "ns1", port: 80 });
}
