//! From what there is to the lab that would make it.

mod devices;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::model::{
    Address, BackendName, DEFAULT_PVID, End, IfName, Interface, Internal, Key, Link, NAT_ROUTE_PROTOCOL, Nat, Owner,
    Place, Port, PortNames, Published, Resource, Route, State, Switch, Vlan,
};

use super::state::MTU;
use super::{Inside, Lab, LabLink, LabNat, LabPort, LabSwitch, LinkEnd, Namespace, Stp, Trunk, TrunkEnd, Uplink};

/// A lab that was found, and what a lab file cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The lab.
    pub lab: Lab,
    /// What is not in it, a line each.
    pub left_out: Vec<String>,
}

/// The lab of `owner` that makes what is in `state`. `devices` are those of the host that can be plugged in as they are.
///
/// Ethernet addresses are not told: they are others on another host. Nor are settings: that they were set does not show.
pub fn export(owner: Owner, state: &State, devices: &BTreeSet<IfName>) -> Export {
    let mut found = Found { state, devices, pairs: pairs(state), left_out: Vec::new() };
    let mut namespaces = found.namespaces();
    let (links, trunks) = found.links(&mut namespaces);
    let switches = found.switches();
    let lab = Lab {
        owner,
        switches,
        namespaces: namespaces.into_values().collect(),
        links,
        trunks,
        nats: found.nats(),
        published: found.published(),
        run: Vec::new(),
        expect: Vec::new(),
        host: Inside::default(),
    };
    Export { lab, left_out: found.left_out }
}

fn pairs(state: &State) -> Vec<&Link> {
    state
        .resources()
        .filter_map(|resource| if let Resource::Link(link) = resource { Some(link) } else { None })
        .collect()
}

struct Found<'a> {
    state: &'a State,
    devices: &'a BTreeSet<IfName>,
    pairs: Vec<&'a Link>,
    left_out: Vec<String>,
}

impl<'a> Found<'a> {
    /// The namespaces that have a name, without their ports.
    fn namespaces(&self) -> BTreeMap<Place, Namespace> {
        let namespace = |resource: &Resource| match resource {
            Resource::Netns(netns) => {
                let place = Place::Named(netns.name.clone());
                Some((
                    place.clone(),
                    Namespace { place, external: false, ports: Vec::new(), inside: Inside::default() },
                ))
            }
            _ => None,
        };
        let mut found: BTreeMap<Place, Namespace> = self.state.resources().filter_map(namespace).collect();
        for (place, namespace) in &mut found {
            namespace.inside.routes = self.routes(place);
        }
        found
    }

    /// Puts the veth pairs that are ports into their namespaces; returns the others.
    fn links(&mut self, namespaces: &mut BTreeMap<Place, Namespace>) -> (Vec<LabLink>, Vec<Trunk>) {
        let (mut links, mut trunks) = (Vec::new(), self.patches());
        for link in self.pairs.clone() {
            let ports = [&link.a, &link.b].map(|end| self.port(end));
            match (ports, &link.b.place) {
                (_, Place::Nsid(_)) => self.leave_out(link, "its other end is in a namespace that nothing leads to"),
                ([Some(a), Some(b)], _) => trunks.push(self.trunk(&link.a, a, &link.b, b)),
                ([Some(port), None], place) if *place != Place::Host => {
                    let namespace = namespaces.entry(place.clone()).or_insert_with(|| external(place));
                    namespace.ports.push(self.lab_port(link, port));
                }
                ([Some(_), None] | [None, Some(_)], _) => self.leave_out(link, "one end is a port, the other is not"),
                ([None, None], Place::Host) => self.leave_out(link, "both ends are on the host, and neither is a port"),
                ([None, None], _) => links.push(self.link(link)),
            }
        }
        for (device, port) in self.internal() {
            let place = &device.place;
            let port = self.internal_port(device, port);
            namespaces.entry(place.clone()).or_insert_with(|| external(place)).ports.push(port);
        }
        for namespace in namespaces.values_mut() {
            namespace.ports.sort_by_cached_key(|port| natural(port.names.inside.as_str()));
            take_gateways(namespace);
        }
        (links, trunks)
    }

    fn leave_out(&mut self, link: &Link, why: &str) {
        self.left_out.push(format!("{}: {why}", Resource::Link(link.clone()).key()));
    }

