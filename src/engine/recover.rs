//! Takes back what an interrupted run left behind.

use crate::backend::Scope;
use crate::model::{BackendName, Entry, Kind, Resource, State};
use crate::plan::{Plan, Step};

use super::{Engine, EngineError, Interrupted};

impl Engine {
    pub(super) async fn take_back(&self, interrupted: &Interrupted) -> Result<(), EngineError> {
        let observed = self.backends.observe(&Scope::Keys(interrupted.plan.keys())).await?;
        let plan = recovery(&interrupted.plan, &observed);
        tracing::info!(pid = interrupted.pid, steps = plan.steps.len(), "taking back an interrupted run");
        let undo = self.apply_each(&plan).await;
        if undo.is_empty() {
            return Ok(());
        }
        let cause = EngineError::Backend(crate::backend::BackendError {
            what: format!("take back `{}`, which was interrupted", interrupted.command),
            fault: crate::backend::Fault::Refused,
            hint: Some("mend what stands in the way, then run: ovsns gc --yes".to_owned()),
            source: None,
        });
        Err(EngineError::Mixed { cause: Box::new(cause), undo, left: plan })
    }
}

/// The steps that take back `plan`, of which nobody knows how far it came, where `observed` is what there is now.
///
/// The inverse of a step that never happened finds its target met and is left out. What the plan would have made is deleted
/// only if it bears the plan's mark: in the meantime somebody may have made their own under the same name.
pub fn recovery(plan: &Plan, observed: &State) -> Plan {
    let steps = plan.clone().inverse().steps.into_iter().filter_map(|step| match step {
        Step::Delete(entry) => may_delete(&entry, observed).then_some(Step::Delete(entry)),
        Step::Create(entry) | Step::Modify { after: entry, .. } => restore(entry, observed),
    });
    Plan { steps: steps.collect() }
}

fn restore(entry: Entry, observed: &State) -> Option<Step> {
    match observed.get(&entry.key()) {
        None => Some(Step::Create(entry)),
        Some(seen) => {
            let after = entry.over(seen);
            (after != *seen).then(|| Step::Modify { before: seen.clone(), after })
        }
    }
}

fn may_delete(entry: &Entry, observed: &State) -> bool {
    let Some(seen) = observed.get(&entry.key()) else {
        // Between the file and the mount of a namespace there is a moment: a stale file is all that is left, and not observed.
        return entry.resource.kind() == Kind::Netns;
    };
    match &seen.resource {
        // Made and marked by two messages: without a mark it is ours if it is just what the plan would have made.
        Resource::Link(_) => {
            seen.owner == entry.owner || (seen.owner.is_none() && entry.resource.can_follow(&seen.resource))
        }
        Resource::Switch(switch) if switch.backend == BackendName::Linux => {
            seen.owner == entry.owner || seen.owner.is_none()
        }
        Resource::Port(port) if port.backend == BackendName::Linux => true,
        Resource::Netns(_) | Resource::Switch(_) | Resource::Port(_) => seen.owner == entry.owner,
        Resource::Device(_) | Resource::Address(_) | Resource::Route(_) => true,
    }
}
