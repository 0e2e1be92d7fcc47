//! Switches, ports and mirrors of Open vSwitch, through its database.
//!
//! Committed is not applied: every transaction that changes something raises `next_cfg` of table Open_vSwitch, and is over
//! when ovs-vswitchd has raised `cur_cfg` as far (ovs-vswitchd.conf.db(5)) and each new Interface has an OpenFlow port.

mod health;
mod mirror;
mod ops;
mod read;
mod wait;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::{BackendName, Entry, Port, Resource, Switch};
use crate::ovsdb::client::Client;
use crate::ovsdb::error::ClientError;
use crate::ovsdb::operation::{Operation, OperationResult};
use crate::plan::Step;

use super::{ApplyError, Backend, BackendError, Fault, Scope, Stage, Unsupported};
pub use health::Health;
use ops::Transaction;

/// The database that ovs-vswitchd takes its configuration from.
pub const DATABASE: &str = "Open_vSwitch";

/// How long the way back waits for an ovs-vswitchd that has been waited for in vain.
const SHORT: Duration = Duration::from_secs(1);

/// Open vSwitch, by a connection to its ovsdb-server.
pub struct Ovs {
    client: Client,
    timeout: Duration,
    /// Whether a wait for ovs-vswitchd was given up: what comes then is the way back, and is not waited for long.
    given_up: AtomicBool,
}

impl Ovs {
    /// The switches of the database behind `client`. `timeout` is how long ovs-vswitchd may take for a transaction.
    pub fn new(client: Client, timeout: Duration) -> Ovs {
        Ovs { client, timeout, given_up: AtomicBool::new(false) }
    }

    /// Whether ovs-vswitchd computes checksums that a veth left to its peer: with `userspace-tso-enable` its userspace
    /// datapath does (ovs-vswitchd.conf.db(5), Open_vSwitch `other_config`).
    pub async fn computes_checksums(&self) -> Result<bool, BackendError> {
        read::userspace_tso(self).await
    }

    /// The kinds of datapath that ovs-vswitchd has (ovs-vswitchd.conf.db(5), Open_vSwitch `datapath_types`); none before it
    /// has run.
    pub async fn datapath_types(&self) -> Result<Vec<String>, BackendError> {
        read::datapath_types(self).await
    }

    /// What ovs-vswitchd says of the interfaces that it could not set up, by name (Interface `error`).
    pub async fn interface_errors(&self) -> Result<BTreeMap<String, String>, BackendError> {
        read::interface_errors(self).await
    }

    /// One transaction, within the deadline.
    async fn transact(&self, what: &str, operations: &[Operation]) -> Result<Vec<OperationResult>, BackendError> {
        self.client.transact(DATABASE, operations).await.map_err(|error| refused(what, error))
    }

    /// Carries out `steps` in one transaction and waits until it is in effect. `Err` says whether the transaction stands.
    async fn commit(&self, steps: &[Step]) -> Result<(), (bool, BackendError)> {
        // Until it is over it counts as given up: whoever drops this future, for a signal, says nothing of it.
        let hurry = self.given_up.swap(true, Ordering::Relaxed);
        let result = self.commit_and_wait(steps, hurry).await;
        let late = matches!(&result, Err((_, error)) if is_late(error));
        self.given_up.store(late || hurry, Ordering::Relaxed);
        result
    }

    async fn commit_and_wait(&self, steps: &[Step], hurry: bool) -> Result<(), (bool, BackendError)> {
        let what = summary(steps);
        let current = read::current(self, steps).await.map_err(|error| (false, error))?;
        let transaction = Transaction::of(steps, &current).map_err(|error| (false, error))?;
        if transaction.is_empty() {
            return Ok(());
        }
        let operations = transaction.operations(&what);
        let results = self.client.transact(DATABASE, &operations).await;
        let results = results.map_err(|error| (may_stand(&error), refused(&what, error)))?;
        let target = transaction.read_results(&what, &results).map_err(|error| (false, error))?;
        self.wait(&what, target, hurry).await.map_err(|error| (true, error))
    }

    /// Waits until ovs-vswitchd has carried out the transaction. In a `hurry` that is short, and late is no error: the database
    /// is as it is to be, and ovs-vswitchd will follow when it goes on.
    async fn wait(&self, what: &str, target: wait::Target, hurry: bool) -> Result<(), BackendError> {
        let patience = if hurry { self.timeout.min(SHORT) } else { self.timeout };
        match wait::in_effect(self, what, target, patience).await {
            Err(error) if hurry && is_late(&error) => Ok(()),
            result => result,
        }
    }
}

fn is_late(error: &BackendError) -> bool {
    matches!(error.fault, Fault::Deadline(Stage::Vswitchd, _))
}

