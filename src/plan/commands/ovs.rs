//! The commands of `ovs-vsctl`.

use std::collections::BTreeSet;

use crate::model::setting::{At, Setting, Value};
use crate::model::{BackendName, Bond, IfName, Interface, Mirror, MirrorOutput, Owner, Port, Settings, Switch, Vlan};

use super::shell::quote;

/// `ovs-vsctl` as it is to be called.
pub(super) struct Vsctl(String);

impl Vsctl {
    /// One that finds the database by itself, or is told by `db`.
    pub(super) fn new(db: Option<&str>) -> Vsctl {
        match db {
            Some(db) => Vsctl(format!("ovs-vsctl --db={}", quote(db))),
            None => Vsctl("ovs-vsctl".to_owned()),
        }
    }

    /// One transaction of `parts`; none without.
    pub(super) fn run(&self, parts: &[String]) -> Vec<String> {
        if parts.is_empty() { Vec::new() } else { vec![format!("{} {}", self.0, parts.join(" -- "))] }
    }

    pub(super) fn add_switch(&self, switch: &Switch, owner: Option<&Owner>) -> Vec<String> {
        let name = quote(switch.name.as_str());
        let mut columns: Vec<String> = Vec::new();
        columns.extend(switch.settings.get("fail-mode").is_none().then(|| "fail_mode=standalone".to_owned()));
        columns.extend(switch.datapath.map(|datapath| format!("datapath_type={datapath}")));
        columns.extend(switch.mac.map(|mac| format!("other_config:hwaddr={}", string(&mac.to_string()))));
        columns.extend(switch.stp.map(|stp| format!("stp_enable={stp}")));
        columns.extend(switch.rstp.map(|rstp| format!("rstp_enable={rstp}")));
        columns.extend(setting_columns(&Settings::default(), &switch.settings));
        columns.extend(owner.map(mark));
        // Its own port and interface bear the mark too.
        let own: Vec<String> = owner.map(mark).into_iter().collect();
        let mtu = switch.mtu.map(|mtu| format!("mtu_request={mtu}"));
        let interface: Vec<String> = mtu.into_iter().chain(own.clone()).collect();
        let mut parts = vec![format!("add-br {name}")];
        parts.extend(set("bridge", &name, &columns));
        parts.extend(set_controllers(&name, &Settings::default(), &switch.settings));
        parts.extend(set("port", &name, &own));
        parts.extend(set("interface", &name, &interface));
        self.run(&parts)
    }

    pub(super) fn delete_switch(&self, switch: &Switch) -> Vec<String> {
        self.run(&[format!("del-br {}", quote(switch.name.as_str()))])
    }

    /// From `old` to `new`, and from no mark or another one to that of `owner`.
    pub(super) fn set_switch(&self, old: &Switch, new: &Switch, owner: Option<&Owner>) -> Vec<String> {
        let name = quote(new.name.as_str());
        let mut columns = Vec::new();
        if old.stp != new.stp {
            columns.push(format!("stp_enable={}", new.stp.unwrap_or(false)));
        }
        if old.rstp != new.rstp {
            columns.push(format!("rstp_enable={}", new.rstp.unwrap_or(false)));
        }
        columns.extend(setting_columns(&old.settings, &new.settings));
        columns.extend(owner.map(mark));
        let mut parts: Vec<String> = set("bridge", &name, &columns).into_iter().collect();
        parts.extend(own_again("bridge", &name, &old.settings, &new.settings));
        parts.extend(set_controllers(&name, &old.settings, &new.settings));
        let mac = new.mac.map(|mac| mac.to_string());
        parts.extend(key("bridge", &name, "other_config", "hwaddr", mac).filter(|_| old.mac != new.mac));
        let mtu = match new.mtu {
            Some(mtu) => format!("set interface {name} mtu_request={mtu}"),
            None => format!("clear interface {name} mtu_request"),
        };
        parts.extend((old.mtu != new.mtu).then_some(mtu));
        self.run(&parts)
    }

