//! `show`: the tree of `ovs-vsctl show`, with what that cannot tell.

mod bond;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::backend::Scope;
use crate::backend::bond::BondState;
use crate::backend::tree::{Tree, TreePort};
use crate::model::{
    Bond, Device, End, Entry, IfName, Impairment, Interface, Internal, Key, Link, Netns, Owner, Place, Port, Resource,
    Settings, State, Switch, SwitchName, Tunnel, Virtual,
};

use crate::plan::describe;

use super::failure::Failure;
use super::output::Report;
use super::session::{OvsDatabase, Session};

#[derive(Debug, Args)]
pub struct Show {
    /// Only this switch
    switch: Option<SwitchName>,
}

/// A switch and what hangs on it.
#[derive(Debug, Serialize)]
struct SwitchTree {
    #[serde(flatten)]
    switch: Switch,
    owner: Option<Owner>,
    /// Whether its own device is up; `null` where there is none.
    up: Option<bool>,
    /// What its spanning tree has come to.
    tree: Option<Tree>,
    addresses: Vec<String>,
    /// What is done to its traffic: mirrors, queues, what is told to collectors.
    traffic: Vec<Resource>,
    ports: Vec<PortTree>,
}

/// A port and what is behind it.
#[derive(Debug, Serialize)]
struct PortTree {
    #[serde(flatten)]
    port: Port,
    owner: Option<Owner>,
    /// `up`, or what is wrong.
    state: String,
    /// What it has come to in the spanning tree.
    tree: Option<TreePort>,
    /// What is done to the packets that leave by the device itself.
    impairment: Option<Impairment>,
    /// The tunnel that its device is.
    #[serde(skip_serializing_if = "Option::is_none")]
    tunnel: Option<Tunnel>,
    /// The bond that its device is.
    #[serde(skip_serializing_if = "Option::is_none")]
    bond: Option<Bond>,
    /// What the devices of a bond have come to.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<BondState>,
    /// The other end of its veth pair.
    inside: Option<Inside>,
}

#[derive(Debug, Serialize)]
struct Inside {
    #[serde(flatten)]
    end: End,
    addresses: Vec<String>,
    routes: Vec<String>,
    /// What is done to the packets that it sends.
    impairment: Option<Impairment>,
}

impl Show {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let mut state = session.observe(Scope::All).await?;
        for entry in session.observe(Scope::Keys(device_keys(&state))).await?.entries() {
            state.insert(entry.clone());
        }
        for place in without_name(&state) {
            for entry in session.observe(Scope::Place(place)).await?.entries() {
                state.insert(entry.clone());
            }
        }
        let errors = match &session.ovs {
            OvsDatabase::Ready(ovs, _) => ovs.interface_errors().await?,
            OvsDatabase::Absent(_) | OvsDatabase::Unused => BTreeMap::new(),
        };
        let spanning = session.spanning_trees().await?;
        let mut bonds = session.bonds(&state).await?;
        let mut trees: Vec<SwitchTree> =
            state.entries().filter_map(|entry| switch_tree(entry, &state, &errors)).collect();
        for tree in &mut trees {
            tree.tree = spanning.switches.get(tree.switch.name.as_str()).cloned();
            for port in &mut tree.ports {
                port.tree = spanning.ports.get(port.port.device.as_str()).cloned();
                port.members = bonds.remove(port.port.device.as_str());
            }
        }
        if let Some(name) = &self.switch {
            trees.retain(|tree| tree.switch.name == *name);
            if trees.is_empty() {
                return Err(session.no_switch(name));
            }
        }
        let alone = if self.switch.is_none() { on_no_switch(&state, &trees) } else { Vec::new() };
        Ok(Report::new(text(&trees, &alone), json!({"switches": trees, "namespaces_on_no_switch": alone})))
    }
}

/// The namespaces that veth pairs lead into and that have no name, so that nobody has looked into them yet.
fn without_name(state: &State) -> BTreeSet<Place> {
    let ends = state.resources().flat_map(Resource::provides);
    ends.map(|(place, _)| place)
        .filter(|place| matches!(place, Place::Pid(_) | Place::Path(_) | Place::Container(_)))
        .collect()
}

