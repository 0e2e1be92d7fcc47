//! The state of a sandbox as the system's own tools tell it: what somebody could have set, and nothing that chance decides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::common::ovs::Ovs;
use super::common::tool::{self, json};
use super::common::traffic::within;
use super::stage::DEVICES;

/// The names of veth pairs' ends are a matter of taste: by namespace and name, what they are called here.
type Names = BTreeMap<(String, String), String>;

/// Members of `ip -j -d link` that are settings.
const OF_LINKS: [&str; 5] = ["mtu", "group", "txqlen", "master", "promiscuity"];
/// Members of `linkinfo.info_data` of a bridge that are settings.
const OF_BRIDGES: [&str; 5] = ["stp_state", "vlan_filtering", "ageing_time", "forward_delay", "mcast_snooping"];
/// Members of `bridge -j -d link` that are none.
const NOT_OF_PORTS: [&str; 5] = ["ifindex", "ifname", "link", "state", "flags"];
/// Members of an address that are settings.
const OF_ADDRESSES: [&str; 4] = ["scope", "nodad", "noprefixroute", "peer"];

/// A line for each thing, and one for each of its settings: `ns1 link veth to host: mtu = 1500`.
pub fn look(ovs: Option<&Ovs>) -> BTreeSet<String> {
    wait_for_the_dying();
    let listed = tool::run("ip netns list");
    let listed = listed.lines().filter_map(|line| line.split_whitespace().next());
    let netnses: Vec<Netns> = std::iter::once("host").chain(listed).map(Netns::look).collect();
    let mut state = State { lines: BTreeSet::new(), names: names(&netnses) };
    for netns in &netnses {
        state.of_netns(netns);
    }
    if let Some(ovs) = ovs {
        state.of_ovs(ovs);
    }
    state.of_nft();
    state.lines
}

/// What is in a namespace that has lost its name goes a moment later, unless whoever took the name waits for it: so long, a pair
/// leads there from the host.
fn wait_for_the_dying() {
    let deadline = Instant::now() + Duration::from_secs(30);
    let is_there = || {
        let (links, ids) = (list("ip -j -d link"), list("ip -j netns list-id"));
        let is_named = |nsid| ids.iter().any(|id| id["nsid"] == nsid && id["name"].is_string());
        links.iter().filter_map(|link| link["link_netnsid"].as_i64()).any(|nsid| !is_named(nsid))
    };
    while is_there() {
        assert!(Instant::now() < deadline, "a pair leads into a namespace without a name");
        std::thread::yield_now();
    }
}

/// What the tools tell of one namespace.
struct Netns {
    name: String,
    /// With their addresses.
    links: Vec<Value>,
    routes: Vec<Value>,
    ports: Vec<Value>,
    vlans: Vec<Value>,
    qdiscs: Vec<Value>,
    /// The numbers of the namespaces that links lead to.
    ids: Vec<Value>,
    forwarding: String,
}

impl Netns {
    fn look(name: &str) -> Netns {
        within(name, || Netns {
            name: name.to_owned(),
            links: list("ip -j -d address"),
            routes: ["-4", "-6"].iter().flat_map(|family| list(&format!("ip -j {family} route"))).collect(),
            ports: list("bridge -j -d link"),
            vlans: list("bridge -j vlan"),
            qdiscs: list("tc -j qdisc show"),
            ids: list("ip -j netns list-id"),
            forwarding: tool::run("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding"),
        })
    }
}

fn list(command: &str) -> Vec<Value> {
    json(command).as_array().unwrap().clone()
}

/// `veth to ns1`, and `veth to ns1 #2` for the second one by its addresses. A pair in one namespace keeps its names.
fn names(netnses: &[Netns]) -> Names {
    let mut names = Names::new();
    for netns in netnses {
        let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for link in netns.links.iter().filter(|link| link["linkinfo"]["info_kind"] == "veth") {
            let (Some(nsid), name) = (link["link_netnsid"].as_i64(), text(&link["ifname"])) else { continue };
            if DEVICES.contains(&name) {
                continue;
            }
            let known = netns.ids.iter().find(|id| id["nsid"] == nsid);
            let peer = known.and_then(|id| id["name"].as_str()).unwrap_or("host");
            found.entry(peer.to_owned()).or_default().push((addresses_of(link).join(" "), name.to_owned()));
        }
        for (peer, mut devices) in found {
            devices.sort();
            for (number, (_, name)) in devices.into_iter().enumerate() {
                let number = if number == 0 { String::new() } else { format!(" #{}", number + 1) };
                names.insert((netns.name.clone(), name), format!("veth to {peer}{number}"));
            }
        }
    }
    names
}

