//! `rollback`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::global::seconds_with_unit;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::engine::{EngineError, Interrupted, JournalError, Terms, recovery};
use crate::model::{Kind, Owner, Place, Resource, State};
use crate::plan::{Plan, Step};

use super::apply::undone;
use super::changes::{Changes, check_use};
use super::programs::{self, Programs};
use super::run::check_not_held;
use super::which::Which;
use super::{begin, progress, records, shown, sight, tell_destruction};

#[derive(Debug, Args)]
#[command(after_help = "\
What the last apply made is deleted, what it deleted is made again, and what it changed is as it was. It can be done once: there is
one last apply. Where that was interrupted, it is taken back, and nothing more. Of a lab that was destroyed in part there is no way back.

Examples:
  ovsns rollback lab.yaml
  ovsns rollback --lab campus --dry-run")]
pub struct Rollback {
    #[command(flatten)]
    which: Which,
    /// Also delete namespaces in which processes run: they live on without name and ports
    #[arg(long)]
    force: bool,
    /// Everything goes back unless `ovsns confirm` comes within that time
    #[arg(long, value_name = "SECONDS", value_parser = seconds_with_unit)]
    confirm: Option<Duration>,
    #[command(flatten)]
    change: Change,
}

impl Rollback {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let owner = self.which.owner()?;
        let (_lock, interrupted) = begin(session, &self.change).await?;
        let records = records(&owner);
        tell_destruction(session, &owner, "ovsns destroy ends it, and ovsns apply makes the lab again")?;
        if let Some(run) = interrupted.filter(|run| run.record.as_ref() == Some(&records.last_apply())) {
            return Ok(taken_back(&owner, &run));
        }
        let last = Interrupted::of(&records.last_apply()).map_err(|error| unreadable(&owner, error))?;
        let Some(last) = last else { return Err(nothing_to_go_back_to(&owner)) };
        let changes = way_back(session, &owner, &last).await?;
        let programs = Programs { services: programs::of(&owner), wanted: Vec::new() };
        if !self.change.applies() {
            check_use(&owner, &changes.plan, self.force || programs.are_in(&changes.plan)?)?;
            return Ok(self.change.told(session, &changes.plan).unwrap_or_default());
        }
        check_not_held(&owner)?;
        // Those in namespaces that go would keep them.
        let stopped = programs.leave(&changes.plan).await?;
        if let Err(failure) = self.carry_out(session, &owner, &changes).await {
            return Err(programs.return_after(&stopped, failure).await);
        }
        // If this run is killed here, the next rollback finds nothing to do, and removes it.
        records.forget_last_apply().map_err(EngineError::from)?;
        records.remove_empty();
        let plan = &changes.plan;
        Ok(Report::new(shown(plan), json!({"lab": owner, "plan": plan, "applied": true, "took_back": last.command})))
    }

    async fn carry_out(&self, session: &Session<'_>, owner: &Owner, changes: &Changes) -> Result<(), Failure> {
        let plan = &changes.plan;
        check_use(owner, plan, self.force)?;
        let mut terms = Terms::default();
        if let Some(within) = self.confirm {
            terms = terms.unless_confirmed(within, move || session.wait_for_confirmation(within));
        }
        let display = progress::show(session, plan);
        let done = session.engine.apply_on(plan, terms).await;
        drop(display);
        done.map_err(|error| undone(owner, error))
    }
}

/// Takes the last apply back, of which something failed after it was in effect.
pub async fn take_back(session: &Session<'_>, owner: &Owner) -> Result<(), Failure> {
    let records = records(owner);
    if let Some(last) = Interrupted::of(&records.last_apply()).map_err(EngineError::from)? {
        session.engine.apply(&way_back(session, owner, &last).await?.plan).await?;
        records.forget_last_apply().map_err(EngineError::from)?;
    }
    Ok(())
}

/// From what there is now to what there was before `last`. What translation takes of the host is worked out anew: other labs may
/// need it too by now.
async fn way_back(session: &Session<'_>, owner: &Owner, last: &Interrupted) -> Result<Changes, Failure> {
    let of_all = |step: &Step| step.entry().resource.kind() == Kind::Ruleset || is_raised(&step.entry().resource);
    let steps = last.plan.steps.iter().filter(|step| !of_all(step)).cloned().collect();
    let last = Plan { steps };
    let touched: State = last.start().entries().chain(last.end().entries()).cloned().collect();
    let observed = sight::observe(session, owner, &touched).await?;
    let back = recovery(&last, &observed);
    let mut desired: State = observed.clone();
    back.steps.iter().for_each(|step| step.change(&mut desired));
    Changes::between(session, owner.clone(), observed, desired).await
}

/// Whether it is a setting of the host, which may be one that translation turned on.
fn is_raised(resource: &Resource) -> bool {
    matches!(resource, Resource::Sysctl(sysctl) if sysctl.place == Place::Host)
}

/// The last apply was the one that was interrupted, and nothing of it is left to take back.
fn taken_back(owner: &Owner, run: &Interrupted) -> Report {
    let text = format!("lab {owner} is as it was before `{}`", run.command);
    Report::new(text, json!({"lab": owner, "plan": Plan::default(), "applied": true, "took_back": run.command}))
}

fn unreadable(owner: &Owner, error: JournalError) -> Failure {
    Failure::new(format!("what the last apply of lab {owner} did cannot be read"))
        .cause(error)
        .hint("ovsns apply makes the lab what its file says; ovsns destroy takes it away")
}

fn nothing_to_go_back_to(owner: &Owner) -> Failure {
    Failure::new(format!("there is no apply of lab {owner} to go back from"))
        .hint("one can go back once; where the host was started again since, there is nothing to go back to")
}
