//! The stories of `tests/cases`: what there is, what is wanted, and, in `setup.sh`, what has to be done to a fresh sandbox before.

// Each test binary uses a part of this only.
#![allow(dead_code)]
// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use ovsns::model::{Resource, State};
use ovsns::plan::{Plan, commands};

pub struct Story {
    pub directory: PathBuf,
    pub observed: State,
    pub desired: State,
    /// Shell commands; its lines `# needs: X` name features of the machine that the commands need.
    pub setup: String,
}

impl Story {
    pub fn name(&self) -> &str {
        self.directory.file_name().unwrap().to_str().unwrap()
    }

    /// What a story needs of the machine besides root and Open vSwitch.
    pub fn needs(&self) -> Vec<&str> {
        self.setup.lines().filter_map(|line| line.strip_prefix("# needs: ")).collect()
    }

    /// All that there is in it, before or after.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.observed.resources().chain(self.desired.resources())
    }

    pub fn plan(&self) -> Plan {
        Plan::between(&self.observed, &self.desired)
    }
}

/// All of them, by name.
pub fn stories() -> Vec<Story> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut directories: Vec<PathBuf> = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    directories.retain(|directory| directory.join("observed.json").exists());
    directories.sort();
    assert!(directories.len() >= 10, "only {} stories found", directories.len());
    directories.into_iter().map(read).collect()
}

fn read(directory: PathBuf) -> Story {
    let state = |name: &str| {
        let path = directory.join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str::<State>(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let (observed, desired) = (state("observed.json"), state("desired.json"));
    let setup = fs::read_to_string(directory.join("setup.sh")).unwrap_or_default();
    Story { directory, observed, desired, setup }
}

/// The commands of a plan, each step as a comment above its own, as `--explain` prints them.
pub fn explain(plan: &Plan, db: Option<&str>) -> String {
    let steps = commands(plan, db).into_iter();
    steps
        .flat_map(|(step, commands)| std::iter::once(format!("# {step}")).chain(commands))
        .collect::<Vec<_>>()
        .join("\n")
}
