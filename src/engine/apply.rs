//! Apply, verify, and undo on failure.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::backend::{Backend, BackendError, Batch, Direction, Fault, Scope};
use crate::model::{IfName, Kind, Place, State};
use crate::plan::{Doomed, Plan, Step};

use super::confirm::Confirmation;
use super::error::chain;
use super::recover::{cleared, way_back};
use super::{Engine, EngineError};

/// How a plan is carried out, other than plainly.
#[derive(Default)]
pub struct Terms<'a> {
    confirm: Option<(Duration, Call<'a>)>,
    record: Option<PathBuf>,
}

/// What is done when the time for a confirmation begins.
type Call<'a> = Box<dyn FnOnce() + Send + 'a>;

/// What [`Terms`] come to when a run begins.
struct Agreed<'a> {
    confirm: Option<(Confirmation, Call<'a>)>,
    record: Option<PathBuf>,
}

impl<'a> Terms<'a> {
    /// For a change that may cut off whoever makes it: it goes back by itself unless [`Confirmation::tell`] says within this time
    /// that it may stay. `in_effect` is called when the time begins.
    pub fn unless_confirmed(self, within: Duration, in_effect: impl FnOnce() + Send + 'a) -> Terms<'a> {
        Terms { confirm: Some((within, Box::new(in_effect))), ..self }
    }

    /// The journal of the run is kept at `record` when it has ended well, for [`recovery`](super::recovery) at any later time. It
    /// is on the journal's file system, in a directory that is there.
    pub fn recorded_at(self, record: PathBuf) -> Terms<'a> {
        Terms { record: Some(record), ..self }
    }
}

impl Engine {
    /// Carries `plan` out. `Ok`: every step is in effect and was seen to be. `Err`: the system is as it was, except for
    /// [`EngineError::Mixed`].
    pub async fn apply(&self, plan: &Plan) -> Result<(), EngineError> {
        self.apply_on(plan, Terms::default()).await
    }

    /// The same, on these terms.
    pub async fn apply_on(&self, plan: &Plan, terms: Terms<'_>) -> Result<(), EngineError> {
        if plan.is_empty() {
            return Ok(());
        }
        let agreed = self.begin_to_apply(plan, terms)?;
        let (applied, result) = self.carry_out(plan, agreed).await;
        let Err(cause) = result else { return Ok(()) };
        tracing::info!(applied, of = plan.steps.len(), "undoing");
        let error = self.undo(plan, applied, cause).await;
        if matches!(error, EngineError::Mixed { .. }) {
            // The journal stays, so that the next run, or `gc --yes`, tries again.
            return Err(error);
        }
        // The caller is told of the failure; if the journal stays, the next run finds nothing to take back.
        if let Err(error) = self.forget(None) {
            tracing::warn!(%error, "the journal stays");
        }
        Err(error)
    }

