//! What is done to the traffic of a bridge's ports by tc(8).

use std::collections::BTreeSet;

use crate::backend::Scope;
use crate::model::{Entry, IfName, Key, Kind, Resource, SwitchName};
use crate::netlink::filter::{self, Filter, Hook};
use crate::netlink::qdisc::{self, Qdisc};
use crate::netlink::{Error, Netlink};

use super::{mirror, policing, qos};

/// A port that has a discipline of ours, or doors.
pub struct Shaped {
    pub device: IfName,
    pub index: u32,
    pub switch: SwitchName,
    /// The mark on the device.
    pub alias: Option<String>,
}

/// Whether a discipline is the one that filters at the doors hang on.
pub fn has_doors(qdisc: &Qdisc) -> bool {
    qdisc.kind == qdisc::Kind::Other("clsact".to_owned())
}

/// The ports of bridges that have a discipline of a kind among `listed`: one listing tells of all devices, and only those are asked for.
pub fn shaped(netlink: &mut Netlink, listed: &[Qdisc], wanted: impl Fn(&Qdisc) -> bool) -> Result<Vec<Shaped>, Error> {
    let indexes: BTreeSet<u32> = listed.iter().filter(|qdisc| wanted(qdisc)).map(|qdisc| qdisc.link).collect();
    let mut found = Vec::new();
    for index in indexes {
        let Some(link) = netlink.link(index)? else { continue };
        let Some(master) = link.master else { continue };
        let Some(bridge) = netlink.link(master)?.filter(|master| master.bridge.is_some()) else { continue };
        if let (Ok(device), Ok(switch)) = (link.name.parse(), bridge.name.parse()) {
            found.push(Shaped { device, index, switch, alias: link.alias });
        }
    }
    Ok(found)
}

/// Takes down the filters at one door that are `ours`, then what is left empty: the list of their preference, and both doors.
pub fn take_down(netlink: &mut Netlink, link: u32, hook: Hook, ours: impl Fn(&Filter) -> bool) -> Result<(), Error> {
    let (gone, stay): (Vec<Filter>, Vec<Filter>) = netlink.filters(link, hook)?.into_iter().partition(|f| ours(f));
    for filter in &gone {
        let alone = stay.iter().all(|other| other.pref != filter.pref);
        let request = if alone { filter::delete_all(link, hook, filter.pref) } else { filter::delete(filter) };
        missing_is_well(netlink.request(request))?;
    }
    // Nothing tells whose empty doors are, and nothing depends on them.
    let empty = !netlink.has_filters(link, Hook::Ingress)? && !netlink.has_filters(link, Hook::Egress)?;
    if gone.is_empty() || !empty { Ok(()) } else { missing_is_well(netlink.request(filter::delete_clsact(link))) }
}

pub fn missing_is_well(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_missing() => Ok(()),
        result => result,
    }
}

/// What there is within `scope`.
pub fn observe(netlink: &mut Netlink, scope: &Scope) -> Result<Vec<Entry>, Error> {
    let asked = |kind: Kind| match scope {
        Scope::Keys(keys) => keys.iter().any(|key| key.kind() == kind),
        Scope::Kind(asked) => *asked == kind,
        Scope::Switch(_) | Scope::Owner(_) | Scope::All => true,
        Scope::Place(_) | Scope::Within(..) | Scope::Ruleset => false,
    };
    type All = fn(&mut Netlink, &[Qdisc]) -> Result<Vec<Entry>, Error>;
    let kinds: [(Kind, All); 3] = [(Kind::Mirror, mirror::all), (Kind::Qos, qos::all), (Kind::Policing, policing::all)];
    let kinds: Vec<All> = kinds.into_iter().filter(|(kind, _)| asked(*kind)).map(|(_, all)| all).collect();
    if kinds.is_empty() {
        return Ok(Vec::new());
    }
    let listed = netlink.qdiscs()?;
    let mut found = Vec::new();
    for all in kinds {
        found.extend(all(netlink, &listed)?);
    }
    let keys: BTreeSet<&Key> = if let Scope::Keys(keys) = scope { keys.iter().collect() } else { BTreeSet::new() };
    found.retain(|entry| match scope {
        Scope::Keys(_) => keys.contains(&entry.key()),
        Scope::Switch(name) => switch_of(&entry.resource) == Some(name),
        Scope::Owner(owner) => entry.owner.as_ref() == Some(owner),
        _ => true,
    });
    Ok(found)
}

fn switch_of(resource: &Resource) -> Option<&SwitchName> {
    match resource {
        Resource::Mirror(mirror) => Some(&mirror.switch),
        Resource::Qos(qos) => Some(&qos.switch),
        Resource::Policing(policing) => Some(&policing.switch),
        _ => None,
    }
}
