//! Copies of what passes through a switch.

use serde::{Deserialize, Serialize};

use super::{IfName, SwitchName};

/// A mirror of Open vSwitch: every frame that the switch forwards is also sent out of one port (table Mirror,
/// ovs-vswitchd.conf.db(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// The switch.
    pub switch: SwitchName,
    /// The mirror's name.
    pub name: String,
    /// The port that the copies go out of.
    pub output: IfName,
}
