//! IP addresses of devices.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{IfName, Place};

/// An address of a device, as `ip address add` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The namespace that the device is in.
    pub place: Place,
    /// The device.
    pub device: IfName,
    /// The address and the length of its prefix: `192.168.0.1/24`.
    pub address: IpNet,
    /// IPv6 only: without duplicate address detection (RFC 4862 section 5.4), so usable at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nodad: bool,
}

impl Address {
    /// An address; `nodad` is dropped where it means nothing.
    pub fn new(place: Place, device: IfName, address: IpNet, nodad: bool) -> Address {
        Address { place, device, address, nodad: nodad && matches!(address, IpNet::V6(_)) }
    }

    /// This address, with what only matters while it is made taken from `observed`.
    pub(super) fn over(&self, observed: &Address) -> Address {
        Address { nodad: observed.nodad, ..self.clone() }
    }
}
