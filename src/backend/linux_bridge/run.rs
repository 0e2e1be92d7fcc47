//! From steps to the kernel.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::model::{
    DEFAULT_PVID, Entry, IfName, Lent, Mac, Owner, Port, Resource, Settings, Switch, SwitchName, Vlan, VlanId, VlanMode,
};
use crate::netlink::link::{self, Bridge};
use crate::netlink::{Error, Link, Netlink, bridge};
use crate::plan::Step;

use super::settings;
use super::view::{FEW, find, switch, vlan};
use super::{mirror, policing, qos};

/// After so long others have their turn.
const TURN: Duration = Duration::from_millis(3);
/// How many ports are plugged in by one datagram: 50 us each.
const PORTS: usize = 16;

/// Steps, and how far they have come.
pub struct Run<'a> {
    netlink: Netlink,
    steps: &'a [Step],
    done: usize,
    /// What has been read of bridges and devices; read anew after each step that is no new port.
    bridges: HashMap<&'a SwitchName, Link>,
    devices: Option<HashMap<String, Link>>,
}

impl<'a> Run<'a> {
    /// None is done.
    pub fn of(steps: &'a [Step]) -> Result<Run<'a>, Error> {
        Ok(Run { netlink: Netlink::host()?, steps, done: 0, bridges: HashMap::new(), devices: None })
    }

    /// How many are done: also the index of the one that failed.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Whether all are done.
    pub fn is_done(&self) -> bool {
        self.done == self.steps.len()
    }

    /// Goes on for one turn. Returns how many steps it did.
    pub fn go_on(&mut self) -> Result<usize, Error> {
        let (begin, first) = (Instant::now(), self.done);
        while !self.is_done() && begin.elapsed() < TURN {
            let count = self.plug_plain()?;
            self.done += count;
            if count == 0 {
                let step = &self.steps[self.done];
                one(&mut self.netlink, step)?;
                self.done += 1;
                self.forget(step);
            }
        }
        Ok(self.done - first)
    }

    /// After `step`, what was read may be so no more.
    fn forget(&mut self, step: &Step) {
        match (step, &step.entry().resource, &mut self.devices) {
            (Step::Create(_), Resource::Port(port), Some(devices)) => _ = devices.remove(port.device.as_str()),
            (Step::Create(_), Resource::Port(_), None) => {}
            _ => {
                self.bridges.clear();
                self.devices = None;
            }
        }
    }

    /// Plugs in as many as the next steps say of ports that take no more than that: those of bridges that do not look at VLANs.
    /// Returns how many.
    fn plug_plain(&mut self) -> Result<usize, Error> {
        let rest = &self.steps[self.done..];
        if self.devices.is_none() && rest.len() <= FEW {
            return Ok(0);
        }
        let mut plain = Vec::new();
        for port in rest.iter().map_while(new_port).take(PORTS) {
            match self.plain(port)? {
                Some(pair) => plain.push(pair),
                None => break,
            }
        }
        if plain.is_empty() {
            return Ok(0);
        }
        let plugged = self.netlink.enslave(&plain)?;
        let count = plugged.iter().take_while(|result| result.is_ok()).count();
        let behind = plain.iter().zip(&plugged).skip(count).filter(|(_, result)| result.is_ok());
        let behind: Vec<u32> = behind.map(|((device, _), _)| *device).collect();
        // The one that was refused has another try by itself, in which it says why; those behind it have not had their turn.
        let _ = self.netlink.release(&behind)?;
        Ok(count)
    }

    /// The indexes of a port's device and of its bridge, if it takes no more than to plug the one into the other.
    fn plain(&mut self, port: &'a Port) -> Result<Option<(u32, u32)>, Error> {
        if !self.bridges.contains_key(&port.switch) {
            let bridge = link_of(&mut self.netlink, &port.switch.device())?;
            self.bridges.insert(&port.switch, bridge);
        }
        let bridge = &self.bridges[&port.switch];
        if bridge.bridge.as_ref().is_none_or(|bridge| bridge.vlan_filtering) {
            return Ok(None);
        }
        let devices = match &mut self.devices {
            Some(devices) => devices,
            None => {
                let links = self.netlink.links()?.into_iter();
                self.devices.insert(links.map(|link| (link.name.clone(), link)).collect())
            }
        };
        let is_plain =
            |device: &&Link| device.master.is_none() && device.alias.as_deref().and_then(Lent::from_alias).is_none();
        Ok(devices.get(port.device.as_str()).filter(is_plain).map(|device| (device.index, bridge.index)))
    }
}

/// The port that a step plugs in, if nothing else is asked of it.
fn new_port(step: &Step) -> Option<&Port> {
    match step {
        Step::Create(Entry { resource: Resource::Port(port), .. }) if is_plain(port) => Some(port),
        _ => None,
    }
}

/// Whether nothing is asked of it but to be plugged in, and perhaps VLANs.
fn is_plain(port: &Port) -> bool {
    port.lent.is_none() && port.settings.is_empty()
}

fn one(netlink: &mut Netlink, step: &Step) -> Result<(), Error> {
    let owner = step.entry().owner.as_ref();
    match step {
        Step::Create(entry) => match &entry.resource {
            Resource::Switch(switch) => create_switch(netlink, switch, owner),
            Resource::Port(port) => plug_over(netlink, port),
            Resource::Mirror(wanted) => mirror::create(netlink, wanted),
            Resource::Qos(wanted) => qos::create(netlink, wanted),
            Resource::Policing(wanted) => policing::create(netlink, wanted),
            _ => Ok(()),
        },
        Step::Delete(entry) => match &entry.resource {
            Resource::Switch(switch) => match netlink.request(link::delete(switch.name.as_str())) {
                Err(error) if error.is_missing() => Ok(()),
                result => result,
            },
            Resource::Port(port) => unplug(netlink, port),
            Resource::Mirror(gone) => mirror::delete(netlink, gone),
            Resource::Qos(gone) => qos::delete(netlink, gone),
            Resource::Policing(gone) => policing::delete(netlink, gone),
            _ => Ok(()),
        },
        Step::Modify { before, after } => match (&before.resource, &after.resource) {
            (Resource::Switch(old), Resource::Switch(new)) => {
                set_switch(netlink, old, new)?;
                if before.owner == after.owner { Ok(()) } else { mark(netlink, new, owner) }
            }
            // On another bridge a port begins anew.
            (Resource::Port(old), Resource::Port(port)) if old.switch != port.switch => {
                plug(netlink, port, &Settings::default())
            }
            (Resource::Port(old), Resource::Port(port)) => plug(netlink, port, &old.settings),
            (Resource::Mirror(old), Resource::Mirror(new)) => mirror::change(netlink, old, new),
            (Resource::Qos(old), Resource::Qos(new)) => qos::change(netlink, old, new),
            (Resource::Policing(old), Resource::Policing(new)) => policing::change(netlink, old, new),
            _ => Ok(()),
        },
    }
}

/// Makes a bridge. One that is there with our mark will do; what is different is set.
fn create_switch(netlink: &mut Netlink, wanted: &Switch, owner: Option<&Owner>) -> Result<(), Error> {
    let bridge = Bridge {
        name: wanted.name.to_string(),
        mac: wanted.mac.map(Mac::octets),
        mtu: wanted.first_mtu(),
        stp: wanted.stp.unwrap_or(false),
        vlan_filtering: wanted.vlan_filtering.unwrap_or(false),
        up: false,
        alias: owner.map(Owner::alias),
        group: 0,
    };
    match netlink.request(link::add_bridge(bridge)) {
        Err(error) if error.is_exists() => match find(netlink, wanted.name.as_str())?.as_ref().and_then(switch) {
            Some(Entry { resource: Resource::Switch(seen), owner: mark }) if mark.as_ref() == owner => {
                set_switch(netlink, &seen, &wanted_over(wanted, &seen))
            }
            _ => Err(error),
        },
        Err(error) => Err(error),
        Ok(()) => finish(netlink, wanted).inspect_err(|_| {
            // Half a switch is none: the caller counts it as not made.
            let _ = netlink.request(link::delete(wanted.name.as_str()));
        }),
    }
}

/// What a bridge is set to once it is there.
fn finish(netlink: &mut Netlink, wanted: &Switch) -> Result<(), Error> {
    pin_mtu(netlink, wanted)?;
    let changes = settings::bridge_changes(&Settings::default(), &wanted.settings);
    if changes.is_empty() {
        return Ok(());
    }
    let change = link::set(wanted.name.as_str());
    netlink.request(changes.into_iter().fold(change, link::Change::bridge).request())
}

/// A bridge's MTU follows the smallest of its ports until it has been changed once (`BROPT_MTU_SET_BY_USER`, `br_change_mtu` in
/// net/bridge/br_device.c); being made with one does not count.
fn pin_mtu(netlink: &mut Netlink, wanted: &Switch) -> Result<(), Error> {
    match wanted.mtu {
        Some(mtu) => netlink.request(link::set(wanted.name.as_str()).mtu(mtu).request()),
        None => Ok(()),
    }
}

fn wanted_over(wanted: &Switch, seen: &Switch) -> Switch {
    match Resource::Switch(wanted.clone()).over(&Resource::Switch(seen.clone())) {
        Resource::Switch(switch) => switch,
        _ => unreachable!("a switch over a switch is a switch"),
    }
}

fn set_switch(netlink: &mut Netlink, old: &Switch, new: &Switch) -> Result<(), Error> {
    let name = new.name.as_str();
    let mut change = link::set(name);
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        change = change.mac(mac.octets());
    }
    if let Some(mtu) = new.mtu.filter(|_| old.mtu != new.mtu) {
        change = change.mtu(mtu);
    }
    if let Some(stp) = new.stp.filter(|_| old.stp != new.stp) {
        change = change.stp(stp);
    }
    if let Some(filtering) = new.vlan_filtering.filter(|_| old.vlan_filtering != new.vlan_filtering) {
        change = change.vlan_filtering(filtering);
    }
    change = settings::bridge_changes(&old.settings, &new.settings).into_iter().fold(change, link::Change::bridge);
    netlink.request(change.request())
}

