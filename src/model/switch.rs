//! Switches: bridges of Open vSwitch and of the Linux kernel.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Mac, Settings, SwitchName};

/// Smallest and largest MTU of a device in bytes (`ETH_MIN_MTU` and `ETH_MAX_MTU`, linux/if_ether.h).
pub const MTU_MIN: u32 = 68;
/// See [`MTU_MIN`].
pub const MTU_MAX: u32 = 65_535;
/// The MTU that the kernel gives a new device in bytes (`ETH_DATA_LEN`, linux/if_ether.h).
const MTU_DEFAULT: u32 = 1500;

/// Which system a switch is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendName {
    /// Open vSwitch.
    Ovs,
    /// The bridge of the Linux kernel.
    Linux,
}

impl BackendName {
    /// The name in lab files, flags, logs and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            BackendName::Ovs => "ovs",
            BackendName::Linux => "linux",
        }
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where OVS forwards packets (`datapath_type` of table Bridge, ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Datapath {
    /// In the kernel, by its module `openvswitch`.
    System,
    /// In the process of ovs-vswitchd.
    Netdev,
}

impl Datapath {
    /// The value of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Datapath::System => "system",
            Datapath::Netdev => "netdev",
        }
    }
}

impl FromStr for Datapath {
    type Err = String;
    fn from_str(text: &str) -> Result<Datapath, String> {
        match text {
            "system" => Ok(Datapath::System),
            "netdev" => Ok(Datapath::Netdev),
            _ => Err(format!("datapath `{text}` is none of system, netdev")),
        }
    }
}

impl fmt::Display for Datapath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A switch. `None` means that nothing was asked for: the system's own choice is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// The name of the switch and of its own device.
    pub name: SwitchName,
    /// Which system it is made with.
    pub backend: BackendName,
    /// OVS only: where packets are forwarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datapath: Option<Datapath>,
    /// The address of its own device, pinned: without it, it follows the ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The MTU of its own device in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Spanning tree (IEEE 802.1D).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stp: Option<bool>,
    /// OVS only: rapid spanning tree (IEEE 802.1D-2004; `rstp_enable`, ovs-vswitchd.conf.db(5)), which goes without `stp`.
    /// ovs-vswitchd 3.1.0 dies where both ends of a patch cable are on switches that speak it: a veth pair joins such switches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rstp: Option<bool>,
    /// Linux bridge only: whether it looks at VLAN tags (`vlan_filtering`, ip-link(8)). OVS always does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan_filtering: Option<bool>,
    /// Settings that are one value each ([`super::setting`]).
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
}

impl Switch {
    /// A switch of which nothing but name and backend is asked.
    pub fn new(name: SwitchName, backend: BackendName) -> Switch {
        Switch {
            name,
            backend,
            datapath: None,
            mac: None,
            mtu: None,
            stp: None,
            rstp: None,
            vlan_filtering: None,
            settings: Settings::default(),
        }
    }

    /// The MTU that a Linux bridge has to be made with so that setting the one that is asked for is a change: only that keeps it
    /// from following its ports. `None`: the kernel's default will do.
    pub fn first_mtu(&self) -> Option<u32> {
        self.mtu.filter(|mtu| *mtu == MTU_DEFAULT).map(|mtu| mtu - 1)
    }

    /// What a change from `before` promises: the MTU of a Linux bridge that is not set follows its ports (`br_mtu_auto_adjust`,
    /// net/bridge/br_if.c), and may be another one by the end.
    pub(super) fn promised(&self, before: &Switch) -> Switch {
        let follows = self.backend == BackendName::Linux && self.mtu == before.mtu;
        Switch { mtu: self.mtu.filter(|_| !follows), ..self.clone() }
    }

    /// This switch, with what it leaves open taken from `observed`.
    pub(super) fn over(&self, observed: &Switch) -> Switch {
        Switch {
            name: self.name.clone(),
            backend: self.backend,
            datapath: self.datapath.or(observed.datapath),
            mac: self.mac.or(observed.mac),
            mtu: self.mtu.or(observed.mtu),
            stp: self.stp.or(observed.stp),
            rstp: self.rstp.or(observed.rstp),
            vlan_filtering: self.vlan_filtering.or(observed.vlan_filtering),
            settings: self.settings.over(&observed.settings, self.backend),
        }
    }
}
