//! Everything that a run of ovsns could change, as two looks at it compare: by the system's own tools, not by ours.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::statfs::{NSFS_MAGIC, statfs};
use serde_json::{Map, Value, json};

use super::ovs::Ovs;
use super::tool;

/// What there is: things by name, such as `netns ns1`, `link host veth-ns1`, `row Port veth-ns1`.
#[derive(Clone, Debug, PartialEq)]
pub struct World(BTreeMap<String, Value>);

impl World {
    /// All that can be seen, but for what the kernel changes by itself, and for the UUIDs of rows: one that is put back has
    /// another.
    pub fn look(ovs: Option<&Ovs>) -> World {
        let mut world = World(BTreeMap::new());
        world.links("host", &[]);
        for name in names_in("/run/netns") {
            let path = format!("/run/netns/{name}");
            let live = statfs(Path::new(&path)).unwrap().filesystem_type() == NSFS_MAGIC;
            world.put(format!("netns {name}"), json!({"live": live, "mounts": mounts_on(&path)}));
            if live {
                world.links(&name, &["-n", &name]);
            }
        }
        world.ruleset();
        for name in names_in("/run/ovsns").iter().filter(|name| !name.starts_with("lock-")) {
            world.put(format!("file /run/ovsns/{name}"), Value::Null);
        }
        if let Some(ovs) = ovs {
            world.rows(ovs);
        }
        world
    }

    /// Without the numbers that the kernel gives: a device that is put back has others.
    pub fn without_numbers(&self) -> World {
        self.without(&["ifindex", "link_index", "link_netnsid"])
    }

    /// Without what differs from one run of the same commands to the next: random addresses too, and the group into which a deletion
    /// gathers devices, which they keep where it is killed.
    pub fn shape(&self) -> World {
        self.without(&["ifindex", "link_index", "link_netnsid", "address", "other_config", "group"])
    }

    fn without(&self, keys: &[&str]) -> World {
        let mut world = self.clone();
        world.0.values_mut().for_each(|value| drop_keys(value, keys));
        world
    }

    /// Without the things whose names begin with `prefix`.
    pub fn without_things(mut self, prefix: &str) -> World {
        self.0.retain(|name, _| !name.starts_with(prefix));
        self
    }

    /// Whether there is a thing of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// # Panics
    ///
    /// If the two differ, with what differs.
    pub fn assert_is(&self, expected: &World, context: &str) {
        assert!(self == expected, "{context}\n{}", self.differs_from(expected));
    }

    /// The things that are not alike in both, `-` as in `expected` and `+` as here.
    pub fn differs_from(&self, expected: &World) -> String {
        let lines = |sign: char, one: &World, other: &World| {
            let unlike = one.0.iter().filter(|(name, value)| other.0.get(*name) != Some(value));
            unlike.map(|(name, value)| format!("{sign} {name}: {value}\n")).collect::<String>()
        };
        lines('-', expected, self) + &lines('+', self, expected)
    }

    fn put(&mut self, name: String, value: Value) {
        let there = self.0.insert(name.clone(), value);
        assert!(there.is_none(), "{name} twice");
    }

    fn links(&mut self, place: &str, options: &[&str]) {
        self.settings(place, options);
        let ip = |words: &[&str]| list(Command::new("ip").args(options).args(words));
        for mut link in ip(&["-j", "-d", "address"]) {
            for mut address in link["addr_info"].take().as_array().cloned().unwrap_or_default() {
                if address["family"] == "inet6" && address["scope"] == "link" {
                    // comes when the carrier does
                    continue;
                }
                drop_keys(&mut address, &["tentative", "valid_life_time", "preferred_life_time"]);
                let name = format!(
                    "address {place} {} {}/{}",
                    text(&link["ifname"]),
                    text(&address["local"]),
                    address["prefixlen"]
                );
                self.put(name, address);
            }
            let name = format!("link {place} {}", text(&link["ifname"]));
            self.put(name, settled(link));
        }
        let families =
            [&["-j", "-4", "route", "show", "table", "all"], &["-j", "-6", "route", "show", "table", "all"][..]];
        for mut route in families.iter().flat_map(|words| ip(words)) {
            let destination = text(&route["dst"]).to_owned();
            // They follow from the addresses, those of IPv6 a moment later (`addrconf_dad_work`, net/ipv6/addrconf.c).
            if route["type"] == "local" && destination.contains(':') {
                continue;
            }
            if destination.starts_with("fe80:") || destination.starts_with("ff00::") {
                continue;
            }
            // `linkdown` comes and goes with the carrier
            drop_keys(&mut route, &["flags"]);
            self.put(format!("route {place} {route}"), Value::Null);
        }
    }

