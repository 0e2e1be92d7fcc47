//! `--dry-run` and `--explain`: their texts, and that what `--explain` prints does what the verb does.
//!
//! A case is a directory of `tests/cases/cli/{ovs,linux}`: `before.sh` prepares a sandbox, `verb` is the verb with its arguments,
//! `dry-run.txt` and `explain.txt` are what it prints. `OVSNS_ACCEPT=1` writes these two anew.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

mod case;
#[path = "../common/mod.rs"]
mod common;
mod state;

use case::Case;
use common::require;

/// Makes a test of each case, and one that none is forgotten. Those behind a semicolon need the feature that is named there.
macro_rules! cases {
    ($backend:ident: $($case:ident)+ $(; $feature:ident: $($more:ident)+)*) => {
        mod $backend {
            use super::Case;

            $(#[test] fn $case() {
                super::require!(Root, OpenVswitch);
                Case::read(stringify!($backend), stringify!($case)).check();
            })+

            $($(#[test] fn $more() {
                super::require!(Root, OpenVswitch, $feature);
                Case::read(stringify!($backend), stringify!($more)).check();
            })+)*

            #[test]
            fn each_case_is_a_test() {
                let listed = [$(stringify!($case),)+ $($(stringify!($more),)+)*];
                assert_eq!(Case::names(stringify!($backend)), listed.iter().copied().map(str::to_owned).collect());
            }
        }
    };
}

cases! {
    ovs: add_br add_br_full add_br_converge del_br add_ns attach_ns del_ns del_ns_several add_port add_port_full add_port_second add_port_long
        add_port_odd add_port_tag add_port_trunks add_port_native add_port_converge add_port_tso add_dev del_dev del_port
        del_port_own_route del_port_all add_path set_br set_port set_port_no_vlan take_over give_back nothing
        nat publish;
    Tbf: add_port_rate
}

cases! {
    linux: add_br add_br_full add_br_converge add_br_1500 del_br add_port add_port_full add_port_long add_port_converge
        add_dev del_dev del_port_all add_link add_link_host add_link_self del_link add_addr add_addr_host del_addr
        del_addr_of_two add_route add_route_v6 add_route_dev del_route set_device set_down set_up set_sysctl set_br
        nat nat_docker nat_converge del_nat del_nat_published publish publish_more publish_converge unpublish
        unpublish_last del_ns_published take_over give_back;
    VlanFiltering: add_port_tag add_port_trunks add_port_native add_port_retag;
    Tbf: add_dev_rate del_dev_rate del_port_rate set_port_rate set_port_no_impair
}
