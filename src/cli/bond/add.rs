//! `add-bond`.

use clap::Args;

use crate::backend::Scope;
use crate::cli::change::{Change, want};
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::port::{VlanOptions, filter_vlans};
use crate::cli::session::Session;
use crate::cli::setting::{Given, OfPort};
use crate::model::{
    BackendName, Bond, BondMode, Device, Entry, IfName, Interface, Key, Lacp, LacpTime, Place, Port, Resource, State,
    Switch, SwitchName, Virtual, What,
};

use super::{check_devices, tell};

#[derive(Debug, Args)]
#[command(after_help = "\
On Open vSwitch the bond is a port that has no device of its own; on a Linux bridge it is a device of the kernel. `del-port` takes it
away, and gives its devices back. With LACP, a line on stderr says so where nobody at the other end answers.

Examples:
  ovsns add-bond br1 bond0 eth1 eth2                             one carries all, the other waits
  ovsns add-bond br1 bond0 eth1 eth2 --mode balance-slb          both carry; on Open vSwitch the other end need not know
  ovsns add-bond br1 bond0 eth1 eth2 --mode balance-tcp --lacp-time fast")]
pub struct AddBond {
    /// The switch
    switch: SwitchName,
    /// The name of the port
    name: IfName,
    /// The devices of the host that it is made of, two at least
    #[arg(required = true, value_name = "DEVICE")]
    devices: Vec<IfName>,
    /// How frames are spread over the devices: active-backup, balance-slb, balance-tcp [default: active-backup]
    #[arg(long)]
    mode: Option<BondMode>,
    /// Whether to settle with the other end by LACP: active, passive, off [default: off, with balance-tcp active]
    #[arg(long, value_name = "HOW")]
    lacp: Option<Lacp>,
    /// How often the other end is asked to tell of itself: slow (30 s), fast (1 s) [default: slow]
    #[arg(long, value_name = "HOW")]
    lacp_time: Option<LacpTime>,
    #[command(flatten)]
    vlan: VlanOptions,
    #[command(flatten)]
    settings: Given<OfPort>,
    /// Do not fail if the switch has the bond; set what differs from what is asked for here
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddBond {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let bond = Bond::asked(self.devices.clone(), self.mode, self.lacp, self.lacp_time)
            .map_err(|error| Failure::usage(format!("cannot make bond {}: {error}", self.name)))?;
        let vlan = self.vlan.check()?;
        let _lock = session.begin(&self.change).await?;
        let (switch_entry, switch) = session.switch(&self.switch).await?;
        let mut observed = self.there(session, &switch).await?;
        let there = observed.clone();
        self.check(session, &switch, &bond, &there).await?;
        for entry in session.observe(Scope::Keys(bond.devices.iter().map(device_key).collect())).await?.entries() {
            observed.insert(entry.clone());
        }
        let mut desired = observed.clone();
        let port = match observed.get(&self.port_key()).map(|entry| &entry.resource) {
            // What is not asked for stays.
            Some(Resource::Port(there)) if vlan.is_any() => there.clone(),
            _ => Port { vlan: vlan.clone(), ..Port::new(switch.name.clone(), self.name.clone(), switch.backend) },
        };
        let port = Port { settings: self.settings.over(&port.settings, port.backend), ..port };
        match switch.backend {
            BackendName::Ovs => {
                let interface = Interface::Bond(bond.clone());
                want(&observed, &mut desired, Resource::Port(Port { interface, ..port }));
            }
            BackendName::Linux => {
                let device = Virtual::new(self.name.clone(), What::Bond(bond.clone()));
                want(&observed, &mut desired, Resource::Virtual(device));
                want(&observed, &mut desired, Resource::Port(port));
                filter_vlans(&vlan, &switch_entry, &mut observed, &mut desired);
            }
        }
        for device in &bond.devices {
            let up = Device::new(Place::Host, device.clone(), true);
            desired.insert(Entry::unmarked(Resource::Device(up)));
        }
        let report = self.change.carry_out(session, &observed, &desired).await?;
        if self.change.applies() {
            tell(session, switch.backend, &self.name, &bond, &desired).await?;
        }
        Ok(report)
    }

    fn port_key(&self) -> Key {
        Key::Port { device: self.name.clone() }
    }

    /// The devices that are not in the bond yet can be.
    async fn check(&self, session: &Session<'_>, switch: &Switch, bond: &Bond, there: &State) -> Result<(), Failure> {
        let old = there.resources().find_map(|resource| match resource {
            Resource::Port(port) => port.interface.bond(),
            Resource::Virtual(device) => device.bond(),
            _ => None,
        });
        let is_new = |device: &&IfName| old.is_none_or(|old| !old.devices.contains(*device));
        let new = Bond { devices: bond.devices.iter().filter(is_new).cloned().collect(), ..bond.clone() };
        check_devices(session, switch, &self.name, &new).await
    }

    /// What there is under the name.
    async fn there(&self, session: &Session<'_>, switch: &Switch) -> Result<State, Failure> {
        let (port, made) = (self.port_key(), Key::Virtual { name: self.name.clone() });
        let device = device_key(&self.name);
        let mut found = session.observe(Scope::Keys(vec![port.clone(), made.clone(), device.clone()])).await?;
        let is_device = found.remove(&device).is_some();
        let what = format!("cannot make bond {}", self.name);
        let is_bond = |port: &Port| port.interface.bond().is_some() || is_bond_device(&found, &made);
        match found.get(&port).map(|entry| &entry.resource) {
            Some(Resource::Port(port)) if port.switch != self.switch => {
                Err(Failure::new(format!("{what}: switch {} has a port of this name", port.switch))
                    .hint("choose another name"))
            }
            Some(Resource::Port(port)) if !is_bond(port) => {
                Err(Failure::new(format!("{what}: switch {} has a port of this name, which is no bond", switch.name))
                    .hint("choose another name"))
            }
            Some(_) if !self.may_exist => Err(Failure::new(format!("{what}: switch {} has it already", switch.name))
                .hint("with --may-exist that is no failure")),
            Some(_) => Ok(found),
            None if is_device => {
                Err(Failure::new(format!("{what}: the host has a device of this name")).hint(format!(
                    "choose another name; a bond that is there is plugged in by ovsns add-port {} dev:{}",
                    switch.name, self.name
                )))
            }
            None => Ok(found),
        }
    }
}

fn is_bond_device(found: &State, made: &Key) -> bool {
    matches!(found.get(made).map(|entry| &entry.resource), Some(Resource::Virtual(device)) if device.bond().is_some())
}

fn device_key(name: &IfName) -> Key {
    Key::Device { place: Place::Host, name: name.clone() }
}
