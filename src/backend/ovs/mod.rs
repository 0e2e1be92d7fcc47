//! Switches, ports and mirrors of Open vSwitch, through its database.
//!
//! Committed is not applied: every transaction that changes something raises `next_cfg` of table Open_vSwitch, and is over
//! when ovs-vswitchd has raised `cur_cfg` as far (ovs-vswitchd.conf.db(5)) and each new Interface has an OpenFlow port.

mod bond;
mod commit;
mod connection;
mod extras;
mod flow_export;
mod health;
mod interface;
mod interfaces;
mod mirror;
mod ops;
mod policing;
mod qos;
mod read;
mod settings;
mod sockets;
mod tree;
mod vlan;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::model::{self, BackendName, Entry, IfName, Key, Port, Resource, Switch};
use crate::ovsdb::client::Client;
use crate::ovsdb::error::ClientError;
use crate::ovsdb::operation::{Operation, OperationResult};
use crate::plan::Step;

use super::{ApplyError, Backend, BackendError, Fault, Scope, Stage, Unsupported};
use connection::Connection;
pub use health::Health;
pub use interfaces::{Interface, Interfaces, OFPP_LOCAL};

/// The database that ovs-vswitchd takes its configuration from.
pub const DATABASE: &str = "Open_vSwitch";

/// Open vSwitch, by a connection to its ovsdb-server.
pub struct Ovs {
    connection: Connection,
    timeout: Duration,
    /// Whether a wait for ovs-vswitchd was given up: what comes then is the way back, and is not waited for long.
    given_up: AtomicBool,
}

impl Ovs {
    /// The switches of the database behind `client`. `timeout` is how long ovs-vswitchd may take for a transaction.
    pub fn new(client: Client, timeout: Duration) -> Ovs {
        Ovs { connection: Connection::new(client), timeout, given_up: AtomicBool::new(false) }
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

    /// One transaction that only reads. If the connection is lost it is made again, and asked again.
    async fn read(&self, what: &str, operations: &[Operation]) -> Result<Vec<OperationResult>, BackendError> {
        let deadline = Instant::now() + self.timeout;
        match self.connection.read(operations, deadline).await {
            Err(error) if health::names_what_is_unknown(&error) => Err(self.too_old(what, error).await),
            result => result.map_err(|error| refused(what, error)),
        }
    }
}

#[async_trait]
impl Backend for Ovs {
    fn name(&self) -> &'static str {
        "ovs"
    }

    fn claims(&self, resource: &Resource) -> bool {
        resource.backend() == Some(BackendName::Ovs)
    }

    fn check(&self, entry: &Entry) -> Result<(), Unsupported> {
        match &entry.resource {
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
            Resource::Port(Port { device, interface: model::Interface::Patch(peer), .. }) if device == peer => {
                Err(Unsupported {
                    what: format!("patch to {peer} of port {device}"),
                    backend: "ovs",
                    reason: "a patch cable has two ends".to_owned(),
                    hint: None,
                })
            }
            Resource::Port(Port { device, iface_id: Some(id), interface: model::Interface::Bond(_), .. }) => {
                Err(Unsupported {
                    what: format!("iface-id {id} of bond {device}"),
                    backend: "ovs",
                    reason: "it is a name of one interface, and a bond has several".to_owned(),
                    hint: None,
                })
            }
            Resource::Policing(policing) => policing::check(policing),
            Resource::Switch(Switch { settings, .. }) | Resource::Port(Port { settings, .. }) => {
                match settings.lacking(BackendName::Ovs) {
                    None => Ok(()),
                    Some((setting, reason, hint)) => {
                        let what = format!("{setting} of {}", entry.key());
                        let hint = hint.or_else(|| Some("the Linux bridge can: --backend linux".to_owned()));
                        Err(Unsupported { what, backend: "ovs", reason, hint })
                    }
                }
            }
            _ => Ok(()),
        }
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let mut found = read::observe(self, scope).await?;
        found.extend(extras::observe(self, scope).await?);
        Ok(found)
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
/// transaction looks to ovs-vswitchd as if nothing had happened. And an end of a patch cable that is turned to a new port keeps its
/// error, `No usable peer`, if that port comes in the same transaction.
fn one_transaction(steps: &[Step]) -> usize {
    let mut apart: BTreeSet<Key> = BTreeSet::new();
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Create(entry) if apart.contains(&entry.key()) => return index,
            Step::Create(_) => {}
            Step::Delete(entry) => drop(apart.insert(entry.key())),
            Step::Modify { after, .. } => apart.extend(peer(after).map(|device| Key::Port { device })),
        }
    }
    steps.len()
}

/// The other end, of one end of a patch cable.
fn peer(entry: &Entry) -> Option<IfName> {
    if let Resource::Port(port) = &entry.resource { port.interface.peer().cloned() } else { None }
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
