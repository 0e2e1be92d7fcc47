//! Against a running ovs-vswitchd, and what happens when time is over or somebody else is at work.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{Directory, Server, Vswitchd, run, wait_for};
use crate::pair::{Pair, normal, ours, status, theirs};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A change is in effect when the command returns, and the number that both count by has gone up.
#[test]
fn it_waits_for_vswitchd() {
    let server = Server::start();
    let _vswitchd = Vswitchd::start(&server);
    let output =
        ours(&server).args(["-t20", "add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"]).output();
    let output = output.unwrap();
    assert_eq!(
        (text(&output.stdout), text(&output.stderr), output.status.code()),
        (String::new(), String::new(), Some(0))
    );
    assert_eq!(server.vsctl(&["get", "Interface", "br0", "ofport"]), "65534");
    let numbers = server.vsctl(&["get", "Open_vSwitch", ".", "next_cfg", "cur_cfg"]);
    let (next, current) = numbers.split_once('\n').unwrap();
    assert_eq!(next, current);
    // Nothing changes, and nothing is waited for.
    let output = ours(&server).args(["-t20", "--may-exist", "add-br", "br0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(server.vsctl(&["get", "Open_vSwitch", ".", "next_cfg"]), next);
}

/// What the real one says where an interface could not be set up; ours ends with 65, as newer versions do.
#[test]
fn an_interface_that_cannot_be_set_up_is_told() {
    let server = Server::start();
    let _vswitchd = Vswitchd::start(&server);
    server.vsctl(&["add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev"]);
    let add = |port| ["-t20", "add-port", "br0", port];
    let theirs = theirs(&server).args(add("none1")).output().unwrap();
    let ours = ours(&server).args(add("none2")).output().unwrap();
    assert_eq!(theirs.status.code(), Some(0));
    assert_eq!(normal(&ours.stderr), normal(&theirs.stderr).replace("none1", "none2"));
    assert!(text(&ours.stderr).contains("No such device"), "{ours:?}");
    assert_eq!(ours.status.code(), Some(65));
}

/// The end of the time is a signal, as it is of the real one.
#[test]
fn time_is_over() {
    let pair = Pair::new();
    let arguments = ["--no-wait", "-t1", "wait-until", "bridge", "br0"];
    let their_output = theirs(&pair.theirs).args(arguments).output().unwrap();
    let our_output = ours(&pair.ours).args(arguments).output().unwrap();
    assert_eq!(status(&our_output), status(&their_output));
    assert_eq!(normal(&our_output.stderr), normal(&their_output.stderr));
    let wait = ["--no-wait", "wait-until", "bridge", "br0"];
    let their_output = theirs(&pair.theirs).env("OVS_CTL_TIMEOUT", "1").args(wait).output().unwrap();
    let our_output = ours(&pair.ours).env("OVS_CTL_TIMEOUT", "1").args(wait).output().unwrap();
    assert_eq!(status(&our_output), status(&their_output));
    let their_output =
        theirs(&pair.theirs).env("OVS_CTL_TIMEOUT", "x").args(["--no-wait", "list-br"]).output().unwrap();
    let our_output = ours(&pair.ours).env("OVS_CTL_TIMEOUT", "x").args(["--no-wait", "list-br"]).output().unwrap();
    assert_eq!(
        (status(&our_output), normal(&our_output.stderr)),
        (status(&their_output), normal(&their_output.stderr))
    );
}

/// Without a server both say the same, at once.
#[test]
fn nobody_is_there() {
    let mut pair = Pair::new();
    pair.theirs.stop();
    pair.ours.stop();
    for database in ["unix:db.sock", "unix:nope/x", "tcp:127.0.0.1:1", "nope:x", "nope"] {
        let arguments = [format!("--db={database}"), "--no-wait".to_owned(), "list-br".to_owned()];
        let theirs = theirs(&pair.theirs).args(&arguments).output().unwrap();
        let ours = ours(&pair.ours).args(&arguments).output().unwrap();
        assert_eq!(normal(&ours.stderr), normal(&theirs.stderr), "{database}");
        assert_eq!(status(&ours), status(&theirs), "{database}");
    }
}

/// It goes on as soon as the condition holds.
#[test]
fn it_waits_for_a_condition() {
    let server = Server::start();
    let mut waiting = ours(&server)
        .args([
            "--no-wait",
            "-t20",
            "wait-until",
            "bridge",
            "br0",
            "stp_enable=true",
            "--",
            "get",
            "bridge",
            "br0",
            "name",
        ])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    server.vsctl(&["add-br", "br0"]);
    assert!(waiting.try_wait().unwrap().is_none());
    server.vsctl(&["set", "bridge", "br0", "stp_enable=true"]);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!((text(&output.stdout), output.status.code()), ("br0\n".to_owned(), Some(0)));
}

/// Many at once, on the same column: each is tried again until it has its turn, and none is lost.
#[test]
fn changes_at_the_same_time_are_all_made() {
    let server = Server::start();
    server.vsctl(&["add-br", "br0"]);
    let spawn = |number: usize| {
        let port = format!("p{number}");
        ours(&server).args(["--no-wait", "-t20", "add-port", "br0", &port]).spawn().unwrap()
    };
    let children: Vec<_> = (0..12).map(spawn).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(server.vsctl(&["list-ports", "br0"]).lines().count(), 12);
}

/// Where nobody takes the change over, it is said, in good time, and the database has it.
#[test]
fn vswitchd_may_not_run() {
    let server = Server::start();
    let start = Instant::now();
    let output = ours(&server).args(["-t1", "add-br", "br0"]).output().unwrap();
    assert_eq!(status(&output), (None, Some(14)));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(server.vsctl(&["list-br"]), "br0");
}

/// As a verb of ovsns, and through a link of the old name.
#[test]
fn it_has_two_names() {
    let server = Server::start();
    let binary = env!("CARGO_BIN_EXE_ovsns");
    let database = format!("--db=unix:{}", server.socket().display());
    let list =
        |command: &mut Command| text(&command.args([&database, "--no-wait", "list-br"]).output().unwrap().stdout);
    server.vsctl(&["add-br", "br0"]);
    assert_eq!(list(Command::new(binary).arg("vsctl")), "br0\n");
    let link = server.directory.join("ovs-vsctl");
    std::os::unix::fs::symlink(binary, &link).unwrap();
    wait_for("the link", || link.exists().then_some(()));
    assert_eq!(list(&mut Command::new(&link)), "br0\n");
}

/// Keys of a certificate authority made for the test, as the server and the client use them.
#[test]
fn a_server_behind_tls() {
    let pki = Directory::new();
    let directory = pki.path().to_str().unwrap().to_owned();
    let run_pki = |arguments: &[&str]| {
        let options = [format!("--dir={directory}/pki"), format!("--log={directory}/log"), "--force".to_owned()];
        run(Command::new("ovs-pki").args(options).arg("-u").args(arguments).current_dir(&directory));
    };
    run_pki(&["init"]);
    run_pki(&["req+sign", "end", "switch"]);
    let keys = [
        format!("--private-key={directory}/end-privkey.pem"),
        format!("--certificate={directory}/end-cert.pem"),
        format!("--ca-cert={directory}/pki/switchca/cacert.pem"),
    ];
    let options: Vec<_> = std::iter::once("--remote=pssl:0:127.0.0.1").chain(keys.iter().map(String::as_str)).collect();
    let server = Server::start_with(&options);
    let remote = format!("--db=ssl:127.0.0.1:{}", server.port());
    let add = |mut command: Command, bridge| {
        command.args(["--no-wait", "-t20", &remote]).args(&keys).args(["add-br", bridge, "--", "list-br"]);
        text(&command.output().unwrap().stdout)
    };
    assert_eq!(add(theirs(&server), "br0"), "br0\n");
    assert_eq!(add(ours(&server), "br1"), "br0\nbr1\n");
    let output = ours(&server).args(["--no-wait", &remote, "list-br"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

/// A record that has a name is read alone: the server's log has what it sent.
#[test]
fn one_record_of_many_is_read() {
    let server = Server::start();
    server.vsctl(&["add-br", "br0", "--", "add-port", "br0", "read7", "--", "add-port", "br0", "unread8"]);
    let log = server.directory.join("ovsdb.log");
    let before = std::fs::read_to_string(&log).unwrap().len();
    let output = ours(&server).args(["--no-wait", "set", "Interface", "read7", "type=internal"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let all = wait_for("the reply in the log", || {
        let text = std::fs::read_to_string(&log).unwrap();
        text[before..].contains("read7").then(|| text[before..].to_owned())
    });
    assert!(!all.contains("unread8"));
    assert_eq!(server.vsctl(&["get", "Interface", "read7", "type"]), "internal");
}

/// The database's log tells who has done what.
#[test]
fn the_log_of_the_database_has_the_command_line() {
    let server = Server::start();
    assert!(ours(&server).args(["--no-wait", "add-br", "br 0"]).output().unwrap().status.success());
    let log =
        Command::new("ovsdb-tool").args(["-m", "show-log"]).arg(server.directory.join("conf.db")).output().unwrap();
    assert!(text(&log.stdout).contains("ovs-vsctl --no-wait add-br \"br 0\""), "{}", text(&log.stdout));
}
