//! Tunnels to other hosts.

use crate::lab::mistake::Wrong;
use crate::lab::parts::LabTunnel;
use crate::lab::tree::Text;
use crate::model::setting::Holder;
use crate::model::{
    BackendName, Direction, Erspan, IfName, Place, Remote, SwitchName, Tos, Tunnel, TunnelKey, TunnelType,
};

use super::{Build, Reader};

impl<'n> Build<'n, '_> {
    /// The tunnels of the switch that was read last.
    pub(super) fn tunnels(&mut self, switch: &SwitchName, of: &Reader<'n, '_>) {
        for (key, node) in of.node.get("tunnels").map_or(&[][..], crate::lab::tree::Node::entries) {
            if let Some(tunnel) = self.tunnel(switch, key, &of.of(node))
                && let Some(switch) = self.lab.switches.last_mut()
            {
                switch.tunnels.push(tunnel);
            }
        }
    }

    fn tunnel(&mut self, switch: &SwitchName, key: &'n Text, of: &Reader<'n, '_>) -> Option<LabTunnel> {
        let name = self.found.take(&key.span, of.name.fill(&key.text, true))?.into_owned();
        let name: IfName = self.parse(&name, &key.span)?;
        if !self.spend(1, &key.span) {
            return None;
        }
        self.books.device(Place::Host, name.clone(), &key.span, self.found);
        let vlan = of.vlan("tag", "trunks", self.found);
        self.books.tagged(switch, &vlan);
        let kind = of.plain::<TunnelType>("type")?;
        let remote: Remote = of.parse("remote", self.found)?;
        let plain = Tunnel::new(kind, remote);
        let tunnel = Tunnel {
            local: of.parse("local", self.found),
            key: of.parse::<TunnelKey>("key", self.found),
            dst_port: of.plain("dst-port"),
            tos: of.parse::<Tos>("tos", self.found),
            ttl: of.plain("ttl"),
            df: of.plain("df"),
            csum: of.plain("csum"),
            erspan: self.erspan(&plain, of),
            ..plain
        };
        let checked = tunnel.check().map_err(|error| Wrong::new(error.to_string()));
        self.found.take(&of.node.span, checked)?;
        let mtu = of.plain("mtu");
        let backend = self.lab.switches.last().and_then(|switch| switch.backend);
        if mtu.is_some() && backend == Some(BackendName::Ovs) {
            let wrong = Wrong::new("on Open vSwitch a tunnel is no device, and has no MTU");
            self.found.add(of.span("mtu"), wrong.hint("the ports behind it have one"));
        }
        let tunnel = tunnel.normalised();
        self.twice(&name, &tunnel, of);
        let settings = of.settings(Holder::Port, backend, self.found);
        Some(LabTunnel { name, tunnel, vlan, mtu, settings })
    }

    fn erspan(&mut self, plain: &Tunnel, of: &Reader<'n, '_>) -> Option<Erspan> {
        let index = of.plain("erspan-index").map(Erspan::Index);
        let direction = of.plain::<Direction>("erspan-direction").map(Erspan::Direction);
        if plain.erspan.is_none() && index.or(direction).is_some() {
            let wrong = Wrong::new(format!(
                "a tunnel of type {} has neither `erspan-index` nor `erspan-direction`",
                plain.kind
            ));
            self.found.add(&of.node.span, wrong.hint("leave it out, or write `type: erspan`"));
            return None;
        }
        direction.or(index).or(plain.erspan)
    }

    /// Packets of two tunnels of one host that are alike could not be told apart.
    fn twice(&mut self, name: &IfName, tunnel: &Tunnel, of: &Reader<'n, '_>) {
        let mut others = self.lab.switches.iter().flat_map(|switch| &switch.tunnels);
        if let Some(other) = others.find(|other| tunnel.collides_with(&other.tunnel)) {
            let wrong = Wrong::new(format!("tunnel `{name}` is like tunnel `{}`", other.name));
            self.found
                .add(&of.node.span, wrong.hint("the other host could not tell them apart: give one another `key`"));
        }
    }
}
