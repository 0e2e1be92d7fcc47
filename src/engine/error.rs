//! How applying a plan can end, other than well.

use std::time::Duration;

use crate::backend::{BackendError, Unsupported};
use crate::plan::{Plan, Stale};

use super::{JournalError, LockError};

/// A plan was not carried out, or what there is could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A backend failed, or could not be read. What had been done is undone.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A backend cannot express what is asked. Nothing was done.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The world changed since the plan was made. Nothing was done.
    #[error(transparent)]
    Stale(#[from] Stale),
    /// Every step was carried out, and yet it is not in effect: somebody else undid it at once. What is left of it is undone.
    #[error("what was done did not stay in effect; still to do: {}", one_line(.missing))]
    NotInEffect {
        /// What is missing.
        missing: Plan,
    },
    /// A signal came. What had been done is undone.
    #[error("interrupted")]
    Stopped,
    /// Nobody said in time that the change may stay. What had been done is undone.
    #[error("nobody confirmed the change within {} s", within.as_secs_f32())]
    NotConfirmed {
        /// How long that was waited for.
        within: Duration,
    },
    /// Somebody said that the change is to go back. What had been done is undone.
    #[error("the change was sent back")]
    SentBack,
    /// Applying failed, and so did undoing it.
    #[error("{cause}")]
    Mixed {
        /// Why applying failed.
        cause: Box<EngineError>,
        /// Why undoing failed, one line a step that failed.
        undo: Vec<String>,
        /// What would have to be done to be back where it began.
        left: Plan,
    },
    /// The journal could not be written, read or taken away. Nothing was done, or what had been done is undone.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another run holds the lock. Nothing was done.
    #[error(transparent)]
    Lock(#[from] LockError),
}

fn one_line(plan: &Plan) -> String {
    plan.to_string().replace('\n', "; ")
}

/// An error and its causes in one line, for lists.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
