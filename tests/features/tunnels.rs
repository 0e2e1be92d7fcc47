//! Tunnels between two hosts: the sandbox is one, the namespace `far` the other. There the kernel's own device is at the other end of the
//! tunnel, where the kernel has it, else another Open vSwitch.

use std::process::Command;

use super::common::ovs::Ovs;
use super::common::require::{Feature, has};
use super::common::tool::{inside, link, output_of, run};
use super::common::traffic::{ping_with, pings, silent};
use super::lab::{Lab, SwitchKind};

super::features! {
    ovs: vxlan_tunnel(OpenVswitch) geneve_tunnel(OpenVswitch) gre_tunnel(OpenVswitch) erspan_tunnel(OpenVswitch)
        gre_tunnel_with_key(OpenVswitch) vxlan_tunnel_over_ipv6(OpenVswitch) vxlan_tunnel_at_another_port(OpenVswitch)
        tunnel_in_a_vlan(OpenVswitch) tunnel_by_flows(OpenVswitch) tunnels_that_cannot_be(OpenVswitch)
        tunnels_of_a_lab(OpenVswitch);
    linux: vxlan_tunnel(Vxlan) geneve_tunnel(Geneve) gre_tunnel(GreTap) erspan_tunnel(Erspan) gre_tunnel_with_key(GreTap)
        vxlan_tunnel_over_ipv6(Vxlan) vxlan_tunnel_at_another_port(Vxlan) tunnel_in_a_vlan(Vxlan, VlanFiltering)
        tunnels_that_cannot_be(Vxlan) tunnels_of_a_lab(Vxlan);
    linux_refuses: tunnel_by_flows();
}

/// Two hosts that reach each other at 192.0.2.1 and 2001:db8::1 (here), 192.0.2.2 and 2001:db8::2 (far), by packets of 1500 bytes.
struct Hosts<'a> {
    lab: &'a Lab,
    /// What runs on the other host, unless it needs none.
    far: Option<Ovs>,
}

/// What the other host does.
struct Far<'a> {
    /// `vxlan`, `geneve`, `gre`, `erspan`.
    kind: &'a str,
    key: Option<u32>,
    port: Option<u16>,
    /// Its address and that of this host.
    ends: [&'a str; 2],
}

const V4: [&str; 2] = ["192.0.2.2", "192.0.2.1"];
const V6: [&str; 2] = ["2001:db8::2", "2001:db8::1"];

impl<'a> Hosts<'a> {
    /// In user space, tunnels leave by the own device of a switch.
    fn new(lab: &'a Lab) -> Hosts<'a> {
        if lab.kind == SwitchKind::Userspace {
            lab.add_br("under", "--ip 192.0.2.1/24 --ip 2001:db8::1/64");
            lab.ok("add-port under far --name eth0 --ip 192.0.2.2/24 --ip 2001:db8::2/64");
        } else {
            let ips = "--ip 192.0.2.2/24 --ip 2001:db8::2/64 --peer-ip 192.0.2.1/24 --peer-ip 2001:db8::1/64";
            lab.ok(&format!("add-link far host --name eth0 {ips}"));
        }
        assert!(pings("far", "192.0.2.1") && pings("far", "2001:db8::1"));
        Hosts { lab, far: None }
    }

    /// Lets the other host be at the other end, with the address 10.0.0.2 inside.
    fn answer(&mut self, far: &Far) {
        let feature = match far.kind {
            "vxlan" => Feature::Vxlan,
            "geneve" => Feature::Geneve,
            "gre" => Feature::GreTap,
            _ => Feature::Erspan,
        };
        let device = if has(feature) { self.by_kernel(far) } else { self.by_ovs(far) };
        run(&format!("ip -n far address add 10.0.0.2/24 dev {device}"));
    }

    fn by_kernel(&self, far: &Far) -> &'static str {
        let [local, remote] = far.ends;
        let key = far.key.unwrap_or(0);
        let what = match far.kind {
            "vxlan" => format!("vxlan id {key} dstport {}", far.port.unwrap_or(4789)),
            "geneve" => format!("geneve id {key} dstport {}", far.port.unwrap_or(6081)),
            "gre" => format!("gretap {}", far.key.map_or(String::new(), |key| format!("key {key}"))),
            _ => format!("erspan seq key {key} erspan_ver 1 erspan 1"),
        };
        let local = if far.kind == "geneve" { String::new() } else { format!("local {local}") };
        let checksums = if remote.contains(':') { "udp6zerocsumrx" } else { "" };
        run(&format!("ip -n far link add tun0 mtu 1500 up type {what} {local} remote {remote} {checksums}"));
        "tun0"
    }

