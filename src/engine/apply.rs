//! Apply, verify, and undo on failure.

use std::time::Duration;

use crate::backend::{Backend, BackendError, Batch, Fault, Scope};
use crate::model::{Kind, State};
use crate::plan::{Plan, Step};

use super::confirm::Confirmation;
use super::error::chain;
use super::recover::{cleared, way_back};
use super::{Engine, EngineError};

/// A confirmation to be waited for, and what is to be done when the waiting begins.
type Asked<'a> = (Confirmation, Box<dyn FnOnce() + Send + 'a>);

impl Engine {
    /// Carries `plan` out. `Ok`: every step is in effect and was seen to be. `Err`: the system is as it was, except for
    /// [`EngineError::Mixed`].
    pub async fn apply(&self, plan: &Plan) -> Result<(), EngineError> {
        self.apply_confirmed(plan, None).await
    }

    /// The same for a change that may cut off whoever makes it: it goes back by itself unless [`Confirmation::tell`] says within
    /// this time that it may stay. `in_effect` is called when the time begins.
    pub async fn apply_unless_confirmed(
        &self,
        plan: &Plan,
        within: Duration,
        in_effect: impl FnOnce() + Send,
    ) -> Result<(), EngineError> {
        let Some(journal) = &self.journal else { return self.apply(plan).await };
        let confirmation = Confirmation::open(journal.directory(), within)?;
        self.apply_confirmed(plan, Some((confirmation, Box::new(in_effect)))).await
    }

    async fn apply_confirmed(&self, plan: &Plan, confirm: Option<Asked<'_>>) -> Result<(), EngineError> {
        if plan.is_empty() {
            return Ok(());
        }
        self.backends.check(plan)?;
        if let Some(journal) = &self.journal {
            journal.write(plan)?;
        }
        let (applied, result) = self.carry_out(plan, confirm).await;
        let Err(cause) = result else { return Ok(()) };
        tracing::info!(applied, of = plan.steps.len(), "undoing");
        let error = self.undo(plan, applied, cause).await;
        if matches!(error, EngineError::Mixed { .. }) {
            // The journal stays, so that the next run, or `gc --yes`, tries again.
            return Err(error);
        }
        // The caller is told of the failure; if the journal stays, the next run finds nothing to take back.
        if let Err(error) = self.forget() {
            tracing::warn!(%error, "the journal stays");
        }
        Err(error)
    }

    /// Applies, verifies, and commits. Returns how many steps are in effect.
    async fn carry_out(&self, plan: &Plan, confirm: Option<Asked<'_>>) -> (usize, Result<(), EngineError>) {
        let (applied, result) = self.forward(plan).await;
        if result.is_err() {
            return (applied, result);
        }
        if let Err(failed) = self.verify(plan).await {
            return (applied, Err(failed));
        }
        let Some((confirmation, in_effect)) = confirm else { return (applied, self.forget()) };
        in_effect();
        tokio::select! {
            // Who confirmed is answered, by the end of the stream, once it is true.
            heard = confirmation.wait() => match heard {
                Ok(_stream) => (applied, self.forget()),
                Err(error) => (applied, Err(error)),
            },
            () = self.stop.requested() => (applied, Err(EngineError::Stopped)),
        }
    }

    /// As long as the journal is there, the next run would take this one back: its removal is what makes a plan stay.
    fn forget(&self) -> Result<(), EngineError> {
        match &self.journal {
            Some(journal) => Ok(journal.remove()?),
            None => Ok(()),
        }
    }

    /// Applies batch by batch. Returns how many steps are in effect.
    async fn forward(&self, plan: &Plan) -> (usize, Result<(), EngineError>) {
        let batches = match self.backends.batches(plan) {
            Ok(batches) => batches,
            Err(unsupported) => return (0, Err(unsupported.into())),
        };
        let mut applied = 0;
        for Batch { backend, steps } in batches {
            if self.stop.is_requested() {
                return (applied, Err(EngineError::Stopped));
            }
            tracing::debug!(backend = backend.name(), steps = steps.len(), "apply");
            tokio::select! {
                result = backend.apply(steps) => if let Err(error) = result {
                    return (applied + error.applied.min(steps.len()), Err(EngineError::Backend(*error.source)));
                },
                // How far the batch came nobody knows: it counts as applied, as all that was begun does.
                () = self.stop.requested() => return (applied + steps.len(), Err(EngineError::Stopped)),
            }
            applied += steps.len();
        }
        (applied, Ok(()))
    }

