//! From the programs that run to those that should.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::processes::{self, Process};
use super::record::{self, Ending, Record, State, path_of};
use super::{PATIENCE, Restart, Service, ServiceError, Services};

/// Something to do about a program.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "action")]
pub enum Action {
    /// It was never started.
    Start {
        /// What is started.
        service: Service,
    },
    /// It runs by another command.
    Change {
        /// What runs.
        before: Service,
        /// What is started.
        service: Service,
    },
    /// It has ended.
    Restart {
        /// What is started again.
        service: Service,
        /// How it ended.
        ending: Ending,
    },
    /// Its namespace was made anew since: it runs in the old one.
    Move {
        /// What is started in the new one.
        service: Service,
    },
    /// It should not run.
    Stop {
        /// What is stopped.
        service: Service,
    },
}

/// When a program that has ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Somebody asks for what should run: unless it has done what it was to do.
    Asked,
    /// Nobody does: as its [`Restart`] says.
    Unasked,
}

impl Due {
    fn is_due(self, service: &Service, ending: Ending) -> bool {
        match (service.restart, self) {
            (Restart::Always, _) => true,
            (Restart::OnFailure, _) | (Restart::No, Due::Asked) => !ending.is_success(),
            (Restart::No, Due::Unasked) => false,
        }
    }
}

impl Action {
    /// The program, as it will be, or was.
    pub fn service(&self) -> &Service {
        match self {
            Action::Start { service }
            | Action::Change { service, .. }
            | Action::Restart { service, .. }
            | Action::Move { service }
            | Action::Stop { service } => service,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Service { name, place, .. } = self.service();
        let command = self.service().command();
        match self {
            Action::Start { .. } => write!(f, "+ program {name} in {place}: {command}"),
            Action::Change { .. } => write!(f, "~ program {name} in {place}: {command}"),
            Action::Restart { ending, .. } => write!(f, "~ program {name} in {place}, which {ending}: {command}"),
            Action::Move { .. } => write!(f, "~ program {name} in {place}, which is another namespace now: {command}"),
            Action::Stop { .. } => write!(f, "- program {name} in {place}"),
        }
    }
}

type Records = BTreeMap<PathBuf, Record>;

impl Services {
    /// What [`Services::reconcile`] would do.
    pub fn actions(&self, desired: &[Service], due: Due) -> Result<Vec<Action>, ServiceError> {
        let records: Records = record::list(&self.directory)?.into_iter().collect();
        Ok(self.between(&records, desired, due))
    }

    /// Starts what is missing, starts anew what has another command or has ended, and stops what is not named. All or nothing: after
    /// a failure runs what ran before.
    pub async fn reconcile(&self, desired: &[Service], due: Due) -> Result<Vec<Action>, ServiceError> {
        let records: Records = record::list(&self.directory)?.into_iter().collect();
        let actions = self.between(&records, desired, due);
        self.carry_out(&records, &actions).await?;
        Ok(actions)
    }

    /// Does one of [`Services::actions`] by itself.
    pub async fn act(&self, action: &Action) -> Result<(), ServiceError> {
        let records: Records = record::list(&self.directory)?.into_iter().collect();
        self.carry_out(&records, std::slice::from_ref(action)).await
    }

    /// Starts those that were stopped.
    pub async fn start_again(&self, stopped: &[Service]) -> Result<(), ServiceError> {
        self.start(stopped).await
    }

    /// Stops those for which `doomed` says so: SIGTERM, and [`PATIENCE`] later SIGKILL. Returns those that ran.
    pub async fn stop_those(&self, doomed: impl Fn(&Service) -> bool) -> Result<Vec<Service>, ServiceError> {
        let mut records = record::list(&self.directory)?;
        records.retain(|(_, record)| doomed(&record.service));
        let ran = running(&records);
        self.stop(&records, PATIENCE).await?;
        Ok(ran)
    }