    pub(super) fn add_port(&self, port: &Port, owner: Option<&Owner>) -> Vec<String> {
        let device = quote(port.device.as_str());
        let mut columns = vlan_columns(&port.vlan);
        columns.extend(setting_columns(&Settings::default(), &port.settings));
        columns.extend(owner.map(mark));
        let mut ids = interface_columns(&port.interface);
        ids.extend(owner.map(mark));
        ids.extend(port.netns.iter().map(|netns| format!("external_ids:ovsns-netns={}", string(&netns.to_string()))));
        ids.extend(port.lent.iter().map(|lent| format!("external_ids:ovsns-lent={}", string(&lent.to_string()))));
        ids.extend(port.iface_id.iter().map(|id| format!("external_ids:iface-id={}", string(id))));
        if let Some(bond) = port.interface.bond() {
            return self.add_bond(port, bond, &columns, &ids);
        }
        let mut parts = vec![format!("add-port {} {device}", quote(port.switch.as_str()))];
        parts.extend(set("port", &device, &columns));
        parts.extend(set("interface", &device, &ids));
        self.run(&parts)
    }

    fn add_bond(&self, port: &Port, bond: &Bond, columns: &[String], ids: &[String]) -> Vec<String> {
        let names: Vec<String> = bond.devices.iter().map(|name| quote(name.as_str())).collect();
        let device = quote(port.device.as_str());
        let mut parts = vec![format!("add-bond {} {device} {}", quote(port.switch.as_str()), names.join(" "))];
        parts.extend(set("port", &device, &[&bond_columns(bond), columns].concat()));
        parts.extend(names.iter().filter_map(|name| set("interface", name, ids)));
        self.run(&parts)
    }

    pub(super) fn delete_port(&self, port: &Port) -> Vec<String> {
        self.run(&[format!("del-port {} {}", quote(port.switch.as_str()), quote(port.device.as_str()))])
    }

    /// To another switch, in two transactions: vswitchd does not notice a port that goes and comes in one.
    pub(super) fn move_port(&self, old: &Port, new: &Port, owner: Option<&Owner>) -> Vec<String> {
        [self.delete_port(old), self.add_port(new, owner)].concat()
    }

    /// From `old` to `new`, and from no mark or another one to that of `owner`.
    pub(super) fn set_port(&self, old: &Port, new: &Port, owner: Option<&Owner>) -> Vec<String> {
        let device = quote(new.device.as_str());
        let mut parts = Vec::new();
        if old.vlan != new.vlan {
            let cvlans = if old.vlan.cvlans.is_empty() { "" } else { " cvlans" };
            parts.push(format!("clear port {device} tag trunks vlan_mode{cvlans}"));
            parts.extend(set("port", &device, &vlan_columns(&new.vlan)));
        }
        parts.extend(set("port", &device, &setting_columns(&old.settings, &new.settings)));
        parts.extend(own_again("port", &device, &old.settings, &new.settings));
        if let Some(owner) = owner {
            parts.push(format!("set port {device} {}", mark(owner)));
            let devices = new
                .interface
                .bond()
                .map_or(vec![device.clone()], |bond| bond.devices.iter().map(|d| quote(d.as_str())).collect());
            parts.extend(devices.iter().map(|device| format!("set interface {device} {}", mark(owner))));
        }
        if let Some(bond) = new.interface.bond().filter(|_| old.interface != new.interface) {
            parts.extend(set("port", &device, &bond_columns(bond)));
            return self.run(&parts);
        }
        let id = key("interface", &device, "external_ids", "iface-id", new.iface_id.clone());
        parts.extend(id.filter(|_| old.iface_id != new.iface_id));
        let netns = new.netns.as_ref().map(ToString::to_string);
        let netns = key("interface", &device, "external_ids", "ovsns-netns", netns);
        parts.extend(netns.filter(|_| old.netns != new.netns));
        let lent = new.lent.as_ref().map(ToString::to_string);
        let lent = key("interface", &device, "external_ids", "ovsns-lent", lent);
        parts.extend(lent.filter(|_| old.lent != new.lent));
        parts.extend(set_interface(&device, &old.interface, &new.interface));
        self.run(&parts)
    }

    pub(super) fn add_mirror(&self, mirror: &Mirror, owner: Option<&Owner>) -> Vec<String> {
        let mut columns = vec![format!("name={}", string(&mirror.name))];
        columns.extend(mirror_columns(mirror));
        columns.extend(owner.map(mark));
        let mut parts = ports_of(mirror);
        parts.push(format!("--id=@mirror create mirror {}", columns.join(" ")));
        parts.push(format!("add bridge {} mirrors @mirror", quote(mirror.switch.as_str())));
        self.with_ids(&parts)
    }

