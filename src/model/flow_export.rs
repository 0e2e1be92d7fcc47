//! What a switch tells collectors of the traffic that it sees.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BackendName, SwitchName};

/// Records of a switch's traffic, sent to collectors: tables sFlow, NetFlow and IPFIX of ovs-vswitchd.conf.db(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowExport {
    /// The switch.
    pub switch: SwitchName,
    /// Which system the switch is made with.
    pub backend: BackendName,
    /// In which protocol.
    pub protocol: ExportProtocol,
    /// The collectors, each ADDRESS:PORT.
    pub targets: BTreeSet<String>,
    /// sFlow and IPFIX: one packet of so many is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<u32>,
    /// sFlow: how often counters are told, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polling: Option<u32>,
    /// sFlow: how many bytes of a packet are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<u32>,
    /// sFlow: the device whose address says who tells; else the one that leads to the first collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// NetFlow and IPFIX: after how many seconds a flow that goes on is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_timeout: Option<u32>,
}

/// A protocol by which flows are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportProtocol {
    /// sFlow, version 5 (sflow.org).
    Sflow,
    /// NetFlow, version 5.
    Netflow,
    /// IPFIX (RFC 7011).
    Ipfix,
}

impl ExportProtocol {
    /// All of them.
    pub const ALL: [ExportProtocol; 3] = [ExportProtocol::Sflow, ExportProtocol::Netflow, ExportProtocol::Ipfix];

    /// The column of table Bridge, the key in lab files, and the option of `set-br`.
    pub fn as_str(self) -> &'static str {
        match self {
            ExportProtocol::Sflow => "sflow",
            ExportProtocol::Netflow => "netflow",
            ExportProtocol::Ipfix => "ipfix",
        }
    }

    /// The table of its rows.
    pub fn table(self) -> &'static str {
        match self {
            ExportProtocol::Sflow => "sFlow",
            ExportProtocol::Netflow => "NetFlow",
            ExportProtocol::Ipfix => "IPFIX",
        }
    }
}

impl fmt::Display for ExportProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FlowExport {
    /// To nobody yet.
    pub fn new(switch: SwitchName, backend: BackendName, protocol: ExportProtocol) -> FlowExport {
        FlowExport {
            switch,
            backend,
            protocol,
            targets: BTreeSet::new(),
            sampling: None,
            polling: None,
            header: None,
            agent: None,
            active_timeout: None,
        }
    }

    /// The numbers that its table has a column for, by column.
    pub fn numbers(&self) -> Vec<(&'static str, Option<u32>)> {
        match self.protocol {
            ExportProtocol::Sflow => {
                vec![("sampling", self.sampling), ("polling", self.polling), ("header", self.header)]
            }
            ExportProtocol::Netflow => vec![("active_timeout", self.active_timeout)],
            ExportProtocol::Ipfix => vec![("sampling", self.sampling), ("cache_active_timeout", self.active_timeout)],
        }
    }
}

/// Checks that a collector is an address and a port: names are not looked up (lib/socket-util.c).
///
/// # Errors
///
/// What is wrong with it.
pub fn check_target(text: &str) -> Result<(), String> {
    match text.parse::<std::net::SocketAddr>() {
        Ok(target) if target.port() > 0 => Ok(()),
        _ => Err(format!("`{text}` is no collector, such as 192.0.2.1:6343 or [2001:db8::1]:6343")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_address_and_a_port() {
        for good in ["192.0.2.1:6343", "[2001:db8::1]:4739"] {
            assert_eq!(check_target(good), Ok(()));
        }
        for bad in ["192.0.2.1", "collector:6343", "192.0.2.1:0", ""] {
            assert!(check_target(bad).is_err(), "{bad}");
        }
    }
}
