//! What is inside one namespace, or on the host: addresses, routes, neighbours, settings.

mod address;
mod list;
mod route;
mod set;

pub use address::{AddAddr, DelAddr, remove as remove_address};
pub use list::{ListAddr, ListNeigh, ListRoutes};
pub use route::{AddRoute, DelRoute};
pub use set::Set;

use crate::backend::Scope;
use crate::model::{Device, Entry, IfName, Key, Kind, Place, Resource, State};

use super::failure::Failure;
use super::place;
use super::session::Session;

/// The routes that somebody asked for, and the addresses, of one namespace.
async fn addresses_and_routes(session: &Session<'_>, place: &Place) -> Result<State, Failure> {
    let mut state = place::addresses(session, place).await?;
    for entry in session.observe(Scope::Within(place.clone(), Kind::Route)).await?.entries() {
        state.insert(entry.clone());
    }
    Ok(state)
}

/// The addresses and routes of one device.
pub async fn standing_on(session: &Session<'_>, place: &Place, name: &IfName) -> Result<State, Failure> {
    let mut state = State::default();
    for kind in [Kind::Address, Kind::Route] {
        let found = session.observe(Scope::Within(place.clone(), kind)).await?;
        let on_it = |entry: &&Entry| entry.resource.needs().iter().any(|(_, device)| device == name);
        found.entries().filter(on_it).for_each(|entry| state.insert(entry.clone()));
    }
    Ok(state)
}

/// The device of this name, which has to be there.
pub async fn device(session: &Session<'_>, place: &Place, name: &IfName) -> Result<Device, Failure> {
    let key = Key::Device { place: place.clone(), name: name.clone() };
    match devices_of(&session.observe(Scope::Keys(vec![key])).await?).pop() {
        Some(device) => Ok(device),
        None => Err(no_device(place, name, &devices(session, place).await?)),
    }
}

async fn devices(session: &Session<'_>, place: &Place) -> Result<Vec<Device>, Failure> {
    let state = session.observe(Scope::Within(place.clone(), Kind::Device)).await?;
    Ok(devices_of(&state))
}

fn devices_of(state: &State) -> Vec<Device> {
    let device =
        |resource: &Resource| if let Resource::Device(device) = resource { Some(device.clone()) } else { None };
    state.resources().filter_map(device).collect()
}

fn no_device(place: &Place, name: &IfName, devices: &[Device]) -> Failure {
    let what = match place {
        Place::Host => format!("the host has no device {name}"),
        place => format!("there is no device {name} in namespace {place}"),
    };
    Failure::new(what).hint(format!("there are: {}", names(devices)))
}

/// The devices by name; of many, the first.
fn names(devices: &[Device]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = devices.iter().take(SHOWN).map(|device| device.name.as_str()).collect();
    if devices.len() > SHOWN {
        names.push("…");
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The device that is meant where none was named: the only one besides `lo`.
async fn only_device(session: &Session<'_>, place: &Place) -> Result<Device, Failure> {
    let devices: Vec<Device> =
        devices(session, place).await?.into_iter().filter(|device| device.name != IfName::lo()).collect();
    match devices.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::new(format!("namespace {place} has no device but lo"))
            .hint(format!("plug it in: ovsns add-port SWITCH {place}; or say --dev lo"))),
        several => Err(Failure::usage(format!("{place} has several devices"))
            .hint(format!("say which one: --dev DEVICE, one of {}", names(several)))),
    }
}
