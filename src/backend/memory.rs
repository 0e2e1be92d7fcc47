//! A strict fake: for the logic of plans and for injected faults, never for claiming that a thing works.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ipnet::IpNet;

use crate::model::{
    BackendName, Entry, IfName, Key, Kind, Link, NAT_ROUTE_PROTOCOL, NetnsName, Owner, Place, Port, ROUTE_PROTOCOL,
    Resource, Route, State,
};
use crate::plan::{Doomed, Step};

use super::{ApplyError, Backend, BackendError, Scope, Unsupported};

/// When [`Memory`] fails although the step is right.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Failure {
    /// Never.
    #[default]
    Never,
    /// At the n-th step since this was set, from 0.
    AtStep(usize),
    /// At the n-th step since this was set, and at each one after it.
    FromStep(usize),
    /// At each step with `probability` (0 to 1), by a generator that starts from `seed`.
    Random {
        /// From 0 (never) to 1 (always).
        probability: f64,
        /// Where the generator starts.
        seed: u64,
    },
}

#[derive(Debug, Default)]
struct Inner {
    state: State,
    /// Devices of the host that no resource provides: uplinks.
    host_devices: BTreeSet<IfName>,
    failure: Failure,
    steps: usize,
    random: u64,
}

/// A backend that keeps its resources in memory and looks after every kind.
///
/// Strict: creating what exists with another content, changing or deleting what differs, whatever stands on what is not there,
/// and deleting what something stands on, are failures. So it shows plans that only work by luck.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Inner>);

impl Memory {
    /// One that holds `state`, on a host that has the devices which that stands on.
    pub fn holding(state: State) -> Memory {
        let needed = state.resources().flat_map(Resource::needs).filter(|(place, _)| *place == Place::Host);
        let provided: BTreeSet<_> = state.resources().flat_map(Resource::provides).collect();
        let missing = needed.filter(|device| !provided.contains(device)).map(|(_, name)| name);
        let host_devices = missing.chain([IfName::lo()]).collect();
        Memory(Mutex::new(Inner { state, host_devices, ..Inner::default() }))
    }

    /// The same, on a host that has a device `name` besides.
    pub fn with_device(self, name: IfName) -> Memory {
        self.lock().host_devices.insert(name);
        self
    }

    /// Makes later steps fail.
    pub fn fail(&self, failure: Failure) {
        let mut inner = self.lock();
        inner.random = if let Failure::Random { seed, .. } = failure { seed } else { 0 };
        inner.failure = failure;
        inner.steps = 0;
    }

    /// What it holds.
    pub fn state(&self) -> State {
        self.lock().state.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Backend for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn claims(&self, _: &Resource) -> bool {
        true
    }

    fn check(&self, _: &Entry) -> Result<(), Unsupported> {
        Ok(())
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let state = self.state();
        if let Scope::Owner(owner) = scope {
            let owned = Owned::of(owner, &state);
            return Ok(state.entries().filter(|entry| owned.has(entry)).cloned().collect());
        }
        Ok(state.entries().filter(|entry| within(scope, entry)).cloned().collect())
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        let mut inner = self.lock();
        for (applied, step) in steps.iter().enumerate() {
            inner.step(step).map_err(|why| ApplyError::after(applied, BackendError::refused(step.to_string(), why)))?;
        }
        Ok(())
    }
}

fn within(scope: &Scope, entry: &Entry) -> bool {
    match scope {
        Scope::All => true,
        Scope::Keys(keys) => keys.contains(&entry.key()),
        Scope::Kind(kind) => entry.resource.kind() == *kind,
        Scope::Within(place, kind) => entry.resource.kind() == *kind && within(&Scope::Place(place.clone()), entry),
        Scope::Ruleset => matches!(entry.resource.kind(), Kind::Ruleset | Kind::Nat | Kind::Published),
        // It takes more than one entry to tell.
        Scope::Owner(_) => false,
        Scope::Switch(name) => match &entry.resource {
            Resource::Switch(switch) => switch.name == *name,
            Resource::Port(port) => port.switch == *name,
            Resource::Mirror(mirror) => mirror.switch == *name,
            Resource::Qos(qos) => qos.switch == *name,
            Resource::Policing(policing) => policing.switch == *name,
            Resource::FlowExport(export) => export.switch == *name,
            _ => false,
        },
        Scope::Place(place) => match &entry.resource {
            Resource::Netns(netns) => place.name() == Some(&netns.name),
            Resource::Link(link) => link.a.place == *place || link.b.place == *place,
            Resource::Virtual(_) => *place == Place::Host,
            Resource::Internal(device) => device.place == *place,
            Resource::Device(device) => device.place == *place,
            Resource::Physical(physical) => physical.place == *place,
            Resource::Sysctl(sysctl) => sysctl.place == *place,
            Resource::Address(address) => address.place == *place,
            Resource::Route(route) => route.place == *place,
            Resource::Impairment(impairment) => impairment.place == *place,
            Resource::Switch(_)
            | Resource::Port(_)
            | Resource::Mirror(_)
            | Resource::Qos(_)
            | Resource::Policing(_)
            | Resource::FlowExport(_)
            | Resource::Ruleset(_)
            | Resource::Nat(_)
            | Resource::Published(_) => false,
        },
    }
}

/// What bears one owner's mark, and what other resources can be in or on.
struct Owned<'a> {
    owner: &'a Owner,
    namespaces: BTreeSet<Place>,
    /// The ends of veth pairs, and the own devices of Linux bridges.
    devices: BTreeSet<(Place, IfName)>,
    switches: BTreeSet<(Place, IfName)>,
}

