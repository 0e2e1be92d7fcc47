//! Act with ours, check with theirs: every test changes a sandbox of its own through `ovsns::netlink` and looks at the
//! result with `ip`, `bridge`, `ethtool` and `ping`.

// clippy.toml spares the #[test] functions alone, not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod address;
mod bridge;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod ethtool;
mod link;
mod measure;
mod netns;
mod route;
mod watch;

use std::process::Command;

use ovsns::netlink::{Link, Netlink, NetnsDir, NetnsFile, link as ip_link};
use serde_json::Value;

/// Runs a command that must succeed, and returns what it printed.
fn run(command: &str) -> String {
    let words: Vec<_> = command.split_whitespace().collect();
    let output = Command::new(words[0]).args(&words[1..]).output().expect("the command starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn json(command: &str) -> Value {
    let output = run(command);
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("{command}: {error}: {output}"))
}

/// What `ip` says of one link of this namespace.
fn ip_shows(name: &str) -> Value {
    json(&format!("ip -j -d link show dev {name}"))[0].clone()
}

fn make_netns(name: &str) -> (NetnsFile, Netlink) {
    NetnsDir::default().create(name, |inside| inside.request(ip_link::set("lo").up().request())).expect("a new netns")
}

/// A pair `a`, `b` in this namespace.
fn pair(a: &str, b: &str) -> ip_link::Veth {
    ip_link::Veth {
        name: a.into(),
        peer: ip_link::VethPeer { name: b.into(), ..Default::default() },
        ..Default::default()
    }
}

fn the_link(netlink: &mut Netlink, name: &str) -> Link {
    netlink.link(name).expect("an answer").unwrap_or_else(|| panic!("{name} exists"))
}
