//! The table of the settings of switches and ports.
//!
//! Sources: ovs-vswitchd.conf.db(5), tables Bridge and Port; ip-link(8) and bridge(8); `BR_DEFAULT_AGEING_TIME` and
//! `br_dev_setup`, net/bridge/.

use super::setting::{Form, Holder, Setting, Side, Values};

const fn has(default: &'static str) -> Side {
    Side::Has { default: Some(default), range: None, follows: false }
}

/// It has it, and what it is by itself depends on the host.
const fn varies() -> Side {
    Side::Has { default: None, range: None, follows: false }
}

const fn within(default: &'static str, min: u64, max: u64) -> Side {
    Side::Has { default: Some(default), range: Some((min, max)), follows: false }
}

const NO_RSTP: Side = Side::Lacks { reason: "the bridge of the kernel does not speak RSTP", hint: None };
const NO_OPENFLOW: Side = Side::Lacks { reason: "the bridge of the kernel does not speak OpenFlow", hint: None };

const fn of_switch(name: &'static str, values: Values, ovs: Side, linux: Side, doc: &'static str) -> Setting {
    Setting { name, holder: Holder::Switch, doc, values, ovs, linux }
}

const fn of_port(name: &'static str, values: Values, ovs: Side, linux: Side, doc: &'static str) -> Setting {
    Setting { name, holder: Holder::Port, doc, values, ovs, linux }
}

