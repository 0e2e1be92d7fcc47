//! Whether devices of the host can be in a bond.

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::port::check_member;
use crate::cli::session::{Session, namespaces};
use crate::model::{Bond, IfName, Key, Kind, Place, Port, Resource, Switch};

/// Fails where a device of the bond `name` is not there, belongs to something else, or has what would stop working.
pub async fn check_devices(session: &Session<'_>, switch: &Switch, name: &IfName, bond: &Bond) -> Result<(), Failure> {
    let ports = session.observe(Scope::Kind(Kind::Port)).await?;
    for device in &bond.devices {
        let what = format!("cannot put {device} into bond {name}");
        if device == name {
            return Err(Failure::usage(format!("{what}: the bond itself has this name")).hint("choose another name"));
        }
        let has_it = |port: &&Port| port.device != *name && port.host_devices().contains(&device);
        let port = ports.resources().filter_map(|r| if let Resource::Port(port) = r { Some(port) } else { None });
        match port.into_iter().find(has_it) {
            Some(port) if port.interface.bond().is_some() => {
                return Err(Failure::new(format!("{what}: it is in bond {} of switch {}", port.device, port.switch))
                    .hint(format!("take that bond away first: ovsns del-port {} {}", port.switch, port.device)));
            }
            Some(port) => {
                return Err(Failure::new(format!("{what}: it is a port of switch {}", port.switch))
                    .hint(format!("unplug it first: ovsns del-port {} {device}", port.switch)));
            }
            None => {}
        }
        let key = Key::Device { place: Place::Host, name: device.clone() };
        if !session.observe(Scope::Keys(vec![key.clone()])).await?.contains(&key) {
            return Err(missing(session, &what, device).await?);
        }
        check_member(session, switch, &what, device).await?;
    }
    Ok(())
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
