//! Open vSwitch, seen with `ovs-vsctl`.

use std::process::Command;
use std::sync::Arc;

use ovsns::backend::kernel::Kernel;
use ovsns::backend::ovs::Ovs as OvsBackend;
use ovsns::backend::{Backend, BackendSet};
use ovsns::model::{
    BackendName, Datapath, Entry, ExportProtocol, FlowExport, Interface, Mirror, MirrorOutput, Owner, Policing, Port,
    Qos, QosType, Queue, Resource, Settings, Switch, Tunnel, TunnelType, Vlan, VlanMode,
};
use ovsns::ovsdb::client::{Client, Options};

use super::common::ovs::Ovs;
use super::common::tool;
use super::fixture::{Failing, Fixture, Specimen, ours, settings};
use super::kernel::{self, DEADLINE, name, netns, pair};

/// Our name, the column, and what it is by itself.
const OF_BRIDGES: [(&str, &str, &str); 8] = [
    ("stp-priority", "other_config:stp-priority", ""),
    ("rstp-priority", "other_config:rstp-priority", ""),
    ("ageing", "other_config:mac-aging-time", ""),
    ("dpid", "other_config:datapath-id", ""),
    ("transparent", "other_config:forward-bpdu", ""),
    ("fail-mode", "fail_mode", "standalone"),
    ("mcast-snooping", "mcast_snooping_enable", "false"),
    ("protocols", "protocols", ""),
];
const OF_PORTS: [(&str, &str, &str); 5] = [
    ("isolated", "protected", "false"),
    ("stp-cost", "other_config:stp-path-cost", ""),
    ("stp-port-priority", "other_config:stp-port-priority", ""),
    ("rstp-port-priority", "other_config:rstp-port-priority", ""),
    ("rstp-edge", "other_config:rstp-port-admin-edge", ""),
];

pub async fn fixture() -> Fixture {
    tool::run("ip link set lo up");
    let ovs = Ovs::start();
    let options = Options { timeout: DEADLINE, ..Options::default() };
    let client = Client::connect(&ovs.remote().parse().unwrap(), &options).await.unwrap();
    let backend: Arc<dyn Backend> = Arc::new(OvsBackend::new(client, DEADLINE));
    let kernel: Arc<dyn Backend> = Arc::new(Kernel::new(DEADLINE));
    let vsctl = Vsctl { rundir: ovs.run_dir().to_owned() };
    Fixture {
        set: BackendSet::new(vec![kernel, backend.clone()]),
        backend,
        specimens: specimens(),
        theirs: Box::new(move |like| vsctl.theirs(like)),
        is_strict: false,
        world: world(),
        failing: failing(),
        hundred: hundred(),
        switch,
        port,
        ovs: Some(ovs),
    }
}

fn plain_switch(text: &str) -> Switch {
    Switch { datapath: Some(Datapath::Netdev), ..Switch::new(text.parse().unwrap(), BackendName::Ovs) }
}

fn switch(text: &str) -> Entry {
    ours(Resource::Switch(plain_switch(text)))
}

fn plain_port(switch: &str, device: &str) -> Port {
    Port::new(switch.parse().unwrap(), name(device), BackendName::Ovs)
}

fn port(switch: &str, device: &str) -> Entry {
    ours(Resource::Port(plain_port(switch, device)))
}

