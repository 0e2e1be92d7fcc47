//! Where stories are played: a sandbox each, with an Open vSwitch if there is one in the story, and eyes to look with.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};
use std::sync::Mutex;

use ovsns::model::BackendName;

use super::common::{ovs::Ovs, sandbox};
use super::look::Look;
use super::stories::{Story, stories};

pub struct Stage {
    pub ovs: Option<Ovs>,
    pub look: Look,
}

impl Stage {
    /// The stage of a story, set up by its `setup.sh`.
    pub fn of(story: &Story) -> Stage {
        let on_ovs = story.resources().any(|resource| resource.backend() == Some(BackendName::Ovs));
        let ovs = on_ovs.then(Ovs::start);
        let look = Look { run_dir: ovs.as_ref().map(|ovs| ovs.run_dir().to_owned()) };
        let stage = Stage { ovs, look };
        stage.paste(&story.setup).unwrap();
        stage
    }

    /// Gives `script` to a shell, which stops at the first command that fails.
    pub fn paste(&self, script: &str) -> Result<(), String> {
        let mut shell = self.ovs.as_ref().map_or_else(|| Command::new("sh"), |ovs| ovs.command("sh"));
        let output = shell.args(["-euxc", script]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("a command failed ({}):\n{said}", output.status)) }
    }
}

/// Plays the stories that are `chosen`, each in a sandbox of its own, and panics with all that went wrong.
pub fn play_all<F: Future<Output = Vec<String>>>(chosen: impl Fn(&Story) -> bool, play: impl Fn(Story) -> F + Sync) {
    let mut failures = Vec::new();
    for story in stories().into_iter().filter(chosen) {
        let name = story.name().to_owned();
        let problems = Mutex::new(Vec::new());
        sandbox::run(async || *problems.lock().unwrap() = play(story).await);
        let problems = problems.into_inner().unwrap();
        failures.extend(problems.into_iter().map(|problem| format!("{name}: {problem}")));
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}
