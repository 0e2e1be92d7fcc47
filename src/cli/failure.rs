//! What failed, why, and what to do about it: said once, here.

use std::error::Error;
use std::fmt;
use std::io::IsTerminal;

use serde::Serialize;
use serde_json::Value;

use crate::backend::{BackendError, Fault, Unsupported};
use crate::engine::{EngineError, JournalError, LockError};
use crate::lab::Mistakes;
use crate::model::NameError;

/// A verb that did not do what was asked.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// What failed.
    pub what: String,
    /// Why, nearest cause first.
    pub causes: Vec<String>,
    /// Further lines: what is left to do after a failed undo.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// For programs: more about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<Value>>,
    /// The exit status.
    #[serde(rename = "exit_status")]
    pub code: u8,
}

/// Failed, and the system is as it was.
const FAILED: u8 = 1;
/// Bad usage.
const USAGE: u8 = 2;
/// Failed, and so did the undo.
pub const MIXED: u8 = 4;
/// A deadline passed.
const DEADLINE: u8 = 5;

impl Failure {
    /// Something failed; the system is as it was.
    pub fn new(what: impl Into<String>) -> Failure {
        Failure { what: what.into(), causes: Vec::new(), left: Vec::new(), hint: None, details: None, code: FAILED }
    }

    /// What was typed makes no sense.
    pub fn usage(what: impl Into<String>) -> Failure {
        Failure { code: USAGE, ..Failure::new(what) }
    }

    /// The same, because of `error` and its causes.
    pub fn cause(mut self, error: impl Error) -> Failure {
        self.causes.extend(chain(&error));
        self
    }

    /// The same, with the exit status of a deadline.
    pub fn deadline(mut self) -> Failure {
        self.code = DEADLINE;
        self
    }

    /// The same, with what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

/// An error and its causes, each once, nearest first.
pub fn chain<'a>(error: &'a (dyn Error + 'a)) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let line = error.to_string();
        if lines.last() != Some(&line) {
            lines.push(line);
        }
        next = error.source();
    }
    lines
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ovsns: {}", self.what)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        for line in &self.left {
            write!(f, "\n{line}")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Failure {
        let mut failure = Failure::new(error.what.clone());
        failure.causes = error.source.as_deref().map(|source| chain(source)).unwrap_or_default();
        match error.fault {
            Fault::Deadline(stage, after) => {
                failure.causes.insert(0, format!("no answer from the {stage} within {} s", after.as_secs_f32()));
                failure.code = DEADLINE;
            }
            Fault::Denied => failure.hint = Some(PRIVILEGE_HINT.to_owned()),
            Fault::Unreachable | Fault::Refused => {}
        }
        failure.hint = error.hint.or(failure.hint);
        failure
    }
}

/// What to do about a missing privilege.
pub const PRIVILEGE_HINT: &str =
    "run it as root: it takes CAP_NET_ADMIN for links and CAP_SYS_ADMIN for namespaces (capabilities(7))";

impl From<Unsupported> for Failure {
    fn from(error: Unsupported) -> Failure {
        let failure = Failure::new(error.to_string());
        match error.hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<NameError> for Failure {
    fn from(error: NameError) -> Failure {
        Failure::usage(error.to_string())
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Failure {
        let count = match mistakes.list().len() {
            1 => "a mistake".to_owned(),
            count => format!("{count} mistakes"),
        };
        let mut failure = Failure::usage(format!("{} has {count}", mistakes.name()));
        failure.left = vec![mistakes.render(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())];
        failure.details = Some(Box::new(mistakes.to_json()));
        failure
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        match error {
            EngineError::Backend(error) => error.into(),
            EngineError::Unsupported(error) => error.into(),
            EngineError::Lock(error @ LockError::Held { .. }) => {
                let failure = Failure::new(error.to_string()).hint(
                    "wait for it, or give more time: --timeout 60; if it waits for a confirmation: ovsns confirm",
                );
                Failure { code: DEADLINE, ..failure }
            }
            EngineError::Mixed { cause, undo, left } => mixed(*cause, undo, &left),
            EngineError::Stopped => Failure::new("interrupted; what had been done is undone"),
            error @ (EngineError::NotConfirmed { .. } | EngineError::SentBack) => {
                Failure::new(format!("{error}; everything is as it was"))
            }
            EngineError::Journal(error @ JournalError::Damaged { .. }) => {
                Failure::new("cannot read what was under way")
                    .cause(error)
                    .hint("ovsns gc --yes puts it aside; what it told of is to be found with ovsns show")
            }
            error => {
                let mut lines = chain(&error);
                let what = if lines.is_empty() { String::new() } else { lines.remove(0) };
                Failure { causes: lines, ..Failure::new(what) }
            }
        }
    }
}

fn mixed(cause: EngineError, undo: Vec<String>, left: &crate::plan::Plan) -> Failure {
    let mut failure = Failure::from(cause);
    failure.code = MIXED;
    failure.left = undo.into_iter().map(|line| format!("undoing failed: {line}")).collect();
    failure.left.push("to be as it was, these are still to do:".to_owned());
    failure.left.extend(left.steps.iter().map(|step| format!("  {step}")));
    const AGAIN: &str = "mend what stands in the way, then run: ovsns gc --yes";
    failure.hint = match failure.hint {
        Some(hint) if !hint.contains("gc --yes") => Some(format!("{hint}; {AGAIN}")),
        Some(hint) => Some(hint),
        None => Some(AGAIN.to_owned()),
    };
    failure
}
