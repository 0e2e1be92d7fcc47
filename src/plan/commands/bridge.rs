//! The commands of `ip` and `bridge` for the bridge of the Linux kernel and its ports.

use crate::model::setting::{Setting, Value};
use crate::model::{BackendName, Lent, Membership, Owner, Port, Settings, Switch, Vlan, VlanId};

use super::kernel::alias;
use super::shell::quote;

pub(super) fn add_switch(switch: &Switch, owner: Option<&Owner>) -> Vec<String> {
    let name = quote(switch.name.as_str());
    let mut line = format!("ip link add name {name}");
    line.extend(switch.mac.map(|mac| format!(" address {mac}")));
    line.extend(switch.first_mtu().map(|mtu| format!(" mtu {mtu}")));
    line.push_str(" type bridge");
    line.extend(switch.stp.map(|stp| format!(" stp_state {}", u8::from(stp))));
    line.extend(switch.vlan_filtering.map(|on| format!(" vlan_filtering {}", u8::from(on))));
    line.extend(words(&Settings::default(), &switch.settings));
    let mut lines = vec![line];
    // Only a change of the MTU keeps it from following the smallest port's.
    lines.extend(switch.mtu.map(|mtu| format!("ip link set dev {name} mtu {mtu}")));
    lines.extend(mark_switch(switch, owner));
    lines
}

pub(super) fn mark_switch(switch: &Switch, owner: Option<&Owner>) -> Vec<String> {
    owner.map(|owner| alias("ip", &quote(switch.name.as_str()), owner)).into_iter().collect()
}

pub(super) fn delete_switch(switch: &Switch) -> String {
    format!("ip link delete dev {} type bridge", quote(switch.name.as_str()))
}

/// What is not set any more stays as it is: the kernel has no way back to its own choice.
pub(super) fn set_switch(old: &Switch, new: &Switch) -> Vec<String> {
    let name = quote(new.name.as_str());
    let mut lines = Vec::new();
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        lines.push(format!("ip link set dev {name} address {mac}"));
    }
    if let Some(mtu) = new.mtu.filter(|_| old.mtu != new.mtu) {
        lines.push(format!("ip link set dev {name} mtu {mtu}"));
    }
    if let Some(stp) = new.stp.filter(|_| old.stp != new.stp) {
        lines.push(format!("ip link set dev {name} type bridge stp_state {}", u8::from(stp)));
    }
    if let Some(on) = new.vlan_filtering.filter(|_| old.vlan_filtering != new.vlan_filtering) {
        lines.push(format!("ip link set dev {name} type bridge vlan_filtering {}", u8::from(on)));
    }
    let words: String = words(&old.settings, &new.settings).collect();
    lines.extend((!words.is_empty()).then(|| format!("ip link set dev {name} type bridge{words}")));
    lines
}

pub(super) fn add_port(port: &Port) -> Vec<String> {
    let device = quote(port.device.as_str());
    let mut lines = vec![format!("ip link set dev {device} master {}", quote(port.switch.as_str()))];
    lines.extend(set_vlans(&device, &Vlan::default(), &port.vlan));
    lines.extend(set_settings(&device, &Settings::default(), &port.settings));
    lines.extend(set_lent(&device, port.lent.as_ref()).filter(|_| port.lent.is_some()));
    lines
}

/// The mark of what an uplink has lent, or none.
fn set_lent(device: &str, lent: Option<&Lent>) -> Option<String> {
    let alias = lent.map(Lent::alias).unwrap_or_default();
    Some(format!("ip link set dev {device} alias {}", quote(&alias)))
}

pub(super) fn delete_port(port: &Port) -> Vec<String> {
    let device = quote(port.device.as_str());
    let mut lines = vec![format!("ip link set dev {device} nomaster")];
    lines.extend(set_lent(&device, None).filter(|_| port.lent.is_some()));
    lines
}

