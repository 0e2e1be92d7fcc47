//! Making namespaces and veth pairs, several in one go.

use crate::model::{End, Entry, Link, Netns, Owner, Place, Resource};
use crate::netlink::{Error, Netlink, Status, ethtool, link};

use super::apply::{gone, index_of};
use super::places::Places;

/// Makes namespaces whose `lo` is up and marked before anybody can see their names. One that is there with our mark will do. All of
/// them bear the same mark. Returns how many are there; of the one after them, why it is not.
pub fn netnses(places: &mut Places, wanted: &[(&Netns, Option<&Owner>)]) -> (usize, Result<(), Error>) {
    let alias = wanted.first().and_then(|(_, owner)| *owner).map(Owner::alias);
    let prepare = |netlink: &mut Netlink| {
        // A message of its own, while the device is down: see `Netlink::add_veths`.
        if let Some(alias) = &alias {
            netlink.request(link::set("lo").alias(alias).request())?;
        }
        netlink.request(link::set("lo").up().request())
    };
    let names: Vec<&str> = wanted.iter().map(|(netns, _)| netns.name.as_str()).collect();
    let mut made = places.directory().create_all(&names, prepare).into_iter();
    let mut done = 0;
    while let Some(result) = made.next() {
        let place = Place::Named(wanted[done].0.name.clone());
        let there = match result {
            Ok((netns, netlink)) => places.opened(place, netns, netlink),
            Err(Error::NetnsExists { path }) => match is_same(places, &place, alias.as_deref()) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Error::NetnsExists { path }),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = there {
            // Those behind it count as not made.
            for (name, made) in names[done + 1..].iter().zip(made) {
                if made.is_ok() {
                    drop(made);
                    let _ = places.directory().delete(name);
                }
            }
            return (done, Err(error));
        }
        done += 1;
    }
    (done, Ok(()))
}

fn is_same(places: &mut Places, place: &Place, alias: Option<&str>) -> Result<bool, Error> {
    let Some(name) = place.name() else { return Ok(false) };
    let is_live = places.directory().status(name.as_str())? == Status::Live;
    Ok(is_live && places.at(place)?.netlink.link("lo")?.and_then(|lo| lo.alias).as_deref() == alias)
}

/// Makes veth pairs whose first ends are in one namespace, and which bear the same mark. Returns how many are there; of the one
/// after them, why it is not.
pub fn links(places: &mut Places, wanted: &[(&Link, Option<&Owner>)]) -> (usize, Result<(), Error>) {
    let Some((first, owner)) = wanted.first() else { return (0, Ok(())) };
    let alias = owner.map(Owner::alias);
    let (mut veths, mut cannot) = (Vec::new(), None);
    for (pair, _) in wanted {
        match veth(places, pair, alias.clone()) {
            Ok(veth) => veths.push(veth),
            Err(error) => {
                cannot = Some(error);
                break;
            }
        }
    }
    let host = &first.a.place;
    let made = match places.at(host).and_then(|located| located.netlink.add_veths(veths)) {
        Ok(made) => made,
        Err(error) => return (0, Err(error)),
    };
    let mut made = made.into_iter();
    let mut done = 0;
    while let Some(result) = made.next() {
        let (pair, owner) = wanted[done];
        let there = match result {
            Ok(()) => finish(places, pair, alias.as_deref()).inspect_err(|_| take_back(places, host, &[pair])),
            Err(error) if error.is_exists() => adopt(places, pair, owner, error),
            Err(error) => Err(error),
        };
        if let Err(error) = there {
            let behind = wanted[done + 1..].iter().zip(made).filter(|(_, made)| made.is_ok());
            take_back(places, host, &behind.map(|((pair, _), _)| *pair).collect::<Vec<_>>());
            return (done, Err(error));
        }
        done += 1;
    }
    (done, cannot.map_or(Ok(()), Err))
}

/// What was made counts as not made: half a pair is none.
fn take_back(places: &mut Places, host: &Place, pairs: &[&Link]) {
    let names = pairs.iter().map(|pair| pair.a.name.as_str().into());
    let _ = places.at(host).and_then(|located| located.netlink.delete_links(names));
}

