//! Which datapath an ovs-vswitchd started here can use.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use super::deadline::Deadline;
use super::programs;
use super::tool;
use super::{DaemonError, Stage};

/// The two datapaths of Open vSwitch: `datapath_type` in ovs-vswitchd.conf.db(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Datapath {
    /// The kernel module openvswitch.
    #[serde(rename = "system")]
    Kernel,
    /// ovs-vswitchd itself, over packet sockets.
    #[serde(rename = "netdev")]
    Userspace,
}

impl Datapath {
    /// The kernel datapath where its module is there or can be loaded, otherwise userspace.
    pub(super) fn choose(deadline: Deadline) -> Result<Self, DaemonError> {
        if Path::new("/sys/module/openvswitch").exists() {
            return Ok(Self::Kernel);
        }
        match installed(&modules_dir()) {
            Module::BuiltIn => Ok(Self::Kernel),
            Module::Loadable if load(deadline)? => Ok(Self::Kernel),
            Module::Loadable | Module::Missing => Ok(Self::Userspace),
        }
    }
}

/// Whether the kernel has the module openvswitch now: loaded, or built in. An ovs-vswitchd that runs has had it loaded where it
/// could be, since asking for its netlink family does that.
pub fn has_kernel_datapath() -> bool {
    Path::new("/sys/module/openvswitch").exists() || installed(&modules_dir()) == Module::BuiltIn
}

#[derive(Debug, PartialEq, Eq)]
enum Module {
    BuiltIn,
    Loadable,
    Missing,
}

/// Where the running kernel's modules are; without the release, a directory that does not exist.
fn modules_dir() -> PathBuf {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Path::new("/lib/modules").join(release.trim())
}

/// Looks into what depmod(8) wrote, so that modprobe is run only where there is something to load.
fn installed(dir: &Path) -> Module {
    let names = |file: &str, end: &str| {
        let text = fs::read_to_string(dir.join(file)).unwrap_or_default();
        text.lines().any(|line| line.split(end).next().is_some_and(is_openvswitch))
    };
    if names("modules.builtin", "\n") {
        Module::BuiltIn
    } else if names("modules.dep", ":") {
        Module::Loadable
    } else {
        Module::Missing
    }
}

/// `…/openvswitch.ko`, `.ko.xz`, `.ko.zst`; not `vport-vxlan.ko` in the folder openvswitch.
fn is_openvswitch(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|file| file.starts_with("openvswitch.ko"))
}

/// Whether modprobe(8) loaded it. A refusal (no CAP_SYS_MODULE, as in a container) is an answer, not an error.
fn load(deadline: Deadline) -> Result<bool, DaemonError> {
    let Some(modprobe) = programs::find("modprobe") else { return Ok(false) };
    let ended = tool::run(Command::new(modprobe).arg("openvswitch"), Stage::Tool("modprobe"), deadline)?;
    if !ended.success {
        tracing::info!("modprobe openvswitch: {}", ended.stderr);
    }
    Ok(ended.success)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, file: &str, text: &str) -> Module {
        let dir = std::env::temp_dir().join(format!("ovsns-modules-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(file), text).unwrap();
        let found = installed(&dir);
        fs::remove_dir_all(dir).unwrap();
        found
    }

    #[test]
    fn the_module_is_found_where_depmod_lists_it() {
        let dep = "kernel/net/openvswitch/openvswitch.ko.xz: kernel/net/nsh/nsh.ko.xz\n";
        assert_eq!(found("dep", "modules.dep", dep), Module::Loadable);
        assert_eq!(found("builtin", "modules.builtin", "kernel/net/openvswitch/openvswitch.ko\n"), Module::BuiltIn);
    }

    #[test]
    fn its_neighbours_are_not_it() {
        let dep = "kernel/net/openvswitch/vport-gre.ko: kernel/net/openvswitch/openvswitch.ko\n";
        assert_eq!(found("neighbours", "modules.dep", dep), Module::Missing);
        assert_eq!(installed(Path::new("/no/such/folder")), Module::Missing);
    }
}
