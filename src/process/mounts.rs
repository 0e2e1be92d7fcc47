//! The mounts that a command in a network namespace sees: `/sys` of the namespace, and its own files in `/etc`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};

use super::ExecError;

/// Where the files of each namespace's `/etc` are: `NETNS_ETC_DIR` of iproute2.
const ETC_NETNS: &str = "/etc/netns";

const NONE: Option<&str> = None;

/// Keeps the mounts that follow from reaching the mount namespace that we came from: what is mounted there still arrives here.
pub(super) fn stop_propagation() -> Result<(), ExecError> {
    mount(NONE, "/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE)
        .map_err(|errno| ExecError::call("making / a slave mount", "CAP_SYS_ADMIN", errno))
}

/// Mounts a sysfs that shows the calling thread's network namespace. What was read-only stays read-only.
pub(super) fn remount_sys(source: &str) -> Result<(), ExecError> {
    let read_only = statvfs("/sys").is_ok_and(|sys| sys.flags().contains(FsFlags::ST_RDONLY));
    let flags = if read_only { MsFlags::MS_RDONLY } else { MsFlags::empty() };
    // No sysfs was mounted there (EINVAL), or a user namespace has locked it and it is covered instead: both are fine.
    let _ = umount2("/sys", MntFlags::MNT_DETACH);
    mount(Some(source), "/sys", Some("sysfs"), flags, NONE)
        .map_err(|errno| ExecError::call("mounting the namespace's /sys", "CAP_SYS_ADMIN", errno))
}

/// Binds each file and folder of `/etc/netns/NAME` over the one of the same name in `/etc`. As with `ip netns exec`, one without a
/// counterpart to cover is skipped with a warning.
pub(super) fn overlay_etc(name: &str) {
    let folder = Path::new(ETC_NETNS).join(name);
    for entry in entries(&folder) {
        let target = Path::new("/etc").join(&entry);
        if let Err(errno) = mount(Some(&folder.join(&entry)), &target, NONE, MsFlags::MS_BIND, NONE) {
            tracing::warn!("cannot bind {} over {}: {errno}", folder.join(&entry).display(), target.display());
        }
    }
}

/// The names in a folder, in order; none where there is no such folder, which is the common case.
fn entries(folder: &Path) -> Vec<OsString> {
    let Ok(found) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = found.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names
}
