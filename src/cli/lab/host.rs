//! What a lab would do to the host itself: checked as the verbs check it.

use crate::cli::bond::check_devices;
use crate::cli::failure::Failure;
use crate::cli::place::{addresses, check_address};
use crate::cli::port::check_plain;
use crate::cli::session::Session;
use crate::lab::Lab;
use crate::model::{Address, Bond, Entry, IfName, Key, Place, Resource, State};

/// Fails where new addresses of the host, or new uplinks, would take something from it.
pub async fn check(session: &Session<'_>, lab: &Lab, observed: &State, desired: &State) -> Result<(), Failure> {
    check_addresses(session, observed, desired).await?;
    for switch in &lab.switches {
        let key = Key::Switch { name: switch.name.clone() };
        let Some(Resource::Switch(wanted)) = desired.get(&key).map(|entry| &entry.resource) else { continue };
        for uplink in &switch.uplinks {
            let port = Key::Port { device: uplink.device.clone() };
            let is_port = matches!(observed.get(&port).map(|entry| &entry.resource), Some(Resource::Port(port)) if port.switch == switch.name);
            if !is_port {
                check_plain(session, wanted, &uplink.device).await?;
            }
        }
        for bond in &switch.bonds {
            let old = bonded(observed, &bond.name);
            let is_new = |device: &&IfName| old.is_none_or(|old| !old.devices.contains(*device));
            let devices = bond.bond.devices.iter().filter(is_new).cloned().collect();
            check_devices(session, wanted, &bond.name, &Bond { devices, ..bond.bond.clone() }).await?;
        }
    }
    Ok(())
}

/// The bond of this name that there is.
fn bonded<'a>(observed: &'a State, name: &IfName) -> Option<&'a Bond> {
    let key = Key::Virtual { name: name.clone() };
    let device = match observed.get(&key).map(|entry| &entry.resource) {
        Some(Resource::Virtual(device)) => device.bond(),
        _ => None,
    };
    device.or_else(|| match observed.get(&Key::Port { device: name.clone() }).map(|entry| &entry.resource) {
        Some(Resource::Port(port)) => port.interface.bond(),
        _ => None,
    })
}

/// An address that the host has already, or a network that it is in by another device, is refused.
async fn check_addresses(session: &Session<'_>, observed: &State, desired: &State) -> Result<(), Failure> {
    let new: Vec<&Address> = desired.entries().filter(|e| !observed.contains(&e.key())).filter_map(of_host).collect();
    if new.is_empty() {
        return Ok(());
    }
    let goes = |entry: &&Entry| observed.contains(&entry.key()) && !desired.contains(&entry.key());
    let all = addresses(session, &Place::Host).await?;
    let stays: State = all.entries().filter(|entry| !goes(entry)).cloned().collect();
    new.into_iter().try_for_each(|address| check_address(address, &stays))
}

fn of_host(entry: &Entry) -> Option<&Address> {
    match &entry.resource {
        Resource::Address(address) if address.place == Place::Host => Some(address),
        _ => None,
    }
}
