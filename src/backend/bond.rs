//! What bonds have come to: which devices carry frames, and whether a partner speaks LACP with them.

use serde::Serialize;

/// What a bond has come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BondState {
    /// Its devices, by name.
    pub members: Vec<Member>,
}

/// What a device of a bond has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// The device.
    pub name: String,
    /// Its link is up.
    pub up: bool,
    /// It may carry frames.
    pub enabled: bool,
    /// Of active-backup: it is the one that does.
    pub active: bool,
    /// With LACP: whether a partner answers; `null` without.
    pub partner: Option<bool>,
}

impl BondState {
    /// With LACP: whether a partner answers on any device; `None` without.
    pub fn partner(&self) -> Option<bool> {
        self.members.iter().filter_map(|member| member.partner).reduce(|one, other| one || other)
    }

    /// Whether a device may carry frames.
    pub fn carries(&self) -> bool {
        self.members.iter().any(|member| member.enabled)
    }
}