/// The devices of switches and ports: whether they are there, and up.
fn device_keys(state: &State) -> Vec<Key> {
    let device = |resource: &Resource| match resource {
        Resource::Switch(switch) => Some(switch.name.device()),
        Resource::Port(port) => port.host_device().cloned(),
        _ => None,
    };
    state.resources().filter_map(device).map(|name| Key::Device { place: Place::Host, name }).collect()
}

fn switch_tree(entry: &Entry, state: &State, errors: &BTreeMap<String, String>) -> Option<SwitchTree> {
    let Resource::Switch(switch) = &entry.resource else { return None };
    let ports = state.entries().filter_map(|entry| match &entry.resource {
        Resource::Port(port) if port.switch == switch.name => Some(port_tree(entry, port, state, errors)),
        _ => None,
    });
    let device = switch.name.device();
    Some(SwitchTree {
        switch: switch.clone(),
        owner: entry.owner.clone(),
        up: device_of(state, &device).map(|device| device.up),
        tree: None,
        addresses: addresses(state, &Place::Host, &device),
        traffic: state.resources().filter(|resource| is_done_by(resource, &switch.name)).cloned().collect(),
        ports: ports.collect(),
    })
}

fn is_done_by(resource: &Resource, switch: &SwitchName) -> bool {
    match resource {
        Resource::Mirror(mirror) => mirror.switch == *switch,
        Resource::Qos(qos) => qos.switch == *switch,
        Resource::Policing(policing) => policing.switch == *switch,
        Resource::FlowExport(export) => export.switch == *switch,
        _ => false,
    }
}

fn port_tree(entry: &Entry, port: &Port, state: &State, errors: &BTreeMap<String, String>) -> PortTree {
    let key = Key::Link { place: Place::Host, name: port.device.clone() };
    let link =
        state.get(&key).and_then(|entry| if let Resource::Link(link) = &entry.resource { Some(link) } else { None });
    let inside = link.map(|link| Inside {
        end: link.b.clone(),
        addresses: addresses(state, &link.b.place, &link.b.name),
        routes: routes(state, &link.b.place, &link.b.name),
        impairment: impairment(state, &link.b.place, &link.b.name),
    });
    let inside = inside.or_else(|| internal(port, state));
    let error = std::iter::once(&port.device).chain(port.host_devices()).find_map(|name| errors.get(name.as_str()));
    let impairment = impairment(state, &Place::Host, &port.device);
    let told = match (port.host_device(), error) {
        (Some(device), error) => port_state(device_of(state, device), link, error),
        (None, Some(error)) => format!("failed: {error}"),
        (None, None) if port.interface.is_internal() && port.netns.is_some() && inside.is_none() => {
            "failed: its device is not in its namespace (add-port --internal --may-exist puts it there)".to_owned()
        }
        (None, None) => "up".to_owned(),
    };
    PortTree {
        port: port.clone(),
        owner: entry.owner.clone(),
        state: told,
        tree: None,
        impairment,
        tunnel: made(state, port).and_then(Virtual::tunnel).copied(),
        bond: made(state, port).and_then(Virtual::bond).cloned(),
        members: None,
        inside,
    }
}

/// The device of an internal port, where it has one inside.
fn internal(port: &Port, state: &State) -> Option<Inside> {
    let place = port.netns.clone().filter(|_| port.interface.is_internal())?;
    let Resource::Internal(device) = &state.get(&Key::Internal { place, name: port.device.clone() })?.resource else {
        return None;
    };
    let Internal { place, name, mac, mtu, up, lost } = device.clone();
    if lost {
        return None;
    }
    Some(Inside {
        addresses: addresses(state, &place, &name),
        routes: routes(state, &place, &name),
        impairment: impairment(state, &place, &name),
        end: End { mac, mtu, up, ..End::new(place, name) },
    })
}

/// What the kernel has made as the device of a port.
fn made<'a>(state: &'a State, port: &Port) -> Option<&'a Virtual> {
    match &state.get(&Key::Virtual { name: port.device.clone() })?.resource {
        Resource::Virtual(device) => Some(device),
        _ => None,
    }
}

