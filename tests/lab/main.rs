//! Labs through the built command: what it says is held against `ip`, `bridge`, `ovs-vsctl` and `nft`, and what it builds must
//! carry packets. Several stories share a sandbox; each leaves it as it was.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;

mod back;
mod changes;
mod drift;
mod export;
mod failure;
mod others;
mod plan;
mod records;
mod stage;

use common::ovs::Ovs;
use common::{require, sandbox};
use stage::Stage;

/// A test of the stories of a file, on Open vSwitch and on the Linux bridge.
macro_rules! on_both_backends {
    ($($file:ident: $($story:ident)+;)+) => {
        mod ovs {
            $(#[test] fn $file() {
                super::require!(Root, OpenVswitch, Tbf, NftNat);
                super::play(true, &[$((stringify!($story), super::$file::$story)),+]);
            })+
        }
        mod linux {
            $(#[test] fn $file() {
                super::require!(Root, Tbf, NftNat);
                super::play(false, &[$((stringify!($story), super::$file::$story)),+]);
            })+
        }
    };
}

on_both_backends! {
    changes: it_is_idempotent just_what_changes_is_changed it_grows_and_shrinks uplinks_come_and_go files_of_any_kind;
    drift: each_kind_is_seen_and_healed;
    plan: its_exit_status_tells a_saved_plan_is_exact_or_stale an_offline_plan_is_the_same;
    failure: a_failure_is_undone an_interrupt_is_undone ovs_vswitchd_does_not_answer as_far_as_it_goes
        without_a_confirmation_it_goes_back;
    back: there_and_back it_is_destroyed_whatever_is_left processes_are_not_forgotten
        many_go_with_their_namespaces;
    others: names_of_others_are_refused two_at_once;
    records: a_damaged_journal_is_told damaged_records_are_told a_full_disk;
}

type Story = fn(&mut Stage);

fn play(ovs: bool, stories: &[(&str, Story)]) {
    sandbox::run(|| async {
        let mut stage = Stage::new(ovs.then(Ovs::start));
        for (name, story) in stories {
            println!("{name}");
            story(&mut stage);
            stage.is_as_before(name);
        }
    });
}
