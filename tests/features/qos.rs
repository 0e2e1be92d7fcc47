//! Queues of ports: what a namespace receives is slowed down, as a whole and queue by queue. Times are compared within one run.

use std::time::{Duration, Instant};

use super::common::tool;
use super::common::traffic::{pings, tcp};
use super::lab::Lab;

super::features! {
    ovs: limited_ports(OpenVswitch, Htb) limited_ports_by_hfsc(OpenVswitch, Hfsc) queues_of_a_port(OpenVswitch, Htb, KernelDatapath)
        queues_of_a_lab(OpenVswitch, Htb) queues_go_with_their_port(OpenVswitch, Htb);
    linux: limited_ports(Htb) limited_ports_by_hfsc(Hfsc) queues_of_a_port(Htb) queues_of_a_lab(Htb)
        queues_go_with_their_port(Htb);
}

fn stage(lab: &Lab) {
    lab.add_br("sw1", "");
    for number in 1..=2 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24"));
    }
    assert!(pings("ns1", "10.0.0.2"));
}

/// How long 10 MB take from the one to the other.
fn time(from: &str, to: u8) -> Duration {
    let begin = Instant::now();
    tcp(from, &format!("ns{to}"), &format!("10.0.0.{to}"));
    begin.elapsed()
}

/// The rate with which 10 MB take so many times as long as `free`, in kbit.
fn slower(free: Duration, times: f64) -> u64 {
    (8.0 * 10e6 / (times * free.as_secs_f64()) / 1000.0) as u64
}

fn limited_ports(lab: &Lab) {
    limited_by(lab, "linux-htb");
    let said = lab.refused(2, "set-qos sw1 ns1 --max-rate 2mbit --queue 1:min=3mbit");
    assert!(said.contains("more than the port's max-rate of 2mbit"), "{said}");
    assert!(
        lab.refused(2, "set-qos sw1 ns1 --max-rate 5mbit --queue 1:min=3mbit,max=2mbit")
            .contains("its max-rate of 2mbit")
    );
    // what a veth pair says of its link
    let said = lab.refused(2, "set-qos sw1 ns1 --max-rate 11gbit");
    assert!(said.contains("more than its link has") && said.contains("10gbit"), "{said}");
}

fn limited_ports_by_hfsc(lab: &Lab) {
    limited_by(lab, "linux-hfsc");
}

fn limited_by(lab: &Lab, discipline: &str) {
    stage(lab);
    let free = time("ns2", 1).max(Duration::from_millis(100));
    let rate = slower(free, 10.0);
    let set = |rate: u64| lab.ok(&format!("set-qos sw1 ns1 --type {discipline} --max-rate {rate}kbit"));
    set(rate);
    assert_eq!(set(rate), "", "there is nothing to do");
    let limited = time("ns2", 1);
    let back = time("ns1", 2);
    assert!(limited > 4 * free, "{limited:?} with a tenth of the rate, {free:?} without");
    assert!(limited > 2 * back, "{limited:?} to ns1, {back:?} from it");
    set(4 * rate);
    let faster = time("ns2", 1);
    assert!(limited > 2 * faster, "{limited:?}, and {faster:?} with four times the rate");
    assert!(lab.lines("list-qos sw1")[0].starts_with(&format!("qos of veth-ns1 type {discipline} max-rate ")));
    lab.ok("del-qos sw1 ns1");
    assert_eq!(lab.lines("list-qos"), Vec::<String>::new());
    let again = time("ns2", 1);
    assert!(limited > 2 * again, "{limited:?}, and {again:?} without it again");
    assert!(lab.refused(1, "del-qos sw1 ns1").contains("port veth-ns1 has no queues"));
}

