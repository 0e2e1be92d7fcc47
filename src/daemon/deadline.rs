//! A moment until which we wait.

use std::time::{Duration, Instant};

use rustix::event::Timespec;

/// Made once for a whole operation, so that its waits share one budget.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        // A timeout beyond what the clock can count is as good as a year.
        let now = Instant::now();
        Self(now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 86_400)))
    }

    /// What is left: none once it has passed, which socket options would take as "no timeout".
    pub(super) fn left(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// What is left, for `ppoll(2)`; zero once it has passed.
    pub(super) fn timespec(self) -> Timespec {
        let left = self.left().unwrap_or_default();
        Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(left.subsec_nanos()) }
    }
}
