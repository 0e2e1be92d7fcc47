//! `apply`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::global::seconds_with_unit;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::cli::teardown::finish;
use crate::engine::{EngineError, Remains, Terms};
use crate::model::Owner;
use crate::plan::Plan;
use crate::process::service::Action;

use super::changes::{Changes, check_use};
use super::file::LabFile;
use super::programs::{self, Programs};
use super::rollback;
use super::saved::Saved;
use super::{add_timings, begin, progress, records, shown, tell_destruction, tunnels};

#[derive(Debug, Args)]
#[command(after_help = "\
The system becomes as the file says: what is missing is made, what differs is changed, what the file no longer names and the lab has
made is deleted. What others have made is left alone. If a step fails, or at Ctrl-C, all is as it was before.

Examples:
  ovsns apply lab.yaml
  ovsns apply lab.yaml --set hosts=50
  ovsns apply lab.yaml --confirm 60s      goes back by itself unless `ovsns confirm` comes
  ovsns apply plan.json                   just what `ovsns plan --json` has printed, or nothing")]
pub struct Apply {
    #[command(flatten)]
    file: LabFile,
    /// Make what is there under the names of the file, and is not the lab's, its own
    #[arg(long)]
    adopt: bool,
    /// Also delete namespaces in which processes run: they live on without name and ports
    #[arg(long)]
    force: bool,
    /// Where a step fails, go on with what does not stand on it, and keep what was done
    #[arg(long, conflicts_with = "confirm")]
    keep_going: bool,
    /// Everything goes back unless `ovsns confirm` comes within that time
    #[arg(long, value_name = "SECONDS", value_parser = seconds_with_unit)]
    confirm: Option<Duration>,
    /// Tell how long each phase took
    #[arg(long)]
    timings: bool,
    #[command(flatten)]
    change: Change,
}

