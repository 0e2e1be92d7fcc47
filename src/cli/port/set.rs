//! `set-port`: what `add-port` sets, of a port that is there.

use clap::Args;

use crate::backend::Scope;
use crate::model::{
    BackendName, End, Entry, IfName, Key, Link, Place, Port, Resource, State, Switch, SwitchName, Vlan,
};

use super::delete::{find, only_one};
use super::settings::{Settings, check_impaired_uplink, impairment_key};
use super::vlan::filter_vlans;
use super::{device_of, no_port, port_of};
use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns set-port OVS-1 ns1 --delay 20ms --loss 1%     what ns1 sends is late, or never comes
  ovsns set-port OVS-1 ns1 --rate 10mbit              and passes slowly
  ovsns set-port OVS-1 ns1 --no-impair                all is well again
  ovsns set-port OVS-1 ns1 --ingress-rate 10mbit      the switch drops what ns1 sends beyond that
  ovsns set-port OVS-1 ns1 --tag 5                    in another VLAN")]
pub struct SetPort {
    /// The switch
    switch: SwitchName,
    /// What is plugged in: a namespace by name, pid:PID, path:FILE, dev:DEVICE of the host, or a port's name
    target: String,
    #[command(flatten)]
    settings: Settings,
    /// All VLANs pass again, as they come
    #[arg(long, conflicts_with_all = ["tag", "trunks", "vlan_mode", "cvlans"])]
    no_vlan: bool,
    /// Take away --delay, --jitter, --loss and --rate
    #[arg(long, conflicts_with_all = ["delay", "jitter", "loss", "rate"])]
    no_impair: bool,
    /// Put an uplink into a VLAN even where the host's own addresses are behind it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: Change,
}

