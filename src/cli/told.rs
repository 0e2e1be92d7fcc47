//! `--dry-run` and `--explain`, for verbs that act at once, without a plan.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::Report;

#[derive(Debug, Clone, Args)]
pub struct Told {
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the commands of other tools that do the same, and change nothing
    #[arg(long, conflicts_with = "dry_run")]
    explain: bool,
    /// On Open vSwitch, do not wait until it is in effect for packets like those under way too, which takes it half a second
    #[arg(long)]
    no_wait: bool,
}

impl Told {
    /// Whether anything is to be changed.
    pub fn applies(&self) -> bool {
        !self.dry_run && !self.explain
    }

    /// Whether it is to be waited until what was changed is in effect.
    pub fn waits(&self) -> bool {
        self.applies() && !self.no_wait
    }

    /// Acts, or tells what it would do: `lines` say what, `commands` do the same.
    pub fn carry_out(
        &self,
        mut document: Value,
        lines: &[String],
        commands: &[String],
        act: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<Report, Failure> {
        if self.explain {
            let explained = json!({"explain": [{"commands": commands}], "applied": false});
            return Ok(Report::new(commands.join("\n"), explained));
        }
        if self.applies() {
            act()?;
        }
        let text = if lines.is_empty() && self.dry_run { "nothing to do".to_owned() } else { lines.join("\n") };
        document["changes"] = json!(lines);
        document["applied"] = json!(self.applies());
        Ok(Report::new(text, document))
    }
}