pub(super) fn set_port(old: &Port, new: &Port) -> Vec<String> {
    // A device that changes its bridge starts there with the VLANs of a new port.
    if old.switch != new.switch {
        return add_port(new);
    }
    let device = quote(new.device.as_str());
    let mut lines = set_vlans(&device, &old.vlan, &new.vlan);
    lines.extend(set_settings(&device, &old.settings, &new.settings));
    lines.extend(set_lent(&device, new.lent.as_ref()).filter(|_| old.lent != new.lent));
    lines
}

fn set_settings(device: &str, old: &Settings, new: &Settings) -> Option<String> {
    let words: String = words(old, new).collect();
    (!words.is_empty()).then(|| format!("ip link set dev {device} type bridge_slave{words}"))
}

/// What brings settings from `old` to `new`, in the words of ip-link(8).
fn words(old: &Settings, new: &Settings) -> impl Iterator<Item = String> {
    let changes: Vec<(&Setting, Option<&Value>)> = new.differing(old).collect();
    let own = |(setting, value): (&'static Setting, Option<&Value>)| {
        word(setting, &value.cloned().or_else(|| setting.default(BackendName::Linux))?)
    };
    changes.into_iter().filter_map(own).collect::<Vec<_>>().into_iter()
}

/// Times are in hundredths of a second there.
fn word(setting: &Setting, value: &Value) -> Option<String> {
    let name = match setting.name {
        "stp-priority" | "stp-port-priority" => "priority",
        "stp-cost" => "cost",
        "stp-hello-time" => "hello_time",
        "stp-max-age" => "max_age",
        "stp-forward-delay" => "forward_delay",
        "ageing" => "ageing_time",
        "fdb-size" => "fdb_max_learned",
        "mcast-snooping" => "mcast_snooping",
        "transparent" => "group_fwd_mask",
        "vlan-protocol" => "vlan_protocol",
        "isolated" => "isolated",
        _ => return None,
    };
    let value = match (name, value) {
        ("group_fwd_mask", Value::Bool(on)) => if *on { "0xfff8" } else { "0" }.to_owned(),
        (_, Value::Bool(on)) => u8::from(*on).to_string(),
        ("hello_time" | "max_age" | "forward_delay" | "ageing_time", Value::Number(seconds)) => {
            (seconds * 100).to_string()
        }
        (_, value) => value.to_string(),
    };
    Some(format!(" {name} {value}"))
}

fn set_vlans(device: &str, old: &Vlan, new: &Vlan) -> Vec<String> {
    let (old, new) = (old.on_linux(), new.on_linux());
    let gone = old.keys().filter(|vid| !new.contains_key(vid));
    let come = new.iter().filter(|(vid, how)| old.get(vid) != Some(how));
    let add = |(vid, how): (&VlanId, &Membership)| {
        let pvid = if how.pvid { " pvid" } else { "" };
        let untagged = if how.untagged { " untagged" } else { "" };
        format!("bridge vlan add dev {device} vid {vid}{pvid}{untagged}")
    };
    gone.map(|vid| format!("bridge vlan del dev {device} vid {vid}")).chain(come.map(add)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vlan(tag: Option<u16>, trunks: &[u16]) -> Vlan {
        let id = |vid: u16| vid.try_into().unwrap();
        Vlan { tag: tag.map(id), trunks: trunks.iter().copied().map(id).collect(), ..Vlan::default() }
    }

    fn change(old: &Vlan, new: &Vlan) -> String {
        set_vlans("p", old, new).join("\n").replace("bridge vlan ", "").replace(" dev p", "")
    }

    #[test]
    fn only_what_differs_is_changed() {
        let any = Vlan::default();
        assert_eq!(change(&any, &vlan(Some(5), &[])), "del vid 1\nadd vid 5 pvid untagged");
        assert_eq!(change(&any, &vlan(None, &[1, 2])), "add vid 1\nadd vid 2");
        assert_eq!(change(&vlan(Some(5), &[6, 7]), &vlan(Some(6), &[7])), "del vid 5\nadd vid 6 pvid untagged");
        assert_eq!(change(&vlan(Some(5), &[5]), &any), "del vid 5\nadd vid 1 pvid untagged");
        assert_eq!(change(&any, &any), "");
    }
}