    /// Looks again: after a plan was carried out, nothing of it may be left to do.
    async fn verify(&self, plan: &Plan) -> Result<(), EngineError> {
        let missing = self.missing(plan).await?;
        if missing.is_empty() { Ok(()) } else { Err(EngineError::NotInEffect { missing }) }
    }

    /// What is left to do of `plan`.
    pub(super) async fn missing(&self, plan: &Plan) -> Result<Plan, EngineError> {
        let observed = self.look_at(plan).await?;
        let mut missing = Plan::between(&observed, &plan.end());
        // A device goes with what brought it, and its settings with it; one that is there under its name is another's.
        let stays = |kind: Kind| matches!(kind, Kind::Device | Kind::Sysctl);
        missing.steps.retain(|step| !matches!(step, Step::Delete(entry) if stays(entry.resource.kind())));
        Ok(missing)
    }

    pub(super) async fn look_at(&self, plan: &Plan) -> Result<State, EngineError> {
        Ok(self.backends.observe(&Scope::Keys(plan.keys())).await?)
    }

    /// Takes the first `applied` steps of `plan` back, newest first, as far as that goes: one step that cannot be undone does not
    /// keep the others.
    async fn undo(&self, plan: &Plan, applied: usize, cause: EngineError) -> EngineError {
        let done = Plan { steps: plan.steps[..applied].to_vec() };
        let inverse = done.clone().inverse();
        let mut errors = self.apply_each(&inverse).await;
        let mut left = self.left(plan, &done).await;
        // A step can take with it what other steps of the plan were to take later, and one that failed can have done a part: what
        // the inverse did not know of is put back.
        if let Ok(rest) = &left
            && !rest.is_empty()
        {
            errors = self.apply_each(&cleared(rest.clone())).await;
            left = self.left(plan, &done).await;
        }
        match left {
            Ok(left) if left.is_empty() => cause,
            Ok(left) => EngineError::Mixed { cause: Box::new(cause), undo: errors, left },
            // Nobody can look, but every step of the way back was carried out.
            Err(_) if errors.is_empty() => cause,
            Err(_) => EngineError::Mixed { cause: Box::new(cause), undo: errors, left: inverse },
        }
    }

    /// What is left to do until all that `plan` names is as it was.
    pub(super) async fn left(&self, plan: &Plan, done: &Plan) -> Result<Plan, EngineError> {
        Ok(way_back(plan, done, &self.look_at(plan).await?))
    }

    /// Applies what can be applied; returns what failed, a line each.
    pub(super) async fn apply_each(&self, plan: &Plan) -> Vec<String> {
        let batches = match self.backends.batches(plan) {
            Ok(batches) => batches,
            Err(unsupported) => return vec![unsupported.to_string()],
        };
        let mut errors = Vec::new();
        for Batch { backend, steps } in batches {
            let Err(error) = backend.apply(steps).await else { continue };
            let rest = steps.get(error.applied..).unwrap_or_default();
            // A step alone has had its try, and a system that does not answer would keep us a deadline for each.
            if rest.len() <= 1 || is_silent(&error.source) {
                errors.push(chain(&*error.source));
                continue;
            }
            errors.extend(one_by_one(backend.as_ref(), rest).await);
        }
        errors
    }
}

/// The steps of a batch that failed, each for itself: which of them a transaction failed by is not said. Returns what failed, a
/// line each.
async fn one_by_one(backend: &dyn Backend, steps: &[Step]) -> Vec<String> {
    let mut errors = Vec::new();
    for step in steps {
        if let Err(error) = backend.apply(std::slice::from_ref(step)).await {
            errors.push(chain(&*error.source));
            if is_silent(&error.source) {
                break;
            }
        }
    }
    errors
}

fn is_silent(error: &BackendError) -> bool {
    matches!(error.fault, Fault::Deadline(..) | Fault::Unreachable)
}
