//! A capture on a thread of its own, while this one waits for signals.

use std::time::Duration;

use tokio::sync::oneshot;

use super::sink::Output;
use crate::capture::{Counters, End, Limits, Ring, Stop, run as capture};
use crate::cli::failure::Failure;
use crate::cli::signals::Signals;

/// How a capture was, and what it wrote to.
pub struct Ended {
    pub end: End,
    pub counters: Vec<Counters>,
    pub output: Output,
}

/// Runs the capture until it ends, or a signal ends it. Whoever reads what it writes has `patience` to take the rest.
pub async fn run(
    rings: Vec<Ring>,
    snaplen: u32,
    mut output: Output,
    limits: Limits,
    stop: Stop,
    mut signals: Signals,
    patience: Duration,
) -> Result<Ended, Failure> {
    let (sender, mut receiver) = oneshot::channel();
    let its_stop = stop.clone();
    std::thread::spawn(move || {
        let summary = capture(rings, snaplen, &mut output, limits, &its_stop);
        // Nobody listens any more if it was given up.
        let _ = sender.send(Ended { end: summary.end, counters: summary.counters, output });
    });
    tokio::select! {
        ended = &mut receiver => return ended.map_err(|_| died()),
        () = signals.next() => stop.request(),
    }
    match tokio::time::timeout(patience, receiver).await {
        Ok(ended) => ended.map_err(|_| died()),
        Err(_) => Err(Failure::new("nobody reads what the capture writes: its last packets are lost").deadline()),
    }
}

fn died() -> Failure {
    Failure::new("the capture ended without a word")
}

/// Why it ended, as a word.
pub fn reason(end: &End) -> &'static str {
    match end {
        End::Count => "count",
        End::Time => "time",
        End::Stopped => "signal",
        End::Gone => "no device left",
        End::Closed => "no reader left",
        End::Failed(_) => "failure",
    }
}
