//! Switches and ports of the bridge of the Linux kernel.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;

use crate::model::{
    BackendName, DEFAULT_PVID, Entry, IfName, Key, Kind, Lent, Mac, Owner, Port, Resource, Switch, SwitchName, Vlan,
    VlanId,
};
use crate::netlink::link::{self, Bridge};
use crate::netlink::{Error, Link, Netlink, bridge};
use crate::plan::Step;

use super::{ApplyError, Backend, BackendError, Fault, Scope, Unsupported};

/// Up to so many devices are asked for one by one; to list all of the host costs as much for each that it has.
const FEW: usize = 16;

/// The Linux bridge, through rtnetlink.
#[derive(Debug, Default)]
pub struct LinuxBridge;

#[async_trait]
impl Backend for LinuxBridge {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn claims(&self, resource: &Resource) -> bool {
        resource.backend() == Some(BackendName::Linux)
    }

    fn check(&self, resource: &Resource) -> Result<(), Unsupported> {
        let refuse = |what: String, reason: &str| {
            let hint = Some("Open vSwitch can: --backend ovs".to_owned());
            Err(Unsupported { what, backend: "linux", reason: reason.to_owned(), hint })
        };
        match resource {
            Resource::Switch(Switch { name, datapath: Some(datapath), .. }) => {
                refuse(format!("datapath {datapath} of switch {name}"), "a Linux bridge forwards in the kernel, always")
            }
            Resource::Port(Port { device, iface_id: Some(id), .. }) => {
                refuse(format!("iface-id {id} of port {device}"), "it is a column of Open vSwitch's database")
            }
            Resource::Switch(Switch { name, rstp: Some(_), .. }) => Err(Unsupported {
                hint: Some("the kernel has STP only: --stp; RSTP takes a daemon, mstpd".to_owned()),
                what: format!("rstp of switch {name}"),
                backend: "linux",
                reason: "the bridge of the kernel does not speak it".to_owned(),
            }),
            Resource::Port(Port { device, patch: Some(peer), .. }) => Err(Unsupported {
                hint: Some("a veth pair does the same: plug in one end here, and the other one there".to_owned()),
                what: format!("patch to {peer} of port {device}"),
                backend: "linux",
                reason: "each port of a Linux bridge is a device".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let look = || View::open()?.observe(scope);
        look().map_err(|error| failed("cannot read the Linux bridges", error))
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        let mut netlink =
            Netlink::host().map_err(|error| ApplyError::after(0, failed("cannot ask the kernel", error)))?;
        for (done, step) in steps.iter().enumerate() {
            one(&mut netlink, step)
                .map_err(|error| ApplyError::after(done, failed(format!("cannot carry out `{step}`"), error)))?;
        }
        Ok(())
    }
}

/// An error of the kernel, in the context of what was being done.
fn failed(what: impl Into<String>, error: Error) -> BackendError {
    let fault = if error.is_not_permitted() { Fault::Denied } else { Fault::Refused };
    BackendError::refused(what, error).fault(fault)
}

/// A connection, and what has been seen over it.
struct View {
    netlink: Netlink,
    /// Which index is which bridge, and whether that looks at VLAN tags.
    bridges: HashMap<u32, Option<(SwitchName, bool)>>,
    /// The VLANs of all ports, once they have been listed.
    vlans: Option<HashMap<u32, Vec<(u32, bridge::Vlan)>>>,
}

impl View {
    fn open() -> Result<View, Error> {
        Ok(View { netlink: Netlink::host()?, bridges: HashMap::new(), vlans: None })
    }

    fn observe(&mut self, scope: &Scope) -> Result<Vec<Entry>, Error> {
        match scope {
            Scope::Keys(keys) => self.of_keys(keys),
            Scope::Switch(name) => self.switch_and_ports(name),
            Scope::Kind(Kind::Switch) => self.switches(),
            Scope::Kind(Kind::Port) => {
                Ok(self.all(|_| true)?.into_iter().filter(|e| e.resource.kind() == Kind::Port).collect())
            }
            Scope::Kind(_) | Scope::Place(_) | Scope::Within(..) | Scope::Ruleset => Ok(Vec::new()),
            Scope::Owner(owner) => {
                let alias = owner.alias();
                self.all(|link| link.alias.as_ref() == Some(&alias))
            }
            Scope::All => self.all(|_| true),
        }
    }

    fn of_keys(&mut self, keys: &[Key]) -> Result<Vec<Entry>, Error> {
        let ours = keys.iter().filter(|key| matches!(key, Key::Switch { .. } | Key::Port { .. }));
        if ours.clone().count() <= FEW {
            return ours.map(|key| self.of_key(key)).filter_map(Result::transpose).collect();
        }
        let links: HashMap<String, Link> = self.list()?.into_iter().map(|link| (link.name.clone(), link)).collect();
        let of_key = |key: &Key| match key {
            Key::Switch { name } => Ok(links.get(name.as_str()).and_then(switch)),
            Key::Port { device } => match links.get(device.as_str()) {
                Some(link) => self.port(link),
                None => Ok(None),
            },
            _ => Ok(None),
        };
        ours.map(of_key).filter_map(Result::transpose).collect()
    }

    fn of_key(&mut self, key: &Key) -> Result<Option<Entry>, Error> {
        match key {
            Key::Switch { name } => Ok(find(&mut self.netlink, name.as_str())?.as_ref().and_then(switch)),
            Key::Port { device } => match find(&mut self.netlink, device.as_str())? {
                Some(link) => self.port(&link),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn switches(&mut self) -> Result<Vec<Entry>, Error> {
        let links = self.netlink.links_of_kind("bridge")?;
        Ok(links.iter().filter_map(switch).collect())
    }

    fn switch_and_ports(&mut self, name: &SwitchName) -> Result<Vec<Entry>, Error> {
        let Some(bridge) = find(&mut self.netlink, name.as_str())? else { return Ok(Vec::new()) };
        let Some(entry) = switch(&bridge) else { return Ok(Vec::new()) };
        let ports = self.netlink.ports(bridge.index)?;
        self.list_vlans(bridge.bridge.as_ref().is_some_and(|bridge| bridge.vlan_filtering) && ports.len() > FEW)?;
        let ports = ports.iter().map(|link| self.port(link)).filter_map(Result::transpose);
        std::iter::once(Ok(entry)).chain(ports).collect()
    }

    /// The switches, and the ports of any, whose devices are `wanted`.
    fn all(&mut self, wanted: impl Fn(&Link) -> bool) -> Result<Vec<Entry>, Error> {
        let mut links = self.list()?;
        links.retain(wanted);
        let mut entries: Vec<Entry> = links.iter().filter_map(switch).collect();
        for link in links.iter().filter(|link| link.master.is_some()) {
            entries.extend(self.port(link)?);
        }
        Ok(entries)
    }

    /// All devices of the host; remembers which of them are bridges.
    fn list(&mut self) -> Result<Vec<Link>, Error> {
        let links = self.netlink.links()?;
        self.bridges.extend(links.iter().map(|link| (link.index, as_bridge(link))));
        self.list_vlans(self.bridges.values().flatten().any(|(_, filtering)| *filtering))?;
        Ok(links)
    }

    fn list_vlans(&mut self, wanted: bool) -> Result<(), Error> {
        if wanted {
            let mut vlans: HashMap<u32, Vec<_>> = HashMap::new();
            self.netlink.vlans(None)?.into_iter().for_each(|found| vlans.entry(found.0).or_default().push(found));
            self.vlans = Some(vlans);
        }
        Ok(())
    }

    /// The port that `link` is, if its master is a bridge.
    fn port(&mut self, link: &Link) -> Result<Option<Entry>, Error> {
        let (Some(master), Ok(device)) = (link.master, link.name.parse()) else { return Ok(None) };
        let Some((switch, filtering)) = self.bridge(master)? else { return Ok(None) };
        let vlan = match &self.vlans {
            _ if !filtering => Vlan::default(),
            Some(vlans) => vlan(vlans.get(&link.index).map(Vec::as_slice).unwrap_or_default()),
            None => vlan(&self.netlink.vlans(Some(link.index))?),
        };
        let lent = link.alias.as_deref().and_then(Lent::from_alias);
        let port =
            Port { switch, device, backend: BackendName::Linux, vlan, iface_id: None, netns: None, lent, patch: None };
        let owner = link.alias.as_deref().and_then(Owner::from_alias);
        Ok(Some(Entry { resource: Resource::Port(port), owner }))
    }

    fn bridge(&mut self, index: u32) -> Result<Option<(SwitchName, bool)>, Error> {
        if let Some(known) = self.bridges.get(&index) {
            return Ok(known.clone());
        }
        let bridge = self.netlink.link(index)?.as_ref().and_then(as_bridge);
        Ok(self.bridges.entry(index).or_insert(bridge).clone())
    }
}

fn as_bridge(link: &Link) -> Option<(SwitchName, bool)> {
    Some((link.name.parse().ok()?, link.bridge.as_ref()?.vlan_filtering))
}

/// The link of exactly this name: the kernel finds it by its alternative names too.
fn find(netlink: &mut Netlink, name: &str) -> Result<Option<Link>, Error> {
    Ok(netlink.link(name)?.filter(|link| link.name == name))
}

/// The switch that `link` is, if it is a bridge.
fn switch(link: &Link) -> Option<Entry> {
    let bridge = link.bridge.as_ref()?;
    let switch = Switch {
        name: link.name.parse().ok()?,
        backend: BackendName::Linux,
        datapath: None,
        mac: link.mac.map(Mac::from_octets),
        mtu: Some(link.mtu),
        stp: Some(bridge.stp),
        rstp: None,
        vlan_filtering: Some(bridge.vlan_filtering),
    };
    Some(Entry { resource: Resource::Switch(switch), owner: link.alias.as_deref().and_then(Owner::from_alias) })
}

fn one(netlink: &mut Netlink, step: &Step) -> Result<(), Error> {
    let owner = step.entry().owner.as_ref();
    match step {
        Step::Create(entry) => match &entry.resource {
            Resource::Switch(switch) => create_switch(netlink, switch, owner),
            Resource::Port(port) => plug(netlink, port),
            _ => Ok(()),
        },
        Step::Delete(entry) => match &entry.resource {
            Resource::Switch(switch) => match netlink.request(link::delete(switch.name.as_str())) {
                Err(error) if error.is_missing() => Ok(()),
                result => result,
            },
            Resource::Port(port) => unplug(netlink, port),
            _ => Ok(()),
        },
        Step::Modify { before, after } => match (&before.resource, &after.resource) {
            (Resource::Switch(old), Resource::Switch(new)) => {
                set_switch(netlink, old, new)?;
                if before.owner == after.owner { Ok(()) } else { mark(netlink, new, owner) }
            }
            (Resource::Port(_), Resource::Port(port)) => plug(netlink, port),
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
        Ok(()) => pin_mtu(netlink, wanted).inspect_err(|_| {
            // Half a switch is none: the caller counts it as not made.
            let _ = netlink.request(link::delete(wanted.name.as_str()));
        }),
    }
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
    netlink.request(change.request())
}

/// Puts the owner's mark on, or takes it off.
fn mark(netlink: &mut Netlink, switch: &Switch, owner: Option<&Owner>) -> Result<(), Error> {
    let alias = owner.map(Owner::alias).unwrap_or_default();
    netlink.request(link::set(switch.name.as_str()).alias(&alias).request())
}

fn link_of(netlink: &mut Netlink, name: &IfName) -> Result<Link, Error> {
    match find(netlink, name.as_str())? {
        Some(link) => Ok(link),
        None => Err(Error::Io {
            action: format!("find device {name}"),
            source: std::io::Error::from_raw_os_error(nix::libc::ENODEV),
        }),
    }
}

fn plug(netlink: &mut Netlink, port: &Port) -> Result<(), Error> {
    let bridge = link_of(netlink, &port.switch.device())?;
    let device = link_of(netlink, &port.device)?;
    if device.master == Some(bridge.index) {
        return set_plugged(netlink, &bridge, &device, port);
    }
    netlink.request(link::set(device.index).master(bridge.index).request())?;
    set_plugged(netlink, &bridge, &device, port).inspect_err(|_| {
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
fn set_plugged(netlink: &mut Netlink, bridge: &Link, device: &Link, port: &Port) -> Result<(), Error> {
    if bridge.bridge.as_ref().is_some_and(|bridge| bridge.vlan_filtering) {
        set_vlans(netlink, device.index, &port.vlan)?;
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

/// What `bridge vlan` shows of a port, in the words of a port.
fn vlan(vlans: &[(u32, bridge::Vlan)]) -> Vlan {
    let id = |number: u16| VlanId::try_from(number).ok();
    let tag = vlans.iter().find(|(_, vlan)| vlan.pvid).and_then(|(_, vlan)| id(vlan.first));
    let tagged = vlans.iter().filter(|(_, vlan)| !vlan.pvid);
    Vlan { tag, trunks: tagged.flat_map(|(_, vlan)| vlan.first..=vlan.last).filter_map(id).collect() }
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
        Some(tag) if seen.tag != wanted_tag => netlink.request(bridge::add_vlan(port, bridge::Vlan::access(tag.get()))),
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
