//! `plan` and `diff`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::change::explained;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::plan::{Plan, Step, describe};

use super::changes::Changes;
use super::file::LabFile;
use super::programs::{self, Programs};
use super::saved::{Offline, Saved};

/// The exit status of `--exit-code` where there are differences.
const DIFFERENT: u8 = 3;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns plan lab.yaml
  ovsns plan lab.yaml --json > plan.json; ovsns apply plan.json     exactly this plan, or nothing
  ovsns plan lab.yaml --exit-code                                   exit status 3 where something would change")]
pub struct PlanVerb {
    #[command(flatten)]
    file: LabFile,
    /// End with exit status 3 where something would change
    #[arg(long)]
    exit_code: bool,
    /// Make what is there under the names of the file, and is not the lab's, its own
    #[arg(long)]
    adopt: bool,
    /// Take this for what there is, as `ovsns export --state` has written it, and do not look at the system
    #[arg(long, value_name = "FILE")]
    observed: Option<PathBuf>,
    /// Print the plan as commands of ip, bridge, tc, ethtool, nft and ovs-vsctl that do the same
    #[arg(long)]
    explain: bool,
}

impl PlanVerb {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let lab = self.file.read()?;
        super::tell_interrupted(session)?;
        let plan = match &self.observed {
            Some(path) => Offline::read(path)?.plan(&lab)?,
            None => Changes::of(session, &lab, self.adopt).await?.plan,
        };
        let actions = match &self.observed {
            Some(_) => Vec::new(),
            None => Programs::of(&lab, &self.file.path()?)?.actions()?,
        };
        let code = if self.exit_code && !(plan.is_empty() && actions.is_empty()) { DIFFERENT } else { 0 };
        if self.explain {
            return Ok(explained(&plan, session.explain_db()).code(code));
        }
        let text = if plan.is_empty() { "nothing to do".to_owned() } else { format!("{plan}\n{}", plan.summary()) };
        let saved = Saved { lab: lab.owner.clone(), plan };
        Ok(programs::with_lines(Report::new(text, json!(saved)).code(code), &actions))
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
A line each for what is missing, what is there and should not be, and what is other than the file says.

Examples:
  ovsns diff lab.yaml
  ovsns diff lab.yaml --exit-code      exit status 3 where there is a difference")]
pub struct Diff {
    #[command(flatten)]
    file: LabFile,
    /// End with exit status 3 where there is a difference
    #[arg(long)]
    exit_code: bool,
}

impl Diff {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let lab = self.file.read()?;
        super::tell_interrupted(session)?;
        let plan = Changes::of(session, &lab, true).await?.plan;
        let code = if self.exit_code && !plan.is_empty() { DIFFERENT } else { 0 };
        let lines: Vec<String> = differences(&plan);
        let text = match lines.len() {
            0 => format!("lab {} is as its file says", lab.owner),
            1 => format!("{}\n1 difference; ovsns apply brings it about", lines[0]),
            many => format!("{}\n{many} differences; ovsns apply brings them about", lines.join("\n")),
        };
        Ok(Report::new(text, json!({"lab": lab.owner, "differences": plan})).code(code))
    }
}

/// How the system differs from what a plan leads to, a line a resource.
pub fn differences(plan: &Plan) -> Vec<String> {
    let (start, end) = (plan.start(), plan.end());
    let line = |key| match (start.get(key), end.get(key)) {
        (None, Some(wanted)) => Some(format!("missing: {}", describe(&wanted.resource))),
        (Some(there), None) => Some(format!("extra: {}", describe(&there.resource))),
        (Some(before), Some(after)) if before != after => {
            let step = Step::Modify { before: before.clone(), after: after.clone() }.to_string();
            Some(format!("differs: {}", step.trim_start_matches("~ ")))
        }
        // Made anew for the sake of what it stands on.
        _ => None,
    };
    plan.keys().iter().filter_map(line).collect()
}
