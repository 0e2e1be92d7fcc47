//! Switches and ports of the bridge of the Linux kernel.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::model::{BackendName, Entry, IfName, Key, Kind, Mac, Owner, Port, Resource, Switch, SwitchName, Vlan};
use crate::netlink::link::{self, Bridge};
use crate::netlink::{Error, Link, Netlink};
use crate::plan::Step;

use super::kernel::failed;
use super::{ApplyError, Backend, BackendError, Scope, Unsupported};

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

/// A connection, and which index is which bridge.
struct View {
    netlink: Netlink,
    bridges: HashMap<u32, Option<SwitchName>>,
}

impl View {
    fn open() -> Result<View, Error> {
        Ok(View { netlink: Netlink::host()?, bridges: HashMap::new() })
    }

    fn observe(&mut self, scope: &Scope) -> Result<Vec<Entry>, Error> {
        match scope {
            Scope::Keys(keys) => keys.iter().map(|key| self.of_key(key)).filter_map(Result::transpose).collect(),
            Scope::Switch(name) => self.switch_and_ports(name),
            Scope::Kind(Kind::Switch) => self.switches(),
            Scope::Kind(Kind::Port) => {
                Ok(self.all()?.into_iter().filter(|e| e.resource.kind() == Kind::Port).collect())
            }
            Scope::Kind(_) | Scope::Place(_) => Ok(Vec::new()),
            Scope::Owner(owner) => Ok(self.all()?.into_iter().filter(|e| e.owner.as_ref() == Some(owner)).collect()),
            Scope::All => self.all(),
        }
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
        let links = self.netlink.links_of_kind(netlink_packet_route::link::InfoKind::Bridge)?;
        Ok(links.iter().filter_map(switch).collect())
    }

    fn switch_and_ports(&mut self, name: &SwitchName) -> Result<Vec<Entry>, Error> {
        let Some(bridge) = find(&mut self.netlink, name.as_str())? else { return Ok(Vec::new()) };
        let Some(entry) = switch(&bridge) else { return Ok(Vec::new()) };
        let ports = self.netlink.ports(bridge.index)?;
        self.bridges.insert(bridge.index, Some(name.clone()));
        let ports = ports.iter().map(|link| self.port(link)).filter_map(Result::transpose);
        std::iter::once(Ok(entry)).chain(ports).collect()
    }

    fn all(&mut self) -> Result<Vec<Entry>, Error> {
        let mut entries = self.switches()?;
        for link in self.netlink.links()?.iter().filter(|link| link.master.is_some()) {
            entries.extend(self.port(link)?);
        }
        Ok(entries)
    }

    /// The port that `link` is, if its master is a bridge.
    fn port(&mut self, link: &Link) -> Result<Option<Entry>, Error> {
        let (Some(master), Ok(device)) = (link.master, link.name.parse()) else { return Ok(None) };
        let Some(switch) = self.bridge(master)? else { return Ok(None) };
        let vlan = Vlan::default();
        let port = Port { switch, device, backend: BackendName::Linux, vlan, iface_id: None, netns: None };
        let owner = link.alias.as_deref().and_then(Owner::from_alias);
        Ok(Some(Entry { resource: Resource::Port(port), owner }))
    }

    fn bridge(&mut self, index: u32) -> Result<Option<SwitchName>, Error> {
        if let Some(known) = self.bridges.get(&index) {
            return Ok(known.clone());
        }
        let link = self.netlink.link(index)?.filter(|link| link.bridge.is_some());
        let name = link.and_then(|link| link.name.parse().ok());
        Ok(self.bridges.entry(index).or_insert(name).clone())
    }
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
            (Resource::Switch(old), Resource::Switch(new)) => set_switch(netlink, old, new),
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
        mtu: wanted.mtu,
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
        result => result,
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

fn index(netlink: &mut Netlink, name: &IfName) -> Result<u32, Error> {
    match find(netlink, name.as_str())? {
        Some(link) => Ok(link.index),
        None => Err(Error::Io {
            action: format!("find device {name}"),
            source: std::io::Error::from_raw_os_error(nix::libc::ENODEV),
        }),
    }
}

fn plug(netlink: &mut Netlink, port: &Port) -> Result<(), Error> {
    let bridge = index(netlink, &port.switch.device())?;
    let device = index(netlink, &port.device)?;
    netlink.request(link::set(device).master(bridge).request())
}

/// Takes the device off the bridge. One that is gone, or on another bridge by now, is left alone.
fn unplug(netlink: &mut Netlink, port: &Port) -> Result<(), Error> {
    let Some(bridge) = find(netlink, port.switch.as_str())? else { return Ok(()) };
    match find(netlink, port.device.as_str())? {
        Some(link) if link.master == Some(bridge.index) => netlink.request(link::set(link.index).nomaster().request()),
        _ => Ok(()),
    }
}
