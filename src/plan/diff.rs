//! The way from what is there to what should be.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::model::{Address, Datapath, Device, Entry, IfName, Key, Kind, Place, Resource, State};

use super::{Plan, Step};

impl Plan {
    /// The steps that lead from `observed` to `desired`. What both hold alike needs none; what `desired` leaves open stays.
    pub fn between(observed: &State, desired: &State) -> Plan {
        let mut target = desired.over(observed);
        if target == *observed {
            return Plan::default();
        }
        // A route that leaves its device open is not bound to the one that it had, if that goes.
        let routes = anew(observed, &target).into_iter().filter(|key| key.kind() == Kind::Route);
        routes.filter_map(|key| desired.get(&key)).for_each(|entry| target.insert(entry.clone()));
        Plan::exact(observed, &target)
    }

    /// The steps that lead from `observed` to `target` to the letter: what `target` does not set is not set in the end. That is
    /// how to go back to a state that was seen once.
    pub fn exact(observed: &State, target: &State) -> Plan {
        let own = own_devices([observed, target]);
        let observed = &without_settings_of(&own, observed);
        let target = &with_what_stays(observed, &without_settings_of(&own, target));
        let anew = anew(observed, target);
        let goes = |entry: &&Entry| !target.contains(&entry.key()) || anew.contains(&entry.key());
        let mut steps: Vec<Step> = observed.entries().filter(goes).cloned().map(Step::Delete).collect();
        steps.sort_by_cached_key(|step| Reverse(step.rank()));

        let mut arrivals: Vec<Step> = target.entries().filter_map(|entry| arrival(entry, observed, &anew)).collect();
        arrivals.sort_by_cached_key(Step::rank);

        // What is in a namespace that goes, and is not to go with it, leaves it first.
        let (mut leaving, mut arrivals): (Vec<Step>, Vec<Step>) =
            arrivals.into_iter().partition(|step| leaves(step, &steps));
        // What a device lends to a switch stays with it until it is plugged in: so long the host can be reached.
        let lenders = lenders(&arrivals);
        let (mut handed_over, mut going): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|step| stands_on_any(step, &lenders));
        let first_standing = arrivals.iter().position(|step| step.entry().resource.kind() >= Kind::Sysctl);
        let mut standing = arrivals.split_off(first_standing.unwrap_or(arrivals.len()));
        leaving.append(&mut going);
        leaving.append(&mut arrivals);
        leaving.append(&mut handed_over);
        leaving.append(&mut standing);
        Plan { steps: leaving }
    }
}

/// The own devices of the switches in `states`.
fn own_devices(states: [&State; 2]) -> BTreeSet<Key> {
    let own = |resource: &Resource| match resource {
        Resource::Switch(switch) => Some(Key::Device { place: Place::Host, name: switch.name.device() }),
        _ => None,
    };
    states.into_iter().flat_map(State::resources).filter_map(own).collect()
}

/// `state`, without what the switches set of their own devices: a switch that is made anew may give its device another address.
fn without_settings_of(own: &BTreeSet<Key>, state: &State) -> State {
    let without = |entry: &Entry| match &entry.resource {
        Resource::Device(device) if own.contains(&entry.key()) => Entry {
            resource: Resource::Device(Device::new(device.place.clone(), device.name.clone(), device.up)),
            owner: entry.owner.clone(),
        },
        _ => entry.clone(),
    };
    state.entries().map(without).collect()
}

/// `target`, with what it leaves open of devices taken from `observed`: others make them, and have set the rest. And with the
/// names that are there leading where they lead, which nobody can tell of them.
fn with_what_stays(observed: &State, target: &State) -> State {
    let over = |entry: &Entry| match observed.get(&entry.key()) {
        Some(seen) if matches!(entry.resource.kind(), Kind::Device | Kind::Netns) => {
            Entry { resource: entry.resource.over(&seen.resource), owner: entry.owner.clone() }
        }
        _ => entry.clone(),
    };
    target.entries().map(over).collect()
}

/// The step that brings `wanted` about, if one is needed.
fn arrival(wanted: &Entry, observed: &State, anew: &BTreeSet<Key>) -> Option<Step> {
    let key = wanted.key();
    match observed.get(&key) {
        Some(before) if !anew.contains(&key) => {
            let after = wanted.clone();
            (after != *before).then(|| Step::Modify { before: before.clone(), after })
        }
        _ => Some(Step::Create(wanted.clone())),
    }
}

