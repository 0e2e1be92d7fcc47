//! Another ovs-vswitchd in this network namespace.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::DaemonError;

/// Refuses if any ovs-vswitchd runs in the calling thread's network namespace; to be asked while ours does not.
pub(super) fn refuse_other_switch() -> Result<(), DaemonError> {
    let Some(here) = network("/proc/thread-self/ns/net") else { return Ok(()) };
    match processes().into_iter().find(|&pid| is_switch(pid) && network(format!("/proc/{pid}/ns/net")) == Some(here)) {
        Some(pid) => Err(DaemonError::OtherSwitch { pid }),
        None => Ok(()),
    }
}

/// The pids of all processes that we can see.
fn processes() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn is_switch(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "ovs-vswitchd")
}

/// What identifies a network namespace (namespaces(7)); none for a process that is gone.
fn network(file: impl AsRef<Path>) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|file| (file.dev(), file.ino()))
}
