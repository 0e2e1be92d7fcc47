//! `--json`: one document on standard output, also of a failure.

use serde_json::Value;

use crate::Host;
use crate::common::cli::Ran;
use crate::common::{require, sandbox};

/// The document's `error`, after having looked that it says what the exit code and standard error say.
fn error(ran: &Ran) -> Value {
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:#?}"));
    let error = document["error"].clone();
    assert_eq!(error["exit_status"], ran.code, "{ran:#?}");
    assert!(ran.stderr.contains(error["what"].as_str().unwrap()), "{ran:#?}");
    error
}

#[test]
fn of_a_failure() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        let ran = host.cli.run(&["--json", "del-ns", "ns1"]);
        let error = error(&ran);
        assert_eq!(ran.code, 1);
        assert_eq!(error["what"], "there is no namespace ns1");
        assert_eq!(error["hint"], "ovsns list-ns lists the namespaces");
    });
}

#[test]
fn of_bad_usage() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        for arguments in
            [&["add-br", "a/b", "--json"][..], &["--json", "add-port", "br0", "a/b"], &["--json", "frobnicate"]]
        {
            let ran = host.cli.run(arguments);
            assert_eq!(ran.code, 2, "{ran:#?}");
            error(&ran);
        }
        let ran = host.cli.run(&["--json", "--help"]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("Usage:"), "{ran:#?}");
    });
}

#[test]
fn of_a_deadline_and_of_a_cause() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0");
        host.ovs().stop_vswitchd();
        let ran = host.cli.run(&["--json", "--timeout", "0.5", "add-port", "sw0", "ns1"]);
        assert_eq!(ran.code, 5);
        let error = error(&ran);
        assert_eq!(error["what"], "cannot add port veth-ns1 on switch sw0");
        assert_eq!(error["causes"], serde_json::json!(["no answer from the vswitchd within 0.5 s"]));
        host.ovs().continue_vswitchd();
    });
}
