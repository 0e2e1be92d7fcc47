//! The values of a tunnel's settings, each as it is written.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! as_text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> String {
                value.to_string()
            }
        }
    };
}

/// The word by which a value is left to OpenFlow (`remote_ip`, `key`, ovs-vswitchd.conf.db(5)).
const FLOW: &str = "flow";

/// The other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Remote {
    /// One host.
    Address(IpAddr),
    /// Whichever OpenFlow says, packet by packet.
    Flow,
}

impl Remote {
    /// The address, if there is one.
    pub fn address(self) -> Option<IpAddr> {
        if let Remote::Address(address) = self { Some(address) } else { None }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Address(address) => address.fmt(f),
            Remote::Flow => f.pad(FLOW),
        }
    }
}

impl FromStr for Remote {
    type Err = String;
    fn from_str(text: &str) -> Result<Remote, String> {
        match text.parse() {
            _ if text == FLOW => Ok(Remote::Flow),
            Ok(address) => unicast(address).map(Remote::Address),
            Err(_) => Err(format!("`{text}` is neither an IP address nor flow")),
        }
    }
}

/// An address that one host can have.
fn unicast(address: IpAddr) -> Result<IpAddr, String> {
    if address.is_unspecified() || address.is_multicast() || address == IpAddr::from([255; 4]) {
        return Err(format!("{address} is no address of one host"));
    }
    Ok(address)
}

as_text!(Remote);

/// What tells the tunnels between two hosts apart: a VNI, a GRE key, an ERSPAN session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TunnelKey {
    /// This one.
    Number(u32),
    /// Whichever OpenFlow says, packet by packet.
    Flow,
}

impl fmt::Display for TunnelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TunnelKey::Number(number) => number.fmt(f),
            TunnelKey::Flow => f.pad(FLOW),
        }
    }
}

impl FromStr for TunnelKey {
    type Err = String;
    /// A number, of base 16 after `0x`, as Open vSwitch takes it.
    fn from_str(text: &str) -> Result<TunnelKey, String> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        match number {
            _ if text == FLOW => Ok(TunnelKey::Flow),
            Some(number) => Ok(TunnelKey::Number(number)),
            None => Err(format!("key `{text}` is neither a number nor flow")),
        }
    }
}

as_text!(TunnelKey);

/// The type of service of the packets between the hosts (`tos`, ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Tos {
    /// All eight bits; the two of ECN stay 0.
    Value(u8),
    /// That of the packet inside.
    Inherit,
}

impl fmt::Display for Tos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tos::Value(value) => value.fmt(f),
            Tos::Inherit => f.pad("inherit"),
        }
    }
}

impl FromStr for Tos {
    type Err = String;
    fn from_str(text: &str) -> Result<Tos, String> {
        let number = match text.strip_prefix("0x") {
            Some(digits) => u8::from_str_radix(digits, 16).ok(),
            None => text.parse::<u8>().ok(),
        };
        match number {
            _ if text == "inherit" => Ok(Tos::Inherit),
            // RFC 3168: the switch sets them by itself.
            Some(value) if value & 3 != 0 => Err(format!("tos {text} has bits of ECN in it; a multiple of 4 has not")),
            Some(value) => Ok(Tos::Value(value)),
            None => Err(format!("tos `{text}` is neither a number from 0 to 252 nor inherit")),
        }
    }
}

as_text!(Tos);

/// The version of ERSPAN, and what only that has (ovs-vswitchd.conf.db(5), `erspan_ver`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Erspan {
    /// Type II: the index of the mirrored port, 20 bits.
    Index(u32),
    /// Type III: which way the mirrored frames went.
    Direction(Direction),
}

/// Which way mirrored frames went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Into the switch.
    Ingress,
    /// Out of it.
    Egress,
}

impl Direction {
    /// The name in flags and lab files.
    pub fn as_str(self) -> &'static str {
        if self == Direction::Ingress { "ingress" } else { "egress" }
    }
}

impl FromStr for Direction {
    type Err = String;
    fn from_str(text: &str) -> Result<Direction, String> {
        let found = [Direction::Ingress, Direction::Egress].into_iter().find(|way| way.as_str() == text);
        found.ok_or_else(|| format!("direction `{text}` is neither ingress nor egress"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for text in ["flow", "192.0.2.1", "2001:db8::1"] {
            assert_eq!(text.parse::<Remote>().unwrap().to_string(), text);
        }
        for bad in ["0.0.0.0", "239.1.1.1", "ff02::1", "host", ""] {
            assert!(bad.parse::<Remote>().is_err(), "{bad}");
        }
        assert_eq!("0x10".parse::<TunnelKey>(), Ok(TunnelKey::Number(16)));
        assert!("4294967296".parse::<TunnelKey>().is_err());
        assert!("3".parse::<Tos>().is_err() && "256".parse::<Tos>().is_err());
        assert_eq!("0xb8".parse::<Tos>().unwrap().to_string(), "184");
    }
}
