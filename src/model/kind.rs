//! The kinds of resource.

use std::fmt;

/// The kinds of resource, in creation order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`Resource::Netns`]
    Netns,
    /// [`Resource::Physical`]
    Physical,
    /// [`Resource::Switch`]
    Switch,
    /// [`Resource::Link`]
    Link,
    /// [`Resource::Virtual`]
    Virtual,
    /// [`Resource::Port`]
    Port,
    /// [`Resource::Internal`]
    Internal,
    /// [`Resource::Device`]
    Device,
    /// [`Resource::Sysctl`]
    Sysctl,
    /// [`Resource::Address`]
    Address,
    /// [`Resource::Route`]
    Route,
    /// [`Resource::Impairment`]
    Impairment,
    /// [`Resource::Mirror`]
    Mirror,
    /// [`Resource::Qos`]
    Qos,
    /// [`Resource::Policing`]
    Policing,
    /// [`Resource::FlowExport`]
    FlowExport,
    /// [`Resource::Ruleset`]
    Ruleset,
    /// [`Resource::Nat`]
    Nat,
    /// [`Resource::Published`]
    Published,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Kind::Netns => "netns",
            Kind::Physical => "physical",
            Kind::Switch => "switch",
            Kind::Link => "link",
            Kind::Virtual => "virtual device",
            Kind::Port => "port",
            Kind::Internal => "internal device",
            Kind::Device => "device",
            Kind::Sysctl => "sysctl",
            Kind::Address => "address",
            Kind::Route => "route",
            Kind::Impairment => "impairment",
            Kind::Mirror => "mirror",
            Kind::Qos => "qos",
            Kind::Policing => "policing",
            Kind::FlowExport => "export",
            Kind::Ruleset => "ruleset",
            Kind::Nat => "nat",
            Kind::Published => "published",
        })
    }
}
