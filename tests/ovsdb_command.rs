//! `ovsns ovsdb` beside the real ovsdb-client, on one private ovsdb-server: the same bytes, the same exit codes.

#![allow(clippy::unwrap_used)]

#[path = "common/ovsdb.rs"]
mod common;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use common::{Directory, Process, Server, wait_for};

fn theirs(server: &Server) -> Command {
    let mut command = Command::new("ovsdb-client");
    command.env("OVS_RUNDIR", server.directory.path()).stdin(Stdio::null());
    command
}

fn ours(server: &Server) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ovsns"));
    command.arg("ovsdb").env("OVS_RUNDIR", server.directory.path()).stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs both and compares everything that they say.
fn compare(server: &Server, arguments: &[&str]) -> Output {
    let theirs = theirs(server).args(arguments).output().unwrap();
    let ours = ours(server).args(arguments).output().unwrap();
    assert_eq!(text(&ours.stdout), text(&theirs.stdout), "stdout of {arguments:?}");
    assert_eq!(text(&ours.stderr), text(&theirs.stderr), "stderr of {arguments:?}");
    assert_eq!(ours.status.code(), theirs.status.code(), "exit code of {arguments:?}");
    ours
}

/// A server with a bridge, ports, and strings that need quoting.
fn furnished() -> Server {
    let server = Server::start();
    server.vsctl(&["add-br", "br0", "--", "add-port", "br0", "p1", "tag=3", "trunks=1,2"]);
    server.vsctl(&["add-port", "br0", "p2", "--", "set", "Interface", "p2", "type=patch", "options:peer=p3"]);
    server.vsctl(&["set", "Bridge", "br0", r#"other_config:a="x \"<&>,y é""#, "external-ids:k=true"]);
    server.vsctl(&["--", "--id=@q", "create", "QoS", "type=linux-htb", "other-config:max-rate=1000"]);
    server
}

#[test]
fn schemas() {
    let server = furnished();
    for arguments in [
        &["list-dbs"][..],
        &["get-schema"],
        &["--pretty", "get-schema"],
        &["get-schema", "_Server"],
        &["get-schema-version"],
        &["get-schema-version", "_Server"],
        &["get-schema-cksum"],
        &["list-tables"],
        &["list-tables", "_Server"],
        &["-f", "json", "list-tables"],
        &["list-columns"],
        &["list-columns", "_Server"],
        &["list-columns", "_Server", "Database"],
        &["list-columns", "Nope"],
        &["-f", "csv", "list-columns", "Bridge"],
        &["-f", "html", "list-columns", "SSL"],
        &["--bare", "list-columns", "QoS"],
    ] {
        let output = compare(&server, arguments);
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn dumps_in_every_format() {
    let server = furnished();
    let formats = ["table", "list", "html", "csv", "json"];
    let cells = ["string", "bare", "json"];
    for (format, cells) in formats.iter().flat_map(|format| cells.iter().map(move |cells| (format, cells))) {
        for more in [&[][..], &["--no-headings"], &["--pretty"], &["--max-column-width=7"], &["--bare"]] {
            let mut arguments = vec!["-f", format, "--data", cells];
            arguments.extend_from_slice(more);
            arguments.push("dump");
            let output = compare(&server, &arguments);
            assert!(text(&output.stdout).contains("br0"), "{arguments:?}");
        }
    }
    for arguments in [
        &["dump"][..],
        &["--bare", "dump", "Bridge"],
        &["dump", "Open_vSwitch", "Port"],
        &["dump", "Port", "tag", "name", "trunks"],
        &["dump", "Port", "_uuid"],
        &["dump", "_Server"],
        &["--bare", "-f", "csv", "dump", "Port", "name", "tag"],
        &["-f", "csv", "--bare", "-d", "json", "dump", "Port", "name", "tag"],
        &["-f", "csv", "-f", "html", "dump", "Port", "name"],
    ] {
        compare(&server, arguments);
    }
}

#[test]
fn transactions() {
    let server = furnished();
    for arguments in [
        &[
            "transact",
            r#"["Open_vSwitch",{"op":"select","table":"Bridge","where":[],"columns":["other_config","name"]}]"#,
        ][..],
        &[
            "--pretty",
            "transact",
            r#"["Open_vSwitch",{"op":"select","table":"Port","where":[["tag","==",3]],"columns":["tag"]}]"#,
        ],
        &["transact", r#"["Open_vSwitch",{"op":"comment","comment":"é"},{"op":"commit","durable":true}]"#],
        &["transact", r#"["Open_vSwitch",{"op":"abort"},{"op":"comment","comment":"x"}]"#],
        &["transact", r#"["Open_vSwitch",{"op":"nonsense"}]"#],
        &["transact", r#"["Open_vSwitch",{"op":"delete","table":"Nope","where":[]}]"#],
        &["transact", r#"["Open_vSwitch",{"op":"delete","table":"Bridge","where":[]}]"#],
        &[
            "transact",
            r#"["Open_vSwitch",{"op":"wait","table":"Port","where":[],"columns":["tag"],"until":"==","rows":[],"timeout":0}]"#,
        ],
        &["transact", r#"["Open_vSwitch"]"#],
        &["transact", r#"["nope"]"#],
        &["transact", "{}"],
        &["transact", "[1]"],
        &["query", r#"["Open_vSwitch",{"op":"select","table":"Bridge","where":[],"columns":["name"]}]"#],
        &["query", r#"["Open_vSwitch",{"op":"nonsense"}]"#],
        &["query", r#"["Open_vSwitch"]"#],
        &["query", "{}"],
    ] {
        compare(&server, arguments);
    }
}

/// A query has no effect.
#[test]
fn queries_change_nothing() {
    let server = furnished();
    let delete = r#"["Open_vSwitch",{"op":"delete","table":"QoS","where":[]}]"#;
    let output = compare(&server, &["query", delete]);
    assert_eq!(text(&output.stdout), "[{\"count\":1}]\n");
    assert_eq!(server.vsctl(&["--bare", "--columns=type", "list", "QoS"]), "linux-htb");
    let output = ours(&server).args(["transact", delete]).output().unwrap();
    assert_eq!(text(&output.stdout), "[{\"count\":1}]\n");
    assert_eq!(server.vsctl(&["--bare", "--columns=type", "list", "QoS"]), "");
}

#[test]
fn refusals() {
    let server = furnished();
    let absent = format!("unix:{}", server.directory.join("absent").display());
    for arguments in [
        &[][..],
        &["nonsense"],
        &["list-dbs", "x"],
        &["list-dbs", &absent],
        &["list-dbs", "foo:bar"],
        &["list-dbs", "tcp:127.0.0.1:1"],
        &["get-schema", "nope"],
        &["list-columns", "a", "b"],
        &["-f", "nope", "list-dbs"],
        &["-d", "nope", "list-dbs"],
        &["-t", "0", "list-dbs"],
        &["-t", "x", "list-dbs"],
        &["dump", "Nope"],
        &["dump", "Bridge", "nope"],
        &["dump", "Bridge", "name", "nope"],
        &["monitor", "Nope"],
        &["monitor", "Bridge", "nope"],
        &["monitor", "Bridge", "name", "name"],
        &["monitor", "Bridge", "name,name"],
        &["monitor"],
        &["monitor-cond", "[]"],
        &["monitor-cond", "[]", "Nope"],
        &["monitor-cond", "[]", "Bridge", "name", "ports"],
        &["lock"],
        &["transact"],
        &["wait", "Open_vSwitch"],
        &["wait", "Open_vSwitch", "nonsense"],
    ] {
        let output = compare(&server, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn faults_of_json_are_placed() {
    let server = Server::start();
    for text in [
        "",
        " ",
        "[",
        "]",
        "{",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{1:2}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\":1 \"b\"}",
        "[tru]",
        "[nulll,",
        "1",
        "\"x\"",
        "true",
        "[] x",
        "[]]",
        "[\"x]",
        "[\"x\\\"]",
        "[\"a\nb\"]",
        "[\n 1,\n\t?]",
        "[é]",
        "[1}",
        "{]",
        "[\u{1}]",
        "@",
        "[\"Open_vSwitch\",{\"op\":'x'}]",
    ] {
        let output = compare(&server, &["transact", text]);
        assert_eq!(output.status.code(), Some(1), "{text:?}");
    }
}

/// ovsdb-client hangs without a word when it is refused the unlocking of a lock that it has not.
#[test]
fn refused_calls_are_told() {
    let server = Server::start();
    let output = ours(&server).args(["unlock", "l"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("\\\"unlock\\\" without \\\"lock\\\""), "{}", text(&output.stderr));
}

#[test]
fn waiting_for_databases() {
    let server = Server::start();
    let socket = format!("unix:{}", server.socket().display());
    for arguments in [
        &["wait", "Open_vSwitch", "added"][..],
        &["wait", &socket, "Open_vSwitch", "connected"],
        &["wait", "nope", "removed"],
    ] {
        let output = ours(&server).args(arguments).output().unwrap();
        assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    }
    let output = ours(&server).args(["--timeout=1", "wait", "nope", "added"]).output().unwrap();
    assert_eq!(output.status.code(), Some(142), "{}", text(&output.stderr));
}

/// The server may come after the one who waits for it.
#[test]
fn waiting_for_the_server() {
    let mut server = Server::start();
    server.stop();
    let mut command = ours(&server);
    let mut child = command.args(["--timeout=20", "wait", "Open_vSwitch", "connected"]).spawn().unwrap();
    assert!(child.try_wait().unwrap().is_none());
    server.launch();
    assert!(child.wait().unwrap().success());
}

/// Both commands running side by side, each writing to a file.
struct Pair {
    files: [PathBuf; 2],
    _processes: [Process; 2],
}

impl Pair {
    fn start(server: &Server, directory: &Directory, arguments: &[&str]) -> Self {
        let files = ["theirs", "ours"].map(|name| directory.join(name));
        let start = |mut command: Command, file: &PathBuf| {
            // The shell hands the file over; `exec` keeps the process id.
            let mut shell = Command::new("sh");
            shell.arg("-c").arg("exec \"$@\" >\"$FILE\" 2>&1").arg("sh").arg(command.get_program());
            shell.args(command.args(arguments).get_args()).env("FILE", file);
            shell.env("OVS_RUNDIR", server.directory.path());
            File::create(file).unwrap();
            Process::spawn(&mut shell)
        };
        let processes = [start(theirs(server), &files[0]), start(ours(server), &files[1])];
        Self { files, _processes: processes }
    }

    /// Waits until both have written `marker` so many times, and compares what they wrote.
    fn compare(&self, marker: &str, times: usize) -> String {
        let outputs = self.files.each_ref().map(|file| {
            wait_for(&format!("{marker:?} in {}", file.display()), || {
                let output = std::fs::read_to_string(file).unwrap();
                (output.matches(marker).count() >= times && output.ends_with('\n')).then_some(output)
            })
        });
        assert_eq!(outputs[1], outputs[0]);
        outputs[1].clone()
    }
}

#[test]
fn monitors_follow_changes() {
    for arguments in [
        &["monitor", "Bridge", "name,fail_mode,external_ids"][..],
        &["monitor", "Bridge", "name,external_ids", "fail_mode,!modify"],
        &["-f", "list", "monitor", "Bridge", "name", "fail_mode"],
        &["-f", "csv", "monitor", "Bridge"],
        &["-f", "json", "monitor", "Bridge", "name,fail_mode"],
        &["-f", "html", "monitor", "Bridge", "name,fail_mode"],
        &["monitor-cond", "[]", "Bridge", "name,fail_mode"],
        &["monitor-cond", r#"[["name","!=","br1"]]"#, "Bridge", "name,fail_mode,external_ids"],
        &["monitor-cond-since", "[]", "Bridge", "name,fail_mode,external_ids"],
        &["monitor-cond-since", "00000000-0000-0000-0000-000000000000", "[true]", "Bridge", "name"],
    ] {
        let server = furnished();
        let directory = Directory::new();
        let pair = Pair::start(&server, &directory, arguments);
        pair.compare("br0", 1);
        server.vsctl(&["set", "Bridge", "br0", "fail_mode=secure", "external-ids:x=y"]);
        server.vsctl(&["add-br", "br1", "--", "add-br", "br2", "--", "add-br", "br3"]);
        server.vsctl(&["del-br", "br1", "--", "clear", "Bridge", "br0", "fail_mode"]);
        server.vsctl(&["add-br", "finis"]);
        pair.compare("finis", 1);
    }
}

#[test]
fn monitors_of_everything() {
    let server = furnished();
    let directory = Directory::new();
    let pair = Pair::start(&server, &directory, &["monitor", "ALL"]);
    pair.compare("linux-htb", 1);
    server.vsctl(&["add-port", "br0", "finis"]);
    let output = pair.compare("finis", 2);
    assert!(output.contains("\nInterface\n") && output.contains("\nPort\n"), "{output}");
}

#[test]
fn monitors_may_leave_things_out() {
    let server = furnished();
    let directory = Directory::new();
    let pair = Pair::start(&server, &directory, &["monitor", "Port", "name,!initial,!modify,!delete"]);
    // Without `initial` nothing tells that the monitor has begun but the server's counter of sessions.
    wait_for("two monitors", || {
        let report = server.appctl(&["memory/show"]);
        report.split_whitespace().any(|word| word == "monitors:2" || word == "monitors:1").then_some(())
    });
    wait_for("an inserted port in both outputs", || {
        server.vsctl(&["--may-exist", "add-port", "br0", "finis"]);
        let all = pair.files.iter().all(|file| std::fs::read_to_string(file).unwrap().contains("finis"));
        if !all {
            server.vsctl(&["del-port", "br0", "finis"]);
        }
        all.then_some(())
    });
}

#[test]
fn timestamps_stand_above_the_tables() {
    let server = furnished();
    let directory = Directory::new();
    let pair = Pair::start(&server, &directory, &["--timestamp", "monitor", "Bridge", "name"]);
    let outputs = pair.files.each_ref().map(|file| {
        wait_for("a monitored row", || Some(std::fs::read_to_string(file).unwrap()).filter(|text| text.contains("br0")))
    });
    let shapes = outputs.map(|output| {
        let (time, rest) = output.split_once('\n').unwrap();
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        (shape, rest.to_owned())
    });
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(shapes[0].0, "9999-99-99 99:99:99.999");
}

#[test]
fn locks_are_told_of() {
    let server = Server::start();
    let directory = Directory::new();
    let holders = Pair::start(&server, &directory, &["lock", "lock_of_each"]);
    let outputs = || holders.files.each_ref().map(|file| std::fs::read_to_string(file).unwrap());
    let all_spoke = |outputs: &[String; 2]| outputs.iter().all(|text| text.ends_with('\n'));
    let mut first = wait_for("both replies", || Some(outputs()).filter(all_spoke));
    first.sort();
    assert_eq!(first, ["{\"locked\":false}\n", "{\"locked\":true}\n"]);
    let _thief = Process::spawn(ours(&server).args(["steal", "lock_of_each"]));
    let robbed = |text: &String| text.ends_with("stolen\n[\"lock_of_each\"]\n");
    let owner = wait_for("the news of the theft", || outputs().into_iter().find(robbed));
    assert_eq!(owner, "{\"locked\":true}\nstolen\n[\"lock_of_each\"]\n");
}

/// Each of both, alone with a server, gets and loses a lock, and gets it back.
#[test]
fn locks_come_and_go_alike() {
    let outputs = [theirs as fn(&Server) -> Command, ours].map(|client| {
        let server = Server::start();
        let directory = Directory::new();
        let file = directory.join("output");
        let mut shell = Command::new("sh");
        let holder = client(&server);
        shell.args(["-c", "exec \"$@\" >\"$FILE\"", "sh"]).arg(holder.get_program()).args(holder.get_args());
        shell.args(["lock", "a_lock"]).env("FILE", &file).env("OVS_RUNDIR", server.directory.path());
        let _holder = Process::spawn(&mut shell);
        let read = || std::fs::read_to_string(&file).unwrap_or_default();
        wait_for("the lock", || read().contains("true").then_some(()));
        let thief = Process::spawn(ours(&server).args(["steal", "a_lock"]));
        wait_for("the theft", || read().ends_with("stolen\n[\"a_lock\"]\n").then_some(()));
        drop(thief);
        wait_for("the return", || Some(read()).filter(|text| text.ends_with("locked\n[\"a_lock\"]\n")))
    });
    assert_eq!(outputs[0], outputs[1]);
}

#[test]
fn the_end_of_the_server_is_told() {
    let mut server = furnished();
    let directory = Directory::new();
    let pair = Pair::start(&server, &directory, &["monitor", "Bridge", "name"]);
    pair.compare("br0", 1);
    server.stop();
    let output = pair.compare("receive failed", 1);
    assert!(output.contains("receive failed (End of file)"), "{output}");
}

#[test]
fn remotes_of_every_kind() {
    let server = Server::start_with(&["--remote=ptcp:0:127.0.0.1"]);
    let tcp = format!("tcp:127.0.0.1:{}", server.port());
    let unix = format!("unix:{}", server.socket().display());
    for remote in [&tcp, &unix] {
        compare(&server, &["list-dbs", remote]);
        compare(&server, &["get-schema-version", remote, "Open_vSwitch"]);
        compare(&server, &["transact", remote, r#"["Open_vSwitch"]"#]);
        let output = compare(&server, &["list-dbs", remote]);
        assert!(text(&output.stdout).contains("Open_vSwitch"));
    }
}

#[test]
fn remotes_on_ipv6() {
    let server = Server::start_with(&["--remote=ptcp:0:[::1]"]);
    let output = compare(&server, &["list-dbs", &format!("tcp:[::1]:{}", server.port())]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Keys of a certificate authority made for the test, as the server and the client use them.
#[test]
fn remotes_with_tls() {
    let pki = Directory::new();
    let directory = pki.path().to_str().unwrap().to_owned();
    let run_pki = |arguments: &[&str]| {
        let options = [format!("--dir={directory}/pki"), format!("--log={directory}/log")];
        common::run(
            Command::new("ovs-pki").args(&options).args(["--force", "-u"]).args(arguments).current_dir(&directory),
        );
    };
    run_pki(&["init"]);
    run_pki(&["req+sign", "end", "switch"]);
    let ca = format!("{directory}/pki/switchca/cacert.pem");
    let keys =
        [format!("--private-key={directory}/end-privkey.pem"), format!("--certificate={directory}/end-cert.pem")];
    let ca_option = format!("--ca-cert={ca}");
    let server = Server::start_with(&[
        "--remote=pssl:0:127.0.0.1",
        &keys[0],
        &keys[1],
        &ca_option,
        &format!("--peer-ca-cert={ca}"),
    ]);
    let remote = format!("ssl:127.0.0.1:{}", server.port());
    let output = compare(&server, &[&keys[0], &keys[1], &ca_option, "list-dbs", &remote]);
    assert!(text(&output.stdout).contains("Open_vSwitch"));
    let output = ours(&server).args(["list-dbs", &remote]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--private-key"), "{}", text(&output.stderr));
}
