//! Whether Open vSwitch is well.

use std::time::Duration;

use tokio::time::Instant;

use crate::ovsdb::error::ClientError;
use crate::ovsdb::operation::{Mutate, Mutation, Operation, OperationResult, Select};
use crate::ovsdb::schema::Difference;
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

/// The first version of Open vSwitch that has a column, of those that came late (ovs-schema/README.md).
const SINCE: [(&str, &str, &str); 3] =
    [("Port", "protected", "2.7"), ("Port", "cvlans", "2.8"), ("Interface", "mtu_request", "2.6")];

/// Whether the server does not know a column or a table that it was asked for (`ovsdb_parser_get_error`,
/// `ovsdb_column_set_from_json`, ovsdb/column.c).
pub(super) fn names_what_is_unknown(error: &ClientError) -> bool {
    error.server_error().is_some_and(|error| {
        let details = error.details.as_deref().unwrap_or_default();
        error.error == "unknown column"
            || details.contains("is not a valid column name")
            || details.contains("No table")
    })
}

impl Ovs {
    /// Says of a server that refused a column which one it is, and which versions have it and have not.
    pub(super) async fn too_old(&self, what: &str, error: ClientError) -> BackendError {
        let Ok(live) = self.connection.client().get_schema(DATABASE).await else { return refused(what, error) };
        let Ok(missing) = table::compare_with_ours(&live) else { return refused(what, error) };
        let columns = missing.iter().filter_map(|difference| match difference {
            Difference::Column { table, column } => Some((table.as_str(), column.as_str())),
            Difference::Table { .. } | Difference::Type { .. } => None,
        });
        let told = columns.map(|(table, column)| {
            let since = SINCE.iter().find(|(of, name, _)| (*of, *name) == (table, column));
            let since =
                since.map(|(.., version)| format!(", which came with Open vSwitch {version}")).unwrap_or_default();
            format!("column {column} of table {table}{since}")
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() {
            return refused(what, error);
        }
        let select: Operation = Select::from_table("Open_vSwitch").columns(["ovs_version"]).into();
        let results = self.connection.client().transact(DATABASE, &[select]).await.unwrap_or_default();
        let row = results.first().and_then(OperationResult::rows).and_then(<[_]>::first);
        let version = row.and_then(|row| row.optional::<String>("ovs_version").ok().flatten());
        let version = version.unwrap_or_else(|| "of an unknown version".to_owned());
        let schema = live["version"].as_str().unwrap_or("unknown").to_owned();
        let why = format!("Open vSwitch {version} (schema {schema}) is too old: it lacks {}", told.join("; "));
        BackendError::refused(format!("cannot {what}"), why)
            .hint("a newer ovs-vswitchd, and its schema (ovsdb-client convert), have it; or take the Linux bridge: --backend linux")
    }

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
