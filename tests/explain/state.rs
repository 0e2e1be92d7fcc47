//! The state of a sandbox as the system's own tools tell it, without what chance decides.

use serde_json::Value;

use super::common::ovs::Ovs;
use super::common::tool::{self, inside};

/// Members of `ip -j` and `bridge -j` that come of time and chance: numbers that the kernel gave, what it learned, timers.
const BY_CHANCE: [&str; 23] = [
    "handle",
    "packets",
    "bytes",
    "ifindex",
    "link_index",
    "link_netnsid",
    "link_netns",
    "operstate",
    "state",
    "tentative",
    "fdb_n_learned",
    "bridge_id",
    "root_id",
    "designated_bridge",
    "topology_change",
    "topology_change_detected",
    "hello_timer",
    "tcn_timer",
    "topology_change_timer",
    "gc_timer",
    "hold_timer",
    "message_age_timer",
    "forward_delay_timer",
];
/// The settings that the cases change; those of devices in all devices' place.
const SYSCTLS: [&str; 1] = ["net.ipv4.ip_forward"];
/// Flags of a link that follow from the state of the other end, at once or a moment later.
const FLAGS_BY_CHANCE: [&str; 3] = ["LOWER_UP", "NO-CARRIER", "M-DOWN"];

/// One line for each thing.
pub fn dump(ovs: &Ovs) -> Vec<String> {
    let names = tool::run("ip netns list");
    let names = names.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    let mut lines = Vec::new();
    for netns in ["host".to_owned()].into_iter().chain(names) {
        lines.extend(of_netns(&netns).into_iter().map(|line| format!("{netns}: {line}")));
    }
    lines.extend(rows(ovs));
    lines.extend(nftables());
    lines.sort();
    lines.into_iter().map(|line| without_chance(&line)).collect()
}

fn of_netns(netns: &str) -> Vec<String> {
    let mut lines = vec!["netns".to_owned()];
    let commands =
        ["ip -j -d link", "ip -j address", "ip -j -4 route", "ip -j -6 route", "bridge -j -d link", "bridge -j vlan"];
    for command in commands {
        let mut told = tool::json(&inside(netns, command));
        strip(&mut told);
        lines.extend(told.as_array().unwrap().iter().map(|thing| format!("{command}: {thing}")));
    }
    for key in SYSCTLS {
        let value = tool::run(&inside(netns, &format!("sysctl {key}")));
        lines.push(value.trim().to_owned());
    }
    for link in tool::json(&inside(netns, "ip -j link")).as_array().unwrap() {
        let name = link["ifname"].as_str().unwrap();
        let features = tool::run(&inside(netns, &format!("ethtool -k {name}")));
        let tx = features.lines().find(|line| line.starts_with("tx-checksumming")).unwrap();
        lines.push(format!("ethtool -k {name}: {tx}"));
        for qdisc in tool::json(&inside(netns, &format!("tc -j qdisc show dev {name}"))).as_array().unwrap() {
            lines.push(format!("tc -j qdisc show dev {name}: {qdisc}"));
        }
        for setting in ["rp_filter", "forwarding", "route_localnet"] {
            let key = format!("sysctl net.ipv4.conf.{}.{setting}", name.replace('.', "/"));
            lines.push(tool::run(&inside(netns, &key)).trim().to_owned());
        }
    }
    lines
}

/// Takes out what comes by chance, at every depth; addresses of the link itself follow from its MAC.
fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !BY_CHANCE.contains(&name.as_str()));
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => {
            items.retain(|item| item["scope"] != "link" || item["local"].is_null());
            items.retain(|item| item["dst"] != "fe80::/64");
            items.retain(|item| !item.as_str().is_some_and(|flag| FLAGS_BY_CHANCE.contains(&flag)));
            items.iter_mut().for_each(strip);
        }
        _ => {}
    }
}

/// The host's rules and sets. In which order the kernel tells the elements of a set is chance.
fn nftables() -> Vec<String> {
    let mut told = tool::json("nft -j list ruleset");
    strip(&mut told);
    let things = told["nftables"].as_array_mut().unwrap().iter_mut().filter(|thing| thing.get("metainfo").is_none());
    let line = |thing: &mut Value| {
        let kind = thing.as_object().unwrap().keys().next().unwrap().clone();
        if let Some(Value::Array(elements)) = thing[&kind].get_mut("elem") {
            elements.sort_by_key(ToString::to_string);
        }
        format!("nft: {thing}")
    };
    things.map(line).collect()
}

fn rows(ovs: &Ovs) -> Vec<String> {
    let tables = [
        ("Bridge", "name,datapath_type,fail_mode,stp_enable,rstp_enable,other_config,external_ids"),
        ("Port", "name,tag,trunks,vlan_mode,other_config,external_ids"),
        ("Interface", "name,type,mtu_request,options,other_config,external_ids,error"),
    ];
    let mut lines = Vec::new();
    for (table, columns) in tables {
        let columns = format!("--columns={columns}");
        let text = ovs.vsctl(&["--no-headings", "--format=csv", &columns, "list", table]);
        lines.extend(text.lines().map(|row| format!("{table}: {row}")));
    }
    for switch in ovs.vsctl(&["list-br"]).lines() {
        lines.push(format!("{switch}: {}", ovs.vsctl(&["list-ports", switch]).replace('\n', " ")));
    }
    lines
}

/// The text with MAC in place of each Ethernet address that nobody asked for, and without the boot, which a plan has not. What
/// the cases ask for begins with 02:00:00.
pub fn without_chance(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(found) = find_mac(rest) {
        let mac = &rest[found..found + MAC_LENGTH];
        result.push_str(&rest[..found]);
        result.push_str(if mac.starts_with("02:00:00") || mac.starts_with("00:00:00") { mac } else { "MAC" });
        rest = &rest[found + MAC_LENGTH..];
    }
    result.push_str(rest);
    match result.find("ovsns-boot=") {
        Some(start) => {
            let end = result[start..].find(", ").map_or(result.len(), |end| start + end + 2);
            format!("{}{}", &result[..start], &result[end..])
        }
        None => result,
    }
}

const MAC_LENGTH: usize = "02:00:00:00:00:01".len();

/// Where the first six hexadecimal bytes joined by colons are.
fn find_mac(text: &str) -> Option<usize> {
    let is_mac = |window: &[u8]| {
        window.iter().enumerate().all(|(at, byte)| if at % 3 == 2 { *byte == b':' } else { byte.is_ascii_hexdigit() })
    };
    text.as_bytes().windows(MAC_LENGTH).position(is_mac)
}
