//! Names, checked once at the door, and the one rule by which ovsns names devices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Place, VlanId};

/// Longest name of a network device in bytes: `IFNAMSIZ` (16, linux/if.h) less the closing NUL.
const IFNAME_MAX: usize = 15;
/// Longest further name of a device in bytes: `ALTIFNAMSIZ` (128, linux/if.h) less the closing NUL.
const ALTNAME_MAX: usize = 127;
/// Longest name of a network namespace in bytes: it is a file name (`NAME_MAX`, linux/limits.h). Containers' names are file names
/// too, in many places.
const NETNS_MAX: usize = 255;
/// Device names that vswitchd takes for itself (ovs-vswitchd.conf.db(5), Interface `name`).
const RESERVED: [&str; 2] = ["ovs-netdev", "ovs-system"];
const RESERVED_PREFIXES: [&str; 3] = ["vxlan_sys_", "gre_sys", "genev_sys_"];

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{name}` {reason}")]
pub struct NameError {
    /// What the name was to name: `switch name`, `device name`, `namespace name`.
    pub what: &'static str,
    /// The name as given.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Checks the rules that devices and namespaces share (`dev_valid_name` in net/core/dev.c; a netns name is a file name).
fn check(what: &'static str, name: &str, max: usize) -> Result<(), NameError> {
    let refuse = |reason: String| Err(NameError { what, name: name.to_owned(), reason });
    if name.is_empty() {
        return refuse("is empty".to_owned());
    }
    if name.len() > max {
        return refuse(format!("is {} bytes long; at most {max} are allowed", name.len()));
    }
    if name == "." || name == ".." {
        return refuse("is reserved for directories".to_owned());
    }
    match name.chars().find(|c| matches!(c, '/' | ':') || c.is_whitespace() || c.is_control()) {
        Some(c) => refuse(format!("holds {c:?}; names have no `/`, no `:`, and no white space")),
        None => Ok(()),
    }
}

/// Checks the rules of devices. A `%` is none that a device can have: the kernel puts a number in its place
/// (`__dev_alloc_name`, net/core/dev.c).
fn check_device(what: &'static str, name: &str) -> Result<(), NameError> {
    check(what, name, IFNAME_MAX)?;
    match name.contains('%') {
        true => {
            Err(NameError { what, name: name.to_owned(), reason: "holds a `%`, which the kernel replaces".to_owned() })
        }
        false => Ok(()),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $type:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;
            fn from_str(name: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<(), NameError> = $check;
                check(name).map(|()| Self(name.to_owned()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                name.parse()
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// The name of a network device: 1 to 15 bytes, no `/`, no `:`, no `%`, no white space, not `.` or `..`.
    IfName,
    |name| check_device("device name", name)
);
name_type!(
    /// The name of a switch. Its own device has the same name, so the rules of devices hold, and OVS keeps some for itself.
    SwitchName,
    |name| {
        check_device("switch name", name)?;
        let reserved = RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if reserved {
            let reason = "is kept by Open vSwitch for its own devices".to_owned();
            return Err(NameError { what: "switch name", name: name.to_owned(), reason });
        }
        Ok(())
    }
);
name_type!(
    /// The name of a network namespace: a file name below `/run/netns` (ip-netns(8)). `host` stands for the host's own.
    NetnsName,
    |name| {
        check("namespace name", name, NETNS_MAX)?;
        if name == "host" {
            let reason = "stands for the host's own namespace".to_owned();
            return Err(NameError { what: "namespace name", name: name.to_owned(), reason });
        }
        Ok(())
    }
);

name_type!(
    /// The name of a container, or the start of its id: a letter or digit, then letters, digits, `_`, `.` and `-`
    /// (`RestrictedNamePattern` in moby's daemon/names; Podman has the same rule).
    ContainerName,
    |name| {
        check("container name", name, NETNS_MAX)?;
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        match name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(inner) {
            true => Ok(()),
            false => {
                let reason = "is not letters, digits, `_`, `.` and `-` behind a letter or digit".to_owned();
                Err(NameError { what: "container name", name: name.to_owned(), reason })
            }
        }
    }
);

impl IfName {
    /// How long a name may be, in bytes.
    pub const MAX: usize = IFNAME_MAX;

    /// The loopback device, which every namespace has (`loopback_net_init`, drivers/net/loopback.c).
    pub fn lo() -> IfName {
        IfName("lo".to_owned())
    }
}

impl SwitchName {
    /// The switch's own device, which has the switch's name.
    pub fn device(&self) -> IfName {
        IfName(self.0.clone())
    }
}

/// The names of the two ends of the veth pair by which a namespace is plugged into a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortNames {
    /// On the host: `veth-ns1`, then `veth2-ns1` …
    pub host: IfName,
    /// The name before it was cut, if it was, as far as the kernel takes it for a further name of the device.
    pub host_full: Option<String>,
    /// In the namespace: `eth1-ns1`, then `eth2-ns1` …
    pub inside: IfName,
    /// The name before it was cut, in the same way.
    pub inside_full: Option<String>,
}

impl PortNames {
    /// The names of the `number`-th port (from 1) of the namespace at `place`.
    pub fn of(place: &Place, number: u32) -> PortNames {
        let label = place.label();
        let host_prefix = if number == 1 { "veth-".to_owned() } else { format!("veth{number}-") };
        let (host, host_full) = fit(&host_prefix, &label);
        let (inside, inside_full) = fit(&format!("eth{number}-"), &label);
        PortNames { host, host_full, inside, inside_full }
    }

    /// The name of the port at `here` of the `number`-th trunk (from 1) to `there`: `s1-s2`, then `s1-s2.2` … And the name before it
    /// was cut, if it was.
    pub fn of_trunk(here: &SwitchName, there: &SwitchName, number: u32) -> (IfName, Option<String>) {
        let more = if number == 1 { String::new() } else { format!(".{number}") };
        fit(&format!("{here}-"), &format!("{there}{more}"))
    }
}

impl PortNames {
    /// The name of the device by which the host takes part in a VLAN of a switch: `s1.10`. And the name before it was cut, if it was.
    pub fn of_vlan(switch: &SwitchName, vlan: VlanId) -> (IfName, Option<String>) {
        fit(&format!("{switch}."), &vlan.to_string())
    }
}

/// Joins `prefix` and `label`; what is longer than a device name may be is cut and ends in a hash of the whole.
fn fit(prefix: &str, label: &str) -> (IfName, Option<String>) {
    let full = format!("{prefix}{label}");
    if full.len() <= IFNAME_MAX {
        return (IfName(full), None);
    }
    let hash = base36(fnv1a(full.as_bytes()));
    let short = IfName(format!("{}{hash}", cut(&full, IFNAME_MAX - hash.len())));
    (short, Some(cut(&full, ALTNAME_MAX).to_owned()))
}

/// The start of `text`, `max` bytes at most, that ends between two characters.
fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// All 32 bits in seven digits: with fewer, some of the 5,000 names of a large lab that begin alike would meet.
fn base36(number: u32) -> String {
    let digit = |power: u32| char::from_digit(number / 36_u32.pow(power) % 36, 36);
    (0..7).rev().filter_map(digit).collect()
}

/// FNV-1a, 32 bits: names must be the same on every machine and in every version, which std's hasher does not promise.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_names_follow_the_kernel() {
        for good in ["a", "veth-ns1", "exactly15bytes!"] {
            assert_eq!(good.parse::<IfName>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", "is empty"),
            ("sixteen-bytes-xx", "16 bytes"),
            ("a/b", "'/'"),
            ("a:b", "':'"),
            ("a b", "white space"),
            ("a%d", "`%`"),
            (".", "reserved"),
            ("..", "reserved"),
        ] {
            let error = bad.parse::<IfName>().unwrap_err().to_string();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }

    #[test]
    fn switch_names_leave_ovs_its_own() {
        assert!("ovs-netdev".parse::<SwitchName>().is_err());
        assert!("vxlan_sys_4789".parse::<SwitchName>().is_err());
        assert!("OVS-1".parse::<SwitchName>().is_ok());
    }

    #[test]
    fn host_is_no_namespace_name() {
        assert!("host".parse::<NetnsName>().is_err());
        assert!("a-name-that-is-longer-than-a-device's".parse::<NetnsName>().is_ok());
    }

    #[test]
    fn containers_have_the_names_that_engines_give() {
        for good in ["web", "2048_game.v1-x", "3a145bf7d0c6"] {
            assert_eq!(good.parse::<ContainerName>().unwrap().as_str(), good);
        }
        for bad in ["", "-web", ".", "a/b", "a b", "a$b", "wäb"] {
            assert!(bad.parse::<ContainerName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ports_are_named_after_their_namespace() {
        let ns1 = Place::Named("ns1".parse().unwrap());
        let first = PortNames::of(&ns1, 1);
        assert_eq!((first.host.as_str(), first.inside.as_str()), ("veth-ns1", "eth1-ns1"));
        assert_eq!((first.host_full, first.inside_full), (None, None));
        let second = PortNames::of(&ns1, 2);
        assert_eq!((second.host.as_str(), second.inside.as_str()), ("veth2-ns1", "eth2-ns1"));
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let names = |name: &str| PortNames::of(&Place::Named(name.parse().unwrap()), 1);
        let (one, two) = (names("warehouse-one"), names("warehouse-two"));
        assert_eq!(one.host.as_str().len(), IFNAME_MAX);
        assert_ne!(one.host, two.host);
        assert_eq!(one.host_full.as_deref(), Some("veth-warehouse-one"));
        let short: std::collections::BTreeSet<IfName> =
            (0..5000).map(|number| names(&format!("customer-site-{number:04}")).host).collect();
        assert_eq!(short.len(), 5000);
        assert_eq!(names(&"x".repeat(NETNS_MAX)).host_full.map(|full| full.len()), Some(ALTNAME_MAX));
        // Ten bytes of a name still fit behind `veth-`.
        assert_eq!(names("ten-bytes-").host.as_str(), "veth-ten-bytes-");
        assert!(names("ä-long-näme-with-ümlauts").host.as_str().len() <= IFNAME_MAX);
    }
}
