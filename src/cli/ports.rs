//! The ports of a switch, and what is behind each, for verbs that tell and take them by name.

use std::collections::BTreeMap;

use crate::backend::Scope;
use crate::model::{BackendName, End, IfName, Key, Place, Resource, State, Switch, SwitchName};

use super::failure::Failure;
use super::session::{Interface, OvsDatabase, Session};

/// A switch, and what is plugged into it.
#[derive(Debug)]
pub struct SwitchPorts {
    pub switch: Switch,
    /// OpenFlow versions that it was told to speak; empty: all that there are. Always empty for a Linux bridge.
    pub protocols: Vec<String>,
    /// The switch's own device among them.
    pub ports: Vec<SwitchPort>,
}

/// A port, or one of the devices of a bond.
#[derive(Debug, Clone)]
pub struct SwitchPort {
    /// The device, or what takes its place: the name of the interface.
    pub name: String,
    /// The other end of its veth pair.
    pub inside: Option<End>,
    /// What Open vSwitch says of it.
    pub interface: Option<Interface>,
}

impl SwitchPort {
    /// Its number in OpenFlow.
    pub fn number(&self) -> Option<u32> {
        self.interface.as_ref().and_then(|interface| interface.ofport)
    }

    /// The namespace behind it: the one that its veth pair leads into, or, without one, the one that it was plugged in for.
    pub fn place(&self) -> Option<&Place> {
        let remembered = self.interface.as_ref().and_then(|interface| interface.netns.as_ref());
        self.inside.as_ref().map(|inside| &inside.place).or(remembered)
    }
}

#[cfg(test)]
impl SwitchPort {
    /// A port of Open vSwitch with this number in OpenFlow, and what its veth pair leads into.
    pub fn numbered(name: &str, number: u32, inside: Option<End>) -> SwitchPort {
        let interface = Interface {
            port: name.to_owned(),
            name: name.to_owned(),
            kind: String::new(),
            ofport: Some(number),
            netns: None,
            statistics: BTreeMap::new(),
        };
        SwitchPort { name: name.to_owned(), inside, interface: Some(interface) }
    }
}

/// The switch `name` with its ports.
pub async fn of(session: &Session<'_>, name: &SwitchName) -> Result<SwitchPorts, Failure> {
    let (_, switch) = session.switch(name).await?;
    let (names, protocols) = match (switch.backend, &session.ovs) {
        (BackendName::Ovs, OvsDatabase::Ready(ovs, _)) => {
            let found = ovs.interfaces(name).await?.ok_or_else(|| session.no_switch(name))?;
            let named = found.interfaces.into_iter().map(|interface| (interface.name.clone(), Some(interface)));
            (named.collect::<Vec<_>>(), found.protocols)
        }
        _ => (linux(session, &switch).await?, Vec::new()),
    };
    let mut behind = behind(session, names.iter().map(|(name, _)| name.as_str())).await?;
    let port = |(name, interface): (String, Option<Interface>)| {
        let inside = behind.remove(&name);
        SwitchPort { name, inside, interface }
    };
    Ok(SwitchPorts { switch, protocols, ports: names.into_iter().map(port).collect() })
}

async fn linux(session: &Session<'_>, switch: &Switch) -> Result<Vec<(String, Option<Interface>)>, Failure> {
    let state = session.observe(Scope::Switch(switch.name.clone())).await?;
    let device =
        |resource: &Resource| if let Resource::Port(port) = resource { Some(port.device.to_string()) } else { None };
    let own = std::iter::once(switch.name.to_string());
    Ok(own.chain(state.resources().filter_map(device)).map(|name| (name, None)).collect())
}

/// The inside ends of the veth pairs that end in these devices of the host.
pub async fn behind<'a>(
    session: &Session<'_>,
    names: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<String, End>, Failure> {
    let key = |name: &str| name.parse::<IfName>().ok().map(|name| Key::Link { place: Place::Host, name });
    let state = session.observe(Scope::Keys(names.filter_map(key).collect())).await?;
    Ok(ends(&state))
}

fn ends(state: &State) -> BTreeMap<String, End> {
    let pair = |resource: &Resource| match resource {
        Resource::Link(link) if link.a.place == Place::Host => Some((link.a.name.to_string(), link.b.clone())),
        _ => None,
    };
    state.resources().filter_map(pair).collect()
}

impl SwitchPorts {
    /// The switch's own device: where the host is plugged in.
    pub fn is_own(&self, port: &SwitchPort) -> bool {
        port.name == self.switch.name.as_str()
    }

    /// The port of this name.
    pub fn named(&self, name: &str) -> Option<&SwitchPort> {
        self.ports.iter().find(|port| port.name == name)
    }

    /// The port of this number.
    pub fn numbered(&self, number: u32) -> Option<&SwitchPort> {
        self.ports.iter().find(|port| port.number() == Some(number))
    }

    /// The ports that this namespace is behind; behind `host` is the switch's own device.
    pub fn of_place(&self, place: &str) -> Vec<&SwitchPort> {
        let is_it = |port: &&SwitchPort| match place {
            "host" => self.is_own(port),
            _ => port.place().is_some_and(|there| *there != Place::Host && there.to_string() == place),
        };
        self.ports.iter().filter(is_it).collect()
    }

    /// The one port that a word of the user's means: its name, or the namespace behind it. `None` where it means none.
    pub fn meant(&self, word: &str) -> Result<Option<&SwitchPort>, Failure> {
        if let Some(port) = self.named(word) {
            return Ok(Some(port));
        }
        match self.of_place(word).as_slice() {
            [] => Ok(None),
            [port] => Ok(Some(port)),
            several => {
                let names: Vec<&str> = several.iter().map(|port| port.name.as_str()).collect();
                let what = format!("namespace {word} has several ports on switch {}", self.switch.name);
                Err(Failure::usage(what).hint(format!("say which one: {}", names.join(", "))))
            }
        }
    }

    /// The same, where it has to mean one.
    pub fn port(&self, word: &str) -> Result<&SwitchPort, Failure> {
        self.meant(word)?.ok_or_else(|| self.no_port(word))
    }

    /// There is no such port.
    pub fn no_port(&self, word: &str) -> Failure {
        let switch = &self.switch.name;
        Failure::new(format!("there is no port {word} on switch {switch}, and no namespace {word} behind one"))
            .hint(format!("ovsns show {switch} shows its ports, and the namespaces behind them"))
    }

    /// The shortest name that means the port: the namespace, where it has this port alone, else its own.
    pub fn label(&self, port: &SwitchPort) -> String {
        let place = port.place().filter(|place| **place != Place::Host).map(Place::to_string);
        match place {
            Some(place) if self.of_place(&place).len() == 1 && self.named(&place).is_none() => place,
            _ => port.name.clone(),
        }
    }

    /// For people: its name, and what is behind it.
    pub fn told(&self, port: &SwitchPort) -> String {
        match port.place() {
            Some(place) => format!("{place} ({})", port.name),
            None if self.is_own(port) => format!("the host ({})", port.name),
            None => port.name.clone(),
        }
    }
}
