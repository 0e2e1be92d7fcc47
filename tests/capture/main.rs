//! `capture` on real devices and switches: what it shows and writes is held against tcpdump, and afterwards nothing is left.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod devices;
mod ends;
mod errors;
#[path = "../workflow/lab.rs"]
#[allow(dead_code)]
mod lab;
mod pcapng;
mod switches;
mod tags;
mod watching;

use common::require;
use common::tool::{inside, run};
use lab::{Lab, SwitchKind};

/// Makes a test of each story: on Open vSwitch with its userspace datapath and with the kernel's, and on the Linux bridge.
macro_rules! on_each_kind_of_switch {
    ($($story:ident)+) => {
        mod userspace {
            $(#[test] fn $story() {
                super::require!(Root, OpenVswitch);
                super::play(super::SwitchKind::Userspace, super::switches::$story);
            })+
        }
        mod kernel {
            $(#[test] fn $story() {
                super::require!(Root, OpenVswitch, KernelDatapath);
                super::play(super::SwitchKind::Kernel, super::switches::$story);
            })+
        }
        mod linux {
            $(#[test] fn $story() {
                super::require!(Root);
                super::play(super::SwitchKind::Linux, super::switches::$story);
            })+
        }
    };
}

on_each_kind_of_switch! {
    the_whole_switch_is_seen others_change_the_switch_meanwhile a_signal_leaves_nothing
        a_killed_capture_is_found_dead a_live_capture_is_left_alone a_switch_that_goes_ends_it
        what_is_explained_does_the_same vlans_are_seen
}

fn play(kind: SwitchKind, story: fn(&Lab)) {
    common::sandbox::run(async || {
        let lab = Lab::new(kind);
        story(&lab);
        lab.take_down();
    });
}

/// Runs `body` in a sandbox in which `lo` is up, with two namespaces that a veth pair joins: `left` has 10.0.0.1 and fd00::1,
/// `right` has 10.0.0.2 and fd00::2, each on `eth0`.
fn with_pair(body: impl FnOnce() + Send) {
    common::sandbox::run_blocking(|| {
        for command in ["ip link set lo up", "ip netns add left", "ip netns add right"] {
            run(command);
        }
        run(
            "ip -n left link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:02 netns right",
        );
        for (netns, number) in [("left", 1), ("right", 2)] {
            for command in [
                "ip link set lo up".to_owned(),
                "ip link set eth0 addrgenmode none up".to_owned(),
                format!("ip address add 10.0.0.{number}/24 dev eth0"),
                format!("ip address add fd00::{number}/64 dev eth0 nodad"),
            ] {
                run(&inside(netns, &command));
            }
        }
        body();
    });
}
