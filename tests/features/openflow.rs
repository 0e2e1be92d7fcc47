//! OpenFlow: what flows, groups and meters do to packets, and what a trace says of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::common::tool;
use super::common::traffic::{ping_with, silent};
use super::lab::Lab;
use super::quiet::{BURST, burst, pings, plug, until_ns2_alone_receives, who_receives};
use super::until;

super::features! {
    ovs: openflow_flows(OpenVswitch) openflow_flows_all_or_nothing(OpenVswitch) openflow_group_all(OpenVswitch)
        openflow_group_select(OpenVswitch) openflow_meter(OpenVswitch) openflow_trace(OpenVswitch)
        openflow_errors(OpenVswitch);
    linux_refuses: openflow_flows() openflow_trace() openflow_group_all() openflow_meter();
}

/// Whether the lab is one of Linux bridges, and says that it has none of this.
fn refused(lab: &Lab, verb: &str, what: &str) -> bool {
    if lab.is_linux() {
        lab.add_br("sw1", "");
        let said = lab.refused(1, verb);
        assert!(said.contains(&format!("{what} of switch sw1 is not possible on backend linux")), "{said}");
        assert!(said.contains("hint: Open vSwitch can: --backend ovs"), "{said}");
    }
    lab.is_linux()
}

const THREE: [(&str, &str); 3] = [("ns1", ""), ("ns2", ""), ("ns3", "")];

/// What ovs-ofctl itself shows.
fn dumped(lab: &Lab) -> String {
    let socket = format!("unix:{}", lab.ovs().run_dir().join("sw1.mgmt").display());
    tool::run(&format!("ovs-ofctl -OOpenFlow13 --no-names --no-stats dump-flows {socket}"))
}

/// A flow that drops makes ping silent, is counted, and lets it through again when it is gone.
fn openflow_flows(lab: &Lab) {
    if refused(lab, "flows sw1", "flows") {
        return;
    }
    plug(lab, &THREE);
    assert_eq!(burst("ns1", "10.0.0.2"), BURST);
    lab.ok("add-flow sw1 priority=10,icmp,in_port=ns1,nw_dst=10.0.0.2,actions=drop");
    assert!(silent("ns1", "10.0.0.2"));
    assert!(ping_with("ns1", "-w20", "10.0.0.3"), "it is for one address only");
    assert!(dumped(lab).contains("priority=10,icmp,in_port=1,nw_dst=10.0.0.2 actions=drop"), "{}", dumped(lab));

    until("the flow counts both requests", || {
        let found = lab.json("flows sw1 icmp");
        (found["flows"][0]["packets"].as_u64()? >= 2).then_some(())
    });
    let found = lab.json("flows sw1");
    let flow = &found["flows"][0];
    assert_eq!((&flow["match"], &flow["actions"]), (&"icmp,in_port=ns1,nw_dst=10.0.0.2".into(), &"drop".into()));
    assert_eq!((&flow["table"], &flow["priority"]), (&0.into(), &10.into()));

    // other actions for it, by the namespace's name alone
    lab.ok("mod-flows sw1 icmp,in_port=ns1,nw_dst=10.0.0.2,actions=ns3");
    assert_eq!(who_receives(&["ns2", "ns3"], || burst("ns1", "10.0.0.2")), ["ns3"]);

    assert_eq!(lab.ok("del-flows sw1 icmp,in_port=ns1"), "- 1 flow on sw1\n");
    assert_eq!(burst("ns1", "10.0.0.2"), BURST);
    assert_eq!(dumped(lab).trim(), "priority=0 actions=NORMAL");
}

/// What `flows` prints can be given back; of a file with a mistake nothing is done.
fn openflow_flows_all_or_nothing(lab: &Lab) {
    plug(lab, &THREE);
    lab.ok("add-flow sw1 table=1,cookie=0x7,idle_timeout=600,priority=5,tcp,tp_dst=80,in_port=ns2,actions=output:ns3,LOCAL in_port=ns1,actions=resubmit(,1)");
    let flows =
        || lab.ok("flows sw1").lines().map(|line| line.split("  #").next().unwrap().to_owned()).collect::<Vec<_>>();
    let (before, theirs) = (flows(), dumped(lab));
    assert_eq!(before.len(), 3);
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, lines: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, lines).unwrap();
        path.display().to_string()
    };
    let saved = file("saved", &lab.ok("flows sw1"));
    let said = lab.run("del-flows sw1");
    assert!(said.stdout == "- 3 flows on sw1\n" && said.stderr.contains("forwards nothing"), "{said:?}");
    assert!(silent("ns1", "10.0.0.2"));
    lab.ok(&format!("add-flow sw1 --file {saved}"));
    assert_eq!(flows(), before);
    assert_eq!(dumped(lab), theirs);

    let bad =
        file("bad", "delete\nadd priority=9,actions=drop # and the next one fails\nadd priority=8,actions=group:77\n");
    let said = lab.refused(1, &format!("add-flow sw1 --file {bad}"));
    assert!(
        said.contains("group that is not there (OFPBAC_BAD_OUT_GROUP), of `ADD priority=8 actions=group:77`"),
        "{said}"
    );
    assert_eq!(dumped(lab), theirs, "a bundle that fails does nothing");
    let explained = lab.ok(&format!("add-flow sw1 --file {bad} --explain"));
    assert!(
        explained.contains("--bundle add-flows unix:") && explained.contains("\nadd priority=9,actions=drop\n"),
        "{explained}"
    );
    assert_eq!(dumped(lab), theirs);
}

