//! `kill -9` in the middle. strace(1) kills a child at its n-th system call of a kind, for every n that it comes to: what
//! the child was making is there with its mark, or not at all.

use std::process::Command;

use ovsns::netlink::{Netlink, NetnsDir, Status, link};

use crate::common::sandbox;

/// The mark of what verbs make.
const MARK: &str = "ovsns-owner=-";

/// Runs ovsns with `arguments`, to be killed at its `n`-th `call`; false: it never came to that. What it would take back at its
/// next run is forgotten, so that each run begins alike.
fn killed_at(arguments: &[&str], call: &str, n: u32) -> bool {
    let _ = std::fs::remove_dir_all("/run/ovsns");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={call}"))
        .args(["-e", &format!("inject={call}:signal=KILL:when={n}")])
        .arg(env!("CARGO_BIN_EXE_ovsns"))
        .args(arguments)
        .output()
        .expect("strace starts: install it");
    let killed = !output.status.success();
    assert!(killed || output.stdout.starts_with(b"+ "), "{output:?}");
    killed
}

#[test]
fn a_link_is_marked_or_missing() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let mut seen = 0;
        for n in 1.. {
            let killed = killed_at(&["add-br", "br1", "--backend", "linux"], "sendto", n);
            if let Some(link) = host.link("br1").expect("an answer") {
                assert_eq!(link.alias.as_deref(), Some(MARK), "killed at the sendto number {n}");
                host.request(link::delete("br1")).expect("deleted");
                seen += 1;
            }
            if !killed {
                assert!(n > 1 && seen > 0, "{n} {seen}");
                return;
            }
        }
    });
}

#[test]
fn a_netns_is_marked_or_missing_or_a_stale_file() {
    sandbox::run(|| async {
        let dir = NetnsDir::default();
        for call in ["unshare", "sendto", "openat", "mount"] {
            for n in 1.. {
                let killed = killed_at(&["add-ns", "ns1", "--backend", "linux"], call, n);
                if dir.status("ns1").expect("a status") == Status::Live {
                    let mut inside = Netlink::open(&dir.open("ns1").expect("ns1")).expect("inside");
                    let lo = inside.link("lo").expect("an answer").expect("lo");
                    assert_eq!((lo.alias.as_deref(), lo.up), (Some(MARK), true), "killed at the {call} number {n}");
                }
                dir.delete("ns1").expect("whatever it is, it can be deleted");
                if !killed {
                    assert!(n > 1, "{call}");
                    break;
                }
            }
        }
    });
}
