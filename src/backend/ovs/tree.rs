//! Spanning trees in the columns `status` and `rstp_status` of tables Bridge and Port (ovs-vswitchd.conf.db(5)).

use std::collections::BTreeMap;

use crate::ovsdb::operation::Select;
use crate::ovsdb::row::{Row, RowError};

use super::Ovs;
use super::read::{misread, select};
use crate::backend::BackendError;
use crate::backend::tree::{Tree, TreePort, Trees, identifier};

type Status = BTreeMap<String, String>;

impl Ovs {
    /// The trees of the switches that take part in one.
    pub async fn trees(&self) -> Result<Trees, BackendError> {
        let columns = ["name", "status", "rstp_status"];
        let bridges = select(self, [Select::from_table("Bridge").columns(columns)]).await?;
        let mut trees = Trees::default();
        for row in bridges.iter().flatten() {
            let (name, status, rapid) = read(row).map_err(misread)?;
            trees.switches.extend(tree(&status, &rapid).map(|tree| (name, tree)));
        }
        if trees.switches.is_empty() {
            return Ok(trees);
        }
        let ports = select(self, [Select::from_table("Port").columns(columns)]).await?;
        for row in ports.iter().flatten() {
            let (name, status, rapid) = read(row).map_err(misread)?;
            trees.ports.extend(port(&status, &rapid).map(|port| (name, port)));
        }
        Ok(trees)
    }
}

fn read(row: &Row) -> Result<(String, Status, Status), RowError> {
    Ok((row.one("name")?, row.map("status")?, row.map("rstp_status")?))
}

fn tree(status: &Status, rapid: &Status) -> Option<Tree> {
    let of = |status: &Status, own: &str, root: &str| {
        let (own, root) = (status.get(own)?, status.get(root)?);
        Some(Tree { root: identifier(root), is_root: own == root })
    };
    of(rapid, "rstp_bridge_id", "rstp_root_id").or_else(|| of(status, "stp_bridge_id", "stp_designated_root"))
}

fn port(status: &Status, rapid: &Status) -> Option<TreePort> {
    let of = |status: &Status, state: &str, role: &str| {
        Some(TreePort {
            state: status.get(state)?.to_lowercase(),
            role: status.get(role).map(|role| role.to_lowercase()),
        })
    };
    of(rapid, "rstp_port_state", "rstp_port_role").or_else(|| of(status, "stp_state", "stp_role"))
}
