//! Verbs, each with where it starts from and the way back, in a sandbox.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use crate::common::cli::{Cli, Ran};
use crate::common::ovs::Ovs;
use crate::common::tool;
use crate::common::world::World;

/// A verb that can be run again: it takes what it asks for and finds as success.
pub struct Story {
    /// Commands, one a line, that make what is there before it.
    pub before: &'static str,
    pub verb: &'static str,
    /// Commands that lead from its end back to what was before.
    pub back: &'static str,
}

pub const ADD_BR: Story = Story {
    before: "add-br other\nadd-port other ns0 --ip 10.9.0.1/24",
    verb: "add-br sw0 --may-exist --ip 10.0.0.254/24",
    back: "del-br sw0",
};

pub const ADD_PORT: Story = Story {
    before: "add-br sw0\nadd-port sw0 ns0 --ip 10.9.0.1/24",
    verb: "add-port sw0 ns1 --may-exist --ip 10.0.0.1/24 --gw 10.0.0.254",
    back: "del-ns ns1",
};

pub const ADD_NS: Story = Story { before: "add-ns ns0", verb: "add-ns ns1 --may-exist", back: "del-ns ns1" };

pub const ATTACH_NS: Story =
    Story { before: "add-ns ns0", verb: "attach-ns more ns0 --may-exist", back: "del-ns more" };

/// A name among others, which leads to the same namespace again where it is taken back, and one that is the only one.
pub const DEL_NAMES: Story = Story {
    before: "add-br sw0 --backend linux\nadd-port sw0 ns0 --ip 10.9.0.1/24\nattach-ns more ns0\nadd-port sw0 ns1 --ip 10.0.0.1/24",
    verb: "del-ns more ns1 --if-exists",
    back: "attach-ns more ns0\nadd-port sw0 ns1 --ip 10.0.0.1/24",
};

pub const DEL_PORT: Story = Story {
    before: "add-br sw0\nadd-port sw0 ns0 --ip 10.9.0.1/24\nadd-port sw0 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254",
    verb: "del-port sw0 ns1 --if-exists",
    back: "add-port sw0 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254",
};

pub const DEL_BR: Story = Story {
    before: "add-br other\nadd-port other ns0 --ip 10.9.0.1/24\nadd-br sw0 --ip 10.0.0.254/24\nadd-port sw0 ns1 --ip 10.0.0.1/24\nadd-port sw0 ns2",
    verb: "del-br sw0 --if-exists",
    back: "add-br sw0 --ip 10.0.0.254/24\nadd-port sw0 ns1 --ip 10.0.0.1/24\nadd-port sw0 ns2",
};

pub const DEL_NS: Story = Story {
    before: "add-br sw0\nadd-port sw0 ns0 --ip 10.9.0.1/24\nadd-port sw0 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254",
    verb: "del-ns ns1 --if-exists",
    back: "add-port sw0 ns1 --ip 10.0.0.1/24 --gw 10.0.0.254",
};

/// The host's only way out, and its other end.
pub const TAKE_OVER: Story = Story {
    before: "add-br sw0 --ip 10.7.0.1/24\nsh ip link add eth0 type veth peer name eth1\nsh ip link set eth0 address 02:00:00:00:00:09 up\nsh ip link set eth1 up\nadd-addr host 192.0.2.5/24 2001:db8::5/64 --dev eth0 --nodad\nadd-route host default via 192.0.2.1\nadd-route host default via 2001:db8::1",
    verb: "add-port sw0 dev:eth0 --may-exist --take-over --yes",
    back: "del-port sw0 dev:eth0",
};

/// What a device loses that goes down.
pub const SET_DOWN: Story = Story {
    before: "add-link ns1 host --ip 10.0.0.1/24 --ip fd00::1/64 --peer-ip 10.0.0.2/24 --nodad\nadd-route ns1 default via 10.0.0.2\nadd-route ns1 default via fd00::2",
    verb: "set ns1 eth1-ns1 down mtu 1400",
    back: "set ns1 eth1-ns1 up mtu 1500\nadd-addr ns1 fd00::1/64 --nodad\nadd-route ns1 default via 10.0.0.2\nadd-route ns1 default via fd00::2",
};

/// How a run under strace ended.
pub struct Disturbed {
    /// `None`: it was killed.
    pub ran: Option<Ran>,
    /// The first call that failed by injection, as strace writes it.
    pub refused: Option<String>,
}

/// A sandbox in which a story is told again and again.
pub struct Stage<'a> {
    story: &'a Story,
    ovs: Option<Ovs>,
    pub cli: Cli,
    /// What is there before, and at the end of a run that nobody disturbs.
    pub start: World,
    pub end: World,
}

