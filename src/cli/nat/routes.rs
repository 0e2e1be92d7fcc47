//! Default routes of the namespaces behind a switch.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{Entry, Family, Kind, NAT_ROUTE_PROTOCOL, Owner, Place, Resource, Route, Ruleset};

use super::books::Books;
use super::wiring::{Guest, Target, Wiring};

/// Wants a default route by way of the host in the namespace of `guest`, for each version of IP in which it has an address in a
/// network of `gateways` and no default route yet.
pub fn add(books: &mut Books, wiring: &Wiring<'_>, guest: &Guest, gateways: &[IpNet]) {
    let own = wiring.addresses_of(&guest.place, &guest.device);
    for family in [Family::Ipv4, Family::Ipv6] {
        let near = |gateway: &&IpNet| {
            Family::of(gateway.addr()) == family && own.iter().any(|own| own.contains(&gateway.addr()))
        };
        let Some(gateway) = gateways.iter().find(near) else { continue };
        let route = Resource::Route(default_route(guest, gateway.addr()));
        if !wiring.has_default(&guest.place, family) && !books.desired.contains(&route.key()) {
            books.change(None, route);
        }
    }
}

/// The same for a namespace to which a port is published: for the version of IP of that address alone.
pub fn add_for(books: &mut Books, wiring: &Wiring<'_>, target: &Target) {
    let family = Family::of(target.address);
    let gateways: Vec<IpNet> = target.own.iter().copied().filter(|own| Family::of(own.addr()) == family).collect();
    add(books, wiring, &target.guest, &gateways);
}

fn default_route(guest: &Guest, gateway: IpAddr) -> Route {
    let route = Route::default_via(guest.place.clone(), gateway, guest.device.clone());
    Route { protocol: Some(NAT_ROUTE_PROTOCOL), ..route }
}

/// Takes away the default routes that translation brought to `place`, if nothing of what is wanted needs them any more.
pub async fn remove(session: &Session<'_>, books: &mut Books, place: &Place) -> Result<(), Failure> {
    let found = session.observe(Scope::Within(place.clone(), Kind::Route)).await?;
    let before = books.observed_ruleset();
    for route in found.resources().filter_map(brought) {
        if !is_needed(books, &before, route, None) {
            books.observed.insert(Entry::unmarked(Resource::Route(route.clone())));
        }
    }
    Ok(())
}

/// Whether something of what is wanted needs `route`: a translation at the switch that it leads to, or a port that is published
/// there. What is `but`'s does not count. `ruleset` knows which device is behind the route.
pub fn is_needed(books: &Books, ruleset: &Ruleset, route: &Route, but: Option<&Owner>) -> bool {
    let family = Family::of(route.destination.addr());
    let device = route.via.and_then(|via| ruleset.device_of(via));
    let needs = |entry: &Entry| match &entry.resource {
        Resource::Nat(nat) => Some(&nat.switch.device()) == device,
        Resource::Published(p) => p.netns == route.place && p.targets.iter().any(|t| Family::of(*t) == family),
        _ => false,
    };
    books.desired.entries().filter(|entry| but.is_none_or(|but| entry.owner.as_ref() != Some(but))).any(needs)
}

/// The default route that translation brought, if `resource` is one.
pub fn brought(resource: &Resource) -> Option<&Route> {
    match resource {
        Resource::Route(route) if route.destination.prefix_len() == 0 && route.protocol == Some(NAT_ROUTE_PROTOCOL) => {
            Some(route)
        }
        _ => None,
    }
}
