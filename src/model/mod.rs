//! Plain data, no I/O: what there can be on a host, in the words of iproute2 and the OVSDB schema.

mod address;
mod container;
mod link;
mod mac;
mod name;
mod netns;
mod owner;
mod place;
mod port;
mod resource;
mod route;
mod state;
mod switch;

pub use address::Address;
pub use container::{Container, Engine};
pub use link::{Device, End, Link};
pub use mac::{Mac, MacError};
pub use name::{ContainerName, IfName, NameError, NetnsName, PortNames, SwitchName};
pub use netns::Netns;
pub use owner::{Owner, OwnerError};
pub use place::Place;
pub use port::{DEFAULT_PVID, Port, Vlan, VlanError, VlanId};
pub use resource::{Key, Kind, Resource};
pub use route::{ROUTE_PROTOCOL, Route};
pub use state::{Entry, State};
pub use switch::{BackendName, Datapath, MTU_MAX, MTU_MIN, Switch};
