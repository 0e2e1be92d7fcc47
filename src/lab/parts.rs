//! A lab as it was read: checked, with its ranges expanded and its names chosen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{
    BackendName, Bond, Burst, Datapath, Delay, FlowExport, IfName, Loss, Mac, MirrorOutput, Owner, Place, PortNames,
    Published, QosType, Queue, Rate, Route, Settings, SwitchName, SysctlKey, Tunnel, Vlan, VlanId,
};

/// A lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lab {
    /// Its name, which is the mark on everything that it makes.
    pub owner: Owner,
    /// The switches, in the order of the file.
    pub switches: Vec<LabSwitch>,
    /// The namespaces, in the order of the file.
    pub namespaces: Vec<Namespace>,
    /// The veth pairs without a switch.
    pub links: Vec<LabLink>,
    /// What joins switches.
    pub trunks: Vec<Trunk>,
    /// Translations.
    pub nats: Vec<LabNat>,
    /// The published ports; their targets are taken from the file.
    pub published: Vec<Published>,
    /// The programs.
    pub run: Vec<Program>,
    /// What is to be tested.
    pub expect: Vec<Expectation>,
    /// The host's own settings.
    pub host: Inside,
}

/// Spanning tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stp {
    /// None.
    Off,
    /// IEEE 802.1D.
    On,
    /// IEEE 802.1w; Open vSwitch only.
    Rapid,
}

/// A switch. `None`: nothing was said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabSwitch {
    /// Its name.
    pub name: SwitchName,
    /// Which system it is made with; `None`: whichever there is.
    pub backend: Option<BackendName>,
    /// Open vSwitch: where packets are forwarded.
    pub datapath: Option<Datapath>,
    /// The address of its own device.
    pub mac: Option<Mac>,
    /// The MTU of its own device.
    pub mtu: Option<u32>,
    /// Spanning tree.
    pub stp: Option<Stp>,
    /// Linux bridge: whether it looks at tags.
    pub vlan_filtering: Option<bool>,
    /// The addresses of its own device.
    pub ip: Vec<IpNet>,
    /// Without duplicate address detection.
    pub nodad: bool,
    /// It is there already, and stays.
    pub external: bool,
    /// Settings that are one value each.
    pub settings: Settings,
    /// Devices of the host that are ports.
    pub uplinks: Vec<Uplink>,
    /// Copies of what passes.
    pub mirrors: Vec<LabMirror>,
    /// Open vSwitch: who is told of its traffic.
    pub exports: Vec<FlowExport>,
    /// Tunnels to other hosts.
    pub tunnels: Vec<LabTunnel>,
    /// The VLANs that the host takes part in.
    pub vlans: Vec<LabVlan>,
    /// Bonds of devices of the host.
    pub bonds: Vec<LabBond>,
}

/// The host's own part in a VLAN of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabVlan {
    /// The VLAN.
    pub vlan: VlanId,
    /// The device.
    pub name: IfName,
    /// Whether the name was asked for.
    pub named: bool,
    /// Its addresses.
    pub ip: Vec<IpNet>,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: Option<u32>,
    /// Without duplicate address detection.
    pub nodad: bool,
}

/// A port that leads to a switch on another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabTunnel {
    /// The name of the port.
    pub name: IfName,
    /// What it is.
    pub tunnel: Tunnel,
    /// Which VLANs it carries.
    pub vlan: Vlan,
    /// Linux bridge: the MTU of its device; `None`: what fits.
    pub mtu: Option<u32>,
    /// Settings that are one value each.
    pub settings: Settings,
}

impl LabTunnel {
    /// How many bytes of a packet between the hosts are not of the packet inside, with the tag (IEEE 802.1Q clause 9.6) that the frames of
    /// a trunk have.
    pub fn overhead(&self) -> u32 {
        self.tunnel.overhead() + if self.vlan.trunks.is_empty() { 0 } else { 4 }
    }
}

/// Several devices of the host that are one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabBond {
    /// The name of the port.
    pub name: IfName,
    /// What it is.
    pub bond: Bond,
    /// Which VLANs it carries.
    pub vlan: Vlan,
    /// Settings that are one value each.
    pub settings: Settings,
}

/// A device of the host that is a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    /// The device.
    pub device: IfName,
    /// Which VLANs it carries.
    pub vlan: Vlan,
    /// Settings that are one value each.
    pub settings: Settings,
}

/// The queues of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabQos {
    /// The discipline.
    pub discipline: QosType,
    /// How much passes at most, over all queues.
    pub max_rate: Option<Rate>,
    /// By number.
    pub queues: BTreeMap<u32, Queue>,
}

/// A mirror of a switch. Of its ports none is named: the whole switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabMirror {
    /// Its name.
    pub name: String,
    /// Where the copies go.
    pub output: MirrorOutput,
    /// The ports of which it copies what comes in by them.
    pub ingress: BTreeSet<IfName>,
    /// The ports of which it copies what goes out by them.
    pub egress: BTreeSet<IfName>,
    /// Only frames in these VLANs.
    pub vlans: BTreeSet<VlanId>,
    /// How many bytes of each frame are copied.
    pub snaplen: Option<u16>,
}

