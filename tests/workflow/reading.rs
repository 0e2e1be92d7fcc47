//! What verbs say, and what others say of the same.

use serde_json::{Value, json};

use super::common::tool::{json as json_of, run};
use super::lab::Lab;

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

pub fn the_tools_agree(lab: &Lab) {
    for (netns, switch) in [("ns1", "sw2"), ("ns2", "sw1"), ("ns3", "sw2")] {
        lab.add_br(switch, "--may-exist");
        lab.ok(&format!("add-port {switch} {netns}"));
    }
    assert_eq!(lab.lines("list-br"), ["sw1", "sw2"]);
    let named = run("ip netns list").lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(lab.lines("list-ns"), sorted(&named.join("\n")));
    assert_eq!((lab.run("br-exists sw1").code, lab.run("br-exists nosuch").code), (0, 2));
    assert_eq!((lab.ok("br-exists sw1"), lab.run("br-exists nosuch").stderr), (String::new(), String::new()));
    if lab.is_linux() {
        for (switch, ports) in [("sw1", "veth-ns2"), ("sw2", "veth-ns1 veth-ns3")] {
            let links = json_of("bridge -j link");
            let on_it = links.as_array().unwrap().iter().filter(|link| link["master"] == switch);
            let names: Vec<&str> = on_it.map(|link| link["ifname"].as_str().unwrap()).collect();
            assert_eq!(names.join(" "), ports);
            assert_eq!(lab.lines(&format!("list-ports {switch}")).join(" "), ports);
        }
        return;
    }
    // ovs-vsctl knows the switches of Open vSwitch alone
    let both = |words: &[&str]| {
        let theirs = lab.ovs().command("ovs-vsctl").args(words).output().unwrap();
        let ours = lab.run(&words.join(" "));
        assert_eq!(sorted(&ours.stdout), sorted(&String::from_utf8(theirs.stdout).unwrap()), "{words:?}");
        assert_eq!(Some(ours.code), theirs.status.code(), "{words:?}: {}", ours.stderr);
    };
    for words in [
        &["list-br"] as &[&str],
        &["br-exists", "sw1"],
        &["br-exists", "nosuch"],
        &["list-ports", "sw1"],
        &["list-ports", "sw2"],
        &["list-ports", "nosuch"],
        &["port-to-br", "veth-ns3"],
        &["port-to-br", "nosuch"],
        // the port of a bridge's own name is none
        &["port-to-br", "sw1"],
        &["del-br", "nosuch"],
        &["del-port", "nosuch"],
        &["del-port", "sw1", "nosuch"],
        &["add-br", "sw1"],
        &["add-port", "nosuch", "x"],
    ] {
        both(words);
    }
    // each takes away what the other made
    lab.ovs().vsctl(&["del-port", "sw2", "veth-ns1"]);
    assert_eq!(lab.lines("list-ports sw2"), ["veth-ns3"]);
    run("ip link add theirs type veth peer name theirs1");
    lab.ovs().vsctl(&["add-br", "br9", "--", "set", "Bridge", "br9", &lab.datapath()[2..].replace(" ", "_type=")]);
    lab.ovs().vsctl(&["add-port", "br9", "theirs"]);
    both(&["list-br"]);
    both(&["list-ports", "br9"]);
    lab.ok("del-br br9");
    assert_eq!(lab.ovs().vsctl(&["list-br"]), "sw1\nsw2\n");
    run("ip link delete theirs");
}

/// The keys of an object, at `pointer` within it, sorted: their order says nothing.
fn keys(document: &Value, pointer: &str) -> Vec<String> {
    let object = document.pointer(pointer).and_then(Value::as_object);
    let mut keys: Vec<String> =
        object.unwrap_or_else(|| panic!("no object at {pointer} of {document:#}")).keys().cloned().collect();
    keys.sort();
    keys
}

