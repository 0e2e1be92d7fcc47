//! A lab as YAML, in the form in which people would write it: what fits on a line stands on one.

mod bond;
mod traffic;

use std::fmt::Display;

use crate::model::setting::{Value as SettingValue, Values};
use crate::model::{Erspan, Place, PortNames, Protocol, Published, Route, Settings, SwitchName, Vlan, VlanId};

use super::parts::{
    Command, Expectation, Expected, Inside, Lab, LabLink, LabPort, LabSwitch, LabTunnel, LabVlan, LinkEnd, Namespace,
    Partner, Program, Restart, Stp, Trunk, Worse,
};
use super::text::quoted;

/// Longer lines are broken, where that can be done.
const WIDTH: usize = 110;

/// A value to be written.
enum Out {
    /// A number, a flag, or a word of ours.
    Word(String),
    /// A text, which may have to be quoted.
    Text(String),
    List(Vec<Out>),
    Map(Vec<(String, Out)>),
}

/// The lab as a file. Reading it gives the same lab.
pub fn write(lab: &Lab) -> String {
    let mut text = String::new();
    let Out::Map(keys) = whole(lab) else { return text };
    for (key, value) in keys {
        match &value {
            Out::Word(_) | Out::Text(_) => text.push_str(&format!("{key}: {}\n", value.flow())),
            _ => {
                text.push_str(&format!("{key}:\n"));
                value.block(2, &mut text);
            }
        }
    }
    text
}

impl Out {
    fn text(value: impl Display) -> Out {
        // A dollar begins a variable.
        Out::Text(value.to_string().replace('$', "$$"))
    }

    fn word(value: impl Display) -> Out {
        Out::Word(value.to_string())
    }

    /// One by itself, several as a list.
    fn few(mut values: Vec<Out>) -> Out {
        if values.len() == 1 { values.swap_remove(0) } else { Out::List(values) }
    }

