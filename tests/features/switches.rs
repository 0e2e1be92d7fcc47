//! Settings of a switch: what it learns and forgets, what it lets pass, and how it finds a tree.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::common::tool::{inside, json, run, succeeds};
use super::common::traffic::{pings, silent, within};
use super::frames::{Expected, Frame};
use super::lab::Lab;
use super::until;

super::features! {
    ovs: isolated_ports(OpenVswitch) ageing_of_learned_addresses(OpenVswitch) size_of_the_fdb(OpenVswitch)
        multicast_snooping(OpenVswitch) reserved_addresses_pass(OpenVswitch) spanning_tree(OpenVswitch)
        rapid_spanning_tree(OpenVswitch) fail_mode(OpenVswitch) datapath_id_and_protocols(OpenVswitch)
        openflow_controllers(OpenVswitch) settings_in_a_lab_file(OpenVswitch) mistakes_are_told(OpenVswitch);
    linux: isolated_ports() ageing_of_learned_addresses() size_of_the_fdb(MaxLearned) multicast_snooping()
        reserved_addresses_pass() spanning_tree() settings_in_a_lab_file() mistakes_are_told();
    linux_refuses: rapid_spanning_tree() fail_mode() datapath_id_and_protocols() openflow_controllers();
}

/// Longer than a spanning tree takes with its shortest times.
const PATIENCE: Duration = Duration::from_secs(90);

fn three_on_a_switch(lab: &Lab, options: &str) {
    lab.add_br("sw1", options);
    for number in 1..=3 {
        lab.ok(&format!("add-port sw1 ns{number} --name eth0 --ip 10.0.0.{number}/24"));
    }
}

fn refused_on_linux(lab: &Lab, options: &str) {
    lab.add_br("sw1", "");
    let said = lab.refused(1, &format!("set-br sw1 {options}"));
    assert!(said.contains("is not possible on backend linux") && said.contains("--backend ovs"), "{said}");
}

fn isolated_ports(lab: &Lab) {
    three_on_a_switch(lab, "");
    lab.ok("set-port sw1 ns1 --isolated");
    lab.ok("set-port sw1 ns2 --isolated=on");
    assert!(silent("ns1", "10.0.0.2"));
    assert!(pings("ns1", "10.0.0.3"));
    lab.ok("set-port sw1 ns2 --isolated=default");
    assert!(pings("ns1", "10.0.0.2"));
}

/// Who has been silent for longer is looked for everywhere.
fn ageing_of_learned_addresses(lab: &Lab) {
    // the least that Open vSwitch takes
    let seconds = if lab.is_linux() { 2 } else { 15 };
    three_on_a_switch(lab, &format!("--ageing {seconds}"));
    quiet(&["ns1", "ns2", "ns3"]);
    let known = "02:00:00:00:0f:02";
    Frame { src: known, ..Frame::broadcast("ns2", &[]) }.arrives(&[("ns1", Some(&[]))]);
    let to_known = Frame { dst: known, ..Frame::broadcast("ns1", &[]) };
    to_known.arrives(&[("ns2", Some(&[])), ("ns3", None)]);
    until("forgotten", || (to_known.heard(&[("ns3", false)])[0].is_some()).then_some(()));
}

