//! The way out of a switch and the way in, by the built command and with real packets: a sandbox plays the host, and a namespace
//! behind its `eth0` the world.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod follows;
mod host;
mod inward;
mod killed;
mod lab;
mod labs;
mod others;
mod outward;
mod peers;
mod refusals;

use common::require;
use host::{Host, SwitchKind};

/// Makes a test of each story: on Open vSwitch with its userspace datapath, and on the Linux bridge.
macro_rules! on_each_kind_of_switch {
    ($($file:ident: $($story:ident)+;)+) => {
        mod userspace {
            $($(#[test] fn $story() {
                super::require!(Root, OpenVswitch, NftNat);
                super::play(super::SwitchKind::Userspace, super::$file::$story);
            })+)+
        }
        mod linux {
            $($(#[test] fn $story() {
                super::require!(Root, NftNat);
                super::play(super::SwitchKind::Linux, super::$file::$story);
            })+)+
        }
    };
}

on_each_kind_of_switch! {
    outward: the_world_is_reached_and_nothing_is_left two_translations_share_settings
        routes_are_given_to_those_that_have_none;
    inward: a_port_is_reached_from_everywhere one_address_of_the_host without_translation
        the_loopback_of_the_host_is_guarded;
    others: dockers_filter_lets_it_through;
    labs: a_file_says_it;
    follows: what_goes_takes_its_ports_along a_switch_takes_its_translation_along;
}

/// What does not depend on the kind of switch is played on the one that needs nothing else.
macro_rules! on_the_linux_bridge {
    ($($file:ident: $($story:ident)+;)+) => {
        $($(#[test] fn $story() {
            require!(Root, NftNat);
            play(SwitchKind::Linux, $file::$story);
        })+)+
    };
}

on_the_linux_bridge! {
    outward: a_kernel_that_forwards_ipv6_everywhere_or_nowhere;
    inward: many_at_once a_pair_without_a_switch what_is_published_is_listed a_datagram_has_a_way_too;
    others: a_filter_that_drops_is_named iptables_reads_its_table_still;
    follows: a_teardown_leaves_nothing a_dead_namespace_is_collected an_address_that_changed;
    refusals: what_cannot_be_translated what_cannot_be_published a_port_that_is_taken without_nft without_nat;
    killed: killed_at_every_step;
    labs: a_lab_comes_and_goes owners_side_by_side a_flush_is_healed changes_follow what_is_anothers_stays_anothers
        what_is_there_already_takes_part what_a_lab_cannot_have without_translation_no_nft;
}

/// The kernel's own datapath, in the virtual machine.
#[test]
fn kernel_there_and_back() {
    require!(Root, OpenVswitch, KernelDatapath, NftNat);
    play(SwitchKind::Kernel, outward::the_world_is_reached_and_nothing_is_left);
    play(SwitchKind::Kernel, inward::a_port_is_reached_from_everywhere);
}

fn play(kind: SwitchKind, story: fn(&Host)) {
    common::sandbox::run(async || story(&Host::new(kind)));
}
