//! Whether Open vSwitch is well.

use std::time::Duration;

use tokio::time::Instant;

use crate::ovsdb::operation::{Mutate, Mutation, Operation, OperationResult, Select};
use crate::ovsdb::table;

use super::wait::{self, Target};
use super::{DATABASE, Ovs, refused};
use crate::backend::BackendError;

/// What a look at the database tells.
#[derive(Debug)]
pub struct Health {
    /// `ovs_version`, once ovs-vswitchd has written it.
    pub version: Option<String>,
    /// `db_version`: of the schema.
    pub schema_version: String,
    /// What the live schema lacks of what we use.
    pub missing: Vec<String>,
}

impl Ovs {
    /// Looks at the database: versions, and its schema against ours.
    pub async fn health(&self) -> Result<Health, BackendError> {
        let what = "read the schema";
        let live = self.connection.client().get_schema(DATABASE).await.map_err(|error| refused(what, error))?;
        let missing =
            table::compare_with_ours(&live).map_err(|error| BackendError::refused("cannot read the schema", error))?;
        let select: Operation = Select::from_table("Open_vSwitch").columns(["ovs_version"]).into();
        let results = self.read(what, &[select]).await?;
        let row = results.first().and_then(OperationResult::rows).and_then(<[_]>::first);
        Ok(Health {
            version: row.and_then(|row| row.optional("ovs_version").ok().flatten()),
            schema_version: live["version"].as_str().unwrap_or("unknown").to_owned(),
            missing: missing.iter().map(ToString::to_string).collect(),
        })
    }

    /// Raises `next_cfg` and waits until ovs-vswitchd has noticed. Returns how long that took.
    pub async fn ping(&self) -> Result<Duration, BackendError> {
        let what = "reach ovs-vswitchd";
        let operations: [Operation; 2] = [
            Mutate::table_rows("Open_vSwitch").with(Mutation::add("next_cfg", 1)).into(),
            Select::from_table("Open_vSwitch").columns(["_uuid", "next_cfg", "cur_cfg"]).into(),
        ];
        let start = Instant::now();
        let results = self.connection.client().transact(DATABASE, &operations).await;
        let results = results.map_err(|error| refused(what, error))?;
        let target = Target::read(what, &results, Vec::new())?;
        wait::in_effect(self, what, target, self.timeout).await?;
        Ok(start.elapsed())
    }
}
