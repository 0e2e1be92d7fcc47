//! A plan as the commands of `ip`, `bridge`, `ethtool` and `ovs-vsctl` that do the same, ready to be pasted.

use crate::model::{
    Address, BackendName, Device, End, Entry, Link, Owner, Place, Port, ROUTE_PROTOCOL, Resource, Route, Switch, Vlan,
};

use super::{Plan, Step};

/// The commands that are equivalent to `plan`, step by step. `db` is the OVS database, unless it is the one that `ovs-vsctl`
/// finds by itself.
pub fn commands(plan: &Plan, db: Option<&str>) -> Vec<(Step, Vec<String>)> {
    let vsctl = match db {
        Some(db) => format!("ovs-vsctl --db={}", quote(db)),
        None => "ovs-vsctl".to_owned(),
    };
    let of = |step: &Step| match step {
        Step::Create(entry) => create(entry, &vsctl),
        Step::Delete(entry) => delete(&entry.resource, &vsctl),
        Step::Modify { before, after } => modify(before, after, &vsctl),
    };
    plan.steps.iter().map(|step| (step.clone(), of(step))).collect()
}

fn create(entry: &Entry, vsctl: &str) -> Vec<String> {
    let owner = entry.owner.as_ref();
    match &entry.resource {
        Resource::Netns(netns) => {
            let name = quote(netns.name.as_str());
            let mut lines = vec![format!("ip netns add {name}"), format!("ip -n {name} link set lo up")];
            lines.extend(owner.map(|owner| format!("ip -n {name} link set lo alias {}", quote(&owner.alias()))));
            lines
        }
        Resource::Switch(switch) => match switch.backend {
            BackendName::Ovs => vec![ovs_add_br(switch, owner, vsctl)],
            BackendName::Linux => bridge_add(switch, owner),
        },
        Resource::Link(link) => link_add(link, owner),
        Resource::Port(port) => match port.backend {
            BackendName::Ovs => vec![ovs_add_port(port, owner, vsctl)],
            BackendName::Linux => bridge_add_port(port),
        },
        Resource::Device(device) => vec![device_set(device)],
        Resource::Address(address) => vec![address_line("add", address)],
        Resource::Route(route) => vec![route_line("add", route)],
    }
}

fn delete(resource: &Resource, vsctl: &str) -> Vec<String> {
    match resource {
        Resource::Netns(netns) => vec![format!("ip netns delete {}", quote(netns.name.as_str()))],
        Resource::Switch(switch) => vec![match switch.backend {
            BackendName::Ovs => format!("{vsctl} del-br {}", quote(switch.name.as_str())),
            BackendName::Linux => format!("ip link delete {} type bridge", quote(switch.name.as_str())),
        }],
        Resource::Link(link) => vec![format!("{} link delete {}", ip(&link.a.place), quote(link.a.name.as_str()))],
        Resource::Port(port) => vec![match port.backend {
            BackendName::Ovs => {
                format!("{vsctl} del-port {} {}", quote(port.switch.as_str()), quote(port.device.as_str()))
            }
            BackendName::Linux => format!("ip link set {} nomaster", quote(port.device.as_str())),
        }],
        // The device goes with the switch that it belongs to.
        Resource::Device(_) => Vec::new(),
        Resource::Address(address) => vec![address_line("del", address)],
        Resource::Route(route) => vec![route_line("del", route)],
    }
}

fn modify(before: &Entry, after: &Entry, vsctl: &str) -> Vec<String> {
    match (&before.resource, &after.resource) {
        (Resource::Switch(old), Resource::Switch(new)) => match new.backend {
            BackendName::Ovs => vec![ovs_set_br(old, new, vsctl)],
            BackendName::Linux => bridge_set(old, new),
        },
        (Resource::Link(old), Resource::Link(new)) => [end_set(&old.a, &new.a), end_set(&old.b, &new.b)].concat(),
        (Resource::Port(old), Resource::Port(new)) => match new.backend {
            BackendName::Ovs => vec![ovs_set_port(old, new, vsctl)],
            BackendName::Linux => bridge_set_port(old, new),
        },
        (_, Resource::Device(device)) => vec![device_set(device)],
        _ => Vec::new(),
    }
}

/// `ip`, in the namespace at `place`. Its `-n` takes names only.
fn ip(place: &Place) -> String {
    match place {
        Place::Named(name) => format!("ip -n {}", quote(name.as_str())),
        _ => format!("{}ip", enter(place)),
    }
}