/// The devices that lend what they have to the switch that they are plugged into.
fn lenders(arrivals: &[Step]) -> BTreeSet<IfName> {
    let lender = |step: &Step| match step {
        Step::Create(Entry { resource: Resource::Port(port), .. }) if port.lent.is_some() => Some(port.device.clone()),
        _ => None,
    };
    arrivals.iter().filter_map(lender).collect()
}

/// Whether `step` is about an address or a route of one of these devices of the host.
fn stands_on_any(step: &Step, devices: &BTreeSet<IfName>) -> bool {
    let resource = &step.entry().resource;
    let is_one = |(place, device): &(Place, IfName)| *place == Place::Host && devices.contains(device);
    matches!(resource.kind(), Kind::Address | Kind::Route) && resource.needs().iter().any(is_one)
}

/// Whether `step` moves a physical device out of a namespace that `deletions` delete.
fn leaves(step: &Step, deletions: &[Step]) -> bool {
    let Step::Modify { before: Entry { resource: Resource::Physical(before), .. }, .. } = step else { return false };
    let here =
        |step: &Step| matches!(&step.entry().resource, Resource::Netns(n) if before.place.name() == Some(&n.name));
    deletions.iter().any(here)
}

/// The keys in both states whose resource has to be deleted and made again: those that cannot follow, and those that lose what
/// they stand on.
fn anew(observed: &State, target: &State) -> BTreeSet<Key> {
    let both = || observed.entries().filter_map(|seen| Some((seen, target.get(&seen.key())?)));
    let cannot_follow = both().filter(|(seen, wanted)| !wanted.resource.can_follow(&seen.resource));
    let mut keys: BTreeSet<Key> = cannot_follow.map(|(seen, _)| seen.key()).collect();

    let devices = changing_devices(observed, target, &keys);
    let stands_on = |seen: &Entry| seen.resource.needs().iter().any(|device| devices.contains(device));
    keys.extend(both().filter(|(seen, _)| stands_on(seen)).map(|(seen, _)| seen.key()));

    let flapping = flapping_devices(both());
    let goes_down = |seen: &Entry| {
        seen.resource.goes_down_with_device() && seen.resource.needs().iter().any(|device| flapping.contains(device))
    };
    keys.extend(both().filter(|(seen, _)| goes_down(seen)).map(|(seen, _)| seen.key()));

    // Addresses before routes: a route may stand on an address that is made anew.
    for loses in [loses_address, loses_route] {
        let gone = gone_addresses(observed, target, &keys);
        let lost = both().filter(|(seen, _)| loses(&seen.resource, &gone)).map(|(seen, _)| seen.key());
        let lost: Vec<Key> = lost.collect();
        keys.extend(lost);
    }
    keys
}

/// The own devices of switches that go down for a moment: ovs-vswitchd takes a tap, which a switch of its userspace datapath has,
/// down to change its address (`netdev_linux_set_etheraddr`, lib/netdev-linux.c).
fn flapping_devices<'a>(both: impl Iterator<Item = (&'a Entry, &'a Entry)>) -> BTreeSet<(Place, IfName)> {
    let flaps = |(seen, wanted): (&Entry, &Entry)| match (&seen.resource, &wanted.resource) {
        (Resource::Switch(old), Resource::Switch(new))
            if old.mac != new.mac && old.datapath == Some(Datapath::Netdev) =>
        {
            Some((Place::Host, new.name.device()))
        }
        _ => None,
    };
    both.filter_map(flaps).collect()
}

/// The devices that go or come. One that goes takes with it what stands on it. One that comes has lost it already, or worse:
/// the row of an OVS port outlives its device and does not notice a new one of the same name.
fn changing_devices(observed: &State, target: &State, anew: &BTreeSet<Key>) -> BTreeSet<(Place, IfName)> {
    let provided = |state: &State, other: &State| {
        let changes = |entry: &&Entry| !other.contains(&entry.key()) || anew.contains(&entry.key());
        state.entries().filter(changes).flat_map(|entry| entry.resource.provides()).collect::<Vec<_>>()
    };
    provided(observed, target).into_iter().chain(provided(target, observed)).collect()
}

/// The addresses that are deleted, by place.
type Gone<'a> = BTreeMap<&'a Place, Vec<&'a Address>>;

