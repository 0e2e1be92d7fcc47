//! All or nothing: what the engine makes of failures, lies and signals, on the strict memory backend.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod parts;
mod states;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ovsns::backend::memory::{Failure, Memory};
use ovsns::backend::{ApplyError, Backend, BackendError, BackendSet, Fault, Stage};
use ovsns::engine::{Engine, EngineError, Stop};
use ovsns::model::State;
use ovsns::plan::{Doomed, Plan, Step};
use parts::{MOMENT, OneByOne, Part, all, block_on, engine, netns, of_the_kernel, state, there_and_here, two_parts};
use proptest::prelude::*;
use states::{Shown, memory, pair};

#[tokio::test]
async fn a_plan_is_carried_out_and_seen_to_be() {
    let (observed, desired) = there_and_here();
    let memory = Arc::new(memory(&observed));
    let plan = Plan::between(&observed, &desired);
    engine(memory.clone()).apply(&plan).await.unwrap();
    assert_eq!(Plan::between(&memory.state(), &desired), Plan::default());
}

/// The steps of `plan` without those that go by themselves, which no backend is asked for.
fn carried_out(plan: &Plan) -> Vec<Step> {
    let doomed = Doomed::by(&plan.steps);
    let implied = |step: &&Step| matches!(step, Step::Delete(entry) if doomed.imply(&entry.resource));
    plan.steps.iter().filter(|step| !implied(step)).cloned().collect()
}

