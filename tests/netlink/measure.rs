//! What it costs. Printed, not judged: `cargo test --release --test netlink measure -- --nocapture`.

use std::time::Instant;

use ovsns::netlink::{Netlink, NetnsDir, address, link};

use crate::common::sandbox;
use crate::{make_netns, pair, run, the_link};

#[test]
fn measure_a_hundred_namespaces_on_a_bridge() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        host.request(link::add_bridge(link::Bridge { name: "br1".into(), up: true, ..Default::default() }))
            .expect("br1");
        let br1 = the_link(&mut host, "br1").index;
        let begin = Instant::now();
        for k in 1..=100 {
            let (netns, mut inside) = make_netns(&format!("ns{k}"));
            let peer = link::VethPeer { name: "eth1".into(), netns: Some(netns), ..Default::default() };
            let alias = Some("ovsns:lab".into());
            let veth = link::Veth { master: Some(br1), up: true, alias, peer, ..pair(&format!("veth-ns{k}"), "eth1") };
            host.request(link::add_veth(veth)).expect("a pair");
            let eth1 = the_link(&mut inside, "eth1").index;
            let address = format!("10.0.0.{k}/16").parse().expect("an address");
            inside.batch([link::set(eth1).up().request(), address::add(eth1, address, false)]).expect("inside");
        }
        println!("100 namespaces with veth and address, up: {:?}", begin.elapsed());
        assert_eq!(host.ports(br1).expect("ports").len(), 100);
        run("ip netns exec ns1 ping -c1 -W5 10.0.0.100");
        let begin = Instant::now();
        for k in 1..=100 {
            NetnsDir::default().delete(&format!("ns{k}")).expect("deleted");
        }
        println!("deleted: {:?}", begin.elapsed());
    });
}
