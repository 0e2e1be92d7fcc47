//! How what a switch sends out of a port is shared among queues.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{BackendName, Burst, IfName, QuantityError, Rate, SwitchName};

/// The queues of a port: tables QoS and Queue of ovs-vswitchd.conf.db(5); on a Linux bridge the classes of tc-htb(8) and tc-hfsc(7), in the
/// layout that ovs-vswitchd makes, too: one class for all, and below it one for each queue.
///
/// It is what the switch *sends* to the port: what its namespace receives. Frames that nobody directs elsewhere go to queue 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Qos {
    /// The switch.
    pub switch: SwitchName,
    /// The port.
    pub device: IfName,
    /// Which system the switch is made with.
    pub backend: BackendName,
    /// By which discipline.
    #[serde(rename = "type")]
    pub discipline: QosType,
    /// How much passes at most, over all queues; `None`: as much as the link takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<Rate>,
    /// The queues that were asked for, by number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<u32, Queue>,
}

/// A queue. What is not said is left to the system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// How much it may always have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_rate: Option<Rate>,
    /// How much it has at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<Rate>,
    /// `linux-htb`: how much may go at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// `linux-htb`: what the lower number leaves, the higher gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
}

/// By which discipline packets are queued (`type` of table QoS).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum QosType {
    /// tc-htb(8).
    Htb,
    /// tc-hfsc(7).
    Hfsc,
    /// Another one, of Open vSwitch.
    Other(String),
}

impl QosType {
    /// As Open vSwitch calls it.
    pub fn as_str(&self) -> &str {
        match self {
            QosType::Htb => "linux-htb",
            QosType::Hfsc => "linux-hfsc",
            QosType::Other(name) => name,
        }
    }
}

impl From<String> for QosType {
    fn from(name: String) -> QosType {
        match name.as_str() {
            "linux-htb" => QosType::Htb,
            "linux-hfsc" => QosType::Hfsc,
            _ => QosType::Other(name),
        }
    }
}

impl From<QosType> for String {
    fn from(of: QosType) -> String {
        of.as_str().to_owned()
    }
}

impl FromStr for QosType {
    type Err = String;
    fn from_str(text: &str) -> Result<QosType, String> {
        match QosType::from(text.to_owned()) {
            QosType::Other(_) => Err(format!("type `{text}` is none of linux-htb, linux-hfsc")),
            known => Ok(known),
        }
    }
}

impl fmt::Display for QosType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Qos {
    /// Its own number on a Linux bridge, the major one of tc(8), which is also its mark: nobody else's has it, but by chance.
    pub const HANDLE: u16 = 0x7c;
    /// The minor number of the class for all, as ovs-vswitchd has it (lib/netdev-linux.c).
    pub const WHOLE: u16 = 0xfffe;
    /// The highest number of a queue (`HTB_N_QUEUES`, lib/netdev-linux.c, less one).
    pub const QUEUE_MAX: u32 = 0xefff;
    /// What a queue may always have unless that is said, in bytes a second (`htb_parse_class_details__`, lib/netdev-linux.c).
    const LEAST: Rate = Rate::from_bytes(1500);

    /// Itself, or an error where its rates do not go together.
    pub fn checked(self) -> Result<Qos, QuantityError> {
        for (number, queue) in &self.queues {
            let [min, max] = [queue.min_rate, queue.max_rate];
            if let (Some(min), Some(max)) = (min, max.filter(|max| min.is_some_and(|min| min > *max))) {
                return Err(QuantityError(format!(
                    "queue {number}: a min-rate of {min} is more than its max-rate of {max}"
                )));
            }
            for (what, rate) in [("min", min), ("max", max)] {
                if let (Some(rate), Some(all)) =
                    (rate, self.max_rate.filter(|all| rate.is_some_and(|rate| rate > *all)))
                {
                    return Err(QuantityError(format!(
                        "queue {number}: a {what}-rate of {rate} is more than the port's max-rate of {all}"
                    )));
                }
            }
            if self.discipline == QosType::Hfsc && (queue.burst.is_some() || queue.priority.is_some()) {
                return Err(QuantityError(format!("queue {number}: burst and priority are for linux-htb")));
            }
        }
        Ok(self)
    }

    /// The queue of this number as it is on a Linux bridge: min-rate, max-rate, burst and priority.
    pub fn effective(&self, queue: &Queue) -> (Rate, Rate, Burst, u32) {
        let max = queue.max_rate.or(self.max_rate).unwrap_or(Rate::MAX);
        let min = queue.min_rate.unwrap_or(Qos::LEAST.min(max));
        let burst = queue.burst.unwrap_or(Burst::from_bytes(max.burst().into()));
        (min, max, burst, queue.priority.unwrap_or_default())
    }

