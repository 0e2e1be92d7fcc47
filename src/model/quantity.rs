//! Times, probabilities and rates, in the units of tc(8).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many bytes a frame has besides what the MTU counts: two addresses, a VLAN tag, the type.
const FRAME_OVERHEAD: u32 = 18;

/// A time, in nanoseconds, written as tc(8) does: `20ms`, `1.5s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Delay(u64);

/// A probability, in parts of 2^32 - 1, written in percent: `1%`, `0.05%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Loss(u32);

/// A rate, in bytes a second, written in bits a second as tc(8) does: `10mbit`, `512kbit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(u64);

/// An amount, in bytes, written in bits: `80kbit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Burst(u64);

/// Why a text is none of them, or why several do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuantityError(pub(super) String);

impl Rate {
    /// How long packets may wait for their turn. Of the order of what routers have: longer, and whoever fills the link waits for
    /// himself; shorter, and a single connection cannot fill it.
    pub const QUEUE: Duration = Duration::from_millis(50);
    /// Nothing passes; also what is said where there is to be no limit.
    pub const NONE: Rate = Rate(0);
    /// From so few on, a packet takes so long that it looks like a loss.
    pub const MIN: Rate = Rate(125);
    /// More than any link has.
    pub const MAX: Rate = Rate(12_500_000_000);

    /// In bytes a second.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// A rate that the kernel told, in bytes a second.
    pub const fn from_bytes(bytes: u64) -> Rate {
        Rate(bytes)
    }

    /// In whole thousands of bits a second.
    pub fn kbits(self) -> u64 {
        self.0 * 8 / 1000
    }

    /// How many bytes may go at once: what passes in 4 ms, a tick of a slow clock (tc-tbf(8), "burst"), and a packet of 10 KiB at
    /// least.
    pub fn burst(self) -> u32 {
        u32::try_from(self.0 / 250).unwrap_or(u32::MAX).max(10 * 1024)
    }

    /// The largest MTU of a device with this rate, in bytes: tbf lets nothing pass that is longer than its burst (tc-tbf(8)).
    pub fn mtu_max(self) -> u32 {
        self.burst() - FRAME_OVERHEAD
    }

    /// How many bytes may wait: [`Rate::QUEUE`], and the burst, as tc-tbf(8) counts its `latency`.
    pub fn limit(self) -> u32 {
        let milliseconds = u64::try_from(Rate::QUEUE.as_millis()).unwrap_or(u64::MAX);
        let waiting = self.0.saturating_mul(milliseconds) / 1000;
        u32::try_from(waiting.saturating_add(self.burst().into())).unwrap_or(u32::MAX)
    }
}

impl Burst {
    /// How long a tick of the packet scheduler is, in nanoseconds (`PSCHED_SHIFT`, net/pkt_sched.h).
    const TICK: u128 = 64;

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// An amount in bytes.
    pub const fn from_bytes(bytes: u64) -> Burst {
        Burst(bytes)
    }

    /// In whole thousands of bits.
    pub fn kbits(self) -> u64 {
        self.0 * 8 / 1000
    }

