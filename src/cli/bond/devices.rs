//! Whether devices of the host can be in a bond.

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::port::check_member;
use crate::cli::session::{Session, namespaces};
use crate::model::{BackendName, Bond, IfName, Key, Kind, Place, Port, Resource, State, Switch};

/// Fails where a device of the bond `name` is not there, belongs to something else, or has what would stop working.
pub async fn check_devices(session: &Session<'_>, switch: &Switch, name: &IfName, bond: &Bond) -> Result<(), Failure> {
    let ports = session.observe(Scope::Kind(Kind::Port)).await?;
    for device in &bond.devices {
        let what = format!("cannot put {device} into bond {name}");
        if device == name {
            return Err(Failure::usage(format!("{what}: the bond itself has this name")).hint("choose another name"));
        }
        check_free(&ports, &what, device, Some(name))?;
        if let Some(port) = port_with(&ports, device).filter(|port| port.device != *name) {
            return Err(Failure::new(format!("{what}: it is a port of switch {}", port.switch))
                .hint(format!("unplug it first: ovsns del-port {} {device}", port.switch)));
        }
        let key = Key::Device { place: Place::Host, name: device.clone() };
        if !session.observe(Scope::Keys(vec![key.clone()])).await?.contains(&key) {
            return Err(missing(session, &what, device).await?);
        }
        check_member(session, switch, &what, device).await?;
    }
    Ok(())
}

/// Fails where `device` is in a bond of Open vSwitch among `ports` other than `name`. `what` is what is being tried.
fn check_free(ports: &State, what: &str, device: &IfName, name: Option<&IfName>) -> Result<(), Failure> {
    match port_with(ports, device).filter(|port| Some(&port.device) != name && port.interface.bond().is_some()) {
        Some(port) => Err(Failure::new(format!("{what}: it is in bond {} of switch {}", port.device, port.switch))
            .hint(format!("take that bond away first: ovsns del-port {} {}", port.switch, port.device))),
        None => Ok(()),
    }
}

/// Fails where `device`, which is to be a port of `switch`, is in a bond of Open vSwitch.
pub async fn check_in_no_bond(session: &Session<'_>, switch: &Switch, device: &IfName) -> Result<(), Failure> {
    if switch.backend == BackendName::Linux {
        // A device of the kernel's own bonds says so itself.
        return Ok(());
    }
    let ports = session.observe(Scope::Kind(Kind::Port)).await?;
    check_free(&ports, &format!("cannot plug {device} into {}", switch.name), device, None)
}

/// The port that `device` is, or is a part of.
fn port_with<'a>(ports: &'a State, device: &IfName) -> Option<&'a Port> {
    let port = |resource: &'a Resource| if let Resource::Port(port) = resource { Some(port) } else { None };
    ports.resources().filter_map(port).find(|port| port.host_devices().contains(&device))
}

/// The host has no such device; a namespace may have one.
async fn missing(session: &Session<'_>, what: &str, device: &IfName) -> Result<Failure, Failure> {
    let places = namespaces()?.into_iter().map(Place::Named);
    let keys = places.map(|place| Key::Device { place, name: device.clone() });
    let found = session.observe(Scope::Keys(keys.collect())).await?;
    let elsewhere = found.keys().find_map(|key| match key {
        Key::Device { place, .. } => Some(place.clone()),
        _ => None,
    });
    Ok(match elsewhere {
        Some(place) => Failure::new(format!("{what}: it is in namespace {place}"))
            .hint("a bond is of devices of the host; move it there, or plug the namespace in: ovsns add-port"),
        None => {
            Failure::new(format!("{what}: the host has no device {device}")).hint("ip link lists the host's devices")
        }
    })
}
