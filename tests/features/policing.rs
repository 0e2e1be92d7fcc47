//! Limits of what comes in by ports: of a hundred packets in quick succession few pass, and all where there is no limit. Counts are compared
//! within one run.

use super::common::tool::{self, inside};
use super::common::traffic::pings;
use super::lab::Lab;

super::features! {
    ovs: ingress_policing(OpenVswitch, Police, KernelDatapath) policing_in_the_database(OpenVswitch) policing_of_a_lab(OpenVswitch);
    linux: ingress_policing(Police) storm_limits(Police) policing_beside_a_mirror(Police, Mirred) policing_of_a_lab(Police);
    ovs_refuses: storm_limits(OpenVswitch);
}

const PACKETS: u64 = 100;
/// What passes of them at once, and while they come: a kilobyte each, and as much a second.
const SLOW: &str = "--ingress-rate 8kbit --ingress-burst 80kbit";

fn stage(lab: &Lab) {
    lab.add_br("sw1", "");
    for number in 1..=2 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24"));
    }
    assert!(pings("ns1", "10.0.0.2"));
}

/// How many packets a namespace has received.
fn received(netns: &str) -> u64 {
    let shown = tool::json(&format!("ip -n {netns} -j -s link show eth1-{netns}"));
    shown[0]["stats64"]["rx"]["packets"].as_u64().unwrap()
}

/// How many of [`PACKETS`] from one namespace to an address arrive at the other.
fn arrive(from: &str, options: &str, address: &str, to: &str) -> u64 {
    let before = received(to);
    let ping = format!("ping -q -c {PACKETS} -i 0.01 -W 1 -s 1000 {options} {address}");
    // it fails where no answer comes
    let output = tool::output(&inside(from, &ping));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("{PACKETS} packets transmitted")), "{said} {output:?}");
    received(to) - before
}

fn ingress_policing(lab: &Lab) {
    stage(lab);
    let pinged = |from: &str, address: &str, to: &str| arrive(from, "", address, to);
    let free = pinged("ns1", "10.0.0.2", "ns2");
    assert!(free >= PACKETS, "{free} of {PACKETS} without a limit");
    lab.ok(&format!("set-port sw1 ns1 {SLOW}"));
    assert_eq!(lab.ok(&format!("set-port sw1 ns1 {SLOW}")), "", "there is nothing to do");
    let limited = pinged("ns1", "10.0.0.2", "ns2");
    assert!(2 * limited < PACKETS, "{limited} of {PACKETS} with a limit");
    let back = pinged("ns2", "10.0.0.1", "ns1");
    assert!(back >= PACKETS, "{back} of {PACKETS} the other way");
    assert!(lab.ok("show").contains("policing of veth-ns1 ingress-rate 8kbit ingress-burst 80kbit"));
    lab.ok("set-port sw1 ns1 --ingress-rate 100mbit");
    let faster = pinged("ns1", "10.0.0.2", "ns2");
    assert!(faster > 2 * limited, "{faster} with a higher limit, {limited} with a lower one");
    lab.ok("set-port sw1 ns1 --ingress-rate default");
    assert!(!lab.ok("show").contains("policing"));
    let again = pinged("ns1", "10.0.0.2", "ns2");
    assert!(again >= PACKETS, "{again} of {PACKETS} without a limit again");
    assert!(lab.refused(2, "set-port sw1 ns1 --ingress-burst 80kbit").contains("needs an ingress-rate"));
}

/// What is asked for stands in the columns, whether the kernel can do it or not, and goes with the port.
fn policing_in_the_database(lab: &Lab) {
    stage(lab);
    let columns = |device: &str| {
        lab.ovs().vsctl(&["get", "interface", device, "ingress_policing_rate", "ingress_policing_burst"])
    };
    lab.ok(&format!("set-port sw1 ns1 {SLOW}"));
    assert_eq!(columns("veth-ns1").split_whitespace().collect::<Vec<_>>(), ["8", "80"]);
    assert_eq!(lab.ok("set-port sw1 ns1 --ingress-rate 8001bit"), "", "it counts in kbit");
    lab.ok("set-port sw1 ns1 --ingress-burst default");
    assert_eq!(columns("veth-ns1").split_whitespace().collect::<Vec<_>>(), ["8", "0"]);
    let shown = lab.json("show")["switches"][0]["traffic"].clone();
    assert_eq!((&shown[0]["kind"], &shown[0]["rate"]), (&"policing".into(), &"8kbit".into()));
    let told = lab.ok("set-port sw1 ns1 --no-policing --explain");
    assert!(told.contains("set interface veth-ns1 ingress_policing_rate=0 ingress_policing_burst=0"), "{told}");
    lab.ok("set-port sw1 ns1 --no-policing");
    assert_eq!(columns("veth-ns1").split_whitespace().collect::<Vec<_>>(), ["0", "0"]);
    let before = lab.inventory();
    lab.ok("add-port sw1 ns3 --ingress-rate 1mbit");
    assert_eq!(columns("veth-ns3").split_whitespace().collect::<Vec<_>>(), ["1000", "0"]);
    let told = lab.ok("del-port sw1 ns3 --dry-run");
    assert!(told.contains("- policing of veth-ns3 ingress-rate 1mbit"), "{told}");
    lab.ok("del-ns ns3");
    assert_eq!(lab.inventory(), before);
}

