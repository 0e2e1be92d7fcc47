//! `add-bond`: several devices of the host as one port.

mod add;
mod devices;
mod partner;

pub use add::AddBond;
pub use devices::check_devices;
pub use partner::tell;
