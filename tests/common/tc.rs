//! What tc(8) tells of a device's queueing disciplines, in our words.

use ovsns::model::Impairment;
use serde_json::Value;

/// What `tc -j qdisc show dev DEVICE` tells, put into `none`; `None` where it is still none. Times and losses have the digits that
/// tc shows, which are three or four.
pub fn impairment(none: Impairment, shown: &Value) -> Option<Impairment> {
    let mut seen = none;
    for qdisc in shown.as_array()? {
        let number = |pointer: &str| qdisc["options"].pointer(pointer).and_then(Value::as_f64).filter(|n| *n > 0.0);
        let time = |pointer: &str| number(pointer).map(|seconds| format!("{}us", seconds * 1e6).parse().unwrap());
        match qdisc["kind"].as_str()? {
            "netem" => {
                (seen.delay, seen.jitter) = (time("/delay/delay"), time("/delay/jitter"));
                seen.loss = number("/loss-random/loss").map(|part| format!("{}%", part * 100.0).parse().unwrap());
            }
            "tbf" => seen.rate = number("/rate").map(|bytes| format!("{}bit", bytes * 8.0).parse().unwrap()),
            _ => {}
        }
    }
    (!seen.is_none()).then_some(seen)
}
