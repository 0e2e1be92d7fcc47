//! Leaves a VRF before the network namespace changes, as `vrf_reset` in iproute2's `ip/ipvrf.c` does.
//!
//! `ip vrf exec RED` runs a command in the cgroup `…/vrf/RED`, whose program binds every new socket to the VRF device by its index. In
//! another namespace that index is another device, or none.

use std::fs;
use std::path::PathBuf;
use std::process;

/// Moves this process to the cgroup above those of the VRFs, if it is in one. Best effort: a namespace without VRFs still works.
pub(super) fn leave() {
    let cgroup = fs::read_to_string("/proc/self/cgroup").ok();
    let Some(parent) = cgroup.as_deref().and_then(above_vrf) else { return };
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let Some(root) = cgroup2_root(&mounts) else { return };
    let members = root.join(parent.trim_start_matches('/')).join("cgroup.procs");
    if let Err(error) = fs::write(&members, process::id().to_string()) {
        tracing::warn!("cannot leave the VRF through {}: {error}", members.display());
    }
}

/// The part up to `/vrf` of the cgroup v2 path (the line `0::PATH` of `/proc/PID/cgroup`), for a process in a VRF.
fn above_vrf(cgroup: &str) -> Option<&str> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    path.find("/vrf/").map(|start| &path[..start + "/vrf".len()])
}

/// Where cgroup v2 is mounted (`/proc/PID/mountinfo`, proc(5): the mount point is field 5, the file system's type follows ` - `).
fn cgroup2_root(mounts: &str) -> Option<PathBuf> {
    let line =
        mounts.lines().find(|line| line.split_once(" - ").is_some_and(|(_, after)| after.starts_with("cgroup2 ")))?;
    line.split(' ').nth(4).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_cgroup_above_a_vrf() {
        assert_eq!(above_vrf("9:name=systemd:/vrf/no\n0::/user.slice/vrf/red\n"), Some("/user.slice/vrf"));
        assert_eq!(above_vrf("0::/vrf/red\n"), Some("/vrf"));
    }

    #[test]
    fn a_process_in_no_vrf_stays_where_it_is() {
        assert_eq!(above_vrf("0::/\n"), None);
        assert_eq!(above_vrf("0::/system.slice/vrfd.service\n"), None);
        assert_eq!(above_vrf("4:memory:/vrf/red\n"), None);
    }

    #[test]
    fn finds_where_cgroup2_is_mounted() {
        let mounts = "27 1 254:0 / / rw - ext4 /dev/vda rw\n41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        assert_eq!(cgroup2_root(mounts), Some(PathBuf::from("/sys/fs/cgroup/unified")));
        assert_eq!(cgroup2_root("31 23 0:28 / /sys/fs/cgroup rw - cgroup cgroup rw,cpu\n"), None);
    }
}
