//! The way from what is there to what should be.

use std::collections::BTreeSet;

use crate::model::{Entry, IfName, Key, Place, State};

use super::{Plan, Step};

impl Plan {
    /// The steps that lead from `observed` to `desired`. What both hold alike needs none; what `desired` leaves open stays.
    pub fn between(observed: &State, desired: &State) -> Plan {
        let replaced = replaced(observed, desired);
        let goes = |entry: &&Entry| !desired.contains(&entry.key()) || replaced.contains(&entry.key());
        let mut deletes: Vec<Step> = observed.entries().filter(goes).cloned().map(Step::Delete).collect();
        deletes.sort_by_cached_key(|step| std::cmp::Reverse(step.rank()));

        let mut steps: Vec<Step> = desired.entries().filter_map(|entry| arrival(entry, observed, &replaced)).collect();
        steps.sort_by_cached_key(Step::rank);

        deletes.append(&mut steps);
        Plan { steps: deletes }
    }
}

/// The step that brings `wanted` about, if one is needed.
fn arrival(wanted: &Entry, observed: &State, replaced: &BTreeSet<Key>) -> Option<Step> {
    let key = wanted.key();
    match observed.get(&key) {
        Some(before) if !replaced.contains(&key) => {
            let after = wanted.over(before);
            (after != *before).then(|| Step::Modify { before: before.clone(), after })
        }
        _ => Some(Step::Create(wanted.clone())),
    }
}

/// The keys in both states whose resource has to be deleted and made again: those that cannot follow, and those that stand
/// on a device that is made now. Such a device takes them with it, or has gone without them: the row of an OVS port outlives
/// its device and would not notice a new one of the same name.
fn replaced(observed: &State, desired: &State) -> BTreeSet<Key> {
    let pairs = || observed.entries().filter_map(|seen| Some((seen, desired.get(&seen.key())?)));
    let cannot_follow = pairs().filter(|(seen, wanted)| !wanted.over(seen).resource.can_follow(&seen.resource));
    let mut keys: BTreeSet<Key> = cannot_follow.map(|(seen, _)| seen.key()).collect();
    let made = |entry: &&Entry| !observed.contains(&entry.key()) || keys.contains(&entry.key());
    let devices: BTreeSet<(Place, IfName)> =
        desired.entries().filter(made).flat_map(|entry| entry.resource.provides()).collect();
    let stands_on = |seen: &Entry| seen.resource.needs().iter().any(|device| devices.contains(device));
    keys.extend(pairs().filter(|(seen, _)| stands_on(seen)).map(|(seen, _)| seen.key()));
    keys
}
