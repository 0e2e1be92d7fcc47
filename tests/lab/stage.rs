//! A sandbox with a way out, a directory for lab files, and things of others.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use super::common::cli::{Cli, Ran};
use super::common::ovs::Ovs;
use super::common::tool;
use super::common::world::World;

/// The lab of most stories. `BACKEND` is the stage's.
pub const CAMPUS: &str = "\
lab: campus
defaults: { backend: BACKEND, nodad: true }
switches:
  s1: { ip: [10.0.0.254/24, \"fd00::fe/64\"] }
  s2: { mtu: 1500 }
namespaces:
  n1:
    ports: [ { switch: s1, ip: [10.0.0.1/24, \"fd00::1/64\"], rate: 10mbit } ]
    sysctl: { net.ipv4.ip_forward: 1 }
  n2: { ports: [ { switch: s1, ip: 10.0.0.2/24 } ] }
  n3: { ports: [ { switch: s1, ip: 10.0.0.3/24 }, { switch: s2 } ] }
links: [ { a: n1, b: n2, a-ip: 10.9.0.1/30, b-ip: 10.9.0.2/30 } ]
trunks: [ { a: s1, b: s2 } ]
nat: [ { switch: s1, out: out0 } ]
publish: [ \"8080:n2:80\" ]
";

/// What is there besides, from the beginning to the end.
const OTHERS: &str = "\
ip link set lo up
ip link add out0 type veth peer name out1
ip link set out0 up
ip link set out1 up
ip address add 192.0.2.1/24 dev out0
ip link add up0 type veth peer name up1
ip link set up0 up
ip link set up1 up
ip link add fbr type bridge
ip link set fbr up
ip netns add fns
ip link add fv0 type veth peer name fv1 netns fns
ip link set fv0 master fbr up
ip -n fns link set fv1 up
ip -n fns address add 10.99.0.1/24 dev fv1
nft add table inet foreign
nft add chain inet foreign input { type filter hook input priority 0 ; }
nft add rule inet foreign input tcp dport 9999 drop";

pub struct Stage {
    pub cli: Cli,
    ovs: Option<Ovs>,
    directory: tempfile::TempDir,
    before: World,
}

impl Stage {
    pub fn new(ovs: Option<Ovs>) -> Stage {
        OTHERS.lines().for_each(|line| drop(tool::run(line)));
        let mut stage = Stage::bare(ovs);
        if let Some(ovs) = &stage.ovs {
            ovs.add_br("fovs");
            ovs.vsctl(&["add-port", "fovs", "fp", "--", "set", "Interface", "fp", "type=internal"]);
        }
        stage.cli.ok(&["add-ns", "plain"]);
        stage.before = stage.world();
        stage
    }

    /// The same with nothing of others.
    pub fn bare(ovs: Option<Ovs>) -> Stage {
        let cli = match &ovs {
            Some(ovs) => Cli::with(ovs).env("OVSNS_DATAPATH", ovs.datapath_type()),
            None => Cli::new().env("OVSNS_BACKEND", "linux"),
        };
        let before = World::look_closely(ovs.as_ref());
        Stage { cli, ovs, directory: tempfile::tempdir().unwrap(), before }
    }

    pub fn backend(&self) -> &'static str {
        if self.ovs.is_some() { "ovs" } else { "linux" }
    }

    pub fn ovs(&self) -> Option<&Ovs> {
        self.ovs.as_ref()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file into the directory; returns its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text.replace("BACKEND", self.backend())).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes the lab file; returns its path.
    pub fn lab(&self, text: &str) -> String {
        self.file("lab.yaml", text)
    }

    pub fn run(&self, words: &str) -> Ran {
        self.cli.run(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `ovsns` with these words; it must succeed.
    pub fn ok(&self, words: &str) -> String {
        self.cli.ok(&words.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `ovsns` with these words; it must fail with `code`, and leave everything as it was. What it said is returned.
    pub fn refused(&self, code: i32, words: &str) -> String {
        let before = self.world();
        let said = self.fails(code, words);
        self.world().assert_is(&before, &format!("ovsns {words} failed, and something is different: {said}"));
        said
    }

    /// Runs `ovsns` with these words; it must fail with `code`.
    pub fn fails(&self, code: i32, words: &str) -> String {
        self.cli.fails(code, &words.split_whitespace().collect::<Vec<_>>())
    }

    pub fn json(&self, words: &str) -> Value {
        let text = self.ok(&format!("--json {words}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("ovsns --json {words}: {error}: {text}"))
    }

    /// Runs `ovsns` with something at its standard input.
    pub fn with_input(&self, words: &str, input: &str) -> Ran {
        let mut command = self.cli.command(&words.split_whitespace().collect::<Vec<_>>());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.replace("BACKEND", self.backend()).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap() }
    }

    /// The steps that `ovsns` prints.
    pub fn steps(&self, words: &str) -> Vec<String> {
        steps(&self.ok(words))
    }

    /// All that there is, but for records of labs, and for random numbers.
    pub fn world(&self) -> World {
        World::look_closely(self.ovs.as_ref()).shape().without_things("file /run/ovsns/lab-")
    }

    /// All that there is, with the numbers that a device keeps as long as it lives.
    pub fn numbered(&self) -> World {
        World::look_closely(self.ovs.as_ref()).without_things("file /run/ovsns/lab-")
    }

    /// What is there is what was there before the first story.
    pub fn is_as_before(&self, context: &str) {
        self.world().assert_is(&self.before.shape().without_things("file /run/ovsns/lab-"), context);
    }

    /// The lab is as its file says, as it finds itself.
    pub fn is_as_its_file(&self, file: &str) {
        let diff = self.run(&format!("diff {file} --exit-code"));
        assert_eq!(diff.code, 0, "{diff:#?}");
    }

    pub fn destroy(&self) {
        self.ok("destroy --lab campus");
    }

    /// The number of a device.
    pub fn ifindex(&self, netns: &str, device: &str) -> u64 {
        tool::link(netns, device).unwrap_or_else(|| panic!("no {device} in {netns}"))["ifindex"].as_u64().unwrap()
    }
}

/// The lines that are steps.
pub fn steps(text: &str) -> Vec<String> {
    let is_step = |line: &&str| ["+ ", "- ", "~ "].iter().any(|sign| line.starts_with(sign));
    text.lines().filter(is_step).map(str::to_owned).collect()
}
