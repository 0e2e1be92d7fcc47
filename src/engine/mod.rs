//! Carries a plan out, all or nothing: the only caller of [`Backend::apply`](crate::backend::Backend::apply).

mod apply;
mod confirm;
mod error;
mod journal;
mod lock;
mod records;
mod recover;
mod stop;
mod teardown;
mod timings;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::backend::{BackendSet, Progress, Scope};
use crate::model::State;

pub use apply::Terms;
pub use confirm::{Confirmation, Told};
pub use error::EngineError;
pub use journal::{Damage, Interrupted, Journal, JournalError};
pub use lock::{Lock, LockError};
pub use records::Records;
pub use recover::recovery;
pub use stop::Stop;
pub use teardown::Remains;
pub use timings::{Phase, Timings};

/// Looks and acts, through one set of backends.
pub struct Engine {
    backends: BackendSet,
    journal: Option<Journal>,
    stop: Stop,
    progress: Progress,
    timings: Timings,
}

impl Engine {
    /// An engine that keeps no journal: what is interrupted by `kill -9` stays as it is.
    pub fn new(backends: BackendSet) -> Engine {
        Engine {
            backends,
            journal: None,
            stop: Stop::new(),
            progress: Progress::default(),
            timings: Timings::default(),
        }
    }

    /// The same, with a journal and a lock in `directory` (see [`Journal`]).
    pub fn journal_in(mut self, directory: PathBuf) -> Engine {
        self.journal = Some(Journal::new(directory));
        self
    }

    /// The same, with the progress told to `progress`, to which its backends tell theirs within a batch.
    pub fn reporting(mut self, progress: Progress) -> Engine {
        self.progress = progress;
        self
    }

    /// How far the plan in hand has come.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The means to make [`apply`](Engine::apply) stop and undo what it did.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// How long the parts of the run have taken so far.
    pub fn timings(&self) -> Timings {
        self.timings.clone()
    }

    /// What there is within `scope`.
    pub async fn observe(&self, scope: &Scope) -> Result<State, EngineError> {
        let start = Instant::now();
        let state = tokio::select! {
            state = self.backends.observe(scope) => state?,
            () = self.stop.requested() => return Err(EngineError::Stopped),
        };
        self.timings.note("observe", state.entries().len(), start);
        Ok(state)
    }

    /// The backends.
    pub fn backends(&self) -> &BackendSet {
        &self.backends
    }

    /// Waits until no other run changes this host, then takes back what an interrupted run left behind. Returns the lock,
    /// which is to be held from the first look to the end of `apply`, and the run that was taken back.
    pub async fn begin(&self, timeout: Duration) -> Result<(Option<Lock>, Option<Interrupted>), EngineError> {
        let Some(journal) = &self.journal else { return Ok((None, None)) };
        let lock = tokio::select! {
            lock = Lock::acquire(journal.directory(), timeout) => lock?,
            () = self.stop.requested() => return Err(EngineError::Stopped),
        };
        journal.discard_unfinished()?;
        Confirmation::discard(journal.directory())?;
        let interrupted = journal.read()?;
        if let Some(interrupted) = &interrupted {
            self.take_back(interrupted).await?;
            journal.remove()?;
        }
        Ok((Some(lock), interrupted))
    }

    /// The run that was interrupted and has not been taken back yet. `None` while a run is under way.
    pub fn interrupted(&self) -> Result<Option<Interrupted>, EngineError> {
        match &self.journal {
            Some(journal) if !Lock::is_held(journal.directory()) => Ok(journal.read()?),
            _ => Ok(None),
        }
    }

    /// Puts a journal aside that cannot be read, so that it stands in nobody's way. Returns where it is then.
    pub fn put_journal_aside(&self) -> Result<Option<PathBuf>, EngineError> {
        self.journal.as_ref().map(Journal::put_aside).transpose().map_err(EngineError::from)
    }
}