fn switch_variants() -> Vec<Entry> {
    let plain = plain_switch("sw1");
    let mac = |text: &str| Some(text.parse().unwrap());
    let variants = [
        plain.clone(),
        Switch { mac: mac("02:00:00:00:00:01"), ..plain.clone() },
        Switch { mtu: Some(1400), ..plain.clone() },
        Switch { stp: Some(true), ..plain.clone() },
        Switch { rstp: Some(true), ..plain.clone() },
        Switch { stp: Some(false), rstp: Some(false), mtu: Some(1300), mac: mac("02:00:00:00:00:02"), ..plain.clone() },
        Switch { settings: settings(&[("stp-priority", "4096"), ("ageing", "60"), ("dpid", "2a")]), ..plain.clone() },
        Switch {
            settings: settings(&[("fail-mode", "secure"), ("mcast-snooping", "on"), ("ageing", "90")]),
            ..plain.clone()
        },
        Switch {
            settings: settings(&[("protocols", "OpenFlow13,OpenFlow15"), ("transparent", "on")]),
            ..plain.clone()
        },
        Switch {
            settings: settings(&[("controller", "ptcp:0:127.0.0.1,punix:/nowhere"), ("rstp-priority", "4096")]),
            ..plain
        },
    ];
    variants.into_iter().map(|switch| ours(Resource::Switch(switch))).collect()
}

fn port_variants() -> Vec<Entry> {
    let plain = plain_port("sw1", "veth1");
    let vlan = |tag: Option<u16>, trunks: &[u16]| Vlan {
        tag: tag.map(|tag| tag.try_into().unwrap()),
        trunks: trunks.iter().map(|trunk| (*trunk).try_into().unwrap()).collect(),
        ..Vlan::default()
    };
    let in_outer = Vlan { mode: Some(VlanMode::Dot1qTunnel), cvlans: vlan(None, &[3, 4]).trunks, ..vlan(Some(5), &[]) };
    let variants = [
        plain.clone(),
        Port { vlan: vlan(Some(5), &[]), ..plain.clone() },
        Port { vlan: vlan(None, &[7, 4094]), ..plain.clone() },
        Port { vlan: vlan(Some(5), &[7, 8]), ..plain.clone() },
        Port { iface_id: Some("a \"name\" with = , and ü".to_owned()), ..plain.clone() },
        Port { netns: Some("n1".parse().unwrap()), ..plain.clone() },
        Port { netns: Some("pid:1".parse().unwrap()), iface_id: Some("vm-1".to_owned()), ..plain.clone() },
        Port { vlan: Vlan { mode: Some(VlanMode::NativeTagged), ..vlan(Some(5), &[7]) }, ..plain.clone() },
        Port { vlan: Vlan { mode: Some(VlanMode::NativeUntagged), ..vlan(Some(5), &[]) }, ..plain.clone() },
        Port { vlan: in_outer, ..plain.clone() },
        Port { settings: settings(&[("isolated", "on"), ("stp-cost", "50"), ("rstp-edge", "on")]), ..plain.clone() },
        Port { settings: settings(&[("stp-cost", "60"), ("rstp-port-priority", "16")]), ..plain.clone() },
        // another switch: the port moves there
        Port { switch: "sw2".parse().unwrap(), vlan: vlan(Some(6), &[]), ..plain },
    ];
    variants.into_iter().map(|port| ours(Resource::Port(port))).collect()
}

/// One end of a cable, of which the other may not be there.
fn patch_variants() -> Vec<Entry> {
    let plain = plain_port("sw1", "patch1");
    let to = |peer: &str| Interface::Patch(name(peer));
    let tag = Vlan { tag: Some(5u16.try_into().unwrap()), ..Vlan::default() };
    let variants = [
        Port { interface: to("patch2"), ..plain.clone() },
        Port { interface: to("patch3"), vlan: tag, ..plain.clone() },
        // another switch: the end moves there
        Port { interface: to("patch2"), switch: "sw2".parse().unwrap(), ..plain },
    ];
    variants.into_iter().map(|port| ours(Resource::Port(port))).collect()
}

