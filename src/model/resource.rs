//! Everything that ovsns makes, as one type, and what identifies it.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{
    Address, BackendName, Device, ExportProtocol, FlowExport, IfName, Impairment, Internal, Kind, Link, Mirror, Nat,
    Netns, NetnsName, Physical, Place, Policing, Port, Protocol, Published, Qos, Route, Ruleset, Switch, SwitchName,
    Sysctl, SysctlKey, Virtual, What,
};

/// Something that can be on a host. Each kind may depend only on those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Resource {
    /// A network namespace.
    Netns(Netns),
    /// Where a physical device is.
    Physical(Physical),
    /// A switch.
    Switch(Switch),
    /// A veth pair.
    Link(Link),
    /// A device that the kernel makes: a tunnel, or a VLAN of a Linux bridge.
    Virtual(Virtual),
    /// A device plugged into a switch.
    Port(Port),
    /// The device of an internal port, and where it is.
    Internal(Internal),
    /// The state of a device that somebody else makes.
    Device(Device),
    /// A setting of a namespace's network stack.
    Sysctl(Sysctl),
    /// An IP address.
    Address(Address),
    /// A route.
    Route(Route),
    /// What is done to the packets that a device sends.
    Impairment(Impairment),
    /// Copies of what passes through a switch.
    Mirror(Mirror),
    /// The queues of a port.
    Qos(Qos),
    /// How much may come in by a port.
    Policing(Policing),
    /// What a switch tells collectors.
    FlowExport(FlowExport),
    /// What translation and published ports share.
    Ruleset(Ruleset),
    /// Translation of addresses between a switch and the world.
    Nat(Nat),
    /// A port of the host that leads to a port of a namespace.
    Published(Published),
}

/// What stays the same while a resource changes. The variants stand in creation order.
///
/// The backend is no part of a switch's key, nor the switch of a port's: a device is on one switch at most, and the names
/// of switches are unique over both backends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Key {
    /// By name.
    Netns {
        /// The name below `/run/netns`.
        name: NetnsName,
    },
    /// By the device of the bus.
    Physical {
        /// The device of the bus, such as `0000:00:03.0`.
        bus_device: String,
    },
    /// By name.
    Switch {
        /// The switch's name.
        name: SwitchName,
    },
    /// By its `a` end.
    Link {
        /// The namespace of the `a` end.
        place: Place,
        /// The name of the `a` end.
        name: IfName,
    },
    /// By name.
    Virtual {
        /// The name of the device, on the host.
        name: IfName,
    },
    /// By the device that is plugged in.
    Port {
        /// The device on the host.
        device: IfName,
    },
    /// By place and name.
    Internal {
        /// The namespace that it is in.
        place: Place,
        /// The device's name, and the port's.
        name: IfName,
    },
    /// By place and name.
    Device {
        /// The namespace that it is in.
        place: Place,
        /// The device's name.
        name: IfName,
    },
    /// By place and name.
    Sysctl {
        /// The namespace whose setting it is.
        place: Place,
        /// Which setting.
        key: SysctlKey,
    },
    /// By device and address.
    Address {
        /// The namespace that the device is in.
        place: Place,
        /// The device.
        device: IfName,
        /// Address and prefix length.
        address: IpNet,
    },
    /// By destination and metric.
    Route {
        /// The namespace that it is in.
        place: Place,
        /// The destination.
        destination: IpNet,
        /// The metric, unless it is the kernel's own choice.
        metric: Option<u32>,
    },
    /// By the device that sends: it has one root queueing discipline.
    Impairment {
        /// The namespace that the device is in.
        place: Place,
        /// The device.
        device: IfName,
    },
    /// By switch and name.
    Mirror {
        /// The switch.
        switch: SwitchName,
        /// The mirror's name.
        name: String,
    },
    /// By the port.
    Qos {
        /// The device on the host.
        device: IfName,
    },
    /// By the port.
    Policing {
        /// The device on the host.
        device: IfName,
    },
    /// By switch and protocol.
    FlowExport {
        /// The switch.
        switch: SwitchName,
        /// The protocol.
        protocol: ExportProtocol,
    },
    /// There is one.
    Ruleset,
    /// By switch and the device that leads out.
    Nat {
        /// The switch.
        switch: SwitchName,
        /// The device that leads out.
        out: IfName,
    },
    /// By what is published.
    Published {
        /// The transport protocol.
        protocol: Protocol,
        /// The address of the host; `None`: all of them.
        address: Option<IpAddr>,
        /// The port of the host.
        port: u16,
    },
}