fn port_state(device: Option<&Device>, link: Option<&Link>, error: Option<&String>) -> String {
    match (device, link, error) {
        (_, _, Some(error)) => format!("failed: {error}"),
        (None, _, None) => "failed: the device is gone (ovsns gc)".to_owned(),
        (Some(device), _, _) if !device.up => "down".to_owned(),
        (_, Some(link), _) if !link.b.up => "down: the inside device is down".to_owned(),
        _ => "up".to_owned(),
    }
}

fn device_of<'a>(state: &'a State, name: &IfName) -> Option<&'a Device> {
    let key = Key::Device { place: Place::Host, name: name.clone() };
    state.get(&key).and_then(|entry| if let Resource::Device(device) = &entry.resource { Some(device) } else { None })
}

fn addresses(state: &State, place: &Place, device: &IfName) -> Vec<String> {
    let of_device = |resource: &Resource| match resource {
        Resource::Address(address) if address.place == *place && address.device == *device => {
            Some(address.address.to_string())
        }
        _ => None,
    };
    state.resources().filter_map(of_device).collect()
}

fn routes(state: &State, place: &Place, device: &IfName) -> Vec<String> {
    let through = |resource: &Resource| match resource {
        Resource::Route(route) if route.place == *place && route.device.as_ref() == Some(device) => {
            let via = route.via.map(|via| format!(" via {via}")).unwrap_or_default();
            Some(format!("{}{via}", route.destination_text()))
        }
        _ => None,
    };
    state.resources().filter_map(through).collect()
}

fn impairment(state: &State, place: &Place, device: &IfName) -> Option<Impairment> {
    let key = Key::Impairment { place: place.clone(), device: device.clone() };
    state.get(&key).and_then(|entry| match &entry.resource {
        Resource::Impairment(impairment) => Some(impairment.clone()),
        _ => None,
    })
}

fn on_no_switch<'a>(state: &'a State, trees: &[SwitchTree]) -> Vec<&'a Netns> {
    let ports = trees.iter().flat_map(|tree| &tree.ports).filter_map(|port| port.inside.as_ref());
    let plugged: BTreeSet<&Place> = ports.map(|inside| &inside.end.place).collect();
    let netnses = state.resources().filter_map(|r| if let Resource::Netns(netns) = r { Some(netns) } else { None });
    netnses.filter(|netns| !plugged.contains(&Place::Named(netns.name.clone()))).collect()
}

fn text(trees: &[SwitchTree], alone: &[&Netns]) -> String {
    let mut text = String::new();
    for tree in trees {
        switch_text(&mut text, tree);
    }
    for netns in alone {
        line(&mut text, 0, format_args!("Netns {}", netns.name));
        line(&mut text, 1, format_args!("on no switch"));
    }
    text.truncate(text.trim_end().len());
    text
}

fn line(text: &mut String, depth: usize, what: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:indent$}{what}", "", indent = 4 * depth);
}

fn switch_text(text: &mut String, tree: &SwitchTree) {
    let switch = &tree.switch;
    line(text, 0, format_args!("Switch {}", switch.name));
    match switch.datapath {
        Some(datapath) => line(text, 1, format_args!("backend: {} (datapath {datapath})", switch.backend)),
        None => line(text, 1, format_args!("backend: {}", switch.backend)),
    }
    let state = match tree.up {
        Some(true) => "up",
        Some(false) => "down",
        None => "the switch's own device is missing",
    };
    line(text, 1, format_args!("state: {state}"));
    if !tree.addresses.is_empty() {
        line(text, 1, format_args!("addresses: {}", tree.addresses.join(", ")));
    }
    let root = match &tree.tree {
        Some(Tree { is_root: true, .. }) => ", it is the root".to_owned(),
        Some(Tree { root, .. }) => format!(", the root is {root}"),
        None => String::new(),
    };
    if switch.stp == Some(true) {
        line(text, 1, format_args!("stp: on{root}"));
    }
    if switch.rstp == Some(true) {
        line(text, 1, format_args!("rstp: on{root}"));
    }
    if switch.vlan_filtering == Some(true) {
        line(text, 1, format_args!("vlan_filtering: on"));
    }
    settings_text(text, 1, &switch.settings);
    for resource in &tree.traffic {
        line(text, 1, format_args!("{}", describe(resource)));
    }
    for port in &tree.ports {
        port_text(text, port);
    }
}

