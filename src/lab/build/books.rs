//! What may be there once only, and where it was said: devices, addresses, default routes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::lab::mistake::{Found, Wrong};
use crate::lab::parts::Lab;
use crate::lab::source::Span;
use crate::model::{IfName, Mac, Place, Protocol, SwitchName, Vlan, VlanId};

/// Who hears each other: the ports of a switch with one tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Domain {
    switch: SwitchName,
    tag: Option<VlanId>,
}

impl Domain {
    pub fn of(switch: &SwitchName, tag: Option<VlanId>) -> Domain {
        Domain { switch: switch.clone(), tag }
    }
}

/// An address of a device, as it was said.
struct Said<'n> {
    place: Place,
    device: IfName,
    net: IpNet,
    domain: Option<Domain>,
    span: &'n Span,
}

/// The address of the host at which a port is published (`None`: all of them), and where that was said.
type At<'n> = (Option<IpAddr>, &'n Span);

#[derive(Default)]
pub(super) struct Books<'n> {
    devices: HashMap<(Place, IfName), &'n Span>,
    addresses: Vec<Said<'n>>,
    macs: HashMap<(Domain, Mac), &'n Span>,
    /// By destination and metric.
    routes: HashMap<(Place, IpNet, Option<u32>), &'n Span>,
    trunks: HashMap<(SwitchName, SwitchName), u32>,
    joined: Vec<(SwitchName, SwitchName, Vlan)>,
    tagged: HashSet<SwitchName>,
    published: HashMap<(Protocol, u16), Vec<At<'n>>>,
    programs: HashSet<(Place, String)>,
    nats: HashSet<(SwitchName, Option<IfName>)>,
}

/// Two trunks with all their VLANs are compared; more than this is not worth it.
const JOINS_MAX: usize = 1_000_000;

impl<'n> Books<'n> {
    pub fn device(&mut self, place: Place, name: IfName, span: &'n Span, found: &mut Found) {
        let key = (place, name);
        match self.devices.get(&key) {
            Some(first) => {
                let (place, name) = &key;
                let whose = if *place == Place::Host { "the host".to_owned() } else { format!("namespace `{place}`") };
                let wrong = Wrong::new(format!("{whose} would have two devices `{name}`"));
                found.add(span, wrong.other(first, "the first one").hint("choose another name for one of them"));
            }
            None => drop(self.devices.insert(key, span)),
        }
    }

    pub fn has_device(&self, place: &Place, name: &IfName) -> bool {
        self.devices.contains_key(&(place.clone(), name.clone()))
    }

