//! The kernel says no, at every step: the run fails cleanly, and leaves the system as it was.

use std::time::Instant;

use crate::common::cli::Ran;
use crate::common::ovs::Ovs;
use crate::common::{require, sandbox};
use crate::story::{ADD_BR, ADD_PORT, ATTACH_NS, DEL_BR, DEL_NAMES, DEL_NS, DEL_PORT, Stage, Story, TAKE_OVER};

/// A system call and what it fails with: of memory, of files, of space, of the privilege.
const INJECTIONS: [(&str, &str); 10] = [
    ("sendto", "ENOBUFS"),
    ("socket", "EMFILE"),
    ("mount", "EPERM"),
    ("umount2", "EBUSY"),
    ("unshare", "ENOSPC"),
    ("setns", "EPERM"),
    ("clone3", "EAGAIN"),
    ("mkdir", "EROFS"),
    ("rename", "EIO"),
    ("unlink", "EIO"),
];

fn refused_at_every_step(story: &Story, ovs: Option<Ovs>) {
    let mut stage = Stage::new(story, ovs);
    let (begin, mut refusals, mut failures) = (Instant::now(), 0, 0);
    for (call, error) in INJECTIONS {
        for n in 1.. {
            let disturbed = stage.disturbed(None, call, &format!("error={error}:when={n}"));
            let Some(refused) = disturbed.refused else {
                let end = stage.at_the_end(call);
                stage.reset(&end, call);
                break;
            };
            refusals += 1;
            let ran = disturbed.ran.expect("nobody killed it");
            let context = format!("{} with number {n} refused: {refused}\n{}", story.verb, ran.stderr);
            if ran.code == 0 {
                let end = stage.at_the_end(&context);
                stage.reset(&end, &context);
            } else {
                failures += 1;
                failed_cleanly(&stage, &ran, &refused, &context);
            }
        }
    }
    println!("{}: {refusals} refusals, {failures} failures, in {:?}", story.verb, begin.elapsed());
    assert!(failures > 5, "{refusals} refusals, {failures} failures: is it strace that refuses?");
}

fn failed_cleanly(stage: &Stage, ran: &Ran, refused: &str, context: &str) {
    assert!(ran.stderr.starts_with("ovsns: "), "{context}");
    // The connection to the database is lost with the call: what is in the database, this run cannot take back.
    let cut_off = refused.contains("transact") && ran.stderr.contains("lost the connection");
    // The journal could not be removed. The next run finds nothing to take back, and removes it.
    let journal_stays = refused.contains("journal");
    assert_eq!(ran.code, if cut_off && ran.stderr.contains("still to do") { 4 } else { 1 }, "{context}");
    if ran.code == 4 || journal_stays {
        stage.play("gc --yes");
    }
    stage.at_the_start(context);
}

macro_rules! refused {
    ($($name:ident $story:ident;)+) => {
        mod ovs {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root, OpenVswitch);
                sandbox::run(|| async { refused_at_every_step(&$story, Some(Ovs::start())) });
            })+
        }
        mod linux {
            use super::*;
            $(#[test]
            fn $name() {
                require!(Root);
                sandbox::run(|| async { refused_at_every_step(&$story, None) });
            })+
        }
    };
}

refused! {
    add_br ADD_BR;
    add_port ADD_PORT;
    del_port DEL_PORT;
    del_br DEL_BR;
    del_ns DEL_NS;
    take_over TAKE_OVER;
}

#[test]
fn attach_ns() {
    require!(Root);
    sandbox::run(|| async { refused_at_every_step(&ATTACH_NS, None) });
}

#[test]
fn del_names() {
    require!(Root);
    sandbox::run(|| async { refused_at_every_step(&DEL_NAMES, None) });
}
