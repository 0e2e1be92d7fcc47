//! Statistics: what ports count, in which direction, and how much a second.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::common::tool::{self, inside};
use super::lab::Lab;
use super::quiet::{BURST, burst, knows, mac, plug};

super::features! {
    ovs: port_statistics(OpenVswitch) port_rates(OpenVswitch) patch_statistics(OpenVswitch);
    linux: port_statistics() port_rates();
}

/// The port of this name in a document of `stats`.
fn port<'a>(document: &'a Value, name: &str) -> &'a Value {
    let ports = document["switches"][0]["ports"].as_array().unwrap();
    ports.iter().find(|port| port["port"] == name).unwrap_or_else(|| panic!("no {name} in {document:#}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

/// A known number of packets, one way, is counted exactly, as received from the one and as sent to the other.
fn port_statistics(lab: &Lab) {
    plug(lab, &[("ns1", ""), ("ns2", "")]);
    assert_eq!(burst("ns1", "10.0.0.2"), BURST);
    // ns2 takes it, and has no answer
    knows("ns1", "10.0.0.99", &mac("ns2"));
    let before = lab.json("stats sw1");
    assert_eq!(burst("ns1", "10.0.0.99"), 0);
    let after = lab.json("stats sw1");
    let grown = |name: &str, way: &str, what: &str| {
        number(&port(&after, name)[way][what]) - number(&port(&before, name)[way][what])
    };
    assert_eq!((grown("veth-ns1", "rx", "packets"), grown("veth-ns1", "rx", "bytes")), (BURST, 98 * BURST));
    assert_eq!(grown("veth-ns2", "rx", "packets"), 0);
    assert!((BURST..2 * BURST).contains(&grown("veth-ns2", "tx", "packets")), "{after:#}");
    assert!(grown("veth-ns1", "tx", "packets") < BURST);
    assert_eq!(
        (&port(&after, "veth-ns1")["netns"], &port(&after, "veth-ns1")["source"]),
        (&"ns1".into(), &"kernel".into())
    );
    for name in ["veth-ns1", "veth-ns2"] {
        let theirs = &tool::json(&format!("ip -j -s link show dev {name}"))[0]["stats64"];
        let (ours, theirs) = (&port(&after, name)["rx"], &theirs["rx"]);
        assert_eq!((&ours["packets"], &ours["bytes"]), (&theirs["packets"], &theirs["bytes"]), "{name}");
    }
    of_the_host(lab);
    let text = lab.ok("stats");
    assert!(text.starts_with("Switch sw1\n    port ") && text.contains("\n    veth-ns1  ns1 "), "{text}");
}

/// By the switch's own device the switch receives what the host sends.
fn of_the_host(lab: &Lab) {
    tool::run("ip address add 10.0.0.254/24 dev sw1");
    tool::run(&format!("ip neighbour replace 10.0.0.99 lladdr {} dev sw1 nud permanent", mac("ns2")));
    let before = lab.json("stats sw1");
    assert_eq!(burst("host", "10.0.0.99"), 0);
    let after = lab.json("stats sw1");
    let grown =
        |way: &str| number(&port(&after, "sw1")[way]["packets"]) - number(&port(&before, "sw1")[way]["packets"]);
    assert!(grown("rx") >= BURST && grown("tx") < BURST, "{before:#} {after:#}");
    assert_eq!(port(&after, "sw1")["netns"], "host");
    tool::run("ip address del 10.0.0.254/24 dev sw1");
}

/// Rates are what the counters have grown by, a second; a signal ends it as it should end.
fn port_rates(lab: &Lab) {
    plug(lab, &[("ns1", ""), ("ns2", "")]);
    let mut pings = tool_in_background("ns1", "ping -n -q -i0.01 10.0.0.2");
    let text = lab.ok("--json stats sw1 --watch=0.3 --count 3");
    pings.kill().unwrap();
    pings.wait().unwrap();
    let blocks: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(blocks.len(), 3, "{text}");
    assert_eq!(port(&blocks[0], "veth-ns1")["rx_rate"], Value::Null);
    for pair in blocks.windows(2) {
        let (then, now) = (port(&pair[0], "veth-ns1"), port(&pair[1], "veth-ns1"));
        let seconds = pair[1]["seconds"].as_f64().unwrap();
        assert!((0.2..30.0).contains(&seconds), "{seconds} s");
        for (counter, rate, factor) in [("packets", "packets_per_second", 1.0), ("bytes", "bits_per_second", 8.0)] {
            let grown = number(&now["rx"][counter]) - number(&then["rx"][counter]);
            let rate = now["rx_rate"][rate].as_f64().unwrap();
            assert!(
                (rate * seconds / factor - grown as f64).abs() < 0.01,
                "{grown} {counter} in {seconds} s are no {rate} a second"
            );
            assert!(grown > 0);
        }
        assert!(pair[0]["time"].as_str().unwrap() < pair[1]["time"].as_str().unwrap());
    }
    ends_on_a_signal(lab);
}

fn tool_in_background(netns: &str, command: &str) -> std::process::Child {
    let command = inside(netns, command);
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut command = std::process::Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

fn ends_on_a_signal(lab: &Lab) {
    let mut watching = lab.cli.command(&["stats", "sw1", "--watch=3600"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let time = lines.next().unwrap().unwrap();
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    assert_eq!(lines.next().unwrap().unwrap(), "Switch sw1");
    kill(Pid::from_raw(watching.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert!(watching.wait().unwrap().success(), "it ends well");
}

/// What no device counts, ovs-vswitchd does.
fn patch_statistics(lab: &Lab) {
    plug(lab, &[("ns1", "")]);
    let kind = lab.ovs().datapath_type();
    lab.ovs().vsctl(&[
        "add-br",
        "sw2",
        "--",
        "set",
        "Bridge",
        "sw2",
        &format!("datapath_type={kind}"),
        "--",
        "add-port",
        "sw2",
        "p2",
        "--",
        "set",
        "Interface",
        "p2",
        "type=patch",
        "options:peer=p1",
        "--",
        "add-port",
        "sw1",
        "p1",
        "--",
        "set",
        "Interface",
        "p1",
        "type=patch",
        "options:peer=p2",
    ]);
    // nobody has it, and all hear it: ns1 asks for it
    assert_eq!(burst("ns1", "10.0.0.77"), 0);
    super::until("ovs-vswitchd writes what went through the cable", || {
        let document = lab.json("stats sw1");
        let found = port(&document, "p1");
        assert_eq!((&found["source"], &document["stats_update_interval"]), (&"database".into(), &5000.into()));
        (number(&found["tx"]["packets"]) > 0).then_some(())
    });
    assert!(lab.ok("stats sw1").contains("\n    p1*  "), "what may be old is marked");
}
