//! Names that cannot be.

use crate::Host;
use crate::common::{require, sandbox};

const BAD: [(&str, &str); 4] = [
    ("sixteen-bytes-xx", "is 16 bytes long; at most 15 are allowed"),
    ("a/b", "holds '/'"),
    (".", "`.` is reserved"),
    ("..", "`..` is reserved"),
];

#[test]
fn of_switches_and_devices() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        for (name, why) in BAD {
            host.refuses(2, &format!("add-br {name}"), &["switch name", name, why]);
            host.refuses(2, &format!("del-br {name}"), &["switch name", name, why]);
            host.refuses(2, &format!("add-port {name} ns1"), &["switch name", name, why]);
            host.refuses(2, &format!("add-port br0 ns1 --name {name}"), &["device name", name, why]);
            host.refuses(2, &format!("add-port br0 ns1 --host-name {name}"), &["device name", name, why]);
            host.refuses(2, &format!("add-port br0 dev:{name}"), &["device name", name, why]);
        }
        host.refuses(2, "add-br ovs-netdev", &["`ovs-netdev`", "is kept by Open vSwitch"]);
    });
}

#[test]
fn of_namespaces() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        let long = "n".repeat(256);
        let bad = [
            (long.as_str(), "is 256 bytes long; at most 255 are allowed"),
            ("a/b", "holds '/'"),
            (".", "reserved"),
            ("..", "reserved"),
        ];
        for (name, why) in bad {
            for verb in ["add-ns", "del-ns", "add-port br0", "del-port br0", "exec --"] {
                let command = format!("{verb} {name}").replace("exec -- ", "exec ")
                    + if verb == "exec --" { " true" } else { "" };
                host.refuses(2, &command, &["namespace name", name, why]);
            }
        }
        host.refuses(2, "add-ns host", &["`host` stands for the host's own namespace"]);
        host.refuses(2, "add-port br0 host", &["the host", "ovsns add-br SWITCH --may-exist --ip"]);
    });
}

#[test]
fn that_are_empty() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux");
        let before = host.world();
        let empty: [&[&str]; 7] = [
            &["add-br", ""],
            &["add-ns", ""],
            &["add-port", "", "ns1"],
            &["add-port", "br0", ""],
            &["add-port", "br0", "dev:"],
            &["add-port", "br0", "ns1", "--name", ""],
            &["del-port", "br0", ""],
        ];
        for arguments in empty {
            let ran = host.cli.run(arguments);
            crate::assert_refused(&ran, 2, &arguments.join(" "), &["name `` is empty"]);
        }
        host.world().assert_is(&before, "an empty name changed something");
    });
}

/// Device names end at 15 bytes, namespace names do not: the port's are cut.
#[test]
fn that_are_long_and_allowed() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        host.ok("add-br br0 --backend linux\nadd-port br0 a-namespace-of-a-long-name");
        let ports = host.cli.ok(&["list-ports", "br0"]);
        assert_eq!(ports.trim().len(), 15, "{ports}");
        host.ok("del-port br0 a-namespace-of-a-long-name\ndel-ns a-namespace-of-a-long-name");
    });
}