fn port_text(text: &mut String, tree: &PortTree) {
    line(text, 1, format_args!("Port {}", tree.port.device));
    line(text, 2, format_args!("state: {}", tree.state));
    match &tree.port.interface {
        Interface::System => {
            if let Some(tunnel) = &tree.tunnel {
                line(text, 2, format_args!("tunnel: {tunnel}"));
            }
            if let Some(bond) = &tree.bond {
                bond::text(text, bond, tree.members.as_ref());
            }
        }
        Interface::Patch(peer) => line(text, 2, format_args!("patch to: {peer}")),
        Interface::Tunnel(tunnel) => line(text, 2, format_args!("tunnel: {tunnel}")),
        Interface::Bond(bond) => bond::text(text, bond, tree.members.as_ref()),
        Interface::Internal { .. } => line(text, 2, format_args!("internal")),
    }
    if let Some(tag) = tree.port.vlan.tag {
        line(text, 2, format_args!("tag: {tag}"));
    }
    if !tree.port.vlan.trunks.is_empty() {
        let trunks: Vec<String> = tree.port.vlan.trunks.iter().map(ToString::to_string).collect();
        line(text, 2, format_args!("trunks: {}", trunks.join(", ")));
    }
    if let Some(mode) = tree.port.vlan.mode {
        line(text, 2, format_args!("vlan-mode: {mode}"));
    }
    if !tree.port.vlan.cvlans.is_empty() {
        let cvlans: Vec<String> = tree.port.vlan.cvlans.iter().map(ToString::to_string).collect();
        line(text, 2, format_args!("cvlans: {}", cvlans.join(", ")));
    }
    if let Some(TreePort { state, role }) = &tree.tree {
        let role = role.as_ref().map(|role| format!(", {role} port")).unwrap_or_default();
        line(text, 2, format_args!("tree: {state}{role}"));
    }
    settings_text(text, 2, &tree.port.settings);
    if let Some(lent) = &tree.port.lent {
        let addresses: Vec<String> = lent.addresses.iter().map(ToString::to_string).collect();
        line(text, 2, format_args!("lent to {}: {}", tree.port.switch, addresses.join(", ")));
    }
    if let Some(id) = &tree.port.iface_id {
        line(text, 2, format_args!("iface-id: {id}"));
    }
    if let Some(impairment) = &tree.impairment {
        line(text, 2, format_args!("what leaves: {impairment}"));
    }
    match &tree.inside {
        Some(inside) => inside_text(text, inside),
        // What the row remembers of a device that is gone, or that is no veth.
        None => {
            if let Some(netns) = &tree.port.netns {
                line(text, 2, format_args!("netns: {netns}"));
            }
        }
    }
}

/// Those that are not as they are by themselves.
fn settings_text(text: &mut String, depth: usize, settings: &Settings) {
    for (setting, value) in settings.iter() {
        line(text, depth, format_args!("{}: {value}", setting.name));
    }
}

fn inside_text(text: &mut String, inside: &Inside) {
    let end = &inside.end;
    line(text, 2, format_args!("netns: {}", end.place));
    if matches!(end.place, Place::Nsid(_)) {
        return;
    }
    let mac = end.mac.map(|mac| format!(", mac {mac}")).unwrap_or_default();
    let mtu = end.mtu.map(|mtu| format!(", mtu {mtu}")).unwrap_or_default();
    line(text, 2, format_args!("device: {}{mac}{mtu}", end.name));
    if !inside.addresses.is_empty() {
        line(text, 2, format_args!("addresses: {}", inside.addresses.join(", ")));
    }
    if !inside.routes.is_empty() {
        line(text, 2, format_args!("routes: {}", inside.routes.join(", ")));
    }
    if let Some(impairment) = &inside.impairment {
        line(text, 2, format_args!("what it sends: {impairment}"));
    }
}