/// A namespace as ip-link(8) takes it after `netns`: a name, or a path.
fn netns_argument(place: &Place) -> Option<String> {
    match place {
        Place::Host => None,
        Place::Named(name) => Some(quote(name.as_str())),
        Place::Pid(pid) => Some(format!("/proc/{pid}/ns/net")),
        Place::Path(path) => Some(quote(path)),
        // No tool reaches it; the command shows what is meant.
        Place::Nsid(nsid) => Some(format!("nsid:{nsid}")),
    }
}

/// The words that run another tool in the namespace at `place`.
fn enter(place: &Place) -> String {
    match place {
        Place::Host => String::new(),
        Place::Named(name) => format!("ip netns exec {} ", quote(name.as_str())),
        Place::Pid(_) | Place::Path(_) | Place::Nsid(_) => {
            format!("nsenter --net={} ", netns_argument(place).unwrap_or_default())
        }
    }
}

fn ovs_add_br(switch: &Switch, owner: Option<&Owner>, vsctl: &str) -> String {
    let name = quote(switch.name.as_str());
    let mut line = format!("{vsctl} add-br {name}");
    let mut columns = vec!["fail_mode=standalone".to_owned()];
    columns.extend(switch.datapath.map(|datapath| format!("datapath_type={datapath}")));
    columns.extend(switch.mac.map(|mac| format!("other_config:hwaddr={}", quote(&format!("\"{mac}\"")))));
    columns.extend(switch.stp.map(|stp| format!("stp_enable={stp}")));
    let mark: Vec<String> =
        owner.map(|owner| format!("external_ids:ovsns-owner={}", quote(owner.as_str()))).into_iter().collect();
    columns.extend(mark.clone());
    let mtu = switch.mtu.map(|mtu| format!("mtu_request={mtu}"));
    let interface: Vec<String> = mtu.into_iter().chain(mark.clone()).collect();
    for (table, columns) in [("bridge", columns), ("port", mark), ("interface", interface)] {
        if !columns.is_empty() {
            line.push_str(&format!(" -- set {table} {name} {}", columns.join(" ")));
        }
    }
    line
}

fn ovs_set_br(old: &Switch, new: &Switch, vsctl: &str) -> String {
    let name = quote(new.name.as_str());
    let mut parts = Vec::new();
    let mut columns = Vec::new();
    if let Some(datapath) = new.datapath.filter(|_| old.datapath != new.datapath) {
        columns.push(format!("datapath_type={datapath}"));
    }
    if let Some(stp) = new.stp.filter(|_| old.stp != new.stp) {
        columns.push(format!("stp_enable={stp}"));
    }
    if !columns.is_empty() {
        parts.push(format!("set bridge {name} {}", columns.join(" ")));
    }
    parts.extend(match new.mac {
        _ if old.mac == new.mac => None,
        Some(mac) => Some(format!("set bridge {name} other_config:hwaddr={}", quote(&format!("\"{mac}\"")))),
        None => Some(format!("remove bridge {name} other_config hwaddr")),
    });
    parts.extend(match new.mtu {
        _ if old.mtu == new.mtu => None,
        Some(mtu) => Some(format!("set interface {name} mtu_request={mtu}")),
        None => Some(format!("clear interface {name} mtu_request")),
    });
    format!("{vsctl} {}", parts.join(" -- "))
}

fn bridge_add(switch: &Switch, owner: Option<&Owner>) -> Vec<String> {
    let name = quote(switch.name.as_str());
    let mut line = format!("ip link add {name}");
    line.extend(switch.mac.map(|mac| format!(" address {mac}")));
    line.extend(switch.first_mtu().map(|mtu| format!(" mtu {mtu}")));
    line.push_str(" type bridge");
    line.extend(switch.stp.map(|stp| format!(" stp_state {}", u8::from(stp))));
    line.extend(switch.vlan_filtering.map(|on| format!(" vlan_filtering {}", u8::from(on))));
    let mut lines = vec![line];
    // Only a change of the MTU keeps it from following the smallest port's.
    lines.extend(switch.mtu.map(|mtu| format!("ip link set {name} mtu {mtu}")));
    lines.extend(owner.map(|owner| format!("ip link set {name} alias {}", quote(&owner.alias()))));
    lines
}

