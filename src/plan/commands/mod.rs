//! A plan as the commands of `ip`, `bridge`, `tc`, `ethtool`, `nft` and `ovs-vsctl` that do the same, ready to be pasted.

mod bridge;
mod class;
mod filter;
mod kernel;
mod nft;
mod ovs;
mod ovs_qos;
mod police;
mod qdisc;
mod shell;
mod virtuals;

use crate::model::{BackendName, Entry, Resource};

use super::{Doomed, Plan, Step};
use ovs::Vsctl;
pub use shell::{enter, quote};

/// The commands that are equivalent to `plan`, step by step. `db` is the OVS database, unless it is the one that `ovs-vsctl`
/// finds by itself.
pub fn commands(plan: &Plan, db: Option<&str>) -> Vec<(Step, Vec<String>)> {
    let vsctl = Vsctl::new(db);
    let doomed = Doomed::by(&plan.steps);
    let of = |step: &Step| match step {
        Step::Create(entry) => create(entry, &vsctl),
        Step::Delete(entry) if doomed.take(&entry.resource) => Vec::new(),
        Step::Delete(entry) => delete(entry, &vsctl),
        Step::Modify { before, after } => modify(before, after, &vsctl),
    };
    plan.steps.iter().map(|step| (step.clone(), of(step))).collect()
}

fn create(entry: &Entry, vsctl: &Vsctl) -> Vec<String> {
    let owner = entry.owner.as_ref();
    match &entry.resource {
        Resource::Netns(netns) => kernel::add_netns(netns, owner),
        Resource::Switch(switch) => match switch.backend {
            BackendName::Ovs => vsctl.add_switch(switch, owner),
            BackendName::Linux => bridge::add_switch(switch, owner),
        },
        Resource::Link(link) => kernel::add_link(link, owner),
        Resource::Port(port) => match port.backend {
            BackendName::Ovs => vsctl.add_port(port, owner),
            BackendName::Linux => bridge::add_port(port),
        },
        Resource::Virtual(device) => virtuals::add(device, owner),
        Resource::Internal(device) => virtuals::place(device, owner),
        Resource::Device(device) => kernel::set_device(None, device),
        Resource::Sysctl(sysctl) => vec![kernel::set_sysctl(sysctl)],
        Resource::Address(address) => vec![kernel::add_address(address)],
        Resource::Route(route) => vec![kernel::add_route(route)],
        Resource::Mirror(mirror) => match mirror.backend {
            BackendName::Ovs => vsctl.add_mirror(mirror, owner),
            BackendName::Linux => filter::add_mirror(mirror),
        },
        Resource::Qos(qos) => match qos.backend {
            BackendName::Ovs => vsctl.add_qos(qos, owner),
            BackendName::Linux => class::add(qos),
        },
        Resource::Policing(policing) => match policing.backend {
            BackendName::Ovs => vsctl.set_policing(policing),
            BackendName::Linux => police::add(policing),
        },
        Resource::FlowExport(export) => vsctl.add_export(export, owner),
        Resource::Impairment(impairment) => qdisc::add(impairment),
        Resource::Physical(_) => Vec::new(),
        Resource::Ruleset(ruleset) => nft::add_ruleset(ruleset),
        Resource::Nat(_) | Resource::Published(_) => nft::add(entry),
    }
}