    fn begin_to_apply<'a>(&self, plan: &Plan, terms: Terms<'a>) -> Result<Agreed<'a>, EngineError> {
        self.backends.check(plan)?;
        let Some(journal) = &self.journal else { return Ok(Agreed { confirm: None, record: None }) };
        let confirm = match terms.confirm {
            Some((within, call)) => Some((Confirmation::open(journal.directory(), within)?, call)),
            None => None,
        };
        let start = Instant::now();
        journal.write_for(plan, terms.record.as_deref())?;
        self.timings.note("journal", plan.steps.len(), start);
        Ok(Agreed { confirm, record: terms.record })
    }

    /// Applies, verifies, and commits. Returns how many steps are in effect.
    async fn carry_out(&self, plan: &Plan, agreed: Agreed<'_>) -> (usize, Result<(), EngineError>) {
        let (applied, result) = self.forward(plan).await;
        if result.is_err() {
            return (applied, result);
        }
        if let Err(failed) = self.verify(plan).await {
            return (applied, Err(failed));
        }
        let record = agreed.record.as_deref();
        let Some((confirmation, in_effect)) = agreed.confirm else { return (applied, self.forget(record)) };
        in_effect();
        tokio::select! {
            // Who confirmed is answered, by the end of the stream, once it is true.
            heard = confirmation.wait() => match heard {
                Ok(_stream) => (applied, self.forget(record)),
                Err(error) => (applied, Err(error)),
            },
            () = self.stop.requested() => (applied, Err(EngineError::Stopped)),
        }
    }

    /// As long as the journal is there, the next run would take this one back: its removal is what makes a plan stay.
    pub(super) fn forget(&self, record: Option<&Path>) -> Result<(), EngineError> {
        match (&self.journal, record) {
            (Some(journal), Some(record)) => Ok(journal.keep(record)?),
            (Some(journal), None) => Ok(journal.remove()?),
            (None, _) => Ok(()),
        }
    }

    /// Applies batch by batch. Returns how many steps are in effect, or will be by what those take with them.
    async fn forward(&self, plan: &Plan) -> (usize, Result<(), EngineError>) {
        let (part, places) = without_implied(plan);
        // The place in `plan` of the first step of `part` that is not done.
        let reached = |done: usize| places.get(done).copied().unwrap_or(plan.steps.len());
        self.progress.begin(Direction::Forward, part.steps.len());
        let (done, result) = self.each_batch(&part).await;
        (reached(done), result)
    }

    async fn each_batch(&self, plan: &Plan) -> (usize, Result<(), EngineError>) {
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
            let start = Instant::now();
            tokio::select! {
                result = backend.apply(steps) => if let Err(error) = result {
                    return (applied + error.applied.min(steps.len()), Err(EngineError::Backend(*error.source)));
                },
                // How far the batch came nobody knows: it counts as applied, as all that was begun does.
                () = self.stop.requested() => return (applied + steps.len(), Err(EngineError::Stopped)),
            }
            self.timings.note(&format!("apply {}", backend.name()), steps.len(), start);
            applied += steps.len();
            self.progress.reached(applied);
        }
        (applied, Ok(()))
    }

    /// Looks again: after a plan was carried out, nothing of it may be left to do.
    async fn verify(&self, plan: &Plan) -> Result<(), EngineError> {
        let start = Instant::now();
        let missing = self.missing(plan).await?;
        self.timings.note("verify", plan.steps.len(), start);
        if missing.is_empty() { Ok(()) } else { Err(EngineError::NotInEffect { missing }) }
    }

    /// What is left to do of `plan`.
    pub(super) async fn missing(&self, plan: &Plan) -> Result<Plan, EngineError> {
        let observed = self.look_at(plan).await?;
        let mut missing = Plan::between(&observed, &plan.promises());
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
        self.progress.begin(Direction::Back, inverse.steps.len());
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

    /// Applies what can be applied; returns what failed, a line each. What stands on something that could not be made is left out:
    /// that it cannot be is said already.
    pub(super) async fn apply_each(&self, plan: &Plan) -> Vec<String> {
        let batches = match self.backends.batches(plan) {
            Ok(batches) => batches,
            Err(unsupported) => return vec![unsupported.to_string()],
        };
        let (mut failed, mut done) = (Failed::default(), 0);
        for Batch { backend, steps } in batches {
            self.progress.reached(done);
            done += steps.len();
            let possible = failed.leave_out(steps);
            let start = Instant::now();
            let result = backend.apply(&possible).await;
            self.timings.note(&format!("apply {}", backend.name()), possible.len(), start);
            let Err(error) = result else { continue };
            let rest = possible.get(error.applied..).unwrap_or_default();
            // A step alone has had its try, and a system that does not answer would keep us a deadline for each.
            if rest.len() <= 1 || is_silent(&error.source) {
                failed.errors.push(chain(&*error.source));
                rest.iter().for_each(|step| failed.lose(step));
                continue;
            }
            failed.one_by_one(backend.as_ref(), rest).await;
        }
        failed.errors
    }
}

/// `plan` without what goes with something else that goes, and the place of each of its steps in `plan`.
pub(super) fn without_implied(plan: &Plan) -> (Plan, Vec<usize>) {
    let doomed = Doomed::by(&plan.steps);
    let implied = |step: &Step| matches!(step, Step::Delete(entry) if doomed.imply(&entry.resource));
    let part = plan.steps.iter().enumerate().filter(|(_, step)| !implied(step));
    let (places, steps) = part.map(|(place, step)| (place, step.clone())).unzip();
    (Plan { steps }, places)
}

/// What could not be done.
#[derive(Default)]
struct Failed {
    /// Why, a line a step.
    errors: Vec<String>,
    /// The devices that are not there for it.
    lost: BTreeSet<(Place, IfName)>,
}

impl Failed {
    /// `steps`, without those that stand on what could not be made.
    fn leave_out<'a>(&mut self, steps: &'a [Step]) -> Cow<'a, [Step]> {
        if self.lost.is_empty() {
            return Cow::Borrowed(steps);
        }
        let possible = |step: &&Step| {
            let possible = !self.is_lost(step);
            if !possible {
                self.lose(step);
            }
            possible
        };
        Cow::Owned(steps.iter().filter(possible).cloned().collect())
    }

    fn is_lost(&self, step: &Step) -> bool {
        let makes = !matches!(step, Step::Delete(_));
        makes && step.entry().resource.needs().iter().any(|device| self.lost.contains(device))
    }

    fn lose(&mut self, step: &Step) {
        if matches!(step, Step::Create(_)) {
            self.lost.extend(step.entry().resource.provides());
        }
    }

    /// The steps of a batch that failed, each for itself: which of them a transaction failed by is not said.
    async fn one_by_one(&mut self, backend: &dyn Backend, steps: &[Step]) {
        for step in steps {
            if self.is_lost(step) {
                self.lose(step);
                continue;
            }
            let Err(error) = backend.apply(std::slice::from_ref(step)).await else { continue };
            self.errors.push(chain(&*error.source));
            self.lose(step);
            if is_silent(&error.source) {
                break;
            }
        }
    }
}

fn is_silent(error: &BackendError) -> bool {
    matches!(error.fault, Fault::Deadline(..) | Fault::Unreachable)
}
