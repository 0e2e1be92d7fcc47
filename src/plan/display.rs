//! A plan as people read it: `+` comes, `~` changes, `-` goes.

use std::fmt;

use serde_json::Value;

use crate::model::{End, Entry, IfName, Place, Resource, Vlan};

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
        match self {
            Step::Create(entry) => write!(f, "+ {}", describe(&entry.resource)),
            Step::Delete(entry) => write!(f, "- {}", describe(&entry.resource)),
            Step::Modify { before, after } => write!(f, "~ {}: {}", after.key(), changes(before, after).join(", ")),
        }
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

/// A resource in one line.
pub fn describe(resource: &Resource) -> String {
    match resource {
        Resource::Netns(netns) => format!("netns {}", netns.name),
        Resource::Switch(switch) => {
            let mut text = format!("switch {} ({})", switch.name, switch.backend);
            push(&mut text, "datapath", switch.datapath);
            push(&mut text, "mac", switch.mac);
            push(&mut text, "mtu", switch.mtu);
            push(&mut text, "stp", switch.stp);
            push(&mut text, "vlan_filtering", switch.vlan_filtering);
            text
        }
        Resource::Link(link) => format!("link {} <-> {}", end(&link.a), end(&link.b)),
        Resource::Port(port) => {
            let mut text = format!("port {} on {} ({})", port.device, port.switch, port.backend);
            vlan(&mut text, &port.vlan);
            push(&mut text, "iface-id", port.iface_id.as_ref());
            text
        }
        Resource::Device(device) => {
            format!("device {} {}", located(&device.place, &device.name), if device.up { "up" } else { "down" })
        }
        Resource::Address(address) => {
            let nodad = if address.nodad { " nodad" } else { "" };
            format!("address {} on {}{nodad}", address.address, located(&address.place, &address.device))
        }
        Resource::Route(route) => {
            let mut text = format!("route {}", route.destination_text());
            push(&mut text, "via", route.via);
            push(&mut text, "dev", route.device.as_ref());
            push(&mut text, "metric", route.metric);
            match route.place {
                Place::Host => text,
                _ => format!("{text} in {}", route.place),
            }
        }
    }
}

fn push(text: &mut String, name: &str, value: Option<impl fmt::Display>) {
    if let Some(value) = value {
        text.push_str(&format!(" {name} {value}"));
    }
}

fn vlan(text: &mut String, vlan: &Vlan) {
    push(text, "tag", vlan.tag);
    if !vlan.trunks.is_empty() {
        let trunks: Vec<String> = vlan.trunks.iter().map(ToString::to_string).collect();
        push(text, "trunks", Some(trunks.join(",")));
    }
}

fn end(end: &End) -> String {
    let mut text = located(&end.place, &end.name);
    push(&mut text, "mac", end.mac);
    push(&mut text, "mtu", end.mtu);
    text
}

fn located(place: &Place, name: &IfName) -> String {
    match place {
        Place::Host => name.to_string(),
        _ => format!("{name} in {place}"),
    }
}

/// The fields in which two entries of one key differ: `mtu 1500 -> 1400`.
fn changes(before: &Entry, after: &Entry) -> Vec<String> {
    let tree = |entry: &Entry| serde_json::to_value(entry).unwrap_or(Value::Null);
    let mut lines = Vec::new();
    compare("", &tree(before), &tree(after), &mut lines);
    lines
}

/// Walks two JSON trees side by side and notes where they part.
fn compare(path: &str, before: &Value, after: &Value, lines: &mut Vec<String>) {
    let empty = serde_json::Map::new();
    match (before, after) {
        (Value::Object(_), Value::Null) | (Value::Null | Value::Object(_), Value::Object(_)) => {
            let (old, new) = (before.as_object().unwrap_or(&empty), after.as_object().unwrap_or(&empty));
            let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null), lines);
            }
        }
        _ if before == after => {}
        _ => lines.push(format!("{path} {} -> {}", plain(before), plain(after))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
