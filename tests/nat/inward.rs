//! `publish`, `unpublish`, `list-published`.

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use serde_json::json;

use super::common::tool::{inside, run};
use super::common::traffic::within;
use super::host::{HOST, Host, SWITCH, WORLD, is_as, state};
use super::peers::{Answers, hears_nothing, is_deaf, tcp, udp};

/// Behind what is published as port 8080.
const NS1: Answers<'_> = Answers { netns: "ns1", port: 80 };
/// Another one, which listens where the published port does, so that a mix-up would be heard.
const NS2: Answers<'_> = Answers { netns: "ns2", port: 80 };

pub fn a_port_is_reached_from_everywhere(host: &Host) {
    let before = state();
    // so that ns2 knows a way to the host's other addresses
    host.ok("nat br1");
    host.ok("publish 8080:ns1:80");
    host.ok("publish 8080:ns1:80 --udp");
    for version in [0, 1] {
        let own = [HOST[version], SWITCH[version]];
        // who is in the world is seen as who it is
        assert_eq!(tcp("world", HOST[version], 8080, NS1).to_string(), WORLD[version]);
        assert_eq!(udp("world", HOST[version], 8080, NS1).to_string(), WORLD[version]);
        // the host, and who is in the same network, as the switch
        for from in ["host", "ns2"] {
            for address in own {
                assert_eq!(tcp(from, address, 8080, NS1).to_string(), SWITCH[version], "{from} {address}");
                assert_eq!(udp(from, address, 8080, NS1).to_string(), SWITCH[version], "{from} {address}");
            }
        }
    }
    assert_eq!(tcp("host", "127.0.0.1", 8080, NS1).to_string(), SWITCH[0]);
    assert_eq!(udp("host", "127.0.0.1", 8080, NS1).to_string(), SWITCH[0]);
    // the kernel has no way there: it is refused at once, so that whoever tries `localhost` goes on to 127.0.0.1
    let refused = within("host", || std::net::TcpStream::connect("[::1]:8080")).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // what is not published is not reached
    assert!(is_deaf("world", HOST[0], 8081, NS1));
    host.ok("unpublish 8080");
    assert!(is_deaf("world", HOST[0], 8080, NS1));
    assert_eq!(udp("world", HOST[0], 8080, NS1).to_string(), WORLD[0]);
    host.ok("unpublish 8080 --udp");
    host.ok("del-nat br1");
    is_as(&before, "all of it is taken back");
}

pub fn one_address_of_the_host(host: &Host) {
    let before = state();
    run("ip address add 192.0.2.9/24 dev eth0");
    host.ok("publish 80:ns1:80 --address 192.0.2.1");
    host.ok("publish 80:ns2:80 --address 192.0.2.9");
    host.ok("publish 80:ns1:80 --address 127.0.0.1");
    tcp("world", "192.0.2.1", 80, NS1);
    tcp("world", "192.0.2.9", 80, NS2);
    tcp("host", "127.0.0.1", 80, NS1);
    assert!(is_deaf("host", "10.0.0.254", 80, NS1), "this one is not published");
    let said = host.refused(1, "unpublish 80");
    assert!(said.contains("tcp port 80 is not published") && said.contains("give --address "), "{said}");
    for address in ["192.0.2.1", "192.0.2.9", "127.0.0.1"] {
        host.ok(&format!("unpublish 80 --address {address}"));
    }
    is_as(&before, "unpublish");
}

/// A namespace that has no default route gets one, so that it can answer.
pub fn without_translation(host: &Host) {
    let before = state();
    let plan = host.ok("publish 8080:ns1:80");
    assert!(plan.contains("+ route default via fd00::fe dev eth1-ns1 in ns1"), "{plan}");
    assert!(!plan.contains("ns2"), "{plan}");
    tcp("world", HOST[1], 8080, NS1);
    // published is not translated: what the namespace sends by itself stays under its own address, which nobody answers
    assert!(is_deaf("ns1", WORLD[0], 80, Answers { netns: "world", port: 80 }));
    host.ok("unpublish --netns ns1");
    is_as(&before, "unpublish");
    host.ok("publish 8080:ns1:80 --no-routes");
    assert!(is_deaf("world", HOST[0], 8080, NS1), "ns1 knows no way back");
    // those that it can answer without one
    for (from, address) in [("host", HOST[0]), ("host", "127.0.0.1"), ("ns2", SWITCH[0])] {
        tcp(from, address, 8080, NS1);
    }
    host.ok("unpublish 8080");
    is_as(&before, "unpublish");
}