/// Tunnels of one type: of another it would be another port.
fn tunnel_variants() -> Vec<Entry> {
    let plain = Tunnel::new(TunnelType::Vxlan, "192.0.2.2".parse().unwrap());
    let tunnels = [
        plain,
        Tunnel { key: "100".parse().ok(), local: "192.0.2.1".parse().ok(), ..plain },
        Tunnel { key: "flow".parse().ok(), remote: "flow".parse().unwrap(), ..plain },
        Tunnel { tos: "inherit".parse().ok(), ttl: Some(9), df: Some(false), csum: Some(true), ..plain },
        Tunnel { dst_port: Some(5000), tos: "184".parse().ok(), ..plain },
    ];
    let port = |tunnel| Port { interface: Interface::Tunnel(tunnel), ..plain_port("sw1", "tun1") };
    tunnels.into_iter().map(|tunnel| ours(Resource::Port(port(tunnel)))).collect()
}

fn internal_variants() -> Vec<Entry> {
    let vlan = Vlan { tag: Some(5u16.try_into().unwrap()), ..Vlan::default() };
    let plain = Port { interface: Interface::Internal { mtu: None }, ..plain_port("sw1", "in1") };
    let smaller = Port { interface: Interface::Internal { mtu: Some(1400) }, ..plain.clone() };
    [Port { vlan, ..plain.clone() }, plain, smaller].into_iter().map(|port| ours(Resource::Port(port))).collect()
}

/// A switch, and the end of a cable that the other end lacks.
fn half_a_cable() -> Vec<Entry> {
    let interface = Interface::Patch(name("patch1"));
    vec![switch("sw1"), switch("sw2"), ours(Resource::Port(Port { interface, ..plain_port("sw2", "patch2") }))]
}

fn two_switches() -> Vec<Entry> {
    vec![switch("sw1"), switch("sw2"), pair(("host", "veth1"), ("host", "veth2"))]
}

pub fn specimens() -> Vec<Specimen> {
    vec![
        Specimen { below: Vec::new(), variants: switch_variants() },
        Specimen { below: two_switches(), variants: port_variants() },
        Specimen { below: two_ports(), variants: mirror_variants() },
        Specimen { below: two_ports(), variants: qos_variants(BackendName::Ovs) },
        Specimen { below: two_ports(), variants: policing_variants(BackendName::Ovs) },
        Specimen { below: two_switches(), variants: export_variants() },
        Specimen { below: half_a_cable(), variants: patch_variants() },
        Specimen { below: two_switches(), variants: tunnel_variants() },
        Specimen { below: two_switches(), variants: internal_variants() },
    ]
}

fn two_ports() -> Vec<Entry> {
    let mut below = two_switches();
    below.extend([port("sw1", "veth1"), port("sw1", "veth2")]);
    below
}

fn mirror(switch: &str, text: &str, output: &str) -> Entry {
    ours(Resource::Mirror(Mirror::whole(switch.parse().unwrap(), text.to_owned(), name(output))))
}

fn mirror_variants() -> Vec<Entry> {
    let to = |output: &str| Mirror::whole("sw1".parse().unwrap(), "m1".to_owned(), name(output));
    let ports = |names: &[&str]| names.iter().map(|text| name(text)).collect();
    let vlans = |ids: &[u16]| ids.iter().map(|id| (*id).try_into().unwrap()).collect();
    let variants = [
        to("veth1"),
        to("veth2"),
        Mirror { all: false, ingress: ports(&["veth2"]), egress: ports(&["veth2"]), ..to("veth1") },
        Mirror { all: false, egress: ports(&["veth1"]), snaplen: Some(100), ..to("veth2") },
        Mirror { vlans: vlans(&[5, 4094]), output: MirrorOutput::Vlan(7u16.try_into().unwrap()), ..to("veth1") },
    ];
    variants.into_iter().map(|mirror| ours(Resource::Mirror(mirror))).collect()
}

