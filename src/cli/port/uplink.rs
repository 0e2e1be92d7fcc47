//! Devices of the host that are to be ports.

use crate::backend::Scope;
use crate::model::{Device, IfName, Key, Place, Resource, State, Switch};

use crate::cli::failure::Failure;
use crate::cli::session::{Session, seen};

use super::take_over::Belongings;

/// Fails where `device`, which is no port yet, cannot be one of `switch`, or has what would stop working if it were.
pub async fn check_plain(session: &Session<'_>, switch: &Switch, device: &IfName) -> Result<(), Failure> {
    let keys = std::iter::once(Key::Device { place: Place::Host, name: device.clone() }).chain(switch_key(device));
    let observed = session.observe(Scope::Keys(keys.collect())).await?;
    check_device(&observed, switch, device)?;
    check_uplink(switch, device)?;
    let belongings = Belongings::of(session, device).await?;
    if belongings.is_empty() { Ok(()) } else { Err(belongings.refuse(switch, device)) }
}

/// Fails where `device`, which is no port, cannot be one of those that a bond of `switch` is made of. `what` is what is being tried.
pub async fn check_member(session: &Session<'_>, switch: &Switch, what: &str, device: &IfName) -> Result<(), Failure> {
    if *device == IfName::lo() {
        return Err(Failure::new(format!("{what}: it is the loopback device")));
    }
    let keys: Vec<Key> = switch_key(device).into_iter().collect();
    if !session.observe(Scope::Keys(keys)).await?.is_empty() {
        return Err(Failure::new(format!("{what}: it is itself a switch")));
    }
    if let Some((master, kind)) = seen::uplink(device)?.and_then(|uplink| uplink.master) {
        return Err(Failure::new(format!("{what}: it belongs to {kind} {master}"))
            .hint(format!("take it out of that first: ip link set dev {device} nomaster")));
    }
    check_uplink(switch, device)?;
    let belongings = Belongings::of(session, device).await?;
    if belongings.is_empty() {
        return Ok(());
    }
    let name = &switch.name;
    Err(Failure::new(format!("{what}: {}", belongings.breaks())).hint(format!(
        "they belong on the switch's own device: take them off {device}, and ovsns add-br {name} --may-exist --ip ADDRESS/LENGTH"
    )))
}

/// The switch that a device of this name would be.
pub fn switch_key(device: &IfName) -> Option<Key> {
    device.as_str().parse().ok().map(|name| Key::Switch { name })
}

/// The device as it is in `observed`, which has what there is of it and of [`switch_key`]; fails where it cannot be a port of
/// `switch`.
pub fn check_device(observed: &State, switch: &Switch, device: &IfName) -> Result<Device, Failure> {
    let what = format!("cannot plug {device} into {}", switch.name);
    let key = Key::Device { place: Place::Host, name: device.clone() };
    let Some(Resource::Device(seen)) = observed.get(&key).map(|entry| &entry.resource) else {
        let failure = Failure::new(format!("{what}: the host has no device {device}"));
        return Err(failure.hint("ip link lists the host's devices"));
    };
    if *device == IfName::lo() {
        return Err(Failure::new(format!("{what}: it is the loopback device")));
    }
    match switch_key(device).is_some_and(|key| observed.contains(&key)) {
        true => Err(Failure::new(format!("{what}: it is itself a switch"))),
        false => Ok(seen.clone()),
    }
}

/// Whether the device can be a port at all. `switch` is the one that it is to be plugged into.
pub fn check_uplink(switch: &Switch, device: &IfName) -> Result<(), Failure> {
    let Some(uplink) = seen::uplink(device)? else { return Ok(()) };
    let what = format!("cannot plug {device} into {}", switch.name);
    if let Some((master, kind)) = &uplink.master
        && !matches!(kind.as_str(), "bridge" | "openvswitch")
    {
        return Err(Failure::new(format!("{what}: it belongs to {kind} {master}"))
            .hint(format!("plug in that one: ovsns add-port {} dev:{master}", switch.name)));
    }
    if let Some((name, kind)) = uplink.children.first() {
        return Err(Failure::new(format!(
            "{what}: {kind} {name} is on it, which takes its packets before a switch could"
        ))
        .hint(format!("delete that first (ip link delete {name}), and plug its namespace into the switch")));
    }
    if uplink.wireless {
        return Err(Failure::new(format!("{what}: it is wireless"))
            .hint("an access point takes frames from one address only; route instead: ovsns nat"));
    }
    Ok(())
}
