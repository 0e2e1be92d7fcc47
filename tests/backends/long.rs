//! Long batches: how far they have come can be read, and a signal ends them in the middle.

use std::sync::Arc;

use ovsns::backend::kernel::Kernel;
use ovsns::backend::linux_bridge::LinuxBridge;
use ovsns::backend::{BackendSet, Direction, Progress, Scope};
use ovsns::engine::{Engine, EngineError};
use ovsns::model::{Entry, State};
use ovsns::plan::Plan;

use super::common::{require, sandbox, tool};
use super::kernel::{DEADLINE, address, netns, pair};
use super::linux::{port, switch};

const MANY: usize = 60;

/// A switch, and namespaces with a port and an address each.
fn lab() -> State {
    let of = |number: usize| -> [Entry; 4] {
        let (at, host) = (format!("n{number}"), format!("v{number}"));
        let ip = format!("10.0.0.{}/16", number + 1);
        [netns(&at), pair(("host", &host), (&at, "e1")), port("sw1", &host), address(&at, "e1", &ip, false)]
    };
    std::iter::once(switch("sw1")).chain((0..MANY).flat_map(of)).collect()
}

fn engine() -> Engine {
    let progress = Progress::default();
    let kernel = Kernel::new(DEADLINE).progress(progress.clone());
    let linux = LinuxBridge::default().progress(progress.clone());
    Engine::new(BackendSet::new(vec![Arc::new(kernel), Arc::new(linux)])).reporting(progress)
}

#[test]
fn a_lab_comes_and_goes_and_tells_how_far_it_is() {
    require!(Root);
    sandbox::run(async || {
        let (engine, lab) = (engine(), lab());
        let progress = engine.progress();
        let plan = Plan::between(&State::default(), &lab);
        let watched = async {
            let mut seen = Vec::new();
            while progress.total() == 0 || progress.done() < progress.total() {
                seen.push(progress.done());
                tokio::task::yield_now().await;
            }
            seen.dedup();
            seen
        };
        let (applied, seen) = tokio::join!(engine.apply(&plan), watched);
        applied.unwrap();
        assert!(seen.is_sorted() && seen.len() > MANY / 16, "{seen:?}");
        assert_eq!((progress.done(), progress.total()), (plan.steps.len(), plan.steps.len()));
        assert_eq!(progress.direction(), Direction::Forward);
        tool::run("ip link set sw1 up");
        tool::run("ip netns exec n0 ping -c1 -W5 10.0.0.60");

        let observed = engine.observe(&Scope::Keys(plan.keys())).await.unwrap();
        assert_eq!(Plan::between(&observed, &lab), Plan::default());
        engine.apply(&Plan::between(&observed, &State::default())).await.unwrap();
        assert_eq!(tool::json("ip -j netns list").as_array().map_or(0, Vec::len), 0);
        assert!(tool::link("host", "v0").is_none() && tool::link("host", "sw1").is_none());
    });
}

#[test]
fn a_signal_in_the_middle_of_a_batch_ends_it() {
    require!(Root);
    sandbox::run(async || {
        let engine = engine();
        let (progress, stop) = (engine.progress(), engine.stop());
        let plan = Plan::between(&State::default(), &lab());
        let signal = async {
            while progress.done() < MANY / 3 {
                tokio::task::yield_now().await;
            }
            stop.request();
            progress.done()
        };
        let (applied, at) = tokio::join!(engine.apply(&plan), signal);
        assert!(matches!(applied, Err(EngineError::Stopped)), "{applied:?}");
        assert!(at < MANY, "in the middle of the first batch, of {MANY} namespaces: {at}");
        assert_eq!(progress.direction(), Direction::Back);
        assert_eq!(tool::json("ip -j netns list").as_array().map_or(0, Vec::len), 0);
    });
}
