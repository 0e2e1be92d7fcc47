//! `kill -9` in the middle. strace(1) kills a child at its n-th system call of a kind, for every n that it comes to: what
//! the child was making is there with its mark, or not at all.

use std::process::{Command, Output};

use ovsns::netlink::{Netlink, NetnsDir, Status, link};

use crate::common::sandbox;
use crate::pair;

const MARK: &str = "ovsns:crash";
/// Set for the children, which run in the sandbox of a test and must run nowhere else.
const IN_SANDBOX: &str = "OVSNS_TEST_IN_SANDBOX";

/// Runs one of the ignored tests below in a child that is killed at its `n`-th `call`; false: it never came to that.
fn killed_at(child: &str, call: &str, n: u32) -> bool {
    let inject = format!("inject={call}:signal=KILL:when={n}");
    let output: Output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={call}"))
        .args(["-e", &inject])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--ignored", "--exact", "--test-threads=1", child])
        .env(IN_SANDBOX, "1")
        .output()
        .expect("strace starts: install it");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let killed = !output.status.success();
    assert!(killed || String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{stderr}");
    killed
}

#[test]
#[ignore = "the child of the tests below"]
fn child_makes_a_link() {
    assert!(std::env::var_os(IN_SANDBOX).is_some(), "started by the tests below alone");
    let marked = link::Veth { alias: Some(MARK.into()), ..pair("a", "b") };
    Netlink::host().expect("host").request(link::add_veth(marked)).expect("a pair");
}

#[test]
#[ignore = "the child of the tests below"]
fn child_makes_a_netns() {
    assert!(std::env::var_os(IN_SANDBOX).is_some(), "started by the tests below alone");
    let mark = |inside: &mut Netlink| inside.request(link::set("lo").up().alias(MARK).request());
    NetnsDir::default().create("ns1", mark).expect("ns1");
}

#[test]
fn a_link_is_marked_or_missing() {
    sandbox::run(|| async {
        let mut host = Netlink::host().expect("host");
        let mut seen = 0;
        for n in 1.. {
            let killed = killed_at("crash::child_makes_a_link", "sendto", n);
            if let Some(link) = host.link("a").expect("an answer") {
                assert_eq!(link.alias.as_deref(), Some(MARK), "killed at the sendto number {n}");
                host.request(link::delete("a")).expect("deleted");
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
                let killed = killed_at("crash::child_makes_a_netns", call, n);
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
