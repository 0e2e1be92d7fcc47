//! A teardown goes as far as it can: what fails does not keep the rest, and what is left is told.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;
mod parts;
mod states;

use std::process::{Command, Stdio};
use std::sync::Arc;

use common::cli::Cli;
use common::{require, sandbox, tool};
use ovsns::backend::memory::Failure;
use ovsns::backend::{ApplyError, BackendError, Fault, Stage};
use ovsns::model::{Kind, State};
use ovsns::plan::{Plan, Step};
use parts::{LIMIT, OneByOne, Part, all, block_on, engine, netns};
use proptest::prelude::*;
use states::{memory, state};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_goes_where_nothing_fails(there in state()) {
        let memory = Arc::new(memory(&there));
        let plan = Plan::between(&there, &State::default());
        let remains = block_on(engine(memory.clone()).tear_down(&plan)).unwrap();
        prop_assert_eq!(remains.left.to_string(), "");
        prop_assert!(memory.state().is_empty());
    }

    #[test]
    fn what_is_left_is_told(there in state(), seed in any::<u64>(), probability in 0.0f64..1.0) {
        let memory = Arc::new(memory(&there));
        memory.fail(Failure::Random { probability, seed });
        let plan = Plan::between(&there, &State::default());
        let remains = block_on(engine(memory.clone()).tear_down(&plan)).unwrap();
        let left = memory.state();
        // the state of a device is nobody's to take away
        let counts = |kind: Kind| !matches!(kind, Kind::Device | Kind::Sysctl);
        let keys: Vec<_> = left.keys().filter(|key| counts(key.kind())).cloned().collect();
        prop_assert_eq!(remains.left.keys(), keys);
        prop_assert!(remains.left.is_empty() || !remains.errors.is_empty());
        memory.fail(Failure::Never);
        let remains = block_on(engine(memory.clone()).tear_down(&plan)).unwrap();
        prop_assert!(remains.left.is_empty() && memory.state().is_empty(), "{:?}", remains.errors);
    }
}

#[tokio::test]
async fn what_is_gone_already_is_no_failure() {
    let there: State = ["ns1", "ns2"].map(netns).into_iter().collect();
    let plan = Plan::between(&there, &State::default());
    let memory = Arc::new(memory(&State::default()));
    let remains = engine(memory).tear_down(&plan).await.unwrap();
    assert!(remains.left.is_empty() && remains.errors.is_empty());
}

/// Neither is it asked again for each step that is left, nor waited for longer than it takes to hear of it twice.
#[tokio::test]
async fn a_system_that_does_not_answer_is_not_asked_for_each() {
    let there: State = ["ns1", "ns2", "ns3"].map(netns).into_iter().collect();
    let plan = Plan::between(&there, &State::default());
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let silent = Part {
        memory: Arc::new(memory(&there)),
        claims: all,
        apply: move |_: &[Step]| {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let error = BackendError::refused("- netns", "nobody answers");
            Err(ApplyError::after(0, error.fault(Fault::Deadline(Stage::Database, LIMIT))))
        },
    };
    let remains = engine(Arc::new(OneByOne(silent))).tear_down(&plan).await.unwrap();
    assert_eq!((remains.left.steps.len(), asked.load(std::sync::atomic::Ordering::Relaxed)), (3, 2));
    assert_eq!(remains.errors, ["- netns: nobody answers"]);
}

#[tokio::test]
async fn a_signal_ends_it() {
    let there: State = ["ns1"].map(netns).into_iter().collect();
    let engine = engine(Arc::new(memory(&there)));
    engine.stop().request();
    let remains = engine.tear_down(&Plan::between(&there, &State::default())).await.unwrap();
    // it may have been done before the signal was looked at
    assert!(remains.left.is_empty() || remains.errors == ["interrupted"]);
}

/// The kernel refuses to take one name away, for as long as the run lasts.
#[test]
fn a_name_that_stays_does_not_keep_the_rest() {
    require!(Root);
    sandbox::run_blocking(|| {
        let cli = Cli::new();
        cli.ok(&["add-br", "br0", "--backend", "linux"]);
        for netns in ["ns1", "ns2", "ns3"] {
            cli.ok(&["add-port", "br0", netns]);
        }
        let ovsns = cli.command(&["teardown"]);
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-P", "/run/netns/ns2", "-e", "trace=umount2"]);
        strace.args(["-e", "inject=umount2:error=EBUSY"]).arg(ovsns.get_program()).args(ovsns.get_args());
        let output = strace.stdin(Stdio::null()).output().expect("strace starts: install it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(
            said,
            "ovsns: not everything could be taken away: 1 of 10 steps are left\n\
             cannot delete netns ns2: cannot unmount /run/netns/ns2: Device or resource busy (os error 16)\n\
             these are still to do:\n  - netns ns2\n\
             hint: mend what stands in the way, and run it again\n"
        );
        assert_eq!(cli.ok(&["list-ns"]), "ns2\n");
        assert_eq!(tool::run("ip -o link").lines().count(), 1, "lo alone");
        cli.ok(&["teardown"]);
        assert_eq!(cli.ok(&["list-ns"]), "");
    });
}
