//! A lab in a sandbox, and things of others beside it.

use std::path::PathBuf;

use crate::common::cli::{Cli, Ran};
use crate::common::ovs::Ovs;
use crate::common::require::{Feature, has};
use crate::common::tool;
use crate::common::world::World;
use crate::story::{Disturbed, disturbed, traced};

/// What stays as it is, whatever becomes of the lab.
const OTHERS: &str = "\
ip link add out0 type veth peer name out1
ip link set out0 up
ip link set out1 up
ip address add 192.0.2.1/24 dev out0
ip link add up0 type veth peer name up1
ip link set up0 up
ip link set up1 up
ip link add fbr type bridge
ip link set fbr up
ip address add 10.99.0.254/24 dev fbr
ip netns add fns
ip link add fv0 type veth peer name fv1 netns fns
ip link set fv0 master fbr up
ip -n fns link set fv1 up
ip -n fns address add 10.99.0.1/24 dev fv1
ip -n fns route add default via 10.99.0.254
nft add table inet foreign
nft add chain inet foreign input { type filter hook input priority 0 ; }
nft add rule inet foreign input tcp dport 9999 drop";

/// How far a lab is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Nothing,
    First,
    Second,
}

/// What a run leaves for the next one to find.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Journal,
    Destruction,
}

/// A sandbox with a lab in it, which is known at each of its states.
pub struct LabStage {
    ovs: Option<Ovs>,
    cli: Cli,
    directory: tempfile::TempDir,
    worlds: [World; 3],
    pub at: At,
}

impl LabStage {
    /// Goes through the states once: nothing but what is of others, the first lab, the second made of it.
    pub fn new(ovs: Option<Ovs>) -> LabStage {
        let cli = match &ovs {
            Some(ovs) => Cli::with(ovs).env("OVSNS_DATAPATH", ovs.datapath_type()),
            None => Cli::new(),
        };
        let directory = tempfile::tempdir().unwrap();
        OTHERS.lines().for_each(|line| drop(tool::run(line)));
        if let Some(ovs) = &ovs {
            ovs.add_br("fovs");
            ovs.vsctl(&["add-port", "fovs", "fp", "--", "set", "Interface", "fp", "type=internal"]);
        }
        let empty = World::look_closely(ovs.as_ref());
        let mut stage =
            LabStage { ovs, cli, directory, worlds: [empty.clone(), empty.clone(), empty], at: At::Nothing };
        for (name, text) in [
            ("first", include_str!("first.yaml")),
            ("second", include_str!("second.yaml")),
            ("others", include_str!("others.yaml")),
        ] {
            std::fs::write(stage.file(name), stage.text(text)).unwrap();
        }
        stage.ok("add-ns plain");
        stage.ok(&format!("apply {}", stage.file("others").display()));
        stage.worlds[At::Nothing as usize] = stage.world();
        for at in [At::First, At::Second] {
            stage.ok(&stage.apply(at));
            stage.worlds[at as usize] = stage.world();
            stage.at = at;
        }
        stage
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.yaml"))
    }

    /// The lab for this stage's switches.
    fn text(&self, text: &str) -> String {
        let text = if self.ovs.is_some() { text.to_owned() } else { text.replace("backend: ovs", "backend: linux") };
        let parts = text.split(['<', '>']);
        if self.ovs.is_some() || has(Feature::VlanFiltering) { parts.collect() } else { parts.step_by(2).collect() }
    }

    /// The command that leads to the lab at `at`.
    pub fn apply(&self, at: At) -> String {
        match at {
            At::Nothing => "destroy --lab campus".to_owned(),
            At::First => format!("apply {}", self.file("first").display()),
            At::Second => format!("apply {}", self.file("second").display()),
        }
    }

    fn ok(&self, command: &str) {
        self.cli.ok(&command.split(' ').collect::<Vec<_>>());
    }

    pub fn run(&self, command: &str) -> Ran {
        self.cli.run(&command.split(' ').collect::<Vec<_>>())
    }

    /// Goes to `at`, from where it is.
    pub fn go_to(&mut self, at: At) {
        let needed: &[At] = match (self.at, at) {
            (here, there) if here == there => &[],
            (At::Nothing, At::Second) => &[At::First, At::Second],
            (_, At::Nothing) => &[At::Nothing],
            (_, At::First) => &[At::First],
            (_, At::Second) => &[At::Second],
        };
        for at in needed {
            self.ok(&self.apply(*at));
            self.is_at(*at, "the way there");
        }
    }

    fn world(&self) -> World {
        World::look_closely(self.ovs.as_ref()).shape().without_things("file /run/ovsns/lab-")
    }

    /// What is there must be the lab at `at`, and what is of others as it was.
    pub fn is_at(&mut self, at: At, context: &str) {
        self.world().assert_is(&self.worlds[at as usize], &format!("{context}: not at {at:?}"));
        self.at = at;
    }

    /// What is there must be the lab at one of its states.
    pub fn is_somewhere(&mut self, context: &str) {
        let world = self.world();
        let found = [At::Nothing, At::First, At::Second].into_iter().find(|at| self.worlds[*at as usize] == world);
        self.at = found.unwrap_or_else(|| {
            let differences = self.worlds.each_ref().map(|other| world.differs_from(other));
            panic!("{context}: at none of the states\n{}", differences.join("\nor\n"))
        });
    }

    /// What the next run will find of the one before.
    pub fn found(&self) -> Found {
        let names = |directory: &str| -> Vec<String> {
            let entries = std::fs::read_dir(directory).into_iter().flatten();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        };
        let own = names("/run/ovsns");
        let lab = own.iter().find(|name| name.starts_with("lab-") && name.ends_with("-campus"));
        if own.iter().any(|name| name.starts_with("journal-") && name.ends_with(".json")) {
            Found::Journal
        } else if lab.is_some_and(|lab| names(&format!("/run/ovsns/{lab}")).contains(&"destroying".to_owned())) {
            Found::Destruction
        } else {
            Found::Nothing
        }
    }

    /// Runs `command` with `injection` at `call`.
    pub fn disturbed(&self, command: &str, call: &str, injection: &str) -> Disturbed {
        disturbed(&self.cli, command, call, injection)
    }

    /// How often each of `calls` is made by one thread of `command` at most.
    pub fn traced(&self, command: &str, calls: &[&'static str]) -> Vec<(&'static str, u32)> {
        traced(&self.cli, command, calls)
    }
}
