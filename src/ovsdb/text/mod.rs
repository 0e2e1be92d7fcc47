//! Values as people read and type them, and JSON as Open vSwitch prints it: the notation of ovs-vsctl(8) and
//! ovsdb-client(1).

mod json;
mod number;
mod read;
mod write;

pub use json::json_text;
pub use number::general;
pub use read::split_token;
