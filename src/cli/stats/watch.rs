//! Looking again and again.

use std::collections::HashMap;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::counters::{self, Counters, Direction, PortCounters};
use super::{clock, text};
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::model::SwitchName;

/// A port's counters, and what came since the last look.
#[derive(Debug, Serialize)]
pub struct PortRates {
    #[serde(flatten)]
    pub counters: PortCounters,
    /// `null` at the first look, and where the counters began anew.
    pub rx_rate: Option<Rate>,
    pub tx_rate: Option<Rate>,
}

/// One direction since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    pub packets_per_second: f64,
    pub bits_per_second: f64,
    /// How many there were, in all.
    pub errors: u64,
    pub drops: u64,
}

impl Rate {
    /// `None` where a counter went back: the device is another one.
    fn between(before: Direction, now: Direction, seconds: f64) -> Option<Rate> {
        let packets = now.packets.checked_sub(before.packets)?;
        let bytes = now.bytes.checked_sub(before.bytes)?;
        #[allow(clippy::cast_precision_loss, reason = "of two to the 53rd packets nobody asks for the last one")]
        Some(Rate {
            packets_per_second: packets as f64 / seconds,
            bits_per_second: bytes as f64 * 8.0 / seconds,
            errors: now.errors.checked_sub(before.errors)?,
            drops: now.drops.checked_sub(before.drops)?,
        })
    }
}

/// A look, and when it was.
struct Look {
    at: Instant,
    counters: Counters,
}

/// Prints a block every `period`, `count` at most, until a signal comes or nobody reads any more.
pub async fn run(
    session: &Session<'_>,
    switch: Option<&SwitchName>,
    period: Duration,
    count: Option<NonZeroU64>,
) -> Result<Report, Failure> {
    let mut signals = Signals::new()?;
    let mut stdout = session.output.stdout().map_err(|error| broken(&error))?;
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<Look> = None;
    let mut left = count.map(NonZeroU64::get);
    while left != Some(0) {
        tokio::select! {
            _ = ticks.tick() => {}
            () = signals.next() => break,
        }
        let look = Look { counters: counters::read(session, switch).await?, at: Instant::now() };
        if before.is_none() {
            note_age(session, &look.counters);
        }
        let block = block(session.global.json, &look, before.as_ref());
        match writeln!(stdout, "{block}").and_then(|()| stdout.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => return Err(broken(&error)),
        }
        before = Some(look);
        left = left.map(|left| left - 1);
    }
    Ok(Report::default())
}

fn broken(error: &io::Error) -> Failure {
    Failure::new("cannot write to standard output").cause(error)
}

fn note_age(session: &Session<'_>, counters: &Counters) {
    if let Some(interval) = counters.interval {
        let seconds = Duration::from_millis(interval).as_secs_f32();
        session.output.note(&format!(
            "the counters of ports marked * change every {seconds} s only, when ovs-vswitchd writes them into the database"
        ));
    }
}

fn block(json: bool, look: &Look, before: Option<&Look>) -> String {
    let time = clock::now();
    let seconds = before.map(|before| (look.at - before.at).as_secs_f64());
    let rates = rates(look, before, seconds);
    if json {
        let switches = look.counters.switches.iter().zip(&rates);
        let switches: Vec<_> = switches
            .map(|(switch, ports)| json!({"switch": switch.switch, "backend": switch.backend, "ports": ports}))
            .collect();
        let interval = look.counters.interval;
        let document =
            json!({"time": time, "seconds": seconds, "stats_update_interval": interval, "switches": switches});
        return document.to_string();
    }
    let mut lines = format!("{time}\n");
    if before.is_none() {
        lines.push_str(&text::counters(&look.counters));
        lines.push('\n');
    } else {
        for (switch, ports) in look.counters.switches.iter().zip(&rates) {
            text::rates(&mut lines, switch.switch.as_str(), ports);
        }
    }
    lines
}

/// Of each switch, each port.
fn rates(look: &Look, before: Option<&Look>, seconds: Option<f64>) -> Vec<Vec<PortRates>> {
    let known: HashMap<(&SwitchName, &str), &PortCounters> = before
        .iter()
        .flat_map(|look| &look.counters.switches)
        .flat_map(|switch| switch.ports.iter().map(move |port| ((&switch.switch, port.port.as_str()), port)))
        .collect();
    let of_port = |switch: &SwitchName, port: &PortCounters| {
        let pair = known.get(&(switch, port.port.as_str())).copied().zip(seconds);
        let pair = pair.filter(|(then, _)| then.source == port.source);
        PortRates {
            counters: port.clone(),
            rx_rate: pair.and_then(|(then, seconds)| Rate::between(then.rx, port.rx, seconds)),
            tx_rate: pair.and_then(|(then, seconds)| Rate::between(then.tx, port.tx, seconds)),
        }
    };
    let switches = look.counters.switches.iter();
    switches.map(|switch| switch.ports.iter().map(|port| of_port(&switch.switch, port)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_came_since() {
        let at = |packets, bytes, drops| Direction { packets, bytes, errors: 0, drops };
        let rate = Rate::between(at(10, 1_000, 1), at(30, 3_000, 4), 2.0).unwrap();
        assert_eq!(rate, Rate { packets_per_second: 10.0, bits_per_second: 8_000.0, errors: 0, drops: 3 });
        assert_eq!(Rate::between(at(10, 1_000, 1), at(1, 100, 0), 2.0), None, "another device of that name");
    }
}
