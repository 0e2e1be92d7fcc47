//! Settings of a namespace's network stack: sysctl(8).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{IfName, NameError, Place};

/// A setting below `/proc/sys/net`, in the namespace at `place`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sysctl {
    /// The namespace whose setting it is.
    pub place: Place,
    /// Which setting.
    pub key: SysctlKey,
    /// Its value, as the file shows it, without the line feed. Between several numbers stands one space.
    pub value: String,
}

impl Sysctl {
    /// A setting; white space in `value` is written one way.
    pub fn new(place: Place, key: SysctlKey, value: &str) -> Sysctl {
        Sysctl { place, key, value: value.split_whitespace().collect::<Vec<_>>().join(" ") }
    }
}

/// The name of a setting of the network stack, such as `net.ipv4.ip_forward`. As sysctl(8) has it, a dot within a part (the
/// device `eth0.5`) is written as a slash: `net.ipv4.conf.eth0/5.forwarding`; a name whose first separator is a slash has
/// its dots as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SysctlKey(Vec<String>);

impl SysctlKey {
    /// A setting of one device: `net.ipv4.conf.eth0.forwarding`. `family` is `ipv4` or `ipv6`.
    pub fn of_device(family: &str, device: &IfName, setting: &str) -> SysctlKey {
        SysctlKey(["net", family, "conf", device.as_str(), setting].map(str::to_owned).into())
    }

    /// The file: `/proc/sys/net/ipv4/ip_forward`.
    pub fn path(&self) -> String {
        format!("/proc/sys/{}", self.0.join("/"))
    }

    /// The device that it is a setting of, if it is one of a device: the fourth part of `net.ipv4.conf.DEVICE.…` and
    /// `net.ipv4.neigh.DEVICE.…` (Documentation/networking/ip-sysctl.rst).
    pub fn device(&self) -> Option<IfName> {
        match self.0.as_slice() {
            [_, _, table, device, _]
                if matches!(table.as_str(), "conf" | "neigh") && !matches!(device.as_str(), "all" | "default") =>
            {
                device.parse().ok()
            }
            _ => None,
        }
    }
}

impl FromStr for SysctlKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<SysctlKey, NameError> {
        let refuse = |reason: &str| NameError { what: "sysctl", name: text.to_owned(), reason: reason.to_owned() };
        let dots = text.find(['.', '/']).is_some_and(|first| text[first..].starts_with('.'));
        let parts: Vec<String> = if dots {
            text.split('.').map(|part| part.replace('/', ".")).collect()
        } else {
            text.split('/').map(str::to_owned).collect()
        };
        if parts.len() < 2 || parts[0] != "net" {
            return Err(refuse("is none of a namespace: those begin with `net.`"));
        }
        let bad = |part: &String| part.is_empty() || part == "." || part == ".." || part.contains(['\0', '\n']);
        if parts.iter().any(bad) {
            return Err(refuse("has a part that is no name"));
        }
        Ok(SysctlKey(parts))
    }
}

impl TryFrom<String> for SysctlKey {
    type Error = NameError;
    fn try_from(text: String) -> Result<SysctlKey, NameError> {
        text.parse()
    }
}

impl From<SysctlKey> for String {
    fn from(key: SysctlKey) -> String {
        key.to_string()
    }
}

impl fmt::Display for SysctlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|part| part.replace('.', "/")).collect();
        f.write_str(&parts.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_one_way() {
        for (text, written, path) in [
            ("net.ipv4.ip_forward", "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
            ("net/ipv4/ip_forward", "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
            (
                "net.ipv4.conf.eth0/5.forwarding",
                "net.ipv4.conf.eth0/5.forwarding",
                "/proc/sys/net/ipv4/conf/eth0.5/forwarding",
            ),
            (
                "net/ipv4/conf/eth0.5/forwarding",
                "net.ipv4.conf.eth0/5.forwarding",
                "/proc/sys/net/ipv4/conf/eth0.5/forwarding",
            ),
        ] {
            let key: SysctlKey = text.parse().unwrap();
            assert_eq!((key.to_string().as_str(), key.path().as_str()), (written, path));
        }
        for bad in ["", "net", "kernel.hostname", "net..x", "net.ipv4.//.x", "net/../kernel/hostname"] {
            assert!(bad.parse::<SysctlKey>().is_err(), "{bad}");
        }
    }

    #[test]
    fn some_are_of_a_device() {
        let device = |text: &str| text.parse::<SysctlKey>().unwrap().device().map(|name| name.to_string());
        assert_eq!(device("net.ipv4.conf.eth0/5.forwarding").as_deref(), Some("eth0.5"));
        assert_eq!(device("net.ipv6.neigh.br1.gc_stale_time").as_deref(), Some("br1"));
        assert_eq!(device("net.ipv4.conf.all.forwarding"), None);
        assert_eq!(device("net.ipv4.ip_forward"), None);
    }
}
