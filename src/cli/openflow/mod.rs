//! OpenFlow: flows, groups and meters of a switch of Open vSwitch, by running ovs-ofctl(8), with our names for ports.

mod flow;
mod flows;
mod groups;
mod input;
mod meters;
mod run;
mod syntax;
mod trace;

pub use flows::{AddFlow, DelFlows, Flows, ModFlows};
pub use groups::{AddGroup, DelGroups, Groups, ModGroup};
pub use meters::{AddMeter, DelMeters, Meters, ModMeter};
pub use trace::Trace;
