//! `kill -9` and other runs: the journal, the lock, and what the next run takes back, on the strict memory backend.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod parts;
mod states;

use std::sync::Arc;

use ovsns::backend::memory::{Failure, Memory};
use ovsns::backend::{Backend, Scope};
use ovsns::engine::{EngineError, Journal, JournalError, Lock, LockError};
use ovsns::model::{Entry, Key, Netns, Resource, State};
use ovsns::plan::{Plan, Step};
use parts::{LIMIT, MOMENT, Part, all, engine, netns, there_and_here};
use states::{Shown, memory, parse};

#[test]
fn a_journal_is_written_read_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::new(directory.path().join("made/when/needed"));
    assert_eq!(journal.read().unwrap(), None);
    journal.remove().unwrap();
    let (observed, desired) = there_and_here();
    let plan = Plan::between(&observed, &desired);
    journal.write(&plan).unwrap();
    let run = journal.read().unwrap().unwrap();
    assert_eq!((run.pid, &run.plan), (std::process::id(), &plan));
    assert!(run.command.contains("interrupted"), "{}", run.command);
    journal.remove().unwrap();
    assert_eq!(journal.read().unwrap(), None);
    assert_eq!(std::fs::read_dir(journal.directory()).unwrap().count(), 0, "nothing stays behind");
}

#[tokio::test]
async fn a_damaged_journal_is_told_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::new(directory.path().to_owned());
    journal.write(&Plan { steps: vec![Step::Create(netns("ns1"))] }).unwrap();
    let whole = std::fs::read(journal.path()).unwrap();
    let engine = engine(Arc::new(Memory::default())).journal_in(directory.path().to_owned());
    let other: Vec<u8> = String::from_utf8(whole.clone()).unwrap().replace("ns1", "ns2").into();
    for damaged in [&b""[..], b"{}", &whole[..whole.len() / 2], &[&whole[..], b"x"].concat(), b"\xff\xfe", &other] {
        std::fs::write(journal.path(), damaged).unwrap();
        let error = engine.begin(LIMIT).await.unwrap_err();
        assert!(matches!(&error, EngineError::Journal(JournalError::Damaged { .. })), "{error:?}");
        assert!(error.to_string().contains(journal.path().to_str().unwrap()), "{error}");
        assert_eq!(std::fs::read(journal.path()).unwrap(), damaged);
    }
    let aside = engine.put_journal_aside().unwrap().unwrap();
    assert!(aside.exists());
    assert!(engine.begin(LIMIT).await.unwrap().1.is_none());
}

#[tokio::test]
async fn where_no_journal_can_be_written_nothing_is_done() {
    let memory = Arc::new(Memory::default());
    let engine = engine(memory.clone()).journal_in("/proc/no/such/place".into());
    let error = engine.apply(&Plan { steps: vec![Step::Create(netns("ns1"))] }).await.unwrap_err();
    assert!(matches!(&error, EngineError::Journal(JournalError::Io { .. })), "{error:?}");
    assert_eq!(memory.state(), State::default());
}

/// As long as the journal is there the next run would take the plan back: a plan whose journal stays is undone at once.
#[tokio::test]
async fn where_the_journal_cannot_be_removed_the_plan_is_undone() {
    let directory = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::default());
    let journal = Journal::new(directory.path().to_owned());
    let obstinate = {
        let path = journal.path();
        Part {
            memory: memory.clone(),
            claims: all,
            apply: move |steps: &[Step]| {
                // A directory in its place cannot be unlinked.
                if path.is_file() {
                    std::fs::remove_file(&path).unwrap();
                    std::fs::create_dir(&path).unwrap();
                }
                Ok(steps.to_vec())
            },
        }
    };
    let engine = engine(Arc::new(obstinate)).journal_in(directory.path().to_owned());
    let error = engine.apply(&Plan { steps: vec![Step::Create(netns("ns1"))] }).await.unwrap_err();
    assert!(matches!(&error, EngineError::Journal(JournalError::Io { .. })), "{error:?}");
    assert_eq!(memory.state(), State::default());
}

#[tokio::test]
async fn a_journal_is_there_while_a_plan_is_carried_out_and_only_then() {
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::new(directory.path().to_owned());
    let plan = Plan { steps: vec![Step::Create(netns("ns1"))] };
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let memory = Arc::new(Memory::default());
    let looks = {
        let (journal, seen) = (journal.clone(), seen.clone());
        Part {
            memory: memory.clone(),
            claims: all,
            apply: move |steps: &[Step]| {
                seen.lock().unwrap().push(journal.read().unwrap().map(|run| run.plan));
                Ok(steps.to_vec())
            },
        }
    };
    let engine = engine(Arc::new(looks)).journal_in(directory.path().to_owned());
    engine.apply(&plan).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [Some(plan.clone())]);
    assert_eq!(journal.read().unwrap(), None);

    memory.fail(Failure::AtStep(0));
    engine.apply(&plan.inverse()).await.unwrap_err();
    assert_eq!(journal.read().unwrap(), None, "after a failure that was undone");
}

