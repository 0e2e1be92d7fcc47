//! What the spanning trees have come to: which switch is the root, and which ports forward.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a switch knows of its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// The identifier of the root: priority and address (IEEE 802.1D-1998, 9.2.5), such as `8000.02:00:00:00:00:01`.
    pub root: String,
    /// Whether the switch itself is it.
    pub is_root: bool,
}

/// What a port has come to in its tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TreePort {
    /// `forwarding`, `learning`, `listening`, `blocking`, `discarding` or `disabled`.
    pub state: String,
    /// `root`, `designated`, `alternate`, `backup` or `disabled`, where the system tells.
    pub role: Option<String>,
}

/// The trees of a host. Switches and ports that take part in none are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trees {
    /// By the name of the switch.
    pub switches: BTreeMap<String, Tree>,
    /// By the name of the port.
    pub ports: BTreeMap<String, TreePort>,
}

impl Trees {
    /// These and those of another system.
    pub fn and(mut self, others: Trees) -> Trees {
        self.switches.extend(others.switches);
        self.ports.extend(others.ports);
        self
    }
}

/// `8000.020000000001` as `8000.02:00:00:00:00:01`, as `ip link` has it.
pub(super) fn identifier(text: &str) -> String {
    match text.split_once('.') {
        Some((priority, mac)) if mac.len() == 12 && mac.is_ascii() => {
            let bytes: Vec<&str> = (0..6).map(|byte| &mac[2 * byte..2 * byte + 2]).collect();
            format!("{priority}.{}", bytes.join(":"))
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_alike() {
        assert_eq!(identifier("8000.020000000001"), "8000.02:00:00:00:00:01");
        assert_eq!(identifier("8000.02:00:00:00:00:01"), "8000.02:00:00:00:00:01");
    }
}