    /// The address of the host has to be on a switch of it, which has its device.
    fn by_ovs(&mut self, far: &Far) -> &'static str {
        let ovs = Ovs::start_in("far");
        let br = |name: &str| ovs.vsctl(&["add-br", name, "--", "set", "bridge", name, "datapath_type=netdev"]);
        br("ex");
        ovs.vsctl(&["add-port", "ex", "eth0"]);
        run("ip -n far address flush dev eth0 scope global");
        run("ip -n far link set ex up");
        run("ip -n far address add 192.0.2.2/24 dev ex");
        run("ip -n far address add 2001:db8::2/64 dev ex nodad");
        br("in");
        let [local, remote] = far.ends.map(str::to_owned);
        let options = [("remote_ip", remote), ("local_ip", local)].into_iter();
        let options = options.chain(far.key.map(|key| ("key", key.to_string())));
        let options = options.chain(far.port.map(|port| ("dst_port", port.to_string())));
        let erspan = (far.kind == "erspan").then(|| [("erspan_ver", "1".to_owned()), ("erspan_idx", "0".to_owned())]);
        let options = options.chain(erspan.into_iter().flatten());
        let options: Vec<String> = options.map(|(key, value)| format!("options:{key}=\"{value}\"")).collect();
        let kind = format!("type={}", far.kind);
        let mut words = vec!["add-port", "in", "t0", "--", "set", "interface", "t0", &kind];
        words.extend(options.iter().map(String::as_str));
        ovs.vsctl(&words);
        run("ip -n far link set in up");
        self.far = Some(ovs);
        "in"
    }

    /// Makes the switch and its tunnel; what it says is the MTU that ports need, `mtu`.
    fn reach(&self, options: &str, mtu: u32) {
        self.lab.add_br("sw1", "");
        let ran = self.lab.run(&format!("add-tunnel sw1 tun1 {options}"));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stderr.contains(&format!("ports on sw1 need --mtu {mtu}: ")), "{ran:?}");
        self.lab.ok(&format!("add-port sw1 ns1 --ip 10.0.0.1/24 --mtu {mtu}"));
    }

    /// Packets of `mtu` bytes pass, unfragmented, and those of one more do not.
    fn carries(&self, mtu: u32) {
        assert!(pings("ns1", "10.0.0.2"));
        assert!(full_size(mtu));
        self.lab.ok(&format!("set-port sw1 ns1 --mtu {}", mtu + 1));
        assert!(!full_size(mtu + 1), "a packet of {} bytes came through", mtu + 1);
        self.lab.ok(&format!("set-port sw1 ns1 --mtu {mtu}"));
    }
}

/// Whether a packet of so many bytes is answered, which may not be fragmented.
fn full_size(mtu: u32) -> bool {
    // 20 bytes of IP, 8 of ICMP
    ping_with("ns1", &format!("-W3 -M do -s {}", mtu - 28), "10.0.0.2")
}

/// There and back, with packets of just the right size; not with another key; and nothing is left of it.
fn tunnel(lab: &Lab, far: &Far, options: &str, mtu: u32) {
    let mut hosts = Hosts::new(lab);
    hosts.answer(far);
    let remote = format!("--remote {}", far.ends[0]);
    let key = far.key.map_or(String::new(), |key| format!("--key {key}"));
    let plain = format!("--type {} {remote} {options}", far.kind);
    hosts.reach(&format!("{plain} {key}"), mtu);
    hosts.carries(mtu);
    shown(lab, far);
    lab.ok("del-port tun1");
    assert_eq!(link("host", "tun1"), None);
    assert!(silent("ns1", "10.0.0.2"));
    if far.key.is_some() {
        lab.ok(&format!("add-tunnel sw1 tun1 {plain} --key 77"));
        assert!(silent("ns1", "10.0.0.2"), "through a tunnel with another key");
    }
    // the kernel drops packets whose numbers begin anew, as those of a tunnel of erspan do that is made anew (`iseq`, ip-link(8))
    if far.key.is_some() && far.kind != "erspan" {
        lab.ok(&format!("add-tunnel sw1 tun1 {plain} {key} --may-exist"));
        assert!(pings("ns1", "10.0.0.2"));
    }
}

/// In `show`, and as the system's own tools have it.
fn shown(lab: &Lab, far: &Far) {
    let key = far.key.map_or(String::new(), |key| format!(" key {key}"));
    let tree = lab.ok("show sw1");
    let line = tree.lines().find(|line| line.contains("tunnel: ")).unwrap_or_else(|| panic!("{tree}"));
    assert!(line.contains(&format!("tunnel: {} remote {}", far.kind, far.ends[0])) && line.contains(&key), "{tree}");
    let tunnel = lab.json("show sw1")["switches"][0]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|port| port.get("tunnel").cloned());
    assert_eq!(tunnel.unwrap()["remote"], far.ends[0]);
    if lab.is_linux() {
        let device = link("host", "tun1").unwrap();
        let data = &device["linkinfo"]["info_data"];
        let kind = device["linkinfo"]["info_kind"].as_str().unwrap();
        assert!([far.kind, "gretap"].contains(&kind), "{device}");
        assert!(data["remote"] == far.ends[0] || data["remote6"] == far.ends[0], "{device}");
        assert_eq!(device["master"], "sw1");
    } else {
        assert_eq!(link("host", "tun1"), None);
        let options = lab.ovs().vsctl(&["get", "Interface", "tun1", "options:remote_ip"]);
        assert_eq!(options.trim().trim_matches('"'), far.ends[0]);
    }
}