    pub(super) fn delete_mirror(&self, mirror: &Mirror) -> Vec<String> {
        let bridge = quote(mirror.switch.as_str());
        let find = format!("--id=@mirror get mirror {}", quote(&mirror.name));
        self.with_ids(&[find, format!("remove bridge {bridge} mirrors @mirror")])
    }

    /// From `old` to `new`, and from no mark or another one to that of `owner`.
    pub(super) fn set_mirror(&self, old: &Mirror, new: &Mirror, owner: Option<&Owner>) -> Vec<String> {
        let record = quote(&new.name);
        let marked: Vec<String> = owner.map(mark).into_iter().collect();
        let mark = set("mirror", &record, &marked);
        if old == new {
            return self.run(&mark.into_iter().collect::<Vec<_>>());
        }
        let mut parts = ports_of(new);
        parts.push(format!(
            "clear mirror {record} select_src_port select_dst_port select_vlan output_port output_vlan snaplen"
        ));
        parts.extend(set("mirror", &record, &mirror_columns(new)));
        parts.extend(mark);
        match parts[0].starts_with("--") {
            true => self.with_ids(&parts),
            false => self.run(&parts),
        }
    }

    /// The same as `run`, of parts of which the first begins with an option of its own.
    pub(super) fn with_ids(&self, parts: &[String]) -> Vec<String> {
        vec![format!("{} -- {}", self.0, parts.join(" -- "))]
    }
}

/// Finds the ports that a mirror names, under names of their own.
fn ports_of(mirror: &Mirror) -> Vec<String> {
    let ports: BTreeSet<&IfName> = mirror.sources().into_iter().chain(mirror.output_port()).collect();
    ports.iter().map(|port| format!("--id={} get port {}", id_of(port), quote(port.as_str()))).collect()
}

/// A name for the row of a port within one call of ovs-vsctl.
fn id_of(port: &IfName) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { format!("_{:x}", u32::from(c)) };
    format!("@p_{}", port.as_str().chars().map(plain).collect::<String>())
}

fn mirror_columns(mirror: &Mirror) -> Vec<String> {
    let joined = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join(","));
    let ids = |ports: &BTreeSet<IfName>| joined(ports.iter().map(id_of).collect());
    let mut columns = vec![format!("select_all={}", mirror.all)];
    columns.extend(ids(&mirror.ingress).map(|ports| format!("select_src_port={ports}")));
    columns.extend(ids(&mirror.egress).map(|ports| format!("select_dst_port={ports}")));
    let vlans = joined(mirror.vlans.iter().map(ToString::to_string).collect());
    columns.extend(vlans.map(|vlans| format!("select_vlan={vlans}")));
    match &mirror.output {
        MirrorOutput::Port(port) => {
            columns.push(format!("output_port={}", id_of(port)));
            columns.push(format!("external_ids:ovsns-output={}", string(port.as_str())));
        }
        MirrorOutput::Vlan(vlan) => columns.push(format!("output_vlan={vlan}")),
    }
    columns.extend(mirror.snaplen.map(|snaplen| format!("snaplen={snaplen}")));
    columns
}

/// What a port is made of.
fn interface_columns(interface: &Interface) -> Vec<String> {
    match interface {
        Interface::System | Interface::Bond(_) => Vec::new(),
        Interface::Patch(peer) => vec!["type=patch".to_owned(), option("peer", peer.as_str())],
        Interface::Tunnel(tunnel) => {
            let kind = format!("type={}", tunnel.interface_type());
            let options = tunnel.options();
            std::iter::once(kind).chain(options.iter().map(|(key, value)| option(key, value))).collect()
        }
        Interface::Internal { mtu } => {
            let mtu = mtu.map(|mtu| format!("mtu_request={mtu}"));
            std::iter::once("type=internal".to_owned()).chain(mtu).collect()
        }
    }
}

/// What a bond is, in the row of its port.
fn bond_columns(bond: &Bond) -> Vec<String> {
    let time = format!("other_config:lacp-time={}", bond.lacp_time);
    vec![format!("bond_mode={}", bond.mode), format!("lacp={}", bond.lacp), time]
}

fn option(key: &str, value: &str) -> String {
    format!("options:{key}={}", string(value))
}