fn bridge_set(old: &Switch, new: &Switch) -> Vec<String> {
    let name = quote(new.name.as_str());
    let mut lines = Vec::new();
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        lines.push(format!("ip link set {name} address {mac}"));
    }
    if let Some(mtu) = new.mtu.filter(|_| old.mtu != new.mtu) {
        lines.push(format!("ip link set {name} mtu {mtu}"));
    }
    if let Some(stp) = new.stp.filter(|_| old.stp != new.stp) {
        lines.push(format!("ip link set {name} type bridge stp_state {}", u8::from(stp)));
    }
    if let Some(on) = new.vlan_filtering.filter(|_| old.vlan_filtering != new.vlan_filtering) {
        lines.push(format!("ip link set {name} type bridge vlan_filtering {}", u8::from(on)));
    }
    lines
}

fn link_add(link: &Link, owner: Option<&Owner>) -> Vec<String> {
    let (a, b) = (&link.a, &link.b);
    let mut line = format!("{} link add {}", ip(&a.place), quote(a.name.as_str()));
    line.extend(a.mac.map(|mac| format!(" address {mac}")));
    line.extend(a.mtu.map(|mtu| format!(" mtu {mtu}")));
    line.push_str(&format!(" type veth peer name {}", quote(b.name.as_str())));
    line.extend(b.mac.map(|mac| format!(" address {mac}")));
    line.extend(b.mtu.map(|mtu| format!(" mtu {mtu}")));
    line.extend(netns_argument(&b.place).map(|netns| format!(" netns {netns}")));
    let mut lines = vec![line];
    for end in [a, b] {
        let name = quote(end.name.as_str());
        lines.extend(owner.map(|owner| format!("{} link set {name} alias {}", ip(&end.place), quote(&owner.alias()))));
        lines.extend(end.altname.iter().map(|altname| altname_add(end, altname)));
        lines.extend(end.tx_checksum.map(|on| tx_checksum(end, on)));
        if end.up {
            lines.push(format!("{} link set {name} up", ip(&end.place)));
        }
    }
    lines
}

fn altname_add(end: &End, altname: &str) -> String {
    format!("{} link property add dev {} altname {}", ip(&end.place), quote(end.name.as_str()), quote(altname))
}

fn tx_checksum(end: &End, on: bool) -> String {
    format!("{}ethtool -K {} tx {}", enter(&end.place), quote(end.name.as_str()), if on { "on" } else { "off" })
}

fn end_set(old: &End, new: &End) -> Vec<String> {
    let set = |what: String| format!("{} link set {} {what}", ip(&new.place), quote(new.name.as_str()));
    let mut lines = Vec::new();
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        lines.push(set(format!("address {mac}")));
    }
    if let Some(mtu) = new.mtu.filter(|_| old.mtu != new.mtu) {
        lines.push(set(format!("mtu {mtu}")));
    }
    if let Some(altname) = new.altname.as_ref().filter(|_| old.altname != new.altname) {
        lines.push(altname_add(new, altname));
    }
    if let Some(on) = new.tx_checksum.filter(|_| old.tx_checksum != new.tx_checksum) {
        lines.push(tx_checksum(new, on));
    }
    if old.up != new.up {
        lines.push(set(if new.up { "up" } else { "down" }.to_owned()));
    }
    lines
}

fn ovs_vlan(vlan: &Vlan) -> Vec<String> {
    let mut columns: Vec<String> = vlan.tag.iter().map(|tag| format!("tag={tag}")).collect();
    if !vlan.trunks.is_empty() {
        columns.push(format!("trunks={}", joined(vlan)));
    }
    if vlan.tag.is_some() && !vlan.trunks.is_empty() {
        columns.push("vlan_mode=native-untagged".to_owned());
    }
    columns
}

