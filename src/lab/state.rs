//! From a lab to what should be on the host.

mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{
    Address, BackendName, Datapath, Device, End, Entry, IfName, Interface, Internal, Link, Mac, Nat, Netns, Owner,
    Place, Port, Resource, Route, State, Switch, SwitchName, Sysctl, Virtual, Vlan, What,
};

use super::parts::{
    Inside, Lab, LabBond, LabLink, LabPort, LabSwitch, LabTunnel, LabVlan, LinkEnd, Namespace, Stp, Trunk,
};
use super::trunk::{arp, plain_port};

/// The MTU of a veth pair of which none is said, in bytes (`ETH_DATA_LEN`, linux/if_ether.h): the file may have said one before.
pub(super) const MTU: u32 = 1500;

/// What the host decides where a lab leaves it open.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    /// The backend of switches of which none is said.
    pub backend: BackendName,
    /// The datapath of switches of Open vSwitch of which none is said.
    pub datapath: Datapath,
    /// Whether a switch in user space needs checksums from those who send through it: it computes none (no
    /// `userspace-tso-enable`).
    pub tx_checksum_off: bool,
    /// The switches that are there already, as they are.
    pub external: BTreeMap<SwitchName, Switch>,
    /// The device of the host's default route, where a translation does not say by which it leads out.
    pub out: Option<IfName>,
    /// How large packets through the tunnels may be, in bytes, by the names of the tunnels.
    #[serde(default)]
    pub tunnel_mtus: BTreeMap<IfName, u32>,
}

impl Lab {
    /// What should be there. A switch that is external and not among `facts`, and a translation of which nobody says where it
    /// leads out, is left out: who calls has told of it.
    ///
    /// The table of nftables, settings of the host that it needs, and routes that come with a translation are not in it.
    pub fn state(&self, facts: &Facts) -> State {
        let mut making = Making { lab: self, facts, switches: BTreeMap::new(), state: State::default() };
        making.all();
        making.state
    }

    /// The MTU that the own device of `switch` has by itself: that of the smallest port (`br_mtu_min`, net/bridge/br_if.c;
    /// `update_mtu`, ofproto/ofproto.c). `None` where the file does not say it of all ports: those of the host have their own.
    pub fn mtu_of(&self, switch: &SwitchName) -> Option<u32> {
        if self.switches.iter().any(|lab| {
            lab.name == *switch && !(lab.uplinks.is_empty() && lab.tunnels.is_empty() && lab.bonds.is_empty())
        }) {
            return None;
        }
        let ports = self.namespaces.iter().flat_map(|namespace| &namespace.ports);
        let ports = ports.filter(|port| port.switch == *switch).map(|port| port.mtu);
        let trunks = self.trunks.iter().filter(|trunk| trunk.a.switch == *switch || trunk.b.switch == *switch);
        let all = ports.chain(trunks.map(|trunk| trunk.mtu)).map(|mtu| mtu.unwrap_or(MTU));
        Some(all.min().unwrap_or(MTU))
    }

    /// The names of the switches that have to be there already.
    pub fn external_switches(&self) -> impl Iterator<Item = &SwitchName> {
        self.switches.iter().filter(|switch| switch.external).map(|switch| &switch.name)
    }
}

struct Making<'a> {
    lab: &'a Lab,
    facts: &'a Facts,
    switches: BTreeMap<&'a SwitchName, Switch>,
    state: State,
}

impl<'a> Making<'a> {
    fn all(&mut self) {
        let tagged = self.lab.tagged();
        for switch in &self.lab.switches {
            self.switch(switch, tagged.contains(&switch.name));
        }
        for namespace in &self.lab.namespaces {
            self.namespace(namespace);
        }
        self.lab.links.iter().for_each(|link| self.link(link));
        self.lab.trunks.iter().for_each(|trunk| self.trunk(trunk));
        self.inside(&Place::Host, &self.lab.host);
        for nat in &self.lab.nats {
            if let Some(out) = nat.out.clone().or_else(|| self.facts.out.clone()) {
                self.owned(Resource::Nat(Nat { switch: nat.switch.clone(), out }));
            }
        }
        for published in &self.lab.published {
            self.owned(Resource::Published(published.clone()));
        }
    }

    fn owned(&mut self, resource: Resource) {
        self.state.insert(Entry::owned(resource, &self.lab.owner));
    }

    fn unmarked(&mut self, resource: Resource) {
        self.state.insert(Entry::unmarked(resource));
    }

