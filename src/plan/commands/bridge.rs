//! The commands of `ip` and `bridge` for the bridge of the Linux kernel and its ports.

use crate::model::{Lent, Owner, Port, Switch, Vlan, VlanId};

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
    lines
}

pub(super) fn add_port(port: &Port) -> Vec<String> {
    let device = quote(port.device.as_str());
    let mut lines = vec![format!("ip link set dev {device} master {}", quote(port.switch.as_str()))];
    lines.extend(set_vlans(&device, &Vlan::default(), &port.vlan));
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
    lines.extend(set_lent(&device, new.lent.as_ref()).filter(|_| old.lent != new.lent));
    lines
}

fn set_vlans(device: &str, old: &Vlan, new: &Vlan) -> Vec<String> {
    let (old, new) = (old.on_linux(), new.on_linux());
    let gone = old.keys().filter(|vid| !new.contains_key(vid));
    let come = new.iter().filter(|(vid, untagged)| old.get(vid) != Some(untagged));
    let add = |(vid, untagged): (&VlanId, &bool)| {
        let flags = if *untagged { " pvid untagged" } else { "" };
        format!("bridge vlan add dev {device} vid {vid}{flags}")
    };
    gone.map(|vid| format!("bridge vlan del dev {device} vid {vid}")).chain(come.map(add)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vlan(tag: Option<u16>, trunks: &[u16]) -> Vlan {
        let id = |vid: u16| vid.try_into().unwrap();
        Vlan { tag: tag.map(id), trunks: trunks.iter().copied().map(id).collect() }
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
