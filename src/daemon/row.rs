//! The one row of the table Open_vSwitch: what `ovs-vsctl init` and ovs-ctl(8) write into it, and the wait for ovs-vswitchd.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::deadline::Deadline;
use super::rpc::Rpc;
use super::{DaemonError, Datapath, Layout, Stage};

/// What a start writes into the row.
pub(super) struct Row {
    /// The version of Open vSwitch: `ovs_version`.
    pub(super) ovs_version: String,
    /// The version of the schema: `db_version`.
    pub(super) db_version: String,
    /// Decides whether userspace TSO is switched on.
    pub(super) datapath: Datapath,
}

/// A session with ovsdb-server.
pub(super) struct Session<'a> {
    layout: &'a Layout,
    rpc: Rpc,
    deadline: Deadline,
}

impl<'a> Session<'a> {
    pub(super) fn open(layout: &'a Layout, deadline: Deadline) -> Result<Self, DaemonError> {
        let rpc = Rpc::connect(&layout.socket(), deadline).map_err(|error| failed(layout, error))?;
        Ok(Self { layout, rpc, deadline })
    }

    /// Makes the row where there is none, and writes what is true of this start. What an administrator has set stays: `system-id`, and
    /// `userspace-tso-enable` where it is there.
    pub(super) fn initialise(&mut self, row: &Row) -> Result<(), DaemonError> {
        self.insert_row()?;
        let (system_type, system_version) = system();
        let columns = json!({
            "ovs_version": row.ovs_version, "db_version": row.db_version,
            "system_type": system_type, "system_version": system_version,
        });
        let ids = [
            ("hostname", read("/proc/sys/kernel/hostname")),
            ("rundir", self.layout.run_dir.display().to_string()),
            ("system-id", read("/proc/sys/kernel/random/uuid")),
        ];
        let mut operations = vec![
            json!({ "op": "update", "table": "Open_vSwitch", "where": [], "row": columns }),
            // An insert into a map keeps the value of a key that is there (RFC 7047 section 5.1).
            mutate("external_ids", "delete", json!(["set", ["hostname", "rundir"]])),
            mutate("external_ids", "insert", json!(["map", ids])),
        ];
        if row.datapath == Datapath::Userspace {
            // Read once, when ovs-vswitchd starts. Without it, TCP from a veth whose checksums are offloaded does not pass.
            operations.push(mutate("other_config", "insert", json!(["map", [["userspace-tso-enable", "true"]]])));
        }
        self.transact(operations).map(drop)
    }

    fn insert_row(&mut self) -> Result<(), DaemonError> {
        let operations = vec![
            json!({ "op": "wait", "table": "Open_vSwitch", "where": [], "columns": ["cur_cfg"], "until": "==", "rows": [], "timeout": 0 }),
            json!({ "op": "insert", "table": "Open_vSwitch", "row": {} }),
        ];
        match self.transact(operations) {
            // There is a row: what we waited for did not hold.
            Err(DaemonError::Refused { details }) if details.starts_with("timed out") => Ok(()),
            inserted => inserted.map(drop),
        }
    }

    /// Asks ovs-vswitchd to carry out what is configured (`next_cfg`), and waits until it says that it has (`cur_cfg`).
    pub(super) fn wait_for_switch(&mut self) -> Result<(), DaemonError> {
        let columns = json!(["next_cfg"]);
        let asked = self.transact(vec![
            mutate("next_cfg", "+=", json!(1)),
            json!({ "op": "select", "table": "Open_vSwitch", "where": [], "columns": columns }),
        ])?;
        let next = &asked[1]["rows"][0]["next_cfg"];
        let timeout = self.deadline.left().unwrap_or_default().as_millis();
        // The server answers once some row has cur_cfg >= next.
        let wait = json!({
            "op": "wait", "table": "Open_vSwitch", "where": [["cur_cfg", ">=", next]], "columns": ["cur_cfg"],
            "until": "!=", "rows": [], "timeout": u64::try_from(timeout).unwrap_or(u64::MAX),
        });
        match self.transact(vec![wait]) {
            Err(DaemonError::Refused { details }) if details.starts_with("timed out") => {
                Err(DaemonError::Deadline { stage: Stage::Switch })
            }
            Err(DaemonError::Deadline { .. }) => Err(DaemonError::Deadline { stage: Stage::Switch }),
            waited => waited.map(drop),
        }
    }

    /// The datapath of the running ovs-vswitchd, which lists the kinds that it was started with.
    pub(super) fn datapath(&mut self) -> Result<Datapath, DaemonError> {
        let select = json!({ "op": "select", "table": "Open_vSwitch", "where": [], "columns": ["datapath_types"] });
        let answer = self.transact(vec![select])?;
        let kinds = &answer[0]["rows"][0]["datapath_types"];
        // A set of one is written bare (RFC 7047 section 5.1).
        let kernel =
            kinds == "system" || kinds[1].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "system"));
        Ok(if kernel { Datapath::Kernel } else { Datapath::Userspace })
    }

    /// The results of the operations. Each of them may be an error, and so may an element beyond them: the commit.
    fn transact(&mut self, operations: Vec<Value>) -> Result<Value, DaemonError> {
        let params = [vec![json!("Open_vSwitch")], operations].concat();
        let refused = |error: &Value, details: &Value| DaemonError::Refused { details: words(error, details) };
        match self.rpc.call("transact", json!(params)).map_err(|error| failed(self.layout, error))? {
            Err(error) => Err(refused(&error, &Value::Null)),
            Ok(results) => match results.as_array().into_iter().flatten().find(|result| !result["error"].is_null()) {
                Some(result) => Err(refused(&result["error"], &result["details"])),
                None => Ok(results),
            },
        }
    }
}

fn failed(layout: &Layout, error: io::Error) -> DaemonError {
    match error.kind() {
        io::ErrorKind::TimedOut => DaemonError::Deadline { stage: Stage::Database },
        _ => DaemonError::Talk { path: layout.socket(), source: error },
    }
}

fn mutate(column: &str, mutator: &str, value: Value) -> Value {
    json!({ "op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [[column, mutator, value]] })
}

fn words(error: &Value, details: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if details.is_null() { word(error) } else { format!("{}: {}", word(error), word(details)) }
}

/// A file of one line; empty where there is none.
fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// `ID` and `VERSION_ID` of os-release(5), as ovs-ctl records them.
fn system() -> (String, String) {
    let text = read("/etc/os-release");
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or("unknown").trim_matches(['"', '\'']).to_owned()
    };
    (field("ID"), field("VERSION_ID"))
}
