//! From committed to in effect.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::IfName;
use crate::ovsdb::operation::{Condition, Operation, OperationResult, Select, Until, Wait};
use crate::ovsdb::row::{Row, RowError};
use crate::ovsdb::value::{Datum, Uuid};

use super::{DATABASE, Ovs, interface, read, refused};
use crate::backend::{BackendError, Stage};

/// What a transaction waits for.
#[derive(Debug)]
pub struct Target {
    /// The row of table Open_vSwitch.
    pub row: Uuid,
    /// `next_cfg` after the transaction.
    pub next: i64,
    /// `cur_cfg` at the transaction.
    pub seen: i64,
    /// The interfaces that are new.
    pub interfaces: Vec<Uuid>,
}

impl Target {
    /// From the results of operations of which the last reads `_uuid`, `next_cfg` and `cur_cfg`.
    pub fn read(what: &str, results: &[OperationResult], interfaces: Vec<Uuid>) -> Result<Target, BackendError> {
        let row = results.last().and_then(OperationResult::rows).and_then(<[_]>::first);
        let row = row.ok_or_else(|| {
            let why = "table Open_vSwitch is empty: the database was never initialised".to_owned();
            BackendError::refused(format!("cannot {what}"), why).hint("initialise it: ovs-vsctl init")
        })?;
        let get = |column| row.one(column).map_err(|error| misread(what, error));
        let uuid = row.row_uuid().map_err(|error| misread(what, error))?;
        Ok(Target { row: uuid, next: get("next_cfg")?, seen: get("cur_cfg")?, interfaces })
    }
}

/// Waits until ovs-vswitchd has carried out the transaction, `timeout` at most, then looks whether it could.
pub async fn in_effect(ovs: &Ovs, what: &str, target: Target, timeout: Duration) -> Result<(), BackendError> {
    let deadline = Instant::now() + timeout;
    let mut seen = target.seen;
    while seen < target.next {
        seen = changed(ovs, what, target.row, seen, deadline).await?;
    }
    ports(ovs, what, &target.interfaces).await
}

/// Lets the server wait until `cur_cfg` is no longer `seen`, and returns what it is then. The server answers at the change:
/// one round trip, whatever the size of the database.
async fn changed(ovs: &Ovs, what: &str, row: Uuid, seen: i64, deadline: Instant) -> Result<i64, BackendError> {
    let late = || {
        BackendError::deadline(format!("cannot {what}"), Stage::Vswitchd, ovs.timeout).hint(
            "the database took it, ovs-vswitchd did not carry it out: see whether it runs (ovsns doctor), or give it \
             more time (--timeout)",
        )
    };
    // In whole milliseconds, as the server counts.
    let left = deadline.saturating_duration_since(Instant::now()).as_secs_f64();
    let left = Duration::from_secs_f64((left * 1e3).round() / 1e3);
    if left.is_zero() {
        return Err(late());
    }
    let wait = Wait::on_table("Open_vSwitch", ["cur_cfg"], Until::NotEqual)
        .filter(Condition::uuid(row))
        .row(Row::new().with("cur_cfg", seen))
        .timeout(left);
    let read = Select::from_table("Open_vSwitch").filter(Condition::uuid(row)).columns(["cur_cfg"]);
    let operations: [Operation; 2] = [wait.into(), read.into()];
    // The server's own deadline comes first, and says which stage was late.
    let client = ovs.connection.client().within(left + Duration::from_secs(1));
    match client.transact(DATABASE, &operations).await {
        Ok(results) => {
            let row = results.last().and_then(OperationResult::rows).and_then(<[_]>::first);
            let row = row.ok_or_else(|| misread(what, RowError::Missing { column: "cur_cfg".to_owned() }))?;
            row.one("cur_cfg").map_err(|error| misread(what, error))
        }
        Err(error) if error.server_error().is_some_and(|error| error.error == "timed out") => Err(late()),
        // A server that was restarted knows `cur_cfg`, and ovs-vswitchd finds it again by itself.
        Err(error) => match ovs.connection.restore(error, deadline).await {
            Ok(()) => Ok(seen),
            Err(error) => Err(refused(what, error)),
        },
    }
}

/// Each new interface has an OpenFlow port, or an error that says why not (ovs-vswitchd.conf.db(5), Interface `ofport`).
///
/// One end of a patch cable whose other end is not there yet has both: a port, and the error `No usable peer`. It is in effect, as far
/// as it goes; the error ends when the other end comes, so with both in one transaction there is none.
///
/// The database picks out the few that are not in order, ours and others', so that a thousand new ones are as cheap as one.
async fn ports(ovs: &Ovs, what: &str, interfaces: &[Uuid]) -> Result<(), BackendError> {
    if interfaces.is_empty() {
        return Ok(());
    }
    let not_in_order = [
        Condition::not_equal("error", Datum::empty_set()),
        Condition::equal("ofport", Datum::empty_set()),
        Condition::equal("ofport", -1),
    ];
    let columns = ["_uuid", "name", "type", "options", "mtu_request", "ofport", "error"];
    let select = |condition| Select::from_table("Interface").filter(condition).columns(columns).into();
    let selects: [Operation; 3] = not_in_order.map(select);
    let results = ovs.read(what, &selects).await?;
    let new: HashSet<Uuid> = interfaces.iter().copied().collect();
    for row in results.iter().filter_map(OperationResult::rows).flatten() {
        let uuid = row.row_uuid().map_err(|error| misread(what, error))?;
        let interface = Interface::read(row).map_err(|error| misread(what, error))?;
        if new.contains(&uuid) && !interface.waits_for_peer(ovs).await? {
            interface.check(what)?;
        }
    }
    Ok(())
}

/// What ovs-vswitchd says of an interface.
struct Interface {
    name: String,
    ofport: Option<i64>,
    error: Option<String>,
    /// The other end of a patch cable.
    peer: Option<IfName>,
}

impl Interface {
    fn read(row: &Row) -> Result<Interface, RowError> {
        let (ofport, error) = (row.optional("ofport")?, row.optional("error")?);
        Ok(Interface { name: row.one("name")?, ofport, error, peer: interface::read(row)?.peer().cloned() })
    }

    /// Whether it is one end of a patch cable, in order but for the other end, which is not there.
    async fn waits_for_peer(&self, ovs: &Ovs) -> Result<bool, BackendError> {
        let Some(peer) = self.peer.as_ref().filter(|_| self.error.is_some() && self.has_port()) else {
            return Ok(false);
        };
        let found = read::select(ovs, [read::by_name("Interface", peer.as_str(), &["_uuid"])]).await?;
        Ok(found.iter().all(Vec::is_empty))
    }

    fn has_port(&self) -> bool {
        self.ofport.is_some_and(|ofport| ofport > 0)
    }

    fn check(&self, what: &str) -> Result<(), BackendError> {
        let refused = |why: String| BackendError::refused(format!("cannot {what}"), why);
        match &self.error {
            Some(error) => Err(refused(format!("ovs-vswitchd: {error}"))),
            None if self.has_port() => Ok(()),
            None => Err(refused(format!("ovs-vswitchd did not set up {}; its log says why", self.name)).hint(
                "where the kernel has no module openvswitch, a switch needs --datapath netdev (ovsns doctor tells)",
            )),
        }
    }
}

fn misread(what: &str, error: RowError) -> BackendError {
    BackendError::refused(format!("cannot {what}"), error)
}
