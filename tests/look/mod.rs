//! Looks at what is there with `ip`, `bridge`, `tc`, `ethtool` and `ovs-vsctl`: with other eyes than the program's.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

use ovsns::model::{
    Address, BackendName, End, Entry, IfName, Impairment, Interface, Link, Owner, Place, Port, Resource, Route, State,
    Switch,
};
use serde_json::Value;

use super::common::tc;

/// Looks from the namespaces of the calling thread.
pub struct Look {
    /// `OVS_RUNDIR` of the Open vSwitch to ask, if there is one.
    pub run_dir: Option<std::path::PathBuf>,
}

impl Look {
    /// What is not as `state` says, and what of `all` is there although it is not in `state`.
    pub fn difference<'a>(&self, state: &State, all: impl Iterator<Item = &'a Resource>) -> Vec<String> {
        let mut problems: Vec<String> = Vec::new();
        for entry in state.entries() {
            problems.extend(self.problems(entry).into_iter().map(|problem| format!("{}: {problem}", entry.key())));
        }
        let here: Vec<(Place, IfName)> = state.resources().flat_map(Resource::provides).collect();
        for resource in all.filter(|resource| !state.contains(&resource.key())) {
            // A device that another link or switch provides by now may be there, and so may the host's own.
            let other = resource.provides().iter().any(|device| here.contains(device));
            let silent = matches!(resource, Resource::Device(_));
            if !other && !silent && self.exists(resource) {
                problems.push(format!("{} is still there", resource.key()));
            }
        }
        problems
    }

    /// What is not as `entry` says, a line each.
    pub fn problems(&self, entry: &Entry) -> Vec<String> {
        let owner = entry.owner.as_ref();
        match &entry.resource {
            Resource::Netns(netns) => {
                let place = Place::Named(netns.name.clone());
                let lo = End { up: true, ..End::new(place, IfName::lo()) };
                self.end_problems(&lo, owner)
            }
            Resource::Switch(switch) => self.switch_problems(switch, owner),
            Resource::Link(Link { a, b }) => [a, b].into_iter().flat_map(|end| self.end_problems(end, owner)).collect(),
            Resource::Port(port) => self.port_problems(port, owner),
            Resource::Virtual(device) => {
                let end = End { mac: device.mac, mtu: device.mtu, ..End::new(Place::Host, device.name.clone()) };
                self.end_problems(&end, owner)
            }
            Resource::Internal(device) => {
                let end =
                    End { mac: device.mac, mtu: device.mtu, ..End::new(device.place.clone(), device.name.clone()) };
                self.end_problems(&End { up: device.up, ..end }, owner)
            }
            Resource::Device(device) => {
                let end = End { up: device.up, ..End::new(device.place.clone(), device.name.clone()) };
                self.end_problems(&end, None)
            }
            Resource::Address(address) => unless(self.has_address(address), "no such address"),
            Resource::Route(route) => self.route_problems(route),
            Resource::Impairment(impairment) => {
                unless(self.impairment(impairment).as_ref() == Some(impairment), "is impaired otherwise, or not")
            }
            other => vec![format!("nobody has told how to look at {}", other.key())],
        }
    }

    /// Whether there is something under the name of `resource`.
    pub fn exists(&self, resource: &Resource) -> bool {
        match resource {
            Resource::Netns(netns) => std::path::Path::new("/run/netns").join(netns.name.as_str()).exists(),
            Resource::Switch(switch) => match switch.backend {
                BackendName::Ovs => self.vsctl(&["br-exists", switch.name.as_str()]).is_some(),
                BackendName::Linux => self.is_kind(&switch.name.device(), "bridge"),
            },
            Resource::Link(link) => [&link.a, &link.b].iter().any(|end| self.device(&end.place, &end.name).is_some()),
            Resource::Port(port) => self.switch_of(port).is_some(),
            Resource::Virtual(device) => self.device(&Place::Host, &device.name).is_some(),
            Resource::Internal(device) => self.device(&device.place, &device.name).is_some(),
            Resource::Device(device) => self.device(&device.place, &device.name).is_some(),
            Resource::Address(address) => self.has_address(address),
            Resource::Route(route) => self.route(route).is_some(),
            Resource::Impairment(impairment) => self.impairment(impairment).is_some(),
            other => panic!("nobody has told how to look for {}", other.key()),
        }
    }

    fn is_kind(&self, device: &IfName, kind: &str) -> bool {
        self.device(&Place::Host, device).is_some_and(|seen| seen["linkinfo"]["info_kind"] == *kind)
    }

    fn switch_problems(&self, switch: &Switch, owner: Option<&Owner>) -> Vec<String> {
        if switch.backend == BackendName::Linux {
            let end = End { mac: switch.mac, mtu: switch.mtu, ..End::new(Place::Host, switch.name.device()) };
            let mut problems = self.end_problems(&end, owner);
            problems.retain(|problem| !problem.ends_with("is not up"));
            problems.extend(unless(self.is_kind(&switch.name.device(), "bridge"), "is no bridge"));
            return problems;
        }
        let name = switch.name.as_str();
        let column = |table, column| self.vsctl(&["--if-exists", "get", table, name, column]).unwrap_or_default();
        let mac = switch.mac.is_none_or(|mac| column("bridge", "other_config").contains(&format!("\"{mac}\"")));
        let mtu = switch.mtu.is_none_or(|mtu| column("interface", "mtu") == mtu.to_string());
        let datapath = switch.datapath.is_none_or(|datapath| column("bridge", "datapath_type") == datapath.as_str());
        let marked = owner.is_none_or(|owner| has(&column("bridge", "external_ids"), "ovsns-owner", owner.as_str()));
        let is = |name, wanted: Option<bool>| wanted.is_none_or(|on| column("bridge", name) == on.to_string());
        let (stp, rstp) = (is("stp_enable", switch.stp), is("rstp_enable", switch.rstp));
        [(mac, "mac"), (mtu, "mtu"), (datapath, "datapath"), (marked, "mark"), (stp, "stp"), (rstp, "rstp")]
            .into_iter()
            .filter(|(right, _)| !right)
            .map(|(_, what)| format!("{name}: {what} differs"))
            .collect()
    }

    fn end_problems(&self, end: &End, owner: Option<&Owner>) -> Vec<String> {
        let Some(seen) = self.device(&end.place, &end.name) else {
            return vec![format!("there is no device {} in {}", end.name, end.place)];
        };
        let is_up = seen["flags"].as_array().unwrap().iter().any(|flag| flag == "UP");
        let altname = |name: &String| seen["altnames"].as_array().is_some_and(|names| names.iter().any(|n| n == name));
        let tx = |on: bool| self.tx_checksum(end) == on;
        [
            (end.mac.is_none_or(|mac| seen["address"] == mac.to_string()), "other mac"),
            (end.mtu.is_none_or(|mtu| seen["mtu"] == mtu), "other mtu"),
            (owner.is_none_or(|owner| seen["ifalias"] == owner.alias()), "other alias"),
            (is_up || !end.up, "is not up"),
            (!is_up || end.up, "is up"),
            (end.altname.as_ref().is_none_or(altname), "no altname"),
            (end.tx_checksum.is_none_or(tx), "other tx checksum"),
        ]
        .into_iter()
        .filter(|(right, _)| !right)
        .map(|(_, what)| format!("{} in {}: {what}", end.name, end.place))
        .collect()
    }

    fn port_problems(&self, port: &Port, owner: Option<&Owner>) -> Vec<String> {
        let mut problems = unless(self.switch_of(port).as_deref() == Some(port.switch.as_str()), "on another switch");
        if port.backend == BackendName::Linux {
            problems.extend(unless(port.vlan.is_any() || self.bridge_vlans(port), "other VLANs"));
            return problems;
        }
        let name = port.device.as_str();
        let column = |table, column| self.vsctl(&["get", table, name, column]).unwrap_or_default();
        let tag = port.vlan.tag.map_or("[]".to_owned(), |tag| tag.to_string());
        let trunks: Vec<u16> = port.vlan.trunks.iter().map(|vid| vid.get()).collect();
        let ids = column("interface", "external_ids");
        problems.extend(unless(column("port", "tag") == tag, "other tag"));
        problems.extend(unless(column("port", "trunks") == format!("{trunks:?}"), "other trunks"));
        problems.extend(unless(column("interface", "error") == "[]", "vswitchd reports an error"));
        problems.extend(unless(owner.is_none_or(|owner| has(&ids, "ovsns-owner", owner.as_str())), "other mark"));
        problems.extend(unless(port.iface_id.as_ref().is_none_or(|id| has(&ids, "iface-id", id)), "other iface-id"));
        let netns = port.netns.as_ref().is_none_or(|netns| has(&ids, "ovsns-netns", &netns.to_string()));
        problems.extend(unless(netns, "other netns"));
        let (kind, options) = (column("interface", "type"), column("interface", "options"));
        let right = match &port.interface {
            Interface::System => kind == "\"\"",
            Interface::Patch(peer) => kind == "patch" && options == format!("{{peer={peer}}}"),
            Interface::Internal { .. } => kind == "internal",
            Interface::Tunnel(tunnel) => {
                let has_it = |(key, value): &(&str, String)| has(&options, key, value);
                kind == tunnel.interface_type() && tunnel.options().iter().all(has_it)
            }
        };
        problems.extend(unless(right, "another kind of interface"));
        problems
    }

    fn switch_of(&self, port: &Port) -> Option<String> {
        match port.backend {
            BackendName::Ovs => self.vsctl(&["port-to-br", port.device.as_str()]),
            BackendName::Linux => Some(self.device(&Place::Host, &port.device)?["master"].as_str()?.to_owned()),
        }
    }

    fn bridge_vlans(&self, port: &Port) -> bool {
        let output = self.run(&Place::Host, &["bridge", "-j", "vlan", "show", "dev", port.device.as_str()]).unwrap();
        let seen: Value = serde_json::from_str(&output).unwrap();
        let vlans = seen[0]["vlans"].as_array().unwrap();
        let is_tag =
            |vlan: &&Value| vlan["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "PVID"));
        let ids = |vlans: Vec<&Value>| vlans.iter().map(|vlan| vlan["vlan"].as_u64().unwrap()).collect::<Vec<_>>();
        let (tag, trunks): (Vec<&Value>, Vec<&Value>) = vlans.iter().partition(is_tag);
        let wanted_tag: Vec<u64> = port.vlan.tag.iter().map(|vid| vid.get().into()).collect();
        let wanted_trunks: Vec<u64> = port.vlan.trunks.iter().map(|vid| vid.get().into()).collect();
        ids(tag) == wanted_tag && ids(trunks) == wanted_trunks
    }

    fn has_address(&self, address: &Address) -> bool {
        let show = ["ip", "-j", "address", "show", "dev", address.device.as_str()];
        let Some(output) = self.run(&address.place, &show) else { return false };
        let seen: Value = serde_json::from_str(&output).unwrap();
        let net = |info: &Value| format!("{}/{}", info["local"].as_str().unwrap(), info["prefixlen"]);
        seen[0]["addr_info"].as_array().unwrap().iter().any(|info| {
            let nodad = info["nodad"] == true || !address.nodad;
            net(info) == address.address.to_string() && nodad
        })
    }

    fn route(&self, route: &Route) -> Option<Value> {
        let version = if route.is_ipv4() { "-4" } else { "-6" };
        let show = ["ip", version, "-j", "route", "show", "proto", "79", &route.destination_text()];
        let seen: Value = serde_json::from_str(&self.run(&route.place, &show)?).unwrap();
        seen.as_array().unwrap().first().cloned()
    }

    fn route_problems(&self, route: &Route) -> Vec<String> {
        let Some(seen) = self.route(route) else { return vec!["no such route".to_owned()] };
        let via = route.via.is_none_or(|via| seen["gateway"] == via.to_string());
        let device = route.device.as_ref().is_none_or(|device| seen["dev"] == device.as_str());
        let metric = route.metric.is_none_or(|metric| seen["metric"] == metric);
        unless(via && device && metric, "other next hop, device or metric")
    }

    fn impairment(&self, like: &Impairment) -> Option<Impairment> {
        let shown = self.run(&like.place, &["tc", "-j", "qdisc", "show", "dev", like.device.as_str()])?;
        let none = Impairment::none(like.place.clone(), like.device.clone());
        tc::impairment(none, &serde_json::from_str(&shown).unwrap())
    }

    fn device(&self, place: &Place, name: &IfName) -> Option<Value> {
        let output = self.run(place, &["ip", "-j", "-d", "link", "show", "dev", name.as_str()])?;
        Some(serde_json::from_str::<Value>(&output).unwrap()[0].clone())
    }

    fn tx_checksum(&self, end: &End) -> bool {
        let output = self.run(&end.place, &["ethtool", "-k", end.name.as_str()]).unwrap();
        output.lines().any(|line| line == "tx-checksumming: on")
    }

    fn vsctl(&self, arguments: &[&str]) -> Option<String> {
        let run_dir = self.run_dir.as_ref()?;
        finish(Command::new("ovs-vsctl").env("OVS_RUNDIR", run_dir).args(arguments))
    }

    fn run(&self, place: &Place, words: &[&str]) -> Option<String> {
        let namespace = match place {
            Place::Host => return finish(Command::new(words[0]).args(&words[1..])),
            Place::Named(name) => format!("/run/netns/{name}"),
            Place::Pid(pid) => format!("/proc/{pid}/ns/net"),
            Place::Path(path) => path.clone(),
            Place::Nsid(_) | Place::Container(_) => panic!("{place} has no name to enter it by"),
        };
        finish(Command::new("nsenter").arg(format!("--net={namespace}")).args(words))
    }
}

/// Whether a map, as ovs-vsctl prints it, has this pair.
fn has(map: &str, key: &str, value: &str) -> bool {
    map.contains(&format!("{key}={value}")) || map.contains(&format!("{key}={value:?}"))
}

fn unless(right: bool, problem: &str) -> Vec<String> {
    if right { Vec::new() } else { vec![problem.to_owned()] }
}

/// What a command printed; none if it failed.
fn finish(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}
