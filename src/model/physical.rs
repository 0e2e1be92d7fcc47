//! Physical devices, which can be moved between namespaces but not made.

use serde::{Deserialize, Serialize};

use super::{IfName, Place};

/// A device of the hardware, by what it is on the bus: the only thing that stays the same when it changes its namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Physical {
    /// The device of the bus: `0000:00:03.0`, `virtio0` (`IFLA_PARENT_DEV_NAME`, linux/if_link.h).
    pub bus_device: String,
    /// The namespace that it is in.
    pub place: Place,
    /// Its name there.
    pub name: IfName,
}