impl<'a> Owned<'a> {
    fn of(owner: &'a Owner, state: &State) -> Owned<'a> {
        let marked =
            || state.entries().filter(|entry| entry.owner.as_ref() == Some(owner)).map(|entry| &entry.resource);
        let namespaces = marked().filter_map(|resource| match resource {
            Resource::Netns(netns) => Some(Place::Named(netns.name.clone())),
            _ => None,
        });
        let provided = |kind: Kind| {
            let ours = marked().filter(move |resource| resource.kind() == kind);
            ours.filter(|resource| resource.backend() != Some(BackendName::Ovs)).flat_map(Resource::provides)
        };
        let switches: BTreeSet<_> = provided(Kind::Switch).collect();
        let made = [Kind::Link, Kind::Virtual, Kind::Internal].into_iter().flat_map(provided);
        let devices = made.chain(switches.iter().cloned()).collect();
        Owned { owner, namespaces: namespaces.collect(), devices, switches }
    }

    fn has(&self, entry: &Entry) -> bool {
        let on = |place: &Place, device: &IfName| {
            self.namespaces.contains(place) || self.devices.contains(&(place.clone(), device.clone()))
        };
        match &entry.resource {
            Resource::Address(address) => on(&address.place, &address.device),
            Resource::Impairment(impairment) => on(&impairment.place, &impairment.device),
            Resource::Route(route) => {
                let made = matches!(route.protocol, None | Some(3 | 4 | ROUTE_PROTOCOL | NAT_ROUTE_PROTOCOL));
                made && route.device.as_ref().map_or(self.namespaces.contains(&route.place), |d| on(&route.place, d))
            }
            Resource::Device(device) => self.switches.contains(&(device.place.clone(), device.name.clone())),
            // It bears the mark of its device.
            Resource::Port(port) if port.backend == BackendName::Linux => {
                self.devices.contains(&(Place::Host, port.device.clone()))
            }
            Resource::Sysctl(_) | Resource::Physical(_) => false,
            _ => entry.owner.as_ref() == Some(self.owner),
        }
    }
}

impl Inner {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        let number = self.steps;
        self.steps += 1;
        if self.fails(number) {
            return Err(format!("injected failure at step {number}"));
        }
        match step {
            Step::Create(entry) => self.create(entry),
            Step::Modify { before, after } => self.modify(before, after),
            Step::Delete(entry) => self.delete(entry),
        }
    }

    fn fails(&mut self, number: usize) -> bool {
        match self.failure {
            Failure::Never => false,
            Failure::AtStep(step) => number == step,
            Failure::FromStep(step) => number >= step,
            Failure::Random { probability, .. } => self.next_random() < probability,
        }
    }

