//! Apply, verify, and undo on failure.

use crate::backend::{Batch, Scope};
use crate::model::{Entry, State};
use crate::plan::{Plan, Step};

use super::error::chain;
use super::{Engine, EngineError};

impl Engine {
    /// Carries `plan` out. `Ok`: every step is in effect and was seen to be. `Err`: the system is as it was, except for
    /// [`EngineError::Mixed`].
    pub async fn apply(&self, plan: &Plan) -> Result<(), EngineError> {
        if plan.is_empty() {
            return Ok(());
        }
        self.backends.check(plan)?;
        if let Some(journal) = &self.journal {
            journal.write(plan)?;
        }
        let result = self.apply_or_undo(plan).await;
        if let Some(journal) = &self.journal {
            journal.remove()?;
        }
        result
    }

    async fn apply_or_undo(&self, plan: &Plan) -> Result<(), EngineError> {
        let (applied, cause) = match self.forward(plan).await {
            (_, Ok(())) => match self.verify(plan).await {
                Ok(()) => return Ok(()),
                Err(cause) => (plan.steps.len(), cause),
            },
            (applied, Err(cause)) => (applied, cause),
        };
        tracing::info!(applied, of = plan.steps.len(), "undoing");
        let done = Plan { steps: plan.steps[..applied].to_vec() };
        Err(self.undo(done, cause).await)
    }

    /// Applies batch by batch. Returns how many steps are in effect.
    async fn forward(&self, plan: &Plan) -> (usize, Result<(), EngineError>) {
        let batches = match self.backends.batches(plan) {
            Ok(batches) => batches,
            Err(unsupported) => return (0, Err(unsupported.into())),
        };
        let mut applied = 0;
        for Batch { backend, steps } in batches {
            if self.stopped() {
                return (applied, Err(EngineError::Stopped));
            }
            tracing::debug!(backend = backend.name(), steps = steps.len(), "apply");
            if let Err(error) = backend.apply(steps).await {
                return (applied + error.applied.min(steps.len()), Err(EngineError::Backend(*error.source)));
            }
            applied += steps.len();
        }
        (applied, Ok(()))
    }

    /// Looks again: after a plan was carried out, nothing of it may be left to do.
    async fn verify(&self, plan: &Plan) -> Result<(), EngineError> {
        let missing = self.left_to_do(plan, last_wish).await?;
        if missing.is_empty() { Ok(()) } else { Err(EngineError::NotInEffect { missing }) }
    }

    /// What is still to do until each key of `plan` is as `wish` says.
    async fn left_to_do(&self, plan: &Plan, wish: fn(&Plan) -> State) -> Result<Plan, EngineError> {
        let observed = self.backends.observe(&Scope::Keys(plan.keys())).await?;
        Ok(Plan::between(&observed, &wish(plan)))
    }

    /// Takes `done` back, newest first, as far as that goes: one step that cannot be undone does not keep the others.
    async fn undo(&self, done: Plan, cause: EngineError) -> EngineError {
        let inverse = done.clone().inverse();
        let errors = self.apply_each(&inverse).await;
        let left = match self.left_to_do(&done, first_state).await {
            Ok(left) => left,
            Err(_) if errors.is_empty() => return cause,
            Err(_) => inverse,
        };
        if left.is_empty() {
            return cause;
        }
        EngineError::Mixed { cause: Box::new(cause), undo: errors, left }
    }

    /// Applies what can be applied; returns what failed, a line each.
    pub(super) async fn apply_each(&self, plan: &Plan) -> Vec<String> {
        let batches = match self.backends.batches(plan) {
            Ok(batches) => batches,
            Err(unsupported) => return vec![unsupported.to_string()],
        };
        let mut errors = Vec::new();
        for Batch { backend, mut steps } in batches {
            while let Err(error) = backend.apply(steps).await {
                errors.push(chain(&*error.source));
                steps = steps.get(error.applied + 1..).unwrap_or_default();
                if steps.is_empty() {
                    break;
                }
            }
        }
        errors
    }
}

/// How each key of `plan` is to be in the end.
fn last_wish(plan: &Plan) -> State {
    let mut state = State::default();
    for step in &plan.steps {
        match step {
            Step::Create(entry) | Step::Modify { after: entry, .. } => state.insert(entry.clone()),
            Step::Delete(entry) => drop(state.remove(&entry.key())),
        }
    }
    state
}

/// How each key of `plan` was before it.
fn first_state(plan: &Plan) -> State {
    let mut state = State::default();
    for step in plan.steps.iter().rev() {
        match step {
            Step::Create(entry) => drop(state.remove(&entry.key())),
            Step::Delete(entry) | Step::Modify { before: entry, .. } => state.insert(Entry::clone(entry)),
        }
    }
    state
}
