//! Plain data, no I/O: what there can be on a host, in the words of iproute2 and the OVSDB schema.

mod address;
mod impairment;
mod link;
mod mac;
mod mirror;
mod name;
mod nat;
mod netns;
mod owner;
mod physical;
mod place;
mod port;
mod resource;
mod route;
mod ruleset;
mod state;
mod switch;
mod sysctl;

pub use address::Address;
pub use impairment::Impairment;
pub use link::{Device, End, Link};
pub use mac::{Mac, MacError};
pub use mirror::Mirror;
pub use name::{IfName, NameError, NetnsName, PortNames, SwitchName};
pub use nat::{Nat, Protocol, Published};
pub use netns::Netns;
pub use owner::{Owner, OwnerError};
pub use physical::Physical;
pub use place::Place;
pub use port::{DEFAULT_PVID, Lent, Port, Vlan, VlanError, VlanId};
pub use resource::{Key, Kind, Resource};
pub use route::{NAT_ROUTE_PROTOCOL, ROUTE_PROTOCOL, Route};
pub use ruleset::{Chain, Demand, Family, Raised, Ruleset, Setting};
pub use state::{Entry, State};
pub use switch::{BackendName, Datapath, MTU_MAX, MTU_MIN, Switch};
pub use sysctl::{Sysctl, SysctlKey};
