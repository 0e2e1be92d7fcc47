//! What is done to the packets that a namespace sends: seen with `tc`, and felt by packets.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::common::require::{Feature, has};
use super::common::tool::{self, inside, json as json_of, run};
use super::common::traffic;
use super::lab::{Lab, SwitchKind};
use super::{play, require};

/// The queueing disciplines of a device, without what the kernel gives by itself.
fn qdiscs(netns: &str, device: &str) -> Vec<Value> {
    let found = json_of(&inside(netns, &format!("tc -j qdisc show dev {device}")));
    found.as_array().unwrap().iter().filter(|qdisc| qdisc["handle"] != "0:").cloned().collect()
}

/// How long it takes to send 10 MB, each byte of which must arrive: the best of three, since others use the machine too.
fn time_of_tcp(from: &str, to: &str, address: &str) -> Duration {
    let once = |_| {
        let begin = Instant::now();
        traffic::tcp(from, to, address);
        begin.elapsed()
    };
    (0..3).map(once).min().unwrap()
}

/// Two namespaces, 10.0.0.1 and 10.0.0.2.
fn two_namespaces(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.2/24");
}

pub fn a_rate_slows_one_direction_down(lab: &Lab) {
    two_namespaces(lab);
    let free = time_of_tcp("ns1", "ns2", "10.0.0.2");
    // so that it takes ten times as long as before, but for what the queue holds
    let bits = 8.0 * 10e6 / (10.0 * free.as_secs_f64());
    let said = lab.ok(&format!("set-port sw1 ns1 --rate {}kbit", (bits / 1000.0) as u64));
    assert!(said.starts_with("+ impairment of eth1-ns1 in ns1: rate "), "{said}");
    let limited = time_of_tcp("ns1", "ns2", "10.0.0.2");
    let back = time_of_tcp("ns2", "ns1", "10.0.0.1");
    assert!(limited > 4 * free, "{limited:?} with a tenth of the rate, {free:?} without");
    assert!(limited > 2 * back, "{limited:?} one way, {back:?} the other");
    lab.ok("set-port sw1 ns1 --no-impair");
    assert_eq!(qdiscs("ns1", "eth1-ns1"), [] as [Value; 0]);
    let free_again = time_of_tcp("ns1", "ns2", "10.0.0.2");
    assert!(limited > 2 * free_again, "{limited:?} with a tenth of the rate, {free_again:?} without it again");
}

pub fn a_rate_is_what_tc_shows(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1 --rate 10mbit");
    // in bytes a second, bytes, and microseconds
    let of = |rate: u64, burst: u64| json!({"rate": rate, "burst": burst, "lat": 50_000});
    assert_eq!(qdiscs("ns1", "eth1-ns1")[0]["options"], of(1_250_000, 10_240));
    assert_eq!(lab.ok("set-port sw1 veth-ns1 --rate 10mbit"), "", "there is nothing to do");
    lab.ok("add-port sw1 ns1 --may-exist --rate 100mbit");
    let found = qdiscs("ns1", "eth1-ns1");
    assert_eq!((found.len(), &found[0]["kind"], &found[0]["options"]), (1, &json!("tbf"), &of(12_500_000, 50_000)));
    let said = lab.refused(2, "set-port sw1 ns1 --mtu 65000");
    assert!(said.contains("does not go with the MTU"), "tbf would let nothing so long pass: {said}");
    assert!(lab.ok("show").contains("\n        what it sends: rate 100mbit\n"), "{}", lab.ok("show"));
    assert_eq!(lab.json("show")["switches"][0]["ports"][0]["inside"]["impairment"]["rate"], "100mbit");
    lab.ok("del-port sw1 ns1");
}