/// What is directed to a queue by a flow, or by a filter of tc, has the limit of that. The userspace datapath sends all to queue 0: it
/// does not tell the kernel the priority of a packet.
fn queues_of_a_port(lab: &Lab) {
    stage(lab);
    let free = time("ns2", 1).max(Duration::from_millis(100));
    let rate = slower(free, 10.0);
    lab.ok(&format!("set-qos sw1 ns1 --max-rate 10gbit --queue 3:max={rate}kbit,priority=2"));
    let plain = time("ns2", 1);
    match lab.is_linux() {
        true => drop(tool::run("tc filter add dev veth-ns1 parent 7c: protocol all u32 match u32 0 0 flowid 7c:4")),
        false => {
            let mut ofctl = lab.ovs().command("ovs-ofctl");
            let done =
                ofctl.args(["add-flow", "sw1", "priority=9,ip,nw_dst=10.0.0.1,actions=set_queue:3,normal"]).status();
            assert!(done.unwrap().success());
        }
    }
    let queued = time("ns2", 1);
    assert!(queued > 2 * plain, "{queued:?} through the queue, {plain:?} past it");
    let shown = tool::run("tc class show dev veth-ns1");
    assert!(shown.lines().any(|line| line.contains(":4 ") && line.contains("prio 2")), "{shown}");
    if !lab.is_linux() {
        return;
    }
    lab.ok("del-qos sw1 ns1");
    tool::run("tc qdisc add dev veth-ns1 root handle 5: htb default 1");
    let said = lab.refused(1, "set-qos sw1 ns1 --max-rate 5mbit");
    assert!(said.contains("qos of veth-ns1"), "{said}");
    assert!(tool::run("tc qdisc show dev veth-ns1").contains("htb 5:"), "another's stays");
}

fn queues_of_a_lab(lab: &Lab) {
    let file = std::env::temp_dir().join(format!("qos-{}-{}.yaml", std::process::id(), lab.backend()));
    let write = |qos: &str| {
        let datapath = lab.datapath().replace("--datapath ", ", datapath: ");
        let text = format!(
            "lab: queued\nswitches: {{ sw1: {{ backend: {}{datapath} }} }}\n\
             namespaces: {{ \"ns[1-2]\": {{ ports: [ {{ switch: sw1, ip: 10.0.0.+/24{qos} }} ] }} }}\n",
            lab.backend()
        );
        std::fs::write(&file, text).unwrap();
    };
    let name = file.to_str().unwrap().to_owned();
    write(", qos: { max-rate: 10mbit, queues: { 0: { max-rate: 8mbit }, 1: { min-rate: 2mbit, priority: 1 } } }");
    lab.ok(&format!("apply {name}"));
    lab.ok(&format!("plan {name} --exit-code"));
    assert!(pings("ns1", "10.0.0.2"));
    let line = "type linux-htb max-rate 10mbit queues 0:max=8mbit, 1:min=2mbit,priority=1";
    assert_eq!(lab.lines("list-qos"), [1, 2].map(|number| format!("qos of veth-ns{number} {line}")));
    let exported = lab.ok("export --lab queued");
    assert!(
        exported.contains("queues: { \"0\": { max-rate: 8mbit }, \"1\": { min-rate: 2mbit, priority: 1 } }"),
        "{exported}"
    );
    write(", qos: { max-rate: 20mbit }");
    lab.ok(&format!("apply {name}"));
    assert_eq!(lab.lines("list-qos")[0], "qos of veth-ns1 type linux-htb max-rate 20mbit");
    write(", qos: { max-rate: 2mbit, queues: { 0: { max-rate: 8mbit } } }");
    assert!(lab.cli.fails(2, &["check", &name]).contains("a max-rate of 8mbit is more than the port's"));
    write("");
    lab.ok(&format!("apply {name}"));
    assert_eq!(lab.lines("list-qos"), Vec::<String>::new());
    lab.ok(&format!("destroy {name}"));
    std::fs::remove_file(&file).unwrap();
}

/// Rows of queues are roots of the database: nothing takes them along but we.
fn queues_go_with_their_port(lab: &Lab) {
    stage(lab);
    let before = lab.inventory();
    lab.ok("add-port sw1 ns3");
    lab.ok("set-qos sw1 ns3 --max-rate 10mbit --queue 1:max=5mbit");
    lab.ok("del-ns ns3");
    assert_eq!(lab.inventory(), before);
    lab.ok("set-qos sw1 ns1 --max-rate 10mbit --queue 1:max=5mbit");
    if lab.is_linux() {
        return;
    }
    let vsctl = |words: &str| lab.ovs().vsctl(&words.split(' ').collect::<Vec<_>>());
    vsctl("set port veth-ns2 qos=@q -- --id=@q create qos type=linux-noop");
    assert_eq!(lab.lines("list-qos")[1], "qos of veth-ns2 type linux-noop");
    let said = lab.ok("set-qos sw1 ns2 --max-rate 5mbit");
    assert!(said.contains("type linux-noop -> linux-htb"), "{said}");
    lab.ok("del-qos sw1 ns2");
}
