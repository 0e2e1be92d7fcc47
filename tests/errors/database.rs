//! No database, or one that does not answer.

use crate::Host;
use crate::common::ovs::Ovs;
use crate::common::{cli::Cli, require, sandbox};

const START: &str = "ovsns ovs start";

#[test]
fn no_socket() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host::bare();
        let says =
            ["no Open vSwitch database answers", "/run/openvswitch/db.sock", "No such file", START, "--backend linux"];
        host.refuses(1, "add-br sw0 --backend ovs", &says);
        host.refuses(1, "list-br --backend ovs", &says);
        let says = ["there is no switch sw0", "no Linux bridge", "/run/openvswitch/db.sock", START];
        host.refuses(1, "add-port sw0 ns1", &says);
        host.refuses(1, "list-br --db unix:/no/such/socket", &["unix:/no/such/socket", "No such file", START]);
    });
}

#[test]
fn no_socket_where_the_environment_says() {
    require!(Root);
    sandbox::run(|| async {
        let host = Host { cli: Cli::new().env("OVS_RUNDIR", "/run/elsewhere"), ovs: None };
        host.refuses(1, "list-br --backend ovs", &["unix:/run/elsewhere/db.sock", START]);
        let host = Host { cli: Cli::new().env("OVSNS_DB", "unix:/run/other.sock"), ovs: None };
        host.refuses(1, "list-br", &["unix:/run/other.sock", START]);
    });
}

/// Where /var/run is no link to /run, both are tried, and both are named.
#[test]
fn every_socket_that_was_tried_is_named() {
    require!(Root);
    sandbox::run(|| async {
        let sockets = ["/run/one.sock", "/run/other.sock"].map(|path| format!("unix:{path}"));
        let says = [sockets[0].as_str(), sockets[1].as_str(), START];
        Host::bare().refuses(1, &format!("list-br --db {}", sockets.join(",")), &says);
    });
}

/// With no Open vSwitch a new switch is a Linux bridge, and it is said why.
#[test]
fn no_socket_where_any_switch_will_do() {
    require!(Root);
    sandbox::run(|| async {
        let ran = Cli::new().run(&["add-br", "br0"]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        for words in ["switch br0 is on the Linux bridge", "/run/openvswitch/db.sock"] {
            assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
        }
    });
}

#[test]
fn nobody_listens() {
    require!(Root);
    sandbox::run(|| async {
        let socket = std::os::unix::net::UnixListener::bind("/run/dead.sock").unwrap();
        drop(socket);
        Host::bare().refuses(
            1,
            "list-br --db unix:/run/dead.sock",
            &["unix:/run/dead.sock", "Connection refused", START],
        );
    });
}

#[test]
fn what_is_no_address() {
    require!(Root);
    sandbox::run(|| async {
        for address in ["nonsense", "unix:", "tcp:host:0x1", "udp:host:1", "tcp:[::1:6640"] {
            Host::bare().refuses(2, &format!("list-br --db {address}"), &[address, "names no OVSDB server"]);
        }
    });
}

/// It accepts connections, and answers nothing.
#[test]
fn a_server_that_is_stopped() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let mut host = Host::with_ovs();
        host.ok("add-br sw0\nadd-port sw0 ns1");
        let before = host.world();
        host.ovs().stop_server();
        for command in ["add-port sw0 ns2", "del-port sw0 ns1", "add-br sw1", "del-br sw0", "del-ns ns1", "list-br"] {
            let arguments: Vec<&str> = ["--timeout", "0.5"].into_iter().chain(command.split(' ')).collect();
            let says = host.cli.fails(5, &arguments);
            for words in ["no answer from the database within 0.5 s", "db.sock", "--timeout"] {
                assert!(says.contains(words), "{command}: {words}: {says}");
            }
        }
        host.ovs().continue_server();
        host.world().assert_is(&before, "with a stopped database something changed");
    });
}

/// Not a database of Open vSwitch at all, but some other program that listens.
#[test]
fn a_server_that_speaks_something_else() {
    require!(Root);
    sandbox::run(|| async {
        let listener = std::os::unix::net::UnixListener::bind("/run/other.sock").unwrap();
        std::thread::spawn(move || {
            use std::io::Write;
            while let Ok((mut peer, _)) = listener.accept() {
                // the peer may have gone
                let _ = peer.write_all(b"220 mail.example ESMTP\r\n");
            }
        });
        Host::bare().refuses(1, "list-br --db unix:/run/other.sock", &["unix:/run/other.sock"]);
    });
}

/// A server whose only database is another one.
#[test]
fn a_database_that_is_not_open_vswitchs() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let ovs = Ovs::database_only();
        // the table is empty: nobody has run `ovs-vsctl init`
        let transaction = r#"["Open_vSwitch",{"op":"delete","table":"Open_vSwitch","where":[]}]"#;
        let remote = ovs.remote();
        let done = ovs.command("ovsdb-client").args(["transact", &remote, transaction]).output().unwrap();
        assert!(done.status.success());
        let host = Host { cli: Cli::with(&ovs), ovs: Some(ovs) };
        host.refuses(1, "add-br sw0 --datapath netdev", &["sw0", "never initialised", "ovs-vsctl init"]);
    });
}

/// A server of a version before a column that we read.
#[test]
fn a_server_that_is_too_old() {
    require!(Root, OpenVswitch);
    sandbox::run(|| async {
        let ovs = Ovs::database_of(|schema| {
            schema["version"] = "7.14.0".into();
            schema["tables"]["Port"]["columns"].as_object_mut().unwrap().remove("cvlans").unwrap();
        });
        ovs.vsctl(&["--no-wait", "set", "Open_vSwitch", ".", "ovs_version=2.7.3"]);
        let host = Host { cli: Cli::with(&ovs), ovs: Some(ovs) };
        let says = ["2.7.3", "7.14.0", "column cvlans of table Port", "came with Open vSwitch 2.8"];
        host.refuses(1, "show --backend ovs", &says);
    });
}
