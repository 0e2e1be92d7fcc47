//! Namespaces that somebody uses, that have several names or none, and those that go all at once.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::common::tool::{inside, link, output, run};
use super::common::traffic::pings;
use super::lab::Lab;

/// A process in a network namespace; it ends with the test.
struct Process(Child);

impl Process {
    /// In the one that the first words of a command lead into.
    fn start(enter: &[&str]) -> Process {
        // `cat` writes once it is there, and ends with its input
        let script = "exec setpriv --pdeathsig KILL sh -c 'echo; exec cat'";
        let mut command = Command::new(enter[0]);
        command.args(&enter[1..]).args(["sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Process(child)
    }

    fn in_netns(name: &str) -> Process {
        Process::start(&["nsenter", &format!("--net=/run/netns/{name}")])
    }

    fn in_its_own() -> Process {
        Process::start(&["unshare", "--net"])
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn inode(&self) -> u64 {
        std::fs::metadata(format!("/proc/{}/ns/net", self.pid())).unwrap().ino()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn inode(name: &str) -> u64 {
    std::fs::metadata(format!("/run/netns/{name}")).unwrap().ino()
}

pub fn processes_keep_their_namespace(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24");
    let (one, two) = (Process::in_netns("ns1"), Process::in_netns("ns1"));
    for verb in ["del-ns ns1", "del-ns ns2 ns1", "del-ns ns1 --dry-run"] {
        let said = lab.refused(1, verb);
        for words in ["cannot delete namespace ns1: processes run in it", "--force"] {
            assert!(said.contains(words), "{said}");
        }
        for process in [&one, &two] {
            assert!(said.contains(&format!("\n  {}  cat\n", process.pid())), "{said}");
        }
    }
    let namespace = one.inode();
    let ran = lab.run("del-ns ns1 --force");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("the namespace that was ns1 lives on with its processes"), "{ran:?}");
    assert_eq!(
        (lab.lines("list-ns"), lab.lines("list-ports sw1")),
        (vec!["ns2".to_owned()], vec!["veth-ns2".to_owned()])
    );
    assert_eq!(one.inode(), namespace);
    let path = format!("/proc/{}/ns/net", one.pid());
    assert_eq!(run(&inside(&path, "ip -o link")).lines().count(), 1, "lo alone");
    drop((one, two));
    lab.ok("del-ns ns2");
}

/// A pair that somebody else made stays in a namespace that lives on, and goes with one that ends.
pub fn what_is_not_ours_stays_in_a_namespace_that_lives_on(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1");
    run("ip link add theirs0 type veth peer name theirs1 netns ns1");
    let process = Process::in_netns("ns1");
    lab.ok("attach-ns again ns1");
    lab.ok("del-ns again ns1 --force");
    assert!(link("host", "theirs0").is_some() && link("host", "veth-ns1").is_none());
    lab.ok(&format!("attach-ns back --pid {}", process.pid()));
    drop(process);
    lab.ok("del-ns back");
    assert!(link("host", "theirs0").is_none());
}

pub fn several_namespaces_go_at_once(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.add_br("sw2", "");
    for number in 1..=4 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24"));
        lab.ok(&format!("add-port sw2 ns{number}"));
    }
    let said = lab.refused(1, "del-ns ns1 none ns2 nothing");
    assert!(said.contains("there is no namespace none, nothing"), "{said}");
    std::fs::write("/run/netns/stale", "").unwrap();
    lab.ok("del-ns ns3 stale ns1 ns2 ns1 none --if-exists");
    assert_eq!(
        (lab.lines("list-ns"), lab.lines("list-ports sw1")),
        (vec!["ns4".to_owned()], vec!["veth-ns4".to_owned()])
    );
    assert!(!std::path::Path::new("/run/netns/stale").exists());
    assert_eq!(run("ip -o link show type veth").lines().count(), 2);
}

pub fn a_name_among_others_is_only_a_name(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24");
    lab.ok("attach-ns other ns1");
    assert_eq!(
        (inode("other"), lab.lines("list-ns")),
        (inode("ns1"), vec!["ns1  other".into(), "ns2".into(), "other  ns1".into()])
    );
    let ran = lab.run("del-ns other");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "- netns other of ns1\n"));
    assert!(ran.stderr.contains("only the name other is gone: the namespace is ns1 too"), "{ran:?}");
    assert!(pings("ns2", "10.0.0.1"));
    // `ip netns attach` does the same
    run(&format!("ip netns attach host-too {}", std::process::id()));
    let hosts = inode("host-too");
    if hosts == std::fs::metadata("/proc/thread-self/ns/net").unwrap().ino() {
        assert!(lab.run("del-ns host-too").stderr.contains("the namespace is the host's own"));
    } else {
        run("ip netns delete host-too");
    }
    assert!(link("host", "veth-ns1").is_some());
    lab.ok("attach-ns other ns1");
    lab.ok("del-ns other ns1");
    assert_eq!(lab.lines("list-ports sw1"), ["veth-ns2"]);
}

pub fn a_namespace_gets_a_name(lab: &Lab) {
    lab.add_br("sw1", "");
    let process = Process::in_its_own();
    let pid = process.pid();
    assert_eq!(lab.ok(&format!("identify --pid {pid}")), "");
    assert_eq!(lab.json(&format!("identify pid:{pid}")), json!({"names": [], "containers": []}));
    lab.ok(&format!("attach-ns named --pid {pid}"));
    assert_eq!(inode("named"), process.inode());
    assert_eq!(lab.ok(&format!("identify --pid {pid}")), run(&format!("ip netns identify {pid}")));
    // the same namespace, by whichever way
    lab.ok(&format!("add-port sw1 pid:{pid} --ip 10.0.0.1/24"));
    assert!(link("named", "eth1-named").is_some());
    assert_eq!(lab.ok(&format!("attach-ns named --pid {pid} --may-exist")), "");
    for (words, code, says) in [
        (format!("attach-ns named --pid {pid}"), 1, "that is its name already"),
        ("attach-ns named host".to_owned(), 1, "the host's own namespace"),
        ("attach-ns named".to_owned(), 2, "which namespace is to be called named?"),
        ("attach-ns more --pid 4194305".to_owned(), 1, "no such process"),
        (format!("attach-ns more named --pid {pid}"), 2, "cannot be used with"),
    ] {
        let said = lab.refused(code, &words);
        assert!(said.contains(says), "{words}: {said}");
    }
    lab.ok("add-ns ns1");
    let said = lab.refused(1, "attach-ns named ns1 --may-exist");
    assert!(said.contains("there is another namespace named"), "{said}");
    let said = lab.ok("exec named -- ip -j link show eth1-named");
    assert!(said.contains("eth1-named"), "{said}");
    assert_eq!(lab.ok(&format!("exec ns1 -- {} identify", env!("CARGO_BIN_EXE_ovsns"))), "ns1\n");
    // its name is all that it was given; what was plugged in goes from the switch
    lab.ok("del-ns named --force");
    assert_eq!(lab.lines("list-ports sw1"), Vec::<String>::new());
    assert_eq!(lab.lines("list-ns"), ["ns1"]);
}

pub fn a_namespace_without_a_name_is_listed(lab: &Lab) {
    let process = Process::in_its_own();
    let line = format!("pid:{}  cat", process.pid());
    assert_eq!(lab.ok("list-ns"), "");
    assert!(lab.lines("list-ns --all").contains(&line), "{line}");
    let all = lab.json("list-ns --all");
    let found = all["namespaces"].as_array().unwrap().iter().find(|found| found["inode"] == process.inode()).unwrap();
    assert_eq!(
        *found,
        json!({
            "place": format!("pid:{}", process.pid()), "name": null, "path": format!("/proc/{}/ns/net", process.pid()),
            "inode": process.inode(), "pids": [process.pid()], "command": "cat", "container": null, "also": [], "owner": null,
        })
    );
    lab.ok(&format!("exec pid:{} -- true", process.pid()));
}

pub fn all_that_is_ours_is_taken_down(lab: &Lab) {
    run("ip netns add theirs");
    run("ip link add up0 type veth peer name up1");
    run("ip link add theirs0 type bridge");
    let theirs = lab.inventory();
    for switch in ["sw1", "sw2"] {
        lab.add_br(switch, "--ip 10.0.0.254/24 --may-exist");
        lab.ok("del-addr host 10.0.0.254/24 --if-exists");
    }
    for number in 1..=3 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24 --gw 10.0.0.254"));
    }
    lab.ok("add-port sw2 ns1");
    lab.ok("add-port sw1 theirs");
    lab.ok("add-port sw2 dev:up0");
    lab.ok("add-link ns1 ns2");
    lab.ok("add-link ns3 host");
    let process = Process::in_netns("ns3");
    let planned = lab.run("teardown --dry-run");
    assert!(planned.stderr.contains("namespace ns3: processes run in it:"), "{planned:?}");
    let ran = lab.run("teardown");
    assert_eq!(ran.code, 1, "{ran:?}");
    for words in ["everything is taken away but what is in use", &format!("  {}  cat", process.pid()), "--force"] {
        assert!(ran.stderr.contains(words), "{words}: {ran:?}");
    }
    assert_eq!((lab.ok("list-br").contains("sw"), lab.lines("list-ns")), (false, vec!["ns3".into(), "theirs".into()]));
    drop(process);
    assert_eq!(lab.ok("teardown --owner lab-a"), "");
    lab.ok("teardown");
    assert_eq!(lab.ok("teardown"), "");
    run("ip link set up0 down");
    assert_eq!(lab.inventory(), theirs);
    run("ip netns delete theirs");
    run("ip link delete up0");
    run("ip link delete theirs0");
    assert!(output("ip netns list").stdout.is_empty());
}
