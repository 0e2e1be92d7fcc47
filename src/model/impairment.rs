//! What is done to the packets that a device sends: tc-netem(8), tc-tbf(8).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Delay, IfName, Loss, Place, QuantityError, Rate};

/// The root queueing discipline of a device, where it is one of ours that makes the network worse.
///
/// What passes is held back and lost by `netem`; the rate is `tbf`'s, alone or below it. Not `netem`'s own: its queue is counted in
/// packets, a thousand of up to 64 KiB where the sender leaves it to the device to cut them up, which is a minute at 10 Mbit/s. The
/// queue of `tbf` is counted in bytes, and it cuts such packets up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairment {
    /// The namespace that the device is in.
    pub place: Place,
    /// The device whose outgoing packets are impaired.
    pub device: IfName,
    /// How long each packet is held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// By how much that varies, up and down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Delay>,
    /// How likely a packet is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// How much passes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

/// A queueing discipline of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// tc-netem(8).
    Netem {
        /// How many packets it holds at most.
        packets: u32,
        /// See [`Impairment::delay`].
        delay: Option<Delay>,
        /// See [`Impairment::jitter`].
        jitter: Option<Delay>,
        /// See [`Impairment::loss`].
        loss: Option<Loss>,
    },
    /// tc-tbf(8).
    Tbf(Rate),
}

/// Where a queueing discipline of ours is, which is also its mark: nobody else's has these numbers, but by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Its own number, the major one of tc(8): `79:`.
    pub handle: u16,
    /// The number of the one whose first class it hangs on (`79:1`); none: it is the root.
    pub parent: Option<u16>,
}

impl Spot {
    /// Where `netem` is.
    pub const NETEM: Spot = Spot { handle: 0x79, parent: None };
    /// Where `tbf` is, below `netem`.
    pub const TBF_BELOW: Spot = Spot { handle: 0x7a, parent: Some(0x79) };
    /// Where `tbf` is, alone. A number of its own: the kernel does not change the kind of a discipline, but puts one of another
    /// number in its place.
    pub const TBF_ALONE: Spot = Spot { handle: 0x7b, parent: None };
}

impl Impairment {
    /// The kernel keeps the jitter in 32 bits with a sign (`get_jitter`, net/sched/sch_netem.c).
    pub const JITTER_MAX: Delay = Delay::from_nanoseconds(i32::MAX as u64);
    /// tc-netem(8) has this many, unless told otherwise.
    const PACKETS: u64 = 1000;

    /// None at all of the device `device` at `place`.
    pub fn none(place: Place, device: IfName) -> Impairment {
        Impairment { place, device, delay: None, jitter: None, loss: None, rate: None }
    }

    /// Whether nothing is impaired.
    pub fn is_none(&self) -> bool {
        !self.has_netem() && self.rate.is_none()
    }

    /// Whether it takes `netem`, and not only `tbf`.
    pub fn has_netem(&self) -> bool {
        self.delay.is_some() || self.loss.is_some()
    }

    /// The same in its plainest form, without a delay, a loss or a rate of 0; an error where its parts do not go together.
    pub fn checked(mut self) -> Result<Impairment, QuantityError> {
        self.delay = self.delay.filter(|delay| *delay > Delay::NONE);
        self.jitter = self.jitter.filter(|jitter| *jitter > Delay::NONE);
        self.loss = self.loss.filter(|loss| loss.parts() > 0);
        self.rate = self.rate.filter(|rate| *rate > Rate::NONE);
        if let Some(rate) = self.rate.filter(|rate| !(Rate::MIN..=Rate::MAX).contains(rate)) {
            let range = format!("{} to {}", Rate::MIN, Rate::MAX);
            return Err(QuantityError(format!("a rate of {rate} is none of those that make sense, {range}")));
        }
        match (self.delay, self.jitter) {
            (Some(delay), _) if delay > Delay::MAX => {
                Err(QuantityError(format!("a delay of {delay} is more than the longest, {}", Delay::MAX)))
            }
            (None, Some(jitter)) => {
                Err(QuantityError(format!("a jitter of {jitter} needs a delay to vary: give a delay too")))
            }
            (Some(delay), Some(jitter)) if jitter > delay => {
                Err(QuantityError(format!("a jitter of {jitter} is more than the delay of {delay} that it varies")))
            }
            (_, Some(jitter)) if jitter > Self::JITTER_MAX => {
                Err(QuantityError(format!("a jitter of {jitter} is more than the {} of netem", Self::JITTER_MAX)))
            }
            _ => Ok(self),
        }
    }

