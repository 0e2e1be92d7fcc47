//! What a switch can be, feature by feature: each is asked for through a verb or a lab file, held against what the system's own tools
//! show, and proved by packets, on Open vSwitch and on the Linux bridge. Where one of them cannot, it says what could.
//!
//! Open vSwitch forwards with the kernel's datapath where there is one (the virtual machine), else with its own. The names of
//! these tests are the rows of docs/features.md, which `tests/features.sh` makes from their results: `FAMILY::SWITCH::FEATURE`.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code)] // the stories of tests/workflow use all of it
#[path = "../workflow/lab.rs"]
mod lab;

use common::require;
use common::require::{Feature, has};
use lab::{Lab, SwitchKind};

/// Makes a test of each feature of a family: `ovs: FEATURE(NEEDS)…; linux: …; linux_refuses: …; ovs_refuses: …;`. A refusal is a test
/// like others, by which the table knows that a switch of that kind cannot.
macro_rules! features {
    ($($kind:ident: $($feature:ident($($needs:ident),*))+;)+) => {
        $(mod $kind {
            $(#[test] fn $feature() {
                $crate::require!(Root $(, $needs)*);
                $crate::play(stringify!($kind), super::$feature);
            })+
        })+
    };
}
pub(crate) use features;

mod flow_export;
mod mirrors;
mod qos;
mod vlans;

/// `kind` is `ovs`, `linux`, `ovs_refuses` or `linux_refuses`.
fn play(kind: &str, story: fn(&Lab)) {
    let kind = match kind.starts_with("linux") {
        true => SwitchKind::Linux,
        false if has(Feature::KernelDatapath) => SwitchKind::Kernel,
        false => SwitchKind::Userspace,
    };
    common::sandbox::run(async || {
        let lab = Lab::new(kind);
        story(&lab);
        lab.take_down();
    });
}
