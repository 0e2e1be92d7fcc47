//! What tc(8) cannot do for a Linux bridge, and what could.

use crate::backend::Unsupported;
use crate::model::{Mirror, MirrorOutput, Qos, QosType, Resource};

const OVS: &str = "Open vSwitch can: --backend ovs";

/// Whether a Linux bridge can have `resource`, which is none of its own but hangs on its ports.
pub fn check(resource: &Resource) -> Result<(), Unsupported> {
    match resource {
        Resource::Mirror(mirror) => check_mirror(mirror),
        Resource::Qos(qos) => check_qos(qos),
        Resource::FlowExport(export) => {
            let what = format!("{} of switch {}", export.protocol, export.switch);
            refuse(what, "the bridge of the kernel tells nobody of its flows", OVS)
        }
        _ => Ok(()),
    }
}

fn refuse(what: String, reason: &str, hint: &str) -> Result<(), Unsupported> {
    Err(Unsupported { what, backend: "linux", reason: reason.to_owned(), hint: Some(hint.to_owned()) })
}

fn check_qos(qos: &Qos) -> Result<(), Unsupported> {
    let device = &qos.device;
    if let QosType::Other(name) = &qos.discipline {
        return refuse(format!("type {name} of the queues of {device}"), "it is one of Open vSwitch", OVS);
    }
    if qos.max_rate.is_none() {
        let reason = "the kernel does not know how much the device takes";
        return refuse(format!("queues of {device} without a max-rate"), reason, "say it: --max-rate 1gbit");
    }
    Ok(())
}

fn check_mirror(mirror: &Mirror) -> Result<(), Unsupported> {
    let name = &mirror.name;
    if let MirrorOutput::Vlan(vlan) = mirror.output {
        let reason = "tc can copy a frame to a device, but not into a VLAN of the bridge";
        return refuse(format!("output VLAN {vlan} of mirror {name}"), reason, OVS);
    }
    if mirror.all {
        let hint = "name the ports: --from ns1,ns2; or let Open vSwitch do it: --backend ovs";
        return refuse(format!("mirror {name} of a whole switch"), "a Linux bridge is mirrored port by port", hint);
    }
    if !mirror.vlans.is_empty() {
        let reason = "a filter at a port sees no VLAN that the bridge gives to untagged frames";
        return refuse(format!("VLANs of mirror {name}"), reason, OVS);
    }
    if let Some(snaplen) = mirror.snaplen {
        return refuse(format!("snaplen {snaplen} of mirror {name}"), "tc copies whole frames", OVS);
    }
    if name.len() > Mirror::LINUX_NAME_MAX {
        let reason = "the name stands in the cookie of an action of tc, which is short";
        let hint = format!("choose one of {} bytes at most", Mirror::LINUX_NAME_MAX);
        return refuse(format!("mirror name {name}"), reason, &hint);
    }
    Ok(())
}