    /// What the kernel has of a queue on a Linux bridge.
    fn told(&self, queue: &Queue) -> (Rate, Rate, Option<(u32, u32)>) {
        let (min, max, burst, priority) = self.effective(queue);
        (min, max, (self.discipline == QosType::Htb).then(|| (burst.ticks(min), priority)))
    }

    /// The queue without what goes without saying on a Linux bridge.
    pub fn plainest(&self, queue: Queue) -> Queue {
        let without = |queue: Queue, less: Queue| if self.told(&less) == self.told(&queue) { less } else { queue };
        let queue = without(queue, Queue { burst: None, ..queue });
        let queue = without(queue, Queue { priority: None, ..queue });
        let queue = without(queue, Queue { max_rate: None, ..queue });
        without(queue, Queue { min_rate: None, ..queue })
    }

    /// All queues that there are on a Linux bridge: queue 0 always is.
    pub fn all_queues(&self) -> BTreeMap<u32, Queue> {
        let mut queues = self.queues.clone();
        queues.entry(0).or_default();
        queues
    }

    /// This, written as `observed` is where that is the same on a Linux bridge.
    pub(super) fn over(&self, observed: &Qos) -> Qos {
        let told =
            |of: &Qos| -> Vec<_> { of.all_queues().iter().map(|(number, queue)| (*number, of.told(queue))).collect() };
        let same = self.backend == BackendName::Linux
            && (&self.discipline, self.max_rate) == (&observed.discipline, observed.max_rate)
            && told(self) == told(observed);
        if same { Qos { switch: self.switch.clone(), ..observed.clone() } } else { self.clone() }
    }
}

impl fmt::Display for Queue {
    /// As it is asked for: `min=1mbit,max=5mbit,burst=80kbit,priority=1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.min_rate.map(|rate| format!("min={rate}")),
            self.max_rate.map(|rate| format!("max={rate}")),
            self.burst.map(|burst| format!("burst={burst}")),
            self.priority.map(|priority| format!("priority={priority}")),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(","))
    }
}

impl FromStr for Queue {
    type Err = String;

    fn from_str(text: &str) -> Result<Queue, String> {
        let mut queue = Queue::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not KEY=VALUE"))?;
            let rate = || value.parse().map(Some).map_err(|error: QuantityError| error.to_string());
            match key {
                "min" => queue.min_rate = rate()?,
                "max" => queue.max_rate = rate()?,
                "burst" => queue.burst = Some(value.parse().map_err(|error: QuantityError| error.to_string())?),
                "priority" => {
                    let priority = value.parse().map_err(|_| format!("priority `{value}` is no number"))?;
                    queue.priority = Some(priority);
                }
                _ => return Err(format!("`{key}` is none of min, max, burst, priority")),
            }
        }
        Ok(queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qos(max: &str, queues: &[(u32, &str)]) -> Qos {
        Qos {
            switch: "s1".parse().unwrap(),
            device: "p1".parse().unwrap(),
            backend: BackendName::Linux,
            discipline: QosType::Htb,
            max_rate: Some(max.parse().unwrap()),
            queues: queues.iter().map(|(number, text)| (*number, text.parse().unwrap())).collect(),
        }
    }

    #[test]
    fn rates_go_together() {
        assert!(
            qos("10mbit", &[(0, "min=1mbit,max=10mbit"), (7, "max=2mbit,burst=80kbit,priority=1")]).checked().is_ok()
        );
        for queue in ["min=3mbit,max=2mbit", "max=11mbit", "min=11mbit"] {
            let error = qos("10mbit", &[(1, queue)]).checked().unwrap_err().to_string();
            assert!(error.starts_with("queue 1: ") && error.contains("more than"), "{error}");
        }
        for bad in ["min", "min=1", "speed=1mbit", "priority=x"] {
            assert!(bad.parse::<Queue>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_goes_without_saying_is_the_same() {
        let plain = qos("10mbit", &[]);
        let told = qos("10mbit", &[(0, "min=12kbit,max=10mbit,burst=81920bit,priority=0")]);
        assert_eq!(told.over(&plain), plain);
        assert_eq!(plain.over(&told), told);
        let other = qos("10mbit", &[(0, "max=9mbit")]);
        assert_eq!(other.over(&plain), other);
    }
}
