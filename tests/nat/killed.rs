//! `kill -9` at many steps, of ovsns and of the nft that it runs.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use super::host::{Host, state};

/// The last so many calls of a kind: before them a run only looks.
const LAST: usize = 30;

/// Runs a verb under strace, which kills whoever comes to its `n`th call of a kind. Returns how many of these the busiest thread
/// began.
fn run_until(host: &Host, verb: &str, call: &str, n: usize) -> usize {
    let words: Vec<&str> = verb.split(' ').collect();
    let ovsns = host.cli.command(&words);
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(log.path()).args(["-e", &format!("trace={call}"), "-e"]);
    strace.arg(format!("inject={call}:signal=KILL:when={n}")).arg(ovsns.get_program()).args(ovsns.get_args());
    for (name, value) in ovsns.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace.stdin(Stdio::null()).output().expect("strace starts: install it");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in std::fs::read_to_string(log.path()).unwrap().lines().filter(|line| line.contains(&format!(" {call}(")))
    {
        *counts.entry(line.split(' ').next().unwrap().to_owned()).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

pub fn killed_at_every_step(host: &Host) {
    // so that the verbs find something to change and to leave
    host.ok("publish 53:ns2:53 --udp");
    let start = state();
    let mut halfway = 0;
    for (verb, back, calls) in [
        ("nat br1 --may-exist", "del-nat br1 --if-exists", &["write", "sendto", "openat"][..]),
        (
            "publish 8080:ns1:80 8081:ns1:81 --may-exist",
            "unpublish 8080 8081 --if-exists",
            &["rename", "unlink", "sendmsg", "sendto", "openat"],
        ),
    ] {
        host.ok(verb);
        let end = state();
        host.ok(back);
        assert_eq!(state(), start, "the way back leads back");
        for call in calls {
            let all = run_until(host, verb, call, usize::from(u16::MAX));
            assert_eq!(state(), end, "nobody was killed");
            host.ok(back);
            for n in all.saturating_sub(LAST).max(1)..=all {
                let context = format!("{verb}: killed at {call} number {n}");
                run_until(host, verb, call, n);
                let mut now = state();
                if now != start && now != end {
                    halfway += 1;
                    host.ok("gc --yes");
                    now = state();
                    assert!(now == start || now == end, "{context}, then collected");
                    host.ok(verb);
                    now = state();
                    assert_eq!(now, end, "{context}, then run again");
                }
                if now == end {
                    host.ok(back);
                    assert_eq!(state(), start, "{context}, and back");
                }
            }
        }
    }
    println!("{halfway} halfway");
    assert!(halfway > 3, "{halfway} halfway: is it strace that kills?");
}