impl SetPort {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        if !self.settings.is_any() && !self.no_vlan && !self.no_impair {
            return Err(Failure::usage("nothing to set was given")
                .hint(format!("as in: ovsns set-port {} {} --delay 20ms", self.switch, self.target)));
        }
        self.settings.check_vlan()?;
        let _lock = session.begin(&self.change).await?;
        let (switch_entry, switch) = session.switch(&self.switch).await?;
        let mut observed = find(session, Some(&self.switch), &self.target).await?;
        only_one(&self.target, &observed, "name the one that is meant")?;
        let Some(device) = observed.resources().find_map(device_of) else {
            return Err(no_port(Some(&self.switch), &self.target));
        };
        let inside = self.inside(session, &device, &mut observed).await?;
        let mut desired = observed.clone();
        self.port(&device, &mut desired);
        self.check_cut_off(&device, &observed, &desired)?;
        filter_vlans(&self.settings.vlan(), &switch_entry, &mut observed, &mut desired);
        self.settings.limits.put(session, &switch, &device, &mut observed, &mut desired).await?;
        match inside {
            Some(inside) => self.of_namespace(&inside, &mut desired)?,
            None => self.of_uplink(session, &switch, &device, &mut desired).await?,
        }
        self.change.carry_out(session, &observed, &desired).await
    }

    /// The other end of the port's veth pair, unless it is the device itself that is meant. Both, and what is done to the packets
    /// that are sent into them, are put into `observed`.
    async fn inside(
        &self,
        session: &Session<'_>,
        device: &IfName,
        observed: &mut State,
    ) -> Result<Option<End>, Failure> {
        let link = Key::Link { place: Place::Host, name: device.clone() };
        let found = match self.target.starts_with("dev:") {
            true => State::default(),
            false => session.observe(Scope::Keys(vec![link.clone()])).await?,
        };
        let inside = found.get(&link).and_then(|entry| match &entry.resource {
            Resource::Link(link) => Some(far_end(link, device).clone()),
            _ => None,
        });
        let (place, name) = match &inside {
            Some(end) => (&end.place, &end.name),
            None => (&Place::Host, device),
        };
        let impairment = session.observe(Scope::Keys(vec![impairment_key(place, name)])).await?;
        for entry in found.entries().chain(impairment.entries()) {
            observed.insert(entry.clone());
        }
        Ok(inside)
    }

    fn port(&self, device: &IfName, desired: &mut State) {
        let key = Key::Port { device: device.clone() };
        let owner = desired.get(&key).and_then(|entry| entry.owner.clone());
        if let Some(there) = port_of(desired, &key).cloned() {
            let vlan = if self.no_vlan { Vlan::default() } else { there.vlan.clone() };
            let port = self.settings.port(Port { vlan, ..there });
            desired.insert(Entry { resource: Resource::Port(port), owner });
        }
    }

    /// The switch's own device takes part without a tag: what comes in by an uplink that has a VLAN does not reach it.
    fn check_cut_off(&self, device: &IfName, observed: &State, desired: &State) -> Result<(), Failure> {
        let key = Key::Port { device: device.clone() };
        let (Some(there), Some(wanted)) = (port_of(observed, &key), port_of(desired, &key)) else { return Ok(()) };
        let Some(lent) = there.lent.as_ref().filter(|_| !self.force && there.vlan != wanted.vlan) else {
            return Ok(());
        };
        let stays = wanted.backend == BackendName::Linux && wanted.vlan.carries_untagged_as_they_come();
        if wanted.vlan.is_any() || stays {
            return Ok(());
        }
        let addresses: Vec<String> = lent.addresses.iter().map(ToString::to_string).collect();
        let what = format!(
            "cannot put {device} into a VLAN: the host's addresses {} on {} would be cut off from it",
            addresses.join(", "),
            self.switch
        );
        Err(Failure::new(what).hint(format!(
            "give the host an address in that VLAN first: ovsns add-vlan {} VLAN --ip ADDRESS/LENGTH; or do it all the same: --force",
            self.switch
        )))
    }

    fn of_namespace(&self, inside: &End, desired: &mut State) -> Result<(), Failure> {
        let links: Vec<Entry> =
            desired.entries().filter(|entry| matches!(entry.resource, Resource::Link(_))).cloned().collect();
        for entry in links {
            let Resource::Link(link) = &entry.resource else { continue };
            let set = |end: &End| {
                let is_inside = (&end.place, &end.name) == (&inside.place, &inside.name);
                let mac = self.settings.mac.filter(|_| is_inside).or(end.mac);
                End { mac, mtu: self.settings.mtu.or(end.mtu), ..end.clone() }
            };
            let link = Link::new(set(&link.a), set(&link.b));
            desired.insert(Entry { resource: Resource::Link(link), owner: entry.owner });
        }
        let mtu = self.settings.mtu.or(inside.mtu);
        self.impair(&inside.place, &inside.name, mtu, desired)
    }

    async fn of_uplink(
        &self,
        session: &Session<'_>,
        switch: &Switch,
        device: &IfName,
        desired: &mut State,
    ) -> Result<(), Failure> {
        if let Some(option) = self.settings.only_for_namespaces().next() {
            return Err(Failure::usage(format!("{option} is for namespaces, not for devices of the host")));
        }
        if self.settings.asks_of_packets() {
            check_impaired_uplink(switch, device)?;
        }
        let key = Key::Device { place: Place::Host, name: device.clone() };
        let found = session.observe(Scope::Keys(vec![key.clone()])).await?;
        let mtu = found.get(&key).and_then(|entry| match &entry.resource {
            Resource::Device(device) => device.mtu,
            _ => None,
        });
        self.impair(&Place::Host, device, mtu, desired)
    }

    fn impair(&self, place: &Place, device: &IfName, mtu: Option<u32>, desired: &mut State) -> Result<(), Failure> {
        if self.no_impair {
            desired.remove(&impairment_key(place, device));
        }
        self.settings.impair(place, device, mtu, desired)
    }
}

/// The end of the pair that is not the port itself.
fn far_end<'a>(link: &'a Link, port: &IfName) -> &'a End {
    let is_port = |end: &End| end.place == Place::Host && end.name == *port;
    if is_port(&link.a) { &link.b } else { &link.a }
}