    /// The port that an end is.
    fn port(&self, end: &End) -> Option<&'a Port> {
        if end.place != Place::Host {
            return None;
        }
        match self.state.get(&Key::Port { device: end.name.clone() }).map(|entry| &entry.resource) {
            Some(Resource::Port(port)) => Some(port),
            _ => None,
        }
    }

    fn lab_port(&self, link: &Link, port: &Port) -> LabPort {
        let (ip, nodad) = self.addresses(&link.b.place, &link.b.name);
        LabPort {
            switch: port.switch.clone(),
            names: PortNames {
                host: link.a.name.clone(),
                host_full: link.a.altname.clone(),
                inside: link.b.name.clone(),
                inside_full: link.b.altname.clone(),
            },
            ip,
            gw: Vec::new(),
            vlan: vlan(port),
            mac: None,
            mtu: link.b.mtu.filter(|mtu| *mtu != MTU),
            internal: false,
            iface_id: port.iface_id.clone(),
            settings: port.settings.clone(),
            nodad,
            worse: self.worse(&link.b.place, &link.b.name),
            qos: self.qos(port),
            policed: self.policed(port),
        }
    }

    /// The devices of internal ports that are in namespaces, with the ports.
    fn internal(&self) -> Vec<(&'a Internal, &'a Port)> {
        let found = |resource: &'a Resource| match resource {
            Resource::Internal(device) if device.place != Place::Host => {
                let port = self.ports().find(|port| port.device == device.name && port.interface.is_internal())?;
                Some((device, port))
            }
            _ => None,
        };
        self.state.resources().filter_map(found).collect()
    }

    fn internal_port(&self, device: &Internal, port: &Port) -> LabPort {
        let (ip, nodad) = self.addresses(&device.place, &device.name);
        let rule = PortNames::of(&device.place, 1);
        LabPort {
            switch: port.switch.clone(),
            names: PortNames { inside: device.name.clone(), inside_full: None, ..rule },
            ip,
            gw: Vec::new(),
            vlan: vlan(port),
            mac: None,
            mtu: device.mtu.filter(|mtu| *mtu != MTU),
            internal: true,
            iface_id: port.iface_id.clone(),
            nodad,
            worse: self.worse(&device.place, &device.name),
            qos: self.qos(port),
            policed: self.policed(port),
            settings: port.settings.clone(),
        }
    }

    fn link(&mut self, link: &Link) -> LabLink {
        let mut nodad = false;
        let mut end = |end: &End| {
            let (ip, without) = self.addresses(&end.place, &end.name);
            nodad |= without;
            LinkEnd {
                place: end.place.clone(),
                name: end.name.clone(),
                altname: end.altname.clone(),
                named: true,
                ip,
                mac: None,
            }
        };
        let (a, b) = (end(&link.a), end(&link.b));
        let [worse, other] = [&link.a, &link.b].map(|end| self.worse(&end.place, &end.name));
        if worse != other {
            self.leave_out(link, "its ends are impaired differently; the file says what the first is");
        }
        LabLink { a, b, mtu: link.b.mtu.filter(|mtu| *mtu != MTU), nodad, worse }
    }

    fn trunk(&self, a: &End, of_a: &Port, b: &End, of_b: &Port) -> Trunk {
        let end = |end: &End, port: &Port| TrunkEnd {
            switch: port.switch.clone(),
            device: end.name.clone(),
            altname: end.altname.clone(),
            named: true,
        };
        Trunk { a: end(a, of_a), b: end(b, of_b), vlan: vlan(of_a), mtu: a.mtu.filter(|mtu| *mtu != MTU) }
    }

    /// The trunks of patch ports, each once.
    fn patches(&self) -> Vec<Trunk> {
        let end = |port: &Port| TrunkEnd {
            switch: port.switch.clone(),
            device: port.device.clone(),
            altname: None,
            named: true,
        };
        let trunk = |port: &Port| {
            let peer = port.interface.peer().filter(|peer| port.device < **peer)?;
            let Some(Resource::Port(peer)) =
                self.state.get(&Key::Port { device: peer.clone() }).map(|entry| &entry.resource)
            else {
                return None;
            };
            Some(Trunk { a: end(port), b: end(peer), vlan: port.vlan.clone(), mtu: None })
        };
        self.ports().filter_map(trunk).collect()
    }

    fn ports(&self) -> impl Iterator<Item = &'a Port> {
        self.state
            .resources()
            .filter_map(|resource| if let Resource::Port(port) = resource { Some(port) } else { None })
    }

    fn switches(&mut self) -> Vec<LabSwitch> {
        let switch = |resource: &'a Resource| if let Resource::Switch(s) = resource { Some(s) } else { None };
        let found: Vec<&Switch> = self.state.resources().filter_map(switch).collect();
        found.into_iter().map(|switch| self.switch(switch)).collect()
    }

    fn switch(&mut self, switch: &Switch) -> LabSwitch {
        let (ip, nodad) = self.addresses(&Place::Host, &switch.name.device());
        let ovs = switch.backend == BackendName::Ovs;
        let stp = match (switch.rstp, switch.stp) {
            (Some(true), _) => Some(Stp::Rapid),
            (_, Some(true)) => Some(Stp::On),
            _ => None,
        };
        LabSwitch {
            name: switch.name.clone(),
            backend: Some(switch.backend),
            datapath: switch.datapath,
            mac: None,
            mtu: switch.mtu.filter(|mtu| ovs || *mtu != MTU),
            stp,
            vlan_filtering: switch.vlan_filtering.filter(|on| *on),
            ip,
            nodad,
            external: false,
            settings: switch.settings.clone(),
            uplinks: self.uplinks(switch),
            mirrors: self.mirrors(switch),
            exports: self.exports(switch),
            tunnels: self.tunnels(switch),
            vlans: self.vlans(switch),
            bonds: self.bonds(switch),
        }
    }

    /// The ports of `switch` that are neither ends of veth pairs nor patches.
    fn uplinks(&mut self, switch: &Switch) -> Vec<Uplink> {
        let mut uplinks = Vec::new();
        let ends: BTreeSet<&IfName> =
            self.pairs.iter().flat_map(|link| [&link.a, &link.b]).map(|end| &end.name).collect();
        let device = |port: &Port| port.interface == Interface::System && self.device(&port.device).is_none();
        let plain = |port: &&Port| port.switch == switch.name && device(port) && !ends.contains(&port.device);
        for port in self.ports().filter(plain).collect::<Vec<_>>() {
            if self.devices.contains(&port.device) {
                let settings = port.settings.clone();
                uplinks.push(Uplink { device: port.device.clone(), vlan: vlan(port), settings });
            } else {
                self.left_out.push(format!("port {} of {}: a lab file has no word for it", port.device, switch.name));
            }
        }
        uplinks
    }

    /// The addresses of a device, and whether those of IPv6 are without duplicate address detection.
    fn addresses(&self, place: &Place, device: &IfName) -> (Vec<IpNet>, bool) {
        let of_it = |resource: &'a Resource| match resource {
            Resource::Address(address) if address.place == *place && address.device == *device => Some(address),
            _ => None,
        };
        let found: Vec<&Address> = self.state.resources().filter_map(of_it).collect();
        (found.iter().map(|address| address.address).collect(), found.iter().any(|address| address.nodad))
    }

    /// The routes that somebody typed. Those that translation brought come with it.
    fn routes(&self, place: &Place) -> Vec<Route> {
        let typed = |resource: &Resource| match resource {
            Resource::Route(route) if route.place == *place && route.is_typed() => {
                (route.protocol != Some(NAT_ROUTE_PROTOCOL)).then(|| Route { protocol: None, ..route.clone() })
            }
            _ => None,
        };
        self.state.resources().filter_map(typed).collect()
    }

    fn nats(&self) -> Vec<LabNat> {
        let nat = |resource: &Resource| match resource {
            Resource::Nat(Nat { switch, out }) => Some(LabNat { switch: switch.clone(), out: Some(out.clone()) }),
            _ => None,
        };
        self.state.resources().filter_map(nat).collect()
    }

    fn published(&self) -> Vec<Published> {
        let published =
            |resource: &Resource| if let Resource::Published(p) = resource { Some(p.clone()) } else { None };
        self.state.resources().filter_map(published).collect()
    }
}

