//! A strict fake: for the logic of plans and for injected faults, never for claiming that a thing works.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::model::{Entry, IfName, Place, Resource, State};
use crate::plan::Step;

use super::{ApplyError, Backend, BackendError, Scope, Unsupported};

/// When [`Memory`] fails although the step is right.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Failure {
    /// Never.
    #[default]
    Never,
    /// At the n-th step since it was made, from 0; that step and all after it until it is set anew.
    AtStep(usize),
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
    failure: Failure,
    steps: usize,
    random: u64,
}

/// A backend that keeps its resources in memory and looks after every kind.
///
/// Strict: creating what exists with another content, changing or deleting what differs, and whatever stands on a device that
/// is not there are failures. So it shows plans that only work by luck.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Inner>);

impl Memory {
    /// One that holds `state`.
    pub fn holding(state: State) -> Memory {
        Memory(Mutex::new(Inner { state, ..Inner::default() }))
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

    fn check(&self, _: &Resource) -> Result<(), Unsupported> {
        Ok(())
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let state = self.state();
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
        Scope::Owner(owner) => entry.owner.as_ref() == Some(owner),
        Scope::Switch(name) => match &entry.resource {
            Resource::Switch(switch) => switch.name == *name,
            Resource::Port(port) => port.switch == *name,
            _ => false,
        },
        Scope::Place(place) => match &entry.resource {
            Resource::Netns(netns) => place.name() == Some(&netns.name),
            Resource::Link(link) => link.a.place == *place || link.b.place == *place,
            Resource::Device(device) => device.place == *place,
            Resource::Address(address) => address.place == *place,
            Resource::Route(route) => route.place == *place,
            Resource::Switch(_) | Resource::Port(_) => false,
        },
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
            Failure::AtStep(step) => number >= step,
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
        self.state.insert(entry.clone());
        Ok(())
    }

    fn modify(&mut self, before: &Entry, after: &Entry) -> Result<(), String> {
        match self.state.get(&before.key()) {
            Some(there) if there == before || there == after => {}
            Some(_) => return Err("it is not as it was".to_owned()),
            None => return Err("it is not there".to_owned()),
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
        let stands_on = |other: &Entry| other.resource.needs().iter().any(|device| devices.contains(device));
        if let Some(other) = self.state.entries().find(|other| other.key() != entry.key() && stands_on(other)) {
            return Err(format!("{} stands on it", other.key()));
        }
        self.state.remove(&entry.key());
        Ok(())
    }

    /// Whether what `resource` stands on is there. Devices that nobody provides are the host's own, and there.
    fn stands(&self, resource: &Resource) -> Result<(), String> {
        let places: BTreeSet<&Place> = match resource {
            Resource::Link(link) => [&link.a.place, &link.b.place].into(),
            _ => BTreeSet::new(),
        };
        for name in places.into_iter().filter_map(Place::name) {
            if !self.state.contains(&crate::model::Key::Netns { name: name.clone() }) {
                return Err(format!("there is no netns {name}"));
            }
        }
        let provided: BTreeSet<(Place, IfName)> = self.state.resources().flat_map(Resource::provides).collect();
        let missing = |(place, device): &(Place, IfName)| {
            let made_by_us = !matches!(place, Place::Host) || device.as_str().starts_with("veth");
            made_by_us && !provided.contains(&(place.clone(), device.clone()))
        };
        match resource.needs().into_iter().find(missing) {
            Some((place, device)) => Err(format!("there is no device {device} in {place}")),
            None => Ok(()),
        }
    }
}
