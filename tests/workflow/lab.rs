//! A sandbox with a kind of switch to try, and what it was like before.

use std::collections::BTreeSet;

use serde_json::Value;

use super::common::cli::{Cli, Ran};
use super::common::ovs::Ovs;
use super::common::tool::{self, inside, succeeds};

/// What forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchKind {
    /// ovs-vswitchd itself.
    Userspace,
    /// ovs-vswitchd itself, which leaves checksums and segmentation to the devices (`userspace-tso-enable`).
    UserspaceTso,
    /// The kernel's module, for Open vSwitch.
    Kernel,
    /// The Linux bridge.
    Linux,
}

/// A sandbox with an Open vSwitch, unless the kind is the Linux bridge.
pub struct Lab {
    pub kind: SwitchKind,
    pub cli: Cli,
    ovs: Option<Ovs>,
    before: BTreeSet<String>,
}

impl Lab {
    pub fn new(kind: SwitchKind) -> Lab {
        tool::run("ip link set lo up");
        if kind == SwitchKind::Linux {
            return Lab { kind, cli: Cli::new().env("OVSNS_BACKEND", "linux"), ovs: None, before: inventory(None) };
        }
        let ovs = Ovs::start();
        if kind == SwitchKind::UserspaceTso {
            ovs.vsctl(&["set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=true"]);
        }
        Lab { kind, cli: Cli::with(&ovs), before: inventory(Some(&ovs)), ovs: Some(ovs) }
    }

    pub fn is_linux(&self) -> bool {
        self.kind == SwitchKind::Linux
    }

    /// The name of the backend.
    pub fn backend(&self) -> &'static str {
        if self.is_linux() { "linux" } else { "ovs" }
    }

    /// The Open vSwitch of a lab that has one.
    pub fn ovs(&self) -> &Ovs {
        self.ovs.as_ref().expect("a lab with Open vSwitch")
    }

    /// Makes a switch of the lab's kind; `options` are those of `add-br`.
    pub fn add_br(&self, name: &str, options: &str) -> String {
        self.ok(&format!("add-br {name} {options} {}", self.datapath()))
    }

    /// The option by which `add-br` makes a switch of the lab's kind.
    pub fn datapath(&self) -> &'static str {
        match self.kind {
            SwitchKind::Userspace | SwitchKind::UserspaceTso => "--datapath netdev",
            SwitchKind::Kernel => "--datapath system",
            SwitchKind::Linux => "",
        }
    }

    /// Runs `ovsns` with these words; it must succeed.
    pub fn ok(&self, words: &str) -> String {
        self.cli.ok(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `ovsns` with these words; it must fail with `code`, and leave everything as it was. What it said is returned.
    pub fn refused(&self, code: i32, words: &str) -> String {
        let before = inventory(self.ovs.as_ref());
        let said = self.cli.fails(code, &words.split_whitespace().collect::<Vec<_>>());
        assert_eq!(inventory(self.ovs.as_ref()), before, "ovsns {words} failed, and something is different");
        said
    }

    pub fn run(&self, words: &str) -> Ran {
        self.cli.run(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// What `ovsns --json` says.
    pub fn json(&self, words: &str) -> Value {
        let text = self.ok(&format!("--json {words}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("ovsns --json {words}: {error}: {text}"))
    }

    /// The lines that a verb prints.
    pub fn lines(&self, words: &str) -> Vec<String> {
        self.ok(words).lines().map(str::to_owned).collect()
    }

    /// What is there now: see [`inventory`].
    pub fn inventory(&self) -> BTreeSet<String> {
        inventory(self.ovs.as_ref())
    }

    /// Deletes the switches and namespaces that there are, and looks whether all is as it was before.
    pub fn take_down(&self) {
        for switch in self.lines("list-br") {
            self.ok(&format!("del-br {switch}"));
        }
        for netns in self.lines("list-ns") {
            self.ok(&format!("del-ns {netns}"));
        }
        self.is_as_before();
    }

    /// Whether all is as it was when the lab was made.
    pub fn is_as_before(&self) {
        assert_eq!(self.inventory(), self.before, "something is left, or missing");
    }
}

/// Everything that a verb could leave behind, a line each: links, addresses and routes of every namespace, namespaces, rows of
/// the database, our own files. Without what comes and goes by itself.
fn inventory(ovs: Option<&Ovs>) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    let names = tool::run("ip netns list");
    let names = names.lines().filter_map(|line| line.split_whitespace().next());
    for netns in std::iter::once("host").chain(names) {
        found.insert(format!("netns {netns}"));
        // a file whose mount is gone
        if netns != "host" && !succeeds(&inside(netns, "true")) {
            continue;
        }
        for link in tool::json(&inside(netns, "ip -j -d link")).as_array().unwrap() {
            // which the kernel makes in all namespaces when a module of tunnels is loaded, for whatever test
            if ["gre0", "gretap0", "erspan0", "ip6gre0", "ip6tnl0"].iter().any(|name| link["ifname"] == *name) {
                continue;
            }
            found.insert(format!("{netns}: link {} {} {}", link["ifname"], link["mtu"], link["master"]));
        }
        for link in tool::json(&inside(netns, "ip -j address")).as_array().unwrap() {
            for address in link["addr_info"].as_array().unwrap().iter().filter(|address| address["scope"] != "link") {
                found.insert(format!("{netns}: {} has {}", link["ifname"], address["local"]));
            }
        }
        for family in ["-4", "-6"] {
            let routes = tool::run(&inside(netns, &format!("ip {family} route")));
            let routes = routes.lines().filter(|route| !route.starts_with("fe80::/64"));
            found.extend(routes.map(|route| format!("{netns}: route {}", route.trim())));
        }
    }
    for table in ["Bridge", "Port", "Interface", "Mirror"].iter().filter(|_| ovs.is_some()) {
        let rows = ovs.unwrap().vsctl(&["--no-headings", "--columns=name", "--format=csv", "list", table]);
        found.extend(rows.lines().map(|row| format!("{table} {row}")));
    }
    // rows without a name of their own, which go when nothing refers to them
    for table in ["QoS", "Queue", "Controller", "NetFlow", "sFlow", "IPFIX"].iter().filter(|_| ovs.is_some()) {
        let rows = ovs.unwrap().vsctl(&["--no-headings", "--columns=_uuid", "--format=csv", "list", table]);
        found.extend(rows.lines().map(|row| format!("{table} {row}")));
    }
    let own = std::fs::read_dir("/run/ovsns").into_iter().flatten().flatten();
    let names = own.map(|file| file.file_name().into_string().unwrap()).filter(|name| !name.starts_with("lock-"));
    found.extend(names.map(|name| format!("file {name}")));
    found
}
