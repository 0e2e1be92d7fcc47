//! One transaction, from the steps to their effect.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Entry, IfName, Key, Port, Resource};
use crate::ovsdb::endpoint::Endpoint;
use crate::ovsdb::error::ClientError;
use crate::ovsdb::operation::{Operation, Select};
use crate::plan::Step;

use super::ops::Transaction;
use super::read::{self, Found};
use super::sockets::Held;
use super::wait::{self, Target};
use super::{DATABASE, Ovs, refused};
use crate::backend::{BackendError, Fault, Stage};

/// How long the way back waits for an ovs-vswitchd that has been waited for in vain.
const SHORT: Duration = Duration::from_secs(1);

/// A failure, and whether the transaction stands, or may stand.
type Failed = (bool, BackendError);

impl Ovs {
    /// Carries out `steps` in one transaction and waits until it is in effect. `Err` says whether the transaction stands.
    pub(super) async fn commit(&self, steps: &[Step]) -> Result<(), Failed> {
        // Until it is over it counts as given up: whoever drops this future, for a signal, says nothing of it.
        let hurry = self.given_up.swap(true, Ordering::Relaxed);
        let result = self.commit_and_wait(steps, hurry).await;
        let late = matches!(&result, Err((_, error)) if is_late(error));
        self.given_up.store(late || hurry, Ordering::Relaxed);
        result
    }

    async fn commit_and_wait(&self, steps: &[Step], hurry: bool) -> Result<(), Failed> {
        let what = summary(steps);
        let held = self.hold_sockets(steps);
        if let Some(target) = self.transact(&what, steps).await? {
            self.wait(&what, target, hurry).await.map_err(|error| (true, error))?;
            held.release().await;
        }
        Ok(())
    }

    /// The transaction; what then has to be waited for, if there was anything to do.
    ///
    /// If the connection is lost before the answer comes, nobody knows whether it was carried out. The database knows: what is met
    /// by then needs no second time, and where something is not met, all of it is done again.
    async fn transact(&self, what: &str, steps: &[Step]) -> Result<Option<Target>, Failed> {
        let deadline = Instant::now() + self.timeout;
        let mut lost = false;
        loop {
            let current = read::current(self, steps).await.map_err(|error| (lost, error))?;
            let transaction = Transaction::of(steps, &current).map_err(|error| (lost, error))?;
            if transaction.is_empty() {
                let stands = if lost { Some(self.standing(what, steps, &current).await) } else { None };
                return stands.transpose().map_err(|error| (true, error));
            }
            match self.connection.client().transact(DATABASE, &transaction.operations(what)).await {
                Ok(results) => {
                    return transaction.read_results(what, &results).map(Some).map_err(|error| (false, error));
                }
                Err(error) => {
                    let may_stand = may_stand(&error);
                    let restored = self.connection.restore(error, deadline).await;
                    restored.map_err(|error| (may_stand || lost, refused(what, error)))?;
                    lost = true;
                }
            }
        }
    }

    /// What has to be waited for of a transaction of which the answer was lost, and which has made what is `current`.
    async fn standing(
        &self,
        what: &str,
        steps: &[Step],
        current: &BTreeMap<Key, Found>,
    ) -> Result<Target, BackendError> {
        let select: Operation = Select::from_table("Open_vSwitch").columns(["_uuid", "next_cfg", "cur_cfg"]).into();
        let results = self.read(what, &[select]).await?;
        let made = steps.iter().filter(|step| matches!(step, Step::Create(_)));
        let interfaces = made.filter_map(|step| current.get(&step.key())?.interface);
        Target::read(what, &results, interfaces.collect())
    }

    /// The sockets of the ports that `steps` remove, where ovs-vswitchd runs on this host.
    fn hold_sockets(&self, steps: &[Step]) -> Held {
        let client = self.connection.client();
        let Endpoint::Unix(socket) = client.endpoint() else { return Held::default() };
        let removed = steps.iter().filter_map(|step| match step {
            Step::Delete(Entry { resource: Resource::Port(port), .. }) => Some(port.host_devices()),
            _ => None,
        });
        let devices: Vec<&str> = removed.flatten().map(IfName::as_str).collect();
        socket.parent().map_or_else(Held::default, |run_dir| Held::of(run_dir, &devices))
    }

    /// Waits until ovs-vswitchd has carried out the transaction. In a `hurry` that is short, and late is no error: the database
    /// is as it is to be, and ovs-vswitchd will follow when it goes on.
    async fn wait(&self, what: &str, target: Target, hurry: bool) -> Result<(), BackendError> {
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