/// What belongs to one network stack: a namespace, or the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inside {
    /// Its settings.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// Its routes, those of gateways not among them.
    pub routes: Vec<Route>,
    /// Addresses of devices that are neither ports nor ends of links, such as `lo`.
    pub addresses: Vec<(IfName, IpNet)>,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Which.
    pub place: Place,
    /// It is there already, and stays.
    pub external: bool,
    /// Its ports; the first is number 1.
    pub ports: Vec<LabPort>,
    /// What belongs to its network stack.
    pub inside: Inside,
}

/// A veth pair by which a namespace is plugged into a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabPort {
    /// The switch.
    pub switch: SwitchName,
    /// The names of both ends: those of the rule, or those that were asked for.
    pub names: PortNames,
    /// The addresses of the device inside.
    pub ip: Vec<IpNet>,
    /// The gateways of default routes.
    pub gw: Vec<IpAddr>,
    /// Which VLANs it carries.
    pub vlan: Vlan,
    /// The Ethernet address of the device inside.
    pub mac: Option<Mac>,
    /// The MTU of both ends.
    pub mtu: Option<u32>,
    /// Open vSwitch: a device that it makes, by the inside name, in place of a veth pair.
    pub internal: bool,
    /// Open vSwitch: the port's name for controllers.
    pub iface_id: Option<String>,
    /// Settings that are one value each.
    pub settings: Settings,
    /// Without duplicate address detection.
    pub nodad: bool,
    /// What is done to what the namespace sends.
    pub worse: Worse,
    /// How what it receives is shared among queues.
    pub qos: Option<LabQos>,
    /// How much of what it sends passes.
    pub policed: Policed,
}

/// How much may come in by a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Policed {
    /// How much passes at most.
    pub rate: Option<Rate>,
    /// How much may come at once.
    pub burst: Option<Burst>,
    /// How much broadcast and multicast passes at most.
    pub storm: Option<Rate>,
}

/// What is done to packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worse {
    /// How long each is held back.
    pub delay: Option<Delay>,
    /// By how much that varies.
    pub jitter: Option<Delay>,
    /// How likely one is lost.
    pub loss: Option<Loss>,
    /// How much passes at most.
    pub rate: Option<Rate>,
}

/// A veth pair without a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabLink {
    /// One end.
    pub a: LinkEnd,
    /// The other end.
    pub b: LinkEnd,
    /// The MTU of both.
    pub mtu: Option<u32>,
    /// Without duplicate address detection.
    pub nodad: bool,
    /// What is done to what either end sends.
    pub worse: Worse,
}

/// An end of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEnd {
    /// Where it is.
    pub place: Place,
    /// The device's name.
    pub name: IfName,
    /// The name before it was cut.
    pub altname: Option<String>,
    /// Whether the name was asked for.
    pub named: bool,
    /// Its addresses.
    pub ip: Vec<IpNet>,
    /// Its Ethernet address.
    pub mac: Option<Mac>,
}

/// What joins two switches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk {
    /// The port at one switch.
    pub a: TrunkEnd,
    /// The port at the other.
    pub b: TrunkEnd,
    /// Which VLANs pass.
    pub vlan: Vlan,
    /// The MTU of both ends.
    pub mtu: Option<u32>,
}

/// A port of a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkEnd {
    /// The switch.
    pub switch: SwitchName,
    /// The port.
    pub device: IfName,
    /// The name before it was cut.
    pub altname: Option<String>,
    /// Whether the name was asked for.
    pub named: bool,
}

/// A translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabNat {
    /// The switch.
    pub switch: SwitchName,
    /// The device that leads out; `None`: that of the host's default route.
    pub out: Option<IfName>,
}

/// A program in a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Where it runs.
    pub place: Place,
    /// Its name, the only one of it there.
    pub name: String,
    /// What is run.
    pub command: Command,
    /// Whether it is started again.
    pub restart: Restart,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A line for `sh -c`.
    Line(String),
    /// A program and its arguments.
    Words(Vec<String>),
}

/// Whether a program is started again when it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Restart {
    /// It is not.
    #[default]
    No,
    /// When it failed.
    OnFailure,
    /// Always.
    Always,
}

/// Who must, or must not, reach whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Who sends.
    pub from: Vec<Place>,
    /// To whom.
    pub to: Vec<Partner>,
    /// What is expected of it.
    pub what: Expected,
}

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Each is reached.
    Reach,
    /// None is reached.
    NoReach,
    /// Each is reached, and no other namespace of the lab.
    Only,
}

/// Who is to be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partner {
    /// A namespace, or the host.
    Place(Place),
    /// An address.
    Address(IpAddr),
}
