//! The commands of `ip` and `bridge` for tunnels, for VLANs of Linux bridges, and for the devices of internal ports.

use crate::model::{Device, Erspan, Internal, Owner, Place, Tos, Tunnel, TunnelType, Virtual, What};

use super::kernel::{alias, set_device};
use super::shell::{ip, netns_argument, quote};

pub(super) fn add(device: &Virtual, owner: Option<&Owner>) -> Vec<String> {
    let name = quote(device.name.as_str());
    let mac = device.mac.map(|mac| format!(" address {mac}")).unwrap_or_default();
    let mtu = device.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
    let settings = format!("name {name}{mac}{mtu}");
    let mut lines = match &device.what {
        What::Tunnel(tunnel) => vec![format!("ip link add {settings} type {}", tunnel_words(tunnel))],
        What::Vlan { switch, vlan } => {
            let switch = quote(switch.as_str());
            vec![
                format!("ip link add link {switch} {settings} type vlan id {vlan}"),
                format!("bridge vlan add dev {switch} vid {vlan} self"),
            ]
        }
    };
    lines.extend(owner.map(|owner| alias("ip", &name, owner)));
    lines.push(format!("ip link set dev {name} up"));
    lines
}

/// What stands behind `type` (ip-link(8)).
fn tunnel_words(tunnel: &Tunnel) -> String {
    let is_gre = matches!(tunnel.kind, TunnelType::Gre | TunnelType::Erspan);
    let mut words = vec![match (tunnel.kind, tunnel.is_ipv6()) {
        (TunnelType::Gre, false) => "gretap".to_owned(),
        (TunnelType::Gre, true) => "ip6gretap encaplimit none".to_owned(),
        (TunnelType::Erspan, true) => "ip6erspan encaplimit none".to_owned(),
        (kind, _) => kind.to_string(),
    }];
    let mut put = |word: &str, value: Option<String>| words.extend(value.map(|value| format!("{word} {value}")));
    let key = tunnel.key.map(|key| key.to_string());
    match is_gre {
        true if tunnel.kind == TunnelType::Erspan => put("seq key", Some(key.unwrap_or_else(|| "0".to_owned()))),
        true => put("key", key),
        false => put("id", Some(key.unwrap_or_else(|| "0".to_owned()))),
    }
    put("remote", Some(tunnel.remote.to_string()));
    put("local", tunnel.local.map(|local| local.to_string()));
    put("dstport", tunnel.port().map(|port| port.to_string()));
    put("tos", tunnel.tos.map(tos));
    put("ttl", tunnel.ttl.or(is_gre.then_some(Tunnel::TTL)).map(|ttl| ttl.to_string()));
    let may_not_be_cut = tunnel.df != Some(false);
    match (is_gre, tunnel.is_ipv6()) {
        (_, true) => put("udp6zerocsumrx", (!is_gre).then(String::new)),
        (false, false) => put("df", Some(if may_not_be_cut { "set" } else { "unset" }.to_owned())),
        (true, false) => put("nopmtudisc", (!may_not_be_cut).then(String::new)),
    }
    put(if is_gre { "csum" } else { "udpcsum" }, (tunnel.csum == Some(true)).then(String::new));
    match tunnel.erspan {
        // ip(8) does not take the index 0, which is the kernel's own.
        Some(Erspan::Index(0)) => put("erspan_ver", Some("1".to_owned())),
        Some(Erspan::Index(index)) => put("erspan_ver 1 erspan", Some(index.to_string())),
        Some(Erspan::Direction(way)) => put("erspan_ver 2 erspan_dir", Some(way.as_str().to_owned())),
        None => {}
    }
    words.iter().map(|word| word.trim_end()).collect::<Vec<_>>().join(" ")
}

fn tos(tos: Tos) -> String {
    match tos {
        Tos::Value(value) => format!("{value:#x}"),
        Tos::Inherit => "inherit".to_owned(),
    }
}

pub(super) fn delete(device: &Virtual) -> Vec<String> {
    let mut lines = vec![format!("ip link delete dev {}", quote(device.name.as_str()))];
    if let What::Vlan { switch, vlan } = &device.what {
        lines.push(format!("bridge vlan del dev {} vid {vlan} self", quote(switch.as_str())));
    }
    lines
}

pub(super) fn set(old: &Virtual, new: &Virtual, owner: Option<&Owner>) -> Vec<String> {
    let device = |of: &Virtual| Device { mac: of.mac, mtu: of.mtu, ..Device::new(Place::Host, of.name.clone(), true) };
    let mut lines = set_device(Some(&device(old)), &device(new));
    lines.extend(owner.map(|owner| alias("ip", &quote(new.name.as_str()), owner)));
    lines
}

/// The device of an internal port, from the host to where it belongs.
pub(super) fn place(device: &Internal, owner: Option<&Owner>) -> Vec<String> {
    let name = quote(device.name.as_str());
    let mut lines: Vec<String> = netns_argument(&device.place)
        .map(|netns| format!("ip link set dev {name} netns {netns}"))
        .into_iter()
        .collect();
    lines.extend(owner.map(|owner| alias(&ip(&device.place), &name, owner)));
    lines.extend(set_device(None, &as_device(device)));
    lines
}

fn as_device(of: &Internal) -> Device {
    Device { mac: of.mac, mtu: of.mtu, ..Device::new(of.place.clone(), of.name.clone(), of.up) }
}

/// The host's own namespace has no name for ip-link(8): it is that of the shell.
pub(super) fn give_back(device: &Internal) -> Vec<String> {
    let set = |what: &str| format!("{} link set dev {} {what}", ip(&device.place), quote(device.name.as_str()));
    match device.place {
        _ if device.lost => vec![format!("{} link delete dev {}", ip(&device.place), quote(device.name.as_str()))],
        Place::Host => vec![set("down")],
        _ => vec![set("down"), set("netns $$")],
    }
}

pub(super) fn set_internal(old: &Internal, new: &Internal, owner: Option<&Owner>) -> Vec<String> {
    let mut lines = set_device(Some(&as_device(old)), &as_device(new));
    lines.extend(owner.map(|owner| alias(&ip(&new.place), &quote(new.name.as_str()), owner)));
    lines
}
