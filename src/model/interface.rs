//! What a port is made of: a device that is there, or one of the kinds that Open vSwitch makes by itself.

use serde::{Deserialize, Serialize};

use super::{IfName, Tunnel};

/// What a port is (`type` of table Interface, ovs-vswitchd.conf.db(5)). A port of a Linux bridge is always a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Said", into = "Said")]
pub enum Interface {
    /// A device that is there.
    #[default]
    System,
    /// The other end of a patch cable, a port of this or another switch (`options:peer`).
    Patch(IfName),
    /// A tunnel to another host.
    Tunnel(Tunnel),
    /// A device that Open vSwitch makes, of the port's name: see [`super::Internal`].
    Internal {
        /// The MTU that Open vSwitch keeps it at, in bytes (`mtu_request`); `None`: that of the smallest port.
        mtu: Option<u32>,
    },
}

/// The same as it is written, beside the other settings of a port.
#[derive(Default, Serialize, Deserialize)]
struct Said {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    patch: Option<IfName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    internal: Option<SaidInternal>,
}

#[derive(Serialize, Deserialize)]
struct SaidInternal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
}

impl From<Said> for Interface {
    fn from(said: Said) -> Interface {
        match said {
            Said { patch: Some(peer), .. } => Interface::Patch(peer),
            Said { tunnel: Some(tunnel), .. } => Interface::Tunnel(tunnel),
            Said { internal: Some(SaidInternal { mtu }), .. } => Interface::Internal { mtu },
            Said { patch: None, tunnel: None, internal: None } => Interface::System,
        }
    }
}

impl From<Interface> for Said {
    fn from(interface: Interface) -> Said {
        match interface {
            Interface::System => Said::default(),
            Interface::Patch(peer) => Said { patch: Some(peer), ..Said::default() },
            Interface::Tunnel(tunnel) => Said { tunnel: Some(tunnel), ..Said::default() },
            Interface::Internal { mtu } => Said { internal: Some(SaidInternal { mtu }), ..Said::default() },
        }
    }
}

impl Interface {
    /// The other end of a patch cable.
    pub fn peer(&self) -> Option<&IfName> {
        if let Interface::Patch(peer) = self { Some(peer) } else { None }
    }

    /// The tunnel.
    pub fn tunnel(&self) -> Option<&Tunnel> {
        if let Interface::Tunnel(tunnel) = self { Some(tunnel) } else { None }
    }

    /// Whether Open vSwitch makes a device for it.
    pub fn is_internal(&self) -> bool {
        matches!(self, Interface::Internal { .. })
    }

    /// Whether a row can be changed from `other` to this: Open vSwitch takes a port of another type for another one.
    pub(super) fn same_type(&self, other: &Interface) -> bool {
        match (self, other) {
            (Interface::Tunnel(tunnel), Interface::Tunnel(other)) => {
                tunnel.kind == other.kind && tunnel.is_ipv6() == other.is_ipv6()
            }
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// This, with what it leaves open taken from `observed`.
    pub(super) fn over(&self, observed: &Interface) -> Interface {
        match (self, observed) {
            (Interface::Internal { mtu: None }, Interface::Internal { .. }) => observed.clone(),
            _ => self.clone(),
        }
    }
}