fn delete(entry: &Entry, vsctl: &Vsctl) -> Vec<String> {
    match &entry.resource {
        Resource::Netns(netns) => vec![kernel::delete_netns(netns)],
        Resource::Switch(switch) => match switch.backend {
            BackendName::Ovs => vsctl.delete_switch(switch),
            BackendName::Linux => vec![bridge::delete_switch(switch)],
        },
        Resource::Link(link) => vec![kernel::delete_link(link)],
        Resource::Port(port) => match port.backend {
            BackendName::Ovs => vsctl.delete_port(port),
            BackendName::Linux => bridge::delete_port(port),
        },
        Resource::Virtual(device) => virtuals::delete(device),
        Resource::Internal(device) => virtuals::give_back(device),
        // They go with what the device belongs to.
        Resource::Device(_) | Resource::Sysctl(_) => Vec::new(),
        Resource::Address(address) => vec![kernel::delete_address(address)],
        Resource::Route(route) => vec![kernel::delete_route(route)],
        Resource::Mirror(mirror) => match mirror.backend {
            BackendName::Ovs => vsctl.delete_mirror(mirror),
            BackendName::Linux => filter::delete_mirror(mirror),
        },
        Resource::Qos(qos) => match qos.backend {
            BackendName::Ovs => vsctl.delete_qos(qos),
            BackendName::Linux => class::delete(qos),
        },
        Resource::Policing(policing) => match policing.backend {
            BackendName::Ovs => vsctl.delete_policing(policing),
            BackendName::Linux => police::delete(policing),
        },
        Resource::FlowExport(export) => vsctl.delete_export(export),
        Resource::Impairment(impairment) => vec![qdisc::delete(impairment)],
        Resource::Physical(_) => Vec::new(),
        Resource::Ruleset(ruleset) => nft::delete_ruleset(ruleset),
        Resource::Nat(_) | Resource::Published(_) => nft::delete(entry),
    }
}

fn modify(before: &Entry, after: &Entry, vsctl: &Vsctl) -> Vec<String> {
    let owner = after.owner.as_ref().filter(|_| before.owner != after.owner);
    match (&before.resource, &after.resource) {
        (_, Resource::Netns(netns)) => kernel::mark_netns(netns, owner).into_iter().collect(),
        (Resource::Switch(old), Resource::Switch(new)) => match new.backend {
            BackendName::Ovs => vsctl.set_switch(old, new, owner),
            BackendName::Linux => [bridge::set_switch(old, new), bridge::mark_switch(new, owner)].concat(),
        },
        (Resource::Link(old), Resource::Link(new)) => {
            [kernel::set_end(&old.a, &new.a), kernel::set_end(&old.b, &new.b), kernel::mark_link(new, owner)].concat()
        }
        (Resource::Port(old), Resource::Port(new)) => match new.backend {
            BackendName::Ovs if old.switch != new.switch => vsctl.move_port(old, new, after.owner.as_ref()),
            BackendName::Ovs => vsctl.set_port(old, new, owner),
            BackendName::Linux => bridge::set_port(old, new),
        },
        (Resource::Virtual(old), Resource::Virtual(new)) => virtuals::set(old, new, owner),
        (Resource::Internal(old), Resource::Internal(new)) => virtuals::set_internal(old, new, owner),
        (Resource::Device(old), Resource::Device(new)) => kernel::set_device(Some(old), new),
        (_, Resource::Sysctl(sysctl)) => vec![kernel::set_sysctl(sysctl)],
        (Resource::Mirror(old), Resource::Mirror(new)) => match new.backend {
            BackendName::Ovs => vsctl.set_mirror(old, new, owner),
            BackendName::Linux => [filter::delete_mirror(old), filter::add_mirror(new)].concat(),
        },
        (Resource::Qos(old), Resource::Qos(new)) => match new.backend {
            BackendName::Ovs => vsctl.set_qos(old, new, after.owner.as_ref()),
            BackendName::Linux if old == new => Vec::new(),
            BackendName::Linux => [class::delete(old), class::add(new)].concat(),
        },
        (Resource::Policing(old), Resource::Policing(new)) => match new.backend {
            BackendName::Ovs => vsctl.set_policing(new),
            BackendName::Linux => police::set(old, new),
        },
        // A new row takes the place of the old one.
        (_, Resource::FlowExport(export)) => vsctl.add_export(export, after.owner.as_ref()),
        (Resource::Impairment(old), Resource::Impairment(new)) => qdisc::change(old, new),
        (Resource::Physical(old), Resource::Physical(new)) => kernel::relocate(old, new),
        (Resource::Ruleset(old), Resource::Ruleset(new)) => nft::set_ruleset(old, new),
        (_, Resource::Nat(_) | Resource::Published(_)) => nft::set(before, after),
        // Addresses and routes are made anew.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Device, Place};

    #[test]
    fn a_device_of_a_switch_goes_without_a_command() {
        let device = Resource::Device(Device::new(Place::Host, "br1".parse().unwrap(), true));
        assert_eq!(delete(&Entry::unmarked(device), &Vsctl::new(None)), Vec::<String>::new());
    }
}
