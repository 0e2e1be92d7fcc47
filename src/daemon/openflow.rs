//! OpenFlow, which is spoken by running ovs-ofctl(8).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::deadline::Deadline;
use super::programs;
use super::tool::{self, Ended};
use super::{DaemonError, Stage};

/// The program.
pub const OFCTL: &str = "ovs-ofctl";

/// What ovs-ofctl said, and whether it did what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Whether it ended with 0.
    pub success: bool,
    /// What it printed.
    pub stdout: String,
    /// What it says of how it went: also where all is well.
    pub stderr: String,
}

/// Where ovs-vswitchd takes OpenFlow for `switch` from this host (ovs-ofctl(8), "OpenFlow switch management"): the argument SWITCH
/// of ovs-ofctl.
pub fn management_socket(run_dir: &Path, switch: &str) -> String {
    format!("unix:{}", run_dir.join(format!("{switch}.mgmt")).display())
}

/// Runs ovs-ofctl with these words, and `input` to read. At the deadline it is killed.
///
/// # Errors
///
/// [`DaemonError::Missing`] where it is not installed, [`DaemonError::Deadline`], and those of running a program. That it says no is
/// none: see [`Spoken::success`].
pub fn ofctl(words: &[String], input: &str, timeout: Duration) -> Result<Spoken, DaemonError> {
    let program = programs::find(OFCTL).ok_or(DaemonError::Missing { program: OFCTL })?;
    let mut command = Command::new(program);
    // Its messages are read by us: not in another language, and not as a terminal would have them.
    command.args(words).env("LC_ALL", "C").env_remove("OVS_RUNDIR");
    let ended = tool::run_with(&mut command, input, Stage::Tool(OFCTL), Deadline::after(timeout))?;
    let Ended { success, stdout, stderr } = ended;
    Ok(Spoken { success, stdout, stderr })
}
