//! What joins two switches: a patch cable where Open vSwitch can, else a veth pair.

use crate::model::{
    BackendName, Datapath, End, IfName, Interface, Link, Place, Port, Resource, Settings, Switch, Vlan,
};

use super::parts::{Trunk, TrunkEnd};
use super::state::MTU;

impl Trunk {
    /// What joins `a` and `b`, the switches that it says.
    pub fn resources(&self, a: &Switch, b: &Switch) -> Vec<Resource> {
        let (here, there) = (&self.a.device, &self.b.device);
        if is_patch(a, b) {
            let end = |switch: &Switch, device: &IfName, peer: &IfName| {
                Resource::Port(Port {
                    interface: Interface::Patch(peer.clone()),
                    ..plain_port(switch, device, &self.vlan)
                })
            };
            return vec![end(a, here, there), end(b, there, here)];
        }
        let end = |end: &TrunkEnd, switch: &Switch| End {
            altname: end.altname.clone(),
            mtu: Some(self.mtu.unwrap_or(MTU)),
            arp: arp(switch),
            ..End::new(Place::Host, end.device.clone())
        };
        let link = Resource::Link(Link::new(end(&self.a, a), end(&self.b, b)));
        let port = |switch: &Switch, device: &IfName| Resource::Port(plain_port(switch, device, &self.vlan));
        vec![link, port(a, here), port(b, there)]
    }
}

/// Whether the two can be joined by a patch cable. See [`Switch::rstp`].
fn is_patch(a: &Switch, b: &Switch) -> bool {
    let both_rapid = [a, b].iter().all(|switch| switch.rstp == Some(true));
    let both_ovs = [a, b].iter().all(|switch| switch.backend == BackendName::Ovs);
    both_ovs && !both_rapid && a.datapath == b.datapath
}

/// A port of which only this is asked; its settings are those that it has by itself.
pub(super) fn plain_port(switch: &Switch, device: &IfName, vlan: &Vlan) -> Port {
    let port = Port::new(switch.name.clone(), device.clone(), switch.backend);
    Port { vlan: vlan.clone(), settings: Settings::whole(), ..port }
}

/// Whether the host's end of a pair answers to ARP. A switch in user space reads a device without taking its packets from the host,
/// which would answer there too.
pub(super) fn arp(switch: &Switch) -> Option<bool> {
    Some(!(switch.backend == BackendName::Ovs && switch.datapath == Some(Datapath::Netdev)))
}