/// All buckets of a group get each packet.
fn openflow_group_all(lab: &Lab) {
    if refused(lab, "groups sw1", "groups") {
        return;
    }
    plug(lab, &THREE);
    until_ns2_alone_receives("ns1");
    lab.ok("add-group sw1 group_id=1,type=all,bucket=actions=ns2,bucket=actions=output:ns3");
    lab.ok("add-flow sw1 priority=10,icmp,in_port=ns1,actions=group:1");
    assert_eq!(who_receives(&["ns2", "ns3"], || assert_eq!(burst("ns1", "10.0.0.2"), BURST)), ["ns2", "ns3"]);
    let listed = lab.ok("groups sw1");
    assert!(listed.starts_with("group_id=1,type=all,bucket=") && listed.contains("actions=output:ns3"), "{listed}");
    lab.ok("mod-group sw1 group_id=1,type=indirect,bucket=actions=ns3");
    assert_eq!(who_receives(&["ns2", "ns3"], || assert_eq!(burst("ns1", "10.0.0.2"), 0)), ["ns3"]);
    assert_eq!(lab.ok("del-groups sw1 1"), "- group 1 on sw1\n");
    assert_eq!(burst("ns1", "10.0.0.2"), BURST, "its flow has gone with it");
    assert!(lab.refused(1, "del-groups sw1 1").contains("there is no group 1 on switch sw1"));
}

/// Of the buckets of a `select` group each packet goes through one; which, its hash decides.
fn openflow_group_select(lab: &Lab) {
    plug(lab, &THREE);
    lab.ok("add-group sw1 group_id=1,type=select,selection_method=hash,fields(udp_src),bucket=actions=ns2,bucket=actions=ns3");
    lab.ok("add-flow sw1 priority=10,udp,in_port=ns1,actions=group:1");
    let before = ["ns2", "ns3"].map(super::quiet::received);
    let sent = 64;
    super::common::traffic::within("ns1", || {
        for _ in 0..sent {
            // each from a port of its own
            let socket = std::net::UdpSocket::bind("10.0.0.1:0").unwrap();
            socket.send_to(b"x", "10.0.0.2:9").unwrap();
        }
    });
    let arrived = || {
        let now = ["ns2", "ns3"].map(super::quiet::received);
        [now[0] - before[0], now[1] - before[1]]
    };
    let [one, other] = until("all arrive", || Some(arrived()).filter(|arrived| arrived.iter().sum::<u64>() >= sent));
    assert!(one + other < sent + BURST && one > 0 && other > 0, "{one} and {other}");
    let counted = |bucket: &Value| bucket["packets"].as_u64().unwrap();
    until("the group counts them", || {
        let found = lab.json("groups sw1");
        let buckets = found["groups"][0]["buckets"].as_array()?.clone();
        (buckets.len() == 2 && buckets.iter().map(counted).sum::<u64>() == sent).then_some(())
    });
}

/// What is more than the rate is dropped, and counted.
fn openflow_meter(lab: &Lab) {
    if refused(lab, "meters sw1", "meters") {
        return;
    }
    plug(lab, &THREE);
    lab.ok("add-meter sw1 meter=1,pktps,burst,stats,band=type=drop,rate=10,burst_size=10");
    lab.ok("add-flow sw1 priority=10,icmp,in_port=ns1,actions=meter:1,NORMAL");
    let answered = pings("ns1", "10.0.0.2", 200, "0.002");
    assert!((1..100).contains(&answered), "of 200 requests {answered} were answered, at ten a second");
    until("the meter counts what was too much", || {
        let found = lab.json("meters sw1");
        (found["meters"][0]["dropped_packets"].as_u64()? >= 100).then_some(())
    });
    let listed = lab.ok("meters sw1 1");
    assert!(listed.starts_with("meter=1,pktps,burst,stats,band=type=drop,rate=10,burst_size=10  # "), "{listed}");
    assert_eq!(lab.ok("del-meters sw1"), "- meter 1 on sw1\n");
    assert_eq!(pings("ns1", "10.0.0.2", 200, "0.002"), 200, "its flow has gone with it");
}

