//! Labs: one file that says what should be.

mod adopt;
mod apply;
mod changes;
mod destroy;
mod export;
mod file;
mod host;
mod plan;
mod programs;
mod progress;
mod rollback;
mod run;
mod saved;
mod sight;
mod status;
mod test;
mod text;
mod tunnels;
mod which;

use std::time::Duration;

use serde_json::json;

use crate::engine::{EngineError, Interrupted, JournalError, Lock, Phase, Records};
use crate::model::Owner;
use crate::plan::Plan;

use super::change::Change;
use super::failure::Failure;
use super::output::Report;
use super::session::{self, Session};

pub use apply::Apply;
pub use destroy::Destroy;
pub use export::Export;
pub use plan::{Diff, PlanVerb};
pub use rollback::Rollback;
pub use run::Run;
pub use status::Status;
pub use test::Test;
pub use text::{Check, Fmt, New, Schema};

/// What is said where nothing is to be done.
const NOTHING: &str = "nothing to do";

/// How many steps are printed one by one at the end of a run.
const LINES: usize = 100;

/// How long another run is waited for at least: that of a large lab takes its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is kept of the lab of `owner`.
fn records(owner: &Owner) -> Records {
    Records::of(&session::run_directory(), owner)
}

/// Before a change (see [`Session::begin_within`]).
async fn begin(session: &Session<'_>, change: &Change) -> Result<(Option<Lock>, Option<Interrupted>), Failure> {
    tell_interrupted(session)?;
    session.begin_within(change, session.global.timeout.max(PATIENCE)).await
}

/// Says if a run was interrupted and nothing has taken it back yet.
fn tell_interrupted(session: &Session<'_>) -> Result<(), Failure> {
    if let Some(run) = session.engine.interrupted()? {
        let (command, pid, steps) = (run.command, run.pid, run.plan.steps.len());
        session.output.note(&format!(
            "`{command}` (pid {pid}) was interrupted within its {steps} steps; the next verb that changes something takes it back first"
        ));
    }
    Ok(())
}

/// The run that began to destroy the lab of `owner`, if it was interrupted; says so, and what comes of it `now`.
fn tell_destruction(session: &Session<'_>, owner: &Owner, now: &str) -> Result<Option<Interrupted>, Failure> {
    match records(owner).destroyer() {
        Ok(Some(run)) => {
            let Interrupted { command, pid, .. } = &run;
            session.output.note(&format!("`{command}` (pid {pid}) did not end well; {now}"));
            Ok(Some(run))
        }
        Ok(None) => Ok(None),
        // The mark tells what belongs to the lab, whatever became of the file.
        Err(error @ JournalError::Damaged { .. }) => {
            session
                .output
                .note(&format!("lab {owner} was being destroyed, and that did not end well ({error}); {now}"));
            Ok(None)
        }
        Err(error) => Err(EngineError::from(error).into()),
    }
}

/// A plan that was carried out, for people: its steps, or their number where there are many.
fn shown(plan: &Plan) -> String {
    match plan.steps.len() {
        0 => NOTHING.to_owned(),
        1..=LINES => format!("{plan}\n{}", plan.summary()),
        _ => plan.summary(),
    }
}

/// Tells with `report` how long each phase took: to programs always, to people where they want to know.
fn add_timings(session: &Session<'_>, report: &mut Report, wanted: bool) {
    let phases = session.engine.timings().phases();
    if wanted {
        report.text = format!("{}\n{}", report.text, timings(&phases));
    }
    report.json["timings"] = json!(phases);
}

/// How long each phase took, a line each.
fn timings(phases: &[Phase]) -> String {
    let line = |phase: &Phase| {
        let seconds = phase.took.as_secs_f64();
        let each = if phase.items == 0 { 0.0 } else { seconds * 1e6 / phase.items as f64 };
        format!("{:<14} {:>9.1} ms {:>8} items {each:>8.1} us each", phase.name, seconds * 1e3, phase.items)
    };
    phases.iter().map(line).collect::<Vec<_>>().join("\n")
}