fn vxlan_tunnel(lab: &Lab) {
    tunnel(lab, &Far { kind: "vxlan", key: Some(100), port: None, ends: V4 }, "", 1450);
}

fn vxlan_tunnel_over_ipv6(lab: &Lab) {
    // ovs-vswitchd sends no checksum of UDP unless it is asked to; the kernel wants one with IPv6 (RFC 6935)
    tunnel(lab, &Far { kind: "vxlan", key: Some(100), port: None, ends: V6 }, "--local 2001:db8::1", 1430);
}

fn vxlan_tunnel_at_another_port(lab: &Lab) {
    tunnel(lab, &Far { kind: "vxlan", key: Some(100), port: Some(5000), ends: V4 }, "--dst-port 5000", 1450);
}

fn geneve_tunnel(lab: &Lab) {
    tunnel(lab, &Far { kind: "geneve", key: Some(100), port: None, ends: V4 }, "--tos inherit --ttl 9", 1450);
}

fn gre_tunnel(lab: &Lab) {
    tunnel(lab, &Far { kind: "gre", key: None, port: None, ends: V4 }, "", 1462);
}

fn gre_tunnel_with_key(lab: &Lab) {
    tunnel(lab, &Far { kind: "gre", key: Some(100), port: None, ends: V4 }, "--local 192.0.2.1", 1458);
}

fn erspan_tunnel(lab: &Lab) {
    tunnel(lab, &Far { kind: "erspan", key: Some(100), port: None, ends: V4 }, "--local 192.0.2.1", 1450);
}

/// The tunnel is an access port: who is in its VLAN is reached, who is in another is not.
fn tunnel_in_a_vlan(lab: &Lab) {
    let mut hosts = Hosts::new(lab);
    hosts.answer(&Far { kind: "vxlan", key: Some(100), port: None, ends: V4 });
    lab.add_br("sw1", "");
    lab.ok("add-tunnel sw1 tun1 --type vxlan --remote 192.0.2.2 --key 100 --tag 10");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24 --mtu 1450 --tag 10");
    lab.ok("add-port sw1 ns2 --ip 10.0.0.3/24 --mtu 1450 --tag 20");
    assert!(pings("ns1", "10.0.0.2"));
    assert!(silent("ns2", "10.0.0.2"));
    // a trunk's frames have a tag of four bytes in the tunnel
    let ran = lab.run("add-tunnel sw1 tun2 --type vxlan --remote 192.0.2.2 --key 7 --trunks 10,20");
    assert!(ran.stderr.contains("--mtu 1446"), "{ran:?}");
}

/// OpenFlow says where packets go, and with which key.
fn tunnel_by_flows(lab: &Lab) {
    if lab.is_linux() {
        return tunnel_by_flows_is_refused(lab);
    }
    let mut hosts = Hosts::new(lab);
    hosts.answer(&Far { kind: "vxlan", key: Some(100), port: None, ends: V4 });
    lab.add_br("sw1", "");
    lab.ok("add-tunnel sw1 tun1 --type vxlan --remote flow --key flow");
    lab.ok("add-port sw1 ns1 --ip 10.0.0.1/24 --mtu 1450");
    assert!(silent("ns1", "10.0.0.2"));
    let flows = |flow: &str| {
        let mut ofctl: Command = lab.ovs().command("ovs-ofctl");
        assert!(ofctl.args(["add-flow", "sw1", flow]).status().unwrap().success());
    };
    flows("in_port=veth-ns1,actions=set_field:192.0.2.2->tun_dst,set_field:100->tun_id,output:tun1");
    flows("in_port=tun1,tun_id=100,actions=output:veth-ns1");
    assert!(pings("ns1", "10.0.0.2"));
}

fn tunnel_by_flows_is_refused(lab: &Lab) {
    lab.add_br("sw1", "");
    let said = lab.refused(1, "add-tunnel sw1 tun1 --type vxlan --remote flow --key 7");
    assert!(
        said.contains("remote flow of tunnel tun1 is not possible on backend linux: a Linux bridge has no flows"),
        "{said}"
    );
    assert!(said.contains("hint: Open vSwitch can: --backend ovs"), "{said}");
}

