//! TCP through the userspace datapath as `start` configures it: with segmentation offload, and the veths' own offloads untouched.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::ovs::{TIMEOUT, start, vsctl, with_layout};

const PORT: u16 = 5001;

fn sh(script: &str) {
    assert!(Command::new("sh").args(["-ec", script]).status().unwrap().success(), "{script}");
}

/// 10 MB in which no two segments are alike.
fn payload() -> Vec<u8> {
    let mut state = 1_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(10_000_000).collect()
}

/// Runs `action` in a namespace by name, or, without one, where the bridge is.
fn inside<T: Send>(netns: Option<&str>, action: impl FnOnce() -> T + Send) -> T {
    let enter = || {
        if let Some(name) = netns {
            setns(File::open(format!("/run/netns/{name}")).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        }
        action()
    };
    thread::scope(|scope| scope.spawn(enter).join().unwrap())
}

/// Sends the payload from one place to the other, and compares it.
fn transfer(from: Option<&str>, to: Option<&str>, address: &str, payload: &[u8]) {
    let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), PORT);
    let listener = inside(to, || TcpListener::bind(address).unwrap());
    let sender = inside(from, || TcpStream::connect_timeout(&address, TIMEOUT));
    let mut sender = sender.unwrap_or_else(|error| panic!("{from:?} to {to:?}: {error}"));
    sender.set_write_timeout(Some(TIMEOUT)).unwrap();
    let (mut receiver, _) = listener.accept().unwrap();
    receiver.set_read_timeout(Some(TIMEOUT)).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || sender.write_all(payload).unwrap());
        let mut received = Vec::new();
        receiver.read_to_end(&mut received).unwrap();
        assert!(received == payload, "{from:?} to {to:?}: {} bytes, or other ones", received.len());
    });
}

#[test]
fn tcp_passes_with_offloads_untouched_mixed_and_off() {
    with_layout(|layout| {
        start(layout);
        vsctl(layout, &["add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev"]);
        sh("ip link set br1 up; ip addr add 10.9.0.9/24 dev br1; ip addr add fd09::9/64 dev br1 nodad");
        for n in ["1", "2"] {
            sh(&format!(
                "ip netns add ns{n}; ip link add v{n} type veth peer name eth0 netns ns{n}; ip link set v{n} up
                 ip -n ns{n} link set eth0 up; ip -n ns{n} addr add 10.9.0.{n}/24 dev eth0
                 ip -n ns{n} addr add fd09::{n}/64 dev eth0 nodad"
            ));
            vsctl(layout, &["add-port", "br1", &format!("v{n}")]);
        }
        let (payload, ns1, ns2) = (payload(), Some("ns1"), Some("ns2"));
        for change in ["true", "ip netns exec ns2 ethtool -K eth0 tx off", "ip netns exec ns1 ethtool -K eth0 tx off"] {
            sh(&format!("{change} > /run/changed"));
            transfer(ns1, ns2, "10.9.0.2", &payload);
            transfer(ns1, ns2, "fd09::2", &payload);
            transfer(ns2, ns1, "10.9.0.1", &payload);
            transfer(ns1, None, "10.9.0.9", &payload);
            transfer(None, ns1, "fd09::1", &payload);
        }
    });
}
