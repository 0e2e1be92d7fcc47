//! Many runs at once: each does what it says, or says why not, and nothing is lost.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::cli::{Cli, Ran};
use common::ovs::Ovs;
use common::running::Running;
use common::world::World;
use common::{require, sandbox};

/// How many run at once.
const MANY: usize = 20;
/// For all of them together: they wait for each other.
const TIMEOUT: [&str; 2] = ["--timeout", "50"];

/// A sandbox with one switch, `sw0`.
struct Host {
    ovs: Option<Ovs>,
    cli: Cli,
}

impl Host {
    fn new(ovs: Option<Ovs>) -> Host {
        let cli = ovs.as_ref().map_or_else(Cli::new, Cli::with);
        cli.ok(&["add-br", "sw0"]);
        Host { ovs, cli }
    }

    /// Starts all `commands`, then waits for all.
    fn at_once<'a>(&self, commands: impl IntoIterator<Item = &'a str>) -> Vec<Ran> {
        let start = |command: &str| {
            let arguments: Vec<&str> = TIMEOUT.into_iter().chain(command.split(' ')).collect();
            Running::start(self.cli.command(&arguments))
        };
        let running: Vec<Running> = commands.into_iter().map(start).collect();
        running.into_iter().map(Running::end).collect()
    }

    fn ports(&self) -> Vec<String> {
        let mut ports: Vec<String> = self.cli.ok(&["list-ports", "sw0"]).lines().map(str::to_owned).collect();
        ports.sort();
        ports
    }

    fn world(&self) -> World {
        World::look(self.ovs.as_ref())
    }
}

fn all_well(runs: &[Ran]) {
    for ran in runs {
        assert_eq!(ran.code, 0, "{ran:#?}");
    }
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort();
    names
}

/// Each makes a port of its own: eth1, eth2 …
fn the_same_add_port(ovs: Option<Ovs>) {
    let host = Host::new(ovs);
    all_well(&host.at_once(["add-port sw0 ns1"; MANY]));
    let number = |n: usize| if n == 1 { String::new() } else { n.to_string() };
    assert_eq!(host.ports(), sorted((1..=MANY).map(|n| format!("veth{}-ns1", number(n)))));
    let world = host.world();
    assert!((1..=MANY).all(|n| world.has(&format!("link ns1 eth{n}-ns1"))), "{world:#?}");
}

/// With an address, one has it, and the others say who.
fn the_same_add_port_with_an_address(ovs: Option<Ovs>) {
    let host = Host::new(ovs);
    let runs = host.at_once(["add-port sw0 ns1 --ip 10.0.0.1/24"; MANY]);
    let (well, failed): (Vec<_>, Vec<_>) = runs.iter().partition(|ran| ran.code == 0);
    assert_eq!((well.len(), failed.len()), (1, MANY - 1), "{runs:#?}");
    for ran in failed {
        assert_eq!(ran.code, 1, "{ran:#?}");
        assert!(ran.stderr.contains("eth1-ns1 has 10.0.0.1/24 already"), "{}", ran.stderr);
    }
    assert_eq!(host.ports(), ["veth-ns1"]);
}

/// With `--may-exist` one makes it, and the others find it.
fn the_same_add_port_that_may_exist(ovs: Option<Ovs>) {
    let host = Host::new(ovs);
    all_well(&host.at_once(["add-port sw0 ns1 --may-exist --ip 10.0.0.1/24"; MANY]));
    assert_eq!(host.ports(), ["veth-ns1"]);
}

fn different_namespaces(ovs: Option<Ovs>) {
    let host = Host::new(ovs);
    let before = host.world();
    let add: Vec<String> = (1..=MANY).map(|n| format!("add-port sw0 ns{n} --ip 10.0.0.{n}/24")).collect();
    all_well(&host.at_once(add.iter().map(String::as_str)));
    assert_eq!(host.ports(), sorted((1..=MANY).map(|n| format!("veth-ns{n}"))));
    all_well(&host.at_once(["exec ns1 -- ping -c1 -W5 10.0.0.20", "exec ns20 -- ping -c1 -W5 10.0.0.1"]));
    let delete: Vec<String> = (1..=MANY).map(|n| format!("del-ns ns{n}")).collect();
    all_well(&host.at_once(delete.iter().map(String::as_str)));
    host.world().without_numbers().assert_is(&before.without_numbers(), "all that came has gone");
}

