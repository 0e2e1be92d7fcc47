//! Default routes of the namespaces behind a switch.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::{Session, seen};
use crate::model::{
    Address, Entry, Family, IfName, Key, Kind, Link, NAT_ROUTE_PROTOCOL, Place, Published, Resource, Route, SwitchName,
};

use super::books::Books;

/// A namespace by the device that leads to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    pub place: Place,
    pub device: IfName,
}

/// The namespaces on a switch that can be looked into.
pub async fn guests(session: &Session<'_>, switch: &SwitchName) -> Result<Vec<Guest>, Failure> {
    let on_it = session.observe(Scope::Switch(switch.clone())).await?;
    let link = |resource: &Resource| match resource {
        Resource::Port(port) => Some(Key::Link { place: Place::Host, name: port.device.clone() }),
        _ => None,
    };
    let keys = on_it.resources().filter_map(link);
    let links = session.observe(Scope::Keys(keys.collect())).await?;
    let guest = |resource: &Resource| match resource {
        Resource::Link(Link { b, .. }) if !matches!(b.place, Place::Host | Place::Nsid(_)) => {
            Some(Guest { place: b.place.clone(), device: b.name.clone() })
        }
        _ => None,
    };
    Ok(links.resources().filter_map(guest).collect())
}

/// The addresses of `guest`'s device.
pub async fn addresses(session: &Session<'_>, guest: &Guest) -> Result<Vec<IpNet>, Failure> {
    let found = session.observe(Scope::Within(guest.place.clone(), Kind::Address)).await?;
    let of_device = |resource: &Resource| match resource {
        Resource::Address(Address { device, address, .. }) if *device == guest.device => Some(*address),
        _ => None,
    };
    Ok(found.resources().filter_map(of_device).collect())
}

/// Wants a default route by way of the host in the namespace of `guest`, for each version of IP in which it has an address in a
/// network of `gateways` and no default route yet.
pub async fn add(session: &Session<'_>, books: &mut Books, guest: &Guest, gateways: &[IpNet]) -> Result<(), Failure> {
    let own = addresses(session, guest).await?;
    let routed = seen::routes(&guest.place)?;
    for family in [Family::Ipv4, Family::Ipv6] {
        let is_default = |net: &IpNet| net.prefix_len() == 0 && Family::of(net.addr()) == family;
        let near = |gateway: &&IpNet| {
            Family::of(gateway.addr()) == family && own.iter().any(|own| own.contains(&gateway.addr()))
        };
        let Some(gateway) = gateways.iter().find(near) else { continue };
        let route = Resource::Route(default_route(guest, gateway.addr()));
        if !routed.iter().any(|route| is_default(&route.dst)) && !books.desired.contains(&route.key()) {
            books.change(None, route);
        }
    }
    Ok(())
}

fn default_route(guest: &Guest, gateway: IpAddr) -> Route {
    let route = Route::default_via(guest.place.clone(), gateway, guest.device.clone());
    Route { protocol: Some(NAT_ROUTE_PROTOCOL), ..route }
}

/// Takes away the default routes that translation brought to `place`, if nothing of what is wanted needs them any more: neither a
/// translation at the switch that they lead to, nor a port that is published there.
pub async fn remove(session: &Session<'_>, books: &mut Books, place: &Place) -> Result<(), Failure> {
    let before = books.observed_ruleset();
    let found = session.observe(Scope::Within(place.clone(), Kind::Route)).await?;
    for route in found.resources().filter_map(brought) {
        let family = Family::of(route.destination.addr());
        let device = route.via.and_then(|via| before.device_of(via));
        let translated = books.nats().any(|nat| Some(&nat.switch.device()) == device);
        let leads_here = |p: &Published| p.netns == *place && p.targets.iter().any(|t| Family::of(*t) == family);
        if !translated && !books.published().any(leads_here) {
            books.observed.insert(Entry::unmarked(Resource::Route(route)));
        }
    }
    Ok(())
}

fn brought(resource: &Resource) -> Option<Route> {
    match resource {
        Resource::Route(route) if route.destination.prefix_len() == 0 && route.protocol == Some(NAT_ROUTE_PROTOCOL) => {
            Some(route.clone())
        }
        _ => None,
    }
}
