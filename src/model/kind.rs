//! The kinds of resource.

use std::fmt;

/// The kinds of resource, in creation order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// [`super::Resource::Netns`]
    Netns,
    /// [`super::Resource::Physical`]
    Physical,
    /// [`super::Resource::Switch`]
    Switch,
    /// [`super::Resource::Link`]
    Link,
    /// [`super::Resource::Virtual`]
    Virtual,
    /// [`super::Resource::Port`]
    Port,
    /// [`super::Resource::Internal`]
    Internal,
    /// [`super::Resource::Device`]
    Device,
    /// [`super::Resource::Sysctl`]
    Sysctl,
    /// [`super::Resource::Address`]
    Address,
    /// [`super::Resource::Route`]
    Route,
    /// [`super::Resource::Impairment`]
    Impairment,
    /// [`super::Resource::Mirror`]
    Mirror,
    /// [`super::Resource::Qos`]
    Qos,
    /// [`super::Resource::Policing`]
    Policing,
    /// [`super::Resource::FlowExport`]
    FlowExport,
    /// [`super::Resource::Ruleset`]
    Ruleset,
    /// [`super::Resource::Nat`]
    Nat,
    /// [`super::Resource::Published`]
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
