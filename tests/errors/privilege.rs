//! Without the privileges.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::common::cli::Ran;
use crate::common::{require, sandbox};
use crate::{Host, assert_refused, sh};

const WITHOUT_NET_ADMIN: [&str; 2] = ["--bounding-set=-net_admin", "--inh-caps=-net_admin"];
const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// Runs ovsns by way of setpriv(1), from a place where everybody may read it.
fn run(setpriv: &[&str], ovs: Option<&std::path::Path>, command: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("ovsns");
    // by a process of its own: a child of another test would keep the copy open for writing, and nobody could run it
    sh(&format!("cp {} {}", env!("CARGO_BIN_EXE_ovsns"), program.display()));
    let mut run = Command::new("setpriv");
    run.args(setpriv).arg(program).args(command.split_whitespace()).env_clear().stdin(Stdio::null());
    if let Some(run_dir) = ovs {
        run.env("OVS_RUNDIR", run_dir);
    }
    let output = run.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code().unwrap() }
}

#[test]
fn a_user_is_told_the_capabilities() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux\nadd-port br0 ns1");
        let before = host.world();
        for verb in
            ["add-br br1", "del-br br0", "add-port br0 ns2", "del-port br0 ns1", "add-ns ns2", "del-ns ns1", "gc --yes"]
        {
            let ran = run(&NOBODY, None, verb);
            assert_refused(&ran, 1, verb, &["not permitted", "CAP_NET_ADMIN and CAP_SYS_ADMIN", "run it as root"]);
        }
        let ran = run(&NOBODY, None, "list-published");
        assert_refused(&ran, 1, "list-published", &["cannot read the ruleset of nftables", "run it as root"]);
        let ran = run(&NOBODY, None, "exec ns1 -- true");
        assert_refused(&ran, 1, "exec", &["ns1", "CAP_SYS_ADMIN", "run it as root"]);
        host.world().assert_is(&before, "a user has changed something");
    });
}

/// What there is on the host itself everybody may see.
#[test]
fn a_user_sees_the_switches() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        for verb in ["show", "list-br"] {
            let ran = run(&NOBODY, None, verb);
            assert!(ran.code == 0 && ran.stdout.contains("br0"), "{verb}: {ran:?}");
        }
    });
}

#[test]
fn the_one_that_is_missing_is_named() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        let before = host.world();
        let ran = run(&WITHOUT_NET_ADMIN, None, "add-br br1");
        assert_refused(&ran, 1, "add-br", &["this takes CAP_NET_ADMIN\n", "run it as root"]);
        host.world().assert_is(&before, "without CAP_NET_ADMIN something changed");
    });
}

#[test]
fn a_user_cannot_open_the_database() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let host = Host::with_ovs();
        let run_dir = host.ovs.as_ref().unwrap().run_dir();
        let before = host.world();
        for verb in ["add-br br1", "list-br"] {
            let ran = run(&NOBODY, Some(run_dir), verb);
            assert_refused(&ran, 1, verb, &["db.sock", "Permission denied", "run it as root"]);
        }
        host.world().assert_is(&before, "a user has changed something");
    });
}

/// The directory of the lock and the journal cannot be made.
#[test]
fn no_place_for_the_journal() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        std::fs::write("/run/ovsns", "a file").unwrap();
        host.refuses(1, "add-ns ns1", &["/run/ovsns"]);
    });
}
