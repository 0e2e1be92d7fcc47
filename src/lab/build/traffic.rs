//! What is done to the traffic of switches and ports.

use std::collections::{BTreeMap, BTreeSet};

use crate::lab::mistake::Wrong;
use crate::lab::names::{self, PARTS_MAX};
use crate::lab::parts::{LabMirror, LabQos, Policed};
use crate::lab::source::Span;
use crate::lab::tree::{Node, Text};
use crate::model::{
    BackendName, ExportProtocol, FlowExport, IfName, MirrorOutput, Policing, Qos, QosType, Queue, SwitchName,
    check_target,
};

use super::{Build, Reader};

impl<'n> Build<'n, '_> {
    /// What of `switches` names ports, once all of them are known.
    pub(super) fn traffic_of_switches(&mut self, switches: Option<&'n Node>) {
        for (key, node) in switches.map_or(&[][..], Node::entries) {
            // What is wrong with the names has been told.
            for name in names::expand(&key.text, PARTS_MAX).unwrap_or_default() {
                let of = Reader { node, name: &name };
                let Some((at, _)) = name.text.parse().ok().and_then(|name: SwitchName| self.switches.get(&name)) else {
                    continue;
                };
                let at = *at;
                for (key, node) in node.get("mirrors").map_or(&[][..], Node::entries) {
                    if let Some(mirror) = self.mirror(at, key, &of.of(node)) {
                        self.lab.switches[at].mirrors.push(mirror);
                    }
                }
            }
        }
    }

    /// What the switch tells collectors.
    pub(super) fn exports(&mut self, switch: &SwitchName, of: &Reader<'n, '_>) -> Vec<FlowExport> {
        let mut exports = Vec::new();
        for protocol in ExportProtocol::ALL {
            let Some(node) = of.node.get(protocol.as_str()) else { continue };
            let of = of.of(node);
            let mut targets = BTreeSet::new();
            for (text, span) in of.texts("targets", false, self.found) {
                if self.found.take(span, check_target(&text).map_err(Wrong::new)).is_some() {
                    targets.insert(text);
                }
            }
            exports.push(FlowExport {
                targets,
                sampling: of.plain("sampling"),
                polling: of.plain("polling"),
                header: of.plain("header"),
                agent: of.parse::<IfName>("agent", self.found).map(|agent| agent.to_string()),
                active_timeout: of.plain("active-timeout"),
                ..FlowExport::new(switch.clone(), BackendName::Ovs, protocol)
            });
        }
        exports
    }

    /// The queues of the port `device`.
    pub(super) fn qos(&mut self, device: &IfName, of: &Reader<'n, '_>) -> Option<LabQos> {
        let of = of.of(of.node.get("qos")?);
        let discipline = of.plain("type").unwrap_or(QosType::Htb);
        let max_rate = of.plain("max-rate");
        let mut queues = BTreeMap::new();
        for (key, node) in of.node.get("queues").map_or(&[][..], Node::entries) {
            let Some(number) = key.text.parse().ok().filter(|number| *number <= Qos::QUEUE_MAX) else {
                let wrong = Wrong::new(format!("`{}` is no number of a queue", key.text));
                self.found.add(&key.span, wrong.hint(format!("it is one of 0 to {}", Qos::QUEUE_MAX)));
                continue;
            };
            let of = of.of(node);
            let (min_rate, max_rate) = (of.plain("min-rate"), of.plain("max-rate"));
            let queue = Queue { min_rate, max_rate, burst: of.plain("burst"), priority: of.plain("priority") };
            queues.insert(number, queue);
        }
        let lab = LabQos { discipline, max_rate, queues };
        // The name of the switch and its kind do not matter to the rates.
        let switch = "s".parse().ok()?;
        let checked = lab.qos(switch, device.clone(), BackendName::Ovs).checked();
        self.found.take(&of.node.span, checked.map_err(|error| Wrong::new(error.to_string())))?;
        Some(lab)
    }

    /// How much may come in by the port `device` of a switch of this kind.
    pub(super) fn policed(&mut self, device: &IfName, backend: Option<BackendName>, of: &Reader<'n, '_>) -> Policed {
        let given =
            Policed { rate: of.plain("ingress-rate"), burst: of.plain("ingress-burst"), storm: of.plain("storm-rate") };
        if given.storm.is_some() && backend == Some(BackendName::Ovs) {
            let wrong = Wrong::new("`storm-rate` means nothing on a switch of backend ovs");
            let hint = "leave it out, or make the switch with `backend: linux`; a meter and a flow do the same: \
                        docs/openflow.md";
            self.found.add(of.span("storm-rate"), wrong.hint(hint));
        }
        // The name of the switch and its kind do not matter to the rates.
        let Ok(switch) = "s".parse() else { return given };
        match given.policing(switch, device.clone(), BackendName::Linux).checked() {
            Ok(Policing { rate, burst, storm, .. }) => Policed { rate, burst, storm },
            Err(error) => {
                let said = error.to_string();
                let key = ["ingress-rate", "ingress-burst", "storm-rate"].into_iter().find(|key| {
                    said.strip_prefix("an ").or(said.strip_prefix("a ")).is_some_and(|said| said.starts_with(key))
                });
                self.found.add(of.span(key.unwrap_or("ingress-rate")), Wrong::new(said));
                Policed::default()
            }
        }
    }

    fn mirror(&mut self, at: usize, key: &'n Text, of: &Reader<'n, '_>) -> Option<LabMirror> {
        let name = self.found.take(&key.span, of.name.fill(&key.text, true))?.into_owned();
        let to = of.text("to", self.found).map(|text| self.port_on(at, &text, of.span("to")));
        let vlan = of.parse("to-vlan", self.found);
        let output = match (to, vlan) {
            (Some(port), None) => MirrorOutput::Port(port?),
            (None, Some(vlan)) => MirrorOutput::Vlan(vlan),
            (None, None) if of.node.get("to-vlan").is_some() => return None,
            _ => {
                let wrong = Wrong::new(format!("mirror `{name}` needs either `to` or `to-vlan`"));
                self.found.add(&key.span, wrong.hint("`to` is a port that the copies go out of, as in `to: ns1`"));
                return None;
            }
        };
        let sources = self.sources(at, of)?;
        let direction = of.text("direction", self.found);
        let selects = |other: &str| if direction.as_deref() == Some(other) { BTreeSet::new() } else { sources.clone() };
        let mirror = LabMirror {
            ingress: selects("out"),
            egress: selects("in"),
            vlans: of.vlan("", "vlans", self.found).trunks,
            snaplen: of.plain("snaplen"),
            name,
            output,
        };
        self.check_mirror(&mirror, of);
        Some(mirror)
    }

    fn sources(&mut self, at: usize, of: &Reader<'n, '_>) -> Option<BTreeSet<IfName>> {
        let mut sources = BTreeSet::new();
        for (text, span) in of.texts("from", true, self.found) {
            for name in self.found.take(span, names::expand(&text, PARTS_MAX)).unwrap_or_default() {
                sources.insert(self.port_on(at, &name.text, span)?);
            }
        }
        Some(sources)
    }

    fn check_mirror(&mut self, mirror: &LabMirror, of: &Reader<'n, '_>) {
        let name = &mirror.name;
        match &mirror.output {
            MirrorOutput::Port(port) if mirror.ingress.contains(port) || mirror.egress.contains(port) => {
                let wrong = Wrong::new(format!("mirror `{name}` would copy what it sends out of {port} itself"));
                self.found.add(of.span("to"), wrong.hint("let the copies go out of a port that is not in `from`"));
            }
            MirrorOutput::Vlan(vlan) if mirror.vlans.contains(vlan) => {
                let wrong = Wrong::new(format!("mirror `{name}` would copy VLAN {vlan} into itself"));
                self.found.add(of.span("to-vlan"), wrong.hint("let the copies go into a VLAN that is not in `vlans`"));
            }
            MirrorOutput::Vlan(_) if mirror.snaplen.is_some() => {
                let wrong = Wrong::new("copies that go into a VLAN are whole");
                self.found.add(of.span("snaplen"), wrong.hint("leave it out, or send them out of a port: `to`"));
            }
            _ => {}
        }
    }

    /// The port of the switch `at` that `text` means: by the namespace behind it, or by its own name.
    pub(super) fn port_on(&mut self, at: usize, text: &str, span: &Span) -> Option<IfName> {
        let switch = self.lab.switches[at].name.clone();
        let behind = self.lab.namespaces.iter().filter(|namespace| namespace.place.to_string() == text);
        let ports = behind.flat_map(|namespace| &namespace.ports).filter(|port| port.switch == switch);
        let named: Vec<IfName> = ports.map(|port| port.device().clone()).collect();
        match named.as_slice() {
            [port] => return Some(port.clone()),
            [] => {}
            several => {
                let list = several.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let wrong = Wrong::new(format!("`{text}` has several ports on switch `{switch}`"));
                self.found.add(span, wrong.hint(format!("name the one that is meant: {list}")));
                return None;
            }
        }
        let known = self.ports_of(&switch);
        // One that is there already may have others.
        let there = self.lab.switches[at].external || known.iter().any(|port| port.as_str() == text);
        if let (true, Ok(port)) = (there, text.parse::<IfName>()) {
            return Some(port);
        }
        let namespaces = self.lab.namespaces.iter().filter(|n| n.ports.iter().any(|port| port.switch == switch));
        let names: Vec<String> =
            namespaces.map(|n| n.place.to_string()).chain(known.iter().map(ToString::to_string)).collect();
        let wrong = Wrong::new(format!("switch `{switch}` has no port `{text}`"));
        let otherwise = "write the name of a namespace with a port there, or of a port";
        self.found.add(span, wrong.meant(text, names.iter().map(String::as_str), otherwise));
        None
    }

    /// The ports that the file gives a switch, by name.
    fn ports_of(&self, switch: &SwitchName) -> Vec<IfName> {
        let ports = self.lab.namespaces.iter().flat_map(|namespace| &namespace.ports);
        let ports = ports.filter(|port| port.switch == *switch).map(|port| port.device().clone());
        let uplinks = self.lab.switches.iter().filter(|lab| lab.name == *switch).flat_map(|lab| &lab.uplinks);
        let trunks = self.lab.trunks.iter().flat_map(|trunk| [&trunk.a, &trunk.b]);
        let trunks = trunks.filter(|end| end.switch == *switch).map(|end| end.device.clone());
        ports.chain(uplinks.map(|uplink| uplink.device.clone())).chain(trunks).collect()
    }
}
