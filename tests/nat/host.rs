//! A sandbox that plays a host with a way into the world.

use std::collections::BTreeSet;

use serde_json::Value;

use super::common::cli::{Cli, Ran};
use super::common::ovs::Ovs;
use super::common::tool::{self, inside};

/// What forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchKind {
    /// ovs-vswitchd itself.
    Userspace,
    /// The kernel's module, for Open vSwitch.
    Kernel,
    /// The Linux bridge.
    Linux,
}

/// The host's own addresses in the world, and those of the machine there.
pub const HOST: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
pub const WORLD: [&str; 2] = ["192.0.2.2", "2001:db8::2"];
/// The addresses of the switch `br1`.
pub const SWITCH: [&str; 2] = ["10.0.0.254", "fd00::fe"];

/// A host with the switch `br1`, on which `ns1` (10.0.0.1, fd00::1) and `ns2` (10.0.0.2, fd00::2) are, and with `eth0`, behind
/// which the namespace `world` is, to which its default routes lead.
pub struct Host {
    pub kind: SwitchKind,
    pub cli: Cli,
    _ovs: Option<Ovs>,
}

impl Host {
    pub fn new(kind: SwitchKind) -> Host {
        tool::run("ip link set lo up");
        let ovs = (kind != SwitchKind::Linux).then(Ovs::start);
        let cli = ovs.as_ref().map_or_else(|| Cli::new().env("OVSNS_BACKEND", "linux"), Cli::with);
        for command in [
            "ip netns add world",
            "ip link add eth0 type veth peer name eth0 netns world",
            "ip address add 192.0.2.1/24 dev eth0",
            "ip address add 2001:db8::1/64 dev eth0 nodad",
            "ip link set eth0 up",
            "ip -n world link set lo up",
            "ip -n world address add 192.0.2.2/24 dev eth0",
            "ip -n world address add 2001:db8::2/64 dev eth0 nodad",
            "ip -n world link set eth0 up",
            "ip route add default via 192.0.2.2",
            "ip -6 route add default via 2001:db8::2",
        ] {
            tool::run(command);
        }
        let host = Host { kind, cli, _ovs: ovs };
        host.add_br("br1", "--ip 10.0.0.254/24 --ip fd00::fe/64");
        for number in [1, 2] {
            host.ok(&format!("add-port br1 ns{number} --ip 10.0.0.{number}/24 --ip fd00::{number}/64 --nodad"));
        }
        host
    }

    /// Makes a switch of the kind; `options` are those of `add-br`.
    pub fn add_br(&self, name: &str, options: &str) {
        let datapath = match self.kind {
            SwitchKind::Userspace => "--datapath netdev",
            SwitchKind::Kernel => "--datapath system",
            SwitchKind::Linux => "",
        };
        self.ok(&format!("add-br {name} {options} {datapath}"));
    }

    /// Runs `ovsns` with these words; it must succeed.
    pub fn ok(&self, words: &str) -> String {
        self.cli.ok(&words.split_whitespace().collect::<Vec<_>>())
    }

    pub fn run(&self, words: &str) -> Ran {
        self.cli.run(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `ovsns` with these words; it must fail with `code` and leave everything as it was. Returns what it said.
    pub fn refused(&self, code: i32, words: &str) -> String {
        let before = state();
        let said = self.cli.fails(code, &words.split_whitespace().collect::<Vec<_>>());
        is_as(&before, &format!("ovsns {words} failed, and something is different"));
        said
    }

    /// What `ovsns --json` says.
    pub fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("--json {words}"))).unwrap()
    }
}

/// What translation could change, a line each: the rules of nftables, the settings of the host's devices, and the routes of all
/// namespaces.
pub fn state() -> BTreeSet<String> {
    let mut lines: BTreeSet<String> = BTreeSet::new();
    lines.insert(without_counters(&tool::run("nft list ruleset")));
    for (family, settings) in
        [("ipv4", &["forwarding", "route_localnet"][..]), ("ipv6", &["forwarding", "force_forwarding", "accept_ra"])]
    {
        for device in std::fs::read_dir(format!("/proc/sys/net/{family}/conf")).unwrap() {
            let device = device.unwrap().path();
            for setting in settings {
                let file = device.join(setting);
                // what this kernel does not have
                let Ok(value) = std::fs::read_to_string(&file) else { continue };
                lines.insert(format!("{} = {}", file.display(), value.trim()));
            }
        }
    }
    let names = tool::run("ip netns list");
    for netns in names.lines().filter_map(|line| line.split_whitespace().next()) {
        for family in ["-4", "-6"] {
            let routes = tool::run(&inside(netns, &format!("ip {family} route show default")));
            lines.insert(format!("{netns}: {routes}"));
        }
    }
    lines
}

/// The rules, without how often each was met.
fn without_counters(rules: &str) -> String {
    let line = |line: &str| match line.split_once("packets ") {
        Some((before, after)) => {
            let rest = after
                .split_once("bytes ")
                .map_or("", |(_, rest)| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
            format!("{before}{rest}")
        }
        None => line.to_owned(),
    };
    rules.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// # Panics
///
/// If all is not as it was, with what differs.
pub fn is_as(before: &BTreeSet<String>, context: &str) {
    let now = state();
    let gone: Vec<&String> = before.difference(&now).collect();
    let come: Vec<&String> = now.difference(before).collect();
    assert!(gone.is_empty() && come.is_empty(), "{context}\nno more: {gone:#?}\nnow: {come:#?}");
}
