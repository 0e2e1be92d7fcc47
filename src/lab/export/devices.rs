//! What systems make as ports of a switch: tunnels, bonds, and the host's part in VLANs.

use super::{Found, vlan};
use crate::lab::{LabBond, LabTunnel, LabVlan};
use crate::model::{IfName, Interface, Key, Place, Port, Resource, Switch, Virtual, VlanId, What};

impl<'a> Found<'a> {
    /// The tunnels that are ports of `switch`.
    pub(super) fn tunnels(&self, switch: &Switch) -> Vec<LabTunnel> {
        let tunnel = |port: &Port| {
            let (tunnel, mtu) = match self.device(&port.device) {
                Some(device) => (device.tunnel(), device.mtu),
                None => (port.interface.tunnel(), None),
            };
            Some(LabTunnel {
                name: port.device.clone(),
                tunnel: *tunnel?,
                vlan: vlan(port),
                mtu,
                settings: port.settings.clone(),
            })
        };
        self.ports().filter(|port| port.switch == switch.name).filter_map(tunnel).collect()
    }

    /// The bonds that are ports of `switch`.
    pub(super) fn bonds(&self, switch: &Switch) -> Vec<LabBond> {
        let bond = |port: &Port| {
            let bond = self.device(&port.device).map_or(port.interface.bond(), Virtual::bond)?.clone();
            Some(LabBond { name: port.device.clone(), bond, vlan: vlan(port), settings: port.settings.clone() })
        };
        self.ports().filter(|port| port.switch == switch.name).filter_map(bond).collect()
    }

    /// The VLANs of `switch` that the host takes part in.
    pub(super) fn vlans(&self, switch: &Switch) -> Vec<LabVlan> {
        let vlan = |resource: &Resource| match resource {
            Resource::Virtual(Virtual { name, what: What::Vlan { switch: of, vlan }, mtu, .. })
                if *of == switch.name =>
            {
                Some(self.vlan(*vlan, name, mtu.filter(|mtu| Some(*mtu) != switch.mtu)))
            }
            Resource::Port(Port {
                device,
                switch: of,
                vlan,
                netns: None,
                interface: Interface::Internal { mtu },
                ..
            }) if *of == switch.name => Some(self.vlan(vlan.tag?, device, *mtu)),
            _ => None,
        };
        self.state.resources().filter_map(vlan).collect()
    }

    fn vlan(&self, vlan: VlanId, name: &IfName, mtu: Option<u32>) -> LabVlan {
        let (ip, nodad) = self.addresses(&Place::Host, name);
        LabVlan { vlan, name: name.clone(), named: true, ip, mac: None, mtu, nodad }
    }

    /// The device of the kernel that has this name.
    pub(super) fn device(&self, name: &IfName) -> Option<&'a Virtual> {
        match &self.state.get(&Key::Virtual { name: name.clone() })?.resource {
            Resource::Virtual(device) => Some(device),
            _ => None,
        }
    }
}