/// Half of the runs add what the other half deletes, if it is there already: each namespace has one port in the end, or none.
fn adding_and_deleting(ovs: Option<Ovs>) {
    let host = Host::new(ovs);
    let command = |n: usize| {
        let netns = n / 4;
        if n.is_multiple_of(2) {
            format!("add-port sw0 ns{netns} --may-exist --ip 10.0.0.{}/24", netns + 1)
        } else {
            format!("del-port sw0 ns{netns} --if-exists")
        }
    };
    let commands: Vec<String> = (0..2 * MANY).map(command).collect();
    all_well(&host.at_once(commands.iter().map(String::as_str)));
    let world = host.world();
    let ports = host.ports();
    for n in 0..MANY / 2 {
        let port = ports.contains(&format!("veth-ns{n}"));
        assert_eq!(world.has(&format!("link ns{n} eth1-ns{n}")), port, "ns{n}: {ports:?}");
        assert_eq!(world.has(&format!("link host veth-ns{n}")), port, "ns{n}: {ports:?}");
        assert!(!world.has(&format!("link ns{n} eth2-ns{n}")), "ns{n}: {ports:?}");
    }
}

/// Ports that come before the switch goes go with it; those that come after it find none.
fn deleting_the_switch(ovs: Option<Ovs>) {
    let host = Host::new(ovs);
    let add: Vec<String> = (1..MANY).map(|n| format!("add-port sw0 ns{n}")).collect();
    let commands = add.iter().map(String::as_str).take(MANY / 2).chain(["del-br sw0"]);
    let runs = host.at_once(commands.chain(add.iter().map(String::as_str).skip(MANY / 2)));
    assert_eq!(runs[MANY / 2].code, 0, "{:#?}", runs[MANY / 2]);
    for ran in runs.iter().filter(|ran| ran.code != 0) {
        assert_eq!(ran.code, 1, "{ran:#?}");
        assert!(ran.stderr.contains("there is no switch sw0"), "{}", ran.stderr);
    }
    assert_eq!(host.cli.ok(&["list-br"]), "");
    let world = host.world();
    for n in 1..MANY {
        assert!(!world.has(&format!("link host veth-ns{n}")) && !world.has(&format!("row Port veth-ns{n}")), "ns{n}");
    }
    assert!(!world.has("link host sw0") && !world.has("row Port sw0"));
}

/// Exactly one makes it.
fn the_same_add_br(ovs: Option<Ovs>) {
    let host = Host::new(ovs);
    let runs = host.at_once(["add-br sw1"; MANY]);
    let (well, failed): (Vec<_>, Vec<_>) = runs.iter().partition(|ran| ran.code == 0);
    assert_eq!(well.len(), 1, "{runs:#?}");
    for ran in failed {
        assert_eq!(ran.code, 1, "{ran:#?}");
        assert!(ran.stderr.contains("cannot make switch sw1: it exists"), "{}", ran.stderr);
    }
}

macro_rules! on_both_backends {
    ($($name:ident)+) => {
        mod ovs {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root, OpenVswitch);
                sandbox::run(|| async { super::$name(Some(Ovs::start())) });
            })+
        }
        mod linux {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root);
                sandbox::run(|| async { super::$name(None) });
            })+
        }
    };
}

on_both_backends! {
    the_same_add_port
    the_same_add_port_with_an_address
    the_same_add_port_that_may_exist
    different_namespaces
    adding_and_deleting
    deleting_the_switch
    the_same_add_br
}

#[test]
fn the_same_add_ns() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host { ovs: None, cli: Cli::new() };
        let runs = host.at_once(["add-ns ns1"; MANY]);
        let (well, failed): (Vec<_>, Vec<_>) = runs.iter().partition(|ran| ran.code == 0);
        assert_eq!(well.len(), 1, "{runs:#?}");
        for ran in failed {
            assert_eq!(ran.code, 1, "{ran:#?}");
            assert!(ran.stderr.contains("cannot make namespace ns1: it exists"), "{}", ran.stderr);
        }
        assert_eq!(host.cli.ok(&["list-ns"]), "ns1\n");
    });
}

/// `ip netns` knows nothing of our lock: one of all makes the name, whoever it is.
#[test]
fn the_same_add_ns_with_ip_netns() {
    require!(Root);
    sandbox::run(|| async {
        let cli = Cli::new();
        let runs = (0..MANY).map(|n| {
            if n % 2 == 0 {
                return Running::start(cli.command(&["add-ns", "ns1"]));
            }
            let mut ip = std::process::Command::new("ip");
            ip.args(["netns", "add", "ns1"]);
            Running::start(ip)
        });
        let runs: Vec<Running> = runs.collect();
        let well = runs.into_iter().map(Running::end).filter(|ran| ran.code == 0).count();
        assert_eq!(well, 1);
        assert_eq!(cli.ok(&["list-ns"]), "ns1\n");
        cli.ok(&["exec", "ns1", "--", "true"]);
    });
}