/// What is not asked for stays.
pub fn a_port_is_set(lab: &Lab) {
    two_namespaces(lab);
    lab.ok("set-port sw1 ns1 --mtu 1400 --mac 02:00:00:00:00:01");
    let (host, own) = (tool::link("host", "veth-ns1").unwrap(), tool::link("ns1", "eth1-ns1").unwrap());
    assert_eq!((&host["mtu"], &own["mtu"], &own["address"]), (&json!(1400), &json!(1400), &json!("02:00:00:00:00:01")));
    assert!(traffic::pings("ns2", "10.0.0.1"));
    // a device that is down is not what was asked about
    run(&inside("ns1", "ip link set eth1-ns1 down"));
    lab.ok("set-port sw1 veth-ns1 --mtu 1300");
    assert_eq!(tool::link("ns1", "eth1-ns1").unwrap()["flags"], json!(["BROADCAST", "MULTICAST"]));
    assert_eq!(tool::link("ns1", "eth1-ns1").unwrap()["address"], "02:00:00:00:00:01");
    if !lab.is_linux() {
        lab.ok("set-port sw1 ns2 --tag 7 --iface-id vm-7");
        let port = |lab: &Lab| lab.json("list-ports sw1")["ports"][1].clone();
        assert_eq!((&port(lab)["vlan"], &port(lab)["iface_id"]), (&json!({"tag": 7}), &json!("vm-7")));
        lab.ok("set-port sw1 ns2 --trunks 8,9");
        assert_eq!(port(lab)["vlan"], json!({"trunks": [8, 9]}));
        lab.ok("set-port sw1 ns2 --no-vlan");
        assert_eq!((&port(lab)["vlan"], &port(lab)["iface_id"]), (&Value::Null, &json!("vm-7")));
    }
    let said = lab.refused(2, "set-port sw1 ns1");
    assert!(said.contains("nothing to set was given"), "{said}");
    let said = lab.refused(1, "set-port sw1 ns3 --mtu 1400");
    assert!(said.contains("ns3 has no port on switch sw1"), "{said}");
    lab.ok("add-port sw1 ns1");
    let said = lab.refused(1, "set-port sw1 ns1 --mtu 1400");
    assert!(said.contains("ns1 has 2 ports: veth-ns1, veth2-ns1"), "{said}");
}

pub fn an_uplink_is_impaired_where_it_lasts(lab: &Lab) {
    lab.add_br("sw1", "");
    run("ip link add up0 type veth peer name wire0");
    if lab.is_linux() {
        lab.ok("add-port sw1 dev:up0 --rate 10mbit");
        assert!(lab.ok("show").contains("\n        what leaves: rate 10mbit"));
        lab.ok("set-port sw1 dev:up0 --rate 20mbit");
        assert_eq!(qdiscs("host", "up0")[0]["options"]["rate"], 2_500_000);
        lab.ok("del-port sw1 dev:up0");
        assert_eq!(qdiscs("host", "up0"), [] as [Value; 0]);
    } else {
        let said = lab.refused(1, "add-port sw1 dev:up0 --rate 10mbit");
        assert!(said.contains("Open vSwitch removes") && said.contains("linux-noop"), "{said}");
        lab.ok("add-port sw1 dev:up0");
        let said = lab.refused(1, "set-port sw1 dev:up0 --rate 10mbit");
        assert!(said.contains("Open vSwitch removes"), "{said}");
        lab.ok("del-port sw1 dev:up0");
    }
    run("ip link delete up0");
}

/// Somebody's own queueing discipline is not replaced, nor taken away.
pub fn what_others_set_stays(lab: &Lab) {
    lab.add_br("sw1", "");
    lab.ok("add-port sw1 ns1");
    run(&inside("ns1", "tc qdisc add dev eth1-ns1 root handle 5: tbf rate 1mbit burst 10k latency 10ms"));
    let theirs = qdiscs("ns1", "eth1-ns1");
    let said = lab.refused(1, "set-port sw1 ns1 --rate 10mbit");
    assert!(said.contains("somebody else's") && said.contains("tc -n ns1 qdisc del dev eth1-ns1 root"), "{said}");
    assert_eq!(lab.ok("set-port sw1 ns1 --no-impair"), "");
    assert_eq!(qdiscs("ns1", "eth1-ns1"), theirs);
}

