//! Network namespaces.

use serde::{Deserialize, Serialize};

use super::{NetnsName, Place};

/// A network namespace with a name, as `ip netns` makes it; its `lo` is up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Netns {
    /// The name below `/run/netns`.
    pub name: NetnsName,
    /// The namespace to which the name is to lead, where that is one that is there: then only the name comes, and only the name
    /// goes. It cannot be told from what there is, which is without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Place>,
}

impl Netns {
    /// A namespace of its own.
    pub fn new(name: NetnsName) -> Netns {
        Netns { name, of: None }
    }

    /// This namespace, as it would be told where it is there.
    pub(super) fn over(&self, observed: &Netns) -> Netns {
        Netns { name: self.name.clone(), of: observed.of.clone() }
    }
}
