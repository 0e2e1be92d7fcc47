//! One look at a lab, and what is done about what it shows.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::cli::failure::Failure;
use crate::cli::lab::changes::{Changes, check_use};
use crate::cli::lab::destroy::destroy;
use crate::cli::lab::programs::Programs;
use crate::cli::lab::{LINES, records};
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::engine::{EngineError, Terms};
use crate::plan::Plan;
use crate::process::service::{Action, Due};
use crate::watch::Verdict;

use super::Controller;
use super::calls::Calls;

/// Another run may wait for a confirmation, or for somebody at a terminal: it is waited for.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// What a look has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it should be, or was put right.
    Whole,
    /// What is wrong was put right too often: not before then.
    Later(Instant),
}

impl Controller<'_> {
    /// Looks, and heals. `asked`: for the first time, or because somebody wants it: then it is done whatever was done before, and can
    /// be rolled back.
    pub async fn look(&mut self, calls: &mut Calls, asked: bool) -> Result<Outcome, Failure> {
        tracing::debug!("looking");
        let global = self.global.clone();
        // Anew each time: the database may have been another one before.
        let session = Session::open(&global, self.output).await?;
        let stop = session.engine.stop();
        calls.during(&stop, self.look_through(&session, asked)).await
    }

    async fn look_through(&mut self, session: &Session<'_>, asked: bool) -> Result<Outcome, Failure> {
        let begin = Instant::now();
        let (changes, actions) = self.differences(session, asked).await?;
        if changes.plan.is_empty() && actions.is_empty() {
            return Ok(Outcome::Whole);
        }
        if let (false, Some(at)) = (asked, self.must_wait(&changes.plan, &actions)) {
            return Ok(Outcome::Later(at));
        }
        // Whoever holds the lock may be about to put it right, or to go on: only what is wrong then counts.
        let (_lock, interrupted) = session.engine.begin(PATIENCE).await?;
        if let Some(run) = interrupted {
            let text = format!("took back what `{}` (pid {}) had begun when it was interrupted", run.command, run.pid);
            self.say("took back", &[text], json!({"command": run.command}));
        }
        let (changes, _) = self.differences(session, asked).await?;
        self.heal(session, &changes, asked, begin).await?;
        let outcome = self.heal_programs(asked).await?;
        self.watch_files();
        Ok(outcome)
    }

    async fn differences(&self, session: &Session<'_>, asked: bool) -> Result<(Changes, Vec<Action>), Failure> {
        let changes = Changes::of(session, &self.lab, self.args.adopt).await?;
        Ok((changes, self.actions(asked)?))
    }

    fn actions(&self, asked: bool) -> Result<Vec<Action>, Failure> {
        let programs = Programs::of(&self.lab, &self.path)?;
        Ok(programs.services.actions(&programs.wanted, due(asked))?)
    }

    /// When all that is wrong was put right too often just before: the moment from which on it may be again. It is told once.
    fn must_wait(&mut self, plan: &Plan, actions: &[Action]) -> Option<Instant> {
        let names = names(plan, actions);
        let now = Instant::now();
        match self.pace.verdict(names.iter().map(String::as_str), now) {
            Verdict::Now => None,
            Verdict::Later { at, told } => {
                if !told {
                    let seconds = (at - now).as_secs_f32().ceil();
                    let first = names.first().map_or("", String::as_str);
                    let line = format!("{first} breaks again and again: it is healed in {seconds} s");
                    self.say("waiting", &[line], json!({"seconds": seconds, "keys": names}));
                }
                Some(at)
            }
        }
    }

    async fn heal(
        &mut self,
        session: &Session<'_>,
        changes: &Changes,
        asked: bool,
        begin: Instant,
    ) -> Result<(), Failure> {
        let plan = &changes.plan;
        if plan.is_empty() {
            return Ok(());
        }
        let programs = Programs::of(&self.lab, &self.path)?;
        if asked {
            programs.leave(&changes.plan).await?;
        }
        check_use(&self.lab.owner, plan, false)?;
        let terms = match asked {
            true => Terms::default().recorded_at(records(&self.lab.owner).last_apply()),
            false => Terms::default(),
        };
        let names = names(plan, &[]);
        self.pace.healed(names.iter().map(String::as_str), Instant::now());
        session.engine.apply_on(plan, terms).await?;
        records(&self.lab.owner).forget_destruction().map_err(EngineError::from)?;
        let event = if asked { "applied" } else { "healed" };
        let took = begin.elapsed().as_millis();
        let lines: Vec<String> = match plan.steps.len() {
            0..=LINES => plan.steps.iter().map(|step| format!("{event}: {step}")).collect(),
            _ => vec![format!("{event}: {}", plan.summary())],
        };
        self.say(event, &lines, json!({"plan": plan, "took_ms": took}));
        Ok(())
    }

    /// Starts and stops programs: all or none where it was asked for, else each for itself.
    async fn heal_programs(&mut self, asked: bool) -> Result<Outcome, Failure> {
        let programs = Programs::of(&self.lab, &self.path)?;
        if asked {
            let actions = programs.reconcile().await?;
            actions.iter().for_each(|action| self.done("applied", action));
            return Ok(Outcome::Whole);
        }
        let mut outcome = Outcome::Whole;
        for action in self.actions(false)? {
            if let Some(at) = self.must_wait(&Plan::default(), std::slice::from_ref(&action)) {
                outcome = Outcome::Later(at);
                continue;
            }
            self.pace.healed([name(&action).as_str()], Instant::now());
            match programs.services.act(&action).await {
                Ok(()) => self.done("healed", &action),
                Err(error) => self.failed(&Failure::from(error)),
            }
        }
        Ok(outcome)
    }

    fn done(&self, event: &str, action: &Action) {
        self.say(event, &[format!("{event}: {action}")], json!({"program": action}));
    }

    /// What is done at the end: nothing, or the lab is taken away.
    pub async fn end(&mut self, calls: &mut Calls) -> Result<Report, Failure> {
        if !self.args.destroy_on_exit {
            return Ok(Report::default());
        }
        calls.end_again();
        let global = self.global.clone();
        let session = Session::open(&global, self.output).await?;
        let stop = session.engine.stop();
        let owner = self.lab.owner.clone();
        let work = async {
            let (_lock, _) = session.engine.begin(PATIENCE).await?;
            destroy(&session, &owner, false).await
        };
        calls.during(&stop, work).await
    }
}

fn due(asked: bool) -> Due {
    if asked { Due::Asked } else { Due::Unasked }
}

/// What is put right, by the names under which it is counted.
fn names(plan: &Plan, actions: &[Action]) -> Vec<String> {
    plan.keys().iter().map(ToString::to_string).chain(actions.iter().map(name)).collect()
}

fn name(action: &Action) -> String {
    let service = action.service();
    format!("program {} in {}", service.name, service.place)
}