    /// What packets meet besides: queueing disciplines that somebody has set, and whether they are forwarded.
    fn settings(&mut self, place: &str, options: &[&str]) {
        for mut qdisc in list(Command::new("tc").args(options).args(["-j", "qdisc", "show"])) {
            if ["tbf", "netem"].contains(&text(&qdisc["kind"])) {
                drop_keys(&mut qdisc, &["handle", "refcnt"]);
                self.put(format!("qdisc {place} {}", text(&qdisc["dev"])), qdisc);
            }
        }
        let files = "cd /proc/sys/net && grep -rs . ipv4/ip_forward ipv4/conf ipv6/conf";
        let settings = tool::output_of(Command::new("sh").arg("-c").arg(match place {
            "host" => files.to_owned(),
            name => format!("nsenter --net=/run/netns/{name} sh -c '{files}'"),
        }));
        let tells = ["ip_forward", "/forwarding", "/force_forwarding", "/route_localnet"];
        let name = |line: &str| line.split_once(':').map(|(name, _)| name.to_owned()).unwrap_or_default();
        for line in settings.lines().filter(|line| tells.iter().any(|tell| name(line).ends_with(tell))) {
            self.put(format!("sysctl {place} {line}"), Value::Null);
        }
    }

    /// The tables of nftables, whose elements have no order.
    fn ruleset(&mut self) {
        let output = tool::run("nft -j list ruleset");
        let ruleset: Value = serde_json::from_str(&output).unwrap();
        for mut object in ruleset["nftables"].as_array().cloned().unwrap_or_default() {
            for body in object.as_object_mut().unwrap().values_mut() {
                drop_keys(body, &["handle"]);
                if let Some(Value::Array(elements)) = body.get_mut("elem") {
                    elements.sort_by_key(ToString::to_string);
                }
            }
            if object.get("metainfo").is_none() {
                // two rules may be alike
                self.0.insert(format!("nft {object}"), Value::Null);
            }
        }
    }

    fn rows(&mut self, ovs: &Ovs) {
        let tables: [(&str, &[&str]); 3] = [
            (
                "Bridge",
                &[
                    "name",
                    "ports",
                    "datapath_type",
                    "other_config",
                    "fail_mode",
                    "stp_enable",
                    "rstp_enable",
                    "external_ids",
                ],
            ),
            ("Port", &["name", "interfaces", "tag", "trunks", "vlan_mode", "external_ids"]),
            ("Interface", &["name", "type", "mtu_request", "external_ids"]),
        ];
        let selects = tables.iter().map(|(table, columns)| {
            let columns: Vec<&str> = columns.iter().copied().chain(["_uuid"]).collect();
            json!({"op": "select", "table": table, "where": [], "columns": columns})
        });
        let transaction: Vec<Value> = std::iter::once(json!("Open_vSwitch")).chain(selects).collect();
        let remote = ovs.remote();
        let answers = list(
            Command::new("timeout")
                .args(["20", "ovsdb-client", "transact", &remote])
                .arg(Value::from(transaction).to_string()),
        );
        let names: BTreeMap<String, String> = answers
            .iter()
            .flat_map(|answer| answer["rows"].as_array().unwrap())
            .map(|row| (text(&row["_uuid"][1]).to_owned(), text(&row["name"]).to_owned()))
            .collect();
        for ((table, _), answer) in tables.iter().zip(&answers) {
            for row in answer["rows"].as_array().unwrap() {
                let mut row: Value = serde_json::from_str(&by_name(row.to_string(), &names)).unwrap();
                drop_keys(&mut row, &["_uuid"]);
                sort(&mut row);
                self.put(format!("row {table} {}", text(&row["name"])), row);
            }
        }
    }
}

/// Without what the kernel changes by itself, a moment later.
fn settled(mut link: Value) -> Value {
    drop_keys(&mut link, &["addr_info", "operstate", "promiscuity", "allmulti"]);
    // of a bridge, what all its ports can
    drop_keys(&mut link, &["tso_max_size", "tso_max_segs", "gso_max_size", "gso_max_segs", "gro_max_size"]);
    if let Some(Value::Array(flags)) = link.get_mut("flags") {
        flags.retain(|flag| !["LOWER_UP", "NO-CARRIER", "PROMISC", "M-DOWN"].contains(&text(flag)));
    }
    if let Some(Value::Object(info)) = link.get_mut("linkinfo") {
        info.remove("info_slave_data");
        if let Some(Value::Object(data)) = info.get_mut("info_data") {
            // `ageing_time` is shorter while a spanning tree changes, and stays so where it is turned off meanwhile
            // (`__br_set_topology_change`, net/bridge/br_stp.c)
            data.retain(|key, _| ["stp_state", "vlan_filtering", "forward_delay"].contains(&key.as_str()));
        }
    }
    link
}

/// Each UUID in `text` as the name of its row.
fn by_name(mut text: String, names: &BTreeMap<String, String>) -> String {
    for (uuid, name) in names {
        text = text.replace(uuid, name);
    }
    text
}

/// Sets come in the order of their UUIDs.
fn sort(row: &mut Value) {
    for (_, value) in row.as_object_mut().unwrap() {
        if let Some(Value::Array(elements)) = value.get_mut(1) {
            elements.sort_by_key(ToString::to_string);
        }
    }
}

fn drop_keys(value: &mut Value, keys: &[&str]) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn names_in(directory: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mounts_on(path: &str) -> usize {
    let mounts = std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    mounts.lines().filter(|line| line.split(' ').nth(4) == Some(path)).count()
}

/// What a command prints that prints a JSON list; nothing at all is an empty one.
fn list(command: &mut Command) -> Vec<Value> {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    if text.trim().is_empty() {
        Vec::new()
    } else {
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command:?}: {error}: {text}"))
    }
}