/// Puts the owner's mark on, or takes it off. The address of one that gets a mark is pinned: that of a bridge which nobody has given
/// one follows its ports (`br_stp_recalculate_bridge_id` in net/bridge/br_stp_if.c).
fn mark(netlink: &mut Netlink, switch: &Switch, owner: Option<&Owner>) -> Result<(), Error> {
    let alias = owner.map(Owner::alias).unwrap_or_default();
    let mut change = link::set(switch.name.as_str()).alias(&alias);
    if let Some(mac) = switch.mac.filter(|_| owner.is_some()) {
        change = change.mac(mac.octets());
    }
    netlink.request(change.request())
}

pub fn link_of(netlink: &mut Netlink, name: &IfName) -> Result<Link, Error> {
    match find(netlink, name.as_str())? {
        Some(link) => Ok(link),
        None => Err(Error::Io {
            action: format!("find device {name}"),
            source: std::io::Error::from_raw_os_error(nix::libc::ENODEV),
        }),
    }
}

/// Plugs a port in. One that is plugged in already, here or elsewhere, keeps what nobody asks of it.
fn plug_over(netlink: &mut Netlink, port: &Port) -> Result<(), Error> {
    let seen = settings::of_port(&link_of(netlink, &port.device)?);
    let there = Resource::Port(Port { settings: seen, ..port.clone() });
    match Resource::Port(port.clone()).over(&there) {
        Resource::Port(wanted) => plug(netlink, &wanted, &Settings::default()),
        _ => unreachable!("a port over a port is a port"),
    }
}