/// Broadcast has a limit of its own; what goes to one address has not.
fn storm_limits(lab: &Lab) {
    stage(lab);
    let broadcast = || arrive("ns1", "-b", "10.0.0.255", "ns2");
    let free = broadcast();
    assert!(free >= PACKETS, "{free} of {PACKETS} without a limit");
    if lab.is_linux() {
        lab.ok("set-port sw1 ns1 --storm-rate 8kbit");
        assert!(lab.ok("show").contains("policing of veth-ns1 storm-rate 8kbit"));
    } else {
        let said = lab.refused(1, "set-port sw1 ns1 --storm-rate 8kbit");
        assert!(said.contains("Open vSwitch has no column for it"), "{said}");
        // the hint is two commands that do it
        let hint = said.split("hint: a meter and a flow do it: ").nth(1).unwrap();
        for command in hint.trim().split("; ") {
            lab.ok(command.strip_prefix("ovsns ").unwrap());
        }
    }
    let limited = broadcast();
    assert!(2 * limited < PACKETS, "{limited} of {PACKETS} with a limit");
    let one = arrive("ns1", "", "10.0.0.2", "ns2");
    assert!(one >= PACKETS, "{one} of {PACKETS} to one address");
    if lab.is_linux() {
        lab.ok("set-port sw1 ns1 --storm-rate default");
        assert_eq!(tool::run("tc filter show dev veth-ns1 ingress").trim(), "");
        assert_eq!(tool::run("tc qdisc show dev veth-ns1 clsact").trim(), "");
        let again = broadcast();
        assert!(again >= PACKETS, "{again} of {PACKETS} without a limit again");
    }
}

/// Both hang on one door: what passes is copied still, and each stays when the other goes. What we explain can be pasted.
fn policing_beside_a_mirror(lab: &Lab) {
    stage(lab);
    lab.ok("add-port sw1 ns3");
    lab.ok("add-mirror sw1 m1 --from ns1 --direction in --to ns3");
    let told = lab.ok(&format!("set-port sw1 ns1 {SLOW} --storm-rate 1mbit --explain"));
    told.lines().filter(|line| !line.starts_with('#')).for_each(|line| drop(tool::run(line)));
    let asked = format!("set-port sw1 ns1 {SLOW} --storm-rate 1mbit");
    assert_eq!(lab.ok(&asked), "", "it is as the commands have made it");
    lab.ok("set-port sw1 ns1 --no-policing");
    lab.ok(&asked);
    let copied = arrive("ns1", "", "10.0.0.2", "ns3");
    assert!(copied > 0 && 2 * copied < PACKETS, "{copied} of {PACKETS} copied");
    lab.ok("del-mirror sw1 m1");
    assert!(lab.ok("show").contains("policing of veth-ns1 ingress-rate 8kbit ingress-burst 80kbit storm-rate 1mbit"));
    lab.ok("add-mirror sw1 m1 --from ns1 --direction in --to ns3");
    lab.ok("set-port sw1 ns1 --no-policing");
    assert_eq!(lab.lines("list-mirrors").len(), 1);
    let copied = arrive("ns1", "", "10.0.0.2", "ns3");
    assert!(copied >= PACKETS, "{copied} of {PACKETS} copied without a limit");
    lab.ok("del-mirror sw1 m1");
}

fn policing_of_a_lab(lab: &Lab) {
    let file = std::env::temp_dir().join(format!("ovsns-policing-{}.yaml", std::process::id()));
    let datapath = lab.datapath().replace("--datapath", ", datapath:");
    let write = |limits: &str| {
        let text = format!(
            "lab: limited\nswitches: {{ sw1: {{ backend: {}{datapath} }} }}\nnamespaces:\n  \
             \"ns[1-2]\": {{ ports: [ {{ switch: sw1, ip: 10.0.0.+/24{limits} }} ] }}\n",
            lab.backend()
        );
        std::fs::write(&file, text).unwrap();
    };
    let name = file.to_str().unwrap().to_owned();
    let storm = if lab.is_linux() { ", storm-rate: 1mbit" } else { "" };
    write(&format!(", ingress-rate: 10mbit, ingress-burst: 1mbit{storm}"));
    lab.ok(&format!("apply {name}"));
    lab.ok(&format!("plan {name} --exit-code"));
    assert!(pings("ns1", "10.0.0.2"));
    let exported = lab.ok("export --lab limited");
    assert!(exported.contains(&format!("ingress-rate: 10mbit, ingress-burst: 1mbit{storm}")), "{exported}");
    write(", ingress-rate: 20mbit");
    lab.ok(&format!("apply {name}"));
    assert!(lab.ok("show").contains("policing of veth-ns2 ingress-rate 20mbit\n"));
    write(", ingress-burst: 2mbit");
    assert!(lab.cli.fails(2, &["check", &name]).contains("an ingress-burst of 2mbit needs an ingress-rate"));
    if !lab.is_linux() {
        write(", storm-rate: 2mbit");
        assert!(lab.cli.fails(2, &["check", &name]).contains("`storm-rate` means nothing on a switch of backend ovs"));
    }
    write("");
    lab.ok(&format!("apply {name}"));
    assert!(!lab.ok("show").contains("policing"));
    lab.ok(&format!("destroy {name}"));
    std::fs::remove_file(&file).unwrap();
}
