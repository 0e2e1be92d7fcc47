//! `status`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{self, Session};
use crate::engine::{EngineError, Interrupted, JournalError, Records};
use crate::model::{Kind, Owner, State};
use crate::process::service::ServiceStatus;

use super::changes::Changes;
use super::which::Which;
use super::{programs, records};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns status                      the labs of this host
  ovsns status --lab campus         one of them
  ovsns status lab.yaml             and how far it is from what its file says")]
pub struct Status {
    #[command(flatten)]
    which: Which,
}

/// A lab, as it is.
#[derive(Debug, Serialize)]
struct LabStatus {
    lab: Owner,
    /// How many of each kind bear its mark.
    resources: BTreeMap<String, usize>,
    /// The last apply, which `rollback` would take back.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_apply: Option<LastApply>,
    /// It was being destroyed, by this command.
    #[serde(skip_serializing_if = "Option::is_none")]
    destroyed_by: Option<String>,
    /// Its programs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    programs: Vec<ServiceStatus>,
    /// How many differences there are to its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<usize>,
}

#[derive(Debug, Serialize)]
struct LastApply {
    command: String,
    steps: usize,
    /// How long ago, in seconds.
    seconds_ago: u64,
}

impl Status {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        super::tell_interrupted(session)?;
        let labs = match self.which.named()? {
            Some(owner) => {
                let state = session.observe(Scope::Owner(owner.clone())).await?;
                let mut status = look(&owner, &state)?;
                status.differences = self.differences(session).await?;
                vec![status]
            }
            None => all(session).await?,
        };
        let text = match labs.is_empty() {
            true => "there is no lab on this host".to_owned(),
            false => labs.iter().map(LabStatus::text).collect::<Vec<_>>().join("\n"),
        };
        Ok(Report::new(text, json!({"labs": labs})))
    }

    async fn differences(&self, session: &Session<'_>) -> Result<Option<usize>, Failure> {
        let Some(lab) = self.which.lab()? else { return Ok(None) };
        let plan = Changes::of(session, &lab, true).await?.plan;
        Ok(Some(super::plan::differences(&plan).len()))
    }
}

/// All labs that have made something, or have records.
async fn all(session: &Session<'_>) -> Result<Vec<LabStatus>, Failure> {
    let state = session.observe(Scope::All).await?;
    let mut owners: BTreeSet<Owner> = state.entries().filter_map(|entry| entry.owner.clone()).collect();
    owners.extend(Records::all(&session::run_directory()).map_err(EngineError::from)?);
    owners.remove(&Owner::verbs());
    owners.iter().map(|owner| look(owner, &state)).collect()
}

fn look(owner: &Owner, state: &State) -> Result<LabStatus, Failure> {
    let mut resources = BTreeMap::new();
    for entry in state.entries().filter(|entry| entry.owner.as_ref() == Some(owner)) {
        let kind: Kind = entry.resource.kind();
        *resources.entry(kind.to_string()).or_insert(0) += 1;
    }
    let records = records(owner);
    // One that cannot be read is none to go back from.
    let last = readable(Interrupted::of(&records.last_apply()))?;
    let last_apply = last.map(|last| LastApply {
        command: last.command,
        steps: last.plan.steps.len(),
        seconds_ago: age(&records).as_secs(),
    });
    let destroyed_by = readable(records.destroyer())?.map(|run| run.command);
    let programs = programs::of(owner).list()?;
    Ok(LabStatus { lab: owner.clone(), resources, last_apply, destroyed_by, programs, differences: None })
}

fn readable(record: Result<Option<Interrupted>, JournalError>) -> Result<Option<Interrupted>, Failure> {
    match record {
        Err(JournalError::Damaged { .. }) => Ok(None),
        record => Ok(record.map_err(EngineError::from)?),
    }
}

/// How long ago the last apply was.
fn age(records: &Records) -> Duration {
    let modified = std::fs::metadata(records.last_apply()).and_then(|file| file.modified());
    modified.ok().and_then(|then| SystemTime::now().duration_since(then).ok()).unwrap_or_default()
}

impl LabStatus {
    fn text(&self) -> String {
        let mut lines = vec![format!("Lab {}", self.lab)];
        let counts: Vec<String> = self.resources.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        lines.push(match counts.is_empty() {
            true => "    nothing bears its mark".to_owned(),
            false => format!("    made: {}", counts.join(", ")),
        });
        if let Some(last) = &self.last_apply {
            let LastApply { command, steps, seconds_ago } = last;
            lines.push(format!("    last apply: {seconds_ago} s ago, {steps} steps, by `{command}`"));
        }
        if let Some(command) = &self.destroyed_by {
            lines.push(format!("    `{command}` began to destroy it, and did not end well"));
        }
        lines.extend(self.programs.iter().map(programs::line));
        match self.differences {
            None => {}
            Some(0) => lines.push("    it is as its file says".to_owned()),
            Some(1) => lines.push("    1 difference to its file: ovsns diff".to_owned()),
            Some(many) => lines.push(format!("    {many} differences to its file: ovsns diff")),
        }
        lines.join("\n")
    }
}
