//! `stats`: what the ports of switches have counted, and how much a second.

mod clock;
mod counters;
mod text;
mod watch;

use std::num::NonZeroU64;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::failure::Failure;
use super::global::seconds;
use super::output::Report;
use super::session::Session;
use crate::model::SwitchName;

const HELP: &str = "\
Directions are the switch's: rx is what it receives through the port, that is, what the namespace
behind it sends. The counters of devices of this host are the kernel's, as they are now. Those of
tunnels, patch cables and the like are what ovs-vswitchd wrote into the database last, every 5
seconds or as other_config:stats-update-interval says; they are marked *.

With --watch the first block holds the counters, each later one what came in and went out since
the last, a second; an error or a dropped packet is counted, not divided. With --json each block
is a document in a line.

Examples:
  ovsns stats OVS-1
  ovsns stats OVS-1 --watch
  ovsns stats --watch=0.5 --count 10 --json";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Stats {
    /// Only this switch
    switch: Option<SwitchName>,
    /// Look again every so many seconds, until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "1", require_equals = true, value_parser = seconds)]
    watch: Option<Duration>,
    /// End after so many blocks
    #[arg(long, value_name = "BLOCKS", requires = "watch")]
    count: Option<NonZeroU64>,
}

impl Stats {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        if let Some(period) = self.watch {
            return watch::run(session, self.switch.as_ref(), period, self.count).await;
        }
        let counted = counters::read(session, self.switch.as_ref()).await?;
        let time = clock::now();
        let document = json!({"time": time, "stats_update_interval": counted.interval, "switches": counted.switches});
        Ok(Report::new(text::counters(&counted), document))
    }
}