/// What would not work is refused before anything is done.
fn tunnels_that_cannot_be(lab: &Lab) {
    Hosts::new(lab);
    lab.add_br("sw1", "");
    lab.ok("add-tunnel sw1 tun1 --type vxlan --remote 192.0.2.2 --key 100");
    let refused = |code: i32, options: &str, words: &str| {
        let said = lab.refused(code, &format!("add-tunnel sw1 {options}"));
        assert!(said.contains(words), "{options}: {said}");
    };
    refused(1, "tun2 --type vxlan --remote 192.0.2.1", "192.0.2.1 is an address of this host");
    refused(1, "tun2 --type vxlan --remote 127.0.0.1", "127.0.0.1 is an address of this host");
    refused(2, "tun2 --type vxlan --remote 192.0.2.2 --local 192.0.2.2", "leads nowhere");
    refused(2, "tun2 --type vxlan --remote 192.0.2.2 --local 2001:db8::1", "two versions of IP");
    refused(1, "tun2 --type vxlan --remote 192.0.2.2 --key 100", "tun1 is one of type vxlan to 192.0.2.2 and key 100");
    refused(1, "tun1 --type vxlan --remote 192.0.2.2 --key 100", "switch sw1 has it already");
    refused(2, "tun2 --type vxlan --remote 192.0.2.2 --key 16777216", "vxlan has keys from 0 to 16777215");
    refused(2, "tun2 --type gre --remote 192.0.2.2 --dst-port 5", "gre has no UDP port");
    refused(2, "tun2 --type stt --remote 192.0.2.2", "none of vxlan, gre, geneve, erspan");
    refused(2, "tun2-has-a-long-name --type vxlan --remote 192.0.2.2", "at most 15 are allowed");
    if lab.is_linux() {
        refused(1, "tun2 --type vxlan --remote 192.0.2.2 --key 7 --mtu 1451", "1450 fit");
        lab.ok("add-tunnel sw1 tun2 --type vxlan --remote 192.0.2.2 --key 7 --mtu 1450");
    } else {
        refused(2, "tun2 --type vxlan --remote 192.0.2.2 --key 7 --mtu 1450", "it is no device");
        // what others have made counts too
        lab.ovs().vsctl(&[
            "add-port",
            "sw1",
            "theirs",
            "--",
            "set",
            "interface",
            "theirs",
            "type=vxlan",
            "options:remote_ip=192.0.2.2",
            "options:in_key=8",
            "options:out_key=8",
        ]);
        refused(1, "tun2 --type vxlan --remote 192.0.2.2 --key 8", "theirs is one of type vxlan");
    }
}

/// From a lab file, where the file of what is there is the same again.
fn tunnels_of_a_lab(lab: &Lab) {
    let mut hosts = Hosts::new(lab);
    hosts.answer(&Far { kind: "vxlan", key: Some(100), port: None, ends: V4 });
    let datapath = lab.datapath().replace("--datapath ", ", datapath: ");
    let text = format!(
        "lab: t\nswitches:\n  sw1:\n    backend: {}{}\n    tunnels:\n      tun1: {{ type: vxlan, remote: 192.0.2.2, key: 100 }}\n      \
         tun2: {{ type: vxlan, remote: 192.0.2.9, key: 8, dst-port: 5000, tos: 8, ttl: 9, df: false }}\n\
         namespaces: {{ ns1: {{ ports: [ {{ switch: sw1, ip: 10.0.0.1/24, mtu: 1450 }} ] }} }}\n",
        lab.backend(),
        datapath.replace(", ", "\n    "),
    );
    std::fs::write("/run/lab.yaml", text).unwrap();
    let ran = lab.run("apply /run/lab.yaml");
    assert_eq!((ran.code, ran.stderr.contains("need `mtu")), (0, false), "{ran:?}");
    assert!(full_size(1450));
    assert_eq!(lab.run("diff /run/lab.yaml --exit-code").code, 0);
    let file = lab.ok("export --lab t");
    for words in ["tun1: { type: vxlan, remote: 192.0.2.2, key: 100", "dst-port: 5000, tos: 8, ttl: 9, df: false"] {
        assert!(file.contains(words), "{file}");
    }
    std::fs::write("/run/lab.yaml", file.replace("key: 100", "key: 101")).unwrap();
    lab.ok("apply /run/lab.yaml");
    assert!(silent("ns1", "10.0.0.2"));
    lab.ok("rollback --lab t");
    assert!(pings("ns1", "10.0.0.2"));
    lab.ok("destroy --lab t");
    assert_eq!(link("host", "tun1"), None);
    // the host without the switch is as before
    assert!(
        output_of(Command::new("sh").args(["-c", &inside("far", "ping -c1 -W5 192.0.2.1")])).contains("1 received")
    );
}
