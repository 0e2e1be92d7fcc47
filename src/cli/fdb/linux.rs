//! The forwarding database of a Linux bridge, through rtnetlink.

use super::entry::{Entry, Kind};
use crate::cli::failure::Failure;
use crate::cli::ports::SwitchPorts;
use crate::cli::session::linux_fdb::{self, FdbEntry, FdbKind};
use crate::model::{Mac, SwitchName};

/// The database of the bridge.
pub fn list(ports: &SwitchPorts) -> Result<Vec<Entry>, Failure> {
    let found = linux_fdb::list(&ports.switch.name)?;
    Ok(found.into_iter().map(|found| entry(found, ports)).collect())
}

fn entry(found: FdbEntry, ports: &SwitchPorts) -> Entry {
    let kind = match found.kind {
        FdbKind::Learned => Kind::Learned,
        FdbKind::Static => Kind::Static,
        FdbKind::Local => Kind::Local,
    };
    let netns = ports.named(&found.port).and_then(|port| port.place().cloned()).filter(|_| kind != Kind::Local);
    let age = (kind == Kind::Learned).then(|| u64::from(found.age / 100));
    Entry { mac: found.mac, vlan: found.vlan, port: found.port, netns, kind, age }
}

/// What putting an address on a port does, as a command.
pub fn explain_set(switch: &SwitchName, port: &str, mac: Mac, vlan: Option<u16>) -> String {
    let how = if port == switch.as_str() { "self permanent" } else { "master static" };
    format!("bridge fdb replace {mac} dev {port} {how}{}", vlan_words(vlan))
}

/// What taking an entry out does, as a command.
pub fn explain_delete(switch: &SwitchName, entry: &Entry) -> String {
    let Entry { mac, port, .. } = entry;
    let how = if *port == switch.as_str() { "self" } else { "master" };
    format!("bridge fdb del {mac} dev {port} {how}{}", vlan_words(entry.vlan))
}

/// What forgetting what was learned does, as a command.
pub fn explain_flush(switch: &SwitchName, port: Option<&str>) -> String {
    match port {
        None => format!("ip link set {switch} type bridge fdb_flush"),
        Some(port) => format!("ip link set {port} type bridge_slave fdb_flush"),
    }
}

fn vlan_words(vlan: Option<u16>) -> String {
    vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default()
}
