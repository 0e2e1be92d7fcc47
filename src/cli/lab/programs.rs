//! The programs of a lab.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::exec;
use crate::cli::failure::Failure;
use crate::cli::keep::keeper;
use crate::cli::output::Report;
use crate::lab::{Command, Lab, Program, Restart};
use crate::model::{NetnsName, Owner, Place};
use crate::plan::Plan;
use crate::process::service::{self, Action, Due, Service, ServiceError, ServiceStatus, Services, State};

use super::changes::going;
use super::records;

/// Where the logs are, unless `OVSNS_LOGDIR` says otherwise.
const LOGS: &str = "/var/log/ovsns";

/// The programs of a lab: those that run, and those that should.
pub struct Programs {
    pub services: Services,
    pub wanted: Vec<Service>,
}

/// The programs of the lab of `owner` that run.
pub fn of(owner: &Owner) -> Services {
    let logs = std::env::var_os("OVSNS_LOGDIR").map_or_else(|| LOGS.into(), PathBuf::from);
    // `..` is a name that a lab can have.
    let logs = logs.join(format!("lab-{owner}"));
    Services::new(records(owner).directory().join("run"), logs, keeper())
}

impl Programs {
    /// Those of `lab`, whose file is at `path`: they start where that is.
    pub fn of(lab: &Lab, path: &Path) -> Result<Programs, Failure> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = std::fs::canonicalize(directory)
            .map_err(|error| Failure::new(format!("cannot read {}", directory.display())).cause(error))?;
        let wanted = lab.run.iter().map(|program| service(program, &directory)).collect::<Result<_, _>>()?;
        Ok(Programs { services: of(&lab.owner), wanted })
    }

    /// What is to be started and stopped.
    pub fn actions(&self) -> Result<Vec<Action>, Failure> {
        Ok(self.services.actions(&self.wanted, Due::Asked)?)
    }

    /// Starts and stops it, all or nothing.
    pub async fn reconcile(&self) -> Result<Vec<Action>, Failure> {
        Ok(self.services.reconcile(&self.wanted, Due::Asked).await?)
    }

    /// Stops those in the namespaces that `plan` deletes, which would be in use otherwise. Returns those that ran.
    pub async fn leave(&self, plan: &Plan) -> Result<Vec<Service>, Failure> {
        let going = going(plan);
        Ok(self.services.stop_those(|service| is_in(service, &going)).await?)
    }

    /// Starts those that were stopped before `failure` came, which tells of it where they do not start.
    pub async fn return_after(&self, stopped: &[Service], mut failure: Failure) -> Failure {
        if let Err(error) = self.services.start_again(stopped).await {
            failure.left.push(format!("programs that were stopped for it do not run again: {error}"));
        }
        failure
    }

    /// Whether any runs in the namespaces that `plan` deletes.
    pub fn are_in(&self, plan: &Plan) -> Result<bool, Failure> {
        let going = going(plan);
        Ok(self.services.list()?.iter().any(|status| is_in(&status.service, &going)))
    }
}

fn is_in(service: &Service, names: &[NetnsName]) -> bool {
    names.iter().any(|name| name.as_str() == service.place)
}

fn service(program: &Program, directory: &Path) -> Result<Service, Failure> {
    let text = program.place.to_string();
    let target = match program.place {
        Place::Host => None,
        _ => Some(exec::target(&text)?),
    };
    let argv = match &program.command {
        Command::Line(line) => Service::shell(line),
        Command::Words(words) => words.clone(),
    };
    let restart = match program.restart {
        Restart::No => service::Restart::No,
        Restart::OnFailure => service::Restart::OnFailure,
        Restart::Always => service::Restart::Always,
    };
    Ok(Service { name: program.name.clone(), place: text, target, argv, directory: directory.to_owned(), restart })
}

/// A report that tells of programs too.
pub fn with_lines(mut report: Report, actions: &[Action]) -> Report {
    if actions.is_empty() {
        return report;
    }
    let lines: Vec<String> = actions.iter().map(ToString::to_string).collect();
    report.text = match report.text.as_str() {
        super::NOTHING => lines.join("\n"),
        text => format!("{text}\n{}", lines.join("\n")),
    };
    report.json["programs"] = json!(actions);
    report
}

/// A program, for people.
pub fn line(status: &ServiceStatus) -> String {
    let ServiceStatus { service, state, log } = status;
    let state = match state {
        State::Runs { pid, .. } => format!("runs, pid {pid}"),
        State::Ended { ending } => ending.to_string(),
    };
    format!("    program {} in {}: {state}; log {}", service.name, service.place, log.display())
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Failure {
        let lines = error.last_lines().to_vec();
        let mut failure = match &error {
            ServiceError::Io { path, .. } => Failure::new(format!("cannot use {}", path.display())),
            _ => Failure::new(error.to_string()),
        };
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            failure.causes.push(error.to_string());
            cause = error.source();
        }
        if !lines.is_empty() {
            failure.left.push("the last lines of its log:".to_owned());
            failure.left.extend(lines.into_iter().map(|line| format!("  {line}")));
        }
        failure
    }
}
