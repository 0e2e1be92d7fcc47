//! Generated states in which everything has what it stands on.
//!
//! Names come from small pools, so that two states share keys; what cannot stand (a port whose switch was not drawn) is left out.

// Each test binary uses a part of this only.
#![allow(dead_code)]
// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod translation;

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use ovsns::backend::memory::Memory;
use ovsns::model::setting::Setting;
use ovsns::model::{
    Address, BackendName, Datapath, Device, End, Entry, IfName, Impairment, Interface, Internal, Link, Mac, Netns,
    Owner, Place, Port, Resource, Route, Settings, State, Switch, Tunnel, TunnelType, Virtual, Vlan, VlanId, VlanMode,
    What,
};
use ovsns::plan::describe;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use translation::{Translation, translation};

/// Devices of the host that are nobody's.
const UPLINKS: [&str; 2] = ["up0", "up1"];
const SWITCHES: usize = 3;
const LINKS: usize = 5;

/// A name, an address, …, from its text.
pub fn parse<T: std::str::FromStr<Err: std::fmt::Debug>>(text: impl AsRef<str>) -> T {
    text.as_ref().parse().unwrap()
}

/// A memory backend that holds `state`, on a host with the uplinks that generated states use.
pub fn memory(state: &State) -> Memory {
    UPLINKS.iter().fold(Memory::holding(state.clone()), |memory, name| memory.with_device(parse(name)))
}

/// A state that a failing test shows a line an entry.
#[derive(Clone, PartialEq)]
pub struct Shown(pub State);

impl std::ops::Deref for Shown {
    type Target = State;
    fn deref(&self) -> &State {
        &self.0
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for entry in self.0.entries() {
            let owner = entry.owner.as_ref().map_or("", |owner| owner.as_str());
            writeln!(f, "    {} [{owner}]", describe(&entry.resource))?;
        }
        Ok(())
    }
}

/// A state.
pub fn state() -> impl Strategy<Value = Shown> {
    choices().prop_map(|choices| Shown(choices.build()))
}

/// Two states that share a part, large or small.
pub fn pair() -> impl Strategy<Value = (Shown, Shown)> {
    (choices(), choices(), any::<u64>())
        .prop_map(|(one, other, mask)| (Shown(one.build()), Shown(one.mixed(&other, &mut Mask(mask)).build())))
}

/// What may be in a state, slot by slot.
#[derive(Debug, Clone)]
struct Choices {
    netns: Vec<Option<Option<Owner>>>,
    switches: Vec<Option<(Switch, Option<Owner>)>>,
    links: Vec<Option<(Link, Option<Owner>)>>,
    ports: Vec<Option<PortChoice>>,
    patches: Vec<Option<PatchChoice>>,
    virtuals: Vec<Option<VirtualChoice>>,
    internals: Vec<Option<(Place, Option<Owner>)>>,
    devices: Vec<Option<bool>>,
    addresses: Vec<Option<AddressChoice>>,
    routes: Vec<Option<RouteChoice>>,
    impairments: Vec<Option<ImpairmentChoice>>,
    translation: Translation,
}

/// The number of a switch, VLANs and settings, `iface-id`, the namespace behind it, and an owner.
type PortChoice = (usize, (Vlan, Settings), Option<String>, Option<Place>, Option<Owner>);
/// The number of a switch, that of the other end, and an owner.
type PatchChoice = (usize, u8, Option<Owner>);
/// The number of a switch, the MTU, another setting, and an owner.
type VirtualChoice = (usize, Option<u32>, bool, Option<Owner>);
/// One of the devices, the address, and `nodad`.
type AddressChoice = (prop::sample::Index, IpNet, bool);
/// One of the bases of that kind, the number of the destination, and the metric.
type RouteChoice = (prop::sample::Index, RouteKind, u8, Option<u32>);

/// One of the devices, whether it is late, and a rate.
type ImpairmentChoice = (prop::sample::Index, bool, Option<&'static str>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum RouteKind {
    /// On the link of a device that has an address.
    Direct,
    /// By way of a router in the network of an address.
    Via,
    /// The same, with the device left to the kernel.
    ViaAnywhere,
    /// By way of a router in the network of a direct route.
    Indirect,
}

fn owner() -> impl Strategy<Value = Option<Owner>> {
    prop::sample::select(vec![None, Some(Owner::verbs()), Some(parse("lab-a"))])
}

