//! Switches, their uplinks, and the trunks between them.

use std::collections::HashMap;

use crate::lab::mistake::Wrong;
use crate::lab::parts::{LabSwitch, Stp, Trunk, TrunkEnd, Uplink};
use crate::lab::tree::{Node, Text, Value};
use crate::model::setting::{Holder, Setting, Side};
use crate::model::{BackendName, IfName, Place, PortNames, Settings, SwitchName};

use super::books::Domain;
use super::{Build, Reader, backend, stp};

/// `BR_MAX_PORTS` less one, net/bridge/br_private.h: port numbers have ten bits, and 0 is none.
const LINUX_PORTS_MAX: usize = 1023;

impl<'n> Build<'n, '_> {
    pub(super) fn switch(&mut self, key: &'n Text, of: &Reader<'n, '_>) {
        let Some(name) = self.parse::<SwitchName>(&of.name.text, &key.span) else { return };
        if let Some((_, first)) = self.switches.get(&name) {
            let wrong = Wrong::new(format!("switch `{name}` is here already")).other(first, "the first one");
            return self.found.add(&key.span, wrong.hint("two names with ranges may stand for the same one"));
        }
        let external = of.plain("external").unwrap_or(false);
        let explicit = of.text("backend", self.found).as_deref().and_then(backend).or(self.defaults.backend);
        let asked_stp = of.text("stp", self.found).as_deref().and_then(stp);
        let switch = LabSwitch {
            backend: if external { None } else { explicit.or_else(|| only_with(of.node)) },
            datapath: of.plain("datapath"),
            mac: of.mac("mac", self.found),
            mtu: of.plain("mtu").or(self.defaults.mtu.filter(|_| !external)),
            stp: asked_stp.or(self.defaults.stp.filter(|_| !external)),
            vlan_filtering: of.plain("vlan-filtering"),
            ip: Vec::new(),
            nodad: of.plain("nodad").unwrap_or(self.defaults.nodad),
            external,
            uplinks: Vec::new(),
            mirrors: Vec::new(),
            exports: self.exports(&name, of),
            tunnels: Vec::new(),
            vlans: Vec::new(),
            bonds: Vec::new(),
            settings: Settings::whole(),
            name: name.clone(),
        };
        let mut switch = self.for_its_backend(switch, of);
        switch.settings = of.settings(Holder::Switch, switch.backend, self.found);
        self.check_external(&switch, of);
        self.switches.insert(name.clone(), (self.lab.switches.len(), &key.span));
        self.books.device(Place::Host, name.device(), &key.span, self.found);
        self.lab.switches.push(switch);
        self.switch_addresses(of);
        if let Some(node) = of.node.get("uplinks") {
            node.members().iter().for_each(|node| self.uplink(&name, &of.of(node)));
        }
        self.tunnels(&name, of);
        self.vlans(&name, of);
        self.bonds(&name, of);
    }

    /// Fails switches that are to be Linux bridges and have more ports than such a one takes.
    pub(super) fn check_ports(&mut self) {
        let mut counts: HashMap<&SwitchName, usize> = HashMap::new();
        let ports = self.lab.namespaces.iter().flat_map(|namespace| &namespace.ports).map(|port| &port.switch);
        let trunks = self.lab.trunks.iter().flat_map(|trunk| [&trunk.a.switch, &trunk.b.switch]);
        ports.chain(trunks).for_each(|switch| *counts.entry(switch).or_default() += 1);
        for switch in self.lab.switches.iter().filter(|switch| switch.backend == Some(BackendName::Linux)) {
            let count = counts.get(&switch.name).copied().unwrap_or_default()
                + switch.uplinks.len()
                + switch.tunnels.len()
                + switch.bonds.len();
            if let (true, Some((_, span))) = (count > LINUX_PORTS_MAX, self.switches.get(&switch.name)) {
                let wrong = Wrong::new(format!("switch `{}` has {count} ports", switch.name));
                let why =
                    format!("a Linux bridge takes {LINUX_PORTS_MAX}: spread them over several, or take backend: ovs");
                self.found.add(span, wrong.hint(why));
            }
        }
    }

    fn switch_addresses(&mut self, of: &Reader<'n, '_>) {
        let nets = of.nets("ip", self.found);
        let Some(switch) = self.lab.switches.last_mut() else { return };
        for (net, span) in nets {
            if net.addr().is_ipv6() {
                self.found.take(of.node.get("mtu").map_or(span, |node| &node.span), ipv6_fits(&net, switch.mtu));
            }
            let domain = Domain::of(&switch.name, None);
            self.books.address(Place::Host, switch.name.device(), net, Some(domain), span);
            switch.ip.push(net);
        }
    }

    /// What the one kind has and the other has not.
    fn for_its_backend(&mut self, mut switch: LabSwitch, of: &Reader<'n, '_>) -> LabSwitch {
        let refuse = |key: &str, why: &str| {
            Wrong::new(format!("`{key}` means nothing on a switch of backend {why}"))
                .hint("leave it out, or choose the other backend")
        };
        match switch.backend {
            Some(BackendName::Linux) => {
                if of.node.get("datapath").is_some() {
                    self.found.add(of.span("datapath"), refuse("datapath", "linux"));
                }
                if switch.stp == Some(Stp::Rapid) {
                    let wrong = Wrong::new("the Linux bridge has no rapid spanning tree");
                    let span = of.node.get("stp").map_or(&of.node.span, |node| &node.span);
                    self.found.add(span, wrong.hint("write `stp: true`, or `backend: ovs`"));
                }
            }
            Some(BackendName::Ovs) if of.node.get("vlan-filtering").is_some() => {
                self.found.add(of.span("vlan-filtering"), refuse("vlan-filtering", "ovs"));
            }
            _ => {}
        }
        if switch.backend != Some(BackendName::Linux) && !switch.external {
            switch.datapath = switch.datapath.or(self.defaults.datapath);
        }
        switch
    }

    fn check_external(&mut self, switch: &LabSwitch, of: &Reader<'n, '_>) {
        for (key, _) in of.node.entries().iter().filter(|_| switch.external) {
            if !matches!(
                key.text.as_str(),
                "external"
                    | "ip"
                    | "uplinks"
                    | "tunnels"
                    | "bonds"
                    | "vlans"
                    | "nodad"
                    | "mirrors"
                    | "sflow"
                    | "netflow"
                    | "ipfix"
            ) {
                let wrong = Wrong::new(format!("`{}` cannot be said of a switch that is there already", key.text));
                self.found.add(&key.span, wrong.hint("leave it out, or `external: true`"));
            }
        }
    }

    fn uplink(&mut self, switch: &SwitchName, of: &Reader<'n, '_>) {
        let span = of.node.get("device").map_or(&of.node.span, |node| &node.span);
        let text = match of.node.value {
            Value::Scalar(_) => {
                self.found.take(span, of.name.fill(of.node.scalar().unwrap_or_default(), true)).map(Into::into)
            }
            _ => of.text("device", self.found),
        };
        let Some(device) = text.and_then(|text: String| self.parse::<IfName>(&text, span)) else { return };
        if !self.spend(1, span) {
            return;
        }
        self.books.device(Place::Host, device.clone(), span, self.found);
        let vlan = of.vlan("tag", "trunks", self.found);
        self.books.tagged(switch, &vlan);
        let backend = self.lab.switches.last().and_then(|switch| switch.backend);
        let settings = of.settings(Holder::Port, backend, self.found);
        if let Some(switch) = self.lab.switches.last_mut() {
            switch.uplinks.push(Uplink { device, vlan, settings });
        }
    }

    pub(super) fn trunk(&mut self, of: &Reader<'n, '_>) {
        let a = self.switch_named(&of.name.text, of.span("a"));
        let b = self.second(of).and_then(|text| self.switch_named(&text, of.span("b")));
        let vlan = of.vlan("native", "vlans", self.found);
        let (Some(a), Some(b)) = (a, b) else { return };
        if a == b {
            let wrong = Wrong::new(format!("this trunk leads from `{a}` to itself"));
            return self.found.add(of.span("b"), wrong.hint("a trunk joins two switches"));
        }
        let number = self.books.trunk(&a, &b);
        let (one, other) = (self.trunk_end(&a, &b, "a-name", number, of), self.trunk_end(&b, &a, "b-name", number, of));
        for switch in [&a, &b] {
            self.books.tagged(switch, &vlan);
        }
        self.books.joined(&a, &b, &vlan);
        let mtu = of.plain("mtu").or(self.defaults.mtu);
        self.lab.trunks.extend(one.zip(other).map(|(a, b)| Trunk { a, b, vlan, mtu }));
    }

    fn trunk_end(
        &mut self,
        here: &SwitchName,
        there: &SwitchName,
        key: &str,
        number: u32,
        of: &Reader<'n, '_>,
    ) -> Option<TrunkEnd> {
        let asked: Option<IfName> = of.parse(key, self.found);
        let named = asked.is_some();
        let (device, altname) = match asked {
            Some(device) => (device, None),
            None => PortNames::of_trunk(here, there, number),
        };
        self.books.device(Place::Host, device.clone(), of.span(key), self.found);
        Some(TrunkEnd { switch: here.clone(), device, altname, named })
    }
}