/// All of them.
pub(super) static SETTINGS: [Setting; 20] = [
    of_switch(
        "stp-priority",
        Values::Number(0, 65_535, 1),
        has("32768"),
        has("32768"),
        "Spanning tree: the switch with the lowest priority becomes the root (IEEE 802.1D)",
    ),
    of_switch(
        "stp-hello-time",
        Values::Number(1, 10, 1),
        has("2"),
        has("2"),
        "Spanning tree: seconds between two messages of the root",
    ),
    of_switch(
        "stp-max-age",
        Values::Number(6, 40, 1),
        has("20"),
        has("20"),
        "Spanning tree: seconds for which a message counts",
    ),
    of_switch(
        "stp-forward-delay",
        Values::Number(2, 30, 1),
        within("15", 4, 30),
        has("15"),
        "Spanning tree: seconds of listening, and of learning, before a port forwards",
    ),
    of_switch(
        "rstp-priority",
        Values::Number(0, 61_440, 4096),
        has("32768"),
        NO_RSTP,
        "Rapid spanning tree: the switch with the lowest priority becomes the root; a multiple of 4096",
    ),
    of_switch(
        "ageing",
        Values::Number(0, 1_000_000, 1),
        within("300", 15, 3600),
        has("300"),
        "Seconds for which the switch remembers an Ethernet address that it no longer sees",
    ),
    of_switch(
        "fdb-size",
        Values::Number(0, 1_000_000, 1),
        within("8192", 10, 1_000_000),
        has("0"),
        "How many Ethernet addresses the switch learns at most; 0 on a Linux bridge: any number (Linux 6.7)",
    ),
    of_switch(
        "mcast-snooping",
        Values::Bool,
        has("off"),
        has("on"),
        "Multicast goes only to ports that asked for it (IGMP and MLD snooping)",
    ),
    of_switch(
        "transparent",
        Values::Bool,
        has("off"),
        has("off"),
        "Frames to reserved addresses (01:80:c2:00:00:0x: LLDP, LACP, 802.1X, of others STP) pass as others do",
    ),
    of_switch(
        "vlan-protocol",
        Values::Words(&["802.1Q", "802.1ad"]),
        Side::Lacks {
            reason: "the tag of an outer VLAN is a matter of each port",
            hint: Some("ports into an outer VLAN have the vlan-mode dot1q-tunnel, and the VLAN as tag"),
        },
        has("802.1Q"),
        "The tags that the switch looks at: those of customers, or the outer ones of providers (QinQ)",
    ),
    of_switch(
        "fail-mode",
        Values::Words(&["standalone", "secure"]),
        has("standalone"),
        NO_OPENFLOW,
        "What the switch does while no controller answers: learn and forward by itself, or only what its flows say",
    ),
    of_switch(
        "dpid",
        Values::Text(Form { what: "a datapath id", example: "000000000000002a", read: datapath_id }),
        varies(),
        NO_OPENFLOW,
        "The name of the switch for controllers: 16 hexadecimal digits",
    ),
    of_switch(
        "protocols",
        Values::Texts(Form { what: "a version of OpenFlow", example: "OpenFlow13", read: openflow_version }),
        varies(),
        NO_OPENFLOW,
        "The versions of OpenFlow that it speaks, as in OpenFlow10,OpenFlow13; else those of Open vSwitch",
    ),
    of_switch(
        "controller",
        Values::Texts(Form { what: "an OpenFlow controller", example: "tcp:127.0.0.1:6653", read: controller }),
        varies(),
        NO_OPENFLOW,
        "The OpenFlow controllers that it connects to, as in tcp:127.0.0.1:6653, or listens for (ptcp:6654)",
    ),
    of_port(
        "isolated",
        Values::Bool,
        has("off"),
        has("off"),
        "Isolated ports do not reach each other, only those that are not",
    ),
    of_port(
        "stp-cost",
        Values::Number(1, 65_535, 1),
        varies(),
        // Of a veth pair (`port_cost`, net/bridge/br_if.c).
        Side::Has { default: Some("2"), range: None, follows: true },
        "Spanning tree: what the way through this port costs; by itself it follows from the port's speed",
    ),
    of_port(
        "stp-port-priority",
        Values::Number(0, 255, 1),
        has("128"),
        within("32", 0, 63),
        "Spanning tree: of two ports on the same segment that with the lower priority forwards",
    ),
    of_port(
        "rstp-cost",
        Values::Number(1, 200_000_000, 1),
        varies(),
        NO_RSTP,
        "Rapid spanning tree: what the way through this port costs; by itself it follows from the port's speed",
    ),
    of_port(
        "rstp-port-priority",
        Values::Number(0, 240, 16),
        has("128"),
        NO_RSTP,
        "Rapid spanning tree: the port's priority, a multiple of 16",
    ),
    of_port(
        "rstp-edge",
        Values::Bool,
        has("off"),
        NO_RSTP,
        "Rapid spanning tree: behind this port is a host, no switch, and it forwards at once",
    ),
];

/// As OVSDB has it; controllers print it with colons.
fn datapath_id(text: &str) -> Result<String, String> {
    let digits: String = text.trim_start_matches("0x").chars().filter(|c| *c != ':').collect();
    let number = u64::from_str_radix(&digits, 16).ok().filter(|number| *number > 0 && digits.len() <= 16);
    let number = number.ok_or_else(|| format!("`{text}` is no number of up to 16 hexadecimal digits, and not zero"))?;
    Ok(format!("{number:016x}"))
}

/// `protocols` of table Bridge.
fn openflow_version(text: &str) -> Result<String, String> {
    const VERSIONS: [&str; 6] = ["OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14", "OpenFlow15"];
    match VERSIONS.iter().find(|version| version.eq_ignore_ascii_case(text)) {
        Some(version) => Ok((*version).to_owned()),
        None => Err(format!("`{text}` is none of {}", VERSIONS.join(", "))),
    }
}

/// `target` of table Controller.
fn controller(text: &str) -> Result<String, String> {
    const KINDS: [&str; 6] = ["tcp:", "ssl:", "unix:", "ptcp:", "pssl:", "punix:"];
    match KINDS.iter().any(|kind| text.len() > kind.len() && text.starts_with(kind)) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is no OpenFlow controller: it begins with one of {}", KINDS.join(" "))),
    }
}
