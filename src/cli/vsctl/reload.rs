//! Waiting until ovs-vswitchd has taken a change over, and asking whether the new interfaces work.

use std::time::Duration;

use super::failure::Failure;
use super::run::{Committed, Run};
use super::transaction::ROOT;
use crate::cli::output;
use crate::ovsdb::client::Client;
use crate::ovsdb::error::ClientError;
use crate::ovsdb::monitor::{Monitor, MonitorRequest, Replica, TableRequest};
use crate::ovsdb::operation::{Condition, Operation, Select};
use crate::ovsdb::row::Row;
use crate::ovsdb::table::DATABASE;

/// What is waited for.
pub(super) struct Reload<'a> {
    pub run: &'a Run<'a>,
    pub committed: Committed,
}

/// The exit status where an interface could not be set up (ovs-vsctl(8) of newer versions).
const INTERFACE_FAILED: u8 = 65;

impl Reload<'_> {
    /// Waits, and gives the exit status.
    pub(super) async fn wait(&self, client: Client, monitor: Monitor, replica: Replica) -> Result<u8, Failure> {
        let waiting = self.take_over(client, monitor, replica);
        let client = match self.run.patience {
            None => waiting.await?,
            Some(limit) => match tokio::time::timeout(limit, waiting).await {
                Ok(outcome) => outcome?,
                Err(_) => return Err(too_late(limit)),
            },
        };
        let failed = self.failed_interfaces(&client).await.map_err(|error| Failure::words(error.to_string()))?;
        for words in &failed {
            output::vsctl_says(&format!("ovs-vsctl: {words}"));
        }
        if failed.is_empty() {
            return Ok(0);
        }
        let directory = std::env::var("OVS_LOGDIR").unwrap_or_else(|_| "/var/log/openvswitch".to_owned());
        output::vsctl_says(&format!("ovs-vsctl: The default log directory is \"{directory}\"."));
        Ok(INTERFACE_FAILED)
    }

    /// Until `cur_cfg` is there. If the server goes away, it may come back.
    async fn take_over(&self, client: Client, mut monitor: Monitor, mut replica: Replica) -> Result<Client, Failure> {
        while !self.is_taken_over(&replica) {
            match monitor.next().await {
                Ok(update) => drop(replica.apply(&update.tables)?),
                Err(_) => {
                    return self.ask_again().await;
                }
            }
        }
        Ok(client)
    }

    fn is_taken_over(&self, replica: &Replica) -> bool {
        replica.rows(ROOT).any(|(_, row)| self.has_number(row))
    }

    fn has_number(&self, row: &Row) -> bool {
        row.one::<i64>("cur_cfg").is_ok_and(|number| number >= self.committed.next_cfg)
    }

    /// With new connections, as many as it takes.
    async fn ask_again(&self) -> Result<Client, Failure> {
        loop {
            let client = self.run.connect(true).await?;
            let request = MonitorRequest::new().table(ROOT, TableRequest::new().columns(["cur_cfg"]));
            let Ok(mut started) = client.monitor(DATABASE, &request).await else { continue };
            // Without kinds left out, each update has the whole row.
            let mut update = started.first;
            loop {
                let rows = update.tables.0.into_values().flat_map(std::collections::BTreeMap::into_values);
                if rows.filter_map(new_row).any(|row| self.has_number(&row)) {
                    return Ok(client);
                }
                match started.monitor.next().await {
                    Ok(next) => update = next,
                    Err(_) => break,
                }
            }
        }
    }

    async fn failed_interfaces(&self, client: &Client) -> Result<Vec<String>, ClientError> {
        let select = |uuid: &_| {
            let select = Select::from_table("Interface").filter(Condition::uuid(*uuid));
            Operation::from(select.columns(["name", "ofport", "error"]))
        };
        let operations: Vec<_> = self.committed.interfaces.iter().map(select).collect();
        if operations.is_empty() {
            return Ok(Vec::new());
        }
        let results = client.transact(DATABASE, &operations).await?;
        Ok(results.iter().filter_map(|result| failure_of(result.rows()?.first()?)).collect())
    }
}

fn new_row(update: crate::ovsdb::monitor::RowUpdate) -> Option<Row> {
    match update {
        crate::ovsdb::monitor::RowUpdate::Whole { new, .. } => new,
        _ => None,
    }
}

/// What is wrong with an interface, if something is.
fn failure_of(row: &Row) -> Option<String> {
    let number = row.optional::<i64>("ofport").ok()?;
    if number.is_some_and(|number| number != -1) {
        return None;
    }
    let name = row.one::<String>("name").ok()?;
    let error = row.optional::<String>("error").ok().flatten().map_or(String::new(), |error| format!(": {error}"));
    Some(format!("Error detected while setting up '{name}'{error}.  See ovs-vswitchd log for details."))
}

fn too_late(limit: Duration) -> Failure {
    Failure::TooLate(limit.as_secs())
}
