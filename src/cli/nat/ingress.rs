//! The devices by which the world comes in, and goes out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::cli::failure::Failure;
use crate::cli::session::seen;
use crate::model::{IfName, Place, SwitchName};

use super::books::Books;

/// What is said where nothing leads in.
pub const NO_WAY_IN: &str = "the host has no default route, so that only it and its switches reach the port";

/// Fails if `out` cannot lead out of `switch`, whatever the host has.
pub fn check_out(switch: &SwitchName, out: &IfName) -> Result<(), Failure> {
    let why = match out {
        out if *out == switch.device() => "the switch's own device",
        out if *out == IfName::lo() => "the loopback device",
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("{switch} cannot lead out of {out}: it is {why}"))
        .hint("name the device that leads to the world: --out DEVICE"))
}

/// The switch has to be the router of its namespaces.
pub fn no_address(switch: &SwitchName) -> Failure {
    Failure::new(format!("switch {switch} has no address: it cannot be the router of its namespaces"))
        .hint(format!("give it one in their network: ovsns set-br {switch} --ip 192.168.15.1/24"))
}

/// The devices of the host's default routes, the one that IPv4 takes first.
pub fn default_devices() -> Result<Vec<IfName>, Failure> {
    let mut routes = seen::routes(&Place::Host)?;
    routes.retain(|route| route.dst.prefix_len() == 0);
    routes.sort_by_key(|route| (!route.dst.addr().is_ipv4(), route.metric.unwrap_or(0)));
    let mut devices: Vec<IfName> = Vec::new();
    for device in routes.into_iter().filter_map(|route| route.dev) {
        if !devices.contains(&device) {
            devices.push(device);
        }
    }
    Ok(devices)
}

/// The devices by which the world asks for a port that is published at `address` and leads to namespaces behind `devices`: those
/// of the default routes, of translations at the same switch, and of the address.
pub fn ingress(books: &Books, address: Option<IpAddr>, devices: &BTreeSet<&IfName>) -> Result<Vec<IfName>, Failure> {
    let mut ingress = default_devices()?;
    ingress.extend(books.nats().filter(|nat| devices.contains(&nat.switch.device())).map(|nat| nat.out.clone()));
    if let Some(address) = address {
        let of_it = seen::addresses(&Place::Host)?.into_iter().filter(|seen| seen.address.addr() == address);
        ingress.extend(of_it.map(|seen| seen.dev));
    }
    ingress.retain(|device| !devices.contains(device));
    Ok(ingress)
}