/// From `old` to `new`, which is of the same type.
fn set_interface(device: &str, old: &Interface, new: &Interface) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let mut parts = Vec::new();
    match (old, new) {
        (Interface::Tunnel(old), Interface::Tunnel(new)) => {
            let new = new.options();
            let gone: Vec<&str> =
                old.options().iter().map(|(key, _)| *key).filter(|key| !new.iter().any(|(n, _)| n == key)).collect();
            if !gone.is_empty() {
                parts.push(format!("remove interface {device} options {}", gone.join(" ")));
            }
        }
        (_, Interface::Internal { mtu: None }) => parts.push(format!("clear interface {device} mtu_request")),
        _ => {}
    }
    let columns: Vec<String> = interface_columns(new).into_iter().filter(|c| !c.starts_with("type=")).collect();
    parts.extend(set("interface", device, &columns));
    parts
}

fn set(table: &str, record: &str, columns: &[String]) -> Option<String> {
    (!columns.is_empty()).then(|| format!("set {table} {record} {}", columns.join(" ")))
}

/// Sets a key of a map, or removes it.
fn key(table: &str, record: &str, column: &str, key: &str, value: Option<String>) -> Option<String> {
    Some(match value {
        Some(value) => format!("set {table} {record} {column}:{key}={}", string(&value)),
        None => format!("remove {table} {record} {column} {key}"),
    })
}

pub(super) fn mark(owner: &Owner) -> String {
    format!("external_ids:ovsns-owner={}", string(owner.as_str()))
}

fn vlan_columns(vlan: &Vlan) -> Vec<String> {
    let mut columns: Vec<String> = vlan.tag.iter().map(|tag| format!("tag={tag}")).collect();
    for (column, vlans) in [("trunks", &vlan.trunks), ("cvlans", &vlan.cvlans)] {
        if !vlans.is_empty() {
            let vlans = vlans.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            columns.push(format!("{column}={vlans}"));
        }
    }
    match vlan.mode {
        Some(mode) => columns.push(format!("vlan_mode={mode}")),
        None if vlan.tag.is_some() && !vlan.trunks.is_empty() => columns.push("vlan_mode=native-untagged".to_owned()),
        None => {}
    }
    columns
}

/// The columns and keys that bring settings from `old` to `new`, but for keys that go.
fn setting_columns(old: &Settings, new: &Settings) -> Vec<String> {
    let column = |(setting, value): (&'static Setting, Option<&Value>)| {
        let own = setting.default(BackendName::Ovs);
        match setting.column() {
            At::Key(key) => Some(format!("other_config:{key}={}", string(&value?.column_text()))),
            At::Flag(column) => Some(format!("{column}={}", value.cloned().or(own)?.column_text())),
            At::Words(column) => match value.cloned().or(own) {
                Some(value) => Some(format!("{column}={value}")),
                None => Some(format!("{column}=[]")),
            },
            At::Controllers => None,
        }
    };
    new.differing(old).filter_map(column).collect()
}

/// Takes the keys away that settings have no more.
fn own_again(table: &str, record: &str, old: &Settings, new: &Settings) -> Option<String> {
    let gone = new.differing(old).filter(|(_, value)| value.is_none());
    let keys: Vec<&str> =
        gone.filter_map(|(setting, _)| if let At::Key(key) = setting.column() { Some(key) } else { None }).collect();
    (!keys.is_empty()).then(|| format!("remove {table} {record} other_config {}", keys.join(" ")))
}

fn set_controllers(bridge: &str, old: &Settings, new: &Settings) -> Option<String> {
    let (_, value) = new.differing(old).find(|(setting, _)| setting.column() == At::Controllers)?;
    Some(match value {
        Some(targets) => format!("set-controller {bridge} {}", targets.to_string().replace(',', " ")),
        None => format!("del-controller {bridge}"),
    })
}

/// A string value as ovs-vsctl(8) takes it whatever it holds: in JSON's quotes, quoted again for the shell.
fn string(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if plain && !text.is_empty() {
        return text.to_owned();
    }
    quote(&serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_for_ovs_and_for_the_shell() {
        assert_eq!(string("ns1"), "ns1");
        assert_eq!(string("pid:12"), r#"'"pid:12"'"#);
        assert_eq!(string(""), r#"'""'"#);
        assert_eq!(string(r#"it's "x""#), r#"'"it'\''s \"x\""'"#);
    }
}