/// The addresses of a link, but for those that follow from its MAC.
fn addresses_of(link: &Value) -> Vec<String> {
    let infos = link["addr_info"].as_array().unwrap().iter();
    let set = infos.filter(|info| info["scope"] != "link" || info["family"] == "inet");
    set.map(|info| format!("{}/{}", text(&info["local"]), info["prefixlen"])).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

struct State {
    lines: BTreeSet<String>,
    names: Names,
}

impl State {
    /// What the device is called here.
    fn name(&self, netns: &str, device: &str) -> String {
        self.names.get(&(netns.to_owned(), device.to_owned())).cloned().unwrap_or_else(|| device.to_owned())
    }

    fn put(&mut self, thing: &str, settings: impl IntoIterator<Item = (String, Value)>) {
        self.lines.insert(thing.to_owned());
        self.lines.extend(settings.into_iter().map(|(name, value)| format!("{thing}: {name} = {value}")));
    }

    fn of_netns(&mut self, netns: &Netns) {
        let name = &netns.name;
        netns.links.iter().for_each(|link| self.of_link(name, link));
        netns.routes.iter().for_each(|route| self.of_route(name, route));
        for port in &netns.ports {
            let mut settings = port.as_object().unwrap().clone();
            settings.retain(|name, _| !NOT_OF_PORTS.contains(&name.as_str()));
            let device = self.name(name, text(&port["ifname"]));
            self.put(&format!("{name} port {device}"), settings);
        }
        for port in &netns.vlans {
            let device = self.name(name, text(&port["ifname"]));
            self.put(&format!("{name} vlans of {device}"), kept(port, &["vlans"]));
        }
        // what has no number is the kernel's own choice
        for qdisc in netns.qdiscs.iter().filter(|qdisc| qdisc["handle"] != "0:") {
            let device = self.name(name, text(&qdisc["dev"]));
            let options = qdisc["options"].as_object().cloned().unwrap_or_default();
            self.put(&format!("{name} qdisc {} on {device}", text(&qdisc["kind"])), options);
        }
        let forwarding = netns.forwarding.split_whitespace().collect();
        self.put(&format!("{name} sysctl"), [("forwarding".to_owned(), forwarding)]);
    }

    fn of_link(&mut self, netns: &str, link: &Value) {
        let name = self.name(netns, text(&link["ifname"]));
        let mut settings = kept(link, &OF_LINKS);
        let flags = link["flags"].as_array().unwrap();
        settings.insert("up".to_owned(), flags.contains(&"UP".into()).into());
        settings.insert("arp".to_owned(), (!flags.contains(&"NOARP".into())).into());
        settings.insert("kind".to_owned(), link["linkinfo"]["info_kind"].clone());
        settings.extend(kept(&link["linkinfo"]["info_data"], &OF_BRIDGES));
        if link["linkinfo"]["info_kind"] != "bridge" {
            // of whoever listens
            settings.remove("promiscuity");
        }
        self.put(&format!("{netns} link {name}"), settings);
        for info in link["addr_info"].as_array().unwrap() {
            let address = format!("{}/{}", text(&info["local"]), info["prefixlen"]);
            if addresses_of(link).contains(&address) {
                self.put(&format!("{netns} address {address} on {name}"), kept(info, &OF_ADDRESSES));
            }
        }
    }

    /// Of whom it is (`protocol`) is a mark, and whether the carrier is there (`flags`) passes.
    fn of_route(&mut self, netns: &str, route: &Value) {
        let destination = text(&route["dst"]);
        if destination == "fe80::/64" {
            return;
        }
        let mut settings = kept(route, &["gateway", "prefsrc", "metric", "scope", "type"]);
        settings.insert("dev".to_owned(), self.name(netns, text(&route["dev"])).into());
        self.put(&format!("{netns} route {destination}"), settings);
    }

    fn of_ovs(&mut self, ovs: &Ovs) {
        for (table, columns) in [
            ("Bridge", "name,datapath_type,fail_mode,stp_enable,rstp_enable,other_config,external_ids"),
            ("Port", "name,tag,trunks,vlan_mode,other_config,external_ids"),
            ("Interface", "name,type,options,mtu_request,other_config,external_ids,error"),
        ] {
            let listed = ovs.vsctl(&["--format=json", &format!("--columns={columns}"), "list", table]);
            let listed: Value = serde_json::from_str(&listed).unwrap();
            for row in listed["data"].as_array().unwrap() {
                let values = columns.split(',').map(str::to_owned).zip(row.as_array().unwrap().iter().map(unmarked));
                let settings: Map<String, Value> = values.collect();
                let name = self.name("host", text(&settings["name"]));
                self.put(&format!("{table} {name}"), settings.into_iter().filter(|(column, _)| column != "name"));
            }
        }
        for switch in ovs.vsctl(&["list-br"]).lines() {
            for port in ovs.vsctl(&["list-ports", switch]).lines() {
                self.lines.insert(format!("Bridge {switch}: port {}", self.name("host", port)));
            }
        }
    }

    fn of_nft(&mut self) {
        let listed = json("nft -j list ruleset");
        for thing in listed["nftables"].as_array().into_iter().flatten().filter(|thing| thing.get("metainfo").is_none())
        {
            let mut thing = thing.clone();
            strip(&mut thing, &["handle", "packets", "bytes"]);
            self.lines.insert(format!("nft {thing}"));
        }
    }
}

/// Some members of an object.
fn kept(object: &Value, members: &[&str]) -> Map<String, Value> {
    let mut kept = object.as_object().cloned().unwrap_or_default();
    kept.retain(|name, _| members.contains(&name.as_str()));
    kept
}

/// A column's value without our marks, and without the MAC address that was drawn by lot. The default datapath has a name.
fn unmarked(value: &Value) -> Value {
    let mut value = value.clone();
    if value == "" {
        return "system".into();
    }
    if value[0] == "map"
        && let Some(pairs) = value[1].as_array_mut()
    {
        pairs.retain(|pair| !text(&pair[0]).starts_with("ovsns-") && pair[0] != "hwaddr");
    }
    value
}

/// Takes these members out, at every depth.
fn strip(value: &mut Value, members: &[&str]) {
    match value {
        Value::Object(object) => {
            object.retain(|name, _| !members.contains(&name.as_str()));
            object.values_mut().for_each(|value| strip(value, members));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, members)),
        _ => {}
    }
}