fn export_variants() -> Vec<Entry> {
    let plain = FlowExport::new("sw1".parse().unwrap(), BackendName::Ovs, ExportProtocol::Sflow);
    let targets = |targets: &[&str]| targets.iter().map(|target| (*target).to_owned()).collect();
    let variants = [
        FlowExport { targets: targets(&["192.0.2.1:6343"]), ..plain.clone() },
        FlowExport { targets: targets(&["192.0.2.1:6343", "[2001:db8::1]:1"]), sampling: Some(64), ..plain.clone() },
        FlowExport {
            targets: targets(&["192.0.2.2:6343"]),
            polling: Some(10),
            header: Some(128),
            agent: Some("lo".to_owned()),
            ..plain
        },
    ];
    variants.into_iter().map(|export| ours(Resource::FlowExport(export))).collect()
}

/// Queues of port veth1 on sw1.
pub fn qos_variants(backend: BackendName) -> Vec<Entry> {
    let of = |rate: &str, queues: &[(u32, &str)]| {
        let queues = queues.iter().map(|(number, queue)| (*number, queue.parse().unwrap())).collect();
        let (switch, device) = ("sw1".parse().unwrap(), name("veth1"));
        let max_rate = Some(rate.parse().unwrap());
        ours(Resource::Qos(Qos { switch, device, backend, discipline: QosType::Htb, max_rate, queues }))
    };
    // tc(8) rounds it
    let burst = if backend == BackendName::Ovs { "min=1mbit,max=2mbit,burst=160kbit" } else { "min=1mbit,max=2mbit" };
    vec![
        of("10mbit", &[]),
        of("20mbit", &[(1, "min=1mbit")]),
        of("10mbit", &[(0, "max=2mbit,priority=3"), (1, burst), (40_000, "max=1mbit")]),
    ]
}

/// Limits of port veth1 on sw1.
pub fn policing_variants(backend: BackendName) -> Vec<Entry> {
    let of = |rate: Option<&str>, burst: Option<&str>, storm: Option<&str>| {
        let none = Policing::none("sw1".parse().unwrap(), name("veth1"), backend);
        let rates = [rate, storm].map(|rate| rate.map(|rate| rate.parse().unwrap()));
        let burst = burst.map(|burst| burst.parse().unwrap());
        ours(Resource::Policing(Policing { rate: rates[0], burst, storm: rates[1], ..none }))
    };
    match backend {
        BackendName::Ovs => {
            vec![of(Some("1mbit"), None, None), of(Some("2mbit"), Some("80kbit"), None), of(Some("8kbit"), None, None)]
        }
        BackendName::Linux => {
            vec![of(Some("1mbit"), None, None), of(Some("2mbit"), None, Some("1mbit")), of(None, None, Some("2mbit"))]
        }
    }
}

fn failing() -> Vec<Failing> {
    let below = two_switches();
    vec![
        // no such switch: refused before anything is sent
        Failing { below: below.clone(), wanted: vec![switch("sw3"), port("nosuch", "veth1")] },
        // no such device: the database takes it, ovs-vswitchd cannot carry it out
        Failing {
            below: below.clone(),
            wanted: vec![port("sw1", "veth1"), port("sw1", "nosuch"), port("sw2", "veth2")],
        },
        // no such port: refused before anything is sent
        Failing { below: two_ports(), wanted: vec![switch("sw3"), mirror("sw1", "m1", "nosuch")] },
        // a port of another switch
        Failing { below: two_ports(), wanted: vec![mirror("sw2", "m1", "veth1")] },
        // its name is taken by a device: the switch's own device cannot be made
        Failing { below, wanted: vec![switch("sw3"), switch("veth1")] },
    ]
}

pub fn hundred() -> (Vec<Entry>, Vec<Entry>) {
    let links = (0..100).map(|n| pair(("host", &format!("v{n}")), ("n1", &format!("e{n}"))));
    let below = [netns("n1"), switch("sw1")].into_iter().chain(links).collect();
    (below, (0..100).map(|n| port("sw1", &format!("v{n}"))).collect())
}