impl Resource {
    /// What identifies it.
    pub fn key(&self) -> Key {
        match self {
            Resource::Netns(netns) => Key::Netns { name: netns.name.clone() },
            Resource::Physical(physical) => Key::Physical { bus_device: physical.bus_device.clone() },
            Resource::Switch(switch) => Key::Switch { name: switch.name.clone() },
            Resource::Link(link) => Key::Link { place: link.a.place.clone(), name: link.a.name.clone() },
            Resource::Virtual(device) => Key::Virtual { name: device.name.clone() },
            Resource::Port(port) => Key::Port { device: port.device.clone() },
            Resource::Internal(device) => Key::Internal { place: device.place.clone(), name: device.name.clone() },
            Resource::Device(device) => Key::Device { place: device.place.clone(), name: device.name.clone() },
            Resource::Sysctl(sysctl) => Key::Sysctl { place: sysctl.place.clone(), key: sysctl.key.clone() },
            Resource::Address(a) => {
                Key::Address { place: a.place.clone(), device: a.device.clone(), address: a.address }
            }
            Resource::Route(r) => Key::Route { place: r.place.clone(), destination: r.destination, metric: r.metric },
            Resource::Impairment(i) => Key::Impairment { place: i.place.clone(), device: i.device.clone() },
            Resource::Mirror(mirror) => Key::Mirror { switch: mirror.switch.clone(), name: mirror.name.clone() },
            Resource::Qos(qos) => Key::Qos { device: qos.device.clone() },
            Resource::Policing(policing) => Key::Policing { device: policing.device.clone() },
            Resource::FlowExport(e) => Key::FlowExport { switch: e.switch.clone(), protocol: e.protocol },
            Resource::Ruleset(_) => Key::Ruleset,
            Resource::Nat(nat) => Key::Nat { switch: nat.switch.clone(), out: nat.out.clone() },
            Resource::Published(p) => Key::Published { protocol: p.protocol, address: p.address, port: p.port },
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Resource::Netns(_) => Kind::Netns,
            Resource::Physical(_) => Kind::Physical,
            Resource::Switch(_) => Kind::Switch,
            Resource::Link(_) => Kind::Link,
            Resource::Virtual(_) => Kind::Virtual,
            Resource::Port(_) => Kind::Port,
            Resource::Internal(_) => Kind::Internal,
            Resource::Device(_) => Kind::Device,
            Resource::Sysctl(_) => Kind::Sysctl,
            Resource::Address(_) => Kind::Address,
            Resource::Route(_) => Kind::Route,
            Resource::Impairment(_) => Kind::Impairment,
            Resource::Mirror(_) => Kind::Mirror,
            Resource::Qos(_) => Kind::Qos,
            Resource::Policing(_) => Kind::Policing,
            Resource::FlowExport(_) => Kind::FlowExport,
            Resource::Ruleset(_) => Kind::Ruleset,
            Resource::Nat(_) => Kind::Nat,
            Resource::Published(_) => Kind::Published,
        }
    }

    /// The backend of a switch or a port; `None` for what belongs to the kernel whatever the switch is made with.
    pub fn backend(&self) -> Option<BackendName> {
        match self {
            Resource::Switch(switch) => Some(switch.backend),
            Resource::Port(port) => Some(port.backend),
            Resource::Mirror(mirror) => Some(mirror.backend),
            Resource::Qos(qos) => Some(qos.backend),
            Resource::Policing(policing) => Some(policing.backend),
            Resource::FlowExport(export) => Some(export.backend),
            _ => None,
        }
    }

    /// This resource, with what it leaves open taken from `observed`, which has the same key: so `==` is the diff.
    pub fn over(&self, observed: &Resource) -> Resource {
        match (self, observed) {
            (Resource::Netns(wanted), Resource::Netns(seen)) => Resource::Netns(wanted.over(seen)),
            (Resource::Switch(wanted), Resource::Switch(seen)) => Resource::Switch(wanted.over(seen)),
            (Resource::Link(wanted), Resource::Link(seen)) => Resource::Link(wanted.over(seen)),
            (Resource::Virtual(wanted), Resource::Virtual(seen)) => Resource::Virtual(wanted.over(seen)),
            (Resource::Port(wanted), Resource::Port(seen)) => Resource::Port(wanted.over(seen)),
            (Resource::Internal(wanted), Resource::Internal(seen)) => Resource::Internal(wanted.over(seen)),
            (Resource::Device(wanted), Resource::Device(seen)) => Resource::Device(wanted.over(seen)),
            (Resource::Address(wanted), Resource::Address(seen)) => Resource::Address(wanted.over(seen)),
            (Resource::Route(wanted), Resource::Route(seen)) => Resource::Route(wanted.over(seen)),
            (Resource::Qos(wanted), Resource::Qos(seen)) => Resource::Qos(wanted.over(seen)),
            (Resource::Policing(wanted), Resource::Policing(seen)) => Resource::Policing(wanted.over(seen)),
            _ => self.clone(),
        }
    }

