//! A plan as people read it: `+` comes, `~` changes, `-` goes.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use crate::model::setting::{Holder, Setting};
use crate::model::{End, Entry, IfName, Interface, Place, Resource, Ruleset, Settings, VlanId, What};

use super::{Plan, Step};

impl fmt::Display for Plan {
    /// A line a step, without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            if number > 0 {
                writeln!(f)?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = match self {
            Step::Create(entry) => format!("+ {}", describe(&entry.resource)),
            Step::Delete(entry) => format!("- {}", describe(&entry.resource)),
            Step::Modify { before, after } => format!("~ {}: {}", after.key(), changes(before, after).join(", ")),
        };
        // It stands as a comment above commands to be pasted: an `iface-id` with a line feed must not end it.
        for c in line.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

impl Plan {
    /// How much there is to do: `4 to add, 0 to change, 1 to remove`.
    pub fn summary(&self) -> String {
        let count = |wanted: fn(&Step) -> bool| self.steps.iter().filter(|step| wanted(step)).count();
        let add = count(|step| matches!(step, Step::Create(_)));
        let change = count(|step| matches!(step, Step::Modify { .. }));
        let remove = count(|step| matches!(step, Step::Delete(_)));
        format!("{add} to add, {change} to change, {remove} to remove")
    }
}

/// A resource in one line: what identifies it, then what was asked of it.
pub fn describe(resource: &Resource) -> String {
    let Resource::Link(link) = resource else {
        return format!("{}{}{}", head(resource), said(fields(resource)), tail(resource));
    };
    let [a, b] = [&link.a, &link.b].map(|end| format!("{}{}", located(&end.place, &end.name), said(end_fields(end))));
    format!("link {a} <-> {b}")
}

fn head(resource: &Resource) -> String {
    match resource {
        Resource::Physical(physical) => format!("device {} ({})", physical.name, physical.bus_device),
        Resource::Switch(switch) => format!("switch {} ({})", switch.name, switch.backend),
        Resource::Virtual(device) => format!("device {}", device.name),
        Resource::Port(port) => format!("port {} on {} ({})", port.device, port.switch, port.backend),
        Resource::Sysctl(sysctl) => format!("sysctl {} = {}", sysctl.key, sysctl.value),
        Resource::Route(route) => format!("route {}", route.destination_text()),
        Resource::Impairment(_) => format!("{}:", resource.key()),
        _ => resource.key().to_string(),
    }
}

/// The place of a route or a setting stands last: `route default via 10.0.0.1 dev eth1 in ns1`.
fn tail(resource: &Resource) -> String {
    match resource {
        Resource::Route(route) if route.place != Place::Host => format!(" in {}", route.place),
        Resource::Sysctl(sysctl) if sysctl.place != Place::Host => format!(" in {}", sysctl.place),
        _ => String::new(),
    }
}

/// What can be set of a resource, in the order in which it is said.
struct Field {
    /// Empty where the value says it all: `up`, `nodad`.
    name: &'static str,
    value: Option<String>,
    /// Whether it goes without saying where a resource is told in full.
    quiet: bool,
    /// What is said where there is no value.
    absent: &'static str,
}

impl Field {
    fn new(name: &'static str, value: Option<impl fmt::Display>) -> Field {
        Field { name, value: value.map(|value| value.to_string()), quiet: false, absent: "none" }
    }

