//! rtnetlink in the words of `ip`: network namespaces, links, addresses, routes, bridges' VLANs, offloads, queueing disciplines.
//!
//! ```no_run
//! use ovsns::netlink::{Netlink, NetnsDir, address, link};
//!
//! // ip netns add ns1; ip -n ns1 link set lo up alias ovsns:lab
//! let mark = link::set("lo").up().alias("ovsns:lab").request();
//! let (ns1, mut inside) = NetnsDir::default().create("ns1", |inside| inside.request(mark))?;
//! // ip link add veth-ns1 alias ovsns:lab up type veth peer name eth1 netns ns1
//! Netlink::host()?.request(link::add_veth(link::Veth {
//!     name: "veth-ns1".into(),
//!     alias: Some("ovsns:lab".into()),
//!     up: true,
//!     peer: link::VethPeer { name: "eth1".into(), netns: Some(ns1), ..Default::default() },
//!     ..Default::default()
//! }))?;
//! // ip -n ns1 link set eth1 up; ip -n ns1 address add 192.168.0.1/24 dev eth1
//! if let Some(eth1) = inside.link("eth1")? {
//!     let address = "192.168.0.1/24".parse()?;
//!     inside.batch([link::set(&eth1).up().request(), address::add(eth1.index, address, false)])?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Changes are values ([`Request`]), which a [`Netlink`] carries out, singly or in a [batch](Netlink::batch); questions are
//! methods of it. A `Netlink` stays in the namespace that it was opened in, wherever it is used from.
//!
//! # Why nothing here is `async`
//!
//! The kernel carries out a request inside `sendmsg(2)`, under the lock that all of rtnetlink shares, and has its answer
//! queued before that call returns. There is nothing to await: a task that reads the answers would find each of them there
//! already. Plain calls have two virtues in return. They work on a thread without a runtime, such as the one that makes a
//! namespace. And no dropped future leaves a request behind that is sent later, or a batch of which nobody knows how far it
//! came. Most calls take microseconds; one that deletes a link takes 20 ms, and a runtime that must not pause so long runs
//! it with `spawn_blocking`. What really waits, [`Watch`], is `async`.

pub mod address;
mod answers;
pub mod bridge;
pub mod class;
mod error;
pub mod ethtool;
mod events;
pub mod fdb;
pub mod feature;
pub mod filter;
pub mod link;
mod neighbour;
mod netns;
pub mod nsid;
pub mod police;
pub mod qdisc;
mod request;
pub mod route;
mod socket;
pub mod sysctl;
mod watch;

pub use address::Address;
pub use error::{BatchError, Error, Refusal};
pub use events::Events;
pub use link::{Device, Link, Mac};
pub use neighbour::{Neighbour, NeighbourTables};
pub use netns::{NetnsDir, NetnsFile, Status, Traveller, travel};
pub use request::{Netlink, Request};
pub use route::Route;
pub use watch::{Watch, wait_for_link};