/// Where a trace says that a packet goes, it goes, and nowhere else.
fn openflow_trace(lab: &Lab) {
    if refused(lab, "trace sw1 ns1", "flows") {
        return;
    }
    plug(lab, &[("ns1", ""), ("ns2", ""), ("ns3", ""), ("ns4", "--tag 10")]);
    let agree = |to: &str| {
        let traced = lab.json(&format!("trace sw1 ns1 icmp --to {to}"));
        let said: BTreeSet<String> = traced["outputs"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|output| output["netns"].as_str().map(str::to_owned))
            .collect();
        let address = format!("10.0.0.{}", &to[2..]);
        let got = who_receives(&["ns2", "ns3", "ns4"], || burst("ns1", &address));
        assert_eq!(said, got.into_iter().map(str::to_owned).collect(), "{traced:#}");
        traced
    };
    // nothing is known of ns2: its way is everybody's, until it answers
    lab.ok("flush-fdb sw1");
    lab.ok("add-flow sw1 priority=20,in_port=ns2,actions=drop");
    assert_eq!(agree("ns2")["outputs"].as_array().unwrap().len(), 3, "the host, ns2 and ns3: ns4 is in a VLAN");
    lab.ok("del-flows sw1 in_port=ns2");
    assert_eq!(burst("ns1", "10.0.0.2"), BURST);
    until_ns2_alone_receives("ns1");
    let learned = agree("ns2");
    assert_eq!(learned["summary"], "The packet goes to ns2 (veth-ns2)");

    lab.ok("add-flow sw1 priority=10,icmp,in_port=ns1,actions=ns3,LOCAL");
    agree("ns2");
    lab.ok("add-flow sw1 priority=11,icmp,in_port=ns1,actions=drop");
    let dropped = agree("ns2");
    let by = "The packet is dropped by the flow of table 0 with priority 11 that matches icmp,in_port=ns1";
    assert_eq!((&dropped["dropped"], &dropped["summary"]), (&true.into(), &by.into()));
    let text = lab.ok("trace sw1 ns1 tcp,tp_dst=80 --to ns2");
    assert!(
        text.starts_with("Flow: tcp,in_port=ns1,") && text.ends_with("The packet goes to ns2 (veth-ns2)\n"),
        "{text}"
    );
    assert!(text.contains("nw_src=10.0.0.1,nw_dst=10.0.0.2") && text.contains("tp_dst=80"), "{text}");
}

/// What fails says why, and what to do.
fn openflow_errors(lab: &Lab) {
    plug(lab, &[("ns1", "")]);
    let said = |code: i32, words: &str, why: &str| {
        let said = lab.refused(code, words);
        assert!(said.contains(why), "ovsns {words}: {said}");
    };
    said(1, "flows nope", "there is no switch nope");
    said(1, "add-flow sw1 in_port=ns9,actions=drop", "there is no port ns9 on switch sw1");
    said(
        2,
        "add-flow sw1 nonsense=1,actions=drop",
        "ovs-ofctl: unknown keyword nonsense\nhint: ovs-ofctl(8) has the syntax",
    );
    said(2, "add-flow sw1", "no flow was given");
    said(1, "mod-meter sw1 meter=7,pktps,band=type=drop,rate=1", "there is no such meter");
    said(2, "trace sw1 ns1 nonsense", "unknown field nonsense");
    said(2, "trace sw1 ns1 in_port=1", "in_port is said twice");
    said(1, "trace sw1 ns9", "there is no port ns9");

    lab.ovs().vsctl(&["set", "Bridge", "sw1", "protocols=OpenFlow10"]);
    said(1, "groups sw1", "protocols=OpenFlow10,OpenFlow13");
    assert!(lab.ok("flows sw1").contains("actions=NORMAL"), "flows need no more");
    lab.ovs().vsctl(&["clear", "Bridge", "sw1", "protocols"]);

    lab.ovs().stop_vswitchd();
    for verb in ["flows sw1", "trace sw1 ns1", "list-fdb sw1"] {
        said(5, &format!("{verb} --timeout 0.5"), "hint:");
    }
    lab.ovs().continue_vswitchd();

    // what is no file is no program either
    let program = tool::run("which ovs-ofctl");
    tool::run(&format!("mount --bind /dev/null {}", program.trim()));
    said(
        1,
        "flows sw1",
        "ovs-ofctl is not installed, by which ovsns speaks OpenFlow\nhint: it is in the package openvswitch-common",
    );
    tool::run(&format!("umount {}", program.trim()));
}
