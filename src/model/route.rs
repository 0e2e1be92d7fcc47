//! Routes.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{IfName, Place};

/// The protocol number that marks a route as ours (`rtm_protocol`, linux/rtnetlink.h: above `RTPROT_STATIC` they are free;
/// none of iproute2's rt_protos has it).
pub const ROUTE_PROTOCOL: u8 = 79;
/// The protocol number of the default routes that translation brought, so that just these go with it.
pub const NAT_ROUTE_PROTOCOL: u8 = 80;

/// A route of the main table, as `ip route add` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The namespace that the route is in.
    pub place: Place,
    /// Where to: `0.0.0.0/0` and `::/0` are `default`.
    pub destination: IpNet,
    /// The next router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The device that it leaves through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<IfName>,
    /// Of two routes with the same destination the one with the lower metric is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// The address that the host's own packets go out under (`src`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Who made it (`RTPROT_*`, linux/rtnetlink.h); `None`: ovsns, as [`ROUTE_PROTOCOL`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
}

impl Route {
    /// A route of ours of which only this is asked.
    pub fn new(place: Place, destination: IpNet, via: Option<IpAddr>, device: Option<IfName>) -> Route {
        Route { place, destination, via, device, metric: None, source: None, protocol: None }
    }

    /// The default route by way of `via`.
    pub fn default_via(place: Place, via: IpAddr, device: IfName) -> Route {
        let destination = match via {
            IpAddr::V4(_) => IpNet::V4(ipnet::Ipv4Net::default()),
            IpAddr::V6(_) => IpNet::V6(ipnet::Ipv6Net::default()),
        };
        Route::new(place, destination, Some(via), Some(device))
    }

    /// This route with the metric that the kernel takes by itself (0, for IPv6 1024: `IP6_RT_PRIO_USER`) left open, and without
    /// the bits of the destination behind its prefix, which the kernel refuses: so that what was asked for and what the kernel
    /// shows are written one way.
    pub fn normalised(mut self) -> Route {
        let default = if self.is_ipv4() { 0 } else { 1024 };
        self.metric = self.metric.filter(|metric| *metric != default);
        self.destination = self.destination.trunc();
        self.protocol = self.protocol.filter(|protocol| *protocol != ROUTE_PROTOCOL);
        self
    }

    /// Whether it is a route of IPv4; else it is one of IPv6.
    pub fn is_ipv4(&self) -> bool {
        matches!(self.destination, IpNet::V4(_))
    }

    /// Whether somebody typed it, in ovsns or in iproute2 (`RTPROT_BOOT`, `RTPROT_STATIC`), and not the kernel or a daemon that has
    /// its own protocol number.
    pub fn is_typed(&self) -> bool {
        matches!(self.protocol, None | Some(3 | 4 | ROUTE_PROTOCOL | NAT_ROUTE_PROTOCOL))
    }

    /// The destination as `ip route` prints it.
    pub fn destination_text(&self) -> String {
        if self.destination.prefix_len() == 0 { "default".to_owned() } else { self.destination.to_string() }
    }

    /// This route, with what it leaves open taken from `observed`.
    pub(super) fn over(&self, observed: &Route) -> Route {
        Route {
            via: self.via.or(observed.via),
            device: self.device.clone().or_else(|| observed.device.clone()),
            source: self.source.or(observed.source),
            protocol: self.protocol.or(observed.protocol),
            ..self.clone()
        }
    }
}
