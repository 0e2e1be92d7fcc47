//! Copies of what passes through a switch.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{BackendName, IfName, SwitchName, VlanId};

/// A mirror: each frame that it selects is also sent elsewhere (table Mirror, ovs-vswitchd.conf.db(5); on a Linux bridge tc-mirred(8)).
///
/// Directions are as the switch sees them: what a namespace sends comes *in* by its port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// The switch.
    pub switch: SwitchName,
    /// The mirror's name.
    pub name: String,
    /// Which system the switch is made with.
    pub backend: BackendName,
    /// Where the copies go.
    pub output: MirrorOutput,
    /// Whether it selects by no port: all that the switch forwards (SPAN of the whole switch).
    pub all: bool,
    /// The ports of which it selects what comes in by them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ingress: BTreeSet<IfName>,
    /// The ports of which it selects what goes out by them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub egress: BTreeSet<IfName>,
    /// Of that, only what is in these VLANs; none: in any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub vlans: BTreeSet<VlanId>,
    /// How many bytes of each frame are copied at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snaplen: Option<u16>,
}

/// Where copies go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MirrorOutput {
    /// Out of a port of the switch, as they are.
    Port(IfName),
    /// Into a VLAN of the switch, with its tag: all ports in it see them, and a trunk carries them to another switch (RSPAN).
    Vlan(VlanId),
}

impl Mirror {
    /// The fewest bytes that can be copied of a frame: those of the Ethernet header (`snaplen`, ovs-vswitchd.conf.db(5)).
    pub const SNAPLEN_MIN: u16 = 14;
    /// The longest name on a Linux bridge, in bytes: it stands in the cookie of an action, which has sixteen
    /// (`TC_COOKIE_MAX_SIZE`, linux/pkt_cls.h), behind a mark of two.
    pub const LINUX_NAME_MAX: usize = 14;

    /// One of all that a switch of Open vSwitch forwards.
    pub fn whole(switch: SwitchName, name: String, output: IfName) -> Mirror {
        let (ingress, egress) = (BTreeSet::new(), BTreeSet::new());
        let output = MirrorOutput::Port(output);
        let backend = BackendName::Ovs;
        Mirror { switch, name, backend, output, all: true, ingress, egress, vlans: BTreeSet::new(), snaplen: None }
    }

    /// The ports that it selects by, each once.
    pub fn sources(&self) -> BTreeSet<&IfName> {
        self.ingress.union(&self.egress).collect()
    }

    /// The port that the copies go out of, if it is one.
    pub fn output_port(&self) -> Option<&IfName> {
        if let MirrorOutput::Port(port) = &self.output { Some(port) } else { None }
    }

    /// The mark in the cookies of the actions of tc(8) that it is made of on a Linux bridge; its name stands behind.
    pub const COOKIE_MARK: &[u8] = b"ov";
    /// The preferences of the filters that it is made of (`pref`, tc(8)): at the one door, and at the other. `u32` mixes up those that
    /// have the same at both (`tc_u_common_ptr`, net/sched/cls_u32.c).
    pub const INGRESS_PREFS: RangeInclusive<u16> = 0x7900..=0x79ff;
    /// See [`INGRESS_PREFS`](Mirror::INGRESS_PREFS).
    pub const EGRESS_PREFS: RangeInclusive<u16> = 0x7a00..=0x7aff;

    /// On a Linux bridge, the cookie of its actions.
    pub fn cookie(&self) -> Vec<u8> {
        [Mirror::COOKIE_MARK, self.name.as_bytes()].concat()
    }

    /// On a Linux bridge, the preference of its filters at one door: by its name, so that several seldom have the same (FNV-1a).
    pub fn pref(&self, among: RangeInclusive<u16>) -> u16 {
        let mixed = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        among.start() + (self.name.bytes().fold(0x811c_9dc5, mixed) % 0x100) as u16
    }

    /// What is left of it where the port `gone` is no more; nothing where it has nothing to copy, or nowhere to.
    pub fn without(mut self, gone: &IfName) -> Option<Mirror> {
        self.ingress.remove(gone);
        self.egress.remove(gone);
        let selects = self.all || !self.sources().is_empty();
        (selects && self.output_port() != Some(gone)).then_some(self)
    }
}

impl fmt::Display for MirrorOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MirrorOutput::Port(port) => port.fmt(f),
            MirrorOutput::Vlan(vlan) => write!(f, "vlan {vlan}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_loses_its_ports_one_by_one() {
        let name = |text: &str| text.parse::<IfName>().unwrap();
        let whole = Mirror::whole("s1".parse().unwrap(), "m1".to_owned(), name("out"));
        assert_eq!(whole.clone().without(&name("a")), Some(whole.clone()));
        assert_eq!(whole.clone().without(&name("out")), None);
        let ports = |names: &[&str]| names.iter().map(|text| name(text)).collect::<BTreeSet<_>>();
        let two = Mirror { all: false, ingress: ports(&["a", "b"]), egress: ports(&["a"]), ..whole };
        let one = two.clone().without(&name("a")).unwrap();
        assert_eq!((one.ingress.clone(), one.egress.clone()), (ports(&["b"]), ports(&[])));
        assert_eq!(one.without(&name("b")), None);
    }
}