/// `kill -9` after any number of steps, by what it leaves behind: a journal, and a part of the plan.
#[tokio::test]
async fn the_next_run_takes_back_what_was_interrupted() {
    let (observed, desired) = there_and_here();
    let plan = Plan::between(&observed, &desired);
    for done in 0..=plan.steps.len() {
        let directory = tempfile::tempdir().unwrap();
        let memory = Arc::new(memory(&observed));
        Journal::new(directory.path().to_owned()).write(&plan).unwrap();
        memory.apply(&plan.steps[..done]).await.unwrap();
        let engine = engine(memory.clone()).journal_in(directory.path().to_owned());
        assert_eq!(engine.interrupted().unwrap().unwrap().plan, plan);
        let (lock, interrupted) = engine.begin(LIMIT).await.unwrap();
        assert!(lock.is_some());
        assert_eq!(interrupted.unwrap().plan, plan);
        assert_eq!(Shown(memory.state()), Shown(observed.clone()), "after {done} steps");
        assert_eq!(engine.interrupted().unwrap(), None);
        drop(lock);
        assert!(engine.begin(LIMIT).await.unwrap().1.is_none());
    }
}

/// What cannot be taken back now stays in the journal, and is taken back when it can be.
#[tokio::test]
async fn taking_back_can_be_tried_again() {
    let (observed, desired) = there_and_here();
    let plan = Plan::between(&observed, &desired);
    let directory = tempfile::tempdir().unwrap();
    let memory = Arc::new(memory(&observed));
    let journal = Journal::new(directory.path().to_owned());
    journal.write(&plan).unwrap();
    memory.apply(&plan.steps).await.unwrap();
    let engine = engine(memory.clone()).journal_in(directory.path().to_owned());
    for failing in 0..4 {
        memory.fail(Failure::FromStep(failing));
        let error = engine.begin(LIMIT).await.unwrap_err();
        let EngineError::Mixed { cause, undo, left } = &error else { panic!("{error:?}") };
        assert!(cause.to_string().starts_with("cannot take back `"), "{cause}");
        assert!(!undo.is_empty() && !left.is_empty());
        assert_eq!(journal.read().unwrap().unwrap().plan, plan);
        assert!(!Lock::is_held(directory.path()), "a run that gave up holds no lock");
    }
    memory.fail(Failure::Never);
    engine.begin(LIMIT).await.unwrap();
    assert_eq!(Shown(memory.state()), Shown(observed));
}

/// In the meantime somebody else has made their own under the same name.
#[tokio::test]
async fn what_others_made_since_is_left_alone() {
    let theirs = Entry::owned(Resource::Netns(Netns::new(parse("ns1"))), &parse("lab-a"));
    let unmarked = Entry::unmarked(Resource::Netns(Netns::new(parse("ns2"))));
    let directory = tempfile::tempdir().unwrap();
    let plan = Plan { steps: ["ns1", "ns2", "ns3"].map(netns).map(Step::Create).into() };
    Journal::new(directory.path().to_owned()).write(&plan).unwrap();
    let memory = Arc::new(Memory::holding([theirs.clone(), unmarked.clone(), netns("ns3")].into_iter().collect()));
    let engine = engine(memory.clone()).journal_in(directory.path().to_owned());
    assert!(engine.begin(LIMIT).await.unwrap().1.is_some());
    assert_eq!(memory.state(), [theirs, unmarked].into_iter().collect());
}

#[tokio::test]
async fn a_second_run_waits_for_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let one = engine(Arc::new(Memory::default())).journal_in(directory.path().to_owned());
    let two = engine(Arc::new(Memory::default())).journal_in(directory.path().to_owned());
    let (lock, _) = one.begin(LIMIT).await.unwrap();
    assert!(Lock::is_held(directory.path()));

    let error = two.begin(MOMENT).await.unwrap_err();
    let EngineError::Lock(LockError::Held { pid, after }) = &error else { panic!("{error:?}") };
    assert_eq!((pid.as_deref(), *after), (Some(std::process::id().to_string().as_str()), MOMENT));
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");

    let second = two.begin(LIMIT);
    tokio::pin!(second);
    assert!(tokio::time::timeout(MOMENT, &mut second).await.is_err(), "it does not wait");
    drop(lock);
    assert!(second.await.unwrap().0.is_some());
}

/// The same journal, seen by a run that does not want to change anything while another one is under way.
#[tokio::test]
async fn a_run_under_way_is_not_taken_for_interrupted() {
    let directory = tempfile::tempdir().unwrap();
    let engine = engine(Arc::new(Memory::default())).journal_in(directory.path().to_owned());
    let (lock, _) = engine.begin(LIMIT).await.unwrap();
    Journal::new(directory.path().to_owned()).write(&Plan { steps: vec![Step::Create(netns("ns1"))] }).unwrap();
    assert_eq!(engine.interrupted().unwrap(), None);
    drop(lock);
    assert!(engine.interrupted().unwrap().is_some());
}

/// Twenty runs at once, each of which adds one namespace to what it finds: none is lost.
#[tokio::test(flavor = "current_thread")]
async fn runs_at_once_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::default());
    let run = |number: usize| {
        let engine = engine(memory.clone()).journal_in(directory.path().to_owned());
        async move {
            let (_lock, interrupted) = engine.begin(LIMIT).await.unwrap();
            assert!(interrupted.is_none());
            let observed = engine.observe(&Scope::All).await.unwrap();
            assert_eq!(observed.keys().filter(|key| matches!(key, Key::Netns { .. })).count(), observed.keys().count());
            let mut desired = observed.clone();
            desired.insert(netns(&format!("ns{number}")));
            tokio::task::yield_now().await;
            engine.apply(&Plan::between(&observed, &desired)).await.unwrap();
        }
    };
    let tasks: Vec<_> = (0..20).map(|number| tokio::spawn(run(number))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(memory.state().keys().count(), 20);
}
