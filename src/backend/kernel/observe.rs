//! From the kernel to resources.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Entry, IfName, Key, Kind, NetnsName, Place};
use crate::netlink::{self, Error};

use super::entries::{self, Pairs, Spot};
use super::internal;
use super::owned;
use super::physical;
use super::places::Places;
use super::snapshot::{Addresses, Routes, Snapshot, Wish, is_veth};
use super::survey::Survey;
use super::virtuals;
use crate::backend::Scope;

pub fn observe(places: &mut Places, scope: &Scope) -> Result<Vec<Entry>, Error> {
    match scope {
        Scope::Keys(keys) => of_keys(places, keys),
        Scope::Place(place) => whole(places, vec![place.clone()]),
        Scope::Within(place, kind @ (Kind::Device | Kind::Address | Kind::Route | Kind::Impairment)) => {
            of_kind(places, vec![place.clone()], *kind)
        }
        Scope::Switch(name) => of_device(places, &Place::Host, &name.device()),
        Scope::Within(..) | Scope::Kind(Kind::Device | Kind::Sysctl) | Scope::Ruleset => Ok(Vec::new()),
        Scope::Kind(Kind::Virtual) => of_kind(places, vec![Place::Host], Kind::Virtual),
        Scope::Kind(kind) => {
            let all = places.all()?;
            of_kind(places, all, *kind)
        }
        Scope::Owner(owner) => owned::observe(places, owner),
        Scope::All => {
            let all = places.all()?;
            whole(places, all)
        }
    }
}

/// The device of exactly this name: the kernel finds it by its alternative names too.
pub fn find_link(places: &mut Places, place: &Place, name: &IfName) -> Result<Option<netlink::Link>, Error> {
    let Some(located) = places.find(place)? else { return Ok(None) };
    Ok(located.netlink.link(name.as_str())?.filter(|link| link.name == name.as_str()))
}

fn survey(places: &mut Places, at: Vec<Place>, wish: &Wish) -> Result<Survey, Error> {
    let wishes = at.into_iter().map(|place| (place, wish.clone())).collect();
    let mut survey = Survey::default();
    survey.look(places, &wishes)?;
    Ok(survey)
}

/// Everything in these namespaces: each in turn, and each veth pair once.
fn whole(places: &mut Places, at: Vec<Place>) -> Result<Vec<Entry>, Error> {
    let mut survey = survey(places, at.clone(), &Wish::everything())?;
    let mut found = pairs(places, &mut survey)?;
    // By now it has seen the far ends of pairs, too.
    for (place, snapshot) in at.iter().filter_map(|place| Some((place, survey.of(place)?))) {
        found.extend(entries::netns(place, snapshot));
        found.extend(snapshot.links().filter_map(|link| virtuals::entry(place, snapshot, link)));
        found.extend(snapshot.links().filter_map(|link| internal::entry(place, link)));
        found.extend(snapshot.links().filter_map(|link| physical::device(place, link)));
        found.extend(entries::addresses(place, snapshot));
        found.extend(entries::routes(place, snapshot));
        found.extend(entries::impairments(place, snapshot));
    }
    Ok(found)
}

/// The veth pairs that have an end among the devices that were read, each once.
fn pairs(places: &mut Places, survey: &mut Survey) -> Result<Vec<Entry>, Error> {
    let ends = |(place, snapshot): (&Place, &Snapshot)| {
        let ends = snapshot.links().filter(|link| is_veth(link)).map(|link| (place.clone(), link.index));
        ends.collect::<Vec<_>>()
    };
    let ends = survey.seen().flat_map(ends).collect();
    let found = Pairs::find(places, survey, ends, &Wish { pairs: true, ..Wish::default() })?;
    let mut keys = BTreeSet::new();
    Ok(found.entries(survey).map(|(.., entry)| entry).filter(|entry| keys.insert(entry.key())).collect())
}

/// All of one kind in these namespaces.
fn of_kind(places: &mut Places, at: Vec<Place>, kind: Kind) -> Result<Vec<Entry>, Error> {
    let wish = match kind {
        Kind::Netns => Wish { devices: [IfName::lo()].into(), ..Wish::default() },
        Kind::Link => Wish { all_devices: true, pairs: true, ..Wish::default() },
        Kind::Device | Kind::Physical | Kind::Virtual | Kind::Internal => Wish { all_devices: true, ..Wish::default() },
        Kind::Address => Wish { addresses: Addresses::AskedFor, ..Wish::default() },
        Kind::Route => Wish { routes: Routes::All, ..Wish::default() },
        Kind::Impairment => Wish { all_devices: true, impairments: true, ..Wish::default() },
        _ => return Ok(Vec::new()),
    };
    let mut survey = survey(places, at, &wish)?;
    if kind == Kind::Link {
        return pairs(places, &mut survey);
    }
    let of = |(place, snapshot): (&Place, &Snapshot)| -> Vec<Entry> {
        match kind {
            Kind::Netns => entries::netns(place, snapshot).into_iter().collect(),
            Kind::Device => snapshot.links().filter_map(|link| entries::device(place, link)).collect(),
            Kind::Virtual => snapshot.links().filter_map(|link| virtuals::entry(place, snapshot, link)).collect(),
            Kind::Internal => snapshot.links().filter_map(|link| internal::entry(place, link)).collect(),
            Kind::Physical => snapshot.links().filter_map(|link| physical::device(place, link)).collect(),
            Kind::Address => entries::addresses(place, snapshot),
            Kind::Route => entries::routes(place, snapshot),
            _ => entries::impairments(place, snapshot),
        }
    };
    Ok(survey.seen().flat_map(of).collect())
}

