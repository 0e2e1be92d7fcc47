//! Filters of others.

use super::common::tool::{output, run, run_with, succeeds};
use super::host::{HOST, Host, WORLD, is_as, state};
use super::peers::{Answers, is_deaf, tcp};

const IN_WORLD: Answers<'_> = Answers { netns: "world", port: 80 };
const NS1: Answers<'_> = Answers { netns: "ns1", port: 80 };

/// As Docker has them, with a chain for rules of others.
const DOCKER: &str = "
table ip filter {
    chain DOCKER-USER { }
    chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
}
table ip6 filter {
    chain DOCKER-USER { }
    chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
}
";

pub fn dockers_filter_lets_it_through(host: &Host) {
    run_with("nft -f -", DOCKER);
    let before = state();
    // it does what it is there for
    host.ok("nat br1");
    run("nft flush chain ip filter DOCKER-USER");
    assert!(is_deaf("ns1", WORLD[0], 80, IN_WORLD));
    // and what was taken away is put back
    let plan = host.ok("nat br1 --may-exist");
    assert_eq!(plan, "~ ruleset inet ovsns: passing +ip filter DOCKER-USER\n");
    host.ok("publish 8080:ns1:80");
    for version in [0, 1] {
        tcp("ns1", WORLD[version], 80, IN_WORLD);
        tcp("world", HOST[version], 8080, NS1);
        tcp("ns2", HOST[version], 8080, NS1);
    }
    // only that: who is in the world still does not reach the namespaces themselves
    run("nft flush chain inet ovsns passing");
    run("ip -n world route add 10.0.0.0/24 via 192.0.2.1");
    assert!(is_deaf("world", "10.0.0.1", 80, NS1));
    host.ok("del-nat br1");
    tcp("world", HOST[0], 8080, NS1);
    host.ok("unpublish 8080");
    is_as(&before, "all of it is taken back");
}

/// Rules that iptables cannot read make it refuse the whole table, and with it Docker.
pub fn iptables_reads_its_table_still(host: &Host) {
    if !output("sh -c iptables\\ --version").stdout.ends_with(b"(nf_tables)\n") {
        println!("skipped: needs iptables-nft");
        return;
    }
    for rule in ["-P FORWARD DROP", "-N DOCKER-USER", "-A FORWARD -j DOCKER-USER", "-A DOCKER-USER -j RETURN"] {
        run(&format!("iptables {rule}"));
    }
    host.ok("nat br1");
    tcp("ns1", WORLD[0], 80, IN_WORLD);
    let rules = run("iptables -S DOCKER-USER");
    assert!(rules.contains("--comment ovsns") && rules.contains("-j ACCEPT"), "{rules}");
    assert!(succeeds("iptables -C DOCKER-USER -j RETURN"));
    host.ok("del-nat br1");
    assert_eq!(run("iptables -S DOCKER-USER"), "-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n");
}

/// What no rule of ours can let through: it is said which chain drops, and a command that helps.
pub fn a_filter_that_drops_is_named(host: &Host) {
    let before = state();
    for (table, chain, command) in [
        ("ip filter", "FORWARD", "iptables -I FORWARD -i br1 -j ACCEPT && iptables -I FORWARD -o br1 -m conntrack"),
        ("ip6 filter", "FORWARD", "ip6tables -I FORWARD -i br1 -j ACCEPT"),
        ("inet firewalld", "filter_FORWARD", "firewall-cmd --zone=trusted --add-interface=br1"),
        ("inet mine", "routed", "nft 'insert rule inet mine routed iifname \"br1\" accept; "),
    ] {
        let policy = "type filter hook forward priority filter; policy";
        // one drops by its policy, one by its last rule
        let rules = if chain == "filter_FORWARD" {
            format!("{policy} accept; ct state established accept; reject with icmpx admin-prohibited;")
        } else {
            format!("{policy} drop;")
        };
        run_with("nft -f -", &format!("table {table} {{ chain {chain} {{ {rules} }}; }}"));
        let ran = host.run("nat br1");
        assert_eq!(ran.code, 0);
        let expected =
            format!("chain {table} {chain} drops what is forwarded to and from br1; to let it through: {command}");
        assert!(ran.stderr.contains(&expected), "{expected}\n{}", ran.stderr);
        if table == "inet mine" {
            assert!(is_deaf("ns1", WORLD[0], 80, IN_WORLD));
            let (_, command) = ran.stderr.split_once("to let it through: ").unwrap();
            run_with("sh -e", command.lines().next().unwrap());
            tcp("ns1", WORLD[0], 80, IN_WORLD);
            host.ok("publish 8080:ns1:80");
            tcp("world", HOST[0], 8080, NS1);
            host.ok("unpublish 8080");
            // who was told is not told of again
            let ran = host.run("nat br1 --may-exist");
            assert!(!ran.stderr.contains("inet mine"), "{}", ran.stderr);
        }
        run(&format!("nft delete table {table}"));
        host.ok("del-nat br1");
        is_as(&before, table);
    }
}