    fn quiet_if(self, quiet: bool) -> Field {
        Field { quiet, ..self }
    }
}

/// The fields as words: ` mac 02:00:00:00:00:01 mtu 1400`.
fn said(fields: Vec<Field>) -> String {
    let set = fields.into_iter().filter(|field| !field.quiet);
    set.filter_map(|field| field.value.map(|value| format!(" {}", named(field.name, &value)))).collect()
}

fn named(name: &str, value: &str) -> String {
    if name.is_empty() { value.to_owned() } else { format!("{name} {value}") }
}

fn on(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

fn state(up: bool) -> Field {
    Field::new("", Some(if up { "up" } else { "down" }))
}

fn fields(resource: &Resource) -> Vec<Field> {
    match resource {
        Resource::Netns(netns) => vec![Field::new("of", netns.of.as_ref())],
        Resource::Physical(physical) => {
            vec![Field::new("name", Some(&physical.name)).quiet_if(true), Field::new("netns", Some(&physical.place))]
        }
        Resource::Switch(switch) => [
            Field::new("datapath", switch.datapath),
            Field::new("mac", switch.mac),
            Field::new("mtu", switch.mtu),
            Field::new("stp", switch.stp.map(on)),
            // Off is how each switch begins.
            Field::new("rstp", switch.rstp.map(on)).quiet_if(switch.rstp == Some(false)),
            Field::new("vlan_filtering", switch.vlan_filtering.map(on)),
        ]
        .into_iter()
        .chain(setting_fields(Holder::Switch, &switch.settings))
        .collect(),
        Resource::Link(link) => [end_fields(&link.a), end_fields(&link.b)].into_iter().flatten().collect(),
        Resource::Virtual(device) => {
            let what = match &device.what {
                What::Tunnel(tunnel) => tunnel.to_string(),
                What::Bond(bond) => bond.to_string(),
                What::Vlan { switch, vlan } => format!("of {switch}, vlan {vlan}"),
            };
            vec![Field::new("", Some(what)), Field::new("mac", device.mac), Field::new("mtu", device.mtu)]
        }
        Resource::Internal(device) => {
            let lost = Field::new("", device.lost.then_some("lost"));
            vec![
                Field::new("mac", device.mac),
                Field::new("mtu", device.mtu),
                state(device.up).quiet_if(device.up),
                lost,
            ]
        }
        Resource::Port(port) => [
            Field::new("switch", Some(&port.switch)).quiet_if(true),
            interface(&port.interface),
            Field::new("tag", port.vlan.tag),
            Field::new("trunks", list_of(&port.vlan.trunks)),
            Field::new("vlan-mode", port.vlan.mode),
            Field::new("cvlans", list_of(&port.vlan.cvlans)),
            Field::new("iface-id", port.iface_id.as_ref()),
            Field::new("netns", port.netns.as_ref()).quiet_if(true),
            Field::new("lent", port.lent.as_ref()).quiet_if(true),
        ]
        .into_iter()
        .chain(setting_fields(Holder::Port, &port.settings))
        .collect(),
        Resource::Device(device) => {
            let (mac, mtu) = (Field::new("mac", device.mac), Field::new("mtu", device.mtu));
            vec![mac.quiet_if(true), mtu.quiet_if(true), state(device.up)]
        }
        Resource::Sysctl(sysctl) => vec![Field::new("", Some(&sysctl.value)).quiet_if(true)],
        Resource::Address(address) => vec![Field::new("", address.nodad.then_some("nodad"))],
        Resource::Route(route) => vec![
            Field::new("via", route.via),
            Field::new("dev", route.device.as_ref()),
            Field::new("metric", route.metric),
            Field::new("src", route.source),
            Field::new("proto", route.protocol).quiet_if(true),
        ],
        Resource::Impairment(impairment) => vec![
            Field::new("delay", impairment.delay),
            Field::new("jitter", impairment.jitter),
            Field::new("loss", impairment.loss),
            Field::new("rate", impairment.rate),
        ],
        Resource::Mirror(mirror) => vec![
            Field::new("output", Some(&mirror.output)),
            Field::new("", (!mirror.all && mirror.sources().is_empty()).then_some("of nothing")),
            Field::new("in", list(&mirror.ingress)),
            Field::new("out", list(&mirror.egress)),
            Field::new("vlans", list(&mirror.vlans)),
            Field::new("snaplen", mirror.snaplen),
        ],
        Resource::Qos(qos) => vec![
            Field::new("on", Some(&qos.switch)).quiet_if(true),
            Field::new("type", Some(&qos.discipline)),
            Field::new("max-rate", qos.max_rate),
            Field::new("queues", list(qos.queues.iter().map(|(number, queue)| format!("{number}:{queue}")))),
        ],
        Resource::Policing(policing) => vec![
            Field::new("on", Some(&policing.switch)).quiet_if(true),
            Field::new("ingress-rate", policing.rate),
            Field::new("ingress-burst", policing.burst),
            Field::new("storm-rate", policing.storm),
        ],
        Resource::FlowExport(export) => vec![
            Field::new("to", list(&export.targets)),
            Field::new("sampling", export.sampling),
            Field::new("polling", export.polling),
            Field::new("header", export.header),
            Field::new("agent", export.agent.as_ref()),
            Field::new("active-timeout", export.active_timeout),
        ],
        Resource::Ruleset(ruleset) => ruleset_fields(ruleset),
        Resource::Nat(_) => Vec::new(),
        Resource::Published(published) => {
            vec![
                Field::new("to", Some(format!("{}:{}", published.netns, published.to_port))),
                Field::new("at", list(&published.targets)),
            ]
        }
    }
}

fn interface(interface: &Interface) -> Field {
    match interface {
        Interface::System => Field::new("", None::<&str>),
        Interface::Patch(peer) => Field::new("patch to", Some(peer)),
        Interface::Tunnel(tunnel) => Field::new("", Some(tunnel)),
        Interface::Bond(bond) => Field::new("", Some(bond)),
        Interface::Internal { mtu } => {
            Field::new("", Some(mtu.map_or_else(|| "internal".to_owned(), |mtu| format!("internal mtu_request {mtu}"))))
        }
    }
}

fn ruleset_fields(ruleset: &Ruleset) -> Vec<Field> {
    let field =
        |(name, things): (&'static str, Vec<String>)| Field::new(name, list(things)).quiet_if(name != "passing");
    ruleset_lists(ruleset).into_iter().map(field).collect()
}

fn ruleset_lists(ruleset: &Ruleset) -> [(&'static str, Vec<String>); 4] {
    let networks = ruleset.networks.iter().flat_map(|(device, nets)| nets.iter().map(move |net| (device, net)));
    [
        ("passing", ruleset.passes.iter().map(ToString::to_string).collect()),
        ("networks", networks.map(|(device, net)| format!("{net} on {device}")).collect()),
        ("ingress", ruleset.ingress.iter().map(ToString::to_string).collect()),
        ("turned on", ruleset.raised.iter().map(|raised| raised.key().to_string()).collect()),
    ]
}

fn list(things: impl IntoIterator<Item = impl fmt::Display>) -> Option<String> {
    let things: Vec<String> = things.into_iter().map(|thing| thing.to_string()).collect();
    (!things.is_empty()).then(|| things.join(", "))
}

fn end_fields(end: &End) -> Vec<Field> {
    vec![
        Field::new("altname", end.altname.as_ref()).quiet_if(true),
        Field::new("mac", end.mac),
        Field::new("mtu", end.mtu),
        state(end.up).quiet_if(end.up),
        Field::new("arp", end.arp.map(on)).quiet_if(true),
        Field::new("tx_checksum", end.tx_checksum.map(on)).quiet_if(true),
    ]
}

/// A field for each that there is, said or not.
fn setting_fields(holder: Holder, settings: &Settings) -> impl Iterator<Item = Field> {
    Setting::of(holder)
        .map(|setting| Field { absent: "default", ..Field::new(setting.name, settings.get(setting.name)) })
}

fn list_of(vlans: &BTreeSet<VlanId>) -> Option<String> {
    let vlans = vlans.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    (!vlans.is_empty()).then_some(vlans)
}

fn located(place: &Place, name: &IfName) -> String {
    match place {
        Place::Host => name.to_string(),
        _ => format!("{name} in {place}"),
    }
}

/// What differs between two entries of one key: `mtu 1500 -> 1400`; of a link, with the end: `eth1-ns1 in ns1 mtu 1500 -> 1400`.
fn changes(before: &Entry, after: &Entry) -> Vec<String> {
    let mut lines = match (&before.resource, &after.resource) {
        (Resource::Link(old), Resource::Link(new)) => [(&old.a, &new.a), (&old.b, &new.b)]
            .into_iter()
            .flat_map(|(old, new)| {
                let name = located(&new.place, &new.name);
                differing(end_fields(old), end_fields(new)).into_iter().map(move |change| format!("{name} {change}"))
            })
            .collect(),
        (Resource::Ruleset(old), Resource::Ruleset(new)) => come_and_gone(old, new),
        (old, new) => differing(fields(old), fields(new)),
    };
    let owner = |entry: &Entry| vec![Field::new("owner", entry.owner.as_ref())];
    lines.extend(differing(owner(before), owner(after)));
    lines
}

/// Of what a ruleset lists, what comes and what goes: `networks +10.0.0.0/24 on br1`.
fn come_and_gone(old: &Ruleset, new: &Ruleset) -> Vec<String> {
    let mut lines = Vec::new();
    if old.incomplete != new.incomplete {
        lines.push(if new.incomplete { "without its rules" } else { "its rules back" }.to_owned());
    }
    for ((name, old), (_, new)) in ruleset_lists(old).into_iter().zip(ruleset_lists(new)) {
        let come = new.iter().filter(|thing| !old.contains(thing)).map(|thing| format!("+{thing}"));
        let gone = old.iter().filter(|thing| !new.contains(thing)).map(|thing| format!("-{thing}"));
        let changes: Vec<String> = gone.chain(come).collect();
        if !changes.is_empty() {
            lines.push(format!("{name} {}", changes.join(" ")));
        }
    }
    lines
}

/// Both have the same fields in the same order, since they are of one kind.
fn differing(before: Vec<Field>, after: Vec<Field>) -> Vec<String> {
    let or_none = |value: Option<String>, absent: &str| value.unwrap_or_else(|| absent.to_owned());
    let pairs = before.into_iter().zip(after).filter(|(old, new)| old.value != new.value);
    let change = |(old, new): (Field, Field)| {
        let change = format!("{} -> {}", or_none(old.value, old.absent), or_none(new.value, new.absent));
        named(new.name, &change)
    };
    pairs.map(change).collect()
}
