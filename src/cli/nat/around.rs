//! What is around a switch or a namespace, read from the system for [`Wiring`](super::wiring::Wiring).

use ipnet::IpNet;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::{SeenAddress, Session, seen};
use crate::model::{Address, Entry, IfName, Key, Kind, Place, Resource, Route, State, SwitchName};

use super::wiring::{Guest, Wiring};

/// The ports of a switch and the pairs that they are ends of.
pub async fn switch(session: &Session<'_>, switch: &SwitchName) -> Result<State, Failure> {
    let mut around = session.observe(Scope::Switch(switch.clone())).await?;
    let link = |resource: &Resource| match resource {
        Resource::Port(port) => Some(Key::Link { place: Place::Host, name: port.device.clone() }),
        _ => None,
    };
    let keys: Vec<Key> = around.resources().filter_map(link).collect();
    add(&mut around, &session.observe(Scope::Keys(keys)).await?);
    Ok(around)
}

/// The same, with the addresses and default routes of the namespaces on it.
pub async fn switch_and_guests(session: &Session<'_>, name: &SwitchName) -> Result<State, Failure> {
    let mut around = switch(session, name).await?;
    let guests: Vec<Guest> = Wiring::of(&around).guests(name);
    for Guest { place, .. } in guests {
        add(&mut around, &session.observe(Scope::Within(place.clone(), Kind::Address)).await?);
        add(&mut around, &default_routes(&place)?);
    }
    Ok(around)
}

/// What is in the namespace at `place`, the pairs that lead to it, and the devices of the host that these lead to.
pub async fn namespace(session: &Session<'_>, place: &Place) -> Result<State, Failure> {
    let mut around = session.observe(Scope::Place(place.clone())).await?;
    let ends =
        Wiring::of(&around).ways(place).iter().map(|way| Key::Port { device: way.on_host.name.clone() }).collect();
    let ports = session.observe(Scope::Keys(ends)).await?;
    add(&mut around, &ports);
    let wiring = Wiring::of(&around);
    let devices: Vec<IfName> = wiring.ways(place).iter().map(|way| wiring.device_of(way)).collect();
    for device in devices {
        add(&mut around, &own_addresses(&device)?);
    }
    add(&mut around, &default_routes(place)?);
    Ok(around)
}

/// The addresses by which `device` of the host is reached, leased ones too.
pub fn own_addresses(device: &IfName) -> Result<State, Failure> {
    let found = seen::addresses_of(&Place::Host, device)?.into_iter().filter(is_usable);
    let address = |seen: SeenAddress| Address::new(Place::Host, device.clone(), seen.address, false);
    Ok(found.map(address).map(Resource::Address).map(Entry::unmarked).collect())
}

/// The same as a list.
pub fn addresses_of(device: &IfName) -> Result<Vec<IpNet>, Failure> {
    Ok(Wiring::of(&own_addresses(device)?).addresses_of(&Place::Host, device))
}

fn is_usable(address: &SeenAddress) -> bool {
    address.scope == "global" && !address.dadfailed
}

/// The default routes of the namespace at `place`, whoever made them.
pub fn default_routes(place: &Place) -> Result<State, Failure> {
    let found = seen::routes(place)?.into_iter().filter(|route| route.dst.prefix_len() == 0);
    let route = |seen: seen::SeenRoute| Route {
        metric: seen.metric,
        protocol: Some(seen.protocol),
        ..Route::new(place.clone(), seen.dst, seen.gateway, seen.dev)
    };
    Ok(found.map(route).map(Resource::Route).map(Entry::unmarked).collect())
}

/// Adds to `state` what `more` holds.
pub fn add(state: &mut State, more: &State) {
    more.entries().for_each(|entry| state.insert(entry.clone()));
}
