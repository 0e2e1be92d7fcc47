//! `kill -9` at every step.

use std::time::Instant;

use crate::common::ovs::Ovs;
use crate::common::world::World;
use crate::common::{require, sandbox};
use crate::story::{
    ADD_BR, ADD_NS, ADD_PORT, ATTACH_NS, DEL_BR, DEL_NAMES, DEL_NS, DEL_PORT, SET_DOWN, Stage, Story, TAKE_OVER,
};

/// The system calls by which a run changes something, or has something changed.
const CALLS: [&str; 9] = ["mkdir", "write", "rename", "unlink", "unshare", "setns", "mount", "umount2", "sendto"];

/// Each kill that leaves a half is taken back by `gc --yes`, and once more by the same verb, which leads to the end.
fn killed_at_every_step(story: &Story, ovs: Option<Ovs>) {
    let mut stage = Stage::new(story, ovs);
    let (begin, mut kills, mut halfway) = (Instant::now(), 0, 0);
    for call in CALLS {
        for n in 1.. {
            let injection = format!("signal=KILL:when={n}");
            let context = format!("{} killed at {call} number {n}", story.verb);
            if let Some(ran) = stage.disturbed(None, call, &injection).ran {
                assert_eq!(ran.code, 0, "{context}: {ran:#?}");
                let end = stage.at_the_end(&context);
                stage.reset(&end, &context);
                break;
            }
            kills += 1;
            let killed = stage.world();
            if stage.is_all_or_nothing(&killed) {
                stage.reset(&killed, &context);
                continue;
            }
            halfway += 1;
            let world = collected(&stage, &context);
            stage.reset(&world, &context);
            // it may come to fewer calls than the run before, and then to its end: that is what a second run is to lead to
            stage.disturbed(None, call, &injection);
            stage.again();
            let end = stage.at_the_end(&format!("{context}, then run again"));
            stage.reset(&end, &context);
        }
    }
    println!("{}: killed {kills} times, {halfway} of them halfway, in {:?}", story.verb, begin.elapsed());
    assert!(kills > 10 && halfway > 0, "{kills} kills, {halfway} of them halfway: is it strace that kills?");
}

/// What there is after `gc --yes`: all or nothing.
fn collected(stage: &Stage, context: &str) -> World {
    stage.play("gc --yes");
    let world = stage.world();
    let difference = world.without_numbers().differs_from(&stage.start.without_numbers());
    assert!(stage.is_all_or_nothing(&world), "{context}, gc: neither all nor nothing\n{difference}");
    world
}

/// The number of the first `sendto` of adding a port at which the row of the port is there.
fn with_the_row(stage: &Stage) -> u32 {
    for n in 1.. {
        kill_at(stage, n);
        let row = stage.world().has("row Port veth-ns1");
        stage.play("gc --yes");
        if row {
            return n;
        }
    }
    unreachable!("a run that is not killed ends the test");
}

fn kill_at(stage: &Stage, n: u32) {
    let ran = stage.disturbed(None, "sendto", &format!("signal=KILL:when={n}")).ran;
    assert!(ran.is_none(), "the run came to its end: {ran:#?}");
}

/// Whoever takes back a run that was killed can be killed too.
#[test]
fn taking_back() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let stage = Stage::new(&ADD_PORT, Some(Ovs::start()));
        let last = with_the_row(&stage);
        for call in ["unlink", "umount2", "sendto"] {
            for n in 1.. {
                let context = format!("gc killed at {call} number {n}");
                kill_at(&stage, last);
                let ran = stage.disturbed(Some("gc --yes"), call, &format!("signal=KILL:when={n}")).ran;
                stage.play("gc --yes");
                stage.at_the_start(&context);
                if let Some(ran) = ran {
                    assert_eq!(ran.code, 0, "{context}: {ran:#?}");
                    break;
                }
            }
        }
    });
}

/// A run without Open vSwitch cannot see what one with it left behind: it must not forget it.
#[test]
fn what_cannot_be_seen_is_not_forgotten() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let stage = Stage::new(&ADD_PORT, Some(Ovs::start()));
        kill_at(&stage, with_the_row(&stage));
        let killed = stage.world();
        let says = stage.cli.fails(1, &["add-ns", "ns2", "--backend", "linux"]);
        for words in ["cannot take back `", "add-port sw0 ns1", "which was interrupted", "backend ovs"] {
            assert!(says.contains(words), "{words}: {says}");
        }
        stage.world().assert_is(&killed, "a run that could not begin has changed something");
        let ran = stage.cli.run(&["add-ns", "ns2"]);
        assert!(ran.code == 0 && ran.stderr.contains("took back what `"), "{ran:#?}");
        stage.play("del-ns ns2");
        stage.at_the_start("taken back");
    });
}

/// Reading changes nothing, and takes nothing back. `gc` alone lists what it would do.
#[test]
fn who_only_looks_leaves_it() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let stage = Stage::new(&ADD_PORT, Some(Ovs::start()));
        kill_at(&stage, with_the_row(&stage));
        let killed = stage.world();
        stage.play("list-br\nlist-ns\nlist-ports sw0\nadd-port sw0 ns5 --dry-run\nexec ns0 -- true");
        let list = stage.cli.ok(&["gc"]);
        for words in ["was interrupted", "- port veth-ns1 on sw0", "- link veth-ns1", "- netns ns1", "ovsns gc --yes"] {
            assert!(list.contains(words), "{words}: {list}");
        }
        stage.world().assert_is(&killed, "looking has changed something");
        stage.play("gc --yes");
    });
}

macro_rules! killed {
    ($($name:ident $story:ident;)+) => {
        mod ovs {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root, OpenVswitch);
                sandbox::run(|| async { killed_at_every_step(&$story, Some(Ovs::start())) });
            })+
        }
        mod linux {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root);
                sandbox::run(|| async { killed_at_every_step(&$story, None) });
            })+
        }
    };
}

killed! {
    add_br ADD_BR;
    add_port ADD_PORT;
    del_port DEL_PORT;
    del_br DEL_BR;
    del_ns DEL_NS;
    take_over TAKE_OVER;
}

#[test]
fn add_ns() {
    require!(Root);
    sandbox::run(|| async { killed_at_every_step(&ADD_NS, None) });
}

#[test]
fn set_down() {
    require!(Root);
    sandbox::run(|| async { killed_at_every_step(&SET_DOWN, None) });
}

#[test]
fn attach_ns() {
    require!(Root);
    sandbox::run(|| async { killed_at_every_step(&ATTACH_NS, None) });
}

#[test]
fn del_names() {
    require!(Root);
    sandbox::run(|| async { killed_at_every_step(&DEL_NAMES, None) });
}
