//! As much as can be done.

use std::path::Path;
use std::time::Instant;

use crate::backend::Direction;
use crate::model::Resource;
use crate::plan::{Doomed, Plan, Step};

use super::apply::without_implied;
use super::error::chain;
use super::{Engine, EngineError};

/// From so many on, veth pairs go faster with their namespaces than before them: 100 take 0.11 s in place of 0.07 s, 1,000 take 0.45 s in
/// place of 0.73 s, in which the kernel waits for RCU a few times more, and does half of the work.
const MANY: usize = 256;

/// `plan` without what goes with something else, and with many veth pairs behind the namespaces of their ends, which take them along.
/// A Linux bridge, which stands before the namespaces, goes with all its ports then; with each that goes by itself it looks at all the others.
fn in_order(plan: &Plan) -> Plan {
    let doomed = Doomed::by(&plan.steps);
    let is_taken_along = |step: &Step| match step {
        Step::Delete(entry) => matches!(&entry.resource, Resource::Link(link) if doomed.hold_an_end_of(link)),
        _ => false,
    };
    let mut steps = without_implied(plan).0.steps;
    if steps.iter().filter(|step| is_taken_along(step)).count() >= MANY {
        // Stable: what comes first is what was first.
        steps.sort_by_key(is_taken_along);
    }
    Plan { steps }
}

/// What is not done of a plan.
#[derive(Debug)]
pub struct Remains {
    /// Why, a line each.
    pub errors: Vec<String>,
    /// What is left to do; nothing where all is gone, whatever failed on the way.
    pub left: Plan,
}

impl Engine {
    /// Carries out as much of `plan` as goes. What is gone already is no failure, one that fails does not keep the others, and
    /// nothing is taken back: neither here, nor by the next run if this one is killed, since there is no journal of it.
    pub async fn tear_down(&self, plan: &Plan) -> Result<Remains, EngineError> {
        self.backends.check(plan)?;
        let first = self.attempt(&in_order(plan), plan).await;
        if first.left.is_empty() || self.stop.is_requested() {
            return Ok(first);
        }
        // What was to go with something that did not go is tried by itself; and what stood in the way may be gone by now.
        let again = self.attempt(&first.left, plan).await;
        let errors = if again.errors.is_empty() { first.errors } else { again.errors };
        Ok(Remains { errors, left: again.left })
    }

    /// Carries out as much of `plan` as goes: a step that fails keeps only those that stand on it, and nothing is taken back. If this
    /// run is killed, the next one takes it back; its journal is kept at `record` when it has ended.
    pub async fn apply_what_goes(&self, plan: &Plan, record: &Path) -> Result<Remains, EngineError> {
        self.backends.check(plan)?;
        if let Some(journal) = &self.journal {
            journal.write_for(plan, Some(record))?;
        }
        let remains = self.attempt(plan, plan).await;
        self.forget(Some(record))?;
        Ok(remains)
    }

    /// Carries out what can be carried out of `part`; tells what is left of `plan`.
    async fn attempt(&self, part: &Plan, plan: &Plan) -> Remains {
        self.progress.begin(Direction::Forward, part.steps.len());
        let mut errors = tokio::select! {
            errors = self.apply_each(part) => errors,
            () = self.stop.requested() => vec!["interrupted".to_owned()],
        };
        let start = Instant::now();
        let missing = self.missing(plan).await;
        self.timings.note("verify", plan.steps.len(), start);
        let left = match missing {
            Ok(left) => left,
            Err(error) => {
                // Nobody can look.
                errors.push(chain(&error));
                plan.clone()
            }
        };
        Remains { errors, left }
    }
}
