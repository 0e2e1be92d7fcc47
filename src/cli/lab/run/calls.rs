//! What is asked of a controller from outside: to end, to read its file again, and, by a service manager, to be alive.

use std::future::Future;
use std::io;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::engine::Stop;

/// The signals, and what they have asked for so far.
pub struct Calls {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// So often the service manager wants to hear of us (sd_watchdog_enabled(3)).
    watchdog: Option<Interval>,
    ended: bool,
    reload: bool,
}

impl Calls {
    pub fn new() -> io::Result<Calls> {
        Ok(Calls {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            watchdog: sd_notify::watchdog_enabled().map(ticks),
            ended: false,
            reload: false,
        })
    }

    /// Returns once there is something to be done. Dropping the future loses nothing.
    pub async fn wait(&mut self) {
        while !self.ended && !self.reload {
            self.next().await;
        }
    }

    async fn next(&mut self) {
        let tick = async {
            match &mut self.watchdog {
                Some(watchdog) => watchdog.tick().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => self.ended = true,
            _ = self.terminate.recv() => self.ended = true,
            _ = self.hangup.recv() => self.reload = true,
            _ = tick => super::notify(&[NotifyState::Watchdog]),
        }
    }

    /// Does `work` to its end; a call to end makes it stop and take back what it did.
    pub async fn during<T>(&mut self, stop: &Stop, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                result = &mut work => return result,
                () = self.next() => {
                    if self.ended {
                        stop.request();
                    }
                }
            }
        }
    }

    /// Whether it was asked to end.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// From now on it is not asked to end any more: what ends it is under way, and another call ends that.
    pub fn end_again(&mut self) {
        self.ended = false;
    }

    /// Whether it was asked to read its file again, since this was asked last.
    pub fn take_reload(&mut self) -> bool {
        std::mem::take(&mut self.reload)
    }
}

/// Twice as often as it is wanted.
fn ticks(timeout: Duration) -> Interval {
    let mut ticks = interval((timeout / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