    /// On one line.
    fn flow(&self) -> String {
        match self {
            Out::Word(word) => word.clone(),
            Out::Text(text) => quoted(text).into_owned(),
            Out::List(members) if members.is_empty() => "[]".to_owned(),
            Out::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Out::List(members) => {
                let inner = members.iter().map(Out::flow).collect::<Vec<_>>().join(", ");
                match members.iter().any(|member| matches!(member, Out::Map(_) | Out::List(_))) {
                    true => format!("[ {inner} ]"),
                    false => format!("[{inner}]"),
                }
            }
            Out::Map(entries) => {
                let entry = |(key, value): &(String, Out)| format!("{}: {}", quoted(key), value.flow());
                format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// An entry a line; what is too long for one goes on below.
    fn block(&self, indent: usize, text: &mut String) {
        let space = " ".repeat(indent);
        match self {
            Out::Map(entries) => {
                for (key, value) in entries {
                    let head = format!("{space}{}:", quoted(key));
                    value.behind(&head, indent + 2, text);
                }
            }
            Out::List(members) => {
                members.iter().for_each(|member| member.behind(&format!("{space}-"), indent + 2, text))
            }
            Out::Word(_) | Out::Text(_) => text.push_str(&format!("{space}{}\n", self.flow())),
        }
    }

    fn behind(&self, head: &str, indent: usize, text: &mut String) {
        let line = format!("{head} {}", self.flow());
        let single = matches!(self, Out::Word(_) | Out::Text(_));
        if single || line.chars().count() <= WIDTH {
            return text.push_str(&format!("{line}\n"));
        }
        match self {
            // The first key stands behind the dash.
            Out::Map(_) if head.ends_with('-') => {
                let mut below = String::new();
                self.block(indent, &mut below);
                text.push_str(&format!("{head} {}", below.trim_start()));
            }
            _ => {
                text.push_str(&format!("{head}\n"));
                self.block(indent, text);
            }
        }
    }
}

/// The entries of a map; what nothing was said of is left out.
#[derive(Default)]
struct Entries(Vec<(String, Out)>);

impl Entries {
    fn put(&mut self, key: &str, value: Out) {
        self.0.push((key.to_owned(), value));
    }

    fn text(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.put(key, Out::text(value));
        }
    }

    fn word(&mut self, key: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.put(key, Out::word(value));
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.word(key, value.then_some(true));
    }

    fn few(&mut self, key: &str, values: impl IntoIterator<Item = impl Display>) {
        let values: Vec<Out> = values.into_iter().map(Out::text).collect();
        if !values.is_empty() {
            self.put(key, Out::few(values));
        }
    }

    fn list(&mut self, key: &str, values: Vec<Out>) {
        if !values.is_empty() {
            self.put(key, Out::List(values));
        }
    }

    fn map(&mut self, key: &str, values: Vec<(String, Out)>) {
        if !values.is_empty() {
            self.put(key, Out::Map(values));
        }
    }

    fn vlan(&mut self, tag: &str, trunks: &str, vlan: &Vlan) {
        self.word(tag, vlan.tag);
        let runs = runs(vlan.trunks.iter().copied());
        if !runs.is_empty() {
            self.put(trunks, Out::List(runs.into_iter().map(Out::Word).collect()));
        }
        self.word("vlan-mode", vlan.mode);
        let runs = self::runs(vlan.cvlans.iter().copied());
        if !runs.is_empty() {
            self.put("cvlans", Out::List(runs.into_iter().map(Out::Word).collect()));
        }
    }

    fn settings(&mut self, settings: &Settings) {
        for (setting, value) in settings.iter() {
            match (value, &setting.values) {
                (SettingValue::Bool(on), _) => self.word(setting.name, Some(on)),
                (SettingValue::Number(number), _) => self.word(setting.name, Some(number)),
                (SettingValue::Text(texts), Values::Texts(_)) => self.few(setting.name, texts.split(',')),
                (SettingValue::Text(text), _) => self.text(setting.name, Some(text)),
            }
        }
    }

    fn worse(&mut self, worse: &Worse) {
        self.word("delay", worse.delay);
        self.word("jitter", worse.jitter);
        self.word("loss", worse.loss);
        self.word("rate", worse.rate);
    }

    fn inside(&mut self, inside: &Inside) {
        self.list("routes", inside.routes.iter().map(|route| Out::text(route_words(route))).collect());
        let sysctls = inside.sysctls.iter().map(|(key, value)| (key.to_string(), Out::text(value)));
        self.map("sysctl", sysctls.collect());
        let mut devices: Vec<(String, Vec<Out>)> = Vec::new();
        for (device, net) in &inside.addresses {
            match devices.iter_mut().find(|(name, _)| name == device.as_str()) {
                Some((_, nets)) => nets.push(Out::text(net)),
                None => devices.push((device.to_string(), vec![Out::text(net)])),
            }
        }
        self.map("addresses", devices.into_iter().map(|(name, nets)| (name, Out::few(nets))).collect());
    }

    fn out(self) -> Out {
        Out::Map(self.0)
    }
}

/// `10`, `20-30`: what follows each other as one.
fn runs(vlans: impl Iterator<Item = VlanId>) -> Vec<String> {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for vlan in vlans.map(VlanId::get) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == vlan => *last = vlan,
            _ => runs.push((vlan, vlan)),
        }
    }
    let run = |(first, last): (u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.into_iter().map(run).collect()
}

fn route_words(route: &Route) -> String {
    let mut words = route.destination_text();
    let via = route.via.map(|via| via.to_string());
    let device = route.device.as_ref().map(ToString::to_string);
    let metric = route.metric.map(|metric| metric.to_string());
    let source = route.source.map(|source| source.to_string());
    for (word, value) in [("via", via), ("dev", device), ("metric", metric), ("src", source)] {
        if let Some(value) = value {
            words.push_str(&format!(" {word} {value}"));
        }
    }
    words
}

fn whole(lab: &Lab) -> Out {
    let mut keys = Entries::default();
    keys.text("lab", Some(&lab.owner));
    keys.map("switches", lab.switches.iter().map(|of| (of.name.to_string(), switch(of))).collect());
    keys.map("namespaces", lab.namespaces.iter().map(|of| (of.place.to_string(), namespace(of))).collect());
    keys.list("links", lab.links.iter().map(link).collect());
    keys.list("trunks", lab.trunks.iter().map(trunk).collect());
    let nats = lab.nats.iter().map(|nat| {
        let mut keys = Entries::default();
        keys.text("switch", Some(&nat.switch));
        keys.text("out", nat.out.as_ref());
        keys.out()
    });
    keys.list("nat", nats.collect());
    keys.list("publish", lab.published.iter().map(publish).collect());
    keys.map("run", programs(&lab.run));
    keys.list("expect", lab.expect.iter().map(expect).collect());
    let mut host = Entries::default();
    host.inside(&lab.host);
    keys.map("host", host.0);
    keys.out()
}

fn switch(of: &LabSwitch) -> Out {
    let mut keys = Entries::default();
    keys.flag("external", of.external);
    keys.word("backend", of.backend);
    keys.few("ip", &of.ip);
    keys.text("mac", of.mac);
    keys.word("mtu", of.mtu);
    keys.word(
        "stp",
        of.stp.map(|stp| match stp {
            Stp::Off => "false",
            Stp::On => "true",
            Stp::Rapid => "rstp",
        }),
    );
    keys.word("datapath", of.datapath);
    keys.word("vlan-filtering", of.vlan_filtering);
    keys.settings(&of.settings);
    keys.flag("nodad", of.nodad);
    let uplinks: Vec<Out> = of
        .uplinks
        .iter()
        .map(|uplink| {
            if uplink.vlan.is_any() && uplink.settings.is_empty() {
                return Out::text(&uplink.device);
            }
            let mut keys = Entries::default();
            keys.text("device", Some(&uplink.device));
            keys.vlan("tag", "trunks", &uplink.vlan);
            keys.settings(&uplink.settings);
            keys.out()
        })
        .collect();
    keys.list("uplinks", uplinks);
    keys.traffic_of_switch(of);
    keys.map("vlans", of.vlans.iter().map(|vlan| (vlan.vlan.to_string(), self::vlan(&of.name, vlan))).collect());
    keys.map("bonds", of.bonds.iter().map(|of| (of.name.to_string(), bond::bond(of))).collect());
    keys.map("tunnels", of.tunnels.iter().map(|of| (of.name.to_string(), tunnel(of))).collect());
    keys.out()
}

fn vlan(switch: &SwitchName, of: &LabVlan) -> Out {
    let mut keys = Entries::default();
    keys.few("ip", &of.ip);
    let rule = PortNames::of_vlan(switch, of.vlan).0;
    keys.text("name", Some(&of.name).filter(|name| **name != rule));
    keys.text("mac", of.mac);
    keys.word("mtu", of.mtu);
    keys.flag("nodad", of.nodad);
    keys.out()
}

fn tunnel(of: &LabTunnel) -> Out {
    let (mut keys, tunnel) = (Entries::default(), &of.tunnel);
    keys.word("type", Some(tunnel.kind));
    keys.text("remote", Some(tunnel.remote));
    keys.text("local", tunnel.local);
    keys.word("key", tunnel.key);
    keys.word("dst-port", tunnel.dst_port);
    keys.word("tos", tunnel.tos);
    keys.word("ttl", tunnel.ttl);
    keys.word("df", tunnel.df);
    keys.word("csum", tunnel.csum);
    match tunnel.erspan {
        Some(Erspan::Index(0)) | None => {}
        Some(Erspan::Index(index)) => keys.word("erspan-index", Some(index)),
        Some(Erspan::Direction(way)) => keys.word("erspan-direction", Some(way.as_str())),
    }
    keys.vlan("tag", "trunks", &of.vlan);
    keys.settings(&of.settings);
    keys.word("mtu", of.mtu);
    keys.out()
}

fn namespace(of: &Namespace) -> Out {
    let mut keys = Entries::default();
    // Only one with a name could also be made.
    keys.flag("external", of.external && of.place.name().is_some());
    let ports = of.ports.iter().zip(1..).map(|(port, number)| self::port(&of.place, number, port));
    keys.list("ports", ports.collect());
    keys.inside(&of.inside);
    keys.out()
}

fn port(place: &Place, number: u32, of: &LabPort) -> Out {
    let mut keys = Entries::default();
    let rule = PortNames::of(place, number);
    keys.text("switch", Some(&of.switch));
    keys.few("ip", &of.ip);
    keys.few("gw", &of.gw);
    keys.vlan("tag", "trunks", &of.vlan);
    keys.settings(&of.settings);
    keys.text("name", Some(&of.names.inside).filter(|name| **name != rule.inside));
    keys.text("host-name", Some(&of.names.host).filter(|name| !of.internal && **name != rule.host));
    keys.text("mac", of.mac);
    keys.word("mtu", of.mtu);
    keys.flag("internal", of.internal);
    keys.text("iface-id", of.iface_id.as_ref());
    keys.flag("nodad", of.nodad);
    keys.worse(&of.worse);
    keys.traffic_of_port(of);
    keys.out()
}

fn link(of: &LabLink) -> Out {
    let mut keys = Entries::default();
    let named = |end: &LinkEnd| end.named.then(|| end.name.clone());
    keys.text("a", Some(&of.a.place));
    keys.text("b", Some(&of.b.place));
    for (end, name, ip, mac) in [(&of.a, "a-name", "a-ip", "a-mac"), (&of.b, "b-name", "b-ip", "b-mac")] {
        keys.text(name, named(end));
        keys.few(ip, &end.ip);
        keys.text(mac, end.mac);
    }
    keys.word("mtu", of.mtu);
    keys.flag("nodad", of.nodad);
    keys.worse(&of.worse);
    keys.out()
}

fn trunk(of: &Trunk) -> Out {
    let mut keys = Entries::default();
    keys.text("a", Some(&of.a.switch));
    keys.text("b", Some(&of.b.switch));
    keys.vlan("native", "vlans", &of.vlan);
    keys.word("mtu", of.mtu);
    keys.text("a-name", of.a.named.then_some(&of.a.device));
    keys.text("b-name", of.b.named.then_some(&of.b.device));
    keys.out()
}

fn publish(of: &Published) -> Out {
    let at = match of.address {
        Some(address) if address.is_ipv6() => format!("[{address}]:"),
        Some(address) => format!("{address}:"),
        None => String::new(),
    };
    let udp = if of.protocol == Protocol::Udp { "/udp" } else { "" };
    Out::text(format!("{at}{}:{}:{}{udp}", of.port, of.netns, of.to_port))
}

fn programs(all: &[Program]) -> Vec<(String, Out)> {
    let mut places: Vec<(String, Vec<Out>)> = Vec::new();
    for program in all {
        let mut keys = Entries::default();
        keys.put(
            "command",
            match &program.command {
                Command::Line(line) => Out::text(line),
                Command::Words(words) => Out::List(words.iter().map(Out::text).collect()),
            },
        );
        keys.text("name", Some(&program.name));
        keys.word(
            "restart",
            match program.restart {
                Restart::No => None,
                Restart::OnFailure => Some("on-failure"),
                Restart::Always => Some("always"),
            },
        );
        let place = program.place.to_string();
        match places.last_mut().filter(|(last, _)| *last == place) {
            Some((_, list)) => list.push(keys.out()),
            None => places.push((place, vec![keys.out()])),
        }
    }
    places.into_iter().map(|(place, list)| (place, Out::List(list))).collect()
}

fn expect(of: &Expectation) -> Out {
    let mut keys = Entries::default();
    let partner = |partner: &Partner| match partner {
        Partner::Place(place) => place.to_string(),
        Partner::Address(address) => address.to_string(),
    };
    let to: Vec<Out> = of.to.iter().map(|to| Out::text(partner(to))).collect();
    keys.put("from", Out::few(of.from.iter().map(Out::text).collect()));
    keys.put(if of.what == Expected::Only { "only" } else { "to" }, Out::few(to));
    keys.word("reach", (of.what == Expected::NoReach).then_some(false));
    keys.out()
}
