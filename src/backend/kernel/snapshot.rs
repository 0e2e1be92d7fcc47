//! What there is in one namespace, read in one go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ipnet::IpNet;

use crate::model::{IfName, SysctlKey};
use crate::netlink::qdisc::Qdisc;
use crate::netlink::{self, Address, Error, Link, Netlink, Route};

/// Up to so many devices are asked for one by one. A list of all of a namespace costs as much as that if it has no more, and
/// with thousands on the host it costs milliseconds.
const FEW: usize = 16;

/// The protocol numbers of routes that nobody asked for: redirects, the kernel's own, router advertisements
/// (`RTPROT_*`, linux/rtnetlink.h).
const AUTOMATIC: [u8; 3] = [1, 2, 9];

/// What is wanted of one namespace.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// These devices.
    pub devices: BTreeSet<IfName>,
    /// The same, by index.
    pub indexes: BTreeSet<u32>,
    /// All devices.
    pub all_devices: bool,
    /// What ethtool tells of the ends of veth pairs among them.
    pub pairs: bool,
    /// Addresses.
    pub addresses: Addresses,
    /// Routes.
    pub routes: Routes,
    /// The queueing disciplines of the devices.
    pub impairments: bool,
    /// Settings.
    pub sysctls: BTreeSet<SysctlKey>,
    /// Nothing but the devices, unless one of them has this alias.
    pub only_with: Option<String>,
}

/// Which addresses are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Addresses {
    /// None.
    #[default]
    No,
    /// All of the devices that are wanted by name or index.
    OfThose,
    /// Of all devices those that somebody asked for.
    AskedFor,
}

/// Which routes of the main table are wanted, of those that somebody asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Routes {
    /// None.
    #[default]
    No,
    /// Those to these destinations.
    To(BTreeSet<IpNet>),
    /// All.
    All,
}

impl Wish {
    /// All that there is, but settings.
    pub fn everything() -> Wish {
        Wish {
            all_devices: true,
            pairs: true,
            addresses: Addresses::AskedFor,
            routes: Routes::All,
            impairments: true,
            ..Wish::default()
        }
    }
}

/// What was read of one namespace.
#[derive(Debug, Default)]
pub struct Snapshot {
    links: BTreeMap<u32, Link>,
    names: HashMap<String, u32>,
    /// Whether all devices of the namespace are in it.
    is_complete: bool,
    checksums: HashMap<u32, bool>,
    /// The addresses.
    pub addresses: Vec<Address>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The disciplines, by the index of their device.
    pub qdiscs: BTreeMap<u32, Vec<Qdisc>>,
    /// The settings that there are, as the kernel writes them.
    pub sysctls: Vec<(SysctlKey, String)>,
}

impl Snapshot {
    /// Reads what is wanted over `netlink`. The calling thread is in the same namespace.
    pub fn read(netlink: &mut Netlink, wish: &Wish) -> Result<Snapshot, Error> {
        let mut snapshot = Snapshot::default();
        snapshot.read_links(netlink, wish)?;
        if wish.only_with.as_ref().is_some_and(|alias| !snapshot.has_alias(alias)) {
            return Ok(snapshot);
        }
        snapshot.read_addresses(netlink, wish)?;
        snapshot.read_routes(netlink, &wish.routes)?;
        if wish.impairments {
            snapshot.read_qdiscs(netlink)?;
        }
        if wish.pairs {
            snapshot.read_checksums(netlink)?;
        }
        for key in &wish.sysctls {
            let value = netlink::sysctl::read_here(&key.path())?;
            snapshot.sysctls.extend(value.map(|value| (key.clone(), value)));
        }
        Ok(snapshot)
    }

    fn read_links(&mut self, netlink: &mut Netlink, wish: &Wish) -> Result<(), Error> {
        if wish.all_devices || wish.devices.len() + wish.indexes.len() > FEW {
            netlink.links()?.into_iter().for_each(|link| self.insert(link));
            self.is_complete = true;
            return Ok(());
        }
        for name in &wish.devices {
            // The kernel finds it by its alternative names too.
            let link = netlink.link(name.as_str())?.filter(|link| link.name == name.as_str());
            link.into_iter().for_each(|link| self.insert(link));
        }
        for index in &wish.indexes {
            self.look_up(netlink, *index)?;
        }
        // A VLAN device is told with what is below.
        let below: Vec<u32> = self.links.values().filter(|link| link.vlan.is_some()).filter_map(|l| l.peer).collect();
        below.into_iter().try_for_each(|index| self.look_up(netlink, index))
    }

    fn insert(&mut self, link: Link) {
        self.names.insert(link.name.clone(), link.index);
        self.links.insert(link.index, link);
    }

    fn look_up(&mut self, netlink: &mut Netlink, index: u32) -> Result<(), Error> {
        if !self.is_complete && !self.links.contains_key(&index) {
            netlink.link(index)?.into_iter().for_each(|link| self.insert(link));
        }
        Ok(())
    }

