//! How far the carrying out of a plan has come, to be read by others meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// How far a plan has come. Clones tell of the same plan: its engine and its backends write, others read.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    total: AtomicUsize,
    done: AtomicUsize,
    is_back: AtomicBool,
}

/// Whether a plan is being carried out or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// It is being carried out.
    Forward,
    /// It is being taken back.
    Back,
}

impl Progress {
    /// How many steps there are to do; 0 before there is a plan.
    pub fn total(&self) -> usize {
        self.0.total.load(Ordering::Relaxed)
    }

    /// How many of them are done: also the index of the one in hand.
    pub fn done(&self) -> usize {
        self.0.done.load(Ordering::Relaxed).min(self.total())
    }

    /// Which way it goes.
    pub fn direction(&self) -> Direction {
        if self.0.is_back.load(Ordering::Relaxed) { Direction::Back } else { Direction::Forward }
    }

    /// Begins to count `total` steps.
    pub(crate) fn begin(&self, direction: Direction, total: usize) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.is_back.store(direction == Direction::Back, Ordering::Relaxed);
        self.0.total.store(total, Ordering::Relaxed);
    }

    /// So many more are done.
    pub(crate) fn advance(&self, steps: usize) {
        self.0.done.fetch_add(steps, Ordering::Relaxed);
    }

    /// So many are done in all, whatever was told before.
    pub(crate) fn reached(&self, done: usize) {
        self.0.done.store(done, Ordering::Relaxed);
    }
}
