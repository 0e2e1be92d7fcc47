//! The workflow through the built command, each story in a sandbox of its own: what it says is held against `ip`, `bridge` and
//! `ovs-vsctl`, and what it builds must carry packets. Afterwards nothing is left.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod deletion;
mod impairments;
mod lab;
mod links;
mod namespaces;
mod reading;
mod settings;
mod switches;
mod take_over;
mod targets;
mod traffic;
mod vlans;

use common::require;
use lab::{Lab, SwitchKind};

/// Makes a test of each story: on Open vSwitch with its userspace datapath and with the kernel's, and on the Linux bridge.
macro_rules! on_each_kind_of_switch {
    ($($file:ident: $($story:ident)+;)+) => {
        mod userspace {
            $($(#[test] fn $story() {
                super::require!(Root, OpenVswitch);
                super::play(super::SwitchKind::Userspace, super::$file::$story);
            })+)+
        }
        mod kernel {
            $($(#[test] fn $story() {
                super::require!(Root, OpenVswitch, KernelDatapath);
                super::play(super::SwitchKind::Kernel, super::$file::$story);
            })+)+
        }
        mod linux {
            $($(#[test] fn $story() {
                super::require!(Root);
                super::play(super::SwitchKind::Linux, super::$file::$story);
            })+)+
        }
    };
}

on_each_kind_of_switch! {
    traffic: the_workflow tcp_and_udp the_host_is_reached_through_the_switch a_gateway_leads_out
        frames_are_as_large_as_the_mtu an_ipv6_address_is_ready_at_the_end a_taken_ipv6_address_is_refused;
    settings: both_ends_get_what_was_asked_for long_names_are_cut_and_kept_as_alternatives
        a_namespace_has_several_ports may_exist_converges a_port_that_exists_is_refused_without_may_exist
        an_address_in_use_is_refused an_address_of_the_link_alone odd_names;
    switches: a_switch_gets_what_was_asked_for may_exist_converges_a_switch
        a_switch_is_not_made_twice the_choice_is_said;
    targets: a_process a_file a_device a_device_with_an_address_is_refused what_is_no_namespace_is_refused;
    deletion: a_port_goes_by_any_name all_ports_of_a_namespace_go a_switch_goes_with_its_ports
        a_namespace_goes_with_its_ports a_port_outlives_its_namespace what_is_not_ours_stays what_is_gone_is_no_failure_if_exists;
    impairments: a_port_is_set;
    links: two_namespaces_are_joined a_namespace_and_the_host_are_joined addresses_and_routes_come_and_go
        an_address_that_nobody_asked_for_goes_by_name neighbours_are_listed what_makes_no_sense_is_refused devices_and_settings_are_set the_switch_is_an_interface;
    take_over: a_connection_survives_a_take_over without_a_confirmation_it_goes_back
        a_take_over_outlives_its_terminal_but_not_its_time a_take_over_that_is_killed_is_taken_back
        a_switch_keeps_its_own_addresses what_the_user_has_to_see_to_is_said an_uplink_that_cannot_be_shared_is_refused;
    namespaces: processes_keep_their_namespace what_is_not_ours_stays_in_a_namespace_that_lives_on
        several_namespaces_go_at_once a_name_among_others_is_only_a_name a_namespace_gets_a_name
        a_namespace_without_a_name_is_listed all_that_is_ours_is_taken_down;
    reading: the_tools_agree json_has_its_shape a_dry_run_changes_nothing;
}

/// The same of those that take `tbf`.
macro_rules! on_switches_with_a_rate {
    ($($story:ident)+) => {
        mod rates_userspace {
            $(#[test] fn $story() {
                super::require!(Root, OpenVswitch, Tbf);
                super::play(super::SwitchKind::Userspace, super::impairments::$story);
            })+
        }
        mod rates_linux {
            $(#[test] fn $story() {
                super::require!(Root, Tbf);
                super::play(super::SwitchKind::Linux, super::impairments::$story);
            })+
        }
    };
}

on_switches_with_a_rate! {
    a_rate_slows_one_direction_down a_rate_is_what_tc_shows an_uplink_is_impaired_where_it_lasts what_others_set_stays
}

fn play(kind: SwitchKind, story: fn(&Lab)) {
    common::sandbox::run(async || {
        let lab = Lab::new(kind);
        story(&lab);
        lab.take_down();
    });
}

#[test]
fn the_parent_of_a_macvlan_is_refused() {
    require!(Root, Macvlan);
    play(SwitchKind::Linux, take_over::the_parent_of_a_macvlan_is_refused);
}

#[test]
fn a_part_of_a_bond_is_refused() {
    require!(Root, Bond);
    play(SwitchKind::Linux, take_over::a_part_of_a_bond_is_refused);
}

#[test]
fn tcp_and_udp_with_segmentation_offload() {
    require!(Root, OpenVswitch);
    play(SwitchKind::UserspaceTso, traffic::tcp_and_udp);
}

#[test]
fn the_host_is_reached_with_segmentation_offload() {
    require!(Root, OpenVswitch);
    play(SwitchKind::UserspaceTso, traffic::the_host_is_reached_through_the_switch);
}
