//! Bonds: several devices that are one port.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::IfName;

/// How frames are spread over the devices of a bond (`bond_mode` of table Port, ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BondMode {
    /// One device carries all, the others wait for it to fail.
    #[default]
    ActiveBackup,
    /// By source address and VLAN. What is at the other end need not know of it.
    BalanceSlb,
    /// By addresses and ports. What is at the other end has to take the devices for one, which LACP settles.
    BalanceTcp,
}

impl BondMode {
    /// All of them.
    pub const ALL: [BondMode; 3] = [BondMode::ActiveBackup, BondMode::BalanceSlb, BondMode::BalanceTcp];

    /// The name in flags, lab files and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            BondMode::ActiveBackup => "active-backup",
            BondMode::BalanceSlb => "balance-slb",
            BondMode::BalanceTcp => "balance-tcp",
        }
    }
}

/// Whether the Link Aggregation Control Protocol (IEEE 802.1AX clause 6.4) is spoken (`lacp` of table Port).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lacp {
    /// It is not.
    #[default]
    Off,
    /// This end begins.
    Active,
    /// This end waits for the other one to begin.
    Passive,
}

impl Lacp {
    /// All of them.
    pub const ALL: [Lacp; 3] = [Lacp::Off, Lacp::Active, Lacp::Passive];

    /// The name in flags, lab files and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Lacp::Off => "off",
            Lacp::Active => "active",
            Lacp::Passive => "passive",
        }
    }
}

/// How often the other end is asked to tell of itself (`other_config:lacp-time` of table Port).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LacpTime {
    /// Every 30 seconds.
    #[default]
    Slow,
    /// Every second.
    Fast,
}

impl LacpTime {
    /// Both of them.
    pub const ALL: [LacpTime; 2] = [LacpTime::Slow, LacpTime::Fast];

    /// The name in flags, lab files and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            LacpTime::Slow => "slow",
            LacpTime::Fast => "fast",
        }
    }
}

/// Names that are written as they are read.
macro_rules! words {
    ($($kind:ident $what:literal $words:literal)+) => {
        $(impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $kind {
            type Err = String;
            fn from_str(text: &str) -> Result<$kind, String> {
                let found = $kind::ALL.into_iter().find(|one| one.as_str() == text);
                found.ok_or_else(|| format!(concat!($what, " `{}` is none of ", $words), text))
            }
        })+
    };
}

words! {
    BondMode "bond mode" "active-backup, balance-slb, balance-tcp"
    Lacp "lacp" "off, active, passive"
    LacpTime "lacp-time" "slow, fast"
}

/// Several devices that are one port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bond {
    /// The devices of the host, two at least.
    pub devices: BTreeSet<IfName>,
    /// How frames are spread over them.
    pub mode: BondMode,
    /// Whether LACP is spoken.
    #[serde(default)]
    pub lacp: Lacp,
    /// How often, if so.
    #[serde(default)]
    pub lacp_time: LacpTime,
}

impl Bond {
    /// The bond that is asked for: where nothing is said of LACP it is off, but active in mode balance-tcp, which needs it.
    pub fn asked(
        devices: impl IntoIterator<Item = IfName>,
        mode: Option<BondMode>,
        lacp: Option<Lacp>,
        time: Option<LacpTime>,
    ) -> Result<Bond, BondError> {
        let mode = mode.unwrap_or_default();
        let needed = if mode == BondMode::BalanceTcp { Lacp::Active } else { Lacp::Off };
        let devices: Vec<IfName> = devices.into_iter().collect();
        let mut distinct = BTreeSet::new();
        if let Some(twice) = devices.iter().find(|device| !distinct.insert((*device).clone())) {
            return Err(BondError::Twice(twice.clone()));
        }
        let lacp = lacp.unwrap_or(needed);
        if lacp == Lacp::Off && time.is_some() {
            return Err(BondError::TimeWithoutLacp);
        }
        let bond = Bond { devices: distinct, mode, lacp, lacp_time: time.unwrap_or_default() };
        bond.check().map(|()| bond)
    }

    /// What is wrong with it in itself.
    pub fn check(&self) -> Result<(), BondError> {
        match (self.mode, self.lacp) {
            _ if self.devices.len() < 2 => Err(BondError::TooFew(self.devices.len())),
            (BondMode::BalanceTcp, Lacp::Off) => Err(BondError::NeedsLacp),
            _ => Ok(()),
        }
    }

    /// Its devices in a line.
    pub fn list(&self) -> String {
        self.devices.iter().map(IfName::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Bond {
    /// `bond of eth1, eth2 active-backup`, with what is asked of LACP.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bond of {} {}", self.list(), self.mode)?;
        if self.lacp != Lacp::Off {
            write!(f, " lacp {}", self.lacp)?;
        }
        if self.lacp_time != LacpTime::Slow {
            write!(f, " lacp-time {}", self.lacp_time)?;
        }
        Ok(())
    }
}

/// Why a bond cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BondError {
    /// One device is no bond.
    #[error("a bond takes two devices at least, not {0}")]
    TooFew(usize),
    /// A device is named twice.
    #[error("device {0} is named twice")]
    Twice(IfName),
    /// The other end has to know of it.
    #[error("mode balance-tcp needs LACP: without it Open vSwitch falls back to active-backup, in silence")]
    NeedsLacp,
    /// There is nothing to be timed.
    #[error("lacp-time says how often LACP speaks, and LACP is off")]
    TimeWithoutLacp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(devices: &[&str], mode: Option<BondMode>, lacp: Option<Lacp>) -> Result<Bond, BondError> {
        Bond::asked(devices.iter().map(|device| device.parse().unwrap()), mode, lacp, None)
    }

    #[test]
    fn balance_tcp_comes_with_lacp() {
        let plain = asked(&["eth1", "eth2"], None, None).unwrap();
        assert_eq!((plain.mode, plain.lacp), (BondMode::ActiveBackup, Lacp::Off));
        let tcp = asked(&["eth1", "eth2"], Some(BondMode::BalanceTcp), None).unwrap();
        assert_eq!(tcp.lacp, Lacp::Active);
        assert_eq!(tcp.to_string(), "bond of eth1, eth2 balance-tcp lacp active");
        let off = asked(&["eth1", "eth2"], Some(BondMode::BalanceTcp), Some(Lacp::Off));
        assert_eq!(off.unwrap_err(), BondError::NeedsLacp);
    }

    #[test]
    fn what_cannot_be_is_told() {
        assert_eq!(asked(&["eth1"], None, None).unwrap_err(), BondError::TooFew(1));
        assert_eq!(asked(&["eth1", "eth1"], None, None).unwrap_err(), BondError::Twice("eth1".parse().unwrap()));
        let time = Bond::asked([], None, None, Some(LacpTime::Fast));
        assert_eq!(time.unwrap_err(), BondError::TimeWithoutLacp);
        assert_eq!("lazy".parse::<Lacp>().unwrap_err(), "lacp `lazy` is none of off, active, passive");
    }
}
