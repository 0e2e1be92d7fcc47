//! Tunnels: frames of a switch in packets between hosts.

mod options;
mod words;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use words::{Direction, Erspan, Remote, Tos, TunnelKey};

/// How frames are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TunnelType {
    /// In UDP (RFC 7348).
    Vxlan,
    /// In GRE, as Ethernet (protocol 0x6558; RFC 2784, with keys RFC 2890).
    Gre,
    /// In UDP (RFC 8926).
    Geneve,
    /// In GRE, as copies of frames (draft-foschiano-erspan-03).
    Erspan,
}

impl TunnelType {
    /// All of them.
    pub const ALL: [TunnelType; 4] = [TunnelType::Vxlan, TunnelType::Gre, TunnelType::Geneve, TunnelType::Erspan];

    /// The name in flags, lab files and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            TunnelType::Vxlan => "vxlan",
            TunnelType::Gre => "gre",
            TunnelType::Geneve => "geneve",
            TunnelType::Erspan => "erspan",
        }
    }

    /// The UDP port that is taken where none is said (IANA); `None` where packets are not UDP.
    pub fn default_port(self) -> Option<u16> {
        match self {
            TunnelType::Vxlan => Some(4789),
            TunnelType::Geneve => Some(6081),
            TunnelType::Gre | TunnelType::Erspan => None,
        }
    }

    /// The largest key: 24 bits (VNI), 32 bits (RFC 2890 section 2), 10 bits (ERSPAN session id).
    pub fn key_max(self) -> u32 {
        match self {
            TunnelType::Vxlan | TunnelType::Geneve => (1 << 24) - 1,
            TunnelType::Gre => u32::MAX,
            TunnelType::Erspan => (1 << 10) - 1,
        }
    }
}

impl fmt::Display for TunnelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TunnelType {
    type Err = String;
    fn from_str(text: &str) -> Result<TunnelType, String> {
        let found = TunnelType::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("tunnel type `{text}` is none of vxlan, gre, geneve, erspan"))
    }
}

/// A tunnel, in the words of `options` of table Interface (ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tunnel {
    /// How frames are wrapped.
    #[serde(rename = "type")]
    pub kind: TunnelType,
    /// The other end.
    pub remote: Remote,
    /// This end; `None`: whichever address the route takes, and any in what comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<IpAddr>,
    /// The key, the same both ways; `None`: none, which VXLAN and Geneve write as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<TunnelKey>,
    /// The UDP port of the other end; `None`: [`TunnelType::default_port`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst_port: Option<u16>,
    /// The type of service; `None`: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos: Option<Tos>,
    /// The time to live, in routers; `None`: the system's default, 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// Whether packets may not be fragmented on their way (the bit DF of IPv4); `None`: they may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub df: Option<bool>,
    /// Whether packets have a checksum of their own; `None`: they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csum: Option<bool>,
    /// Of ERSPAN alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erspan: Option<Erspan>,
}

impl Tunnel {
    /// The time to live where none is said (`net.ipv4.ip_default_ttl`; `ttl`, ovs-vswitchd.conf.db(5)).
    pub const TTL: u8 = 64;

    /// A tunnel of which only this is asked.
    pub fn new(kind: TunnelType, remote: Remote) -> Tunnel {
        let erspan = (kind == TunnelType::Erspan).then_some(Erspan::Index(0));
        Tunnel {
            kind,
            remote,
            local: None,
            key: None,
            dst_port: None,
            tos: None,
            ttl: None,
            df: None,
            csum: None,
            erspan,
        }
    }

    /// Whether packets go by IPv6.
    pub fn is_ipv6(&self) -> bool {
        self.remote.address().or(self.local).is_some_and(|address| address.is_ipv6())
    }

    /// The UDP port of the other end.
    pub fn port(&self) -> Option<u16> {
        self.dst_port.or(self.kind.default_port())
    }

    /// The same in its plainest form: what is the default anyway is not said.
    pub fn normalised(self) -> Tunnel {
        let always = |key: &TunnelKey| self.kind == TunnelType::Gre || *key != TunnelKey::Number(0);
        Tunnel {
            key: self.key.filter(always),
            dst_port: self.dst_port.filter(|port| Some(*port) != self.kind.default_port()),
            tos: self.tos.filter(|tos| *tos != Tos::Value(0)),
            ttl: self.ttl.filter(|ttl| *ttl != Tunnel::TTL),
            df: self.df.filter(|df| !df),
            csum: self.csum.filter(|csum| *csum),
            ..self
        }
    }

    /// What is wrong with it in itself.
    pub fn check(&self) -> Result<(), TunnelError> {
        if let (Some(remote), Some(local)) = (self.remote.address(), self.local) {
            if remote == local {
                return Err(TunnelError::ToItself(remote));
            }
            if remote.is_ipv4() != local.is_ipv4() {
                return Err(TunnelError::MixedFamilies { remote, local });
            }
        }
        match self.key {
            Some(TunnelKey::Number(key)) if key > self.kind.key_max() => {
                return Err(TunnelError::Key { kind: self.kind, key });
            }
            Some(TunnelKey::Flow) if self.kind == TunnelType::Erspan => return Err(TunnelError::FlowKey(self.kind)),
            _ => {}
        }
        match (self.dst_port, self.kind.default_port()) {
            (Some(_), None) => Err(TunnelError::NoPorts(self.kind)),
            _ => Ok(()),
        }
    }

    /// Whether packets of `other` on the same host could not be told from those of this one ("Each tunnel must be uniquely identified
    /// by the combination of type, remote_ip, local_ip, and in_key", ovs-vswitchd.conf.db(5)).
    pub fn collides_with(&self, other: &Tunnel) -> bool {
        let key = |tunnel: &Tunnel| tunnel.key.unwrap_or(TunnelKey::Number(0));
        self.kind == other.kind
            && self.remote == other.remote
            && self.local == other.local
            && key(self) == key(other)
            && self.port() == other.port()
    }

