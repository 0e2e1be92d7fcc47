//! Every command of `--explain` works when it is pasted: the stories of `tests/cases` are played in a sandbox by a shell, which
//! gets the commands for what there is first, and then the commands of the story's plan.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod common;
mod look;
mod stories;

use std::process::{Command, Stdio};

use common::ovs::Ovs;
use common::{require, sandbox};
use look::Look;
use ovsns::model::{BackendName, Key, Resource, State};
use ovsns::plan::Plan;
use stories::{Story, explain, stories};

#[test]
fn what_is_explained_can_be_pasted() {
    require!(Root, OpenVswitch);
    play_all(stories().into_iter().filter(|story| needs(story).is_empty()));
}

#[test]
fn what_needs_more_of_the_machine_can_be_pasted() {
    require!(Root, OpenVswitch, VlanFiltering);
    play_all(stories().into_iter().filter(|story| needs(story) == ["VlanFiltering"]));
}

#[test]
fn no_story_needs_anything_else() {
    for story in stories() {
        assert!(needs(&story).is_empty() || needs(&story) == ["VlanFiltering"], "{}", story.name());
    }
}

/// Each story in a sandbox of its own.
fn play_all(stories: impl Iterator<Item = Story>) {
    let mut failures = Vec::new();
    for story in stories {
        let problems = std::sync::Mutex::new(Vec::new());
        sandbox::run(async || *problems.lock().unwrap() = play(&story));
        let problems = problems.into_inner().unwrap();
        failures.extend(problems.into_iter().map(|problem| format!("{}: {problem}", story.name())));
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// What a story needs of the machine besides root and Open vSwitch.
fn needs(story: &Story) -> Vec<&str> {
    story.setup.lines().filter_map(|line| line.strip_prefix("# needs: ")).collect()
}

/// Plays a story; returns what went wrong.
fn play(story: &Story) -> Vec<String> {
    let resources = || story.observed.resources().chain(story.desired.resources());
    let ovs = resources().any(|resource| resource.backend() == Some(BackendName::Ovs)).then(Ovs::start);
    let look = Look { run_dir: ovs.as_ref().map(|ovs| ovs.run_dir().to_owned()) };
    let setting = format!("{}\n{}", story.setup, explain(&Plan::between(&State::default(), &story.observed), None));
    for (script, state) in [(setting, &story.observed), (explain(&story.plan(), None), &story.desired)] {
        if let Err(why) = paste(ovs.as_ref(), &script) {
            return vec![why];
        }
        let problems = difference(&look, state, resources());
        if !problems.is_empty() {
            return problems;
        }
    }
    Vec::new()
}

/// Gives `script` to a shell, which stops at the first command that fails.
fn paste(ovs: Option<&Ovs>, script: &str) -> Result<(), String> {
    let mut shell = ovs.map_or_else(|| Command::new("sh"), |ovs| ovs.command("sh"));
    let output = shell.args(["-euxc", script]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(format!("a command failed ({}):\n{said}", output.status)) }
}

/// What is not as `state` says, and what of `all` is there although it is not in `state`.
fn difference<'a>(look: &Look, state: &State, all: impl Iterator<Item = &'a Resource>) -> Vec<String> {
    let mut problems: Vec<String> = Vec::new();
    for entry in state.entries() {
        problems.extend(look.problems(entry).into_iter().map(|problem| format!("{}: {problem}", entry.key())));
    }
    let here: Vec<(ovsns::model::Place, ovsns::model::IfName)> =
        state.resources().flat_map(Resource::provides).collect();
    for resource in all.filter(|resource| !state.contains(&resource.key())) {
        // A device that another link or switch provides by now, or that is the host's own, may be there.
        let other = resource.provides().iter().chain(&resource.needs()).any(|device| here.contains(device));
        let silent = matches!(resource.key(), Key::Device { .. });
        if !other && !silent && look.exists(resource) {
            problems.push(format!("{} is still there", resource.key()));
        }
    }
    problems
}