/// Nobody speaks unless he is asked to.
fn quiet(netnses: &[&str]) {
    for netns in netnses {
        run(&inside(netns, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"));
    }
}

/// Of more addresses than fit, some are not known.
fn size_of_the_fdb(lab: &Lab) {
    three_on_a_switch(lab, "--fdb-size 10");
    for number in 0..30 {
        let src = format!("02:00:00:00:0e:{number:02x}");
        Frame { src: &src, ..Frame::broadcast("ns2", &[]) }.arrives(&[("ns1", Some(&[]))]);
    }
    let lines = match lab.is_linux() {
        true => run("bridge fdb show br sw1"),
        false => run(&format!("ovs-appctl -t {} fdb/show sw1", vswitchd(lab))),
    };
    let known = lines.lines().filter(|line| line.contains("02:00:00:00:0e:")).count();
    assert!((1..=10).contains(&known), "{known} of 30 are known:\n{lines}");
}

/// The socket by which ovs-vswitchd takes commands.
fn vswitchd(lab: &Lab) -> String {
    let directory = lab.ovs().run_dir();
    let pid = std::fs::read_to_string(directory.join("ovs-vswitchd.pid")).unwrap();
    format!("{}/ovs-vswitchd.{}.ctl", directory.display(), pid.trim())
}

/// Who has not joined a group does not hear it.
fn multicast_snooping(lab: &Lab) {
    three_on_a_switch(lab, "--mcast-snooping=off");
    let group = Frame { dst: "01:00:5e:00:63:01", ..Frame::broadcast("ns1", &[]) };
    group.arrives(&[("ns2", Some(&[])), ("ns3", Some(&[]))]);
    lab.ok("set-br sw1 --mcast-snooping");
    if lab.is_linux() {
        // a Linux bridge believes in memberships once somebody asks for them
        run("ip link set sw1 type bridge mcast_query_response_interval 100 mcast_querier 1");
    }
    let _member = Member::of("ns2", "239.0.99.1");
    // reports may come late, and the switch waits for a querier: IP multicast, since snooping is about that
    until("only the member hears it", || (heard_by(&["ns2", "ns3"], "239.0.99.1") == [true, false]).then_some(()));
}

/// Which of these namespaces hear what ns1 sends to the group.
fn heard_by(netnses: &[&str], group: &str) -> Vec<bool> {
    let ears: Vec<_> = netnses.iter().map(|netns| Ear::open(netns, group)).collect();
    // nobody answers
    succeeds(&inside("ns1", &format!("ping -n -c3 -i0.2 -W1 -I eth0 {group}")));
    ears.into_iter().map(|ear| ear.count() > 0).collect()
}

/// `tcpdump` on a namespace's device, which does not join the group.
struct Ear(std::process::Child, BufReader<std::process::ChildStdout>);

impl Ear {
    fn open(netns: &str, group: &str) -> Ear {
        let mut tcpdump = Command::new("ip");
        tcpdump
            .args(["netns", "exec", netns, "tcpdump", "-i", "eth0", "-n", "-l", "-p", "icmp and dst host"])
            .arg(group);
        let mut child = tcpdump.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "tcpdump in {netns} ended");
        }
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Ear(child, stdout)
    }

    /// How many packets it has heard by now; it prints all that it has when it is ended.
    fn count(mut self) -> usize {
        let pid = nix::unistd::Pid::from_raw(self.0.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let mut lines = String::new();
        self.1.read_to_string(&mut lines).unwrap();
        self.0.wait().unwrap();
        lines.lines().filter(|line| line.contains("ICMP")).count()
    }
}

/// A process that has joined a group.
struct Member(std::process::Child);

impl Member {
    fn of(netns: &str, group: &str) -> Member {
        let script = format!(
            "import socket,struct,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); \
             s.setsockopt(socket.IPPROTO_IP,socket.IP_ADD_MEMBERSHIP,socket.inet_aton('{group}')+socket.inet_aton('10.0.0.2')); \
             print('joined',flush=True); sys.stdin.read()"
        );
        let mut python = Command::new("ip");
        python.args(["netns", "exec", netns, "python3", "-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = python.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "joined\n");
        Member(child)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// LLDP goes to 01:80:c2:00:00:0e, which a switch keeps to itself.
fn reserved_addresses_pass(lab: &Lab) {
    three_on_a_switch(lab, "");
    let lldp = Frame { dst: "01:80:c2:00:00:0e", ..Frame::broadcast("ns1", &[]) };
    lldp.arrives(&[("ns2", None)]);
    let said = lab.run("set-br sw1 --transparent");
    assert_eq!((said.code, said.stderr.contains("never lets these pass")), (0, lab.is_linux()), "{said:?}");
    lldp.arrives(&[("ns2", Some(&[]))]);
    let lacp = Frame { dst: "01:80:c2:00:00:02", ..Frame::broadcast("ns1", &[]) };
    let passes: Expected = if lab.is_linux() { None } else { Some(&[]) };
    lacp.arrives(&[("ns2", passes)]);
    lab.ok("set-br sw1 --transparent=off");
    lldp.arrives(&[("ns2", None)]);
}

/// Two switches that are joined twice: the tree opens the loop, the one of the lower priority is its root.
fn two_switches_joined_twice(lab: &Lab, of_first: &str, of_second: &str) {
    lab.add_br("sw1", of_first);
    lab.add_br("sw2", of_second);
    lab.ok("add-port sw1 ns1 --name eth0 --ip 10.0.0.1/24");
    lab.ok("add-port sw2 ns2 --name eth0 --ip 10.0.0.2/24");
    for number in 1..=2 {
        run(&format!("ip link add t{number}a type veth peer name t{number}b"));
        lab.ok(&format!("add-port sw1 dev:t{number}a"));
        lab.ok(&format!("add-port sw2 dev:t{number}b"));
        run(&format!("ip link set t{number}a up"));
        run(&format!("ip link set t{number}b up"));
    }
}

fn take_links_away(lab: &Lab) {
    lab.ok("del-br sw1");
    lab.ok("del-br sw2");
    run("ip link del t1a");
    run("ip link del t2a");
}

fn spanning_tree(lab: &Lab) {
    let quick = "--stp --stp-hello-time 1 --stp-max-age 6 --stp-forward-delay 4";
    two_switches_joined_twice(lab, quick, &format!("{quick} --stp-priority 4096"));
    until("the second is the root", || (roots(lab) == [false, true]).then_some(()));
    until("a ping passes", || (pings("ns1", "10.0.0.2")).then_some(()));
    // with a loop, a broadcast would come again and again
    let heard = copies("ns1", "ns2");
    assert_eq!(heard, 1, "copies of one broadcast");
    // and the other way round
    lab.ok("set-br sw2 --stp-priority default");
    lab.ok("set-br sw1 --stp-priority 0");
    until("the first is the root", || (roots(lab) == [true, false]).then_some(()));
    take_links_away(lab);
}

/// Whether each switch says that itself is the root.
fn roots(lab: &Lab) -> [bool; 2] {
    let shown = lab.json("show");
    let root = |name: &str| {
        let switch = shown["switches"].as_array().unwrap().iter().find(|switch| switch["name"] == name).unwrap();
        switch["tree"]["is_root"] == true
    };
    let ours = [root("sw1"), root("sw2")];
    let theirs = ["sw1", "sw2"].map(|name| match lab.is_linux() {
        true => {
            let link = json(&format!("ip -j -d link show {name}"));
            link[0]["linkinfo"]["info_data"]["root_port"] == 0
        }
        false => run(&format!("ovs-appctl -t {} stp/show {name}", vswitchd(lab))).contains("This bridge is the root"),
    });
    // both look at a tree that may change between two looks
    if ours == theirs { ours } else { [false, false] }
}

/// How often `to` hears one broadcast of `from`.
fn copies(from: &str, to: &str) -> usize {
    let ear = Ear::open(to, "255.255.255.255");
    succeeds(&inside(from, "ping -n -b -c1 -W1 -I eth0 255.255.255.255"));
    ear.count()
}

fn rapid_spanning_tree(lab: &Lab) {
    if lab.is_linux() {
        lab.add_br("sw1", "");
        let said = lab.refused(1, "set-br sw1 --stp=rstp");
        assert!(said.contains("does not speak it"), "{said}");
        return;
    }
    two_switches_joined_twice(lab, "--stp=rstp", "--stp=rstp --rstp-priority 4096");
    lab.ok("set-port sw1 ns1 --rstp-edge");
    lab.ok("set-port sw2 ns2 --rstp-edge");
    let root = |name: &str| run(&format!("ovs-appctl -t {} rstp/show {name}", vswitchd(lab)));
    let is_root = |name: &str| root(name).contains("This bridge is the root");
    until("the second is the root", || (is_root("sw2") && !is_root("sw1")).then_some(()));
    until("a ping passes", || (pings("ns1", "10.0.0.2")).then_some(()));
    assert_eq!(copies("ns1", "ns2"), 1, "copies of one broadcast");
    take_links_away(lab);
}

/// A switch that is told to wait for its controller forwards nothing by itself.
fn fail_mode(lab: &Lab) {
    if lab.is_linux() {
        return refused_on_linux(lab, "--fail-mode secure");
    }
    three_on_a_switch(lab, "--fail-mode secure");
    assert!(silent("ns1", "10.0.0.2"));
    lab.ok("set-br sw1 --fail-mode standalone");
    assert!(pings("ns1", "10.0.0.2"));
}

fn datapath_id_and_protocols(lab: &Lab) {
    if lab.is_linux() {
        return refused_on_linux(lab, "--dpid 2a");
    }
    lab.add_br("sw1", "--dpid 00:00:00:00:00:00:00:2a --protocols OpenFlow13");
    let management = format!("unix:{}/sw1.mgmt", lab.ovs().run_dir().display());
    let shown = run(&format!("ovs-ofctl -O OpenFlow13 show {management}"));
    assert!(shown.contains("dpid:000000000000002a"), "{shown}");
    assert!(!succeeds(&format!("ovs-ofctl -O OpenFlow10 show {management}")), "it speaks 1.3 alone");
}

/// The switch says hello to its controller, in the version that it was told (OpenFlow 1.3.5, A.1: version 4, type 0).
fn openflow_controllers(lab: &Lab) {
    if lab.is_linux() {
        return refused_on_linux(lab, "--controller tcp:127.0.0.1:6653");
    }
    let controller = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = controller.local_addr().unwrap().port();
    lab.add_br("sw1", &format!("--controller tcp:127.0.0.1:{port} --protocols OpenFlow13"));
    let hello = within("host", || {
        let (mut switch, _) = controller.accept().unwrap();
        switch.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut hello = [0; 2];
        switch.read_exact(&mut hello).unwrap();
        hello
    });
    assert_eq!(hello, [4, 0]);
    lab.ok("set-br sw1 --controller default");
    assert_eq!(lab.ovs().vsctl(&["get-controller", "sw1"]), "");
}

/// What a file no longer says goes back to what it is by itself.
fn settings_in_a_lab_file(lab: &Lab) {
    let kind = if lab.is_linux() { "linux" } else { "ovs" };
    let with = "{ stp-priority: 4096, ageing: 60, transparent: true }";
    let file = |switch: &str, port: &str| {
        format!(
            "lab: settings\ndefaults: {{ backend: {kind} }}\nswitches: {{ sw1: {switch} }}\nnamespaces:\n  \
             \"ns[1-2]\": {{ ports: [ {{ switch: sw1, name: eth0, ip: 10.0.0.+/24{port} }} ] }}\n"
        )
    };
    let apply = |text: String| {
        std::fs::write("/run/settings.yaml", text).unwrap();
        lab.ok("apply /run/settings.yaml");
        assert!(lab.ok("plan /run/settings.yaml").contains("nothing to do"));
    };
    let lldp = Frame { dst: "01:80:c2:00:00:0e", ..Frame::broadcast("ns1", &[]) };
    apply(file(with, ""));
    lldp.arrives(&[("ns2", Some(&[]))]);
    assert!(lab.ok("export").contains("stp-priority: 4096"));
    apply(file("{}", ", isolated: true"));
    lldp.arrives(&[("ns2", None)]);
    assert!(silent("ns1", "10.0.0.2"));
    // what somebody else has set meanwhile goes back too: the file is the whole truth of what the lab made
    lab.ok("set-br sw1 --ageing 77");
    apply(file("{}", ""));
    assert!(pings("ns1", "10.0.0.2"));
    assert_eq!(lab.json("show")["switches"][0]["settings"], serde_json::Value::Null);
    lab.ok("destroy /run/settings.yaml");
    run("rm /run/settings.yaml");
}

fn mistakes_are_told(lab: &Lab) {
    lab.add_br("sw1", "");
    for (options, why) in [
        ("--stp-priority 65536", "not within 0 to 65535"),
        ("--rstp-priority 100", "no multiple of 4096"),
        ("--ageing never", "no number"),
        ("--fail-mode open", "none of standalone, secure"),
        ("--dpid 0", "not zero"),
        ("--protocols OpenFlow9", "none of OpenFlow10"),
        ("--controller 10.0.0.1", "begins with one of tcp:"),
        ("--mcast-snooping=maybe", "neither on nor off"),
    ] {
        let said = lab.refused(2, &format!("set-br sw1 {options}"));
        assert!(said.contains(why), "{options}: {said}");
    }
    let (of_the_other, why) = match lab.is_linux() {
        true => ("--rstp-priority 4096", "does not speak RSTP"),
        false => ("--ageing 5", "15 to 3600"),
    };
    let said = lab.refused(1, &format!("set-br sw1 {of_the_other}"));
    assert!(said.contains(why), "{said}");
}
