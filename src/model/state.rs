//! A set of resources: what is there, or what should be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BackendName, Key, Kind, Owner, Resource};

/// A resource and whose it is. `owner` is `None` for what is not ours, and for what bears no mark of its own: an address, a
/// device's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The resource.
    #[serde(flatten)]
    pub resource: Resource,
    /// The mark on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

impl Entry {
    /// A resource that bears the mark of `owner`.
    pub fn owned(resource: Resource, owner: &Owner) -> Entry {
        Entry { resource, owner: Some(owner.clone()) }
    }

    /// A resource without a mark.
    pub fn unmarked(resource: Resource) -> Entry {
        Entry { resource, owner: None }
    }

    /// What identifies the resource.
    pub fn key(&self) -> Key {
        self.resource.key()
    }

    /// This entry, with what it leaves open taken from `observed`, unless it cannot follow it: what is made anew takes nothing
    /// from what was there. A mark is put on, never taken off; most kinds have
    /// none of their own, so theirs says nothing.
    pub fn over(&self, observed: &Entry) -> Entry {
        let marked = matches!(
            self.resource.kind(),
            Kind::Netns | Kind::Switch | Kind::Link | Kind::Virtual | Kind::Internal | Kind::Nat | Kind::Published
        ) || self.has_row_of_its_own();
        let owner = if marked { self.owner.clone().or_else(|| observed.owner.clone()) } else { observed.owner.clone() };
        let resource = self.resource.over(&observed.resource);
        if resource.can_follow(&observed.resource) { Entry { resource, owner } } else { self.clone() }
    }
}

impl Entry {
    /// Whether it is in a database where it can bear a mark of its own. On a Linux bridge it bears that of its device.
    fn has_row_of_its_own(&self) -> bool {
        let kind = matches!(self.resource.kind(), Kind::Port | Kind::Mirror | Kind::Qos | Kind::FlowExport);
        kind && self.resource.backend() == Some(BackendName::Ovs)
    }
}

/// Resources by key. As JSON, the list of its entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Entry>", into = "Vec<Entry>")]
pub struct State(BTreeMap<Key, Entry>);

impl State {
    /// The entry of `key`.
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.0.get(key)
    }

    /// Puts `entry` in, in place of what had its key.
    pub fn insert(&mut self, entry: Entry) {
        self.0.insert(entry.key(), entry);
    }

    /// Takes out what `key` identifies.
    pub fn remove(&mut self, key: &Key) -> Option<Entry> {
        self.0.remove(key)
    }

    /// Whether `key` is in it.
    pub fn contains(&self, key: &Key) -> bool {
        self.0.contains_key(key)
    }

    /// The keys, in creation order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }

    /// The entries, in creation order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.0.values()
    }

    /// The resources, in creation order.
    pub fn resources(&self) -> impl Iterator<Item = &Resource> {
        self.entries().map(|entry| &entry.resource)
    }

    /// Each entry over the one that `observed` has of the same key (see [`Entry::over`]).
    pub fn over(&self, observed: &State) -> State {
        let over = |entry: &Entry| observed.get(&entry.key()).map_or_else(|| entry.clone(), |seen| entry.over(seen));
        self.entries().map(over).collect()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Entry> for State {
    fn from_iter<I: IntoIterator<Item = Entry>>(entries: I) -> State {
        State(entries.into_iter().map(|entry| (entry.key(), entry)).collect())
    }
}

impl From<Vec<Entry>> for State {
    fn from(entries: Vec<Entry>) -> State {
        entries.into_iter().collect()
    }
}

impl From<State> for Vec<Entry> {
    fn from(state: State) -> Vec<Entry> {
        state.0.into_values().collect()
    }
}