    /// What a change from `before` promises of this resource: all that does not go its own way meanwhile.
    pub fn promised(&self, before: &Resource) -> Resource {
        match (self, before) {
            (Resource::Switch(after), Resource::Switch(before)) => Resource::Switch(after.promised(before)),
            _ => self.clone(),
        }
    }

    /// Whether one `Modify` turns `observed` into this resource. If not, it is deleted and made again.
    pub fn can_follow(&self, observed: &Resource) -> bool {
        match (self, observed) {
            (Resource::Link(wanted), Resource::Link(seen)) => wanted.same_ends(seen),
            // Two systems, neither of which can change what the other has made.
            // On another datapath, its device is another one, and so is each port.
            (Resource::Switch(wanted), Resource::Switch(seen)) => {
                wanted.backend == seen.backend && (wanted.datapath.is_none() || wanted.datapath == seen.datapath)
            }
            // The kernel changes some settings of a tunnel, and others not.
            (Resource::Virtual(wanted), Resource::Virtual(seen)) => wanted.what == seen.what,
            (Resource::Internal(wanted), Resource::Internal(seen)) => wanted.lost == seen.lost,
            // A port with a device and one without are two things to ovs-vswitchd.
            (Resource::Port(wanted), Resource::Port(seen)) => {
                wanted.backend == seen.backend && wanted.interface.same_type(&seen.interface)
            }
            (Resource::Mirror(wanted), Resource::Mirror(seen)) => wanted.backend == seen.backend,
            (Resource::Qos(wanted), Resource::Qos(seen)) => wanted.backend == seen.backend,
            (Resource::Policing(wanted), Resource::Policing(seen)) => wanted.backend == seen.backend,
            // Duplicate address detection is done, or not, when an address is made.
            (Resource::Address(wanted), Resource::Address(seen)) => wanted.nodad == seen.nodad,
            // ip-route(8): a route with another next hop is another route; `replace` would hide whose it was.
            (Resource::Route(wanted), Resource::Route(seen)) => wanted == seen,
            _ => true,
        }
    }

    /// Whether it is lost when a device that it stands on goes down: routes are, and IPv6 addresses (`fib_disable_ip`,
    /// net/ipv4/fib_frontend.c; `addrconf_ifdown`, net/ipv6/addrconf.c).
    pub fn goes_down_with_device(&self) -> bool {
        match self {
            Resource::Address(address) => matches!(address.address, IpNet::V6(_)),
            Resource::Route(_) => true,
            _ => false,
        }
    }

    /// The devices that come and go with this resource.
    pub fn provides(&self) -> Vec<(Place, IfName)> {
        match self {
            Resource::Netns(netns) => vec![(Place::Named(netns.name.clone()), IfName::lo())],
            Resource::Switch(switch) => vec![(Place::Host, switch.name.device())],
            Resource::Link(link) => [&link.a, &link.b].map(|end| (end.place.clone(), end.name.clone())).into(),
            Resource::Virtual(device) => vec![(Place::Host, device.name.clone())],
            Resource::Internal(device) => vec![(device.place.clone(), device.name.clone())],
            _ => Vec::new(),
        }
    }

