//! What bears one owner's mark, and what is in it or on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Entry, IfName, NAT_ROUTE_PROTOCOL, Owner, Place, ROUTE_PROTOCOL};
use crate::netlink::{self, Error};

use super::entries::{self, Pairs};
use super::internal;
use super::places::Places;
use super::snapshot::{Addresses, Routes, Snapshot, Wish, is_asked_for, is_veth};
use super::survey::Survey;
use super::virtuals;

/// The protocol numbers of routes that people and we make: `RTPROT_BOOT`, `RTPROT_STATIC` (linux/rtnetlink.h), and our own. On
/// a lab's own devices those of routing daemons and DHCP are the lab's traffic, not its making.
const MADE: [u8; 4] = [3, 4, ROUTE_PROTOCOL, NAT_ROUTE_PROTOCOL];

/// One look at the devices of each namespace, and at the rest of those where one bears the mark.
pub fn observe(places: &mut Places, owner: &Owner) -> Result<Vec<Entry>, Error> {
    let alias = owner.alias();
    let everything = Wish { only_with: Some(alias.clone()), ..Wish::everything() };
    let wishes = places.all()?.into_iter().map(|place| (place, everything.clone())).collect();
    let mut survey = Survey::default();
    survey.look(places, &wishes)?;

    let bears = |link: &netlink::Link| link.alias.as_ref() == Some(&alias);
    let marked = |(place, snapshot): (&Place, &Snapshot)| {
        let marked = snapshot.links().filter(|link| bears(link) && is_veth(link));
        marked.map(|link| (place.clone(), link.index)).collect::<Vec<_>>()
    };
    let ends = survey.seen().flat_map(marked).collect();
    let pairs = Pairs::find(places, &mut survey, ends, &Wish { all_devices: false, ..Wish::everything() })?;
    let rest = unread(&survey, &pairs, &alias);
    survey.look(places, &rest)?;

    let mut on: BTreeMap<Place, BTreeSet<u32>> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (near, far, entry) in pairs.entries(&survey).filter(|(.., entry)| entry.owner.as_ref() == Some(owner)) {
        for (place, index) in [near, far] {
            on.entry(place.clone()).or_default().insert(*index);
        }
        found.insert(entry.key(), entry);
    }
    let mut found: Vec<Entry> = found.into_values().collect();
    for (place, snapshot) in survey.seen() {
        let netns = entries::netns(place, snapshot).filter(|entry| entry.owner.as_ref() == Some(owner));
        let devices = on.entry(place.clone()).or_default();
        if *place == Place::Host {
            let switches = snapshot.links().filter(|link| bears(link) && link.bridge.is_some());
            for link in switches {
                devices.insert(link.index);
                found.extend(entries::device(place, link));
            }
        }
        for link in snapshot.links().filter(|link| bears(link)) {
            let made = virtuals::entry(place, snapshot, link).or_else(|| internal::entry(place, link));
            devices.extend(made.is_some().then_some(link.index));
            found.extend(made);
        }
        found.extend(within(place, snapshot, netns.is_none().then_some(devices)));
        found.extend(netns);
    }
    Ok(found)
}

/// Where there is an end of a marked pair and nothing else that bears the mark, so that no more than the devices was read.
fn unread(survey: &Survey, pairs: &Pairs, alias: &str) -> BTreeMap<Place, Wish> {
    let mut wishes: BTreeMap<Place, Wish> = BTreeMap::new();
    for (place, index) in pairs.far_ends() {
        let Some(snapshot) = survey.of(place).filter(|seen| seen.is_complete() && !seen.has_alias(alias)) else {
            continue;
        };
        let name: Option<IfName> = snapshot.name(*index);
        let wish = wishes.entry(place.clone()).or_insert_with(|| Wish {
            addresses: Addresses::OfThose,
            routes: Routes::All,
            impairments: true,
            pairs: true,
            ..Wish::default()
        });
        wish.devices.extend(name);
    }
    wishes
}

/// The addresses, routes and impairments that are ours to say: of these devices, or of all.
fn within(place: &Place, snapshot: &Snapshot, only: Option<&mut BTreeSet<u32>>) -> Vec<Entry> {
    let counts = |link: Option<u32>| only.as_ref().is_none_or(|only| link.is_some_and(|link| only.contains(&link)));
    let addresses = snapshot.addresses.iter().filter(|found| counts(Some(found.link)) && is_asked_for(found));
    let routes = snapshot.routes.iter().filter(|found| counts(found.link) && MADE.contains(&found.protocol));
    let mut found: Vec<Entry> = addresses.filter_map(|found| entries::address(place, snapshot, found)).collect();
    found.extend(routes.map(|found| entries::route(place, snapshot, found)));
    let on_it = |entry: &Entry| match &entry.resource {
        crate::model::Resource::Impairment(impairment) => {
            counts(snapshot.named(&impairment.device).map(|link| link.index))
        }
        _ => true,
    };
    found.extend(entries::impairments(place, snapshot).into_iter().filter(on_it));
    found
}
