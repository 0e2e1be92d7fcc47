//! `add-vlan`, `del-vlan`, `list-vlans`: the host's own part in the VLANs of a switch.

use std::collections::BTreeMap;

use clap::Args;
use ipnet::IpNet;
use serde_json::json;

use crate::backend::Scope;
use crate::model::{
    Address, BackendName, DEFAULT_PVID, Entry, IfName, Interface, Internal, Key, Kind, MTU_MAX, MTU_MIN, Mac, Place,
    Port, PortNames, Resource, State, Switch, SwitchName, Virtual, Vlan, VlanId, What,
};

use super::change::{Change, want};
use super::failure::Failure;
use super::inside::standing_on;
use super::output::Report;
use super::session::{Session, seen};
use super::{place, port};

#[derive(Debug, Args)]
#[command(after_help = "\
The host takes part in a VLAN of the switch by a device of its own: a router on a stick, or the address by which it is reached there. On
Open vSwitch that is an internal port with the tag, on a Linux bridge a VLAN device on top of it.

Examples:
  ovsns add-vlan br1 10 --ip 10.0.10.1/24
  ovsns add-vlan br1 20 --ip 10.0.20.1/24 --name lab20")]
pub struct AddVlan {
    /// The switch
    switch: SwitchName,
    /// The VLAN, 1 to 4094
    vlan: VlanId,
    /// The name of the device [default: SWITCH.VLAN]
    #[arg(long, value_name = "DEVICE")]
    name: Option<IfName>,
    /// An address of the device; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = port::address)]
    ip: Vec<IpNet>,
    /// Its Ethernet address
    #[arg(long)]
    mac: Option<Mac>,
    /// Its MTU, in bytes
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX)))]
    mtu: Option<u32>,
    /// Do not fail if the host takes part already; set what differs from what is asked for here
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddVlan {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        place::check_ipv6_mtu(&self.ip, self.mtu)?;
        let _lock = session.begin(&self.change).await?;
        let (entry, switch) = session.switch(&self.switch).await?;
        let name = self.device(session, &switch).await?;
        let made = made(&switch, self.vlan, &name, self.mac, self.mtu);
        let keys = made.iter().map(Resource::key);
        let mut observed = session.observe(Scope::Keys(keys.collect())).await?;
        for entry in place::addresses(session, &Place::Host).await?.entries() {
            observed.insert(entry.clone());
        }
        let mut desired = observed.clone();
        made.into_iter().for_each(|resource| want(&observed, &mut desired, resource));
        port::filter_vlans(&self.tagged(), &entry, &mut observed, &mut desired);
        for ip in &self.ip {
            let wanted = Address::new(Place::Host, name.clone(), *ip, false);
            place::check_address(&wanted, &desired)?;
            let wanted = Entry::unmarked(Resource::Address(wanted));
            if !desired.contains(&wanted.key()) {
                desired.insert(wanted);
            }
        }
        self.change.carry_out(session, &observed, &desired).await
    }

    /// What a port of the host in this VLAN would be.
    fn tagged(&self) -> Vlan {
        Vlan { tag: Some(self.vlan), ..Vlan::default() }
    }

    /// The name of the device by which the host takes part, or is to.
    async fn device(&self, session: &Session<'_>, switch: &Switch) -> Result<IfName, Failure> {
        let what = format!("cannot take part in VLAN {} of switch {}", self.vlan, self.switch);
        let there = interfaces(session, switch).await?.remove(&self.vlan);
        match (there, &self.name) {
            (Some(there), name) if name.as_ref().is_some_and(|name| *name != there) || !self.may_exist => {
                let failure = Failure::new(format!("{what}: the host does so by {there} already"));
                return Err(failure.hint("with --may-exist that is no failure; a device keeps its name"));
            }
            (Some(there), _) => return Ok(there),
            (None, _) => {}
        }
        let name = self.name.clone().unwrap_or_else(|| PortNames::of_vlan(&self.switch, self.vlan).0);
        let keys = [Key::Device { place: Place::Host, name: name.clone() }, Key::Port { device: name.clone() }];
        match session.observe(Scope::Keys(keys.into())).await?.keys().next() {
            None => Ok(name),
            Some(key) => {
                Err(Failure::new(format!("{what}: there is {key} already")).hint("choose another name: --name"))
            }
        }
    }
}

/// What makes the host take part in `vlan` of `switch`.
fn made(switch: &Switch, vlan: VlanId, name: &IfName, mac: Option<Mac>, mtu: Option<u32>) -> Vec<Resource> {
    match switch.backend {
        BackendName::Ovs => {
            let port = Port::new(switch.name.clone(), name.clone(), switch.backend);
            let vlan = Vlan { tag: Some(vlan), ..Vlan::default() };
            let device = Internal::new(Place::Host, name.clone());
            vec![
                Resource::Port(Port { vlan, interface: Interface::Internal { mtu }, ..port }),
                Resource::Internal(Internal { mac, mtu, ..device }),
            ]
        }
        BackendName::Linux => {
            let what = What::Vlan { switch: switch.name.clone(), vlan };
            vec![Resource::Virtual(Virtual { mac, mtu, ..Virtual::new(name.clone(), what) })]
        }
    }
}

/// The devices by which the host takes part in VLANs of `switch`.
async fn interfaces(session: &Session<'_>, switch: &Switch) -> Result<BTreeMap<VlanId, IfName>, Failure> {
    let found = match switch.backend {
        BackendName::Ovs => session.observe(Scope::Switch(switch.name.clone())).await?,
        BackendName::Linux => session.observe(Scope::Kind(Kind::Virtual)).await?,
    };
    let interface = |resource: &Resource| match resource {
        Resource::Port(port) if port.interface.is_internal() && port.netns.is_none() && port.vlan.trunks.is_empty() => {
            Some((port.vlan.tag?, port.device.clone()))
        }
        Resource::Virtual(Virtual { name, what: What::Vlan { switch: of, vlan }, .. }) if *of == switch.name => {
            Some((*vlan, name.clone()))
        }
        _ => None,
    };
    Ok(found.resources().filter_map(interface).collect())
}

