//! The Linux bridge, seen with `ip` and `bridge`.

use std::sync::Arc;

use ovsns::backend::kernel::Kernel;
use ovsns::backend::linux_bridge::LinuxBridge;
use ovsns::backend::{Backend, BackendSet};
use ovsns::model::{
    BackendName, Entry, Mirror, MirrorOutput, Owner, Policing, Port, Qos, Queue, Resource, Settings, Switch, Vlan,
    VlanMode,
};
use serde_json::Value;

use super::common::require::{Feature, has};
use super::common::tool;
use super::fixture::{Failing, Fixture, Specimen, ours, settings};
use super::kernel::{self, DEADLINE, name, netns, pair};

pub fn fixture() -> Fixture {
    tool::run("ip link set lo up");
    let backend: Arc<dyn Backend> = Arc::new(LinuxBridge::default());
    let kernel: Arc<dyn Backend> = Arc::new(Kernel::new(DEADLINE));
    Fixture {
        set: BackendSet::new(vec![kernel, backend.clone()]),
        backend,
        specimens: specimens(),
        theirs: Box::new(theirs),
        is_strict: false,
        world: world(),
        failing: failing(),
        hundred: hundred(),
        switch,
        port,
        ovs: None,
    }
}

pub fn switch(text: &str) -> Entry {
    ours(Resource::Switch(Switch::new(text.parse().unwrap(), BackendName::Linux)))
}

pub fn port(switch: &str, device: &str) -> Entry {
    ours(Resource::Port(plain_port(switch, device)))
}

fn plain_port(switch: &str, device: &str) -> Port {
    Port::new(switch.parse().unwrap(), name(device), BackendName::Linux)
}

fn switch_variants() -> Vec<Entry> {
    let plain = Switch::new("sw1".parse().unwrap(), BackendName::Linux);
    let mac = |text: &str| Some(text.parse().unwrap());
    let mut variants = vec![
        plain.clone(),
        Switch { mac: mac("02:00:00:00:00:01"), ..plain.clone() },
        Switch { mtu: Some(1400), ..plain.clone() },
        Switch { mtu: Some(1500), ..plain.clone() },
        Switch { stp: Some(true), ..plain.clone() },
        Switch { stp: Some(false), mtu: Some(9000), mac: mac("02:00:00:00:00:02"), ..plain.clone() },
        Switch { settings: settings(&[("stp-priority", "4096"), ("ageing", "60")]), ..plain.clone() },
        Switch {
            settings: settings(&[("mcast-snooping", "off"), ("transparent", "on"), ("ageing", "7")]),
            ..plain.clone()
        },
        Switch {
            settings: settings(&[("stp-hello-time", "1"), ("stp-max-age", "6"), ("stp-forward-delay", "4")]),
            ..plain.clone()
        },
    ];
    if has(Feature::VlanFiltering) {
        variants.push(Switch { vlan_filtering: Some(true), ..plain.clone() });
        variants.push(Switch { settings: settings(&[("vlan-protocol", "802.1ad")]), ..plain });
    }
    variants.into_iter().map(|switch| ours(Resource::Switch(switch))).collect()
}

fn port_variants() -> Vec<Entry> {
    let vlan = |tag: Option<u16>, trunks: &[u16]| Vlan {
        tag: tag.map(|tag| tag.try_into().unwrap()),
        trunks: trunks.iter().map(|trunk| (*trunk).try_into().unwrap()).collect(),
        ..Vlan::default()
    };
    let of = |vlan: Vlan| ours(Resource::Port(Port { vlan, ..plain_port("sw1", "veth1") }));
    vec![
        of(vlan(None, &[])),
        of(vlan(Some(5), &[])),
        of(vlan(Some(1), &[])),
        of(vlan(None, &[1, 7, 8, 9])),
        of(vlan(Some(5), &[7, 4094])),
        of(vlan(Some(7), &[5])),
        of(Vlan { mode: Some(VlanMode::NativeTagged), ..vlan(Some(7), &[5]) }),
    ]
}