    /// How many bytes of a packet between the hosts are not of the packet inside: its IP header (20, or 40 with IPv6), what wraps the
    /// frame, and the frame's own Ethernet header (14).
    ///
    /// VXLAN and Geneve: 8 of UDP, 8 of their own (RFC 7348 section 5, RFC 8926 section 3.5 without options). GRE: 4, 4 more with a
    /// key, 4 more with a checksum (RFC 2784 section 2.1, RFC 2890 section 2). ERSPAN: 8 of GRE with its sequence number, and 8
    /// (type II) or 12 (type III) of its own (draft-foschiano-erspan-03 sections 4.2 and 4.3).
    pub fn overhead(&self) -> u32 {
        const ETHERNET: u32 = 14;
        let ip = if self.is_ipv6() { 40 } else { 20 };
        let wrapping = match self.kind {
            TunnelType::Vxlan | TunnelType::Geneve => 8 + 8,
            TunnelType::Gre => 4 + if self.key.is_some() { 4 } else { 0 } + if self.csum == Some(true) { 4 } else { 0 },
            TunnelType::Erspan => 8 + if matches!(self.erspan, Some(Erspan::Direction(_))) { 12 } else { 8 },
        };
        ip + wrapping + ETHERNET
    }
}

impl fmt::Display for Tunnel {
    /// `vxlan remote 192.0.2.2 key 100`, with what else is asked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} remote {}", self.kind, self.remote)?;
        let mut word = |name: &str, value: Option<String>| match value {
            Some(value) => write!(f, " {name} {value}"),
            None => Ok(()),
        };
        word("local", self.local.map(|local| local.to_string()))?;
        word("key", self.key.map(|key| key.to_string()))?;
        word("dst-port", self.dst_port.map(|port| port.to_string()))?;
        word("tos", self.tos.map(|tos| tos.to_string()))?;
        word("ttl", self.ttl.map(|ttl| ttl.to_string()))?;
        word("df", self.df.map(|df| on(df).to_owned()))?;
        word("csum", self.csum.map(|csum| on(csum).to_owned()))?;
        match self.erspan {
            Some(Erspan::Index(0)) | None => Ok(()),
            Some(Erspan::Index(index)) => word("index", Some(index.to_string())),
            Some(Erspan::Direction(way)) => word("direction", Some(way.as_str().to_owned())),
        }
    }
}

fn on(value: bool) -> &'static str {
    if value { "on" } else { "off" }
}

/// Why a tunnel cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TunnelError {
    /// Both ends are one host.
    #[error("a tunnel from {0} to {0} leads nowhere")]
    ToItself(IpAddr),
    /// One end is of IPv4, the other of IPv6.
    #[error("{remote} and {local} are of two versions of IP")]
    MixedFamilies {
        /// The other end.
        remote: IpAddr,
        /// This end.
        local: IpAddr,
    },
    /// The key has too many bits.
    #[error("key {key} is too large: {kind} has keys from 0 to {}", kind.key_max())]
    Key {
        /// How frames are wrapped.
        kind: TunnelType,
        /// The key.
        key: u32,
    },
    /// The key is left to OpenFlow where it cannot.
    #[error("the key of {0} cannot be left to flows")]
    FlowKey(TunnelType),
    /// A UDP port where there is no UDP.
    #[error("{0} has no UDP port")]
    NoPorts(TunnelType),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tunnel(kind: TunnelType, remote: &str) -> Tunnel {
        Tunnel::new(kind, remote.parse().unwrap())
    }

    #[test]
    fn headers_are_counted() {
        let key = Some(TunnelKey::Number(7));
        let v4 = |kind| tunnel(kind, "192.0.2.1");
        let v6 = |kind| tunnel(kind, "2001:db8::1");
        for (tunnel, bytes) in [
            (v4(TunnelType::Vxlan), 50),
            (v6(TunnelType::Vxlan), 70),
            (v4(TunnelType::Geneve), 50),
            (v6(TunnelType::Geneve), 70),
            (v4(TunnelType::Gre), 38),
            (Tunnel { key, ..v4(TunnelType::Gre) }, 42),
            (Tunnel { key, csum: Some(true), ..v6(TunnelType::Gre) }, 66),
            (v4(TunnelType::Erspan), 50),
            (Tunnel { erspan: Some(Erspan::Direction(Direction::Egress)), ..v4(TunnelType::Erspan) }, 54),
        ] {
            assert_eq!(tunnel.overhead(), bytes, "{tunnel}");
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        let vxlan = tunnel(TunnelType::Vxlan, "192.0.2.1");
        let local = |text: &str| Some(text.parse().unwrap());
        assert!(matches!(Tunnel { local: local("192.0.2.1"), ..vxlan }.check(), Err(TunnelError::ToItself(_))));
        assert!(matches!(Tunnel { local: local("::1"), ..vxlan }.check(), Err(TunnelError::MixedFamilies { .. })));
        let key = |key| Tunnel { key: Some(TunnelKey::Number(key)), ..vxlan }.check();
        assert!(key((1 << 24) - 1).is_ok() && key(1 << 24).is_err());
        let gre = Tunnel { dst_port: Some(1), ..tunnel(TunnelType::Gre, "flow") };
        assert_eq!(gre.check().unwrap_err().to_string(), "gre has no UDP port");
        assert!(vxlan.collides_with(&Tunnel { key: Some(TunnelKey::Number(0)), dst_port: Some(4789), ..vxlan }));
        assert!(!vxlan.collides_with(&Tunnel { dst_port: Some(4790), ..vxlan }));
    }
}
