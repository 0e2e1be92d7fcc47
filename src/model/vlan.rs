//! VLANs, and what ports do with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A VLAN identifier (IEEE 802.1Q): 1 to 4094. 0 means "no VLAN" in a tag, 4095 is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct VlanId(u16);

/// The VLAN of ports of a Linux bridge that were given none (`vlan_default_pvid`, ip-link(8)).
pub const DEFAULT_PVID: VlanId = VlanId(1);

/// Why a number is no VLAN identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("VLAN `{0}` is not a number from 1 to 4094")]
pub struct VlanError(pub String);

impl VlanId {
    /// The identifier as a number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for VlanId {
    type Error = VlanError;
    fn try_from(id: u16) -> Result<VlanId, VlanError> {
        if (1..=4094).contains(&id) { Ok(VlanId(id)) } else { Err(VlanError(id.to_string())) }
    }
}

impl From<VlanId> for u16 {
    fn from(id: VlanId) -> u16 {
        id.0
    }
}

impl FromStr for VlanId {
    type Err = VlanError;
    fn from_str(text: &str) -> Result<VlanId, VlanError> {
        text.parse::<u16>().ok().and_then(|id| id.try_into().ok()).ok_or_else(|| VlanError(text.to_owned()))
    }
}

impl fmt::Display for VlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which VLANs a port carries, in the words of table Port (ovs-vswitchd.conf.db(5)).
///
/// Neither: everything, as it comes. `tag` alone: an access port. `trunks` alone: a trunk port. Both: a trunk port whose
/// untagged frames belong to `tag` (`vlan_mode=native-untagged`). `mode` says what is none of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vlan {
    /// The VLAN of untagged frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<VlanId>,
    /// The VLANs that pass with their tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub trunks: BTreeSet<VlanId>,
    /// What does not follow from the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<VlanMode>,
    /// Of a port into an outer VLAN: the customers' VLANs that pass, else all (`cvlans`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub cvlans: BTreeSet<VlanId>,
}

/// What a port does with the VLAN of its `tag`, where that is not plain (`vlan_mode` of table Port, ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VlanMode {
    /// A trunk port whose untagged frames belong to `tag`, and which sends that VLAN with its tag too.
    NativeTagged,
    /// A trunk port of all VLANs, whose untagged frames belong to `tag`. With `trunks` it goes without saying.
    NativeUntagged,
    /// All that comes in, with the tags of customers or without, is put into the outer VLAN `tag` (IEEE 802.1ad, QinQ).
    Dot1qTunnel,
}

impl VlanMode {
    /// The value of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            VlanMode::NativeTagged => "native-tagged",
            VlanMode::NativeUntagged => "native-untagged",
            VlanMode::Dot1qTunnel => "dot1q-tunnel",
        }
    }
}

impl fmt::Display for VlanMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a port of a Linux bridge is in a VLAN (bridge(8)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// Untagged frames that come in belong to it.
    pub pvid: bool,
    /// Its frames go out without a tag.
    pub untagged: bool,
}

impl Vlan {
    /// Whether nothing was asked of VLANs.
    pub fn is_any(&self) -> bool {
        *self == Vlan::default()
    }

    /// Whether frames without a tag pass and belong to VLAN 1, in which the own device of a Linux bridge is.
    pub fn carries_untagged_as_they_come(&self) -> bool {
        self.tag == Some(DEFAULT_PVID) && self.mode.is_none()
    }

    /// With the `vlan_mode` of this name, of which nothing is kept that goes without saying.
    ///
    /// # Errors
    ///
    /// What is missing, or too much, for it.
    pub fn with_mode(mut self, mode: &str) -> Result<Vlan, String> {
        let needs = |there: bool, what: &str| if there { Ok(()) } else { Err(format!("{mode} takes {what}")) };
        self.mode = match mode {
            "access" => {
                needs(self.tag.is_some() && self.trunks.is_empty(), "a tag, and no trunks")?;
                None
            }
            "trunk" => {
                needs(self.tag.is_none(), "no tag: native-tagged and native-untagged do")?;
                None
            }
            "native-tagged" => Some(VlanMode::NativeTagged),
            "native-untagged" => Some(VlanMode::NativeUntagged).filter(|_| self.trunks.is_empty()),
            "dot1q-tunnel" => {
                needs(self.trunks.is_empty(), "no trunks: the outer VLAN is its tag")?;
                Some(VlanMode::Dot1qTunnel)
            }
            _ => {
                return Err(format!("`{mode}` is none of access, trunk, native-tagged, native-untagged, dot1q-tunnel"));
            }
        };
        needs(self.tag.is_some() || mode == "trunk", "the VLAN as tag")?;
        needs(self.cvlans.is_empty() || mode == "dot1q-tunnel", "no customers' VLANs, which are for dot1q-tunnel")?;
        Ok(self)
    }

    /// The VLANs that a port of a Linux bridge is in, and how. A port of which nothing was asked is in VLAN 1; a `tag` that is among
    /// the trunks is one VLAN.
    pub fn on_linux(&self) -> BTreeMap<VlanId, Membership> {
        let native = Membership { pvid: true, untagged: self.mode != Some(VlanMode::NativeTagged) };
        if self.is_any() {
            return BTreeMap::from([(DEFAULT_PVID, native)]);
        }
        let tagged = self.trunks.iter().map(|vid| (*vid, Membership { pvid: false, untagged: false }));
        tagged.chain(self.tag.map(|vid| (vid, native))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vlan_ids_are_1_to_4094() {
        for good in ["1", "4094"] {
            assert_eq!(good.parse::<VlanId>().unwrap().to_string(), good);
        }
        for bad in ["0", "4095", "65536", "-1", "ten", ""] {
            assert!(bad.parse::<VlanId>().is_err(), "{bad}");
        }
    }
}