    /// How long it takes at `rate`, in ticks: so the kernel keeps it.
    pub fn ticks(self, rate: Rate) -> u32 {
        let ticks = u128::from(self.0) * 1_000_000_000 / (Burst::TICK * u128::from(rate.0.max(1)));
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// What the kernel keeps as so many ticks at `rate`.
    pub fn from_ticks(ticks: u32, rate: Rate) -> Burst {
        let bytes = (u128::from(ticks) * Burst::TICK * u128::from(rate.0)).div_ceil(1_000_000_000);
        Burst(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl Delay {
    /// No time at all.
    pub const NONE: Delay = Delay(0);
    /// No network is slower.
    pub const MAX: Delay = Delay(3_600_000_000_000);

    /// In nanoseconds.
    pub fn nanoseconds(self) -> u64 {
        self.0
    }

    /// A time that the kernel told, in nanoseconds.
    pub const fn from_nanoseconds(nanoseconds: u64) -> Delay {
        Delay(nanoseconds)
    }
}

impl Loss {
    /// In parts of 2^32 - 1 (`tc_netem_qopt.loss`, linux/pkt_sched.h).
    pub fn parts(self) -> u32 {
        self.0
    }

    /// A probability that the kernel told, in parts of 2^32 - 1.
    pub fn from_parts(parts: u32) -> Loss {
        Loss(parts)
    }

    fn of_percent(percent: f64) -> Loss {
        // As `get_percent` of iproute2 rounds it. Within the range of the type, since the percentage is.
        Loss((percent / 100.0 * f64::from(u32::MAX)).round() as u32)
    }
}

/// `1.5ms` is 1.5 and `ms`. None where there is no number in front, or one that is none.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

/// `number` in the first of `units` that it is not less than, without needless digits: 1,500,000 is `1.5ms`. Exact, as long as the
/// units are powers of ten.
fn written(number: u64, units: &[(u64, &str)]) -> String {
    let (unit, name) = units.iter().find(|(unit, _)| number >= *unit).copied().unwrap_or((1, units[units.len() - 1].1));
    let digits = unit.ilog10() as usize;
    let fraction = if digits == 0 { String::new() } else { format!(".{:0digits$}", number % unit) };
    format!("{}{}{name}", number / unit, fraction.trim_end_matches('0').trim_end_matches('.'))
}

const TIME_UNITS: [(u64, &str); 4] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
const BIT_UNITS: [(u64, &str); 4] = [(1_000_000_000, "gbit"), (1_000_000, "mbit"), (1_000, "kbit"), (1, "bit")];

impl FromStr for Delay {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Delay, QuantityError> {
        let refuse = || QuantityError(format!("`{text}` is no time with its unit, such as 20ms, 500us or 1.5s"));
        let (number, unit) = number_and_unit(text).ok_or_else(refuse)?;
        let unit = match unit {
            "s" | "sec" | "secs" => 1e9,
            "ms" | "msec" | "msecs" => 1e6,
            "us" | "usec" | "usecs" => 1e3,
            "ns" | "nsec" | "nsecs" => 1.0,
            // tc(8) takes it for microseconds, and most who type it do not.
            "" if number == 0.0 => 1.0,
            _ => return Err(refuse()),
        };
        Ok(Delay((number * unit).round() as u64))
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.0, &TIME_UNITS))
    }
}

impl FromStr for Loss {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Loss, QuantityError> {
        match number_and_unit(text) {
            Some((percent, "%")) if percent <= 100.0 => Ok(Loss::of_percent(percent)),
            Some((0.0, "")) => Ok(Loss(0)),
            _ => Err(QuantityError(format!("`{text}` is no part of a hundred, such as 1% or 0.05%"))),
        }
    }
}

impl fmt::Display for Loss {
    /// With as many digits as it takes to mean the same when it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = f64::from(self.0) / f64::from(u32::MAX) * 100.0;
        let shortest = (0..9).find(|digits| {
            let text = format!("{percent:.digits$}");
            text.parse().is_ok_and(|percent| Loss::of_percent(percent) == *self)
        });
        write!(f, "{percent:.*}%", shortest.unwrap_or(9))
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Rate, QuantityError> {
        let refuse = || QuantityError(format!("`{text}` is no rate with its unit, such as 10mbit or 512kbit"));
        let (number, unit) = number_and_unit(text).ok_or_else(refuse)?;
        let bits = match unit.to_ascii_lowercase().as_str() {
            "" if number == 0.0 => 1.0,
            "bit" => 1.0,
            "kbit" => 1e3,
            "mbit" => 1e6,
            "gbit" => 1e9,
            unit @ ("bps" | "kbps" | "mbps" | "gbps") => {
                let bits = unit.replace("bps", "bit");
                return Err(QuantityError(format!(
                    "`{text}` may mean two things: write {number}{bits}, or {}{bits} for what tc(8) means by it, bytes",
                    8.0 * number
                )));
            }
            _ => return Err(refuse()),
        };
        Ok(Rate((number * bits).round() as u64 / 8))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.0.saturating_mul(8), &BIT_UNITS))
    }
}

