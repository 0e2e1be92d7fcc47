//! `add-patch`: what joins two switches of this host.

use clap::Args;

use crate::backend::Scope;
use crate::lab::{Trunk, TrunkEnd};
use crate::model::{
    IfName, Key, MTU_MAX, MTU_MIN, Place, Port, PortNames, Resource, State, Switch, SwitchName, Vlan, VlanId,
};

use super::change::{Change, want};
use super::failure::Failure;
use super::output::Report;
use super::port::filter_vlans;
use super::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "\
Two switches of Open vSwitch are joined by a patch cable, which has no device; a veth pair does it where a Linux bridge is one of the
two, or where both speak rapid spanning tree. `del-port` of one end takes both away.

Examples:
  ovsns add-patch br1 br2                       ports br1-br2 and br2-br1; all VLANs pass
  ovsns add-patch br1 br2 --vlans 10,20 --native 10")]
pub struct AddPatch {
    /// One switch
    a: SwitchName,
    /// The other switch
    b: SwitchName,
    /// The VLANs that pass with their tags [default: all]
    #[arg(long, value_name = "VLAN,…", value_delimiter = ',')]
    vlans: Vec<VlanId>,
    /// The VLAN of untagged frames
    #[arg(long, value_name = "VLAN")]
    native: Option<VlanId>,
    /// The name of the port at the first switch [default: A-B, then A-B.2 …]
    #[arg(long, value_name = "DEVICE")]
    a_name: Option<IfName>,
    /// The name of the port at the other switch [default: B-A, then B-A.2 …]
    #[arg(long, value_name = "DEVICE")]
    b_name: Option<IfName>,
    /// Of a veth pair: the MTU of both ends, in bytes
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX)))]
    mtu: Option<u32>,
    /// Do not fail if ports of these names join the switches; set what differs from what is asked for here
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddPatch {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        if self.a == self.b {
            let failure = Failure::usage(format!("cannot join switch {} to itself", self.a));
            return Err(failure.hint("a patch joins two switches"));
        }
        let _lock = session.begin(&self.change).await?;
        let (entry_a, a) = session.switch(&self.a).await?;
        let (entry_b, b) = session.switch(&self.b).await?;
        let (trunk, mut observed) = self.trunk(session, &a, &b).await?;
        let is_first = [&self.a_name, &self.b_name].iter().any(|name| name.is_some())
            || trunk.a.device == PortNames::of_trunk(&a.name, &b.name, 1).0;
        let has_tree = |switch: &Switch| switch.stp == Some(true) || switch.rstp == Some(true);
        if !(is_first || has_tree(&a) && has_tree(&b)) {
            let both = format!("{} and {}", a.name, b.name);
            session.output.note(&format!("{both} are joined already: without spanning tree frames go round and round"));
        }
        let mut desired = observed.clone();
        trunk.resources(&a, &b).into_iter().for_each(|resource| want(&observed, &mut desired, resource));
        for entry in [entry_a, entry_b] {
            filter_vlans(&self.vlan(), &entry, &mut observed, &mut desired);
        }
        self.change.carry_out(session, &observed, &desired).await
    }

    fn vlan(&self) -> Vlan {
        Vlan { tag: self.native, trunks: self.vlans.iter().copied().collect(), ..Vlan::default() }
    }

    /// The trunk, under the names that were asked for, or the first of the rule that are free; and what there is under its names.
    async fn trunk(&self, session: &Session<'_>, a: &Switch, b: &Switch) -> Result<(Trunk, State), Failure> {
        for number in 1.. {
            let end = |here: &SwitchName, there: &SwitchName, asked: &Option<IfName>| {
                let (device, altname) = match asked {
                    Some(device) => (device.clone(), None),
                    None => PortNames::of_trunk(here, there, number),
                };
                TrunkEnd { switch: here.clone(), device, altname, named: asked.is_some() }
            };
            let (one, other) = (end(&a.name, &b.name, &self.a_name), end(&b.name, &a.name, &self.b_name));
            let trunk = Trunk { a: one, b: other, vlan: self.vlan(), mtu: self.mtu };
            if trunk.a.device == trunk.b.device {
                let failure = Failure::usage(format!("both ends would be called {}", trunk.a.device));
                return Err(failure.hint("give them two names: --a-name and --b-name"));
            }
            let there = there(session, &trunk).await?;
            if there.is_empty() {
                return Ok((trunk, there));
            }
            let resources: Vec<Key> = trunk.resources(a, b).iter().map(Resource::key).collect();
            let joins = resources.iter().all(|key| there.contains(key)) && on_switches(&there, &trunk);
            if joins && self.may_exist {
                let ours = there.entries().filter(|entry| resources.contains(&entry.key())).cloned().collect();
                return Ok((trunk, ours));
            }
            if self.a_name.is_some() && self.b_name.is_some() {
                let what = format!("cannot join {} and {}: there is {} already", self.a, self.b, taken(&there));
                return Err(Failure::new(what).hint("choose other names with --a-name and --b-name"));
            }
        }
        unreachable!("a host has fewer devices than there are numbers")
    }
}

/// What has the names of the two ends.
async fn there(session: &Session<'_>, trunk: &Trunk) -> Result<State, Failure> {
    let names = [&trunk.a.device, &trunk.b.device];
    let ports = names.map(|device| Key::Port { device: device.clone() });
    let links = names.map(|name| Key::Link { place: Place::Host, name: name.clone() });
    let devices = names.map(|name| Key::Device { place: Place::Host, name: name.clone() });
    session.observe(Scope::Keys([ports, links, devices].into_iter().flatten().collect())).await
}

fn on_switches(there: &State, trunk: &Trunk) -> bool {
    [&trunk.a, &trunk.b].iter().all(|end| {
        let key = Key::Port { device: end.device.clone() };
        matches!(there.get(&key).map(|entry| &entry.resource), Some(Resource::Port(Port { switch, .. })) if *switch == end.switch)
    })
}

fn taken(there: &State) -> String {
    there.keys().next().map_or_else(String::new, ToString::to_string)
}