impl<'a> Stage<'a> {
    /// Sets the stage on Open vSwitch or on the Linux bridge, plays the story once, and goes back to where it starts.
    pub fn new(story: &'a Story, ovs: Option<Ovs>) -> Stage<'a> {
        let cli = ovs.as_ref().map_or_else(Cli::new, Cli::with);
        let empty = World::look(ovs.as_ref());
        let mut stage = Stage { story, ovs, cli, start: empty.clone(), end: empty };
        stage.play(story.before);
        stage.start = stage.world();
        stage.play(story.verb);
        stage.end = stage.world();
        assert_ne!(stage.start, stage.end, "{} changes something", story.verb);
        stage.play(story.back);
        stage.world().shape().assert_is(&stage.start.shape(), "the way back does not lead back");
        stage.start = stage.world();
        stage
    }

    pub fn world(&self) -> World {
        World::look(self.ovs.as_ref())
    }

    /// Runs commands that must succeed: of ovsns, and behind `sh` of others.
    pub fn play(&self, commands: &str) {
        for command in commands.lines() {
            match command.strip_prefix("sh ") {
                Some(other) => drop(tool::run(other)),
                None => drop(self.cli.ok(&command.split(' ').collect::<Vec<_>>())),
            }
        }
    }

    /// Runs the story's verb once more.
    pub fn again(&self) {
        self.play(self.story.verb);
    }

    /// Runs the verb, or another command, under strace, which makes `injection` happen at `call`.
    pub fn disturbed(&self, command: Option<&str>, call: &str, injection: &str) -> Disturbed {
        disturbed(&self.cli, command.unwrap_or(self.story.verb), call, injection)
    }

    /// What there is now, which has to be what the story ends with.
    pub fn at_the_end(&self, context: &str) -> World {
        let world = self.world();
        world.shape().assert_is(&self.end.shape(), context);
        world
    }

    /// What there is now, which has to be what the story starts with.
    pub fn at_the_start(&self, context: &str) -> World {
        let world = self.world();
        world.without_numbers().assert_is(&self.start.without_numbers(), context);
        world
    }

    /// Whether all or nothing is there.
    pub fn is_all_or_nothing(&self, world: &World) -> bool {
        world.without_numbers() == self.start.without_numbers() || world.shape() == self.end.shape()
    }

    /// Goes from the end of the story, or from its start, back to the start. `world` is what there is now.
    pub fn reset(&mut self, world: &World, context: &str) {
        if world.without_numbers() == self.start.without_numbers() {
            return;
        }
        let start = self.start.shape();
        self.play(self.story.back);
        self.start = self.world();
        self.start.shape().assert_is(&start, &format!("{context}: the way back"));
    }
}

/// `command` under strace with these options, which writes to `log`.
fn strace(cli: &Cli, command: &str, log: &Path, options: &[String]) -> std::process::Output {
    let ovsns = cli.command(&command.split(' ').collect::<Vec<_>>());
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(log).args(options).arg(ovsns.get_program()).args(ovsns.get_args());
    for (name, value) in ovsns.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace.stdin(Stdio::null()).output().expect("strace starts: install it")
}

/// Runs `command` under strace, which makes `injection` happen at `call`.
pub fn disturbed(cli: &Cli, command: &str, call: &str, injection: &str) -> Disturbed {
    let log = tempfile::NamedTempFile::new().unwrap();
    let options = [format!("--trace={call}"), format!("--inject={call}:{injection}")];
    let output = strace(cli, command, log.path(), &options);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let ran = output.status.code().map(|code| Ran { stdout, stderr, code });
    let log = std::fs::read_to_string(log.path()).unwrap();
    let refused = log.lines().find(|line| line.contains("(INJECTED)")).map(str::to_owned);
    Disturbed { ran, refused }
}

/// Runs `command`, which must succeed; how often each of `calls` is made by one thread at most.
pub fn traced(cli: &Cli, command: &str, calls: &[&'static str]) -> Vec<(&'static str, u32)> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let output = strace(cli, command, log.path(), &[format!("--trace={}", calls.join(","))]);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    let log = std::fs::read_to_string(log.path()).unwrap();
    let mut counts: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for line in log.lines() {
        let (thread, rest) = line.split_once(' ').unwrap_or_default();
        let call = rest.trim_start().split('(').next().unwrap_or_default();
        *counts.entry((call, thread)).or_default() += 1;
    }
    let most = |call: &str| counts.iter().filter(|((name, _), _)| *name == call).map(|(_, n)| *n).max().unwrap_or(0);
    calls.iter().map(|call| (*call, most(call))).collect()
}
