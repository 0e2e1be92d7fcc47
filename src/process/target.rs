//! The network namespace that a command runs in, and the way into it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};

use super::{ExecError, mounts, vrf};

/// Where named network namespaces are mounted: `NETNS_RUN_DIR` of iproute2.
const NETNS_DIR: &str = "/run/netns";

/// A network namespace: a file to `setns(2)` into, and a name to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    path: PathBuf,
    label: String,
    etc: bool,
}

impl Target {
    /// The namespace that `ip netns` calls `name`: one path component, which the caller has checked. Its `/etc/netns/NAME` applies.
    pub fn named(name: &str) -> Self {
        Self { path: Path::new(NETNS_DIR).join(name), label: name.to_owned(), etc: true }
    }

    /// The namespace behind a file such as `/proc/PID/ns/net`, shown as `label`. It has no name, thus no `/etc/netns/NAME`.
    pub fn at(path: impl Into<PathBuf>, label: impl Into<String>) -> Self {
        Self { path: path.into(), label: label.into(), etc: false }
    }

    /// The name to show: the namespace's own, or the label given to [`Target::at`].
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Moves the calling thread into the namespace, with mounts of its own, as `netns_switch` of iproute2 does.
    ///
    /// # Errors
    ///
    /// [`ExecError::NoNetns`], [`ExecError::NotNetns`], [`ExecError::NotPermitted`] or [`ExecError::Enter`]; the thread may then stand
    /// half-way, and must end.
    pub(super) fn enter(&self) -> Result<(), ExecError> {
        let netns = self.open()?;
        vrf::leave();
        self.switch(&netns)?;
        let failed = |errno| ExecError::call("making a mount namespace", "CAP_SYS_ADMIN", errno);
        unshare(CloneFlags::CLONE_NEWNS).map_err(failed)?;
        mounts::stop_propagation()?;
        mounts::remount_sys(&self.label)?;
        if self.etc {
            mounts::overlay_etc(&self.label);
        }
        Ok(())
    }

    /// Whether the process is inside: one inode of one nsfs (namespaces(7), `/proc/PID/ns`). True where nobody can tell.
    pub(super) fn is_of(&self, pid: u32) -> bool {
        let identity = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
        match (identity(&self.path), identity(Path::new(&format!("/proc/{pid}/ns/net")))) {
            (Ok(target), Ok(process)) => target == process,
            _ => true,
        }
    }

    fn open(&self) -> Result<File, ExecError> {
        File::open(&self.path).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
            // /proc/PID of a process that is gone answers ESRCH once it is opened half-way.
            Some(Errno::ENOENT | Errno::ESRCH | Errno::ENOTDIR) => ExecError::NoNetns { path: self.path.clone() },
            // A namespace of another user's process wants PTRACE_MODE_READ (namespaces(7)).
            Some(Errno::EACCES | Errno::EPERM) => ExecError::NotPermitted {
                action: format!("opening {}", self.path.display()),
                capability: "CAP_SYS_PTRACE",
            },
            _ => ExecError::Enter { action: format!("opening {}", self.path.display()), source: error },
        })
    }

    fn switch(&self, netns: &File) -> Result<(), ExecError> {
        setns(netns, CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
            // setns(2): the descriptor is no namespace, or one of another kind.
            Errno::EINVAL => ExecError::NotNetns { path: self.path.clone() },
            errno => ExecError::call(format!("entering network namespace {}", self.label), "CAP_SYS_ADMIN", errno),
        })
    }
}
