//! Each lab of `examples/`: it is made, does what it expects, and goes without a trace.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::cli::Cli;
use common::ovs::Ovs;
use common::world::World;
use common::{require, sandbox, tool};

/// Those with a test below.
const PLAYED: [&str; 9] = [
    "campus",
    "chaos-link",
    "dual-stack",
    "home-nat",
    "router-on-a-stick",
    "stp-ring",
    "two-subnets",
    "vlan-trunk",
    "web-server",
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

#[test]
fn each_is_played() {
    let stem = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let there: BTreeSet<String> = std::fs::read_dir(directory()).unwrap().map(stem).collect();
    assert_eq!(there, PLAYED.map(str::to_owned).into());
}

#[test]
fn each_is_formatted() {
    let paths: Vec<String> = PLAYED.iter().map(|name| file(name)).collect();
    let arguments: Vec<&str> = ["fmt", "--check"].into_iter().chain(paths.iter().map(String::as_str)).collect();
    assert_eq!(Cli::new().ok(&arguments), "");
}

fn file(name: &str) -> String {
    directory().join(format!("{name}.yaml")).to_str().unwrap().to_owned()
}

/// Makes the lab, tests it, and takes it away. `more` is what else is looked at while it is there.
fn play(name: &str, ovs: Option<&Ovs>, more: impl FnOnce(&Cli)) {
    let cli = ovs.map_or_else(Cli::new, Cli::with);
    tool::run("ip link set lo up");
    let before = World::look(ovs);
    let lab = file(name);
    cli.ok(&["apply", &lab]);
    assert_eq!(cli.ok(&["apply", &lab]).trim_end(), "nothing to do");
    let said = cli.ok(&["test", &lab, "--wait", "60"]);
    assert!(said.contains("pairs"), "{said}");
    more(&cli);
    cli.ok(&["destroy", &lab]);
    World::look(ovs).assert_is(&before, "what the lab leaves behind");
}

macro_rules! on_both {
    ($($test:ident $name:literal;)+) => {
        mod linux {
            use super::*;
            $(#[test]
            fn $test() {
                require!(Root);
                sandbox::run(|| async { play($name, None, |_| ()) });
            })+
        }
        mod ovs {
            use super::*;
            $(#[test]
            fn $test() {
                require!(Root, OpenVswitch);
                sandbox::run(|| async { play($name, Some(&Ovs::start()), |_| ()) });
            })+
        }
    };
}

on_both! {
    two_subnets "two-subnets";
    dual_stack "dual-stack";
    home_nat "home-nat";
}

#[test]
fn vlan_trunk() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async { play("vlan-trunk", Some(&Ovs::start()), |_| ()) });
}

#[test]
fn router_on_a_stick() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async { play("router-on-a-stick", Some(&Ovs::start()), |_| ()) });
}

/// One of the four trunks is blocked, or broadcasts would go round.
#[test]
fn stp_ring() {
    require!(Root);
    sandbox::run(|| async {
        play("stp-ring", None, |_| {
            let ports = tool::run("bridge link");
            assert_eq!(ports.matches("state blocking").count(), 1, "{ports}");
        });
    });
}

#[test]
fn campus() {
    require!(Root);
    sandbox::run(|| async { play("campus", None, |_| ()) });
}

#[test]
fn chaos_link() {
    require!(Root, Netem);
    sandbox::run(|| async { play("chaos-link", None, |_| ()) });
}

#[test]
fn web_server() {
    require!(Root);
    sandbox::run(|| async {
        play("web-server", None, |cli| {
            let fetch = "curl --silent --show-error --max-time 5 --retry 20 --retry-connrefused";
            let page = tool::run(&format!("ip netns exec client {fetch} http://10.0.0.1/"));
            assert!(page.contains("<html"), "{page}");
            let page = tool::run(&format!("{fetch} http://127.0.0.1:8080/"));
            assert!(page.contains("<html"), "{page}");
            let status = cli.ok(&["status", "--lab", "web"]);
            assert!(status.contains("program server in web: runs"), "{status}");
        });
    });
}
