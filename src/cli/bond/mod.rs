//! `add-bond`: several devices of the host as one port.

mod add;
mod devices;
mod lacp;
mod partner;

pub use add::AddBond;
pub use devices::{check_devices, check_in_no_bond};
pub use lacp::refine;
pub use partner::tell;