pub fn world() -> Vec<Entry> {
    let lab: Owner = "lab-1".parse().unwrap();
    let of_lab = |entry: Entry| Entry { owner: Some(lab.clone()), ..entry };
    vec![
        switch("sw1"),
        of_lab(switch("sw2")),
        pair(("host", "veth1"), ("host", "veth2")),
        pair(("host", "veth3"), ("host", "veth4")),
        port("sw1", "veth1"),
        port("sw2", "veth2"),
        of_lab(port("sw2", "veth3")),
        mirror("sw2", "m1", "veth2"),
    ]
}

/// `ovs-vsctl` at a private Open vSwitch.
struct Vsctl {
    rundir: std::path::PathBuf,
}

impl Vsctl {
    /// Columns of the row of this name, as text: `None` where there is no row, an empty text for what is not set.
    fn get(&self, table: &str, name: &str, columns: &[&str]) -> Option<Vec<String>> {
        let run = |words: &[&str]| {
            let mut vsctl = Command::new("ovs-vsctl");
            vsctl.env("OVS_RUNDIR", &self.rundir).args(["--timeout=30", "--no-wait"]).args(words).output().unwrap()
        };
        if !run(&["get", table, name, "_uuid"]).status.success() {
            return None;
        }
        let words: Vec<&str> = ["--if-exists", "get", table, name].into_iter().chain(columns.iter().copied()).collect();
        let output = run(&words);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let plain = |line: &str| match line {
            "[]" => String::new(),
            // a string in quotes is JSON's
            quoted if quoted.starts_with('"') => serde_json::from_str(quoted).unwrap(),
            plain => plain.to_owned(),
        };
        Some(text.lines().map(plain).collect())
    }

    fn theirs(&self, like: &Entry) -> Option<Entry> {
        match &like.resource {
            Resource::Switch(switch) => self.their_switch(switch),
            Resource::Port(port) => self.their_port(port),
            Resource::Mirror(mirror) => self.their_mirror(mirror),
            Resource::Qos(qos) => self.their_qos(qos),
            Resource::Policing(policing) => self.their_policing(policing),
            Resource::FlowExport(export) => self.their_export(export),
            _ => kernel::theirs(like),
        }
    }

    fn their_switch(&self, switch: &Switch) -> Option<Entry> {
        let name = switch.name.as_str();
        let columns = ["datapath_type", "other_config:hwaddr", "stp_enable", "external_ids:ovsns-owner", "rstp_enable"];
        let found = self.get("Bridge", name, &columns)?;
        let [mtu, mac, mtu_in_use] = &self.get("Interface", name, &["mtu_request", "mac_in_use", "mtu"])?[..] else {
            panic!("three columns")
        };
        // in effect, not only asked for
        let asked = |text: &String, used: &String| text.is_empty() || text == used;
        assert!(asked(&found[1], mac) && asked(mtu, mtu_in_use), "{found:?}, {mac} and {mtu_in_use} in use");
        let resource = Resource::Switch(Switch {
            datapath: Some(found[0].parse().unwrap()),
            mac: found[1].parse().ok(),
            mtu: mtu.parse().ok(),
            stp: Some(found[2] == "true"),
            rstp: Some(found[4] == "true"),
            vlan_filtering: None,
            settings: self.their_settings("Bridge", name, &OF_BRIDGES),
            ..switch.clone()
        });
        Some(Entry { resource, owner: found[3].parse().ok() })
    }

    /// Those that are set; what they are by themselves is no setting.
    fn their_settings(&self, table: &str, name: &str, known: &[(&str, &str, &str)]) -> Settings {
        let columns: Vec<&str> = known.iter().map(|(_, column, _)| *column).collect();
        let mut found = self.get(table, name, &columns).unwrap();
        if table == "Bridge" {
            found.push(self.run(&["get-controller", name]).lines().collect::<Vec<_>>().join(","));
        }
        let names = known.iter().map(|(name, _, own)| (*name, *own)).chain([("controller", "")]);
        let said =
            names.zip(&found).map(|((name, own), text)| (name, own, text.trim_matches(['[', ']']).replace(", ", ",")));
        let said: Vec<_> = said.filter(|(_, own, text)| !text.is_empty() && text != own).collect();
        settings(&said.iter().map(|(name, _, text)| (*name, text.as_str())).collect::<Vec<_>>())
    }

