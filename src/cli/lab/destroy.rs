//! `destroy`.

use clap::Args;

use crate::backend::Scope;
use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::cli::teardown::{finish, tear_down};
use crate::engine::EngineError;
use crate::model::Owner;
use crate::plan::Plan;

use super::programs;
use super::run::check_not_held;
use super::which::Which;
use super::{add_timings, begin, shown};

#[derive(Debug, Args)]
#[command(after_help = "\
Everything that the lab has made goes, by its mark: the file is not needed, and it does not matter if a part is gone already. What
others have made stays. What cannot be deleted does not keep the rest, and is told at the end, with exit status 1.

Examples:
  ovsns destroy lab.yaml
  ovsns destroy --lab campus
  ovsns destroy --lab campus --dry-run")]
pub struct Destroy {
    #[command(flatten)]
    which: Which,
    /// Also namespaces in which processes run: they lose their names and their ports, and live on with them
    #[arg(long)]
    force: bool,
    /// Tell how long each phase took
    #[arg(long)]
    timings: bool,
    #[command(flatten)]
    change: Change,
}

impl Destroy {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let owner = self.which.owner()?;
        let _lock = begin(session, &self.change).await?;
        if !self.change.applies() {
            let scope = Scope::Owner(owner.clone());
            return tear_down(session, &owner, &scope, self.force, &self.change, shown, |_| Ok(())).await;
        }
        check_not_held(&owner)?;
        let mut report = destroy(session, &owner, self.force).await?;
        add_timings(session, &mut report, self.timings);
        Ok(report)
    }
}

/// Takes away what the lab of `owner` has made: its programs first, which would keep their namespaces.
pub async fn destroy(session: &Session<'_>, owner: &Owner, force: bool) -> Result<Report, Failure> {
    let (records, scope) = (super::records(owner), Scope::Owner(owner.clone()));
    let began = super::tell_destruction(session, owner, "what it has left goes now")?;
    let began = began.map(|run| run.plan).unwrap_or_default();
    let note = |plan: &Plan| {
        let both = plan.steps.iter().chain(&began.steps).cloned().collect();
        Ok(records.begin_to_destroy(&Plan { steps: both }).map_err(EngineError::from)?)
    };
    let stopped = programs::of(owner).stop_those(|_| true).await?;
    let change = Change { dry_run: false, explain: false };
    let mut report = tear_down(session, owner, &scope, force, &change, shown, note).await?;
    if !began.is_empty() {
        finish(session, &began).await?;
    }
    records.remove().map_err(EngineError::from)?;
    if !stopped.is_empty() {
        report.text = format!("- {} programs\n{}", stopped.len(), report.text).trim_end().to_owned();
    }
    Ok(report)
}
