//! Starts and stops a private ovsdb-server and ovs-vswitchd, for machines where no system service runs them.
//!
//! ```text
//! start   lock ▶ database made or converted ▶ ovsdb-server ▶ Open_vSwitch row ▶ ovs-vswitchd ▶ cur_cfg has caught up
//! stop    lock ▶ ovs-vswitchd: exit --cleanup, SIGTERM, SIGKILL ▶ ovsdb-server likewise ▶ what they left behind
//! ```
//!
//! Everything blocks, each wait until a deadline. A process is believed to be ours only if boot, pid and start time are those that were
//! recorded when it was started (`instance.rs`); no other is ever signalled.
//!
//! [`Control`] and [`ofctl`] talk to an ovs-vswitchd that runs, whoever started it. Sources: ovs-ctl(8), `utilities/ovs-lib.in`, ovs-vswitchd(8),
//! ovsdb-server(1), ovs-appctl(8).

mod conflict;
mod control;
mod database;
mod datapath;
mod deadline;
mod error;
mod instance;
mod launch;
mod layout;
mod leftovers;
mod lock;
mod openflow;
mod programs;
mod record;
mod row;
mod rpc;
mod start;
mod status;
mod stop;
mod tool;

pub use control::{Control, ControlError};
pub use datapath::{Datapath, has_kernel_datapath};
pub use error::{DaemonError, Said, Stage};
pub use layout::{Daemon, Layout};
pub use openflow::{OFCTL, Spoken, management_socket, ofctl};
pub use start::{Launch, Options, Started, start};
pub use status::{State, Status, status};
pub use stop::{Ended, Stopped, stop};