impl Apply {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        match Saved::read(&self.file.path()?)? {
            Some(saved) => {
                let _lock = begin(session, &self.change).await?;
                self.finish_destruction(session, &saved.lab).await?;
                check_stale(session, &saved).await?;
                check_use(&saved.lab, &saved.plan, self.force)?;
                self.carry_out(session, &saved.lab, &saved.plan, None).await
            }
            None => {
                let lab = self.file.read()?;
                let _lock = begin(session, &self.change).await?;
                self.finish_destruction(session, &lab.owner).await?;
                let changes = Changes::of(session, &lab, self.adopt).await?;
                changes.tell_neighbours(session);
                tunnels::tell(session, &lab)?;
                let programs = Programs::of(&lab, &self.file.path()?)?;
                self.with_programs(session, &changes, &programs).await
            }
        }
    }

    /// What shows no more of a lab that was half destroyed would be in the way.
    async fn finish_destruction(&self, session: &Session<'_>, owner: &Owner) -> Result<(), Failure> {
        if !self.change.applies() {
            return Ok(());
        }
        match tell_destruction(session, owner, "what it has taken away is made again")? {
            Some(began) => finish(session, &began.plan).await,
            None => Ok(()),
        }
    }

    /// Those in namespaces that go are stopped first: they would keep them. After a failure they run again.
    async fn with_programs(
        &self,
        session: &Session<'_>,
        changes: &Changes,
        programs: &Programs,
    ) -> Result<Report, Failure> {
        if !self.change.applies() {
            check_use(&changes.owner, &changes.plan, self.force || programs.are_in(&changes.plan)?)?;
            return self.carry_out(session, &changes.owner, &changes.plan, Some(programs)).await;
        }
        let stopped = programs.leave(&changes.plan).await?;
        let done = match check_use(&changes.owner, &changes.plan, self.force) {
            Ok(()) => self.carry_out(session, &changes.owner, &changes.plan, Some(programs)).await,
            Err(failure) => Err(failure),
        };
        match done {
            Err(failure) if !self.keep_going => Err(programs.return_after(&stopped, failure).await),
            done => done,
        }
    }

    async fn carry_out(
        &self,
        session: &Session<'_>,
        owner: &Owner,
        plan: &Plan,
        programs: Option<&Programs>,
    ) -> Result<Report, Failure> {
        if let Some(report) = self.change.told(session, plan) {
            return Ok(match programs {
                Some(programs) if self.change.dry_run => programs::with_lines(report, &programs.actions()?),
                _ => report,
            });
        }
        let records = records(owner);
        records.make().map_err(EngineError::from)?;
        let display = progress::show(session, plan);
        let done = match self.keep_going {
            true => self.as_far_as_it_goes(session, owner, plan).await,
            false => self.all_or_nothing(session, owner, plan).await,
        };
        drop(display);
        if done.is_err() {
            records.remove_empty();
        }
        done?;
        let actions = match programs {
            Some(programs) => self.run_programs(session, owner, plan, programs).await?,
            None => Vec::new(),
        };
        records.forget_destruction().map_err(EngineError::from)?;
        let document = json!({"lab": owner, "plan": plan, "applied": true});
        let mut report = programs::with_lines(Report::new(shown(plan), document), &actions);
        add_timings(session, &mut report, self.timings);
        Ok(report)
    }

    /// What the lab is made of is there: now its programs. If one does not start, all goes back.
    async fn run_programs(
        &self,
        session: &Session<'_>,
        owner: &Owner,
        plan: &Plan,
        programs: &Programs,
    ) -> Result<Vec<Action>, Failure> {
        let mut failure = match programs.reconcile().await {
            Ok(actions) => return Ok(actions),
            Err(failure) => failure,
        };
        if self.keep_going {
            failure.left.push(format!("all else of lab {owner} is in effect"));
            return Err(failure);
        }
        if !plan.is_empty() {
            rollback::take_back(session, owner).await.map_err(|mut back| {
                back.left.push(format!("it was to be taken back because {}", failure.what));
                back
            })?;
            records(owner).remove_empty();
        }
        failure.left.push(format!("what was done for lab {owner} is undone: all is as it was"));
        Err(failure)
    }

    async fn all_or_nothing(&self, session: &Session<'_>, owner: &Owner, plan: &Plan) -> Result<(), Failure> {
        let mut terms = Terms::default().recorded_at(records(owner).last_apply());
        if let Some(within) = self.confirm {
            terms = terms.unless_confirmed(within, move || session.wait_for_confirmation(within));
        }
        session.engine.apply_on(plan, terms).await.map_err(|error| undone(owner, error))
    }

    async fn as_far_as_it_goes(&self, session: &Session<'_>, owner: &Owner, plan: &Plan) -> Result<(), Failure> {
        if plan.is_empty() {
            return Ok(());
        }
        let remains = session.engine.apply_what_goes(plan, &records(owner).last_apply()).await?;
        if remains.left.is_empty() { Ok(()) } else { Err(partly(owner, plan, remains)) }
    }
}

/// A plan that was saved starts from what there was then.
async fn check_stale(session: &Session<'_>, saved: &Saved) -> Result<(), Failure> {
    let observed = session.observe(Scope::Keys(saved.plan.keys())).await?;
    saved.plan.check(&observed).map_err(|stale| {
        Failure::new("the plan is stale, and nothing was done")
            .cause(stale)
            .hint("make a new one: ovsns plan lab.yaml --json > plan.json")
    })
}

/// The failure of an apply after which all is as it was.
pub fn undone(owner: &Owner, error: EngineError) -> Failure {
    let mixed = matches!(error, EngineError::Mixed { .. });
    let mut failure = Failure::from(error);
    if !mixed {
        failure.left.push(format!("what was done for lab {owner} is undone: all is as it was"));
    }
    failure
}

fn partly(owner: &Owner, plan: &Plan, remains: Remains) -> Failure {
    let Remains { errors, left } = remains;
    let (undone, of) = (left.steps.len(), plan.steps.len());
    let mut failure = Failure::new(format!("lab {owner} is only partly in effect: {undone} of {of} steps are left"));
    failure.code = crate::cli::failure::MIXED;
    failure.left = errors;
    failure.left.push("these are still to do:".to_owned());
    failure.left.extend(left.steps.iter().map(|step| format!("  {step}")));
    failure.hint("mend what stands in the way, and apply it again; or go back: ovsns rollback")
}
