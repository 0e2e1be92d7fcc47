//! The stories of `tests/cases`, played by the engine on the real backends, and looked at with other tools.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod common;
mod look;
mod stage;
mod stories;

use std::sync::Arc;
use std::time::Duration;

use common::require;
use ovsns::backend::kernel::Kernel;
use ovsns::backend::linux_bridge::LinuxBridge;
use ovsns::backend::ovs::Ovs;
use ovsns::backend::{Backend, BackendSet, Scope};
use ovsns::engine::{Engine, EngineError};
use ovsns::model::{Address, Entry, IfName, Key, Place, Resource, State};
use ovsns::ovsdb::client::{Client, Options};
use ovsns::plan::{Plan, Step};
use stage::{Stage, play_all};
use stories::Story;

const TIMEOUT: Duration = Duration::from_secs(60);

async fn engine(stage: &Stage) -> Engine {
    let mut backends: Vec<Arc<dyn Backend>> = vec![Arc::new(Kernel::new(TIMEOUT)), Arc::new(LinuxBridge::default())];
    if let Some(ovs) = &stage.ovs {
        let client = Client::connect(&ovs.remote().parse().unwrap(), &Options::default()).await.unwrap();
        backends.push(Arc::new(Ovs::new(client, TIMEOUT)));
    }
    Engine::new(BackendSet::new(backends))
}

/// What there is of what the story tells of.
async fn seen(engine: &Engine, story: &Story) -> State {
    let mut keys: Vec<Key> = story.resources().map(Resource::key).collect();
    keys.sort();
    keys.dedup();
    engine.observe(&Scope::Keys(keys)).await.unwrap()
}

/// A step that no kernel carries out.
fn impossible() -> Step {
    let device: IfName = "not-there".parse().unwrap();
    let address = Address::new(Place::Host, device, "192.0.2.1/24".parse().unwrap(), false);
    Step::Create(Entry::unmarked(Resource::Address(address)))
}

async fn play(story: Story) -> Vec<String> {
    let stage = Stage::of(&story);
    let engine = engine(&stage).await;
    let mut problems = Vec::new();

    let before = seen(&engine, &story).await;
    if let Err(error) = engine.apply(&Plan::between(&before, &story.observed)).await {
        return vec![format!("setting the stage: {error:?}")];
    }
    problems.extend(stage.look.difference(&story.observed, story.resources()));

    let observed = seen(&engine, &story).await;
    let mut plan = Plan::between(&observed, &story.desired);
    plan.steps.push(impossible());
    match engine.apply(&plan).await {
        Err(EngineError::Backend(_)) => {}
        other => problems.push(format!("a plan that cannot succeed: {other:?}")),
    }
    let undone = seen(&engine, &story).await;
    let left = Plan::exact(&undone, &observed).to_string();
    problems.extend((!left.is_empty()).then(|| format!("left after undo: {left}")));
    problems.extend(stage.look.difference(&story.observed, story.resources()));

    plan.steps.pop();
    if let Err(error) = engine.apply(&plan).await {
        problems.push(format!("{error:?}"));
    }
    problems.extend(stage.look.difference(&story.desired, story.resources()));
    problems
}

#[test]
fn stories_come_true_or_leave_no_trace() {
    require!(Root, OpenVswitch);
    play_all(|story| story.needs().is_empty(), play);
}

#[test]
fn stories_that_need_more_of_the_machine_come_true() {
    require!(Root, OpenVswitch, VlanFiltering);
    play_all(|story| story.needs() == ["VlanFiltering"], play);
}

#[test]
fn stories_with_a_rate_come_true() {
    require!(Root, Tbf);
    play_all(|story| story.needs() == ["Tbf"], play);
}

#[test]
fn stories_that_need_more_delay_come_true() {
    require!(Root, Tbf, Netem);
    play_all(|story| story.needs() == ["Netem"], play);
}
