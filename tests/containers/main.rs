//! Containers of real engines, and namespaces of processes: found, plugged in, told of, and left alone.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod docker;
mod files;
mod lists;
mod podman;

use std::time::{Duration, Instant};

use common::cli::Cli;
use common::ovs::Ovs;
use common::tool::link;

/// A sandbox with two switches: `ovs0` on Open vSwitch, `br0` on the Linux bridge.
struct Host {
    ovs: Ovs,
    cli: Cli,
}

impl Host {
    fn new() -> Host {
        common::tool::run("ip link set lo up");
        let ovs = Ovs::start();
        let host = Host { cli: Cli::with(&ovs), ovs };
        host.ok("add-br ovs0 --backend ovs");
        host.ok("add-br br0 --backend linux");
        host
    }

    fn ok(&self, words: &str) -> String {
        self.cli.ok(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a command that must fail with `code` and say all of `says`.
    fn refuses(&self, code: i32, words: &str, says: &[&str]) {
        let said = self.cli.fails(code, &words.split_whitespace().collect::<Vec<_>>());
        for words_said in says {
            assert!(said.contains(words_said), "ovsns {words} does not say `{words_said}`: {said}");
        }
    }

    /// `external_ids:ovsns-netns` of an Interface.
    fn netns_of(&self, interface: &str) -> String {
        let told = self.ovs.vsctl(&["get", "Interface", interface, "external_ids:ovsns-netns"]);
        told.trim().trim_matches('"').to_owned()
    }
}

/// Waits until the kernel has taken the device away: a namespace is taken apart after its last process has ended.
fn is_gone(device: &str) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while link("host", device).is_some() {
        assert!(Instant::now() < deadline, "{device} is still there");
    }
}
