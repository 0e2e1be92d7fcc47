//! `list-fdb`.

use clap::Args;
use serde_json::json;

use super::Table;
use super::entry::Entry;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::model::{Mac, SwitchName};

const HELP: &str = "\
A line an address: the port that it is behind, the namespace behind that, the VLAN, and whether it
was learned from a frame (and when the last one came), was put in by somebody (static), or is that
of a device of the bridge itself (local). It is what `ovs-appctl fdb/show` and `bridge fdb show br
SWITCH` show.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct ListFdb {
    /// The switch
    switch: SwitchName,
    /// Only this address
    #[arg(long)]
    mac: Option<Mac>,
}

impl ListFdb {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let mut entries = Table::open(session, &self.switch).await?.list()?;
        entries.retain(|entry| self.mac.is_none_or(|mac| mac == entry.mac));
        let lines: Vec<String> = entries.iter().map(Entry::line).collect();
        Ok(Report::new(lines.join("\n"), json!({"switch": self.switch, "entries": entries})))
    }
}