pub fn json_has_its_shape(lab: &Lab) {
    let backend = lab.backend();
    let made = lab.json(&format!("add-br sw1 --mtu 1400 {}", lab.datapath()));
    assert_eq!(keys(&made, ""), ["applied", "plan"]);
    assert_eq!((&made["applied"], &made["plan"][0]["step"]), (&json!(true), &json!("create")));
    assert_eq!(made["plan"][0]["kind"], "switch");
    let made = lab.json("add-port sw1 ns1 --ip 10.0.0.1/24");
    let kinds: Vec<&Value> = made["plan"].as_array().unwrap().iter().map(|step| &step["kind"]).collect();
    assert_eq!(kinds, ["netns", "link", "port", "address"]);
    assert_eq!(
        made["plan"][3],
        json!({
            "step": "create", "kind": "address", "place": "ns1", "device": "eth1-ns1", "address": "10.0.0.1/24",
        })
    );
    let again = lab.json("add-port sw1 ns1 --may-exist");
    assert_eq!(again, json!({"plan": [], "applied": true}));

    let switches = lab.json("list-br");
    assert_eq!(keys(&switches, ""), ["switches"]);
    let switch = &switches["switches"][0];
    assert_eq!((&switch["name"], &switch["backend"], &switch["mtu"]), (&json!("sw1"), &json!(backend), &json!(1400)));
    let ports = lab.json("list-ports sw1");
    assert_eq!((&ports["switch"], ports["ports"].as_array().unwrap().len()), (&json!("sw1"), 1));
    let port = &ports["ports"][0];
    assert_eq!(
        (&port["device"], &port["switch"], &port["backend"]),
        (&json!("veth-ns1"), &json!("sw1"), &json!(backend))
    );
    assert_eq!(lab.json("port-to-br veth-ns1"), json!({"port": "veth-ns1", "switch": "sw1"}));
    let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata("/run/netns/ns1").unwrap());
    let ns1 = json!({
        "place": "ns1", "name": "ns1", "path": "/run/netns/ns1", "inode": inode, "pids": [], "command": null,
        "container": null, "also": [], "owner": "-",
    });
    assert_eq!(lab.json("list-ns"), json!({"namespaces": [ns1]}));
    assert_eq!(lab.json("br-exists sw1"), json!({"switch": "sw1", "exists": true}));

    let planned = lab.json("add-port sw1 ns2 --dry-run");
    assert_eq!(
        (keys(&planned, ""), &planned["applied"]),
        (vec!["applied".to_owned(), "plan".to_owned()], &json!(false))
    );
    let explained = lab.json("add-port sw1 ns2 --explain");
    assert_eq!(
        (keys(&explained, ""), &explained["applied"]),
        (vec!["applied".into(), "explain".into()], &json!(false))
    );
    assert_eq!(keys(&explained, "/explain/0"), ["commands", "step"]);
    assert_eq!(explained["explain"][0]["commands"][0], "ip netns add ns2");

    let failed = lab.run("--json del-br nosuch");
    let document: Value = serde_json::from_str(&failed.stdout).unwrap();
    assert_eq!((failed.code, &document["error"]["exit_status"]), (1, &json!(1)));
    assert!(document["error"]["what"].as_str().unwrap().contains("there is no switch nosuch"), "{document:#}");
    assert!(document["error"]["hint"].is_string() && failed.stderr.contains("hint:"), "{document:#}");
}

pub fn a_dry_run_changes_nothing(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    run("ip link add x0 type veth peer name x1");
    let before = lab.inventory();
    let links = run("ip link");
    for verb in [
        &format!("add-br sw2 {}", lab.datapath()) as &str,
        "add-br sw1 --may-exist --mtu 1300 --stp --ip 10.0.0.254/24",
        "add-port sw1 ns2 --ip 10.0.0.2/24 --gw 10.0.0.254",
        "add-port sw1 ns1 --may-exist --mtu 1300",
        "add-port sw1 dev:x0",
        "del-port sw1 ns1",
        "del-br sw1",
        "add-ns ns9",
        "del-ns ns1",
    ] {
        for option in ["--dry-run", "--explain"] {
            let said = lab.ok(&format!("{verb} {option}"));
            assert!(!said.is_empty(), "{verb} {option}");
            assert_eq!(lab.inventory(), before, "{verb} {option}");
            assert_eq!(run("ip link"), links, "{verb} {option}");
        }
    }
    assert_eq!(lab.ok("add-ns ns1 --may-exist --dry-run"), "nothing to do\n");
    run("ip link delete x0");
}
