//! Network namespaces.

use serde::{Deserialize, Serialize};

use super::NetnsName;

/// A network namespace with a name, as `ip netns` makes it; its `lo` is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netns {
    /// The name below `/run/netns`.
    pub name: NetnsName,
}