fn setting_variants() -> Vec<Entry> {
    let of = |switch: &str, said: &[(&str, &str)]| {
        ours(Resource::Port(Port { settings: settings(said), ..plain_port(switch, "veth1") }))
    };
    vec![
        port("sw1", "veth1"),
        of("sw1", &[("isolated", "on"), ("stp-cost", "50")]),
        of("sw1", &[("stp-port-priority", "7"), ("stp-cost", "60")]),
        of("sw2", &[("isolated", "on")]),
    ]
}

/// Two switches, which look at tags, and a veth pair.
fn two_switches(filtering: bool) -> Vec<Entry> {
    let filtering = filtering.then_some(true);
    let switch = |text: &str| {
        let plain = Switch::new(text.parse().unwrap(), BackendName::Linux);
        ours(Resource::Switch(Switch { vlan_filtering: filtering, ..plain }))
    };
    vec![switch("sw1"), switch("sw2"), pair(("host", "veth1"), ("host", "veth2"))]
}

pub fn specimens() -> Vec<Specimen> {
    let mut specimens = vec![
        Specimen { below: Vec::new(), variants: switch_variants() },
        Specimen { below: two_switches(false), variants: vec![port("sw1", "veth1"), port("sw2", "veth1")] },
        Specimen { below: two_switches(false), variants: setting_variants() },
    ];
    if has(Feature::Htb) {
        specimens.push(Specimen { below: three_ports(), variants: super::ovs::qos_variants(BackendName::Linux) });
    }
    if has(Feature::Police) {
        specimens.push(Specimen { below: three_ports(), variants: super::ovs::policing_variants(BackendName::Linux) });
    }
    if has(Feature::Mirred) {
        specimens.push(Specimen { below: three_ports(), variants: mirror_variants() });
    }
    if has(Feature::VlanFiltering) {
        specimens.push(Specimen { below: two_switches(true), variants: port_variants() });
    }
    specimens
}

fn three_ports() -> Vec<Entry> {
    let mut below = two_switches(false);
    below.push(pair(("host", "veth3"), ("host", "veth4")));
    below.extend(["veth1", "veth2", "veth3"].map(|device| port("sw1", device)));
    below
}

fn mirror_variants() -> Vec<Entry> {
    let ports = |names: &[&str]| names.iter().map(|text| name(text)).collect();
    let of = |output: &str, ingress: &[&str], egress: &[&str]| {
        let plain = Mirror::whole("sw1".parse().unwrap(), "m1".to_owned(), name(output));
        let (ingress, egress) = (ports(ingress), ports(egress));
        ours(Resource::Mirror(Mirror { backend: BackendName::Linux, all: false, ingress, egress, ..plain }))
    };
    vec![
        of("veth3", &["veth1"], &["veth1"]),
        of("veth3", &["veth1", "veth2"], &[]),
        of("veth3", &[], &["veth2"]),
        of("veth2", &["veth1"], &["veth3"]),
    ]
}

fn failing() -> Vec<Failing> {
    let below = two_switches(false);
    vec![
        Failing {
            below: below.clone(),
            wanted: vec![switch("sw3"), port("sw1", "nosuch"), switch("sw4"), port("sw1", "veth2")],
        },
        Failing { below: below.clone(), wanted: vec![port("sw1", "veth1"), port("nosuch", "veth2")] },
        // the second name is taken by what is no switch of ours
        Failing { below, wanted: vec![switch("sw3"), switch("veth1"), switch("sw4")] },
    ]
}

fn hundred() -> (Vec<Entry>, Vec<Entry>) {
    let links = (0..100).map(|n| pair(("host", &format!("v{n}")), ("n1", &format!("e{n}"))));
    let below = [switch("sw1"), netns("n1")].into_iter().chain(links).collect();
    (below, (0..100).map(|n| port("sw1", &format!("v{n}"))).collect())
}

fn world() -> Vec<Entry> {
    let lab: Owner = "lab-1".parse().unwrap();
    let of_lab = |entry: Entry| Entry { owner: Some(lab.clone()), ..entry };
    vec![
        switch("sw1"),
        of_lab(switch("sw2")),
        pair(("host", "veth1"), ("host", "veth2")),
        of_lab(pair(("host", "veth3"), ("host", "veth4"))),
        port("sw1", "veth1"),
        port("sw2", "veth2"),
        of_lab(port("sw2", "veth3")),
    ]
}