/// The backend that alone has what is asked for.
fn only_with(node: &Node) -> Option<BackendName> {
    let has = |key: &str| node.get(key).is_some();
    let rapid = node.get("stp").and_then(Node::scalar) == Some("rstp");
    let lacks = |backend| {
        Setting::of(Holder::Switch)
            .any(|setting| has(setting.name) && matches!(setting.side(backend), Side::Lacks { .. }))
    };
    let (ovs, linux) = (lacks(BackendName::Linux), lacks(BackendName::Ovs));
    match (has("datapath") || rapid || ovs, has("vlan-filtering") || linux) {
        (true, false) => Some(BackendName::Ovs),
        (false, true) => Some(BackendName::Linux),
        _ => None,
    }
}

/// The kernel has no IPv6 on a device with a smaller MTU.
pub(super) fn ipv6_fits(net: &ipnet::IpNet, mtu: Option<u32>) -> Result<(), Wrong> {
    use crate::model::IPV6_MTU_MIN;
    match mtu {
        Some(mtu) if mtu < IPV6_MTU_MIN && net.addr().is_ipv6() => {
            Err(Wrong::new(format!("{net} does not go with an MTU of {mtu}"))
                .hint(format!("IPv6 takes an MTU of {IPV6_MTU_MIN} at least")))
        }
        _ => Ok(()),
    }
}
