//! The user's file, as what should be on the host.

use std::net::IpAddr;

use crate::model::Place;

/// Who must, or must not, reach whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Who sends.
    pub from: Vec<Place>,
    /// To whom.
    pub to: Vec<Partner>,
    /// What is expected of it.
    pub what: Expected,
}

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Each is reached.
    Reach,
    /// None is reached.
    NoReach,
    /// Each is reached, and no other namespace of the lab.
    Only,
}

/// Who is to be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Partner {
    /// A namespace, or the host.
    Place(Place),
    /// An address.
    Address(IpAddr),
}