    fn switch(&mut self, lab: &'a LabSwitch, tagged: bool) {
        let mut switch = match lab.external {
            true => match self.facts.external.get(&lab.name) {
                Some(switch) => switch.clone(),
                None => return,
            },
            false => lab.switch(&self.lab.owner, self.facts),
        };
        // A Linux bridge looks at VLAN tags only when it is told to.
        if switch.backend == BackendName::Linux && tagged {
            switch.vlan_filtering = Some(true);
        }
        let device = switch.name.device();
        match lab.external {
            true => self.unmarked(Resource::Switch(switch.clone())),
            false => {
                self.owned(Resource::Switch(switch.clone()));
                self.unmarked(Resource::Device(Device::new(Place::Host, device.clone(), true)));
            }
        }
        for ip in &lab.ip {
            self.unmarked(Resource::Address(Address::new(Place::Host, device.clone(), *ip, lab.nodad)));
        }
        for uplink in &lab.uplinks {
            let port = plain_port(&switch, &uplink.device, &uplink.vlan);
            self.owned(Resource::Port(Port { settings: uplink.settings.clone(), ..port }));
            self.unmarked(Resource::Device(Device::new(Place::Host, uplink.device.clone(), true)));
        }
        self.traffic_of_switch(lab, &switch);
        lab.tunnels.iter().for_each(|tunnel| self.tunnel(&switch, tunnel));
        lab.vlans.iter().for_each(|vlan| self.vlan(&switch, vlan));
        lab.bonds.iter().for_each(|bond| self.bond(&switch, bond));
        self.switches.insert(&lab.name, switch);
    }

    /// On a Linux bridge it is a device of the kernel, with an MTU that fits.
    fn tunnel(&mut self, switch: &Switch, lab: &LabTunnel) {
        let port = Port { settings: lab.settings.clone(), ..plain_port(switch, &lab.name, &lab.vlan) };
        if switch.backend == BackendName::Ovs {
            return self.owned(Resource::Port(Port { interface: Interface::Tunnel(lab.tunnel), ..port }));
        }
        let mtu = lab.mtu.or_else(|| self.facts.tunnel_mtus.get(&lab.name).copied());
        self.owned(Resource::Virtual(Virtual { mtu, ..Virtual::new(lab.name.clone(), What::Tunnel(lab.tunnel)) }));
        self.owned(Resource::Port(port));
        self.unmarked(Resource::Device(Device::new(Place::Host, lab.name.clone(), true)));
    }

    /// On a Linux bridge it is a device of the kernel.
    fn bond(&mut self, switch: &Switch, lab: &LabBond) {
        let port = Port { settings: lab.settings.clone(), ..plain_port(switch, &lab.name, &lab.vlan) };
        let up = |name: &IfName| Resource::Device(Device::new(Place::Host, name.clone(), true));
        lab.bond.devices.iter().for_each(|device| self.unmarked(up(device)));
        if switch.backend == BackendName::Ovs {
            return self.owned(Resource::Port(Port { interface: Interface::Bond(lab.bond.clone()), ..port }));
        }
        self.owned(Resource::Virtual(Virtual::new(lab.name.clone(), What::Bond(lab.bond.clone()))));
        self.owned(Resource::Port(port));
        self.unmarked(up(&lab.name));
    }

    /// The host's own part in a VLAN.
    fn vlan(&mut self, switch: &Switch, lab: &LabVlan) {
        let LabVlan { vlan, name, mac, mtu, .. } = lab.clone();
        if switch.backend == BackendName::Ovs {
            let vlan = Vlan { tag: Some(vlan), ..Vlan::default() };
            let row = plain_port(switch, &name, &vlan);
            self.owned(Resource::Port(Port { interface: Interface::Internal { mtu }, ..row }));
            self.owned(Resource::Internal(Internal { mac, mtu, ..Internal::new(Place::Host, name.clone()) }));
        } else {
            let what = What::Vlan { switch: switch.name.clone(), vlan };
            self.owned(Resource::Virtual(Virtual { mac, mtu, ..Virtual::new(name.clone(), what) }));
            self.unmarked(Resource::Device(Device::new(Place::Host, name.clone(), true)));
        }
        self.addresses(&Place::Host, &name, &lab.ip, lab.nodad);
    }

    fn namespace(&mut self, namespace: &Namespace) {
        if let (Some(name), false) = (namespace.place.name(), namespace.external) {
            self.owned(Resource::Netns(Netns::new(name.clone())));
        }
        for port in &namespace.ports {
            self.plug(&namespace.place, port);
        }
        self.inside(&namespace.place, &namespace.inside);
    }

    fn plug(&mut self, place: &Place, port: &LabPort) {
        let Some(switch) = self.switches.get(&port.switch).cloned() else { return };
        let names = &port.names;
        let device = if port.internal { &names.inside } else { &names.host };
        let row = Port {
            iface_id: port.iface_id.clone(),
            netns: Some(place.clone()).filter(|_| switch.backend == BackendName::Ovs),
            settings: port.settings.clone(),
            ..plain_port(&switch, device, &port.vlan)
        };
        self.traffic_of_port(port, &switch);
        match port.internal {
            true => self.internal(place, row, port),
            false => {
                self.owned(Resource::Link(self.pair(place, &switch, port)));
                self.owned(Resource::Port(row));
            }
        }
        self.addresses(place, &names.inside, &port.ip, port.nodad);
        for gateway in &port.gw {
            let route = Route::default_via(place.clone(), *gateway, names.inside.clone());
            self.unmarked(Resource::Route(route));
        }
        let impairment = port.worse.impairment(place.clone(), names.inside.clone());
        if !impairment.is_none() {
            self.unmarked(Resource::Impairment(impairment));
        }
    }

