//! What can be asked of a switch.

use serde_json::{Value, json};

use super::common::cli::Cli;
use super::common::tool::{json as json_of, link, run};
use super::lab::{Lab, SwitchKind};

fn mtu(name: &str) -> Value {
    link("host", name).unwrap()["mtu"].clone()
}

/// Spanning tree, as the switch's own tools show it.
fn stp(lab: &Lab, name: &str) -> bool {
    if lab.is_linux() {
        let link = link("host", name).unwrap();
        return link["linkinfo"]["info_data"]["stp_state"] == 1;
    }
    lab.ovs().vsctl(&["get", "Bridge", name, "stp_enable"]).trim() == "true"
}

fn addresses(name: &str) -> Vec<Value> {
    let links = json_of(&format!("ip -j address show dev {name} scope global"));
    // `ip` lists what the scope leaves out as an empty object
    let found = links.as_array().unwrap().iter().filter_map(|link| link["addr_info"].as_array()).flatten();
    found.map(|info| info["local"].clone()).filter(|local| !local.is_null()).collect()
}

pub fn a_switch_gets_what_was_asked_for(lab: &Lab) {
    lab.add_br("sw1", "--ip 10.0.0.254/24 --ip fd00::fe/64 --mac 02:00:00:00:00:fe --mtu 1400 --stp");
    let own = link("host", "sw1").unwrap();
    assert_eq!((&own["address"], &own["mtu"]), (&json!("02:00:00:00:00:fe"), &json!(1400)));
    assert!(own["flags"].as_array().unwrap().contains(&json!("UP")));
    assert!(stp(lab, "sw1"));
    assert_eq!(addresses("sw1"), [json!("10.0.0.254"), json!("fd00::fe")]);
    // it stays, whatever the ports have
    lab.ok("add-port sw1 ns1 --mtu 1300");
    lab.add_br("sw3", "--mtu 1500");
    lab.ok("add-port sw3 ns1 --mtu 1300");
    assert_eq!([mtu("sw1"), mtu("sw3")], [1400, 1500]);
    // what nobody asked for: its address does not follow the ports
    lab.add_br("sw2", "");
    assert!(!stp(lab, "sw2"));
    let before = link("host", "sw2").unwrap()["address"].clone();
    lab.ok("add-port sw2 ns1 --mac 02:00:00:00:00:01");
    assert_eq!(link("host", "sw2").unwrap()["address"], before);
    if lab.is_linux() {
        assert_eq!(own["linkinfo"]["info_kind"], "bridge");
        assert_eq!(own["ifalias"], "ovsns-owner=-");
        let said = lab.refused(1, "add-br sw4 --datapath netdev");
        assert!(said.contains("datapath netdev of switch sw4 is not possible on backend linux"), "{said}");
    } else {
        let get = |column| lab.ovs().vsctl(&["get", "Bridge", "sw1", column]).trim().to_owned();
        assert_eq!(format!("--datapath {}", get("datapath_type")), lab.datapath());
        assert_eq!((get("fail_mode"), get("external_ids:ovsns-owner")), ("standalone".into(), "\"-\"".into()));
    }
}

pub fn may_exist_converges_a_switch(lab: &Lab) {
    lab.add_br("sw1", "--mtu 1400 --stp=on");
    let before = lab.inventory();
    assert_eq!(lab.ok("add-br sw1 --may-exist"), "");
    assert_eq!(lab.inventory(), before);
    lab.ok("add-br sw1 --may-exist --mtu 1300 --stp=off --mac 02:00:00:00:00:aa --ip 10.0.0.1/24");
    let own = link("host", "sw1").unwrap();
    assert_eq!((&own["address"], &own["mtu"]), (&json!("02:00:00:00:00:aa"), &json!(1300)));
    assert!(!stp(lab, "sw1"));
    assert_eq!(addresses("sw1"), [json!("10.0.0.1")]);
    if !lab.is_linux() {
        let other = if lab.kind == SwitchKind::Kernel { "netdev" } else { "system" };
        let said = lab.refused(1, &format!("add-br sw1 --may-exist --datapath {other}"));
        assert!(said.contains("cannot change the datapath of switch sw1 from"), "{said}");
    }
    // what somebody has set down comes up again
    run("ip link set sw1 down");
    lab.ok("add-br sw1 --may-exist");
    assert!(link("host", "sw1").unwrap()["flags"].as_array().unwrap().contains(&json!("UP")));
}

pub fn a_switch_is_not_made_twice(lab: &Lab) {
    lab.add_br("sw1", "");
    let said = lab.refused(1, "add-br sw1");
    assert!(said.contains("cannot make switch sw1: it exists") && said.contains("--may-exist"), "{said}");
    run("ip link add other type veth peer name another");
    let said = lab.refused(1, "add-br other");
    assert!(said.contains("there is a device other already"), "{said}");
    run("ip link delete other");
    if !lab.is_linux() {
        run("ip link add br9 type bridge");
        for backend in ["ovs", "auto"] {
            let said = lab.refused(1, &format!("add-br br9 --may-exist --backend {backend} {}", lab.datapath()));
            let words = if backend == "ovs" { "it exists on backend linux" } else { "datapath" };
            assert!(said.contains(words), "{said}");
        }
        let said = lab.refused(1, "add-br sw1 --backend linux");
        assert!(said.contains("there is a device sw1 already"), "{said}");
        run("ip link delete br9");
    }
}

/// For a new switch, what is chosen is said; an existing one is found by its name.
pub fn the_choice_is_said(lab: &Lab) {
    let said = lab.run("add-br sw1 --backend auto");
    assert_eq!(said.code, 0, "{said:?}");
    let words = match lab.kind {
        SwitchKind::Linux => "switch sw1 is on the Linux bridge: no Open vSwitch database answers",
        SwitchKind::Kernel => "it has the kernel's datapath",
        SwitchKind::Userspace | SwitchKind::UserspaceTso => {
            "switch sw1 is on Open vSwitch, whose database answers at unix:"
        }
    };
    assert!(said.stderr.contains(words), "{said:?}");
    assert!(!lab.run("add-port sw1 ns1 --backend auto").stderr.contains("switch"), "it is there: nothing is chosen");
    if lab.is_linux() {
        let said = lab.refused(1, "add-br sw2 --backend ovs");
        assert!(said.contains("no Open vSwitch database answers") && said.contains("ovsns ovs start"), "{said}");
        return;
    }
    let said = lab.refused(1, "add-port sw1 ns2 --backend linux");
    assert!(said.contains("there is no switch sw1 on backend linux"), "{said}");
    // the database by option, by variable, and by the directory of its socket
    let remote = lab.ovs().remote();
    assert_eq!(Cli::new().ok(&["--db", &remote, "list-br"]), "sw1\n");
    assert_eq!(Cli::new().env("OVSNS_DB", &remote).ok(&["list-br"]), "sw1\n");
    let explained = Cli::new().ok(&["--db", &remote, "del-port", "veth-ns1", "--explain"]);
    assert!(explained.contains(&format!("ovs-vsctl --db={remote} del-port sw1 veth-ns1")), "{explained}");
    assert_eq!(Cli::new().ok(&["list-br"]), "", "no database is found without");
}