/// Plugs a port in, or sets one that is; `old` is what it was set to.
fn plug(netlink: &mut Netlink, port: &Port, old: &Settings) -> Result<(), Error> {
    let bridge = link_of(netlink, &port.switch.device())?;
    let device = link_of(netlink, &port.device)?;
    if device.master == Some(bridge.index) {
        return set_plugged(netlink, &bridge, &device, port, old);
    }
    netlink.request(link::set(device.index).master(bridge.index).request())?;
    set_plugged(netlink, &bridge, &device, port, old).inspect_err(|_| {
        // Half plugged in is not: the caller counts it as not done.
        let back = link::set(device.index);
        let back = match device.master {
            Some(before) => back.master(before),
            None => back.nomaster(),
        };
        let _ = netlink.request(back.request());
    })
}

/// What a port is set to once it is one.
fn set_plugged(netlink: &mut Netlink, bridge: &Link, device: &Link, port: &Port, old: &Settings) -> Result<(), Error> {
    if bridge.bridge.as_ref().is_some_and(|bridge| bridge.vlan_filtering) {
        set_vlans(netlink, device.index, &port.vlan)?;
    }
    let changes = settings::port_changes(old, &port.settings);
    if !changes.is_empty() {
        let change = link::set(device.index);
        netlink.request(changes.into_iter().fold(change, link::Change::bridge_port).request())?;
    }
    set_lent(netlink, device, port.lent.as_ref())
}

