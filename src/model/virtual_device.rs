//! Devices of the host that the kernel makes on request, and those that Open vSwitch makes for its ports.

use serde::{Deserialize, Serialize};

use super::{IfName, Mac, Place, SwitchName, Tunnel, VlanId};

/// A device of the host that the kernel makes: a tunnel, which then is a port of a Linux bridge, or a VLAN of such a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Virtual {
    /// Its name.
    pub name: IfName,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
    /// The Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The MTU in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// What a device of the kernel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Frames that go into it go to another host (`ip link add type vxlan|gretap|geneve|erspan`).
    Tunnel(Tunnel),
    /// The host's part in a VLAN of a Linux bridge (`ip link add link SWITCH type vlan`, `bridge vlan add … self`).
    Vlan {
        /// The bridge.
        switch: SwitchName,
        /// The VLAN.
        vlan: VlanId,
    },
}

impl Virtual {
    /// A device of which only this is asked.
    pub fn new(name: IfName, what: What) -> Virtual {
        Virtual { name, what, mac: None, mtu: None }
    }

    /// The tunnel that it is.
    pub fn tunnel(&self) -> Option<&Tunnel> {
        if let What::Tunnel(tunnel) = &self.what { Some(tunnel) } else { None }
    }

    /// This device, with what it leaves open taken from `observed`.
    pub(super) fn over(&self, observed: &Virtual) -> Virtual {
        Virtual { mac: self.mac.or(observed.mac), mtu: self.mtu.or(observed.mtu), ..self.clone() }
    }
}

/// The device of an internal port of Open vSwitch, and where it is. Open vSwitch makes it on the host, with the port, and takes it away
/// with it, wherever it is then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Internal {
    /// The namespace that it is in.
    pub place: Place,
    /// The name of the device, and of the port.
    pub name: IfName,
    /// The Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The MTU in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Nobody is behind it any more: ovs-vswitchd was started again, and its userspace datapath has made another device on the host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
}

impl Internal {
    /// A device that is up, of which nothing else is asked.
    pub fn new(place: Place, name: IfName) -> Internal {
        Internal { place, name, mac: None, mtu: None, up: true, lost: false }
    }

    /// This device, with what it leaves open taken from `observed`.
    pub(super) fn over(&self, observed: &Internal) -> Internal {
        Internal { mac: self.mac.or(observed.mac), mtu: self.mtu.or(observed.mtu), ..self.clone() }
    }
}
