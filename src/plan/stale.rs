//! Whether the world is still as it was when a plan was made.

use crate::model::{Entry, Key, Kind, State};

use super::{Plan, Step};

/// Something changed since the plan was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is no longer as it was when the plan was made: {now}")]
pub struct Stale {
    /// What changed.
    pub key: Key,
    /// How it is now.
    pub now: &'static str,
}

impl Plan {
    /// Checks that `observed` is where this plan starts from.
    pub fn check(&self, observed: &State) -> Result<(), Stale> {
        // A key that is replaced is deleted first and created later: only the first step of each key says how it was.
        let mut seen = std::collections::BTreeSet::new();
        self.steps.iter().filter(|step| seen.insert(step.key())).try_for_each(|step| check_step(step, observed))
    }
}

fn check_step(step: &Step, observed: &State) -> Result<(), Stale> {
    let key = step.key();
    let now = match (step, observed.get(&key)) {
        (Step::Create(_), Some(_)) => "it is there already",
        (Step::Modify { .. } | Step::Delete(_), None) => "it is gone",
        (Step::Modify { before, .. } | Step::Delete(before), Some(entry)) if !is_as_it_was(before, entry) => {
            "it is different"
        }
        _ => return Ok(()),
    };
    Err(Stale { key, now })
}

/// A plan says no more of the own device of a switch than whether it is up: the rest is said of the switch.
fn is_as_it_was(before: &Entry, now: &Entry) -> bool {
    let open = before.resource.kind() == Kind::Device;
    before == now || open && before.owner == now.owner && before.over(now) == *now
}