/// Notes on the device what it has lent, or takes the note off.
fn set_lent(netlink: &mut Netlink, device: &Link, lent: Option<&Lent>) -> Result<(), Error> {
    let noted = device.alias.as_deref().and_then(Lent::from_alias);
    if noted.as_ref() == lent {
        return Ok(());
    }
    let alias = lent.map(Lent::alias).unwrap_or_default();
    netlink.request(link::set(device.index).alias(&alias).request())
}

/// Takes the port out of the VLANs that it is not to be in, and puts it into the others.
fn set_vlans(netlink: &mut Netlink, device: u32, wanted: &Vlan) -> Result<(), Error> {
    let port = bridge::Member::Port(device);
    let seen = vlan(&netlink.vlans(Some(device))?);
    let wanted_tag = wanted.tag.or(wanted.trunks.is_empty().then_some(DEFAULT_PVID));
    let keep: BTreeSet<VlanId> = wanted.trunks.iter().copied().chain(wanted_tag).collect();
    for gone in seen.trunks.iter().copied().chain(seen.tag).filter(|id| !keep.contains(id)) {
        netlink.request(bridge::delete_vlan(port, bridge::Vlan::tagged(gone.get())))?;
    }
    for id in wanted.trunks.iter().filter(|id| !seen.trunks.contains(id) && wanted_tag != Some(**id)) {
        netlink.request(bridge::add_vlan(port, bridge::Vlan::tagged(id.get())))?;
    }
    match wanted_tag {
        Some(tag) if seen.tag != wanted_tag || seen.mode != wanted.mode => {
            let untagged = wanted.mode != Some(VlanMode::NativeTagged);
            netlink.request(bridge::add_vlan(port, bridge::Vlan { untagged, ..bridge::Vlan::access(tag.get()) }))
        }
        _ => Ok(()),
    }
}

/// Takes the device off the bridge. One that is gone, or on another bridge by now, is left alone.
fn unplug(netlink: &mut Netlink, port: &Port) -> Result<(), Error> {
    let Some(bridge) = find(netlink, port.switch.as_str())? else { return Ok(()) };
    match find(netlink, port.device.as_str())? {
        Some(link) if link.master == Some(bridge.index) => {
            set_lent(netlink, &link, None)?;
            netlink.request(link::set(link.index).nomaster().request())
        }
        _ => Ok(()),
    }
}