    /// xorshift64*, scaled to 0..1: the same failures for the same seed on every machine.
    fn next_random(&mut self) -> f64 {
        let mut x = self.random.max(1);
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random = x;
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn create(&mut self, entry: &Entry) -> Result<(), String> {
        match self.state.get(&entry.key()) {
            Some(there) if entry.over(there) == *there => return Ok(()),
            Some(_) => return Err("it is there already, and different".to_owned()),
            None => {}
        }
        self.stands(&entry.resource)?;
        let here: BTreeSet<_> = self.devices();
        if let Some((place, device)) = entry.resource.provides().into_iter().find(|device| here.contains(device)) {
            return Err(format!("there is a device {device} in {place} already"));
        }
        self.state.insert(entry.clone());
        Ok(())
    }

    fn modify(&mut self, before: &Entry, after: &Entry) -> Result<(), String> {
        match self.state.get(&after.key()) {
            Some(there) if there == before || there == after => {}
            Some(_) => return Err("it is not as it was".to_owned()),
            None => return Err("it is not there".to_owned()),
        }
        if !after.resource.can_follow(&before.resource) {
            return Err("that takes to delete it and make it anew".to_owned());
        }
        self.stands(&after.resource)?;
        self.state.insert(after.clone());
        Ok(())
    }

    fn delete(&mut self, entry: &Entry) -> Result<(), String> {
        match self.state.get(&entry.key()) {
            None => return Ok(()),
            Some(there) if entry.over(there) != *there => return Err("it is different".to_owned()),
            Some(_) => {}
        }
        let devices = entry.resource.provides();
        let mut rest = self.state.clone();
        rest.remove(&entry.key());
        let gone: Vec<Key> = rest.resources().filter(|other| goes_with(other, entry)).map(Resource::key).collect();
        gone.iter().for_each(|key| drop(rest.remove(key)));
        let stands_on = |other: &Resource| {
            other.needs().iter().any(|device| devices.contains(device))
                || loses_its_way(other, &entry.resource, &rest)
                || matches!((&entry.resource, other), (Resource::Ruleset(_), Resource::Nat(_) | Resource::Published(_)))
        };
        if let Some(other) = rest.resources().find(|other| stands_on(other)) {
            return Err(format!("{} stands on it", other.key()));
        }
        self.state = rest;
        Ok(())
    }

    /// The devices that there are.
    fn devices(&self) -> BTreeSet<(Place, IfName)> {
        let own = self.host_devices.iter().map(|name| (Place::Host, name.clone()));
        self.state.resources().flat_map(Resource::provides).chain(own).collect()
    }

    /// Whether what `resource` stands on is there.
    fn stands(&self, resource: &Resource) -> Result<(), String> {
        let here = self.devices();
        if let Some((place, device)) = resource.needs().into_iter().find(|device| !here.contains(device)) {
            return Err(format!("there is no device {device} in {place}"));
        }
        match resource {
            Resource::Port(port) => self.takes(port),
            Resource::Nat(_) | Resource::Published(_) if !self.state.contains(&Key::Ruleset) => {
                Err("there is no ruleset".to_owned())
            }
            Resource::Route(route) if !has_way(route, &self.state) => Err("its next hop cannot be reached".to_owned()),
            _ => Ok(()),
        }
    }

    fn takes(&self, port: &Port) -> Result<(), String> {
        let key = Key::Switch { name: port.switch.clone() };
        let backend = self.state.get(&key).and_then(|entry| entry.resource.backend());
        if backend == Some(port.backend) { Ok(()) } else { Err(format!("there is no {} {key}", port.backend)) }
    }
}

/// Whether the next hop of `route` is on a network of its device, as the kernel demands of a new route ("Nexthop has invalid
/// gateway"). Link-local routers always are; and of the host's own devices nobody told us the addresses.
fn has_way(route: &Route, state: &State) -> bool {
    let Some(via) = route.via else { return true };
    let link_local = matches!(via, IpAddr::V6(via) if via.is_unicast_link_local());
    let on_link = |place: &Place, device: Option<&IfName>, net: &IpNet| {
        let same_device = route.device.is_none() || device.is_none() || device == route.device.as_ref();
        *place == route.place && same_device && net.contains(&via)
    };
    let reaches = |resource: &Resource| match resource {
        Resource::Address(address) => on_link(&address.place, Some(&address.device), &address.address),
        Resource::Route(other) => {
            other.via.is_none() && on_link(&other.place, other.device.as_ref(), &other.destination)
        }
        _ => false,
    };
    link_local || route.place == Place::Host || state.resources().any(reaches)
}

/// Whether `other` goes by itself where `gone` does: a veth pair with the namespace of one of its ends, too.
fn goes_with(other: &Resource, gone: &Entry) -> bool {
    let is_inside = |link: &Link, name: &NetnsName| [&link.a, &link.b].iter().any(|end| end.place.name() == Some(name));
    match (other, &gone.resource) {
        (Resource::Link(link), Resource::Netns(netns)) => netns.of.is_none() && is_inside(link, &netns.name),
        _ => Doomed::by(&[Step::Delete(gone.clone())]).imply(other),
    }
}

/// Whether `route` goes with the address `gone`: the last IPv4 address of a device takes all routes through it along.
fn loses_its_way(route: &Resource, gone: &Resource, rest: &State) -> bool {
    let (Resource::Route(route), Resource::Address(gone)) = (route, gone) else { return false };
    let same_family = |net: &IpNet| matches!(net, IpNet::V4(_)) && route.is_ipv4();
    let through = route.place == gone.place && route.device.as_ref() == Some(&gone.device);
    let other = |other: &Resource| {
        matches!(other, Resource::Address(a)
            if a.place == gone.place && a.device == gone.device && same_family(&a.address))
    };
    through && same_family(&gone.address) && !rest.resources().any(other)
}
