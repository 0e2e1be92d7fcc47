//! What was read of a namespace, in the shape of desired resources.

use std::collections::BTreeMap;

use crate::model::{Address, Device, End, Entry, Link, Mac, Netns, Owner, Place, Resource, Route, Sysctl};
use crate::netlink::{self, Error};

use super::places::Places;
use super::qdisc;
use super::snapshot::{Snapshot, Wish};
use super::survey::Survey;

/// The namespace itself, if it has a name. It bears its mark on its `lo`.
pub fn netns(place: &Place, snapshot: &Snapshot) -> Option<Entry> {
    let name = place.name()?;
    let alias = snapshot.named(&crate::model::IfName::lo()).and_then(|lo| lo.alias.as_deref());
    Some(Entry { resource: Resource::Netns(Netns::new(name.clone())), owner: alias.and_then(Owner::from_alias) })
}

/// A device, whatever brought it; `None` where it has a name that no user could type.
pub fn device(place: &Place, link: &netlink::Link) -> Option<Entry> {
    let mac = link.mac.map(Mac::from_octets);
    let device = Device { mac, mtu: Some(link.mtu), ..Device::new(place.clone(), link.name.parse().ok()?, link.up) };
    Some(Entry::unmarked(Resource::Device(device)))
}

/// A device, and the addresses that somebody asked for and the routes of it.
pub fn of_device(place: &Place, snapshot: &Snapshot, link: &netlink::Link) -> Vec<Entry> {
    let of_it = |found: &&netlink::Address| found.link == link.index && super::snapshot::is_asked_for(found);
    let addresses = snapshot.addresses.iter().filter(of_it).filter_map(|found| address(place, snapshot, found));
    let through = snapshot.routes.iter().filter(|found| found.link == Some(link.index));
    let routes = through.map(|found| route(place, snapshot, found));
    device(place, link).into_iter().chain(addresses).chain(routes).collect()
}

/// The addresses that were read.
pub fn addresses(place: &Place, snapshot: &Snapshot) -> Vec<Entry> {
    snapshot.addresses.iter().filter_map(|found| address(place, snapshot, found)).collect()
}

/// An address; `None` where its device has gone.
pub fn address(place: &Place, snapshot: &Snapshot, found: &netlink::Address) -> Option<Entry> {
    let address = Address::new(place.clone(), snapshot.name(found.link)?, found.address, found.is_nodad());
    Some(Entry::unmarked(Resource::Address(address)))
}

/// The routes that were read.
pub fn routes(place: &Place, snapshot: &Snapshot) -> Vec<Entry> {
    snapshot.routes.iter().map(|found| route(place, snapshot, found)).collect()
}

/// A route.
pub fn route(place: &Place, snapshot: &Snapshot, found: &netlink::Route) -> Entry {
    let route = Route {
        place: place.clone(),
        destination: found.destination,
        via: found.via,
        device: found.link.and_then(|link| snapshot.name(link)),
        metric: found.metric,
        source: found.source,
        protocol: Some(found.protocol),
    };
    Entry::unmarked(Resource::Route(route.normalised()))
}

/// The impairments of the devices that were read.
pub fn impairments(place: &Place, snapshot: &Snapshot) -> Vec<Entry> {
    let of = |(link, qdiscs): (&u32, &Vec<_>)| qdisc::impairment(place, snapshot.name(*link)?, qdiscs);
    snapshot.qdiscs.iter().filter_map(of).collect()
}

/// The settings that were asked for, as far as there are such.
pub fn sysctls(place: &Place, snapshot: &Snapshot) -> Vec<Entry> {
    let sysctl = |(key, value): &(_, String)| Resource::Sysctl(Sysctl::new(place.clone(), Clone::clone(key), value));
    snapshot.sysctls.iter().map(sysctl).map(Entry::unmarked).collect()
}

/// Where a device is, and its index there.
pub type Spot = (Place, u32);

/// Ends of veth pairs, and where the other ends are.
pub struct Pairs(BTreeMap<Spot, Spot>);

impl Pairs {
    /// Finds the other ends of `ends`, which have been read, and reads those that have not, with what else is wanted of them.
    pub fn find(places: &mut Places, survey: &mut Survey, ends: Vec<Spot>, wish: &Wish) -> Result<Pairs, Error> {
        let (mut pairs, mut wishes) = (BTreeMap::new(), BTreeMap::<Place, Wish>::new());
        for (place, index) in ends {
            let Some(link) = survey.of(&place).and_then(|seen| seen.link(index)).cloned() else { continue };
            let Some(peer) = link.peer else { continue };
            let far = survey.far(places, &place, &link)?;
            let is_read = survey.of(&far).is_some_and(|seen| seen.link(peer).is_some() || !seen.may_have(peer));
            if !is_read && !matches!(far, Place::Nsid(_)) {
                wishes.entry(far.clone()).or_insert_with(|| wish.clone()).indexes.insert(peer);
            }
            pairs.insert((place, index), (far, peer));
        }
        survey.look(places, &wishes)?;
        Ok(Pairs(pairs))
    }

    /// The places and indexes of the other ends.
    pub fn far_ends(&self) -> impl Iterator<Item = &Spot> {
        self.0.values()
    }

    /// Each pair, with the end that it was found by and the other one. One whose other end has just gone is none, nor one with
    /// a name that no user could type.
    pub fn entries<'a>(&'a self, survey: &'a Survey) -> impl Iterator<Item = (&'a Spot, &'a Spot, Entry)> + 'a {
        self.0.iter().filter_map(|(near, far)| Some((near, far, pair(survey, near, far)?)))
    }
}

fn pair(survey: &Survey, near: &Spot, far: &Spot) -> Option<Entry> {
    let of = |(place, index): &Spot| Some((survey.of(place)?, survey.of(place)?.link(*index)?));
    let (snapshot, link) = of(near)?;
    let (other, peer) = match (&far.0, of(far)) {
        (_, Some((snapshot, peer))) => (end(&far.0, snapshot, peer)?, Some(peer)),
        // What can be said of it where it cannot be seen.
        (Place::Nsid(_), None) => (End { up: false, ..End::new(far.0.clone(), "unseen".parse().ok()?) }, None),
        _ => return None,
    };
    let pair = Link::new(end(&near.0, snapshot, link)?, other);
    let is_first = pair.a.place == near.0 && pair.a.name.as_str() == link.name;
    let ends = if is_first { [Some(link), peer] } else { [peer, Some(link)] };
    let owner = ends.into_iter().flatten().find_map(|end| Owner::from_alias(end.alias.as_deref()?));
    Some(Entry { resource: Resource::Link(pair), owner })
}

fn end(place: &Place, snapshot: &Snapshot, link: &netlink::Link) -> Option<End> {
    Some(End {
        place: place.clone(),
        name: link.name.parse().ok()?,
        altname: link.altnames.first().cloned(),
        mac: link.mac.map(Mac::from_octets),
        mtu: Some(link.mtu),
        up: link.up,
        arp: Some(link.arp),
        tx_checksum: snapshot.tx_checksum(link.index),
    })
}