    /// The devices that have to be there for this resource to be. That a namespace is there shows in its `lo`.
    pub fn needs(&self) -> Vec<(Place, IfName)> {
        match self {
            Resource::Port(port) => {
                let own = port.host_devices().into_iter().cloned();
                [port.switch.device()].into_iter().chain(own).map(|device| (Place::Host, device)).collect()
            }
            Resource::Device(device) => vec![(device.place.clone(), device.name.clone())],
            Resource::Sysctl(sysctl) => vec![(sysctl.place.clone(), sysctl.key.device().unwrap_or_else(IfName::lo))],
            Resource::Impairment(i) => vec![(i.place.clone(), i.device.clone())],
            Resource::Mirror(mirror) => {
                let ports = mirror.sources().into_iter().chain(mirror.output_port()).cloned();
                ports.chain([mirror.switch.device()]).map(|device| (Place::Host, device)).collect()
            }
            Resource::Qos(qos) => [qos.switch.device(), qos.device.clone()].map(|device| (Place::Host, device)).into(),
            Resource::Policing(p) => [p.switch.device(), p.device.clone()].map(|device| (Place::Host, device)).into(),
            Resource::FlowExport(export) => vec![(Place::Host, export.switch.device())],
            Resource::Nat(nat) => vec![(Place::Host, nat.switch.device())],
            Resource::Address(a) => vec![(a.place.clone(), a.device.clone())],
            Resource::Route(r) => r.device.iter().map(|device| (r.place.clone(), device.clone())).collect(),
            Resource::Link(link) => {
                let named = |place: &&Place| place.name().is_some();
                let places = [&link.a.place, &link.b.place].into_iter().filter(named);
                places.map(|place| (place.clone(), IfName::lo())).collect()
            }
            Resource::Virtual(device) => match &device.what {
                What::Vlan { switch, .. } => vec![(Place::Host, switch.device())],
                What::Bond(bond) => bond.devices.iter().map(|name| (Place::Host, name.clone())).collect(),
                What::Tunnel(_) => Vec::new(),
            },
            Resource::Internal(Internal { place: place @ Place::Named(_), .. }) => vec![(place.clone(), IfName::lo())],
            Resource::Internal(_)
            | Resource::Netns(_)
            | Resource::Physical(_)
            | Resource::Switch(_)
            | Resource::Ruleset(_)
            | Resource::Published(_) => Vec::new(),
        }
    }
}

impl Key {
    /// The kind of what it identifies.
    pub fn kind(&self) -> Kind {
        match self {
            Key::Netns { .. } => Kind::Netns,
            Key::Physical { .. } => Kind::Physical,
            Key::Switch { .. } => Kind::Switch,
            Key::Link { .. } => Kind::Link,
            Key::Virtual { .. } => Kind::Virtual,
            Key::Port { .. } => Kind::Port,
            Key::Internal { .. } => Kind::Internal,
            Key::Device { .. } => Kind::Device,
            Key::Sysctl { .. } => Kind::Sysctl,
            Key::Address { .. } => Kind::Address,
            Key::Route { .. } => Kind::Route,
            Key::Impairment { .. } => Kind::Impairment,
            Key::Mirror { .. } => Kind::Mirror,
            Key::Qos { .. } => Kind::Qos,
            Key::Policing { .. } => Kind::Policing,
            Key::FlowExport { .. } => Kind::FlowExport,
            Key::Ruleset => Kind::Ruleset,
            Key::Nat { .. } => Kind::Nat,
            Key::Published { .. } => Kind::Published,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind())?;
        match self {
            Key::Netns { name } => write!(f, "{name}"),
            Key::Switch { name } => write!(f, "{name}"),
            Key::Virtual { name } => write!(f, "{name}"),
            Key::Port { device } => write!(f, "{device}"),
            Key::Physical { bus_device } => write!(f, "device {bus_device}"),
            Key::Link { place, name } | Key::Internal { place, name } | Key::Device { place, name } => {
                located(f, place, name)
            }
            Key::Address { place, device, address } => {
                write!(f, "{address} on ")?;
                located(f, place, device)
            }
            Key::Route { place, destination, .. } => write!(f, "to {destination} in {place}"),
            Key::Sysctl { place: Place::Host, key } => write!(f, "{key}"),
            Key::Sysctl { place, key } => write!(f, "{key} in {place}"),
            Key::Impairment { place, device } => {
                f.write_str("of ")?;
                located(f, place, device)
            }
            Key::Mirror { switch, name } => write!(f, "{name} of {switch}"),
            Key::Qos { device } | Key::Policing { device } => write!(f, "of {device}"),
            Key::FlowExport { switch, protocol } => write!(f, "of {switch} by {protocol}"),
            Key::Ruleset => f.write_str("inet ovsns"),
            Key::Nat { switch, out } => write!(f, "of {switch} out of {out}"),
            Key::Published { protocol, address, port } => match address {
                Some(address) => write!(f, "{protocol} {}", std::net::SocketAddr::new(*address, *port)),
                None => write!(f, "{protocol} {port}"),
            },
        }
    }
}

/// A device as people say it: by name, with its namespace unless that is the host's.
fn located(f: &mut fmt::Formatter<'_>, place: &Place, name: &IfName) -> fmt::Result {
    match place {
        Place::Host => write!(f, "{name}"),
        _ => write!(f, "{name} in {place}"),
    }
}
