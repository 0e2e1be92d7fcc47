//! sFlow, NetFlow and IPFIX: datagrams of the protocol's version reach a collector.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::common::traffic::pings;
use super::lab::Lab;

super::features! {
    ovs: sflow(OpenVswitch) netflow(OpenVswitch) ipfix(OpenVswitch) flow_export_of_a_lab(OpenVswitch);
    linux_refuses: sflow() netflow() ipfix();
}

const DEADLINE: Duration = Duration::from_secs(60);

/// A switch with two namespaces, and a collector on `lo`.
fn stage(lab: &Lab) -> (UdpSocket, String) {
    lab.add_br("sw1", "");
    for number in 1..=2 {
        lab.ok(&format!("add-port sw1 ns{number} --ip 10.0.0.{number}/24"));
    }
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let target = collector.local_addr().unwrap().to_string();
    (collector, target)
}

/// A datagram of which `is_it` holds, while the namespaces go on to ping.
fn arrives(collector: &UdpSocket, is_it: impl Fn(&[u8]) -> bool) {
    let begin = Instant::now();
    let mut buffer = [0; 65_536];
    while begin.elapsed() < DEADLINE {
        assert!(pings("ns1", "10.0.0.2"));
        if collector.recv(&mut buffer).is_ok_and(|length| is_it(&buffer[..length])) {
            return;
        }
    }
    panic!("no such datagram has come");
}

fn refused(lab: &Lab, protocol: &str, target: &str) -> bool {
    if lab.is_linux() {
        let said = lab.refused(1, &format!("set-br sw1 --{protocol} {target}"));
        assert!(said.contains(&format!("{protocol} of switch sw1")) && said.contains("--backend ovs"), "{said}");
    }
    lab.is_linux()
}

fn sflow(lab: &Lab) {
    let (collector, target) = stage(lab);
    if refused(lab, "sflow", &target) {
        return;
    }
    lab.ok(&format!("set-br sw1 --sflow {target} --sampling 1 --polling 1 --header 64 --agent lo"));
    // version 5, and a flow sample (1) or one of counters (2): both come
    let version = |datagram: &[u8]| datagram[..4] == [0, 0, 0, 5];
    for sample in [1, 2] {
        arrives(&collector, |datagram| version(datagram) && datagram[28..32] == [0, 0, 0, sample]);
    }
    let line = format!("export of sw1 by sflow to {target} sampling 1 polling 1 header 64 agent lo");
    assert!(lab.ok("show").contains(&line), "{}", lab.ok("show"));
    let said = lab.ok(&format!("set-br sw1 --sflow {target} --sampling 10 --agent lo"));
    assert!(said.contains("sampling 1 -> 10") && said.contains("polling 1 -> none"), "{said}");
    lab.ok("set-br sw1 --no-sflow");
    assert!(lab.ovs().vsctl(&["list", "sFlow"]).is_empty());
    assert!(lab.refused(2, "set-br sw1 --sflow collector:6343").contains("is no collector"));
}

fn netflow(lab: &Lab) {
    let (collector, target) = stage(lab);
    if refused(lab, "netflow", &target) {
        return;
    }
    lab.ok(&format!("set-br sw1 --netflow {target} --active-timeout 1"));
    // version 5, and at least one flow: 24 bytes of header, 48 of each
    arrives(&collector, |datagram| datagram[..2] == [0, 5] && datagram.len() >= 72);
    lab.ok("set-br sw1 --no-netflow");
    assert!(lab.ovs().vsctl(&["list", "NetFlow"]).is_empty());
}

fn ipfix(lab: &Lab) {
    let (collector, target) = stage(lab);
    if refused(lab, "ipfix", &target) {
        return;
    }
    lab.ok(&format!("set-br sw1 --ipfix {target} --sampling 1 --active-timeout 1"));
    // version 10; behind its header of 16 bytes a set: templates (2), or data of one of them (256 and more)
    let set = |datagram: &[u8]| u16::from_be_bytes([datagram[16], datagram[17]]);
    arrives(&collector, |datagram| datagram[..2] == [0, 10] && set(datagram) == 2);
    arrives(&collector, |datagram| datagram[..2] == [0, 10] && set(datagram) >= 256);
    lab.ok("set-br sw1 --no-ipfix");
    assert!(lab.ovs().vsctl(&["list", "IPFIX"]).is_empty());
}

fn flow_export_of_a_lab(lab: &Lab) {
    let file = std::env::temp_dir().join(format!("exports-{}.yaml", std::process::id()));
    let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
    collector.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let target = collector.local_addr().unwrap();
    let datapath = lab.datapath().replace("--datapath ", "");
    let write = |exports: &str| {
        let text = format!(
            "lab: told\nswitches: {{ sw1: {{ backend: ovs, datapath: {datapath}{exports} }} }}\n\
             namespaces: {{ \"ns[1-2]\": {{ ports: [ {{ switch: sw1, ip: 10.0.0.+/24 }} ] }} }}\n"
        );
        std::fs::write(&file, text).unwrap();
    };
    let name = file.to_str().unwrap().to_owned();
    write(&format!(
        ", netflow: {{ targets: \"{target}\", active-timeout: 1 }}, sflow: {{ targets: [\"192.0.2.1:6343\"], sampling: 10 }}, \
         ipfix: {{ targets: [\"192.0.2.1:4739\", \"[2001:db8::1]:4739\"] }}"
    ));
    lab.ok(&format!("apply {name}"));
    lab.ok(&format!("plan {name} --exit-code"));
    arrives(&collector, |datagram| datagram[..2] == [0, 5]);
    let exported = lab.ok("export --lab told");
    assert!(exported.contains("sflow: { targets: \"192.0.2.1:6343\", sampling: 10 }"), "{exported}");
    write(", sflow: { targets: \"192.0.2.1:6343\", polling: 5 }");
    let said = lab.ok(&format!("apply {name}"));
    assert!(said.contains("sampling 10 -> none, polling none -> 5"), "{said}");
    assert_eq!(lab.ovs().vsctl(&["list", "IPFIX"]) + &lab.ovs().vsctl(&["list", "NetFlow"]), "");
    write(", sflow: { targets: nowhere }");
    assert!(lab.cli.fails(2, &["check", &name]).contains("`nowhere` is no collector"));
    write("");
    lab.ok(&format!("destroy {name}"));
    std::fs::remove_file(&file).unwrap();
}
