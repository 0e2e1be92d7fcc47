//! `add-tunnel`: ports by which a switch reaches one on another host.

mod add;
mod underlay;

pub use add::AddTunnel;
pub use underlay::{Underlay, check_collisions, tunnels};
