//! `export`.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{SeenDevice, Session, is_podmans, seen};
use crate::lab;
use crate::model::{End, Entry, IfName, Key, Owner, Place, Resource, State};

use super::changes::facts_of_host;
use super::saved::Offline;
use super::which::lab_name;

/// What the lab is called where nobody says.
const LAB: &str = "exported";

#[derive(Debug, Args)]
#[command(after_help = "\
The lab file that would make what is there, whoever made it: by hand, with ip, brctl and ovs-vsctl, too. What a lab file cannot say
is told on stderr.

Examples:
  ovsns export > lab.yaml                      everything
  ovsns export OVS-1 ns1 ns2 > lab.yaml        these switches and namespaces
  ovsns export --lab campus > lab.yaml         what lab campus is now
  ovsns export --adopt --lab mine > lab.yaml   and put the mark of lab mine on it: apply, diff, destroy then work on it
  ovsns export --state > state.json            for ovsns plan --observed")]
pub struct Export {
    /// Only these switches and namespaces
    only: Vec<String>,
    /// Of this lab; with --adopt, and where there is no such lab, the name of the new one
    #[arg(long, value_name = "NAME", value_parser = lab_name)]
    lab: Option<Owner>,
    /// Put the lab's mark on what is exported
    #[arg(long, conflicts_with = "state")]
    adopt: bool,
    /// Print what there is as JSON, for ovsns plan --observed
    #[arg(long)]
    state: bool,
    #[command(flatten)]
    change: crate::cli::change::Change,
}

impl Export {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        super::tell_interrupted(session)?;
        let all = session.observe(Scope::All).await?;
        if self.state {
            let observed = with_devices(session, all).await?;
            let offline = Offline { facts: facts_of_host(session).await?, observed };
            let document = json!(offline);
            return Ok(Report::new(format!("{document:#}"), document));
        }
        let state = self.chosen(&all)?;
        let owner = match &self.lab {
            Some(owner) => owner.clone(),
            None => LAB.parse().map_err(|error| Failure::new("there is no name for the lab").cause(error))?,
        };
        let export = lab::export(owner, &state, &pluggable()?);
        export.left_out.iter().for_each(|line| session.output.note(&format!("not in the file: {line}")));
        let text = lab::write(&export.lab);
        if self.adopt {
            super::adopt::adopt(session, &export.lab, &self.change).await?;
        }
        Ok(Report::new(text.trim_end(), json!({"lab": text, "left_out": export.left_out})))
    }

    /// What of all is exported.
    fn chosen(&self, all: &State) -> Result<State, Failure> {
        let theirs = |entry: &Entry| match &self.lab {
            Some(owner) if all.entries().any(|entry| entry.owner.as_ref() == Some(owner)) => {
                super::sight::of_all(all, owner, &State::default()).contains(&entry.key())
            }
            _ => true,
        };
        let state: State = all.entries().filter(|entry| !is_engines(entry) && theirs(entry)).cloned().collect();
        if self.only.is_empty() {
            return Ok(state);
        }
        let mut wanted = BTreeSet::new();
        for name in &self.only {
            let is_it = |key: &Key| match key {
                Key::Switch { name: switch } => switch.as_str() == name,
                Key::Netns { name: netns } => netns.as_str() == name,
                _ => false,
            };
            match all.keys().find(|key| is_it(key)) {
                Some(key) => wanted.insert(key.clone()),
                None => {
                    return Err(Failure::new(format!("there is neither a switch nor a namespace {name}"))
                        .hint("ovsns list-br and ovsns list-ns list them"));
                }
            };
        }
        Ok(only(&state, &wanted))
    }
}

/// What of `state` belongs to these switches and namespaces.
fn only(state: &State, wanted: &BTreeSet<Key>) -> State {
    let place = |place: &Place| match place {
        Place::Named(name) => wanted.contains(&Key::Netns { name: name.clone() }),
        _ => false,
    };
    let switch = |name: &crate::model::SwitchName| wanted.contains(&Key::Switch { name: name.clone() });
    let own = |device: &IfName| device.as_str().parse().is_ok_and(|name| switch(&name));
    let belongs = |entry: &&Entry| match &entry.resource {
        Resource::Netns(_) | Resource::Switch(_) => wanted.contains(&entry.key()),
        Resource::Port(port) => switch(&port.switch),
        Resource::Link(link) => {
            let port = |end: &End| match state.get(&Key::Port { device: end.name.clone() }).map(|entry| &entry.resource)
            {
                Some(Resource::Port(port)) => end.place == Place::Host && switch(&port.switch),
                _ => false,
            };
            let ends = [&link.a, &link.b];
            ends.iter().any(|end| port(end) || place(&end.place))
                && ends.iter().all(|end| end.place == Place::Host || place(&end.place))
        }
        Resource::Address(address) => place(&address.place) || own(&address.device),
        Resource::Route(route) => place(&route.place),
        Resource::Impairment(impairment) => place(&impairment.place),
        Resource::Mirror(mirror) => switch(&mirror.switch),
        Resource::Qos(qos) => switch(&qos.switch),
        Resource::Policing(policing) => switch(&policing.switch),
        Resource::FlowExport(export) => switch(&export.switch),
        Resource::Nat(nat) => switch(&nat.switch),
        Resource::Published(published) => place(&published.netns),
        _ => false,
    };
    state.entries().filter(belongs).cloned().collect()
}

/// `all`, and which devices of the host are up. Those of veth pairs always are, or are told with these.
async fn with_devices(session: &Session<'_>, all: State) -> Result<State, Failure> {
    let links = all.resources().filter(|resource| matches!(resource, Resource::Link(_)));
    let ends: BTreeSet<(Place, IfName)> = links.flat_map(Resource::provides).collect();
    let names = seen::devices(&Place::Host)?.into_iter().filter_map(|device| device.name.parse::<IfName>().ok());
    let others = names.filter(|name| !ends.contains(&(Place::Host, name.clone())));
    let keys = others.map(|name| Key::Device { place: Place::Host, name });
    let devices = session.observe(Scope::Keys(keys.collect())).await?;
    // Of lo and of tunnels, which have no Ethernet address, there is nothing to tell.
    let ethernet = |entry: &&Entry| match &entry.resource {
        Resource::Device(device) => device.mac.is_none_or(|mac| mac.octets() != [0; 6]),
        _ => true,
    };
    Ok(all.entries().chain(devices.entries().filter(ethernet)).cloned().collect())
}

/// Namespaces of Podman's containers come and go with these.
fn is_engines(entry: &Entry) -> bool {
    matches!(&entry.resource, Resource::Netns(netns) if is_podmans(&netns.name))
}

/// The devices of the host that can be plugged into a switch as they are. Those of Open vSwitch itself, its internal ports, are made
/// by it (kind `openvswitch`; of its userspace datapath `tun`).
fn pluggable() -> Result<BTreeSet<IfName>, Failure> {
    let plugs = |device: &SeenDevice| !matches!(device.kind.as_deref(), Some("openvswitch" | "tun" | "bridge"));
    let devices = seen::devices(&Place::Host)?;
    Ok(devices.iter().filter(|device| plugs(device)).filter_map(|device| device.name.parse().ok()).collect())
}
