//! Mirrors of ports of a Linux bridge: filters at the doors of the ports' devices, each with an action that sends a copy to the
//! output (tc-mirred(8)). The action's cookie has our mark and the mirror's name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::model::{BackendName, Entry, IfName, Mirror, MirrorOutput, Owner, Resource, SwitchName};
use crate::netlink::filter::{self, Action, Filter, Hook};
use crate::netlink::qdisc::Qdisc;
use crate::netlink::{Error, Netlink};

use super::run::link_of;
use super::traffic::{self, Shaped, has_doors, shaped};

/// A port that a mirror selects by, and which of its directions.
type Tap<'a> = (&'a IfName, Hook);

const HOOKS: [Hook; 2] = [Hook::Ingress, Hook::Egress];

/// The mirrors of all bridges. One that sends to a device that is gone is none.
pub fn all(netlink: &mut Netlink, listed: &[Qdisc]) -> Result<Vec<Entry>, Error> {
    let mut found: BTreeMap<(SwitchName, String, u32), Mirror> = BTreeMap::new();
    for Shaped { device, index, switch, .. } in shaped(netlink, listed, has_doors)? {
        for filter in
            HOOKS.map(|hook| netlink.filters(index, hook)).into_iter().collect::<Result<Vec<_>, _>>()?.concat()
        {
            let (Some(name), Action::Mirror(to @ 1..)) = (name_of(&filter), &filter.action) else { continue };
            let key = (switch.clone(), name.to_owned(), *to);
            let mirror = found.entry(key).or_insert_with(|| empty(&switch, name));
            match filter.hook {
                Hook::Ingress => mirror.ingress.insert(device.clone()),
                Hook::Egress => mirror.egress.insert(device.clone()),
            };
        }
    }
    let mut entries = Vec::new();
    for ((.., to), mirror) in found {
        let Some(output) = netlink.link(to)? else { continue };
        let Ok(port) = output.name.parse() else { continue };
        let mirror = Mirror { output: MirrorOutput::Port(port), ..mirror };
        let owner = output.alias.as_deref().and_then(Owner::from_alias);
        entries.push(Entry { resource: Resource::Mirror(mirror), owner });
    }
    Ok(entries)
}

fn empty(switch: &SwitchName, name: &str) -> Mirror {
    Mirror {
        switch: switch.clone(),
        name: name.to_owned(),
        backend: BackendName::Linux,
        output: MirrorOutput::Port(IfName::lo()),
        all: false,
        ingress: BTreeSet::new(),
        egress: BTreeSet::new(),
        vlans: BTreeSet::new(),
        snaplen: None,
    }
}

/// The name of the mirror that a filter is a part of.
fn name_of(filter: &Filter) -> Option<&str> {
    let is_ours = prefs(filter.hook).contains(&filter.pref);
    filter.cookie.strip_prefix(Mirror::COOKIE_MARK).filter(|_| is_ours).and_then(|name| std::str::from_utf8(name).ok())
}

fn prefs(hook: Hook) -> RangeInclusive<u16> {
    match hook {
        Hook::Ingress => Mirror::INGRESS_PREFS,
        Hook::Egress => Mirror::EGRESS_PREFS,
    }
}

/// Makes it. What of it is there already will do.
pub fn create(netlink: &mut Netlink, wanted: &Mirror) -> Result<(), Error> {
    let listed = netlink.qdiscs()?;
    let there = all(netlink, &listed)?.into_iter().filter_map(|entry| match entry.resource {
        Resource::Mirror(mirror) if mirror.switch == wanted.switch && mirror.name == wanted.name => Some(mirror),
        _ => None,
    });
    match there.collect::<Vec<_>>().first() {
        Some(there) => change(netlink, there, wanted),
        None => put_up(netlink, wanted, &taps(wanted)),
    }
}

/// From `old` to `new`. On failure it is as it was.
pub fn change(netlink: &mut Netlink, old: &Mirror, new: &Mirror) -> Result<(), Error> {
    let kept = |tap: &Tap<'_>| old.output == new.output && taps(old).contains(tap);
    let come: BTreeSet<Tap<'_>> = taps(new).into_iter().filter(|tap| !kept(tap)).collect();
    let stays = |tap: &Tap<'_>| old.output == new.output && taps(new).contains(tap);
    let gone: BTreeSet<Tap<'_>> = taps(old).into_iter().filter(|tap| !stays(tap)).collect();
    take_down(netlink, old, &gone)?;
    put_up(netlink, new, &come).inspect_err(|_| _ = put_up(netlink, old, &gone))
}

/// Takes it away, if it is there.
pub fn delete(netlink: &mut Netlink, mirror: &Mirror) -> Result<(), Error> {
    take_down(netlink, mirror, &taps(mirror))
}

fn taps(mirror: &Mirror) -> BTreeSet<Tap<'_>> {
    let ingress = mirror.ingress.iter().map(|port| (port, Hook::Ingress));
    ingress.chain(mirror.egress.iter().map(|port| (port, Hook::Egress))).collect()
}

/// Puts filters up; all, or none.
fn put_up(netlink: &mut Netlink, mirror: &Mirror, taps: &BTreeSet<Tap<'_>>) -> Result<(), Error> {
    let output = mirror.output_port().cloned().unwrap_or_else(IfName::lo);
    let to = link_of(netlink, &output)?.index;
    let one = |netlink: &mut Netlink, (port, hook): &Tap<'_>| {
        let link = link_of(netlink, port)?.index;
        match netlink.request(filter::add_clsact(link)) {
            Err(error) if error.is_exists() => {}
            result => result?,
        }
        let there = netlink.filters(link, *hook)?;
        if there.iter().any(|filter| name_of(filter) == Some(&mirror.name) && filter.action == Action::Mirror(to)) {
            return Ok(());
        }
        netlink.request(filter::add_mirror(link, *hook, mirror.pref(prefs(*hook)), to, &mirror.cookie()))
    };
    taps.iter().try_for_each(|tap| one(netlink, tap)).inspect_err(|_| _ = take_down(netlink, mirror, taps))
}

/// Takes filters down, and the doors that have none left. A device that is gone has taken its own with it.
fn take_down(netlink: &mut Netlink, mirror: &Mirror, taps: &BTreeSet<Tap<'_>>) -> Result<(), Error> {
    for (port, hook) in taps {
        let Some(link) = super::view::find(netlink, port.as_str())? else { continue };
        traffic::take_down(netlink, link.index, *hook, |filter| name_of(filter) == Some(&mirror.name))?;
    }
    Ok(())
}
