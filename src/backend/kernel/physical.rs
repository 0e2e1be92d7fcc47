//! Physical devices, which nobody makes: they are moved from one namespace to another (`ip link set DEV netns NETNS`).

use crate::model::{Entry, Physical, Place, Resource};
use crate::netlink::{Error, Link, link};

use super::places::Places;

/// The physical device that `link` is, if it is one: below it is a device of a bus, and no software made it.
pub fn device(place: &Place, link: &Link) -> Option<Entry> {
    let bus_device = link.parent_device.clone().filter(|_| link.kind.is_none())?;
    let physical = Physical { bus_device, place: place.clone(), name: link.name.parse().ok()? };
    Some(Entry::unmarked(Resource::Physical(physical)))
}

/// The device of this name on the bus, in whatever namespace it is, of those that have a name or have been looked into.
pub fn find(places: &mut Places, bus_device: &str) -> Result<Option<Entry>, Error> {
    for place in places.known()? {
        let Some(located) = places.find(&place)? else { continue };
        let links = located.netlink.links()?;
        let found = links.iter().find(|link| link.parent_device.as_deref() == Some(bus_device));
        if let Some(entry) = found.and_then(|link| device(&place, link)) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Moves a device, down, to where it should be. One that is there already will do.
pub fn relocate(places: &mut Places, before: &Physical, after: &Physical) -> Result<(), Error> {
    let target = places.at(&after.place)?.netns.clone();
    let located = places.at(&before.place)?;
    let links = located.netlink.links()?;
    let Some(there) = links.iter().find(|link| link.parent_device.as_deref() == Some(&before.bus_device)) else {
        return match find(places, &before.bus_device)? {
            Some(entry) if entry.resource == Resource::Physical(after.clone()) => Ok(()),
            _ => Err(Error::Io {
                action: format!("find device {} in namespace {}", before.bus_device, before.place),
                source: std::io::Error::from_raw_os_error(nix::libc::ENODEV),
            }),
        };
    };
    // One that is up cannot be renamed, and older kernels do not move it.
    located.netlink.request(link::set(there).down().request())?;
    // The kernel takes the new name where the old one is taken there (`__dev_change_net_namespace`, net/core/dev.c).
    let moved = located.netlink.request(link::set(there).name(after.name.as_str()).netns(&target).request());
    moved.inspect_err(|_| {
        if there.up {
            // The move's error is the one to tell.
            let _ = located.netlink.request(link::set(there).up().request());
        }
    })
}
