//! Veth pairs, and single devices that are there already.

use serde::{Deserialize, Serialize};

use super::{IfName, Mac, Place};

/// A veth pair (veth(4)): what goes into one end comes out of the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Ends")]
pub struct Link {
    /// The end by which the pair is known; for a port, the one on the host.
    pub a: End,
    /// The other end; for a port, the one inside the namespace.
    pub b: End,
}

/// A pair as it is written, in whatever order.
#[derive(Deserialize)]
struct Ends {
    a: End,
    b: End,
}

impl From<Ends> for Link {
    fn from(Ends { a, b }: Ends) -> Link {
        Link::new(a, b)
    }
}

/// One end of a veth pair. `None` means that nothing was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The namespace that the end is in.
    pub place: Place,
    /// The device's name there.
    pub name: IfName,
    /// The name before it was cut to fit; the kernel knows the device by it too (`altname`, ip-link(8)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub altname: Option<String>,
    /// The Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The MTU in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// Whether it answers to ARP (no `IFF_NOARP`). A switch in user space reads a device without taking its packets from the
    /// host, which would answer there for its addresses on other devices, the switch's among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arp: Option<bool>,
    /// Whether checksums are left to the device (`ethtool -K DEV tx`). A switch in user space does not compute them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_checksum: Option<bool>,
}

impl End {
    /// An end that is up, of which nothing else is asked.
    pub fn new(place: Place, name: IfName) -> End {
        End { place, name, altname: None, mac: None, mtu: None, up: true, arp: None, tx_checksum: None }
    }

    fn over(&self, observed: &End) -> End {
        End {
            place: self.place.clone(),
            name: self.name.clone(),
            altname: self.altname.clone().or_else(|| observed.altname.clone()),
            mac: self.mac.or(observed.mac),
            mtu: self.mtu.or(observed.mtu),
            up: self.up,
            arp: self.arp.or(observed.arp),
            tx_checksum: self.tx_checksum.or(observed.tx_checksum),
        }
    }
}

impl Link {
    /// A pair of these ends. Which is `a` follows from where they are (the host's first) and their names, so that one pair has
    /// one key whichever end it is looked at from.
    pub fn new(one: End, other: End) -> Link {
        let order = |end: &End| (end.place.clone(), end.name.clone());
        let (a, b) = if order(&one) <= order(&other) { (one, other) } else { (other, one) };
        Link { a, b }
    }

    /// The end in the namespace at `place`, and the other one.
    pub fn from_place(&self, place: &Place) -> Option<(&End, &End)> {
        if self.a.place == *place {
            Some((&self.a, &self.b))
        } else if self.b.place == *place {
            Some((&self.b, &self.a))
        } else {
            None
        }
    }

    /// This pair, with what it leaves open taken from `observed`.
    pub(super) fn over(&self, observed: &Link) -> Link {
        Link { a: self.a.over(&observed.a), b: self.b.over(&observed.b) }
    }

    /// Whether a pair like `other` can be turned into this one: an end stays where it is and keeps its name.
    pub(super) fn same_ends(&self, other: &Link) -> bool {
        let same = |x: &End, y: &End| x.place == y.place && x.name == y.name;
        same(&self.a, &other.a) && same(&self.b, &other.b)
    }
}

/// A device that somebody else makes (the host's uplink, the own device of a switch) and of which only the state is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The namespace that the device is in.
    pub place: Place,
    /// The device's name there.
    pub name: IfName,
    /// Administratively up (`IFF_UP`).
    pub up: bool,
    /// The Ethernet address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The MTU in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

impl Device {
    /// A device of which only this is asked.
    pub fn new(place: Place, name: IfName, up: bool) -> Device {
        Device { place, name, up, mac: None, mtu: None }
    }

    /// This device, with what it leaves open taken from `observed`.
    pub(super) fn over(&self, observed: &Device) -> Device {
        Device { mac: self.mac.or(observed.mac), mtu: self.mtu.or(observed.mtu), ..self.clone() }
    }
}