/// The IPv4 addresses that go, for good or to be made anew. IPv6 addresses take nothing with them.
fn gone_addresses<'a>(observed: &'a State, target: &State, anew: &BTreeSet<Key>) -> Gone<'a> {
    let mut gone = Gone::new();
    for entry in observed.entries() {
        match &entry.resource {
            Resource::Address(address) if matches!(address.address, IpNet::V4(_)) => {
                let key = entry.key();
                if !target.contains(&key) || anew.contains(&key) {
                    gone.entry(&address.place).or_default().push(address);
                }
            }
            _ => {}
        }
    }
    gone
}

/// Whether `resource` is an address that may go with one of `gone`: with the first address of a subnet on a device go the other
/// ones, unless `promote_secondaries` is set (`__inet_del_ifa`, net/ipv4/devinet.c).
fn loses_address(resource: &Resource, gone: &Gone<'_>) -> bool {
    let Resource::Address(kept) = resource else { return false };
    let same_subnet = |gone: &&Address| gone.device == kept.device && gone.address.trunc() == kept.address.trunc();
    gone.get(&kept.place).is_some_and(|gone| gone.iter().any(same_subnet))
}

/// Whether `resource` is a route that may go with one of `gone`: with the last address of a device go all routes through it
/// (`fib_inetaddr_event`, net/ipv4/fib_frontend.c).
fn loses_route(resource: &Resource, gone: &Gone<'_>) -> bool {
    let Resource::Route(kept) = resource else { return false };
    let through = |gone: &&Address| match &kept.device {
        Some(device) => *device == gone.device,
        None => kept.via.is_some_and(|via| gone.address.contains(&via)),
    };
    kept.is_ipv4() && gone.get(&kept.place).is_some_and(|gone| gone.iter().any(through))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Netns, Route};

    fn address(address: &str) -> Entry {
        let place = "ns1".parse().unwrap();
        let device = "eth1".parse().unwrap();
        Entry::unmarked(Resource::Address(Address::new(place, device, address.parse().unwrap(), false)))
    }

    fn default_route(via: &str) -> Entry {
        let device = "eth1".parse().unwrap();
        Entry::unmarked(Resource::Route(Route::default_via("ns1".parse().unwrap(), via.parse().unwrap(), device)))
    }

    fn plan(observed: &[Entry], desired: &[Entry]) -> String {
        let state = |entries: &[Entry]| entries.iter().cloned().collect::<State>();
        Plan::between(&state(observed), &state(desired)).to_string()
    }

    #[test]
    fn a_name_that_is_back_is_as_it_was() {
        let attached = Netns { name: "ns1".parse().unwrap(), of: Some("pid:7".parse().unwrap()) };
        let start: State = [Entry::unmarked(Resource::Netns(attached.clone()))].into_iter().collect();
        let seen = [Entry::unmarked(Resource::Netns(Netns::new(attached.name)))].into_iter().collect();
        assert_eq!(Plan::exact(&State::default(), &start).to_string(), "+ netns ns1 of pid:7");
        assert_eq!(Plan::exact(&seen, &start), Plan::default());
    }

    #[test]
    fn an_address_may_go_with_its_subnet() {
        let (one, two, other) = (address("10.0.0.1/24"), address("10.0.0.2/24"), address("10.0.1.1/24"));
        assert_eq!(
            plan(&[one, two.clone(), other.clone()], &[two, other]),
            "- address 10.0.0.2/24 on eth1 in ns1\n\
             - address 10.0.0.1/24 on eth1 in ns1\n\
             + address 10.0.0.2/24 on eth1 in ns1"
        );
    }

    #[test]
    fn a_route_may_go_with_an_address() {
        let (old, new) = (address("10.0.0.1/24"), address("10.0.0.9/8"));
        let route = default_route("10.0.0.254");
        assert_eq!(
            plan(&[old, route.clone()], &[new, route]),
            "- route default via 10.0.0.254 dev eth1 in ns1\n\
             - address 10.0.0.1/24 on eth1 in ns1\n\
             + address 10.0.0.9/8 on eth1 in ns1\n\
             + route default via 10.0.0.254 dev eth1 in ns1"
        );
    }

    #[test]
    fn addresses_of_version_6_take_nothing_with_them() {
        let (one, two, route) = (address("fd00::1/64"), address("fd00::2/64"), default_route("fd00::fe"));
        assert_eq!(plan(&[one, two.clone(), route.clone()], &[two, route]), "- address fd00::1/64 on eth1 in ns1");
    }
}