pub fn theirs(like: &Entry) -> Option<Entry> {
    match &like.resource {
        Resource::Switch(switch) => their_switch(switch),
        Resource::Port(port) => their_port(port),
        Resource::Mirror(mirror) => their_mirror(mirror),
        Resource::Qos(qos) => their_qos(qos),
        Resource::Policing(policing) => their_policing(policing),
        _ => kernel::theirs(like),
    }
}

fn their_switch(switch: &Switch) -> Option<Entry> {
    let shown = tool::link("host", switch.name.as_str()).filter(|link| link["linkinfo"]["info_kind"] == "bridge")?;
    let data = &shown["linkinfo"]["info_data"];
    let resource = Resource::Switch(Switch {
        datapath: None,
        mac: Some(shown["address"].as_str().unwrap().parse().unwrap()),
        mtu: Some(shown["mtu"].as_u64().unwrap().try_into().unwrap()),
        stp: Some(data["stp_state"] != 0),
        vlan_filtering: Some(data["vlan_filtering"] == 1),
        settings: their_settings(
            data,
            &[
                ("stp-priority", "priority", 1, 32_768),
                ("stp-hello-time", "hello_time", 100, 2),
                ("stp-max-age", "max_age", 100, 20),
                ("stp-forward-delay", "forward_delay", 100, 15),
                ("ageing", "ageing_time", 100, 300),
                ("mcast-snooping", "mcast_snooping", 1, 1),
                ("transparent", "group_fwd_mask", 1, 0),
                ("vlan-protocol", "vlan_protocol", 1, 0),
            ],
        ),
        ..switch.clone()
    });
    Some(Entry { resource, owner: kernel::owner(&shown) })
}

fn their_port(port: &Port) -> Option<Entry> {
    let shown = tool::link("host", port.device.as_str())?;
    let switch = shown["master"].as_str()?;
    let bridge = tool::link("host", switch).unwrap();
    let filtering = bridge["linkinfo"]["info_data"]["vlan_filtering"] == 1;
    let vlan = if filtering { their_vlan(port) } else { Vlan::default() };
    let data = &shown["linkinfo"]["info_slave_data"];
    let known = [("isolated", "isolated", 1, 0), ("stp-cost", "cost", 1, 2), ("stp-port-priority", "priority", 1, 32)];
    let settings = their_settings(data, &known);
    let resource = Resource::Port(Port { vlan, settings, ..plain_port(switch, port.device.as_str()) });
    Some(Entry { resource, owner: kernel::owner(&shown) })
}

/// `tc class show`, with what goes without saying left out; of bursts it has fewer digits than we.
fn their_qos(qos: &Qos) -> Option<Entry> {
    let device = qos.device.as_str();
    let shown = tool::run(&format!("tc class show dev {device}"));
    let classes = shown.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |word: &str| words.iter().position(|w| *w == word).map(|at| words[at + 1].to_lowercase());
        let number = u32::from_str_radix(words.get(2)?.strip_prefix("7c:")?, 16).ok()?;
        Some((number, after("rate")?, after("ceil")?, after("prio").map(|prio| prio.parse().unwrap())))
    });
    let classes: Vec<_> = classes.collect();
    let (_, _, whole, _) = classes.iter().find(|(number, ..)| *number == 0xfffe)?;
    let plain = Qos { max_rate: Some(whole.parse().unwrap()), queues: [].into(), ..qos.clone() };
    let queue = |(number, min, max, priority): &(u32, String, String, Option<u32>)| {
        let (min_rate, max_rate) = (Some(min.parse().unwrap()), Some(max.parse().unwrap()));
        (number - 1, plain.plainest(Queue { min_rate, max_rate, burst: None, priority: *priority }))
    };
    let queues = classes.iter().filter(|(number, ..)| *number != 0xfffe).map(queue);
    let queues = queues.filter(|(number, queue)| *number != 0 || *queue != Queue::default()).collect();
    let owner = kernel::owner(&tool::link("host", device)?);
    Some(Entry { resource: Resource::Qos(Qos { queues, ..plain }), owner })
}

