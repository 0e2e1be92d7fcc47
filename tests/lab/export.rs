//! What was set up by hand becomes a lab.

use super::common::ovs::Ovs;
use super::common::traffic::pings;
use super::common::{require, sandbox, tool};
use super::stage::Stage;

/// Three namespaces on a switch, and two joined; `brctl` and `ovs-vsctl` make the switch.
const BY_HAND: &str = "\
ip netns add a1
ip netns add a2
ip netns add a3
ip link add va1 type veth peer name eth0 netns a1
ip link add va2 type veth peer name eth0 netns a2
ip link add va3 type veth peer name eth0 netns a3
ip -n a2 link add x2 type veth peer name x3 netns a3
ip link set va1 up
ip link set va2 up
ip link set va3 up
ip -n a1 link set lo up
ip -n a1 link set eth0 up
ip -n a2 link set eth0 up
ip -n a3 link set eth0 mtu 1400 up
ip link set va3 mtu 1400
ip -n a2 link set x2 up
ip -n a3 link set x3 up
ip -n a1 address add 10.3.0.1/24 dev eth0
ip -n a1 address add fd03::1/64 dev eth0
ip -n a2 address add 10.3.0.2/24 dev eth0
ip -n a3 address add 10.3.0.3/24 dev eth0
ip -n a2 address add 10.4.0.1/30 dev x2
ip -n a3 address add 10.4.0.2/30 dev x3
ip -n a1 route add default via 10.3.0.254
ip -n a1 route add 10.77.0.0/16 via 10.3.0.2";

const BRCTL: &str = "\
brctl addbr hand
brctl addbr hand2
brctl stp hand2 on
ip link set hand2 up
brctl addif hand va1
brctl addif hand va2
brctl addif hand va3
ip address add 10.3.0.254/24 dev hand
ip link set hand up";

fn set_up(stage: &Stage) {
    BY_HAND.lines().for_each(|line| drop(tool::run(line)));
    let Some(ovs) = stage.ovs() else {
        BRCTL.lines().for_each(|line| drop(tool::run(line)));
        return;
    };
    ovs.add_br("hand");
    for (port, tag) in [("va1", None), ("va2", None), ("va3", Some("tag=7"))] {
        ovs.vsctl(&["add-port", "hand", port]);
        if let Some(tag) = tag {
            ovs.vsctl(&["set", "Port", port, tag]);
        }
    }
    // TX checksums of a veth are left to nobody by the userspace datapath; a ping does not mind
    tool::run("ip address add 10.3.0.254/24 dev hand");
    tool::run("ip link set hand up");
}

fn exported_and_made_again(ovs: bool) {
    let mut text = String::new();
    sandbox::run(|| async {
        let stage = Stage::bare(ovs.then(Ovs::start));
        set_up(&stage);
        text = stage.ok("export");
        assert_eq!(stage.ok("export"), text, "it was only looked at");
    });
    for words in ["hand:", "10.3.0.1/24", "fd03::1/64", "10.4.0.1/30", "10.77.0.0/16 via 10.3.0.2", "mtu: 1400"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    sandbox::run(|| async {
        let stage = Stage::bare(ovs.then(Ovs::start));
        let before = stage.world();
        let ran = stage.with_input("apply -", &text);
        assert_eq!(ran.code, 0, "{ran:#?}\n{text}");
        assert_eq!(stage.ok("export"), text, "exported again");
        assert!(pings("a1", "10.3.0.2") && pings("a2", "10.4.0.2") && pings("a1", "10.3.0.254"));
        stage.ok("destroy --lab exported");
        stage.world().assert_is(&before, "destroyed");
    });
}

fn adopted(ovs: bool) {
    sandbox::run(|| async {
        let stage = Stage::bare(ovs.then(Ovs::start));
        let before = stage.world();
        set_up(&stage);
        let index = stage.ifindex("a1", "eth0");
        let text = stage.ok("export --adopt --lab mine");
        let file = stage.file("mine.yaml", &text);
        assert_eq!(stage.ifindex("a1", "eth0"), index, "it is only marked");
        let applied = stage.ok(&format!("apply {file}"));
        // the userspace datapath wants the devices set up in its way
        assert!(applied == "nothing to do\n" || ovs && applied.contains("tx_checksum on -> off"), "{applied}");
        stage.is_as_its_file(&file);
        assert_eq!(stage.ifindex("a1", "eth0"), index, "it is only changed");
        assert!(stage.ok("status").contains("Lab mine"));
        stage.ok("destroy --lab mine");
        stage.world().assert_is(&before, "all that was adopted is gone");
    });
}

#[test]
fn export_on_linux() {
    require!(Root);
    exported_and_made_again(false);
}

#[test]
fn export_on_ovs() {
    require!(Root, OpenVswitch);
    exported_and_made_again(true);
}

#[test]
fn adopt_on_linux() {
    require!(Root);
    adopted(false);
}

#[test]
fn adopt_on_ovs() {
    require!(Root, OpenVswitch);
    adopted(true);
}
