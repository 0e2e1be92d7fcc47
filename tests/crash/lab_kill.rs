//! `kill -9` at every step of what is done with a lab.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use crate::common::ovs::Ovs;
use crate::common::{require, sandbox};
use crate::labs::{At, Found, LabStage};

/// The system calls by which a run, or the `nft` that it has started, changes something.
const CALLS: [&str; 13] = [
    "mkdir", "write", "rename", "unlink", "unlinkat", "unshare", "setns", "mount", "umount2", "sendto", "sendmsg",
    "clone3", "execve",
];

/// At so many points of the calls of each kind it is killed, unless `OVSNS_TEST_ALL=1`: those of `sendto` are most of the steps.
fn taken(call: &str) -> u32 {
    if call == "sendto" { 4 } else { 1 }
}

/// What is done with the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    FirstApply,
    Change,
    Destroy,
    Rollback,
}

/// What comes after the kill.
const NEXT: [&str; 3] = ["apply", "rollback", "destroy"];

impl Story {
    /// From where to where it leads.
    fn way(self) -> (At, At) {
        match self {
            Story::FirstApply => (At::Nothing, At::First),
            Story::Change => (At::First, At::Second),
            Story::Destroy => (At::Second, At::Nothing),
            Story::Rollback => (At::Second, At::First),
        }
    }

    /// Where it starts from is made of this.
    fn before(self) -> At {
        if self.way().0 == At::Second { At::First } else { At::Nothing }
    }

    fn command(self, stage: &LabStage) -> String {
        match self {
            Story::Rollback => "rollback --lab campus".to_owned(),
            _ => stage.apply(self.way().1),
        }
    }

    /// The lab that is applied after it.
    fn file(self) -> At {
        if self == Story::FirstApply { At::First } else { At::Second }
    }
}

fn killed_at_every_step(story: Story, ovs: Option<Ovs>) {
    let begin = Instant::now();
    let mut stage = LabStage::new(ovs);
    stage.go_to(story.before());
    stage.go_to(story.way().0);
    let counts = stage.traced(&story.command(&stage), &CALLS);
    stage.is_at(story.way().1, "traced");
    let all = std::env::var_os("OVSNS_TEST_ALL").is_some_and(|v| v == "1");
    let seed = RandomState::new().hash_one(0) as u32;
    let points = counts.iter().flat_map(|(call, most)| {
        let distance = if all { 1 } else { most.div_ceil(taken(call)).max(1) };
        (1 + seed % distance..=*most).step_by(distance as usize).map(|n| (*call, n))
    });
    let points: Vec<(&str, u32)> = points.collect();
    println!("{story:?}: of {counts:?} at {} points from {seed}", points.len());
    let (mut kills, mut found) = (0, 0);
    for (call, n) in &points {
        stage.go_to(story.way().0);
        let context = format!("{story:?} killed at {call} number {n}");
        let disturbed = stage.disturbed(&story.command(&stage), call, &format!("signal=KILL:when={n}"));
        let Some(ran) = disturbed.ran else {
            kills += 1;
            found += usize::from(next(&mut stage, story, NEXT[kills % 3], &context));
            continue;
        };
        // It was another process that was killed, or the call was not made as often as before.
        match (ran.code, story) {
            (0, _) => stage.is_at(story.way().1, &context),
            (1, Story::Destroy) => drop(next(&mut stage, story, "destroy", &context)),
            _ => {
                assert_eq!(ran.code, 1, "{context}: {ran:#?}");
                stage.is_at(story.way().0, &format!("{context}: {}", ran.stderr));
            }
        }
    }
    println!("{story:?}: killed {kills} times, {found} of them halfway, in {:?}", begin.elapsed());
    assert!(kills > 3 && found > 0, "{kills} kills, {found} halfway: is it strace that kills?");
}

/// The next command says what it finds, and reaches its end. Whether there was something to find.
fn next(stage: &mut LabStage, story: Story, next: &str, context: &str) -> bool {
    let found = stage.found();
    let command = match next {
        "apply" => stage.apply(story.file()),
        verb => format!("{verb} --lab campus"),
    };
    let ran = stage.run(&command);
    let context = format!("{context}; {found:?} found by {next}: {ran:#?}");
    let words: &[&str] = match found {
        Found::Nothing => &[],
        Found::Journal => &["was interrupted", "took back what `"],
        Found::Destruction => &["did not end well"],
    };
    words.iter().for_each(|words| assert!(ran.stderr.contains(words), "{words}: {context}"));
    match (next, ran.code) {
        ("apply", 0) => {
            let taken_back = story == Story::Rollback && found == Found::Journal;
            assert!(!taken_back || ran.stdout == "nothing to do\n", "what was taken back is not whole: {context}");
            stage.is_at(story.file(), &context);
            // so that the last apply is the same each time
            stage.go_to(story.before());
        }
        ("destroy", 0) => stage.is_at(At::Nothing, &context),
        ("rollback", _) => rolled_back(stage, story, found == Found::Journal, ran.code, &context),
        _ => panic!("{context}"),
    }
    found != Found::Nothing
}

/// After a rollback that found an interrupted run, or did not.
fn rolled_back(stage: &mut LabStage, story: Story, interrupted: bool, code: i32, context: &str) {
    let nothing = code == 1 && context.contains("there is no apply of lab campus to go back from");
    assert!(code == 0 || nothing, "{context}");
    match (story, interrupted) {
        (Story::FirstApply, _) => stage.is_at(At::Nothing, context),
        (Story::Change, true) | (Story::Rollback, _) => stage.is_at(At::First, context),
        // It had not begun, and so the apply before it was taken back; or it had ended.
        (Story::Change, false) => stage.is_somewhere(context),
        // What is destroyed in part has no way back.
        (Story::Destroy, _) if nothing => {
            let destroy = stage.run("destroy --lab campus");
            assert_eq!(destroy.code, 0, "{context}: {destroy:#?}");
            stage.is_at(At::Nothing, context);
        }
        (Story::Destroy, _) => stage.is_at(At::First, context),
    }
}

macro_rules! killed {
    ($($name:ident $story:ident;)+) => {
        mod ovs {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root, OpenVswitch, Tbf, NftNat);
                sandbox::run(|| async { killed_at_every_step(Story::$story, Some(Ovs::start())) });
            })+
        }
        mod linux {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root, Tbf, NftNat);
                sandbox::run(|| async { killed_at_every_step(Story::$story, None) });
            })+
        }
    };
}

killed! {
    first_apply FirstApply;
    change Change;
    destroy Destroy;
    rollback Rollback;
}
