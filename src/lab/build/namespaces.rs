//! Namespaces, and the host.

use crate::lab::mistake::Wrong;
use crate::lab::parts::{Inside, Namespace};
use crate::lab::tree::{Node, Text};
use crate::model::{IfName, Place, SysctlKey};

use super::reader::Reader;
use super::{Build, names};

impl<'n> Build<'n, '_> {
    pub(super) fn namespace(&mut self, key: &'n Text, of: &Reader<'n, '_>) {
        let Some(place) = self.parse::<Place>(&of.name.text, &key.span) else { return };
        if place == Place::Host {
            let wrong = Wrong::new("the host is no namespace of a lab");
            return self.found.add(&key.span, wrong.hint("its settings stand below `host:`, outside of `namespaces:`"));
        }
        if let Some((_, first)) = self.places.get(&place) {
            let wrong = Wrong::new(format!("namespace `{place}` is here already")).other(first, "the first one");
            return self.found.add(&key.span, wrong.hint("two names with ranges may stand for the same one"));
        }
        let external = of.plain("external").unwrap_or(false) || place.name().is_none();
        self.places.insert(place.clone(), (self.lab.namespaces.len(), &key.span));
        if ["routes", "addresses"].iter().any(|key| of.node.get(key).is_some()) {
            self.pending.push((of.node, of.name.clone(), place.clone()));
        }
        let mut namespace = Namespace { place, external, ports: Vec::new(), inside: Inside::default() };
        let ports = of.node.get("ports").map_or(&[][..], Node::members);
        for node in ports {
            // The first goes with the namespace.
            if namespace.ports.is_empty() || self.spend(1, &node.span) {
                namespace.ports.extend(self.port(&namespace.place, &of.of(node)));
            }
        }
        namespace.inside.sysctls = self.sysctls(of);
        self.lab.namespaces.push(namespace);
    }

    fn sysctls(&mut self, of: &Reader<'n, '_>) -> std::collections::BTreeMap<SysctlKey, String> {
        let entries = of.node.get("sysctl").map_or(&[][..], Node::entries);
        let setting = |(key, value): &'n (Text, Node)| {
            let value = self.found.take(&value.span, of.name.fill(value.scalar()?, false))?;
            Some((key.text.parse().ok()?, value.split_whitespace().collect::<Vec<_>>().join(" ")))
        };
        entries.iter().filter_map(setting).collect()
    }

    /// The addresses of devices that the lab does not make.
    pub(super) fn other_addresses(&mut self, place: &Place, of: &Reader<'n, '_>) -> Vec<(IfName, ipnet::IpNet)> {
        let mut addresses = Vec::new();
        for (key, node) in of.node.get("addresses").map_or(&[][..], Node::entries) {
            let Some(device) = self.parse::<IfName>(&key.text, &key.span) else { continue };
            for node in node.members() {
                let text = node.scalar().map(|text| of.name.fill(text, false)).transpose();
                let Some(text) = self.found.take(&node.span, text).flatten() else { continue };
                let net = crate::lab::count::net(&text, of.name.index);
                let Some(net) = self.found.take(&node.span, net) else { continue };
                self.books.address(place.clone(), device.clone(), net, None, &node.span);
                addresses.push((device.clone(), net));
            }
        }
        addresses
    }

    pub(super) fn host(&mut self, node: Option<&'n Node>) {
        let Some(node) = node else { return };
        let name = names::Name { text: "host".to_owned(), numbers: Vec::new(), index: 0 };
        let of = Reader { node, name: &name };
        self.lab.host.sysctls = self.sysctls(&of);
    }
}