    fn between(&self, records: &Records, desired: &[Service], due: Due) -> Vec<Action> {
        let processes = if records.is_empty() { Vec::new() } else { processes::all() };
        let wanted: BTreeMap<PathBuf, &Service> =
            desired.iter().map(|service| (path_of(&self.directory, service), service)).collect();
        let unnamed = records.iter().filter(|(path, _)| !wanted.contains_key(*path));
        let stopped = unnamed.map(|(_, record)| Action::Stop { service: record.service.clone() });
        let started = wanted.iter().filter_map(|(path, service)| match records.get(path) {
            None => Some(Action::Start { service: (*service).clone() }),
            Some(record) => changed(record, service, &processes, due),
        });
        stopped.chain(started).collect()
    }

    async fn carry_out(&self, records: &Records, actions: &[Action]) -> Result<(), ServiceError> {
        let gone = self.of(records, actions, |action| !matches!(action, Action::Start { .. }));
        let ran = running(&gone);
        let Err(error) = self.replace(&gone, &started(actions)).await else { return Ok(()) };
        if let Err(again) = self.take_back(actions, &gone, &ran).await {
            tracing::warn!(%again, "what ran before does not run again");
        }
        Err(error)
    }

    async fn replace(&self, gone: &[(PathBuf, Record)], new: &[Service]) -> Result<(), ServiceError> {
        self.stop(gone, PATIENCE).await?;
        self.start(new).await
    }

    /// After a failure: stops what has begun, and starts those of `ran` that run no more. `gone` are the records from before.
    async fn take_back(
        &self,
        actions: &[Action],
        gone: &[(PathBuf, Record)],
        ran: &[Service],
    ) -> Result<(), ServiceError> {
        let now: Records = record::list(&self.directory)?.into_iter().collect();
        let mut begun = self.of(&now, actions, |action| !matches!(action, Action::Stop { .. }));
        begun.retain(|(path, record)| gone.iter().all(|(before, old)| before != path || old.token != record.token));
        let stopped = self.stop(&begun, PATIENCE).await;
        // What did not stop at all keeps its record, and runs.
        let left: Records = record::list(&self.directory)?.into_iter().collect();
        let runs = running(&left.into_iter().collect::<Vec<_>>());
        let missing: Vec<Service> = ran.iter().filter(|service| !runs.contains(service)).cloned().collect();
        stopped.and(self.start(&missing).await)
    }

    /// The records of the programs of some actions.
    fn of(&self, records: &Records, actions: &[Action], which: impl Fn(&Action) -> bool) -> Vec<(PathBuf, Record)> {
        let paths = actions.iter().filter(|action| which(action)).map(|one| path_of(&self.directory, one.service()));
        paths.filter_map(|path| records.get(&path).map(|record| (path.clone(), record.clone()))).collect()
    }
}

fn changed(record: &Record, service: &Service, processes: &[Process], due: Due) -> Option<Action> {
    // How it is started again is no reason to start it again.
    let as_it_runs = Service { restart: record.service.restart, ..service.clone() };
    if record.service != as_it_runs {
        return Some(Action::Change { before: record.service.clone(), service: service.clone() });
    }
    match record.state(processes) {
        State::Ended { ending } if due.is_due(service, ending) => {
            Some(Action::Restart { service: service.clone(), ending })
        }
        State::Runs { pid, .. } if service.target.as_ref().is_some_and(|target| !target.is_of(pid)) => {
            Some(Action::Move { service: service.clone() })
        }
        _ => None,
    }
}

/// Those that run.
fn running(records: &[(PathBuf, Record)]) -> Vec<Service> {
    let processes = processes::all();
    let running = records.iter().filter(|(_, record)| matches!(record.state(&processes), State::Runs { .. }));
    running.map(|(_, record)| record.service.clone()).collect()
}

fn started(actions: &[Action]) -> Vec<Service> {
    let is_started = |action: &&Action| !matches!(action, Action::Stop { .. });
    actions.iter().filter(is_started).map(|action| action.service().clone()).collect()
}