/// A namespace that is reached in another way than by a name.
fn external(place: &Place) -> Namespace {
    Namespace { place: place.clone(), external: true, ports: Vec::new(), inside: Inside::default() }
}

/// The VLANs of a port, unless they are those of a port of which nothing was asked.
fn vlan(port: &Port) -> Vlan {
    let default = Vlan { tag: Some(DEFAULT_PVID), ..Vlan::default() };
    if port.backend == BackendName::Linux && port.vlan == default { Vlan::default() } else { port.vlan.clone() }
}

/// Turns plain default routes through ports into gateways of these.
fn take_gateways(namespace: &mut Namespace) {
    let ports = &mut namespace.ports;
    namespace.inside.routes.retain(|route| {
        let plain = route.destination.prefix_len() == 0 && route.metric.is_none() && route.source.is_none();
        let port = ports.iter_mut().find(|port| route.device.as_ref() == Some(&port.names.inside));
        match (plain, route.via, port) {
            (true, Some(via), Some(port)) => {
                port.gw.push(via);
                false
            }
            _ => true,
        }
    });
}

/// Names in the order in which people count: `eth2` before `eth10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0_u64)];
    let mut in_number = false;
    for c in name.chars() {
        let Some(last) = parts.last_mut() else { break };
        match (c.to_digit(10), in_number) {
            (Some(digit), _) => {
                last.1 = last.1.saturating_mul(10).saturating_add(u64::from(digit));
                in_number = true;
            }
            (None, false) => last.0.push(c),
            (None, true) => {
                parts.push((c.to_string(), 0));
                in_number = false;
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_counted() {
        let mut names = ["eth10", "eth2", "eth1-ns1", "eth1", "a"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a", "eth1", "eth1-ns1", "eth2", "eth10"]);
    }
}