fn place() -> impl Strategy<Value = Place> {
    prop::sample::select(vec!["host", "host", "host", "ns0", "ns1", "ns2", "pid:77", "path:/run/x/net", "docker:web"])
        .prop_map(parse)
}

fn mac() -> impl Strategy<Value = Option<Mac>> {
    option::of((0u8..4).prop_map(|last| parse(format!("02:00:00:00:00:{last:02x}"))))
}

fn mtu() -> impl Strategy<Value = Option<u32>> {
    option::of(prop::sample::select(vec![1400u32, 1500, 9000]))
}

fn switch(number: usize) -> impl Strategy<Value = (Switch, Option<Owner>)> {
    let backend = prop::sample::select(vec![BackendName::Ovs, BackendName::Linux]);
    let datapath = option::of(prop::sample::select(vec![Datapath::System, Datapath::Netdev]));
    let flags = (option::of(any::<bool>()), option::of(any::<bool>()), settings(OF_SWITCHES));
    (backend, datapath, mac(), mtu(), flags, owner()).prop_map(move |(backend, datapath, mac, mtu, flags, owner)| {
        let switch = Switch::new(parse(format!("sw{number}")), backend);
        let datapath = datapath.filter(|_| backend == BackendName::Ovs);
        let (rstp, vlan_filtering) = if backend == BackendName::Ovs { (flags.1, None) } else { (None, flags.1) };
        (Switch { datapath, mac, mtu, stp: flags.0, rstp, vlan_filtering, settings: flags.2, ..switch }, owner)
    })
}

fn end(name: String) -> impl Strategy<Value = End> {
    let altname = option::of(prop::sample::select(vec!["a-name-that-was-cut", "another one"]));
    (place(), altname, mac(), mtu(), any::<bool>(), option::of(any::<bool>()), option::of(any::<bool>())).prop_map(
        move |(place, altname, mac, mtu, up, arp, tx_checksum)| {
            let altname = altname.map(|text| format!("{text} of {name}"));
            End { place, name: parse(&name), altname, mac, mtu, up, arp, tx_checksum }
        },
    )
}

fn link(number: usize) -> impl Strategy<Value = (Link, Option<Owner>)> {
    let inside = prop::sample::select(vec!["eth", "in"]).prop_flat_map(move |name| end(format!("{name}{number}")));
    (end(format!("veth{number}")), inside, owner()).prop_map(|(a, b, owner)| (Link::new(a, b), owner))
}

fn vlan() -> impl Strategy<Value = Vlan> {
    let id = || (1u16..5).prop_map(|id| VlanId::try_from(id).unwrap());
    (option::of(id()), prop::collection::btree_set(id(), 0..3), any::<bool>()).prop_map(|(tag, trunks, native)| {
        let mode = (native && tag.is_some()).then_some(VlanMode::NativeTagged);
        Vlan { tag, trunks, mode, ..Vlan::default() }
    })
}