/// The VLAN devices on top of a Linux bridge, which go with it, and what stands on them. `observed` has the switch.
pub async fn on(session: &Session<'_>, name: &SwitchName, observed: &State) -> Result<State, Failure> {
    let mut found = State::default();
    let Some(Resource::Switch(switch)) = observed.get(&Key::Switch { name: name.clone() }).map(|e| &e.resource) else {
        return Ok(found);
    };
    if switch.backend == BackendName::Linux {
        let devices = interfaces(session, switch).await?;
        let keys = devices.values().map(|name| Key::Virtual { name: name.clone() });
        found = session.observe(Scope::Keys(keys.collect())).await?;
        for name in devices.values() {
            let standing = standing_on(session, &Place::Host, name).await?;
            standing.entries().for_each(|entry| found.insert(entry.clone()));
        }
    }
    Ok(found)
}

#[derive(Debug, Args)]
pub struct DelVlan {
    /// The switch
    switch: SwitchName,
    /// The VLAN, 1 to 4094
    vlan: VlanId,
    /// Do not fail if the host takes no part in it
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelVlan {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let (_, switch) = session.switch(&self.switch).await?;
        let Some(name) = interfaces(session, &switch).await?.remove(&self.vlan) else {
            let what = format!("the host takes no part in VLAN {} of switch {}", self.vlan, self.switch);
            return match self.if_exists {
                true => self.change.carry_out(session, &State::default(), &State::default()).await,
                false => {
                    Err(Failure::new(what).hint(format!("ovsns list-vlans {} tells in which it does", self.switch)))
                }
            };
        };
        let made = made(&switch, self.vlan, &name, None, None);
        let mut observed = session.observe(Scope::Keys(made.iter().map(Resource::key).collect())).await?;
        for entry in standing_on(session, &Place::Host, &name).await?.entries() {
            observed.insert(entry.clone());
        }
        self.change.carry_out(session, &observed, &State::default()).await
    }
}

#[derive(Debug, Args)]
pub struct ListVlans {
    /// The switch
    switch: SwitchName,
}

/// A VLAN, and who is in it.
#[derive(Default)]
struct Row {
    interface: Option<IfName>,
    /// The ports, and whether frames of the VLAN have their tag there.
    ports: Vec<(IfName, bool)>,
}

impl ListVlans {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let (_, switch) = session.switch(&self.switch).await?;
        let found = session.observe(Scope::Switch(self.switch.clone())).await?;
        let mut rows: BTreeMap<VlanId, Row> = BTreeMap::new();
        for (vlan, name) in interfaces(session, &switch).await? {
            rows.entry(vlan).or_default().interface = Some(name);
        }
        let mut everywhere = Vec::new();
        for resource in found.resources() {
            let Resource::Port(port) = resource else { continue };
            match members(&switch, port) {
                None => everywhere.push(port.device.clone()),
                Some(members) => {
                    for (vlan, tagged) in members {
                        let row = rows.entry(vlan).or_default();
                        if row.interface.as_ref() != Some(&port.device) {
                            row.ports.push((port.device.clone(), tagged));
                        }
                    }
                }
            }
        }
        self.report(&rows, &everywhere)
    }

    fn report(&self, rows: &BTreeMap<VlanId, Row>, everywhere: &[IfName]) -> Result<Report, Failure> {
        let (mut lines, mut documents) = (Vec::new(), Vec::new());
        for (vlan, row) in rows {
            let addresses = match &row.interface {
                Some(name) => seen::addresses_of(&Place::Host, name)?,
                None => Vec::new(),
            };
            let addresses: Vec<String> =
                addresses.iter().filter(|a| a.scope == "global").map(|a| a.address.to_string()).collect();
            let ports = row
                .ports
                .iter()
                .map(|(name, tagged)| if *tagged { format!("{name} (tagged)") } else { name.to_string() });
            let host = row.interface.iter().map(|name| [&[name.to_string()], addresses.as_slice()].concat().join(" "));
            let who: Vec<String> = host.chain(ports).collect();
            lines.push(format!("{vlan}: {}", who.join(", ")));
            let ports = row.ports.iter().map(|(name, tagged)| json!({"port": name, "tagged": tagged}));
            let interface = row.interface.as_ref().map(|name| json!({"device": name, "addresses": addresses}));
            documents.push(json!({"vlan": vlan, "interface": interface, "ports": ports.collect::<Vec<_>>()}));
        }
        if !everywhere.is_empty() {
            let names: Vec<&str> = everywhere.iter().map(IfName::as_str).collect();
            lines.push(format!("all: {}", names.join(", ")));
        }
        let document = json!({"switch": self.switch, "vlans": documents, "in_all": everywhere});
        Ok(Report::new(lines.join("\n"), document))
    }
}

/// The VLANs that a port is in, and whether their frames have tags there; `None`: all, as they come.
fn members(switch: &Switch, port: &Port) -> Option<Vec<(VlanId, bool)>> {
    if port.vlan.is_any() {
        let filters = switch.backend == BackendName::Linux && switch.vlan_filtering == Some(true);
        return filters.then(|| vec![(DEFAULT_PVID, false)]);
    }
    let own = port.vlan.tag.map(|tag| (tag, false));
    let trunks = port.vlan.trunks.iter().filter(|vlan| port.vlan.tag != Some(**vlan));
    Some(own.into_iter().chain(trunks.map(|vlan| (*vlan, true))).collect())
}