#[tokio::test]
async fn a_failure_at_any_step_leaves_all_as_it_was() {
    let (observed, desired) = there_and_here();
    let plan = Plan::between(&observed, &desired);
    let steps = carried_out(&plan);
    assert!(steps.len() > 12, "{plan}");
    for (number, step) in steps.iter().enumerate() {
        for set in [
            |memory: &Arc<Memory>| BackendSet::new(vec![memory.clone() as Arc<dyn Backend>]),
            |memory: &Arc<Memory>| two_parts(memory, |_| ()),
        ] {
            let memory = Arc::new(memory(&observed));
            memory.fail(Failure::AtStep(number));
            let error = Engine::new(set(&memory)).apply(&plan).await.unwrap_err();
            let EngineError::Backend(error) = error else { panic!("step {number}: {error:?}") };
            assert_eq!(error.what, step.to_string());
            assert_eq!(error.source.unwrap().to_string(), format!("injected failure at step {number}"));
            assert_eq!(Shown(memory.state()), Shown(observed.clone()), "step {number}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever fails, forwards or backwards: all, or nothing, or a list of what is left that is right.
    #[test]
    fn what_is_left_is_told((observed, desired) in pair(), seed in any::<u64>(), probability in 0.0f64..0.5) {
        let memory = Arc::new(memory(&observed));
        memory.fail(Failure::Random { probability, seed });
        let result = block_on(engine(memory.clone()).apply(&Plan::between(&observed, &desired)));
        memory.fail(Failure::Never);
        let now = Shown(memory.state());
        match result {
            Ok(()) => prop_assert_eq!(Plan::between(&now, &desired), Plan::default()),
            Err(EngineError::Mixed { undo, left, .. }) => {
                prop_assert!(!undo.is_empty() && undo.iter().all(|line| line.contains(": ")), "{:?}", undo);
                prop_assert!(!left.is_empty());
                let applied = block_on(memory.apply(&left.steps));
                prop_assert!(applied.is_ok(), "{}\n{:?}\n{:?}", left, applied, now);
                prop_assert_eq!(&Shown(memory.state()), &observed);
            }
            Err(_) => prop_assert_eq!(&now, &observed),
        }
    }
}

#[tokio::test]
async fn an_undo_that_fails_tells_what_is_left() {
    let (observed, desired) = (State::default(), state("first-port-on-ovs", "desired"));
    let plan = Plan::between(&observed, &desired);
    let memory = Arc::new(memory(&observed));
    memory.fail(Failure::FromStep(4));
    let error = engine(memory.clone()).apply(&plan).await.unwrap_err();
    let EngineError::Mixed { cause, undo, left } = error else { panic!("{error:?}") };
    assert_eq!(cause.to_string(), "+ device OVS-1 up");
    assert_eq!(undo.len(), 4, "{undo:?}");
    assert!(undo[0].starts_with("- port veth-ns1 on OVS-1 (ovs): injected failure"), "{undo:?}");
    let done = Plan { steps: plan.steps[..4].to_vec() };
    assert_eq!(left, done.inverse());
    assert_eq!(memory.state().keys().count(), 4);
}

/// One step that cannot be undone does not keep the others that can.
#[tokio::test]
async fn an_undo_goes_on_after_a_failure() {
    let desired: State = ["ns1", "ns2", "ns3"].map(netns).into_iter().collect();
    let plan = Plan::between(&State::default(), &desired);
    let memory = Arc::new(Memory::default());
    let stubborn = Part {
        memory: memory.clone(),
        claims: all,
        apply: |steps: &[Step]| {
            let refuses = |step: &Step| matches!(step, Step::Delete(entry) if entry.key() == netns("ns2").key());
            match steps.iter().position(|step| refuses(step) || *step == Step::Create(netns("ns3"))) {
                Some(applied) if applied > 0 => Ok(steps[..=applied].to_vec()),
                Some(_) => Err(ApplyError::after(0, BackendError::refused(steps[0].to_string(), "busy"))),
                None => Ok(steps.to_vec()),
            }
        },
    };
    // Step by step, so that the backend refuses just what it is to refuse.
    let error = engine(Arc::new(OneByOne(stubborn))).apply(&plan).await.unwrap_err();
    let EngineError::Mixed { undo, left, .. } = error else { panic!("{error:?}") };
    assert_eq!(undo, ["- netns ns2: busy"]);
    assert_eq!(left.to_string(), "- netns ns2");
    assert_eq!(memory.state(), [netns("ns2")].into_iter().collect());
}

/// A system that does not answer is not asked again for each step that is left.
#[tokio::test]
async fn an_undo_waits_once_for_a_silent_system() {
    let desired: State = ["ns1", "ns2", "ns3", "ns4"].map(netns).into_iter().collect();
    let memory = Arc::new(Memory::default());
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let silent = Part {
        memory: memory.clone(),
        claims: all,
        apply: move |steps: &[Step]| {
            count.fetch_add(1, Ordering::Relaxed);
            let deadline = BackendError::deadline("wait", Stage::Vswitchd, MOMENT);
            match steps[0] {
                Step::Delete(_) => Err(ApplyError::after(0, deadline)),
                // Committed, but not carried out: the contract counts it as applied.
                _ => Err(ApplyError::after(steps.len(), deadline)),
            }
        },
    };
    let error = engine(Arc::new(silent)).apply(&Plan::between(&State::default(), &desired)).await.unwrap_err();
    // Nothing is there, after all: so nothing is left.
    assert!(matches!(&error, EngineError::Backend(BackendError { fault: Fault::Deadline(..), .. })), "{error:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// What a step took with it, unasked, is put back too.
#[tokio::test]
async fn an_undo_puts_back_what_went_unasked() {
    let observed: State = ["ns1", "ns2", "ns3"].map(netns).into_iter().collect();
    let memory = Arc::new(Memory::holding(observed.clone()));
    let careless = {
        let memory = memory.clone();
        let first = AtomicBool::new(true);
        Part {
            memory: memory.clone(),
            claims: all,
            apply: move |steps: &[Step]| {
                if first.swap(false, Ordering::Relaxed) {
                    let gone: Vec<Step> = ["ns3", "ns2"].map(|name| Step::Delete(netns(name))).into();
                    block_in_thread(memory.clone(), gone);
                    return Err(ApplyError::after(1, BackendError::refused("delete", "busy")));
                }
                Ok(steps.to_vec())
            },
        }
    };
    let plan = Plan::between(&observed, &State::default());
    let error = engine(Arc::new(careless)).apply(&plan).await.unwrap_err();
    assert!(matches!(error, EngineError::Backend(_)), "{error:?}");
    assert_eq!(memory.state(), observed);
}

/// Applies `steps` from within a runtime.
fn block_in_thread(memory: Arc<Memory>, steps: Vec<Step>) {
    std::thread::spawn(move || block_on(memory.apply(&steps)).unwrap()).join().unwrap();
}

#[tokio::test]
async fn what_is_done_but_not_in_effect_is_undone() {
    let (observed, desired) = there_and_here();
    let plan = Plan::between(&observed, &desired);
    let carried_out = carried_out(&plan);
    for (missing, step) in carried_out.iter().enumerate() {
        let memory = Arc::new(memory(&observed));
        // Lies about the plan from one step on, and carries out the way back.
        let forwards = AtomicBool::new(true);
        let lies = Part {
            memory: memory.clone(),
            claims: all,
            apply: move |steps: &[Step]| {
                let end = if forwards.swap(false, Ordering::Relaxed) { missing } else { steps.len() };
                Ok(steps[..end].to_vec())
            },
        };
        let error = engine(Arc::new(lies)).apply(&plan).await.unwrap_err();
        let EngineError::NotInEffect { missing: told } = &error else { panic!("{error:?}") };
        assert!(!told.is_empty());
        assert!(error.to_string().starts_with("what was done did not stay in effect"), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        assert_eq!(Shown(memory.state()), Shown(observed.clone()), "{step}");
    }
}

#[tokio::test]
async fn a_signal_stops_before_the_next_batch() {
    let (observed, desired) = (State::default(), state("first-port-on-ovs", "desired"));
    let plan = Plan::between(&observed, &desired);
    let memory = Arc::new(Memory::default());
    let engine_at_rest = engine(memory.clone());
    engine_at_rest.stop().request();
    assert!(matches!(engine_at_rest.apply(&plan).await, Err(EngineError::Stopped)));
    assert_eq!(memory.state(), observed);

    // Asked for while the first batch (the namespace) is being carried out.
    let stop: Arc<std::sync::OnceLock<Stop>> = Arc::default();
    let seen = Arc::new(AtomicUsize::new(0));
    let set = {
        let (stop, seen) = (stop.clone(), seen.clone());
        two_parts(&memory, move |_| {
            seen.fetch_add(1, Ordering::Relaxed);
            stop.get().unwrap().request();
        })
    };
    let engine = Engine::new(set);
    assert!(stop.set(engine.stop()).is_ok());
    assert!(matches!(engine.apply(&plan).await, Err(EngineError::Stopped)));
    assert_eq!(seen.load(Ordering::Relaxed), 2, "there and back");
    assert_eq!(memory.state(), observed);
}

#[tokio::test]
async fn what_no_backend_looks_after_is_refused_before_anything_is_done() {
    let desired = state("first-port-on-ovs", "desired");
    let memory = Arc::new(Memory::default());
    let kernel = Part { memory: memory.clone(), claims: of_the_kernel, apply: |steps: &[Step]| Ok(steps.to_vec()) };
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(Arc::new(kernel)).journal_in(directory.path().join("run"));
    let error = engine.apply(&Plan::between(&State::default(), &desired)).await.unwrap_err();
    assert!(matches!(&error, EngineError::Unsupported(_)), "{error:?}");
    assert!(error.to_string().contains("switch OVS-1") && error.to_string().contains("backend ovs"), "{error}");
    assert_eq!(memory.state(), State::default());
    assert!(!directory.path().join("run").exists());
}

#[tokio::test]
async fn an_empty_plan_needs_no_journal() {
    let engine = engine(Arc::new(Memory::default())).journal_in("/proc/no/such/place".into());
    engine.apply(&Plan::default()).await.unwrap();
}