/// Some of these, each by name with the text of one of its values: none, that which it has by itself, and others.
fn settings(of: &'static [(&'static str, &'static [&'static str])]) -> impl Strategy<Value = Settings> {
    let one = |(name, values): &(&'static str, &'static [&'static str])| {
        let setting = Setting::named(name).unwrap();
        option::of(prop::sample::select(values.to_vec()).prop_map(move |text| (setting, setting.read(text).unwrap())))
    };
    of.iter().map(one).collect::<Vec<_>>().prop_map(|said| {
        let mut settings = Settings::default();
        said.into_iter().flatten().for_each(|(setting, value)| settings.set(setting, value));
        settings
    })
}

const OF_SWITCHES: &[(&str, &[&str])] =
    &[("stp-priority", &["4096", "32768"]), ("mcast-snooping", &["on", "off"]), ("ageing", &["60", "300", "900"])];
const OF_PORTS: &[(&str, &[&str])] = &[("isolated", &["on", "off"]), ("stp-port-priority", &["1", "32"])];

fn net() -> impl Strategy<Value = IpNet> {
    (0u8..2, 1u8..4, any::<bool>()).prop_map(|(subnet, host, v4)| {
        if v4 { parse(format!("10.0.{subnet}.{host}/24")) } else { parse(format!("fd00:{subnet}::{host}/64")) }
    })
}

/// For each number a strategy, and at each slot something or nothing.
fn each<S: Strategy>(count: usize, strategy: impl Fn(usize) -> S) -> Vec<impl Strategy<Value = Option<S::Value>>> {
    (0..count).map(|number| option::weighted(0.7, strategy(number))).collect()
}

fn choices() -> impl Strategy<Value = Choices> {
    use prop::sample::Index;
    let iface_id = option::of(prop::sample::select(vec!["vif-1", "vif 2", ""]).prop_map(str::to_owned));
    let port = (0..SWITCHES, (vlan(), settings(OF_PORTS)), iface_id, option::of(place()), owner());
    let kind = prop::sample::select(vec![
        RouteKind::Direct,
        RouteKind::Direct,
        RouteKind::Via,
        RouteKind::ViaAnywhere,
        RouteKind::Indirect,
    ]);
    let route = (any::<Index>(), kind, 0u8..3, option::of(Just(100u32)));
    let rate = option::of(prop::sample::select(vec!["1mbit", "10mbit"]));
    let impairment = (any::<Index>(), any::<bool>(), rate);
    (
        each(3, |_| owner()),
        each(SWITCHES, switch),
        each(LINKS, link),
        (vec(option::weighted(0.7, port), LINKS + UPLINKS.len()), vec(option::of((0..SWITCHES, 0u8..5, owner())), 2)),
        (vec(option::of((0..SWITCHES, mtu(), any::<bool>(), owner())), 2), vec(option::of((place(), owner())), 2)),
        vec(option::of(any::<bool>()), SWITCHES + UPLINKS.len()),
        vec(option::weighted(0.8, (any::<Index>(), net(), any::<bool>())), 6),
        vec(option::weighted(0.8, route), 5),
        vec(option::weighted(0.6, impairment), 3),
        translation(SWITCHES),
    )
        .prop_map(
            |(
                netns,
                switches,
                links,
                (ports, patches),
                (virtuals, internals),
                devices,
                addresses,
                routes,
                impairments,
                translation,
            )| {
                Choices {
                    netns,
                    switches,
                    links,
                    ports,
                    patches,
                    virtuals,
                    internals,
                    devices,
                    addresses,
                    routes,
                    impairments,
                    translation,
                }
            },
        )
}

/// Bits, taken from the lowest: which of two states a slot comes from.
pub struct Mask(u64);

impl Mask {
    pub fn pick<T: Clone>(&mut self, one: &[T], other: &[T]) -> Vec<T> {
        let mut from_other = || {
            self.0 = self.0.rotate_right(1);
            self.0 & 1 == 1
        };
        one.iter().zip(other).map(|(one, other)| if from_other() { other.clone() } else { one.clone() }).collect()
    }
}

impl Choices {
    fn mixed(&self, other: &Choices, mask: &mut Mask) -> Choices {
        Choices {
            netns: mask.pick(&self.netns, &other.netns),
            switches: mask.pick(&self.switches, &other.switches),
            links: mask.pick(&self.links, &other.links),
            ports: mask.pick(&self.ports, &other.ports),
            patches: mask.pick(&self.patches, &other.patches),
            virtuals: mask.pick(&self.virtuals, &other.virtuals),
            internals: mask.pick(&self.internals, &other.internals),
            devices: mask.pick(&self.devices, &other.devices),
            addresses: mask.pick(&self.addresses, &other.addresses),
            routes: mask.pick(&self.routes, &other.routes),
            impairments: mask.pick(&self.impairments, &other.impairments),
            translation: self.translation.mixed(&other.translation, mask),
        }
    }

    /// Kind by kind, in the order in which they stand on each other.
    fn build(&self) -> State {
        let mut builder = Builder::default();
        for (number, owner) in self.netns.iter().enumerate() {
            let netns = Netns::new(parse(format!("ns{number}")));
            builder.add(owner.clone().map(|owner| (Resource::Netns(netns), owner)));
        }
        self.switches.iter().flatten().cloned().for_each(|(switch, owner)| builder.add_switch(switch, owner));
        self.links.iter().flatten().cloned().for_each(|(link, owner)| builder.add_link(link, owner));
        for (slot, choice) in self.ports.iter().enumerate() {
            if let Some(choice) = choice {
                builder.add_port(slot, choice.clone());
            }
        }
        for (slot, choice) in self.patches.iter().enumerate() {
            if let Some(choice) = choice {
                builder.add_patch(slot, choice.clone());
            }
        }
        for (slot, choice) in self.virtuals.iter().enumerate() {
            if let Some(choice) = choice {
                builder.add_virtual(slot, choice.clone());
            }
        }
        for (slot, choice) in self.internals.iter().enumerate() {
            if let Some((place, owner)) = choice.clone().filter(|(place, _)| builder.has_place(place)) {
                let name = parse(format!("int{slot}"));
                builder.add(Some((Resource::Internal(Internal::new(place, name)), owner)));
            }
        }
        for (slot, up) in self.devices.iter().enumerate() {
            let name = if slot < SWITCHES { format!("sw{slot}") } else { UPLINKS[slot - SWITCHES].to_owned() };
            builder.add_device(parse(name), *up);
        }
        self.addresses.iter().flatten().for_each(|choice| builder.add_address(choice));
        let mut routes: Vec<_> = self.routes.iter().flatten().collect();
        routes.sort_by_key(|(_, kind, ..)| *kind == RouteKind::Indirect);
        routes.into_iter().for_each(|choice| builder.add_route(choice));
        self.impairments.iter().flatten().for_each(|choice| builder.add_impairment(choice));
        builder.add_translation(&self.translation);
        builder.state
    }
}

#[derive(Default)]
struct Builder {
    state: State,
}

impl Builder {
    fn add(&mut self, resource: Option<(Resource, Option<Owner>)>) {
        if let Some((resource, owner)) = resource {
            self.state.insert(Entry { resource, owner });
        }
    }

    fn unmarked(&mut self, resource: Resource) {
        self.add(Some((resource, None)));
    }

    fn devices(&self) -> BTreeSet<(Place, IfName)> {
        let uplinks = UPLINKS.iter().map(|name| (Place::Host, parse(name)));
        self.state.resources().flat_map(Resource::provides).chain(uplinks).collect()
    }

    fn has_place(&self, place: &Place) -> bool {
        place.name().is_none() || self.devices().contains(&(place.clone(), IfName::lo()))
    }

    fn add_switch(&mut self, switch: Switch, owner: Option<Owner>) {
        self.add(Some((Resource::Switch(switch), owner)));
    }

    fn add_translation(&mut self, translation: &Translation) {
        let switches = self.state.resources().filter_map(|resource| match resource {
            Resource::Switch(switch) => Some(switch.name.clone()),
            _ => None,
        });
        let resources = translation.resources(&switches.collect());
        resources.into_iter().for_each(|resource| self.add(Some((resource, Some(Owner::verbs())))));
    }

    fn add_link(&mut self, link: Link, owner: Option<Owner>) {
        if self.has_place(&link.a.place) && self.has_place(&link.b.place) {
            self.add(Some((Resource::Link(link), owner)));
        }
    }

    fn add_port(&mut self, slot: usize, (switch, (vlan, settings), iface_id, netns, owner): PortChoice) {
        let name = parse::<ovsns::model::SwitchName>(format!("sw{switch}"));
        let key = ovsns::model::Key::Switch { name: name.clone() };
        let Some(backend) = self.state.get(&key).and_then(|entry| entry.resource.backend()) else { return };
        let device = if slot < LINKS { parse(format!("veth{slot}")) } else { parse(UPLINKS[slot - LINKS]) };
        if self.devices().contains(&(Place::Host, IfName::clone(&device))) {
            let ovs = backend == BackendName::Ovs;
            let (iface_id, netns, owner) = (iface_id.filter(|_| ovs), netns.filter(|_| ovs), owner.filter(|_| ovs));
            self.add(Some((
                Resource::Port(Port { vlan, settings, iface_id, netns, ..Port::new(name, device, backend) }),
                owner,
            )));
        }
    }

    /// Some under the name of a device, which the port is not any more, then.
    fn add_patch(&mut self, slot: usize, (switch, peer, owner): PatchChoice) {
        let name = parse::<ovsns::model::SwitchName>(format!("sw{switch}"));
        let key = ovsns::model::Key::Switch { name: name.clone() };
        if self.state.get(&key).and_then(|entry| entry.resource.backend()) == Some(BackendName::Ovs) {
            let device = if slot == 0 { parse("veth0") } else { parse(format!("patch{slot}")) };
            let interface = match peer {
                0 | 1 => Interface::Patch(parse(format!("patch{}", peer + 5))),
                2 => {
                    let tunnel = Tunnel::new(TunnelType::Gre, parse("192.0.2.2"));
                    Interface::Tunnel(Tunnel { ttl: Some(7), ..tunnel })
                }
                3 => Interface::Tunnel(Tunnel::new(TunnelType::Vxlan, parse("flow"))),
                _ => Interface::Internal { mtu: None },
            };
            let port = Port { interface, ..Port::new(name, device, BackendName::Ovs) };
            self.add(Some((Resource::Port(port), owner)));
        }
    }

    /// A tunnel, and a VLAN of a Linux bridge.
    fn add_virtual(&mut self, slot: usize, (switch, mtu, other, owner): VirtualChoice) {
        let switch = parse::<ovsns::model::SwitchName>(format!("sw{switch}"));
        let key = ovsns::model::Key::Switch { name: switch.clone() };
        let is_linux = self.state.get(&key).and_then(|entry| entry.resource.backend()) == Some(BackendName::Linux);
        let what = match slot {
            0 => {
                let plain = Tunnel::new(TunnelType::Vxlan, parse("192.0.2.2"));
                What::Tunnel(Tunnel { key: other.then(|| parse("7")), ..plain })
            }
            _ if is_linux => What::Vlan { switch, vlan: if other { 7u16 } else { 8 }.try_into().unwrap() },
            _ => return,
        };
        let device = Virtual { mtu, ..Virtual::new(parse(format!("virt{slot}")), what) };
        self.add(Some((Resource::Virtual(device), owner)));
    }

    fn add_device(&mut self, name: IfName, up: Option<bool>) {
        if let Some(up) = up
            && self.devices().contains(&(Place::Host, name.clone()))
        {
            self.unmarked(Resource::Device(Device::new(Place::Host, name, up)));
        }
    }

    fn add_address(&mut self, (device, net, nodad): &AddressChoice) {
        let devices: Vec<_> = self.devices().into_iter().collect();
        let (place, device) = device.get(&devices).clone();
        self.unmarked(Resource::Address(Address::new(place, device, *net, *nodad)));
    }

    fn add_impairment(&mut self, (device, late, rate): &ImpairmentChoice) {
        let devices: Vec<_> = self.devices().into_iter().collect();
        let (place, device) = device.get(&devices).clone();
        let delay = late.then(|| parse("20ms"));
        let impairment = Impairment { delay, rate: rate.map(parse), ..Impairment::none(place, device) };
        if !impairment.is_none() {
            self.unmarked(Resource::Impairment(impairment));
        }
    }

    fn add_route(&mut self, (base, kind, number, metric): &RouteChoice) {
        let bases: Vec<Base> = self.state.resources().filter_map(|resource| Base::of(resource, *kind)).collect();
        if bases.is_empty() {
            return;
        }
        let base = base.get(&bases);
        let v4 = matches!(base.net, IpNet::V4(_));
        let destination = match (v4, kind, number) {
            (true, RouteKind::Direct, number) => parse(format!("172.16.{number}.0/24")),
            (false, RouteKind::Direct, number) => parse(format!("fd01:{number}::/64")),
            (true, _, 0) => parse("0.0.0.0/0"),
            (false, _, 0) => parse("::/0"),
            (true, _, number) => parse(format!("172.17.{number}.0/24")),
            (false, _, number) => parse(format!("fd02:{number}::/64")),
        };
        let via = (*kind != RouteKind::Direct).then(|| router(&base.net));
        let device = (*kind != RouteKind::ViaAnywhere).then(|| base.device.clone());
        let route = Route { metric: *metric, ..Route::new(base.place.clone(), destination, via, device) };
        self.unmarked(Resource::Route(route.normalised()));
    }
}

/// What a route can stand on: an address, or for an indirect one a direct route.
struct Base {
    place: Place,
    device: IfName,
    net: IpNet,
}

impl Base {
    fn of(resource: &Resource, kind: RouteKind) -> Option<Base> {
        match (resource, kind) {
            (Resource::Route(r), RouteKind::Indirect) if r.via.is_none() => {
                Some(Base { place: r.place.clone(), device: r.device.clone()?, net: r.destination })
            }
            (Resource::Address(a), kind) if kind != RouteKind::Indirect => {
                Some(Base { place: a.place.clone(), device: a.device.clone(), net: a.address })
            }
            _ => None,
        }
    }
}

/// The last host of a network but one.
fn router(net: &IpNet) -> IpAddr {
    match net {
        IpNet::V4(net) => IpAddr::V4((u32::from(net.broadcast()) - 1).into()),
        IpNet::V6(net) => IpAddr::V6((u128::from(net.network()) + 0xfe).into()),
    }
}