#[test]
fn what_does_not_go_together_is_refused() {
    require!(Root);
    play(SwitchKind::Linux, |lab| {
        lab.add_br("sw1", "");
        lab.ok("add-port sw1 ns1");
        for (options, why) in [
            ("--jitter 1ms", "needs a delay"),
            ("--delay 1ms --jitter 2ms", "more than the delay"),
            ("--delay 20", "no time with its unit"),
            ("--loss 1", "no part of a hundred"),
            ("--rate 10mbps", "write 10mbit, or 80mbit"),
            ("--rate 10bit", "none of those that make sense"),
            ("--rate 1mbit --mtu 20000", "does not go with the MTU"),
            ("--rate 1mbit --no-impair", "cannot be used with"),
        ] {
            let said = lab.refused(2, &format!("set-port sw1 ns1 {options}"));
            assert!(said.contains(why), "{options}: {said}");
        }
    });
}

#[test]
fn a_kernel_without_netem_is_told() {
    require!(Root, Tbf);
    play(SwitchKind::Linux, |lab| {
        lab.add_br("sw1", "");
        lab.ok("add-port sw1 ns1 --rate 10mbit");
        if has(Feature::Netem) {
            lab.ok("set-port sw1 ns1 --delay 20ms");
            return;
        }
        for verb in ["set-port sw1 ns1 --delay 20ms", "add-port sw1 ns2 --loss 1%"] {
            let said = lab.refused(1, verb);
            assert!(said.contains("no netem (module sch_netem)") && said.contains("modprobe sch_netem"), "{said}");
        }
        assert_eq!(qdiscs("ns1", "eth1-ns1")[0]["options"]["rate"], 1_250_000);
    });
}

