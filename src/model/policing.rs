//! How much may come in by a port.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BackendName, Burst, IfName, QuantityError, Rate, SwitchName};

/// The limits of what comes in by a port: what its namespace sends. What is more is dropped.
///
/// With Open vSwitch the columns `ingress_policing_…` of the port's row of table Interface (ovs-vswitchd.conf.db(5)); on a Linux bridge
/// filters at the ingress of the port's device, with actions of tc-police(8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policing {
    /// The switch.
    pub switch: SwitchName,
    /// The port.
    pub device: IfName,
    /// Which system the switch is made with.
    pub backend: BackendName,
    /// How much passes at most; `None`: as much as comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How much may come at once; `None`: [`Policing::BURST`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<Burst>,
    /// Linux bridge: how much broadcast and multicast passes at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<Rate>,
}

impl Policing {
    /// How much may come at once unless that is said: 8000 kbit, as ovs-vswitchd has it (`netdev_linux_set_policing`,
    /// lib/netdev-linux.c).
    pub const BURST: Burst = Burst::from_bytes(1_000_000);
    /// On a Linux bridge, the cookie of its actions.
    pub const COOKIE: &[u8] = b"ovsns";
    /// The preferences of its filters (`pref`, tc(8)), which no mirror has: that of broadcast and multicast, and that of everything.
    pub const STORM_PREF: u16 = 0x7801;
    /// See [`STORM_PREF`](Policing::STORM_PREF).
    pub const RATE_PREF: u16 = 0x7802;

    /// No limit at all.
    pub fn none(switch: SwitchName, device: IfName, backend: BackendName) -> Policing {
        Policing { switch, device, backend, rate: None, burst: None, storm: None }
    }

    /// Whether it limits nothing.
    pub fn is_none(&self) -> bool {
        self.rate.is_none() && self.storm.is_none()
    }

    /// Itself in its plainest form, in which [`Rate::NONE`] is no limit, or an error where it makes no sense.
    pub fn checked(self) -> Result<Policing, QuantityError> {
        let limit = |rate: Option<Rate>| rate.filter(|rate| *rate != Rate::NONE);
        let (rate, storm) = (limit(self.rate), limit(self.storm));
        let burst = self.burst.filter(|burst| burst.bytes() > 0);
        for (what, rate) in [("an ingress-rate", rate), ("a storm-rate", storm)] {
            if let Some(rate) = rate.filter(|rate| !(Rate::MIN..=Rate::MAX).contains(rate)) {
                return Err(QuantityError(format!("{what} of {rate} is not from {} to {}", Rate::MIN, Rate::MAX)));
            }
        }
        if let (Some(burst), None) = (burst, rate) {
            return Err(QuantityError(format!("an ingress-burst of {burst} needs an ingress-rate")));
        }
        if let Some(burst) = burst.filter(|burst| burst.kbits() == 0) {
            return Err(QuantityError(format!("an ingress-burst of {burst} is less than 1kbit")));
        }
        Ok(Policing { rate, burst, storm, ..self })
    }

    /// How much may come at once.
    pub fn effective_burst(&self) -> Burst {
        self.burst.unwrap_or(Policing::BURST)
    }

    /// How much broadcast and multicast may come at once.
    pub fn storm_burst(rate: Rate) -> Burst {
        Burst::from_bytes(rate.burst().into())
    }

    /// What the system keeps of it: Open vSwitch counts in kbit, the kernel has a burst as the time that it takes.
    fn told(&self) -> (Option<(u64, u64)>, Option<Rate>) {
        let burst = self.effective_burst();
        let kept = |rate: Rate| match self.backend {
            BackendName::Ovs => (rate.kbits(), burst.kbits()),
            BackendName::Linux => (rate.bytes(), burst.ticks(rate).into()),
        };
        (self.rate.map(kept), self.storm)
    }

    /// Without a burst that goes without saying.
    pub fn plainest(self) -> Policing {
        let without = Policing { burst: None, ..self.clone() };
        if without.told() == self.told() { without } else { self }
    }

    /// This, written as `observed` is where the system keeps the same of both.
    pub(super) fn over(&self, observed: &Policing) -> Policing {
        let same = self.backend == observed.backend && self.told() == observed.told();
        if same { Policing { switch: self.switch.clone(), ..observed.clone() } } else { self.clone() }
    }
}

impl fmt::Display for Policing {
    /// As it is asked for: `ingress-rate 1mbit ingress-burst 800kbit storm-rate 100kbit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.rate.map(|rate| format!("ingress-rate {rate}")),
            self.burst.map(|burst| format!("ingress-burst {burst}")),
            self.storm.map(|rate| format!("storm-rate {rate}")),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policing(backend: BackendName, rate: &str, burst: Option<&str>) -> Policing {
        let none = Policing::none("s1".parse().unwrap(), "veth1".parse().unwrap(), backend);
        Policing { rate: Some(rate.parse().unwrap()), burst: burst.map(|burst| burst.parse().unwrap()), ..none }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |policing: Policing| policing.checked().unwrap_err().to_string();
        let fine = policing(BackendName::Ovs, "1mbit", Some("80kbit"));
        assert!(refused(Policing { rate: None, ..fine.clone() }).contains("needs an ingress-rate"));
        assert!(refused(policing(BackendName::Ovs, "100bit", None)).contains("is not from 1kbit to 100gbit"));
        let storm = Policing { storm: Some("999gbit".parse().unwrap()), ..fine.clone() };
        assert!(refused(storm).starts_with("a storm-rate of 999gbit"));
        assert_eq!(fine.to_string(), "ingress-rate 1mbit ingress-burst 80kbit");
        assert_eq!(fine.clone().checked(), Ok(fine));
        assert!(policing(BackendName::Ovs, "0", None).checked().unwrap().is_none());
    }

    #[test]
    fn what_the_system_keeps_is_the_same() {
        // Open vSwitch counts in kbit.
        let observed = policing(BackendName::Ovs, "12kbit", None);
        assert_eq!(policing(BackendName::Ovs, "12345bit", Some("8mbit")).over(&observed), observed);
        let fine = policing(BackendName::Linux, "12345bit", None);
        assert_eq!(fine.over(&policing(BackendName::Linux, "12kbit", None)), fine);
        let other = policing(BackendName::Ovs, "12kbit", Some("80kbit"));
        assert_eq!(other.over(&observed), other);
        assert_eq!(policing(BackendName::Linux, "1mbit", Some("8mbit")).plainest().burst, None);
        assert_eq!(other.clone().plainest(), other);
    }
}
