//! `set-br`: the switch as an interface of the host, and what it tells collectors.

use clap::Args;
use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{Address, Entry, Kind, MTU_MAX, MTU_MIN, Mac, Place, Resource, State, Switch, SwitchName};

use super::change::Change;
use super::exports::Exports;
use super::failure::Failure;
use super::inside;
use super::output::Report;
use super::session::Session;
use super::setting::{Given, OfSwitch};
use super::switch::Stp;
use super::{place, port, switch};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns set-br br1 --ip 192.168.15.5/24          the host reaches the namespaces of the switch
  ovsns set-br br1 --sflow 192.0.2.1:6343 --sampling 64  a collector is told of its traffic
  ovsns set-br br1 --del-ip 192.168.15.5/24 --ip 192.168.16.5/24
  ovsns set-br br1 --stp --stp-priority 4096     and is the root of the spanning tree
  ovsns set-br br1 --stp-priority default")]
pub struct SetBr {
    /// The switch
    switch: SwitchName,
    /// An address that the switch's own device gets; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = port::address)]
    ip: Vec<IpNet>,
    /// An address that is taken off it; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = port::address)]
    del_ip: Vec<IpNet>,
    /// The Ethernet address of its own device
    #[arg(long)]
    mac: Option<Mac>,
    /// The MTU of its own device, in bytes
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX)))]
    mtu: Option<u32>,
    /// Spanning tree (IEEE 802.1D), or the rapid one (Open vSwitch)
    #[arg(long, value_name = "on|off|rstp", num_args = 0..=1, default_missing_value = "on", require_equals = true, value_parser = Stp::read)]
    stp: Option<Stp>,
    #[command(flatten)]
    settings: Given<OfSwitch>,
    #[command(flatten)]
    exports: Exports,
    #[command(flatten)]
    change: Change,
}

impl SetBr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        self.check_asked()?;
        let _lock = session.begin(&self.change).await?;
        let (entry, there) = session.switch(&self.switch).await?;
        let mut observed = place::addresses(session, &Place::Host).await?;
        for route in session.observe(Scope::Within(Place::Host, Kind::Route)).await?.entries() {
            observed.insert(route.clone());
        }
        observed.insert(entry.clone());
        let mut desired = observed.clone();
        let mut wanted = Switch::new(there.name.clone(), there.backend);
        (wanted.mac, wanted.mtu) = (self.mac, self.mtu);
        (wanted.stp, wanted.rstp) = Stp::of(self.stp, there.backend);
        wanted.settings = self.settings.over(&there.settings, there.backend);
        let wanted = Entry { resource: Resource::Switch(wanted), owner: entry.owner.clone() };
        if self.settings.alone().is_on("transparent") {
            switch::say_what_never_passes(session, &wanted);
        }
        desired.insert(wanted);
        self.exports.edit(session, &there, &mut observed, &mut desired).await?;
        self.addresses(&mut desired)?;
        if !self.ip.is_empty() {
            // A device that is down has an address for nothing.
            switch::want_up(session, &self.switch, &mut observed, &mut desired).await?;
        }
        self.change.carry_out(session, &observed, &desired).await
    }

    fn check_asked(&self) -> Result<(), Failure> {
        if self.ip.is_empty()
            && self.del_ip.is_empty()
            && self.mac.is_none()
            && self.mtu.is_none()
            && self.stp.is_none()
            && !self.exports.is_any()
            && !self.settings.is_any()
        {
            return Err(Failure::usage("nothing to set was given")
                .hint(format!("as in: ovsns set-br {} --ip 192.168.15.5/24", self.switch)));
        }
        if let Some(both) = self.ip.iter().find(|ip| self.del_ip.contains(ip)) {
            return Err(Failure::usage(format!("{both} is both to be put on and to be taken off")));
        }
        self.exports.check()?;
        place::check_ipv6_mtu(&self.ip, self.mtu)
    }

    fn addresses(&self, desired: &mut State) -> Result<(), Failure> {
        let device = self.switch.device();
        for ip in &self.del_ip {
            let gone = Address::new(Place::Host, device.clone(), *ip, false);
            if !desired.contains(&Resource::Address(gone.clone()).key()) {
                return Err(Failure::new(format!("switch {} does not have the address {ip}", self.switch))
                    .hint("ovsns list-addr host shows the addresses of the host"));
            }
            inside::remove_address(desired, &gone);
        }
        for ip in &self.ip {
            let wanted = Address::new(Place::Host, device.clone(), *ip, false);
            place::check_address(&wanted, desired)?;
            let entry = Entry::unmarked(Resource::Address(wanted));
            // One that is there has been through duplicate address detection, or was spared it.
            if !desired.contains(&entry.key()) {
                desired.insert(entry);
            }
        }
        Ok(())
    }
}