/// Round-trip times in milliseconds, and how many of `count` requests were answered.
fn ping(netns: &str, address: &str, count: usize) -> (Vec<f64>, usize) {
    let output = tool::output(&inside(netns, &format!("ping -n -c{count} -i0.01 -W5 {address}")));
    let text = String::from_utf8(output.stdout).unwrap();
    let times: Vec<f64> =
        text.lines().filter_map(|line| line.split("time=").nth(1)?.split(' ').next()?.parse().ok()).collect();
    let answered = times.len();
    (times, answered)
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// A delay, a loss and a rate, and each taken away again.
pub fn packets_are_late_and_lost(lab: &Lab) {
    two_namespaces(lab);
    let (times, answered) = ping("ns1", "10.0.0.2", 10);
    assert_eq!(answered, 10);
    assert!(least(&times) < 200.0, "{times:?}");

    let said = lab.ok("set-port sw1 ns1 --delay 200ms --jitter 20ms");
    assert_eq!(said, "+ impairment of eth1-ns1 in ns1: delay 200ms jitter 20ms\n");
    let found = qdiscs("ns1", "eth1-ns1");
    assert_eq!((found.len(), &found[0]["kind"], &found[0]["handle"]), (1, &json!("netem"), &json!("79:")));
    assert_eq!(found[0]["options"]["delay"], json!({"delay": 0.2, "jitter": 0.02, "correlation": 0}));
    let (times, _) = ping("ns1", "10.0.0.2", 10);
    assert!((180.0..400.0).contains(&least(&times)), "once 200 ms, more or less: {times:?}");
    let (times, _) = ping("ns2", "10.0.0.1", 10);
    assert!((180.0..400.0).contains(&least(&times)), "once from the other side too: {times:?}");

    // the others stay when one is set
    assert_eq!(
        lab.ok("set-port sw1 ns1 --loss 30% --rate 100mbit"),
        "~ impairment of eth1-ns1 in ns1: loss none -> 30%, rate none -> 100mbit\n"
    );
    assert!(lab.ok("show").contains("what it sends: delay 200ms jitter 20ms loss 30% rate 100mbit\n"));
    let found = qdiscs("ns1", "eth1-ns1");
    assert_eq!(
        (&found[1]["parent"], &found[1]["kind"], &found[1]["options"]["rate"]),
        (&json!("79:1"), &json!("tbf"), &json!(12_500_000))
    );
    let (_, answered) = ping("ns1", "10.0.0.2", 200);
    assert!((80..190).contains(&answered), "140 of 200 are to be expected: {answered}");

    lab.ok("set-port sw1 ns1 --delay 0 --jitter 0 --loss 0%");
    let found = qdiscs("ns1", "eth1-ns1");
    assert_eq!((found.len(), &found[0]["kind"]), (1, &json!("tbf")), "the rate is left");
    lab.ok("set-port sw1 ns1 --delay 1ms");
    assert_eq!(qdiscs("ns1", "eth1-ns1").len(), 2);
    lab.ok("set-port sw1 ns1 --no-impair");
    assert_eq!(qdiscs("ns1", "eth1-ns1"), [] as [Value; 0]);
    let (_, answered) = ping("ns1", "10.0.0.2", 20);
    assert_eq!(answered, 20);
}

/// A server for one test, ended with it.
struct Server(Child);

impl Server {
    fn start(netns: &str) -> Server {
        let line = inside(netns, "iperf3 --server --one-off --interval 0");
        let words: Vec<&str> = line.split_whitespace().collect();
        let child =
            Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        // 5201, its port, in the hexadecimal of proc(5)
        while !run(&inside(netns, "cat /proc/net/tcp /proc/net/tcp6")).contains(":1451 ") {
            assert!(Instant::now() < deadline, "iperf3 does not listen");
            std::thread::yield_now();
        }
        Server(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What iperf3 sees arrive in 3 seconds, in bits a second.
fn iperf3(from: &str, to: &str, address: &str) -> f64 {
    let _server = Server::start(to);
    let seen = json_of(&inside(from, &format!("iperf3 --json --time 3 --client {address}")));
    seen["end"]["sum_received"]["bits_per_second"].as_f64().unwrap()
}

pub fn iperf3_sees_the_rate(lab: &Lab) {
    two_namespaces(lab);
    for options in ["--rate 5mbit", "--rate 5mbit --delay 20ms"] {
        lab.ok(&format!("set-port sw1 ns1 {options}"));
        let seen = iperf3("ns1", "ns2", "10.0.0.2");
        assert!((2e6..6e6).contains(&seen), "{options}: {seen} bits a second");
    }
    // nobody waits for himself longer than the queue is, which is 50 ms and what the sender does not hold back
    let times = std::thread::scope(|scope| {
        let flood = scope.spawn(|| iperf3("ns1", "ns2", "10.0.0.2"));
        let mut times = ping("ns1", "10.0.0.2", 200).0;
        flood.join().unwrap();
        times.sort_by(f64::total_cmp);
        times
    });
    assert!(times[times.len() / 2] < 1000.0, "{times:?}");
    lab.ok("set-port sw1 ns1 --no-impair");
    let free = iperf3("ns1", "ns2", "10.0.0.2");
    assert!(free > 10e6, "{free} bits a second without a limit");
}

#[test]
fn linux_late_and_lost() {
    require!(Root, Netem, Tbf);
    play(SwitchKind::Linux, packets_are_late_and_lost);
}

#[test]
fn kernel_late_and_lost() {
    require!(Root, OpenVswitch, KernelDatapath, Netem, Tbf);
    play(SwitchKind::Kernel, packets_are_late_and_lost);
}

#[test]
fn linux_iperf3() {
    require!(Root, Netem, Tbf);
    play(SwitchKind::Linux, iperf3_sees_the_rate);
}

#[test]
fn kernel_iperf3() {
    require!(Root, OpenVswitch, KernelDatapath, Netem, Tbf);
    play(SwitchKind::Kernel, iperf3_sees_the_rate);
}