fn joined(vlan: &Vlan) -> String {
    vlan.trunks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn ovs_add_port(port: &Port, owner: Option<&Owner>, vsctl: &str) -> String {
    let device = quote(port.device.as_str());
    let mut line = format!("{vsctl} add-port {} {device}", quote(port.switch.as_str()));
    let mut columns = ovs_vlan(&port.vlan);
    let mark = owner.map(|owner| format!("external_ids:ovsns-owner={}", quote(owner.as_str())));
    columns.extend(mark.clone());
    if !columns.is_empty() {
        line.push_str(&format!(" -- set port {device} {}", columns.join(" ")));
    }
    let mut ids: Vec<String> = mark.into_iter().collect();
    if let Some(netns) = &port.netns {
        let netns = netns.to_string();
        ids.push(format!("external_ids:ovsns-netns={}", ovs_string(&netns)));
    }
    ids.extend(port.iface_id.iter().map(|id| format!("external_ids:iface-id={}", ovs_string(id))));
    if !ids.is_empty() {
        line.push_str(&format!(" -- set interface {device} {}", ids.join(" ")));
    }
    line
}

/// A string value as ovs-vsctl(8) takes it whatever it holds: in JSON's quotes, quoted again for the shell.
fn ovs_string(text: &str) -> String {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    if plain && !text.is_empty() {
        return text.to_owned();
    }
    quote(&serde_json::Value::from(text).to_string())
}

fn ovs_set_port(old: &Port, new: &Port, vsctl: &str) -> String {
    let device = quote(new.device.as_str());
    let mut parts = Vec::new();
    if old.switch != new.switch {
        parts.push(format!("del-port {} {device}", quote(old.switch.as_str())));
        parts.push(format!("add-port {} {device}", quote(new.switch.as_str())));
    }
    if old.vlan != new.vlan {
        parts.push(format!("clear port {device} tag trunks vlan_mode"));
        let columns = ovs_vlan(&new.vlan);
        if !columns.is_empty() {
            parts.push(format!("set port {device} {}", columns.join(" ")));
        }
    }
    if let Some(id) = new.iface_id.as_ref().filter(|_| old.iface_id != new.iface_id) {
        parts.push(format!("set interface {device} external_ids:iface-id={}", ovs_string(id)));
    }
    if let Some(netns) = new.netns.as_ref().filter(|_| old.netns != new.netns) {
        parts.push(format!("set interface {device} external_ids:ovsns-netns={}", ovs_string(&netns.to_string())));
    }
    format!("{vsctl} {}", parts.join(" -- "))
}

fn bridge_add_port(port: &Port) -> Vec<String> {
    let mut lines = vec![format!("ip link set {} master {}", quote(port.device.as_str()), quote(port.switch.as_str()))];
    lines.extend(bridge_vlan(port));
    lines
}

/// The `bridge vlan` commands that give a port its VLANs, starting from the default (VLAN 1, PVID, untagged).
fn bridge_vlan(port: &Port) -> Vec<String> {
    let device = quote(port.device.as_str());
    if port.vlan.is_any() {
        return Vec::new();
    }
    let mut lines = vec![format!("bridge vlan del dev {device} vid 1")];
    lines.extend(port.vlan.trunks.iter().map(|vid| format!("bridge vlan add dev {device} vid {vid}")));
    lines.extend(port.vlan.tag.map(|tag| format!("bridge vlan add dev {device} vid {tag} pvid untagged")));
    lines
}

fn bridge_set_port(old: &Port, new: &Port) -> Vec<String> {
    let device = quote(new.device.as_str());
    if old.switch != new.switch {
        return bridge_add_port(new);
    }
    let gone = old.vlan.tag.iter().chain(&old.vlan.trunks);
    let mut lines: Vec<String> = gone.map(|vid| format!("bridge vlan del dev {device} vid {vid}")).collect();
    if new.vlan.is_any() {
        lines.push(format!("bridge vlan add dev {device} vid 1 pvid untagged"));
    }
    lines.extend(bridge_vlan(new));
    lines
}

fn device_set(device: &Device) -> String {
    let state = if device.up { "up" } else { "down" };
    format!("{} link set {} {state}", ip(&device.place), quote(device.name.as_str()))
}

fn address_line(verb: &str, address: &Address) -> String {
    let nodad = if verb == "add" && address.nodad { " nodad" } else { "" };
    let device = quote(address.device.as_str());
    format!("{} address {verb} {} dev {device}{nodad}", ip(&address.place), address.address)
}

fn route_line(verb: &str, route: &Route) -> String {
    let mut line = ip(&route.place);
    if matches!(route.destination, ipnet::IpNet::V6(_)) {
        line.push_str(" -6");
    }
    line.push_str(&format!(" route {verb} {}", route.destination_text()));
    line.extend(route.via.map(|via| format!(" via {via}")));
    line.extend(route.device.iter().map(|device| format!(" dev {}", quote(device.as_str()))));
    line.extend(route.metric.map(|metric| format!(" metric {metric}")));
    line.push_str(&format!(" proto {ROUTE_PROTOCOL}"));
    line
}

/// Text as one word of the shell (POSIX.1 section 2.2.2).
fn quote(text: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',');
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_stay_one_word() {
        assert_eq!(quote("OVS-1"), "OVS-1");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("$(x)"), "'$(x)'");
        assert_eq!(ovs_string("pid:12"), r#"'"pid:12"'"#);
    }

    #[test]
    fn a_device_of_a_switch_goes_without_a_command() {
        let device = Resource::Device(Device { place: Place::Host, name: "br1".parse().unwrap(), up: true });
        assert_eq!(delete(&device, "ovs-vsctl"), Vec::<String>::new());
    }
}