    /// A device that Open vSwitch makes, and that is then put into the namespace.
    fn internal(&mut self, place: &Place, row: Port, port: &LabPort) {
        let device = Internal::new(place.clone(), row.device.clone());
        self.owned(Resource::Port(Port { interface: Interface::Internal { mtu: None }, ..row }));
        self.owned(Resource::Internal(Internal { mac: port.mac, mtu: Some(port.mtu.unwrap_or(MTU)), ..device }));
    }

    fn pair(&self, place: &Place, switch: &Switch, port: &LabPort) -> Link {
        let names = &port.names;
        let host = End {
            altname: names.host_full.clone(),
            mtu: Some(port.mtu.unwrap_or(MTU)),
            arp: arp(switch),
            ..End::new(Place::Host, names.host.clone())
        };
        let userspace = switch.datapath == Some(Datapath::Netdev) && switch.backend == BackendName::Ovs;
        let inside = End {
            altname: names.inside_full.clone(),
            mac: port.mac,
            mtu: Some(port.mtu.unwrap_or(MTU)),
            tx_checksum: (userspace && self.facts.tx_checksum_off).then_some(false),
            ..End::new(place.clone(), names.inside.clone())
        };
        Link::new(host, inside)
    }

    fn addresses(&mut self, place: &Place, device: &IfName, ips: &[ipnet::IpNet], nodad: bool) {
        for ip in ips {
            self.unmarked(Resource::Address(Address::new(place.clone(), device.clone(), *ip, nodad)));
        }
    }

    fn link(&mut self, link: &LabLink) {
        let end = |end: &LinkEnd| End {
            altname: end.altname.clone(),
            mac: end.mac,
            mtu: Some(link.mtu.unwrap_or(MTU)),
            // It may have been a port of a switch in user space before.
            arp: Some(true),
            ..End::new(end.place.clone(), end.name.clone())
        };
        self.owned(Resource::Link(Link::new(end(&link.a), end(&link.b))));
        for end in [&link.a, &link.b] {
            self.addresses(&end.place, &end.name, &end.ip, link.nodad);
            let impairment = link.worse.impairment(end.place.clone(), end.name.clone());
            if !impairment.is_none() {
                self.unmarked(Resource::Impairment(impairment));
            }
        }
    }

    fn trunk(&mut self, trunk: &Trunk) {
        let (a, b) = (self.switches.get(&trunk.a.switch).cloned(), self.switches.get(&trunk.b.switch).cloned());
        let (Some(a), Some(b)) = (a, b) else { return };
        trunk.resources(&a, &b).into_iter().for_each(|resource| self.owned(resource));
    }

    fn inside(&mut self, place: &Place, inside: &Inside) {
        for (key, value) in &inside.sysctls {
            self.unmarked(Resource::Sysctl(Sysctl::new(place.clone(), key.clone(), value)));
        }
        for (device, net) in &inside.addresses {
            self.addresses(place, device, &[*net], false);
        }
        for route in &inside.routes {
            self.unmarked(Resource::Route(route.clone()));
        }
    }
}

impl Lab {
    /// The switches with a port that has tags.
    fn tagged(&self) -> BTreeSet<&SwitchName> {
        let ports =
            self.namespaces.iter().flat_map(|namespace| &namespace.ports).map(|port| (&port.switch, &port.vlan));
        let uplinks =
            self.switches.iter().flat_map(|switch| switch.uplinks.iter().map(|uplink| (&switch.name, &uplink.vlan)));
        let trunks = self.trunks.iter().flat_map(|trunk| [&trunk.a, &trunk.b].map(|end| (&end.switch, &trunk.vlan)));
        let tunnels = self.switches.iter().flat_map(|switch| switch.tunnels.iter().map(|t| (&switch.name, &t.vlan)));
        let bonds = self.switches.iter().flat_map(|switch| switch.bonds.iter().map(|b| (&switch.name, &b.vlan)));
        let by_tag = ports.chain(uplinks).chain(trunks).chain(tunnels).chain(bonds).filter(|(_, vlan)| !vlan.is_any());
        let of_host = self.switches.iter().filter(|switch| !switch.vlans.is_empty()).map(|switch| &switch.name);
        by_tag.map(|(switch, _)| switch).chain(of_host).collect()
    }
}

impl LabSwitch {
    fn switch(&self, owner: &Owner, facts: &Facts) -> Switch {
        let backend = self.backend.unwrap_or(facts.backend);
        let ovs = backend == BackendName::Ovs;
        Switch {
            name: self.name.clone(),
            backend,
            datapath: ovs.then(|| self.datapath.unwrap_or(facts.datapath)),
            // The same whenever the lab is applied. Left to itself the address follows the ports.
            mac: Some(self.mac.unwrap_or_else(|| Mac::of_names(&[owner.as_str(), self.name.as_str()]))),
            mtu: self.mtu,
            // What the file says nothing of is off: it may have said something before.
            stp: Some(self.stp == Some(Stp::On)),
            rstp: ovs.then_some(self.stp == Some(Stp::Rapid)),
            vlan_filtering: (!ovs).then(|| self.vlan_filtering.unwrap_or(false)),
            settings: self.settings.clone(),
        }
    }
}
