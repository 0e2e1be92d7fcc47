//! Translation of addresses between a switch and the world.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{IfName, Place, SwitchName};

/// The networks of a switch reach the world through a device of the host, under the host's own address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nat {
    /// The switch whose own device is the router of its networks.
    pub switch: SwitchName,
    /// The device that leads out.
    pub out: IfName,
}

/// A port of the host that leads to a port of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The address of the host that it is published at; `None`: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port of the host.
    pub port: u16,
    /// The namespace that answers.
    pub netns: Place,
    /// The port in the namespace.
    pub to_port: u16,
    /// The addresses of the namespace that it leads to: one for each version of IP at which it is published.
    pub targets: BTreeSet<IpAddr>,
}

/// A transport protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl Protocol {
    /// The name, as nft(8) has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

impl FromStr for Protocol {
    type Err = String;
    fn from_str(text: &str) -> Result<Protocol, String> {
        match text {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            _ => Err(format!("protocol `{text}` is none of tcp, udp")),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