    fn read_addresses(&mut self, netlink: &mut Netlink, wish: &Wish) -> Result<(), Error> {
        match wish.addresses {
            Addresses::No => {}
            Addresses::OfThose if self.is_complete => {
                let those: BTreeSet<u32> = wish.devices.iter().filter_map(|name| self.index(name)).collect();
                self.addresses = netlink.addresses(None)?;
                self.addresses.retain(|found| those.contains(&found.link) || wish.indexes.contains(&found.link));
            }
            Addresses::OfThose => {
                let those: Vec<u32> = self.links.keys().copied().collect();
                for index in those {
                    self.addresses.extend(netlink.addresses(Some(index))?);
                }
            }
            Addresses::AskedFor => {
                self.addresses = netlink.addresses(None)?;
                self.addresses.retain(is_asked_for);
                let devices: BTreeSet<u32> = self.addresses.iter().map(|found| found.link).collect();
                devices.into_iter().try_for_each(|index| self.look_up(netlink, index))?;
            }
        }
        Ok(())
    }

    fn read_routes(&mut self, netlink: &mut Netlink, wanted: &Routes) -> Result<(), Error> {
        if *wanted == Routes::No {
            return Ok(());
        }
        self.routes = netlink.routes()?;
        self.routes.retain(|route| !AUTOMATIC.contains(&route.protocol));
        if let Routes::To(destinations) = wanted {
            self.routes.retain(|route| destinations.contains(&route.destination.trunc()));
        }
        let devices: BTreeSet<u32> = self.routes.iter().filter_map(|route| route.link).collect();
        devices.into_iter().try_for_each(|index| self.look_up(netlink, index))
    }

    /// The kernel lists those of all devices or none: it is asked only where a device has one of ours at its root.
    fn read_qdiscs(&mut self, netlink: &mut Netlink) -> Result<(), Error> {
        let ours = |link: &Link| matches!(link.qdisc.as_deref(), Some("netem" | "tbf"));
        if self.links.values().any(ours) {
            for qdisc in netlink.qdiscs()? {
                self.qdiscs.entry(qdisc.link).or_default().push(qdisc);
            }
        }
        Ok(())
    }

    fn read_checksums(&mut self, netlink: &mut Netlink) -> Result<(), Error> {
        let ends: Vec<u32> = self.links.values().filter(|link| is_veth(link)).map(|link| link.index).collect();
        if ends.len() > FEW.min(self.links.len() / 2) {
            self.checksums = netlink.tx_checksums()?;
            return Ok(());
        }
        for index in ends {
            match netlink.tx_checksum(index) {
                Ok(on) => _ = self.checksums.insert(index, on),
                // It cannot be asked, or has just gone.
                Err(Error::Unsupported { .. }) => {}
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes in what was read later.
    pub fn add(&mut self, later: Snapshot) {
        later.links.into_values().for_each(|link| self.insert(link));
        self.checksums.extend(later.checksums);
        self.addresses.extend(later.addresses);
        self.routes.extend(later.routes);
        self.qdiscs.extend(later.qdiscs);
        self.sysctls.extend(later.sysctls);
    }

    /// The devices that were read, by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The device with this index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// The device of exactly this name.
    pub fn named(&self, name: &IfName) -> Option<&Link> {
        self.link(self.index(name)?)
    }

    fn index(&self, name: &IfName) -> Option<u32> {
        self.names.get(name.as_str()).copied()
    }

    /// The name of the device with this index; `None` where it has gone, or has a name that no user could type.
    pub fn name(&self, index: u32) -> Option<IfName> {
        self.link(index)?.name.parse().ok()
    }

    /// Whether the device leaves checksums to its hardware (`ethtool -k`, tx-checksumming); `None` where it cannot be asked.
    pub fn tx_checksum(&self, index: u32) -> Option<bool> {
        self.checksums.get(&index).copied()
    }

    /// Whether all devices of the namespace are in it.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Whether a device with this index can be there, as far as was read.
    pub fn may_have(&self, index: u32) -> bool {
        !self.is_complete || self.links.contains_key(&index)
    }

    /// Whether one of its devices has this alias.
    pub fn has_alias(&self, alias: &str) -> bool {
        self.links().any(|link| link.alias.as_deref() == Some(alias))
    }
}

/// Whether it is the end of a veth pair.
pub fn is_veth(link: &Link) -> bool {
    link.kind.as_deref() == Some("veth")
}

/// Whether somebody asked for it: not those of loopback or of the link itself, nor leased ones.
pub fn is_asked_for(address: &Address) -> bool {
    let ip = address.address.addr();
    let link_local = matches!(ip, std::net::IpAddr::V6(ip) if ip.is_unicast_link_local());
    address.is_permanent() && !link_local && !ip.is_loopback()
}
