//! Who is joined to whom in a state, to be looked up without going through all of it each time. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{End, Family, IfName, Place, Resource, State, SwitchName};

/// A namespace by the device that leads to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    pub place: Place,
    pub device: IfName,
}

/// An address of a namespace, and the way there.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: IpAddr,
    pub guest: Guest,
    /// The device of the host that is in the same network.
    pub device: IfName,
    /// The switch whose own device that is.
    pub switch: Option<SwitchName>,
    /// All addresses of that device.
    pub own: Vec<IpNet>,
}

/// A pair that leads from a namespace to the host.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    pub inside: &'a End,
    pub on_host: &'a End,
}

/// The pairs, ports, addresses and default routes of a state.
#[derive(Debug, Default)]
pub struct Wiring<'a> {
    ways: BTreeMap<&'a Place, Vec<Way<'a>>>,
    /// The same by the ends on the host.
    far_ends: BTreeMap<&'a IfName, &'a End>,
    /// The switches by what is plugged into them, and the other way round.
    switches: BTreeMap<&'a IfName, &'a SwitchName>,
    ports: BTreeMap<&'a SwitchName, Vec<&'a IfName>>,
    addresses: BTreeMap<&'a Place, Vec<(&'a IfName, IpNet)>>,
    routed: BTreeSet<(&'a Place, Family)>,
}

impl<'a> Wiring<'a> {
    /// Those of `state`.
    pub fn of(state: &'a State) -> Wiring<'a> {
        let mut wiring = Wiring::default();
        for resource in state.resources() {
            match resource {
                Resource::Link(link) => {
                    wiring.join(&link.a, &link.b);
                    wiring.join(&link.b, &link.a);
                }
                Resource::Port(port) => {
                    wiring.switches.insert(&port.device, &port.switch);
                    wiring.ports.entry(&port.switch).or_default().push(&port.device);
                }
                Resource::Address(address) => {
                    wiring.addresses.entry(&address.place).or_default().push((&address.device, address.address));
                }
                Resource::Route(route) if route.destination.prefix_len() == 0 => {
                    wiring.routed.insert((&route.place, Family::of(route.destination.addr())));
                }
                _ => {}
            }
        }
        wiring
    }

    fn join(&mut self, inside: &'a End, on_host: &'a End) {
        if on_host.place == Place::Host && inside.place != Place::Host {
            self.ways.entry(&inside.place).or_default().push(Way { inside, on_host });
            self.far_ends.insert(&on_host.name, inside);
        }
    }

    /// The pairs that lead from the namespace at `place` to the host.
    pub fn ways(&self, place: &Place) -> &[Way<'a>] {
        self.ways.get(place).map(Vec::as_slice).unwrap_or_default()
    }

    /// The switch that `device` of the host is a port of.
    pub fn switch_of(&self, device: &IfName) -> Option<&'a SwitchName> {
        self.switches.get(device).copied()
    }

    /// The namespaces on `switch` that can be looked into.
    pub fn guests(&self, switch: &SwitchName) -> Vec<Guest> {
        let ports = self.ports.get(switch).into_iter().flatten();
        let ends = ports.filter_map(|port| self.far_ends.get(*port)).filter(|end| !matches!(end.place, Place::Nsid(_)));
        ends.map(|end| Guest { place: end.place.clone(), device: end.name.clone() }).collect()
    }

    /// The addresses in the namespace at `place`.
    pub fn addresses_in(&self, place: &Place) -> impl Iterator<Item = (&'a IfName, IpNet)> + '_ {
        self.addresses.get(place).into_iter().flatten().copied()
    }

    /// The addresses of one device.
    pub fn addresses_of(&self, place: &Place, device: &IfName) -> Vec<IpNet> {
        self.addresses_in(place).filter(|(there, _)| *there == device).map(|(_, address)| address).collect()
    }

    /// Whether there is a default route of this version of IP.
    pub fn has_default(&self, place: &Place, family: Family) -> bool {
        self.routed.contains(&(place, family))
    }

    /// The device of the host that is in the network which `way` leads to: the own device of the switch, or the end itself.
    pub fn device_of(&self, way: &Way<'_>) -> IfName {
        self.switch_of(&way.on_host.name).map_or_else(|| way.on_host.name.clone(), SwitchName::device)
    }

    /// Each address of the namespace at `place` that is in the network of a device of the host which leads there.
    pub fn targets(&self, place: &Place) -> Vec<Target> {
        let mut targets = Vec::new();
        for way in self.ways(place) {
            let switch = self.switch_of(&way.on_host.name).cloned();
            let device = self.device_of(way);
            let own = self.addresses_of(&Place::Host, &device);
            for address in self.addresses_of(place, &way.inside.name).iter().map(IpNet::addr) {
                if own.iter().any(|own| own.contains(&address)) {
                    let guest = Guest { place: place.clone(), device: way.inside.name.clone() };
                    let (device, switch, own) = (device.clone(), switch.clone(), own.clone());
                    targets.push(Target { address, guest, device, switch, own });
                }
            }
        }
        targets
    }
}