    fn run(&self, words: &[&str]) -> String {
        let mut vsctl = Command::new("ovs-vsctl");
        let output = vsctl.env("OVS_RUNDIR", &self.rundir).args(["--timeout=30"]).args(words).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn their_mirror(&self, mirror: &Mirror) -> Option<Entry> {
        let columns = ["_uuid", "select_all", "output_port", "external_ids:ovsns-owner", "output_vlan"];
        let found = self.get("Mirror", &mirror.name, &columns)?;
        let mirrors = self.get("Bridge", mirror.switch.as_str(), &["mirrors"])?;
        assert_eq!(mirrors[0].trim_matches(['[', ']']), found[0]);
        let selected = ["select_src_port", "select_dst_port", "select_vlan", "snaplen"];
        let selected = self.get("Mirror", &mirror.name, &selected)?;
        let list = |text: &str| {
            text.trim_matches(['[', ']']).split(", ").filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let port = |row: &String| self.get("Port", row, &["name"]).unwrap()[0].parse().unwrap();
        let output = match found[2].is_empty() {
            false => MirrorOutput::Port(port(&found[2])),
            true => MirrorOutput::Vlan(found[4].parse().unwrap()),
        };
        let seen = Mirror {
            output,
            all: found[1] == "true",
            ingress: list(&selected[0]).iter().map(port).collect(),
            egress: list(&selected[1]).iter().map(port).collect(),
            vlans: list(&selected[2]).iter().map(|id| id.parse().unwrap()).collect(),
            snaplen: selected[3].parse().ok(),
            ..mirror.clone()
        };
        Some(Entry { resource: Resource::Mirror(seen), owner: found[3].parse().ok() })
    }

    fn their_export(&self, export: &FlowExport) -> Option<Entry> {
        let row = self.get("Bridge", export.switch.as_str(), &[export.protocol.as_str()])?.remove(0);
        let row = Some(row.as_str()).filter(|row| !row.is_empty())?;
        let columns = ["targets", "sampling", "polling", "header", "agent", "external_ids:ovsns-owner"];
        let found = self.get("sFlow", row, &columns)?;
        let targets = serde_json::from_str(&found[0]).unwrap();
        let seen = FlowExport {
            targets,
            sampling: found[1].parse().ok(),
            polling: found[2].parse().ok(),
            header: found[3].parse().ok(),
            agent: Some(found[4].clone()).filter(|agent| !agent.is_empty()),
            ..export.clone()
        };
        Some(Entry { resource: Resource::FlowExport(seen), owner: found[5].parse().ok() })
    }

    fn their_qos(&self, qos: &Qos) -> Option<Entry> {
        let row = self.get("Port", qos.device.as_str(), &["qos"])?.remove(0);
        let row = Some(row.as_str()).filter(|row| !row.is_empty() && *row != "[]")?;
        let columns = ["type", "other_config:max-rate", "queues", "external_ids:ovsns-owner"];
        let found = self.get("QoS", row, &columns)?;
        let pairs = found[2].trim_matches(['{', '}']).split(", ").filter_map(|pair| pair.split_once('='));
        let rate = |bits: &String| bits.parse::<u64>().ok().map(|bits| format!("{bits}bit").parse().unwrap());
        let queue = |(number, row): (&str, &str)| {
            let keys = ["min-rate", "max-rate", "burst", "priority"].map(|key| format!("other_config:{key}"));
            let set = self.get("Queue", row, &keys.each_ref().map(String::as_str)).unwrap();
            let burst = set[2].parse::<u64>().ok().map(|bits| format!("{bits}bit").parse().unwrap());
            let queue =
                Queue { min_rate: rate(&set[0]), max_rate: rate(&set[1]), burst, priority: set[3].parse().ok() };
            (number.parse().unwrap(), queue)
        };
        let queues = pairs.map(queue).collect();
        let seen =
            Qos { discipline: QosType::from(found[0].clone()), max_rate: rate(&found[1]), queues, ..qos.clone() };
        Some(Entry { resource: Resource::Qos(seen), owner: found[3].parse().ok() })
    }

    fn their_policing(&self, policing: &Policing) -> Option<Entry> {
        let columns = ["ingress_policing_rate", "ingress_policing_burst", "external_ids:ovsns-owner"];
        let found = self.get("Interface", policing.device.as_str(), &columns)?;
        let of = |kbit: &String| Some(format!("{kbit}kbit")).filter(|_| kbit != "0");
        let rate = of(&found[0])?.parse().ok();
        let burst = of(&found[1]).map(|burst| burst.parse().unwrap());
        let seen = Policing { rate, burst, ..policing.clone() };
        Some(Entry { resource: Resource::Policing(seen), owner: found[2].parse().ok() })
    }

    fn their_interface(&self, device: &str, kind: &str, peer: &str) -> Interface {
        let option = |key: &str| self.get("Interface", device, &[&format!("options:{key}")]).unwrap().remove(0);
        let number = |text: String| text.parse().ok();
        match kind {
            "" => Interface::System,
            "patch" => Interface::Patch(peer.parse().unwrap()),
            "internal" => {
                Interface::Internal { mtu: self.get("Interface", device, &["mtu_request"]).unwrap()[0].parse().ok() }
            }
            kind => {
                let kind: TunnelType = kind.trim_start_matches("ip6").parse().unwrap();
                let plain = Tunnel::new(kind, option("remote_ip").parse().unwrap());
                Interface::Tunnel(Tunnel {
                    local: option("local_ip").parse().ok(),
                    key: option("key").parse().ok(),
                    dst_port: number(option("dst_port")),
                    tos: option("tos").parse().ok(),
                    ttl: option("ttl").parse().ok(),
                    df: option("df_default").parse().ok(),
                    csum: option("csum").parse().ok(),
                    ..plain
                })
            }
        }
    }

    fn their_port(&self, port: &Port) -> Option<Entry> {
        let device = port.device.as_str();
        let found = self.get("Port", device, &["tag", "trunks", "external_ids:ovsns-owner", "vlan_mode", "cvlans"])?;
        let columns = ["external_ids:iface-id", "external_ids:ovsns-netns", "type", "options:peer"];
        let interface = self.get("Interface", device, &columns)?;
        let mut vsctl = Command::new("ovs-vsctl");
        let output = vsctl.env("OVS_RUNDIR", &self.rundir).args(["port-to-br", device]).output().unwrap();
        let numbers =
            |text: &str| text.trim_matches(['[', ']']).split(", ").filter_map(|text| text.parse().ok()).collect();
        let mode = match found[3].as_str() {
            "native-tagged" => Some(VlanMode::NativeTagged),
            "native-untagged" if found[1].is_empty() => Some(VlanMode::NativeUntagged),
            "dot1q-tunnel" => Some(VlanMode::Dot1qTunnel),
            _ => None,
        };
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let resource = Resource::Port(Port {
            switch: String::from_utf8(output.stdout).unwrap().trim().parse().unwrap(),
            vlan: Vlan { tag: found[0].parse().ok(), trunks: numbers(&found[1]), mode, cvlans: numbers(&found[4]) },
            settings: self.their_settings("Port", device, &OF_PORTS),
            iface_id: text(&interface[0]),
            netns: text(&interface[1]).map(|netns| netns.parse().unwrap()),
            interface: self.their_interface(device, &interface[2], &interface[3]),
            ..port.clone()
        });
        Some(Entry { resource, owner: found[2].parse().ok() })
    }
}
