//! Runs the user's commands inside network namespaces, as `ip netns exec` does.
//!
//! ```text
//! Target::enter   out of a VRF, into the network namespace, a mount namespace of its own,
//!                 /sys of the namespace, files of /etc/netns/NAME over /etc
//! User::become    groups, gid, uid (with `--user`)
//! exec | shell    replace this process by the command: signals and the exit status are the command's own
//! exec_all        a child in each of several namespaces, output prefixed with the namespace
//! service         programs that run on their own, and are found again
//! ```
//!
//! Everything here changes the calling *thread* only (Linux namespaces and credentials belong to threads), so that [`exec_all`] can
//! prepare each child in a thread made for it. Source: iproute2's `lib/namespace.c` (`netns_switch`) and `ip/ipnetns.c`.

mod all;
mod command;
mod error;
mod lines;
mod mounts;
pub mod service;
mod shell;
mod signals;
mod target;
mod user;
mod vrf;

pub use all::{Finished, exec_all, exit_code};
pub use command::exec;
pub use error::ExecError;
pub use shell::shell;
pub use target::Target;
pub use user::User;

/// The environment variable in which every command finds the name of the network namespace that it runs in.
pub const NETNS_VARIABLE: &str = "OVSNS_NETNS";
