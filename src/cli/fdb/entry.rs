//! A line of the table by which a switch knows where to send a frame.

use serde::Serialize;

use crate::model::{Mac, Place};

/// An address, and the port that it is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub mac: Mac,
    /// `null`: none, or one that the switch does not look at.
    pub vlan: Option<u16>,
    pub port: String,
    /// The namespace behind the port.
    pub netns: Option<Place>,
    pub kind: Kind,
    /// Seconds since the last frame from the address, of one that was learned.
    pub age: Option<u64>,
}

/// How an entry came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// From a frame; goes when none has come for a while.
    Learned,
    /// Somebody has put it in.
    Static,
    /// The address of a device of the bridge itself: frames to it are for the host.
    Local,
}

impl Entry {
    /// For people.
    pub fn line(&self) -> String {
        let netns = self.netns.as_ref().map(|netns| format!(" netns {netns}")).unwrap_or_default();
        let vlan = self.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
        let kind = match (self.kind, self.age) {
            (Kind::Learned, Some(age)) => format!("learned, {age} s ago"),
            (Kind::Learned, None) => "learned".to_owned(),
            (Kind::Static, _) => "static".to_owned(),
            (Kind::Local, _) => "local".to_owned(),
        };
        format!("{} port {}{netns}{vlan} {kind}", self.mac, self.port)
    }

    /// What it is, without how it came about.
    pub fn told(&self) -> String {
        let vlan = self.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
        format!("{} on {}{vlan}", self.mac, self.port)
    }
}
