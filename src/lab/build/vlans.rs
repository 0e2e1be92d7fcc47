//! The host's own part in the VLANs of a switch.

use crate::lab::mistake::Wrong;
use crate::lab::parts::LabVlan;
use crate::lab::tree::{Node, Text};
use crate::model::{IfName, Place, PortNames, SwitchName, Vlan, VlanId};

use super::books::Domain;
use super::switches::ipv6_fits;
use super::{Build, Reader};

impl<'n> Build<'n, '_> {
    /// The VLANs of the switch that was read last.
    pub(super) fn vlans(&mut self, switch: &SwitchName, of: &Reader<'n, '_>) {
        for (key, node) in of.node.get("vlans").map_or(&[][..], Node::entries) {
            if let Some(vlan) = self.vlan(switch, key, &of.of(node))
                && let Some(switch) = self.lab.switches.last_mut()
            {
                switch.vlans.push(vlan);
            }
        }
    }

    fn vlan(&mut self, switch: &SwitchName, key: &'n Text, of: &Reader<'n, '_>) -> Option<LabVlan> {
        let text = self.found.take(&key.span, of.name.fill(&key.text, true))?.into_owned();
        let vlan: VlanId = self.parse(&text, &key.span)?;
        if !self.spend(1, &key.span) {
            return None;
        }
        if self.lab.switches.last().is_some_and(|switch| switch.vlans.iter().any(|other| other.vlan == vlan)) {
            self.found.add(&key.span, Wrong::new(format!("VLAN {vlan} is here already")));
            return None;
        }
        let asked: Option<IfName> = of.parse("name", self.found);
        let named = asked.is_some();
        let name = asked.unwrap_or_else(|| PortNames::of_vlan(switch, vlan).0);
        self.books.device(Place::Host, name.clone(), &key.span, self.found);
        self.books.tagged(switch, &Vlan { tag: Some(vlan), ..Vlan::default() });
        let mtu = of.plain("mtu");
        let mac = of.mac("mac", self.found);
        let domain = Domain::of(switch, Some(vlan));
        if let Some(mac) = mac {
            self.books.mac(mac, domain.clone(), of.span("mac"), self.found);
        }
        let mut ip = Vec::new();
        for (net, span) in of.nets("ip", self.found) {
            self.found.take(of.node.get("mtu").map_or(span, |node| &node.span), ipv6_fits(&net, mtu));
            self.books.address(Place::Host, name.clone(), net, Some(domain.clone()), span);
            ip.push(net);
        }
        let nodad = of.plain("nodad").unwrap_or(self.defaults.nodad);
        Some(LabVlan { vlan, name, named, ip, mac, mtu, nodad })
    }
}
