//! Runs that fail: the message names the thing and the remedy, the exit code says the manner (0, 1, 2, 4, 5), and the system is
//! as it was.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod database;
mod documents;
mod held;
mod names;
mod netns;
mod ports;
mod privilege;
mod remote;
mod switches;
mod values;
mod vswitchd;

use std::process::{Command, Stdio};

use common::cli::{Cli, Ran};
use common::ovs::Ovs;
use common::world::World;

/// A sandbox to fail in.
struct Host {
    ovs: Option<Ovs>,
    cli: Cli,
}

impl Host {
    /// With an Open vSwitch.
    fn with_ovs() -> Host {
        let ovs = Ovs::start();
        Host { cli: Cli::with(&ovs), ovs: Some(ovs) }
    }

    /// Without one.
    fn bare() -> Host {
        Host { cli: Cli::new(), ovs: None }
    }

    fn ovs(&mut self) -> &mut Ovs {
        self.ovs.as_mut().expect("this host has an Open vSwitch")
    }

    fn world(&self) -> World {
        World::look(self.ovs.as_ref())
    }

    /// Runs commands, one a line, that must succeed.
    fn ok(&self, commands: &str) {
        for command in commands.lines() {
            self.cli.ok(&command.split_whitespace().collect::<Vec<_>>());
        }
    }

    /// Runs a command that must fail with `code`, say all of `says` on standard error, nothing on standard output, and change
    /// nothing.
    fn refuses(&self, code: i32, command: &str, says: &[&str]) {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        let before = self.world();
        let ran = self.cli.run(&arguments);
        assert_refused(&ran, code, command, says);
        self.world().assert_is(&before, &format!("ovsns {command} failed, and changed something"));
    }
}

fn assert_refused(ran: &Ran, code: i32, command: &str, says: &[&str]) {
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "ovsns {command}: {}", ran.stderr);
    for words in says {
        assert!(ran.stderr.contains(words), "ovsns {command} does not say `{words}`: {}", ran.stderr);
    }
}

/// Runs a command of the system that must succeed.
fn sh(command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let output = Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}
