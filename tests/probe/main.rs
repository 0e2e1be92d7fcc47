//! `test` in real namespaces: what it says is held against ping, tcpdump sees what it sends, and afterwards nothing is left.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../workflow/lab.rs"]
#[allow(dead_code)]
mod lab;
mod many;
mod stories;
#[path = "../capture/watching.rs"]
#[allow(dead_code)]
mod watching;

/// What watching takes of the tests of `capture`.
mod pcapng {
    /// Nothing is counted in files here.
    pub fn packets(_: &[u8]) -> usize {
        0
    }
}

use common::require;
use lab::{Lab, SwitchKind};

/// Makes a test of each story: on Open vSwitch with its userspace datapath and with the kernel's, and on the Linux bridge.
macro_rules! on_each_kind_of_switch {
    ($($story:ident)+) => {
        mod userspace {
            $(#[test] fn $story() {
                super::require!(Root, OpenVswitch);
                super::play(super::SwitchKind::Userspace, super::stories::$story);
            })+
        }
        mod kernel {
            $(#[test] fn $story() {
                super::require!(Root, OpenVswitch, KernelDatapath);
                super::play(super::SwitchKind::Kernel, super::stories::$story);
            })+
        }
        mod linux {
            $(#[test] fn $story() {
                super::require!(Root);
                super::play(super::SwitchKind::Linux, super::stories::$story);
            })+
        }
    };
}

on_each_kind_of_switch! {
    all_reach_each_other who_is_down_is_told checksums_are_right a_document_for_build_servers
}

#[test]
fn tags_keep_apart_in_the_userspace_datapath() {
    require!(Root, OpenVswitch);
    play(SwitchKind::Userspace, stories::tags_keep_apart);
}

#[test]
fn tags_keep_apart_on_the_linux_bridge() {
    require!(Root, VlanFiltering);
    play(SwitchKind::Linux, stories::tags_keep_apart);
}

fn play(kind: SwitchKind, story: fn(&Lab)) {
    common::sandbox::run(async || {
        let lab = Lab::new(kind);
        story(&lab);
        lab.take_down();
    });
}
