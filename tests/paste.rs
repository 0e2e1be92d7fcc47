//! Every command of `--explain` works when it is pasted: the stories of `tests/cases` are played in a sandbox by a shell, which
//! gets the commands for what there is first, and then the commands of the story's plan.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod common;
mod look;
mod stage;
mod stories;

use common::require;
use ovsns::model::State;
use ovsns::plan::Plan;
use stage::{Stage, play_all};
use stories::{Story, explain, stories};

#[test]
fn what_is_explained_can_be_pasted() {
    require!(Root, OpenVswitch);
    play_all(|story| story.needs().is_empty(), play);
}

#[test]
fn what_needs_more_of_the_machine_can_be_pasted() {
    require!(Root, OpenVswitch, VlanFiltering);
    play_all(|story| story.needs() == ["VlanFiltering"], play);
}

#[test]
fn what_needs_a_rate_can_be_pasted() {
    require!(Root, Tbf);
    play_all(|story| story.needs() == ["Tbf"], play);
}

#[test]
fn what_needs_more_delay_can_be_pasted() {
    require!(Root, Tbf, Netem);
    play_all(|story| story.needs() == ["Netem"], play);
}

#[test]
fn no_story_needs_anything_else() {
    for story in stories() {
        let known = [&[][..], &["VlanFiltering"], &["Tbf"], &["Netem"]];
        assert!(known.contains(&story.needs().as_slice()), "{}", story.name());
    }
}

/// Plays a story; returns what went wrong.
async fn play(story: Story) -> Vec<String> {
    let stage = Stage::of(&story);
    let setting = explain(&Plan::between(&State::default(), &story.observed), None);
    for (script, state) in [(setting, &story.observed), (explain(&story.plan(), None), &story.desired)] {
        if let Err(why) = stage.paste(&script) {
            return vec![why];
        }
        let problems = stage.look.difference(state, story.resources());
        if !problems.is_empty() {
            return problems;
        }
    }
    Vec::new()
}