fn of_device(places: &mut Places, place: &Place, name: &IfName) -> Result<Vec<Entry>, Error> {
    let wish =
        Wish { devices: [name.clone()].into(), addresses: Addresses::OfThose, routes: Routes::All, ..Wish::default() };
    let survey = survey(places, vec![place.clone()], &wish)?;
    let Some(snapshot) = survey.of(place) else { return Ok(Vec::new()) };
    let Some(link) = snapshot.named(name) else { return Ok(Vec::new()) };
    Ok(entries::of_device(place, snapshot, link))
}

/// What is wanted of each namespace, so that `keys` can be told.
fn wishes(keys: &[Key]) -> BTreeMap<Place, Wish> {
    let mut wishes: BTreeMap<Place, Wish> = BTreeMap::new();
    for key in keys {
        match key {
            Key::Netns { name } => {
                let wish = wishes.entry(Place::Named(name.clone())).or_default();
                wish.devices.insert(IfName::lo());
            }
            Key::Virtual { name } => _ = wishes.entry(Place::Host).or_default().devices.insert(name.clone()),
            Key::Link { place, name } | Key::Internal { place, name } | Key::Device { place, name } => {
                wishes.entry(place.clone()).or_default().devices.insert(name.clone());
            }
            Key::Address { place, device, .. } => {
                let wish = wishes.entry(place.clone()).or_default();
                wish.devices.insert(device.clone());
                wish.addresses = Addresses::OfThose;
            }
            Key::Route { place, destination, .. } => {
                let wish = wishes.entry(place.clone()).or_default();
                match &mut wish.routes {
                    Routes::To(destinations) => _ = destinations.insert(destination.trunc()),
                    routes => *routes = Routes::To([destination.trunc()].into()),
                }
            }
            Key::Sysctl { place, key } => _ = wishes.entry(place.clone()).or_default().sysctls.insert(key.clone()),
            Key::Impairment { place, device } => {
                let wish = wishes.entry(place.clone()).or_default();
                wish.devices.insert(device.clone());
                wish.impairments = true;
            }
            _ => {}
        }
    }
    wishes
}

fn of_keys(places: &mut Places, keys: &[Key]) -> Result<Vec<Entry>, Error> {
    let mut wishes = wishes(keys);
    if let Some(of_host) = wishes.get_mut(&Place::Host) {
        of_host.devices.retain(|name| netlink::link::is_there(name.as_str()));
    }
    let has_pairs = keys.iter().any(|key| key.kind() == Kind::Link);
    wishes.values_mut().for_each(|wish| wish.pairs = has_pairs);
    let mut survey = Survey::default();
    survey.look(places, &wishes)?;

    let end = |key: &Key| match key {
        Key::Link { place, name } => {
            let link = survey.of(place)?.named(name).filter(|link| is_veth(link))?;
            Some((place.clone(), link.index))
        }
        _ => None,
    };
    let ends = keys.iter().filter_map(end).collect();
    let pairs = Pairs::find(places, &mut survey, ends, &Wish { pairs: true, ..Wish::default() })?;
    let pairs: BTreeMap<&Spot, Entry> = pairs.entries(&survey).map(|(near, _, entry)| (near, entry)).collect();

    let mut rest: BTreeMap<Key, Entry> = BTreeMap::new();
    for (place, snapshot) in survey.seen() {
        // Whoever names an address means it, also one that would not be thought to be asked for.
        let found = [
            entries::addresses(place, snapshot),
            entries::routes(place, snapshot),
            entries::impairments(place, snapshot),
            entries::sysctls(place, snapshot),
        ];
        rest.extend(found.into_iter().flatten().map(|entry| (entry.key(), entry)));
    }
    let of_key = |key: &Key| match key {
        Key::Netns { name } => netns(&survey, name),
        Key::Link { place, name } => {
            let link = survey.of(place)?.named(name)?;
            pairs.get(&(place.clone(), link.index)).cloned()
        }
        Key::Virtual { name } => {
            let seen = survey.of(&Place::Host)?;
            virtuals::entry(&Place::Host, seen, seen.named(name)?)
        }
        Key::Internal { place, name } => internal::entry(place, survey.of(place)?.named(name)?),
        Key::Device { place, name } => entries::device(place, survey.of(place)?.named(name)?),
        _ => rest.get(key).cloned(),
    };
    let mut found: Vec<Entry> = keys.iter().filter_map(of_key).collect();
    for key in keys {
        if let Key::Physical { bus_device } = key {
            found.extend(physical::find(places, bus_device)?);
        }
    }
    Ok(found)
}

fn netns(survey: &Survey, name: &NetnsName) -> Option<Entry> {
    let place = Place::Named(name.clone());
    entries::netns(&place, survey.of(&place)?)
}