impl FromStr for Burst {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Burst, QuantityError> {
        let refuse = |_| QuantityError(format!("`{text}` is no amount with its unit, such as 80kbit or 1mbit"));
        text.parse::<Rate>().map(|rate| Burst(rate.0)).map_err(refuse)
    }
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Rate(self.0).fmt(f)
    }
}

macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl TryFrom<String> for $type {
            type Error = QuantityError;
            fn try_from(text: String) -> Result<$type, QuantityError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    )+};
}

as_text!(Delay, Loss, Rate, Burst);

#[cfg(test)]
mod tests {
    use super::*;

    fn written_as<T: FromStr<Err = QuantityError> + fmt::Display>(text: &str) -> String {
        text.parse::<T>().unwrap().to_string()
    }

    #[test]
    fn times_have_their_unit() {
        for (text, written) in [
            ("20ms", "20ms"),
            ("0.02s", "20ms"),
            ("1.5secs", "1.5s"),
            ("1500us", "1.5ms"),
            ("1234567ns", "1.234567ms"),
            ("0", "0ns"),
            ("3600s", "3600s"),
        ] {
            assert_eq!(written_as::<Delay>(text), written);
        }
        for bad in ["", "20", "ms", "-1ms", "1m", "1.2.3ms", "1e3ms", "nan", "infs"] {
            assert!(bad.parse::<Delay>().is_err(), "{bad}");
        }
    }

    #[test]
    fn losses_are_percentages() {
        for text in ["0%", "1%", "0.05%", "33.3%", "100%", "0.0000001%"] {
            assert_eq!(written_as::<Loss>(text), text);
        }
        // What tc-netem(8) makes of it.
        assert_eq!("1%".parse::<Loss>().unwrap().parts(), 42_949_673);
        assert_eq!("100%".parse::<Loss>().unwrap().parts(), u32::MAX);
        for bad in ["", "1", "%", "101%", "-1%", "1 %"] {
            assert!(bad.parse::<Loss>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_are_in_bits() {
        for (text, written) in [
            ("10mbit", "10mbit"),
            ("10Mbit", "10mbit"),
            ("0.5gbit", "500mbit"),
            ("1000bit", "1kbit"),
            ("1001bit", "1kbit"),
        ] {
            assert_eq!(written_as::<Rate>(text), written);
        }
        for bad in ["", "10", "10m", "mbit", "-1mbit"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
        let ambiguous = "10mbps".parse::<Rate>().unwrap_err().to_string();
        assert!(ambiguous.contains("10mbit") && ambiguous.contains("80mbit"), "{ambiguous}");
    }

    #[test]
    fn what_is_written_means_the_same() {
        for number in (0..=u32::MAX).step_by(9_999_991).chain([1, 42, u32::MAX]) {
            let (delay, loss) = (Delay(u64::from(number) * 799), Loss(number));
            assert_eq!(delay.to_string().parse(), Ok(delay));
            assert_eq!(loss.to_string().parse(), Ok(loss));
            let rate = Rate(125 + u64::from(number) * 2);
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }

    #[test]
    fn a_burst_is_what_the_kernel_keeps_of_it() {
        for rate in ["12kbit", "100mbit", "10gbit"].map(|text| text.parse::<Rate>().unwrap()) {
            for burst in [1_600, 10_240, 5_000_000].map(Burst::from_bytes) {
                let ticks = burst.ticks(rate);
                let kept = if ticks == u32::MAX { burst } else { Burst::from_ticks(ticks, rate) };
                assert_eq!(kept.ticks(rate), ticks, "{burst} at {rate}");
            }
        }
    }

    #[test]
    fn queues_follow_the_rate() {
        let queue = |text: &str| {
            let rate: Rate = text.parse().unwrap();
            (rate.burst(), rate.limit())
        };
        assert_eq!(queue("1mbit"), (10_240, 16_490));
        assert_eq!(queue("100mbit"), (50_000, 675_000));
    }
}
