//! `nat`, `publish` and what takes them back: the way out of a switch, and the way in.

mod add;
mod books;
mod delete;
mod gone;
mod list;
mod notes;
mod publish;
mod routes;
mod taken;
mod target;
mod unpublish;

use ipnet::IpNet;

use crate::model::{IfName, Place};

use super::failure::Failure;
use super::session::{SeenAddress, seen};

pub use add::AddNat;
pub use delete::DelNat;
pub use gone::{dead, with_translation};
pub use list::{ListNat, ListPublished};
pub use publish::Publish;
pub use unpublish::Unpublish;

/// The addresses by which `device` of the host is reached, leased ones too.
fn addresses_of(device: &IfName) -> Result<Vec<IpNet>, Failure> {
    let found = seen::addresses_of(&Place::Host, device)?.into_iter().filter(is_usable);
    Ok(found.map(|address| address.address).collect())
}

fn is_usable(address: &SeenAddress) -> bool {
    address.scope == "global" && !address.dadfailed
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