    /// Whether the device may have this MTU, if it is known.
    pub fn fits(&self, mtu: Option<u32>) -> Result<(), QuantityError> {
        match (self.rate, mtu) {
            (Some(rate), Some(mtu)) if mtu > rate.mtu_max() => Err(QuantityError(format!(
                "a rate of {rate} does not go with the MTU of {}, which is {mtu}",
                self.device
            ))),
            _ => Ok(()),
        }
    }

    /// The queueing disciplines that it is made of, in the order in which they are made.
    pub fn disciplines(&self) -> Vec<(Spot, Discipline)> {
        let Impairment { delay, jitter, loss, .. } = *self;
        let netem = self.has_netem().then_some(Discipline::Netem { packets: self.packets(), delay, jitter, loss });
        let tbf = if self.has_netem() { Spot::TBF_BELOW } else { Spot::TBF_ALONE };
        let netem = netem.map(|netem| (Spot::NETEM, netem));
        netem.into_iter().chain(self.rate.map(|rate| (tbf, Discipline::Tbf(rate)))).collect()
    }

    /// What of them `before` had otherwise, or not at all; and what of `before` has to be taken away. What hangs on another one
    /// goes with it.
    pub fn changes_from(&self, before: &Impairment) -> (Vec<(Spot, Discipline)>, Option<Spot>) {
        let (old, mut new) = (before.disciplines(), self.disciplines());
        let no_longer = |spot: Spot| old.iter().any(|(at, _)| *at == spot) && new.iter().all(|(at, _)| *at != spot);
        let taken = (self.has_netem() && no_longer(Spot::TBF_BELOW)).then_some(Spot::TBF_BELOW);
        new.retain(|discipline| !old.contains(discipline));
        (new, taken)
    }

    /// How many packets `netem` holds: those of 1,500 bytes that come in at 1 Gbit/s while the first is held back, so that a fast
    /// sender does not lose what is only late; a thousand at least.
    pub fn packets(&self) -> u32 {
        let held = [self.delay, self.jitter].iter().flatten().map(|time| time.nanoseconds()).sum::<u64>();
        let packets = held.div_ceil(12_000).max(Self::PACKETS);
        u32::try_from(packets).unwrap_or(u32::MAX)
    }
}

impl fmt::Display for Impairment {
    /// What is impaired: `delay 20ms jitter 2ms loss 1% rate 10mbit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.delay.map(|delay| format!("delay {delay}")),
            self.jitter.map(|jitter| format!("jitter {jitter}")),
            self.loss.map(|loss| format!("loss {loss}")),
            self.rate.map(|rate| format!("rate {rate}")),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jitter_varies_a_delay() {
        let of = |delay: &str, jitter: &str| {
            let none = Impairment::none(Place::Host, IfName::lo());
            let given = |text: &str| if text.is_empty() { None } else { Some(text.parse().unwrap()) };
            Impairment { delay: given(delay), jitter: given(jitter), ..none }.checked()
        };
        assert!(of("20ms", "20ms").is_ok());
        assert!(of("0", "0").unwrap().is_none());
        let unlimited = Impairment { rate: Some(Rate::NONE), ..Impairment::none(Place::Host, IfName::lo()) };
        assert!(unlimited.checked().unwrap().is_none());
        for (delay, jitter) in [("", "2ms"), ("0", "2ms"), ("2ms", "3ms"), ("3s", "3s")] {
            assert!(of(delay, jitter).is_err(), "{delay} {jitter}");
        }
    }

    #[test]
    fn some_numbers_make_no_sense() {
        let none = || Impairment::none(Place::Host, IfName::lo());
        for rate in ["100bit", "1000gbit"] {
            assert!(Impairment { rate: Some(rate.parse().unwrap()), ..none() }.checked().is_err(), "{rate}");
        }
        assert!(Impairment { delay: Some("3601s".parse().unwrap()), ..none() }.checked().is_err());
    }

    #[test]
    fn what_is_only_late_is_not_lost() {
        let delayed = |text: &str| {
            let none = Impairment::none(Place::Host, IfName::lo());
            Impairment { delay: Some(text.parse().unwrap()), ..none }.packets()
        };
        assert_eq!((delayed("1ms"), delayed("120ms")), (1000, 10_000));
    }
}