fn veth(places: &mut Places, pair: &Link, alias: Option<String>) -> Result<link::Veth, Error> {
    let peer_netns = if pair.b.place == pair.a.place { None } else { Some(places.at(&pair.b.place)?.netns.clone()) };
    Ok(link::Veth {
        name: pair.a.name.to_string(),
        mac: pair.a.mac.map(|mac| mac.octets()),
        mtu: pair.a.mtu,
        master: None,
        up: pair.a.up,
        noarp: pair.a.arp == Some(false),
        alias,
        group: 0,
        peer: link::VethPeer {
            name: pair.b.name.to_string(),
            netns: peer_netns,
            mac: pair.b.mac.map(|mac| mac.octets()),
            mtu: pair.b.mtu,
        },
    })
}

/// What the message that makes a pair cannot say: all of the inside end but its name, and what ethtool sets.
fn finish(places: &mut Places, pair: &Link, alias: Option<&str>) -> Result<(), Error> {
    // That message has set the first end up, and without ARP.
    if pair.a.altname.is_some() || pair.a.tx_checksum.is_some() {
        set_new_end(places, &pair.a, None)?;
    }
    set_new_end(places, &pair.b, alias)
}

fn set_new_end(places: &mut Places, end: &End, alias: Option<&str>) -> Result<(), Error> {
    let name = end.name.as_str();
    if let Some(altname) = &end.altname {
        add_altname(places, end, altname)?;
    }
    if let Some(on) = end.tx_checksum {
        set_tx_checksum(places, end, on)?;
    }
    if let Some(alias) = alias {
        // A message of its own, while the device is down: see `Netlink::add_veths`.
        places.at(&end.place)?.netlink.request(link::set(name).alias(alias).request())?;
    }
    let mut change = link::set(name);
    if let Some(on) = end.arp {
        change = change.arp(on);
    }
    if end.up {
        change = change.up();
    }
    places.at(&end.place)?.netlink.request(change.request())
}

/// A device that has the name already will do.
fn add_altname(places: &mut Places, end: &End, altname: &str) -> Result<(), Error> {
    let netlink = &mut places.at(&end.place)?.netlink;
    match netlink.request(link::add_altname(end.name.as_str(), altname)) {
        Err(error) if error.is_exists() => {
            let has_it = netlink.link(altname)?.is_some_and(|link| link.name == end.name.as_str());
            if has_it { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}

fn set_tx_checksum(places: &mut Places, end: &End, on: bool) -> Result<(), Error> {
    let index = index_of(places, &end.place, &end.name)?;
    places.at(&end.place)?.netlink.request(ethtool::set_tx_checksum(index, on))
}

/// A pair that is there already will do if it is ours and has the same ends; what is different is set.
fn adopt(places: &mut Places, pair: &Link, owner: Option<&Owner>, exists: Error) -> Result<(), Error> {
    let key = crate::model::Key::Link { place: pair.a.place.clone(), name: pair.a.name.clone() };
    let seen = super::observe::observe(places, &crate::backend::Scope::Keys(vec![key]))?;
    let wanted = Entry { resource: Resource::Link(pair.clone()), owner: owner.cloned() };
    let Some(seen) = seen.into_iter().find(|seen| seen.owner.as_ref() == owner) else { return Err(exists) };
    match (&wanted.over(&seen).resource, &seen.resource) {
        (Resource::Link(new), Resource::Link(old)) if wanted.resource.can_follow(&seen.resource) => {
            set_end(places, &old.a, &new.a)?;
            set_end(places, &old.b, &new.b)
        }
        _ => Err(exists),
    }
}

/// Sets what is different.
pub fn set_end(places: &mut Places, old: &End, new: &End) -> Result<(), Error> {
    if old == new {
        return Ok(());
    }
    let name = new.name.as_str();
    if old.altname != new.altname {
        if let Some(altname) = &old.altname {
            gone(places.at(&new.place)?.netlink.request(link::delete_altname(name, altname)))?;
        }
        if let Some(altname) = &new.altname {
            add_altname(places, new, altname)?;
        }
    }
    if let Some(on) = new.tx_checksum.filter(|_| old.tx_checksum != new.tx_checksum) {
        set_tx_checksum(places, new, on)?;
    }
    let mut change = link::set(name);
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        change = change.mac(mac.octets());
    }
    if let Some(mtu) = new.mtu.filter(|_| old.mtu != new.mtu) {
        change = change.mtu(mtu);
    }
    if let Some(on) = new.arp.filter(|_| old.arp != new.arp) {
        change = change.arp(on);
    }
    change = if new.up { change.up() } else { change.down() };
    places.at(&new.place)?.netlink.request(change.request())
}
