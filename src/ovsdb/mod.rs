//! An OVSDB client (RFC 7047) on jsonrpsee. Knows nothing of ovsns.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use ovsns::ovsdb::client::{Client, Options};
//! use ovsns::ovsdb::operation::Select;
//!
//! let endpoints = "unix:/run/openvswitch/db.sock".parse()?;
//! let client = Client::connect(&endpoints, &Options::default()).await?;
//! let results = client.transact("Open_vSwitch", &[Select::from_table("Bridge").into()]).await?;
//! # Ok(())
//! # }
//! ```

pub mod client;
mod connect;
pub mod endpoint;
pub mod error;
pub mod format;
pub mod framing;
pub mod monitor;
pub mod notification;
pub mod operation;
pub mod row;
pub mod schema;
pub mod session;
pub mod table;
pub mod text;
pub mod tls;
pub mod transport;
pub mod value;
pub mod wait;
mod wire;
