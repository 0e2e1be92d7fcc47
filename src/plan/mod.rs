//! Plans: what has to change, as plain data. Pure: nothing here touches the system.

mod commands;
mod diff;
mod display;
mod doomed;
pub mod ruleset;
mod stale;

use serde::{Deserialize, Serialize};

use crate::model::{BackendName, Entry, Key, Kind, Resource, State};

pub use commands::{commands, enter, quote};
pub use display::describe;
pub use doomed::Doomed;
pub use stale::Stale;

/// One change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "plans are short, and boxes would be all over the patterns")]
pub enum Step {
    /// Make what is not there.
    Create(Entry),
    /// Change what is there.
    Modify {
        /// As it is.
        before: Entry,
        /// As it should be.
        after: Entry,
    },
    /// Take away what is there.
    Delete(Entry),
}

impl Step {
    /// The entry that the step is about: the one that is to be, or that is to go.
    pub fn entry(&self) -> &Entry {
        match self {
            Step::Create(entry) | Step::Delete(entry) | Step::Modify { after: entry, .. } => entry,
        }
    }

    /// The key of the resource.
    pub fn key(&self) -> Key {
        self.entry().key()
    }

    /// The step that takes this one back.
    pub fn inverse(self) -> Step {
        match self {
            Step::Create(entry) => Step::Delete(entry),
            Step::Modify { before, after } => Step::Modify { before: after, after: before },
            Step::Delete(entry) => Step::Create(entry),
        }
    }

    /// Changes `state` as the step changes what there is.
    pub fn change(&self, state: &mut State) {
        match self {
            Step::Create(entry) | Step::Modify { after: entry, .. } => state.insert(entry.clone()),
            Step::Delete(entry) => drop(state.remove(&entry.key())),
        }
    }

    /// The place of the step among creations: by kind, link routes before those that go through them (a next hop has to be
    /// reachable), `accept_ra` before other settings (a host that begins to forward forgets the routers that it does not go on
    /// to listen to: `rt6_purge_dflt_routers`, net/ipv6/route.c), and within a kind by backend, so that one transaction takes all that belongs to it.
    fn rank(&self) -> (Kind, bool, Option<BackendName>, Key) {
        let resource = &self.entry().resource;
        let later = match resource {
            Resource::Route(route) => route.via.is_some(),
            Resource::Sysctl(sysctl) => !sysctl.key.to_string().ends_with(".accept_ra"),
            _ => false,
        };
        (resource.kind(), later, resource.backend(), resource.key())
    }
}

/// Steps in the order in which they are carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan {
    /// First what goes, dependents first; then what comes or changes, dependents last.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The plan that takes this one back: the inverse of each step, newest first.
    pub fn inverse(self) -> Plan {
        Plan { steps: self.steps.into_iter().rev().map(Step::inverse).collect() }
    }

    /// How what the plan touches was before it: where the plan starts from. What it creates is not in it.
    pub fn start(&self) -> State {
        self.clone().inverse().end()
    }

    /// How what the plan touches is in the end. What it deletes is not in it.
    pub fn end(&self) -> State {
        let mut state = State::default();
        self.steps.iter().for_each(|step| step.change(&mut state));
        state
    }

    /// What has to hold of what the plan touches in the end: as [`Self::end`], but for what it leaves to itself.
    pub fn promises(&self) -> State {
        let mut state = self.end();
        for step in &self.steps {
            if let Step::Modify { before, after } = step {
                let resource = after.resource.promised(&before.resource);
                state.insert(Entry { resource, owner: after.owner.clone() });
            }
        }
        state
    }

    /// The keys that the plan touches, each once.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.steps.iter().map(Step::key).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}
