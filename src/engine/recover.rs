//! Takes back what an interrupted run left behind.

use crate::backend::{BackendError, Direction, Fault};
use crate::model::{BackendName, Entry, Key, Resource, State};
use crate::plan::{Plan, Step};

use super::{Engine, EngineError, Interrupted};

impl Engine {
    pub(super) async fn take_back(&self, interrupted: &Interrupted) -> Result<(), EngineError> {
        self.can_see(interrupted)?;
        let observed = self.look_at(&interrupted.plan).await?;
        let plan = recovery(&interrupted.plan, &observed);
        tracing::info!(pid = interrupted.pid, steps = plan.steps.len(), "taking back an interrupted run");
        let plan = cleared(plan);
        self.progress.begin(Direction::Back, plan.steps.len());
        let undo = self.apply_each(&plan).await;
        let left = self.left(&interrupted.plan, &interrupted.plan).await?;
        if left.is_empty() {
            return Ok(());
        }
        let cause = EngineError::Backend(BackendError {
            what: cannot_take_back(interrupted),
            fault: Fault::Refused,
            hint: Some("mend what stands in the way, then run: ovsns gc --yes".to_owned()),
            source: None,
        });
        Err(EngineError::Mixed { cause: Box::new(cause), undo, left })
    }

    /// Whether this run has the backends of the interrupted one: what it cannot see would look as if it were gone.
    fn can_see(&self, interrupted: &Interrupted) -> Result<(), EngineError> {
        let steps = &interrupted.plan.steps;
        match steps.iter().find_map(|step| self.backends.of(&step.entry().resource).err()) {
            None => Ok(()),
            Some(unsupported) => Err(EngineError::Backend(BackendError {
                what: cannot_take_back(interrupted),
                fault: Fault::Refused,
                hint: Some(format!(
                    "run it with backend {} in reach (--backend, --db), or: ovsns gc --yes",
                    unsupported.backend
                )),
                source: Some(unsupported.into()),
            })),
        }
    }
}

fn cannot_take_back(interrupted: &Interrupted) -> String {
    let Interrupted { command, pid, .. } = interrupted;
    format!("cannot take back `{command}` (pid {pid}), which was interrupted")
}

/// The steps that take back `plan`, of which nobody knows how far it came, where `observed` is what there is now.
///
/// What the plan would have made is deleted only if it bears the plan's mark: in the meantime somebody may have made their own
/// under the same name.
pub fn recovery(plan: &Plan, observed: &State) -> Plan {
    let start = plan.start();
    let mut observed = observed.clone();
    // Between the file and the mount of a namespace there is a moment: a stale file is all that is left, and not observed.
    for entry in plan.end().entries().filter(|entry| matches!(entry.resource, Resource::Netns(_))) {
        if !observed.contains(&entry.key()) && !start.contains(&entry.key()) {
            observed.insert(entry.clone());
        }
    }
    way_back(plan, plan, &observed)
}

/// `back`, after having taken away what may be in the way of the namespaces that it makes: of those that were deleted halfway
/// a stale file is left, which is not observed.
pub(super) fn cleared(back: Plan) -> Plan {
    let in_the_way = back.steps.iter().filter_map(|step| match step {
        Step::Create(entry) if matches!(entry.resource, Resource::Netns(_)) => Some(Step::Delete(entry.clone())),
        _ => None,
    });
    Plan { steps: in_the_way.chain(back.steps.iter().cloned()).collect() }
}

/// The steps from `observed` to where `plan` started from, if `done` is what of the plan was or may have been carried out. They
/// follow from what there is, not from what was done: so it is no matter how far that came, nor how often it is taken back.
pub(super) fn way_back(plan: &Plan, done: &Plan, observed: &State) -> Plan {
    let (start, made) = (plan.start(), done.end());
    let touched = plan.keys().iter().filter_map(|key| observed.get(key).cloned()).collect();
    let mut back = Plan::exact(&touched, &start);
    // What is as it was may have to be made anew, for the sake of what it stands on.
    let restored = |seen: &Entry| start.get(&seen.key()) == Some(seen);
    let foreign =
        |step: &Step| matches!(step, Step::Delete(seen) if !restored(seen) && !may_delete(seen, made.get(&seen.key())));
    let kept: Vec<Key> = back.steps.iter().filter(|step| foreign(step)).map(Step::key).collect();
    back.steps.retain(|step| !kept.contains(&step.key()));
    back
}

/// Whether what is seen now may be what the plan has `made`.
fn may_delete(seen: &Entry, made: Option<&Entry>) -> bool {
    let Some(made) = made else { return false };
    let unmarked = seen.owner.is_none();
    match &seen.resource {
        // Made and marked by two messages: without a mark it is ours if it is just what the plan would have made.
        Resource::Link(_) | Resource::Virtual(_) if unmarked => made.resource.can_follow(&seen.resource),
        Resource::Switch(switch) if switch.backend == BackendName::Linux && unmarked => true,
        Resource::Port(port) if port.backend == BackendName::Linux => true,
        // It bears the mark of the device that it sends to, and its name tells that it is one of ours.
        Resource::Mirror(mirror) if mirror.backend == BackendName::Linux => true,
        Resource::Qos(qos) if qos.backend == BackendName::Linux => true,
        Resource::Netns(_)
        | Resource::Switch(_)
        | Resource::Link(_)
        | Resource::Virtual(_)
        | Resource::Port(_)
        | Resource::Internal(_)
        | Resource::Mirror(_)
        | Resource::Qos(_)
        | Resource::FlowExport(_) => seen.owner == made.owner,
        Resource::Physical(_)
        | Resource::Policing(_)
        | Resource::Device(_)
        | Resource::Sysctl(_)
        | Resource::Address(_)
        | Resource::Route(_)
        | Resource::Impairment(_)
        | Resource::Ruleset(_)
        | Resource::Nat(_)
        | Resource::Published(_) => true,
    }
}