#[async_trait]
impl Backend for Ovs {
    fn name(&self) -> &'static str {
        "ovs"
    }

    fn claims(&self, resource: &Resource) -> bool {
        resource.backend() == Some(BackendName::Ovs)
    }

    fn check(&self, resource: &Resource) -> Result<(), Unsupported> {
        match resource {
            Resource::Switch(Switch { name, vlan_filtering: Some(_), .. }) => Err(Unsupported {
                what: format!("vlan_filtering of switch {name}"),
                backend: "ovs",
                reason: "Open vSwitch always looks at VLAN tags".to_owned(),
                hint: None,
            }),
            Resource::Switch(Switch { name, stp: Some(true), rstp: Some(true), .. }) => Err(Unsupported {
                what: format!("stp and rstp of switch {name}"),
                backend: "ovs",
                reason: "a switch speaks one of the two".to_owned(),
                hint: Some("rstp alone: it talks to switches that speak stp only, too".to_owned()),
            }),
            Resource::Port(Port { device, patch: Some(peer), .. }) if device == peer => Err(Unsupported {
                what: format!("patch to {peer} of port {device}"),
                backend: "ovs",
                reason: "a patch cable has two ends".to_owned(),
                hint: None,
            }),
            _ => Ok(()),
        }
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        read::observe(self, scope).await
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        let mut done = 0;
        while done < steps.len() {
            let count = one_transaction(&steps[done..]);
            let wave = &steps[done..done + count];
            self.commit(wave)
                .await
                .map_err(|(stands, error)| ApplyError::after(if stands { done + count } else { done }, error))?;
            done += count;
        }
        Ok(())
    }
}

/// How many of the first steps fit into one transaction: a row that is deleted and made again under its name in one
/// transaction looks to ovs-vswitchd as if nothing had happened.
fn one_transaction(steps: &[Step]) -> usize {
    let deletes = |step: &Step, key| matches!(step, Step::Delete(entry) if entry.key() == key);
    let again = |index: usize, step: &Step| {
        matches!(step, Step::Create(_)) && steps[..index].iter().any(|earlier| deletes(earlier, step.key()))
    };
    let cut = steps.iter().enumerate().position(|(index, step)| again(index, step));
    cut.unwrap_or(steps.len())
}

/// What a transaction is for, in a few words: for messages, and as its comment in the database's log.
fn summary(steps: &[Step]) -> String {
    match steps {
        [step] => words(step),
        [first, ..] => format!("{} and {} more", words(first), steps.len() - 1),
        [] => String::new(),
    }
}

fn words(step: &Step) -> String {
    let verb = match step {
        Step::Create(_) => "add",
        Step::Modify { .. } => "change",
        Step::Delete(_) => "delete",
    };
    match &step.entry().resource {
        Resource::Port(Port { switch, device, .. }) => match step {
            Step::Delete(_) => format!("{verb} port {device} of switch {switch}"),
            _ => format!("{verb} port {device} on switch {switch}"),
        },
        resource => format!("{verb} {}", resource.key()),
    }
}

/// Whether a transaction that ended so may have been carried out: then it is taken back as if it had.
fn may_stand(error: &ClientError) -> bool {
    match error {
        ClientError::Transact(error) => error.server_error().is_none(),
        ClientError::TimedOut { .. } | ClientError::Lost { .. } | ClientError::Senseless { .. } => true,
        ClientError::Connect(_) | ClientError::Refused { .. } | ClientError::NotificationsTaken => false,
    }
}

/// A failed call, in the context of what was being done.
fn refused(what: &str, error: ClientError) -> BackendError {
    let says = |words: &str| error.server_error().is_some_and(|error| error.error == words);
    let hint_of_refusal = match () {
        () if says("constraint violation") => Some(VIOLATION),
        // A guard that did not hold.
        () if says("timed out") => Some(CHANGED),
        () => None,
    };
    let (fault, hint) = match &error {
        ClientError::TimedOut { after, .. } => (Fault::Deadline(Stage::Database, *after), Some(NO_ANSWER)),
        ClientError::Connect(_) | ClientError::Lost { .. } => (Fault::Unreachable, Some(GONE)),
        _ => (Fault::Refused, hint_of_refusal),
    };
    BackendError {
        hint: hint.map(str::to_owned),
        ..BackendError::refused(format!("cannot {what}"), error).fault(fault)
    }
}

const CHANGED: &str =
    "somebody else has changed or deleted the same row at the same moment: look (ovsns show), and run it again";
const NO_ANSWER: &str = "ovsdb-server took the call and is silent: see whether it is stopped or has too much to do (ovsns doctor), \
                         or give it more time (--timeout)";
const GONE: &str = "ovsdb-server is gone, or has closed the connection: its log says why; start it again";
const VIOLATION: &str = "the names of switches, ports and interfaces are unique in the whole database: \
                         `ovs-vsctl list Interface NAME` shows what has the name; choose another one (--host-name)";
