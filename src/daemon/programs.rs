//! The programs and the schema of Debian's package openvswitch-switch.

use std::env;
use std::path::{Path, PathBuf};

use super::DaemonError;

/// Where programs are looked for behind `PATH`, which for users other than root lacks them.
const SYSTEM: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin"];
/// Where the schema is, unless `OVS_PKGDATADIR` says so (ovs-vswitchd(8)).
const DATA: [&str; 2] = ["/usr/share/openvswitch", "/usr/local/share/openvswitch"];

/// What a start needs.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) ovsdb_server: PathBuf,
    pub(super) ovs_vswitchd: PathBuf,
    pub(super) ovsdb_tool: PathBuf,
    pub(super) schema: PathBuf,
}

impl Programs {
    pub(super) fn find() -> Result<Self, DaemonError> {
        let find = |program| find(program).ok_or(DaemonError::Missing { program });
        Ok(Self {
            ovsdb_server: find("ovsdb-server")?,
            ovs_vswitchd: find("ovs-vswitchd")?,
            ovsdb_tool: find("ovsdb-tool")?,
            schema: find_schema()?,
        })
    }
}

/// The path of a program, in `PATH` or where the system keeps its daemons.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(SYSTEM.map(PathBuf::from)).map(|dir| dir.join(program)).find(|file| file.is_file())
}

fn find_schema() -> Result<PathBuf, DaemonError> {
    let named = env::var_os("OVS_PKGDATADIR").map(PathBuf::from);
    let folders: Vec<_> = named.into_iter().chain(DATA.map(PathBuf::from)).collect();
    let found = folders.iter().map(|dir| dir.join("vswitch.ovsschema")).find(|file| file.is_file());
    found.ok_or_else(|| DaemonError::NoSchema { looked: list(&folders) })
}

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|dir| Path::display(dir).to_string()).collect::<Vec<_>>().join(", ")
}
