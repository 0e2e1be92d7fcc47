//! Act with ours, check with theirs: every test changes a namespace of its own through `ovsns::netlink` and looks at the
//! result with `ip`, `bridge`, `ethtool` and `ping`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)] // clippy.toml spares #[test] functions alone

mod common;

use common::sandbox;
use ovsns::netlink::{Netlink, NetnsDir, address, link};
use serde_json::Value;
use std::process::Command;

fn run(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).output().expect("the command starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(command: &[&str]) -> Value {
    serde_json::from_str(&run(command)).expect("JSON")
}

#[test]
fn a_port_is_made_in_one_message() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        let (ns1, mut inside) = dir
            .create("ns1", |netlink| netlink.request(link::set("lo").up().alias("ovsns:lab").request()))
            .expect("ns1");
        let mut host = Netlink::host().expect("host");
        host.request(link::add_bridge(link::Bridge {
            name: "br1".into(),
            up: true,
            alias: Some("ovsns:lab".into()),
            mac: Some([2, 0, 0, 0, 0, 1]),
            ..Default::default()
        }))
        .expect("br1");
        let br1 = host.link("br1").expect("read").expect("there");
        host.request(link::add_veth(link::Veth {
            name: "veth-ns1".into(),
            master: Some(br1.index),
            up: true,
            mtu: Some(1400),
            alias: Some("ovsns:lab".into()),
            peer: link::VethPeer {
                name: "eth1-ns1".into(),
                netns: Some(ns1.clone()),
                mtu: Some(1400),
                mac: Some([2, 0, 0, 0, 0, 2]),
            },
            ..Default::default()
        }))
        .expect("veth");
        let eth = inside.link("eth1-ns1").expect("read").expect("there");
        inside
            .batch([
                link::set(eth.index).up().request(),
                address::add(eth.index, "192.168.0.1/24".parse().expect("net"), false),
                address::add(eth.index, "fd00::1/64".parse().expect("net"), true),
            ])
            .expect("batch");
        println!("{}", run(&["ip", "-d", "link"]));
        println!("{}", run(&["ip", "-n", "ns1", "addr"]));
        println!("{:#?}", host.link("veth-ns1"));
        println!("{:?} {:?}", host.nsid(&ns1), inside.routes());
        println!("{:?}", inside.addresses(None));
        println!("{}", json(&["ip", "-j", "-n", "ns1", "link"]));
    });
}