/// `tc filter show`, of whose bursts it has fewer digits than we.
fn their_policing(policing: &Policing) -> Option<Entry> {
    let device = policing.device.as_str();
    let rate = |pref: u16| {
        let shown = tool::run(&format!("tc filter show dev {device} ingress pref {pref}"));
        let after = shown.split(" rate ").nth(1)?;
        Some(after.split_whitespace().next()?.to_lowercase().parse().unwrap())
    };
    let (rate, storm) = (rate(Policing::RATE_PREF), rate(Policing::STORM_PREF));
    let seen = Policing { rate, storm, ..policing.clone() };
    let owner = kernel::owner(&tool::link("host", device)?);
    Some(Entry { resource: Resource::Policing(seen), owner }).filter(|_| rate.is_some() || storm.is_some())
}

/// Of all ports of the switch, the filters with the cookie of the mirror's name.
fn their_mirror(mirror: &Mirror) -> Option<Entry> {
    let cookie: String = mirror.cookie().iter().map(|byte| format!("{byte:02x}")).collect();
    let ports = tool::json(&format!("ip -j link show master {}", mirror.switch));
    let mut seen = Mirror { ingress: [].into(), egress: [].into(), ..mirror.clone() };
    let mut output = None;
    for device in ports.as_array().unwrap().iter().map(|link| link["ifname"].as_str().unwrap()) {
        for hook in ["ingress", "egress"] {
            let filters = tool::json(&format!("tc -j filter show dev {device} {hook}"));
            let actions = filters.as_array().unwrap().iter().filter_map(|filter| filter["options"]["actions"].get(0));
            for action in actions.filter(|action| action["cookie"] == cookie.as_str()) {
                output = Some(action["to_dev"].as_str().unwrap().to_owned());
                let side = if hook == "ingress" { &mut seen.ingress } else { &mut seen.egress };
                side.insert(device.parse().unwrap());
            }
        }
    }
    let output = output?;
    seen.output = MirrorOutput::Port(output.parse().unwrap());
    Some(Entry { resource: Resource::Mirror(seen), owner: kernel::owner(&tool::link("host", &output)?) })
}

/// What `ip -j -d link` shows: our name, theirs, how many of theirs are one of ours, and what it is by itself.
fn their_settings(data: &Value, known: &[(&str, &str, u64, u64)]) -> Settings {
    let mut said: Vec<(&str, String)> = Vec::new();
    for (name, theirs, scale, own) in known {
        let value = match &data[theirs] {
            Value::Bool(on) => u64::from(*on),
            Value::String(text) if text == "0xfff8" || text == "802.1ad" => 1,
            // a kernel without VLAN filtering does not tell of the protocol
            Value::String(_) | Value::Null => 0,
            number => number.as_u64().unwrap() / scale,
        };
        if value != *own {
            let text = match (*name, value) {
                ("isolated" | "mcast-snooping" | "transparent", 0) => "off".to_owned(),
                ("isolated" | "mcast-snooping" | "transparent", _) => "on".to_owned(),
                ("vlan-protocol", _) => "802.1ad".to_owned(),
                (_, number) => number.to_string(),
            };
            said.push((name, text));
        }
    }
    settings(&said.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>())
}

/// `bridge vlan`: the one that is PVID is the tag, the others are trunks.
fn their_vlan(port: &Port) -> Vlan {
    let shown = tool::json(&format!("bridge -j vlan show dev {}", port.device));
    let listed = shown[0]["vlans"].as_array().unwrap().clone();
    let is_pvid = |vlan: &&Value| vlan["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "PVID"));
    let id = |number: u64| u16::try_from(number).unwrap().try_into().unwrap();
    let range = |vlan: &Value| {
        let first = vlan["vlan"].as_u64().unwrap();
        first..=vlan["vlanEnd"].as_u64().unwrap_or(first)
    };
    let native = listed.iter().find(is_pvid);
    let untagged = |vlan: &Value| vlan["flags"].as_array().unwrap().iter().any(|flag| flag == "Egress Untagged");
    Vlan {
        mode: native.filter(|vlan| !untagged(vlan)).map(|_| VlanMode::NativeTagged),
        tag: native.map(|vlan| id(vlan["vlan"].as_u64().unwrap())),
        trunks: listed.iter().filter(|vlan| !is_pvid(vlan)).flat_map(range).map(id).collect(),
        ..Vlan::default()
    }
}
