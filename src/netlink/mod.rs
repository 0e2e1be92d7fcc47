//! rtnetlink in the words of `ip`.

pub mod address;
mod error;
pub mod link;
mod netns;
pub mod nsid;
mod request;
pub mod route;
mod socket;

pub use address::Address;
pub use error::{BatchError, Error, Refusal};
pub use link::{Device, Link, Mac};
pub use netns::{NetnsDir, NetnsFile, Status};
pub use request::{Netlink, Request};
pub use route::Route;