/// For the sake of 127.0.0.1, packets from the switch to the host's loopback addresses are no longer thrown away by the kernel.
pub fn the_loopback_of_the_host_is_guarded(host: &Host) {
    let listener = within("host", || UdpSocket::bind("127.0.0.9:9999")).unwrap();
    listener.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    fs::write("/proc/sys/net/ipv4/conf/br1/rp_filter", "0").unwrap();
    run(&inside("ns1", "ip route add 127.0.0.9/32 via 10.0.0.254 dev eth1-ns1 src 10.0.0.1 table local"));
    within("ns1", || fs::write("/proc/sys/net/ipv4/conf/eth1-ns1/route_localnet", "1")).unwrap();
    let reaches = || {
        let sender = within("ns1", || UdpSocket::bind("10.0.0.1:0")).unwrap();
        sender.send_to(b"intruder", "127.0.0.9:9999").unwrap();
        listener.recv(&mut [0; 16]).is_ok()
    };
    assert!(!reaches());
    host.ok("publish 8080:ns1:80");
    assert!(!reaches());
    // so that it is known to be this rule that keeps it away
    run("nft flush chain inet ovsns guard");
    assert!(reaches());
    host.ok("unpublish 8080");
    assert!(!reaches());
}

pub fn many_at_once(host: &Host) {
    let before = state();
    let ports: Vec<String> = (0..200).map(|n| format!("{}:ns{}:{}", 8000 + n, n % 2 + 1, 8000 + n)).collect();
    let said = host.refused(1, &format!("publish {} 8100:ns1:80", ports.join(" ")));
    assert!(said.contains("tcp port 8100 is published already, to ns1:8100"), "{said}");
    host.ok(&format!("publish {}", ports.join(" ")));
    assert_eq!(host.json("list-published")["published"].as_array().unwrap().len(), 200);
    tcp("world", HOST[0], 8150, Answers { netns: "ns1", port: 8150 });
    tcp("world", HOST[1], 8199, Answers { netns: "ns2", port: 8199 });
    // as many rules as with one
    assert_eq!(run("nft list table inet ovsns").matches("dnat ip").count(), 4);
    host.ok("unpublish --netns ns2");
    assert_eq!(host.json("list-published")["published"].as_array().unwrap().len(), 100);
    host.ok("unpublish --netns ns1");
    is_as(&before, "unpublish");
}

/// A namespace that is joined to the host itself.
pub fn a_pair_without_a_switch(host: &Host) {
    host.ok("add-link test host --ip 10.7.0.1/24 --peer-ip 10.7.0.2/24");
    let before = state();
    let plan = host.ok("publish 8080:test:80 --in eth0");
    assert!(plan.contains("+ published tcp 8080 to test:80 at 10.7.0.1"), "{plan}");
    let answers = Answers { netns: "test", port: 80 };
    assert_eq!(tcp("world", HOST[0], 8080, answers).to_string(), WORLD[0]);
    assert_eq!(tcp("host", "127.0.0.1", 8080, answers).to_string(), "10.7.0.2");
    assert_eq!(tcp("host", HOST[0], 8080, answers).to_string(), "10.7.0.2");
    host.ok("unpublish 8080");
    is_as(&before, "unpublish");
    // its pair is its only way: what is published goes with it
    host.ok("publish 8080:test:80");
    let plan = host.ok("del-ns test");
    assert!(plan.contains("- published tcp 8080 to test:80 at 10.7.0.1"), "{plan}");
    assert_eq!(host.ok("list-published"), "");
}

pub fn what_is_published_is_listed(host: &Host) {
    assert_eq!(host.ok("list-published"), "");
    host.ok("publish 8080:ns1:80 8443:ns2:443");
    host.ok("publish 53:ns1:5353 --udp --address 192.0.2.1");
    let expected = "\
PROTOCOL  ADDRESS    PORT  NETNS  TARGET                      STATE
tcp       *          8080  ns1    10.0.0.1:80,[fd00::1]:80    ok
tcp       *          8443  ns2    10.0.0.2:443,[fd00::2]:443  ok
udp       192.0.2.1  53    ns1    10.0.0.1:5353               ok
";
    assert_eq!(host.ok("list-published"), expected);
    let first = json!({"protocol": "tcp", "port": 8080, "netns": "ns1", "to_port": 80, "targets": ["10.0.0.1", "fd00::1"], "owner": "-", "state": "ok"});
    assert_eq!(host.json("list-published")["published"][0], first);
    // asking for what is there already changes nothing
    assert_eq!(host.ok("publish 8080:ns1:80 --may-exist"), "");
    let plan = host.ok("publish 8080:ns2:81 --may-exist");
    let change = "~ published tcp 8080: to ns1:80 -> ns2:81, at 10.0.0.1, fd00::1 -> 10.0.0.2, fd00::2\n";
    // ns1 has nothing to answer any more but datagrams of IPv4
    assert_eq!(plan, format!("- route default via fd00::fe dev eth1-ns1 in ns1\n{change}"));
}

pub fn a_datagram_has_a_way_too(host: &Host) {
    host.ok("publish 5353:ns1:53 --udp --address 192.0.2.1 --to 10.0.0.1");
    let answers = Answers { netns: "ns1", port: 53 };
    udp("world", HOST[0], 5353, answers);
    assert!(hears_nothing("ns2", SWITCH[0], 5353, answers), "this one is not published");
    assert!(is_deaf("world", HOST[0], 5353, answers), "TCP is not published");
}
