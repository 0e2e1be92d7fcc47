//! What is done to the packets that a device sends: tc-netem(8), tc-tbf(8).

use serde::{Deserialize, Serialize};

use super::{IfName, Place};

/// The root queueing discipline of a device, where it is one that makes the network worse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairment {
    /// The namespace that the device is in.
    pub place: Place,
    /// The device whose outgoing packets are impaired.
    pub device: IfName,
    /// How long each packet is held back, in nanoseconds.
    #[serde(default)]
    pub delay: u64,
    /// By how much that varies, up and down, in nanoseconds.
    #[serde(default)]
    pub jitter: u64,
    /// How likely a packet is lost, in 2^32nds (`tc_netem_qopt.loss`, linux/pkt_sched.h).
    #[serde(default)]
    pub loss: u32,
    /// How much passes at most, in bits a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
}
