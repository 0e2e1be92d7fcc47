//! IP addresses of devices.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{IfName, Place};

/// The smallest MTU over which there is IPv6, in bytes (RFC 8200 section 5).
pub const IPV6_MTU_MIN: u32 = 1280;

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

/// An address with the length of its prefix. Without one nobody knows what is to be reached directly.
pub fn device_address(text: &str) -> Result<IpNet, String> {
    if text.parse::<IpAddr>().is_ok() {
        let length = if text.contains(':') { 64 } else { 24 };
        return Err(format!("the length of its prefix is missing; write for example {text}/{length}"));
    }
    let net: IpNet = text
        .parse()
        .map_err(|_| "not an IP address with the length of its prefix, such as 192.168.0.1/24".to_owned())?;
    // The kernel takes some of these, and nothing works.
    if net.addr().is_unspecified() || net.addr().is_multicast() {
        return Err("no address that one device can have".to_owned());
    }
    if is_network(&net) {
        return Err(format!("the network itself; its first address is {}", first(&net)));
    }
    match net {
        IpNet::V4(v4) if v4.prefix_len() < 31 && v4.addr() == v4.broadcast() => {
            Err(format!("the address by which all of {} are reached (broadcast)", v4.trunc()))
        }
        _ => Ok(net),
    }
}

/// Whether only the bits of the network are set: with IPv4 that is no device's address (RFC 1122 section 3.2.1.3), with IPv6 that
/// of all routers (RFC 4291 section 2.6.1). Two addresses are no network with such (RFC 3021, RFC 6164).
fn is_network(net: &IpNet) -> bool {
    net.prefix_len() + 1 < net.max_prefix_len() && net.addr() == net.network()
}

fn first(net: &IpNet) -> IpNet {
    let first = net.hosts().find(|host| *host != net.network()).unwrap_or(net.addr());
    IpNet::new(first, net.prefix_len()).unwrap_or(*net)
}
