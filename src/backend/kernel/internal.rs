//! The devices that Open vSwitch makes for its internal ports: put where they belong, and marked there.

use crate::model::{Entry, IfName, Internal, Mac, Owner, Place, Resource};
use crate::netlink::{self, Error, link};

use super::apply::{gone, index_of};
use super::observe::find_link;
use super::places::Places;

/// What a device of ovs-vswitchd is to the kernel: of its module, or of its userspace datapath (a tap).
const KINDS: [&str; 2] = ["openvswitch", "tun"];

/// The internal port's device that `link` is. Only the mark tells it from other devices of these kinds.
pub fn entry(place: &Place, link: &netlink::Link) -> Option<Entry> {
    link.kind.as_deref().filter(|kind| KINDS.contains(kind))?;
    let owner = Owner::from_alias(link.alias.as_deref()?)?;
    let device = Internal {
        mac: link.mac.map(Mac::from_octets),
        mtu: Some(link.mtu),
        up: link.up,
        lost: is_lost(link),
        ..Internal::new(place.clone(), link.name.parse().ok()?)
    };
    Some(Entry { resource: Resource::Internal(device), owner: Some(owner) })
}

/// A tap that nobody has open has no carrier (`tun_detach`, drivers/net/tun.c). It stays, since ovs-vswitchd makes its taps persistent.
fn is_lost(link: &netlink::Link) -> bool {
    link.kind.as_deref() == Some("tun") && link.up && !link.carrier
}

/// Takes the device from the host, where Open vSwitch has made it, to its place, and sets it up there. One that is there already will do.
pub fn create(places: &mut Places, wanted: &Internal, owner: Option<&Owner>) -> Result<(), Error> {
    if wanted.lost {
        // Nobody misses it: there is no way back to one, and none is needed.
        return Ok(());
    }
    let there = find_link(places, &wanted.place, &wanted.name)?;
    let moved = wanted.place != Place::Host && there.as_ref().is_none_or(is_lost);
    if moved {
        if there.is_some() {
            index_of(places, &Place::Host, &wanted.name)?;
            gone(places.at(&wanted.place)?.netlink.request(link::delete(wanted.name.as_str())))?;
        }
        relocate(places, &wanted.name, &Place::Host, &wanted.place)?;
    }
    let here = Internal { mac: None, mtu: None, up: false, ..wanted.clone() };
    mark(places, wanted, owner).and_then(|()| set(places, &here, wanted)).inspect_err(|_| {
        if moved {
            // Half done is not done.
            let _ = relocate(places, &wanted.name, &wanted.place, &Place::Host);
        }
    })
}

fn relocate(places: &mut Places, name: &IfName, from: &Place, to: &Place) -> Result<(), Error> {
    let netns = places.file(to)?;
    let index = index_of(places, from, name)?;
    places.at(from)?.netlink.request(link::set(index).netns(&netns).request())
}

/// Gives the device back to the host: a port is deleted before the namespace that its device was in. One that is gone is success.
pub fn delete(places: &mut Places, device: &Internal) -> Result<(), Error> {
    if device.lost {
        return delete_lost(places, device);
    }
    let Some(located) = places.find(&device.place)? else { return Ok(()) };
    gone(located.netlink.request(link::set(device.name.as_str()).down().alias("").request()))?;
    match device.place == Place::Host || find_link(places, &device.place, &device.name)?.is_none() {
        true => Ok(()),
        false => relocate(places, &device.name, &device.place, &Place::Host),
    }
}

/// Deletes a device that nobody is behind, once there is the other one: until then ovs-vswitchd may not run.
fn delete_lost(places: &mut Places, device: &Internal) -> Result<(), Error> {
    let is_lost = find_link(places, &device.place, &device.name)?.as_ref().is_some_and(is_lost);
    if !is_lost || find_link(places, &Place::Host, &device.name)?.is_none() {
        return Ok(());
    }
    gone(places.at(&device.place)?.netlink.request(link::delete(device.name.as_str())))
}

/// Puts the owner's mark on the device, or takes it off.
pub fn mark(places: &mut Places, device: &Internal, owner: Option<&Owner>) -> Result<(), Error> {
    let alias = owner.map(Owner::alias).unwrap_or_default();
    places.at(&device.place)?.netlink.request(link::set(device.name.as_str()).alias(&alias).request())
}

/// Sets what is different.
pub fn set(places: &mut Places, old: &Internal, new: &Internal) -> Result<(), Error> {
    let name = new.name.as_str();
    let netlink = &mut places.at(&new.place)?.netlink;
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        netlink.request(link::set(name).mac(mac.octets()).request())?;
    }
    if let Some(mtu) = new.mtu.filter(|_| old.mtu != new.mtu) {
        netlink.request(link::set(name).mtu(mtu).request())?;
    }
    match (old.up, new.up) {
        (false, true) => netlink.request(link::set(name).up().request()),
        (true, false) => netlink.request(link::set(name).down().request()),
        _ => Ok(()),
    }
}
