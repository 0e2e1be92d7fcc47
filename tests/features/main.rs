//! What a switch can be, feature by feature: each is asked for through a verb or a lab file, held against what the system's own tools
//! show, and proved by packets, on Open vSwitch and on the Linux bridge. Where one of them cannot, it says what could.
//!
//! Open vSwitch forwards with the kernel's datapath where there is one (the virtual machine), else with its own. The names of
//! these tests are the rows of docs/features.md, which `tests/features.py` makes from their results: `FAMILY::KIND::FEATURE`.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code)] // the stories of tests/workflow use all of it
#[path = "../workflow/lab.rs"]
mod lab;

use std::time::{Duration, Instant};

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
                $crate::play(module_path!(), stringify!($feature), super::$feature);
            })+
        })+
    };
}
pub(crate) use features;

mod bonds;
mod fdb;
mod flow_export;
mod frames;
mod interfaces;
mod mirrors;
mod openflow;
mod policing;
mod qos;
mod quiet;
mod stats;
mod switches;
mod tunnels;
mod vlans;

/// Plays the story of a feature; `module` is `features::FAMILY::KIND`.
fn play(module: &str, feature: &str, story: fn(&Lab)) {
    let mut words = module.split("::").skip(1);
    let (family, side) = (words.next().unwrap(), words.next().unwrap());
    let (kind, place) = match side.starts_with("linux") {
        true => (SwitchKind::Linux, "linux"),
        false if has(Feature::KernelDatapath) => (SwitchKind::Kernel, "system"),
        false => (SwitchKind::Userspace, "netdev"),
    };
    common::sandbox::run(async || {
        let lab = Lab::new(kind);
        story(&lab);
        shown_as_the_schema_says(&lab);
        lab.take_down();
    });
    if let Some(file) = std::env::var_os("OVSNS_TEST_FEATURES") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        // one write: several tests may append at once
        file.write_all(format!("{family} {side} {feature} {place}\n").as_bytes()).unwrap();
    }
}

/// What is there at the end of a story, as `show --json` tells it, is what the schema of it says. Each kind of thing that a switch can have
/// comes by; on an emulated machine it would prove nothing more.
fn shown_as_the_schema_says(lab: &Lab) {
    if Path::new("/vmshare").exists() || !has(Feature::JsonSchema) {
        return;
    }
    const VALIDATE: &str = "import json, sys, jsonschema\n\
        jsonschema.validate(json.load(sys.stdin), json.load(open(sys.argv[1])))";
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/show.schema.json");
    let mut python = Command::new("python3");
    python.args(["-c", VALIDATE, schema]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let shown = lab.json("show").to_string();
    python.stdin.take().unwrap().write_all(shown.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{shown}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Looks again and again until `condition` gives something.
fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