    /// The devices of the lab at `place`.
    pub fn devices<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = &'a IfName> {
        self.devices.keys().filter(move |(there, _)| there == place).map(|(_, name)| name)
    }

    pub fn address(&mut self, place: Place, device: IfName, net: IpNet, domain: Option<Domain>, span: &'n Span) {
        self.addresses.push(Said { place, device, net, domain, span });
    }

    pub fn mac(&mut self, mac: Mac, domain: Domain, span: &'n Span, found: &mut Found) {
        let key = (domain, mac);
        match self.macs.get(&key) {
            Some(first) => {
                let wrong = Wrong::new(format!("{mac} is there twice on switch `{}`", key.0.switch));
                let wrong = wrong.other(first, "the first one");
                found.add(span, wrong.hint("in a range, `+` counts up: `02:00:00:00:00:+`"));
            }
            None => drop(self.macs.insert(key, span)),
        }
    }

    /// A route by its destination and metric.
    pub fn route(&mut self, place: Place, to: IpNet, metric: Option<u32>, span: &'n Span, found: &mut Found) {
        let text = if to.prefix_len() == 0 { "a default route".to_owned() } else { format!("a route to {to}") };
        match self.routes.get(&(place.clone(), to, metric)) {
            Some(first) => {
                let wrong = Wrong::new(format!("`{place}` has {text} already")).other(first, "the first one");
                found.add(span, wrong.hint("leave one of them out, or give one another metric"));
            }
            None => drop(self.routes.insert((place, to, metric), span)),
        }
    }

    pub fn default_route(&mut self, place: Place, gateway: IpAddr, span: &'n Span, found: &mut Found) {
        let to = match gateway {
            IpAddr::V4(_) => IpNet::V4(ipnet::Ipv4Net::default()),
            IpAddr::V6(_) => IpNet::V6(ipnet::Ipv6Net::default()),
        };
        self.route(place, to, None, span, found);
    }

    /// Notes a published port; answers where it was published before.
    pub fn publish(
        &mut self,
        protocol: Protocol,
        port: u16,
        address: Option<IpAddr>,
        span: &'n Span,
    ) -> Option<&'n Span> {
        let there = self.published.entry((protocol, port)).or_default();
        let same = |other: &Option<IpAddr>| other.is_none() || address.is_none() || *other == address;
        if let Some((_, first)) = there.iter().find(|(other, _)| same(other)) {
            return Some(first);
        }
        there.push((address, span));
        None
    }

    /// Whether `switch` was not translated there before.
    pub fn nat(&mut self, switch: &SwitchName, out: Option<&IfName>) -> bool {
        self.nats.insert((switch.clone(), out.cloned()))
    }

    /// Whether no program at `place` had this name.
    pub fn program(&mut self, place: &Place, name: &str) -> bool {
        self.programs.insert((place.clone(), name.to_owned()))
    }

    /// The number of the next trunk between two switches.
    pub fn trunk(&mut self, a: &SwitchName, b: &SwitchName) -> u32 {
        let pair = if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) };
        let number = self.trunks.entry(pair).or_default();
        *number += 1;
        *number
    }

    pub fn joined(&mut self, a: &SwitchName, b: &SwitchName, vlan: &Vlan) {
        self.joined.push((a.clone(), b.clone(), vlan.clone()));
    }

    /// Notes that `switch` has to look at tags.
    pub fn tagged(&mut self, switch: &SwitchName, vlan: &Vlan) {
        if !vlan.is_any() {
            self.tagged.insert(switch.clone());
        }
    }

    /// The device at `place` that is in a subnet with `gateway`; the narrowest.
    pub fn way_to(&self, places: &Ways, place: &Place, gateway: IpAddr) -> Option<IfName> {
        let own = places.0.get(place)?.iter().map(|at| &self.addresses[*at]);
        let near = own.filter(|said| said.net.contains(&gateway)).max_by_key(|said| said.net.prefix_len());
        near.map(|said| said.device.clone())
    }

    /// The subnets at `place`.
    pub fn subnets(&self, places: &Ways, place: &Place) -> Vec<String> {
        let own = places.0.get(place).into_iter().flatten().map(|at| &self.addresses[*at]);
        own.map(|said| format!("{} ({})", said.net.trunc(), said.device)).collect()
    }

    /// Whether `gateway` is an address of `place` itself.
    pub fn is_own(&self, places: &Ways, place: &Place, gateway: IpAddr) -> bool {
        let mut own = places.0.get(place).into_iter().flatten().map(|at| &self.addresses[*at]);
        own.any(|said| said.net.addr() == gateway)
    }

    /// The addresses by place.
    pub fn ways(&self) -> Ways {
        let mut ways: HashMap<Place, Vec<usize>> = HashMap::new();
        for (at, said) in self.addresses.iter().enumerate() {
            ways.entry(said.place.clone()).or_default().push(at);
        }
        Ways(ways)
    }

    /// What can be told when everything is known.
    pub fn check(&self, lab: &Lab, found: &mut Found) {
        self.twice_in_a_place(found);
        self.twice_in_a_domain(found);
        self.overlaps_on_the_host(found);
        for switch in lab.switches.iter().filter(|switch| switch.vlan_filtering == Some(false)) {
            if self.tagged.contains(&switch.name)
                && let Some(span) = self.devices.get(&(Place::Host, switch.name.device()))
            {
                let wrong =
                    Wrong::new(format!("switch `{}` has ports with tags, and is not to look at them", switch.name));
                found.add(span, wrong.hint("leave out `vlan-filtering: false`"));
            }
        }
    }

    fn twice_in_a_place(&self, found: &mut Found) {
        let mut known: HashMap<(&Place, IpAddr), &Said<'_>> = HashMap::with_capacity(self.addresses.len());
        for said in &self.addresses {
            let key = (&said.place, said.net.addr());
            match known.get(&key) {
                Some(first) => {
                    let inside = if said.place == Place::Host {
                        "on the host".to_owned()
                    } else {
                        format!("in `{}`", said.place)
                    };
                    let wrong = Wrong::new(format!("{} is there twice {inside}", said.net.addr()));
                    let label = format!("that of `{}`", first.device);
                    found.add(said.span, wrong.other(first.span, label).hint("an address belongs on one device"));
                }
                None => drop(known.insert(key, said)),
            }
        }
    }

    fn twice_in_a_domain(&self, found: &mut Found) {
        let mut groups = Groups::default();
        let tags: BTreeSet<Option<VlanId>> =
            self.addresses.iter().filter_map(|said| said.domain.as_ref()).map(|domain| domain.tag).collect();
        if tags.len().saturating_mul(self.joined.len()) <= JOINS_MAX {
            for (a, b, vlan) in &self.joined {
                let passes = |tag: &&Option<VlanId>| match tag {
                    Some(id) => vlan.is_any() || vlan.trunks.contains(id) || vlan.tag == Some(*id),
                    None => vlan.tag.is_none() && vlan.trunks.is_empty(),
                };
                tags.iter().filter(passes).for_each(|tag| groups.join(Domain::of(a, *tag), Domain::of(b, *tag)));
            }
        }
        let mut known: HashMap<(usize, IpAddr), &Said<'_>> = HashMap::new();
        for said in &self.addresses {
            let Some(domain) = &said.domain else { continue };
            let key = (groups.of(domain), said.net.addr());
            match known.get(&key) {
                Some(first) if first.place != said.place => {
                    let whose = if first.place == Place::Host {
                        format!("switch `{}`", first.device)
                    } else {
                        format!("`{}`", first.place)
                    };
                    let wrong = Wrong::new(format!("{} is there twice: {whose} has it too", said.net.addr()));
                    let wrong = wrong.other(first.span, "the first one");
                    found.add(said.span, wrong.hint(self.free(said)));
                }
                Some(_) => {}
                None => drop(known.insert(key, said)),
            }
        }
    }

    fn free(&self, said: &Said<'_>) -> String {
        match said.place {
            Place::Host => "who hears each other needs different addresses".to_owned(),
            _ => "who hears each other needs different addresses; in a range, `+` counts up: `10.0.0.+/24`, `10.0.0.100+/24`".to_owned(),
        }
    }

    /// The host could not tell which device leads to a network that two of them are in.
    fn overlaps_on_the_host(&self, found: &mut Found) {
        let is_network = |net: &IpNet| net.prefix_len() < net.max_prefix_len();
        let mut own: Vec<&Said<'_>> =
            self.addresses.iter().filter(|said| said.place == Place::Host && is_network(&said.net)).collect();
        own.sort_by_key(|said| (said.net.network(), said.net.prefix_len()));
        let mut widest: Option<&Said<'_>> = None;
        for said in own {
            match widest {
                Some(wide) if wide.net.contains(&said.net.network()) => {
                    if wide.device != said.device {
                        let (ours, theirs) = (said.net.trunc(), wide.net.trunc());
                        let wrong = Wrong::new(format!(
                            "the network {ours} of `{}` overlaps {theirs} of `{}`",
                            said.device, wide.device
                        ));
                        let wrong = wrong.other(wide.span, "the other one");
                        found.add(
                            said.span,
                            wrong.hint("the host could not tell which device leads there; choose another network"),
                        );
                    }
                }
                _ => widest = Some(said),
            }
        }
    }
}

/// The addresses by place.
#[derive(Default)]
pub(super) struct Ways(HashMap<Place, Vec<usize>>);

/// Domains that trunks have joined.
#[derive(Default)]
struct Groups {
    numbers: HashMap<Domain, usize>,
    parents: Vec<usize>,
}

impl Groups {
    fn of(&mut self, domain: &Domain) -> usize {
        let fresh = self.parents.len();
        let mut at = *self.numbers.entry(domain.clone()).or_insert(fresh);
        if at == fresh {
            self.parents.push(fresh);
        }
        while self.parents[at] != at {
            // Halving the path keeps it short.
            self.parents[at] = self.parents[self.parents[at]];
            at = self.parents[at];
        }
        at
    }

    fn join(&mut self, one: Domain, other: Domain) {
        let (one, other) = (self.of(&one), self.of(&other));
        self.parents[one] = other;
    }
}
