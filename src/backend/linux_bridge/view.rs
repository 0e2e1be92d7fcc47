//! From the kernel to switches and ports.

use std::collections::HashMap;

use crate::backend::Scope;
use crate::model::{
    BackendName, Entry, Key, Kind, Lent, Mac, Owner, Port, Resource, Switch, SwitchName, Vlan, VlanId, VlanMode,
};
use crate::netlink::link::is_there;
use crate::netlink::{Error, Link, Netlink, bridge};

use super::settings;

/// Up to so many devices are asked for one by one; to list all of the host costs as much for each that it has.
pub const FEW: usize = 16;

/// A connection, and what has been seen over it.
pub struct View {
    netlink: Netlink,
    /// Which index is which bridge, and whether that looks at VLAN tags.
    bridges: HashMap<u32, Option<(SwitchName, bool)>>,
    /// The VLANs of all ports, once they have been listed.
    vlans: Option<HashMap<u32, Vec<(u32, bridge::Vlan)>>>,
}

impl View {
    /// Nothing has been seen.
    pub fn open() -> Result<View, Error> {
        Ok(View { netlink: Netlink::host()?, bridges: HashMap::new(), vlans: None })
    }

    /// What there is within `scope`.
    pub fn observe(&mut self, scope: &Scope) -> Result<Vec<Entry>, Error> {
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
        let is_ours = |key: &&Key| match key {
            Key::Switch { name } => is_there(name.as_str()),
            Key::Port { device } => is_there(device.as_str()),
            _ => false,
        };
        let ours = keys.iter().filter(is_ours);
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
        let settings = settings::of_port(link);
        let port = Port { vlan, lent, settings, ..Port::new(switch, device, BackendName::Linux) };
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
pub fn find(netlink: &mut Netlink, name: &str) -> Result<Option<Link>, Error> {
    Ok(netlink.link(name)?.filter(|link| link.name == name))
}

/// The switch that `link` is, if it is a bridge.
pub fn switch(link: &Link) -> Option<Entry> {
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
        settings: settings::of_bridge(bridge),
    };
    Some(Entry { resource: Resource::Switch(switch), owner: link.alias.as_deref().and_then(Owner::from_alias) })
}

/// What `bridge vlan` shows of a port, in the words of a port.
pub fn vlan(vlans: &[(u32, bridge::Vlan)]) -> Vlan {
    let id = |number: u16| VlanId::try_from(number).ok();
    let native = vlans.iter().map(|(_, vlan)| vlan).find(|vlan| vlan.pvid);
    let mode = native.filter(|vlan| !vlan.untagged).map(|_| VlanMode::NativeTagged);
    let tag = native.and_then(|vlan| id(vlan.first));
    let tagged = vlans.iter().filter(|(_, vlan)| !vlan.pvid);
    let trunks = tagged.flat_map(|(_, vlan)| vlan.first..=vlan.last).filter_map(id).collect();
    Vlan { tag, trunks, mode, ..Vlan::default() }
}
