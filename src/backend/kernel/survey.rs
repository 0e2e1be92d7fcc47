//! A look at many namespaces in one go, and which of them the ends of veth pairs are in.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::model::Place;
use crate::netlink::{self, Error, Link, Netlink, NetnsFile, Traveller, nsid, travel};

use super::places::Places;
use super::snapshot::{Snapshot, Wish};

/// From so many namespaces on, those that the host has no number for are given one, which the kernel does by itself for all
/// to which a link of the host leads: to ask each for the number of each other takes the square of their number.
const MANY: usize = 16;

/// What was read of some namespaces.
#[derive(Default)]
pub struct Survey {
    seen: BTreeMap<Place, Snapshot>,
    /// Which number is which namespace, as the host sees it.
    places: HashMap<i32, Place>,
    numbers: HashMap<Place, i32>,
    /// The same as other places see it, by place.
    others: HashMap<Place, HashMap<i32, Place>>,
    is_numbered: bool,
}

impl Survey {
    /// Reads what is wanted of each place. A place that leads nowhere is left out.
    pub fn look(&mut self, places: &mut Places, wishes: &BTreeMap<Place, Wish>) -> Result<(), Error> {
        if let Some(wish) = wishes.get(&Place::Host) {
            let snapshot = Snapshot::read(&mut places.at(&Place::Host)?.netlink, wish)?;
            self.keep(Place::Host, snapshot);
        }
        let mut stops = Vec::new();
        for (place, wish) in wishes.iter().filter(|(place, _)| **place != Place::Host) {
            places.visited(place);
            stops.extend(places.path(place)?.map(|path| (place, path, wish)));
        }
        if stops.is_empty() {
            return Ok(());
        }
        let visited = visit_all(&stops)?;
        for (place, number, snapshot) in visited {
            self.number(&place, number);
            self.keep(place, snapshot);
        }
        Ok(())
    }

    fn keep(&mut self, place: Place, snapshot: Snapshot) {
        match self.seen.get_mut(&place) {
            Some(seen) => seen.add(snapshot),
            None => _ = self.seen.insert(place, snapshot),
        }
    }

    fn number(&mut self, place: &Place, number: Option<i32>) {
        if let Some(number) = number {
            self.places.entry(number).or_insert_with(|| place.clone());
            self.numbers.insert(place.clone(), number);
        }
    }

    /// What was read, by place.
    pub fn seen(&self) -> impl Iterator<Item = (&Place, &Snapshot)> {
        self.seen.iter()
    }

    /// What was read of `place`.
    pub fn of(&self, place: &Place) -> Option<&Snapshot> {
        self.seen.get(place)
    }

    /// Where the other end of `link`, an end of a veth pair at `place`, is.
    pub fn far(&mut self, places: &mut Places, place: &Place, link: &Link) -> Result<Place, Error> {
        let Some(nsid) = link.peer_nsid else { return Ok(place.clone()) };
        let known = match place {
            Place::Host => self.places.get(&nsid).cloned(),
            _ if self.leads_to_host(place, link) => Some(Place::Host),
            _ => self.seen_from(places, place)?.get(&nsid).cloned(),
        };
        match known {
            Some(far) => Ok(far),
            None => places.of_nsid(place, nsid, self.seen.keys()),
        }
    }

    /// Whether the device of the host with the index of the other end has `link` for its own other end.
    fn leads_to_host(&self, place: &Place, link: &Link) -> bool {
        let other = self.of(&Place::Host).and_then(|host| host.link(link.peer?));
        let back = |other: &Link| other.peer == Some(link.index) && other.kind == link.kind;
        let there = |other: &Link| other.peer_nsid.and_then(|nsid| self.places.get(&nsid)) == Some(place);
        other.is_some_and(|other| back(other) && there(other))
    }

    /// Which number is which namespace, as `place` sees it: the host knows, of those that it has a number for itself.
    fn seen_from(&mut self, places: &mut Places, place: &Place) -> Result<&HashMap<i32, Place>, Error> {
        if !self.others.contains_key(place) {
            self.number_all(places)?;
            let numbers = match self.numbers.get(place) {
                Some(number) => self.translated(places, *number)?,
                None => HashMap::new(),
            };
            self.others.insert(place.clone(), numbers);
        }
        Ok(&self.others[place])
    }

    fn translated(&self, places: &mut Places, target: i32) -> Result<HashMap<i32, Place>, Error> {
        let own = NetnsFile::host()?;
        let host = &mut places.at(&Place::Host)?.netlink;
        // An older kernel does not tell, and then each place is asked.
        let numbers = host.numbers_of(target).unwrap_or_default();
        let known = |number: netlink::nsid::Number| Some((number.there, self.places.get(&number.here?)?.clone()));
        let mut translated: HashMap<i32, Place> = numbers.into_iter().filter_map(known).collect();
        if let Ok(Some(number)) = host.nsid_in(target, &own) {
            translated.insert(number, Place::Host);
        }
        Ok(translated)
    }

    fn number_all(&mut self, places: &mut Places) -> Result<(), Error> {
        if self.is_numbered || self.seen.len() < MANY {
            return Ok(());
        }
        self.is_numbered = true;
        let without = |place: &&Place| **place != Place::Host && !self.numbers.contains_key(place);
        let without: Vec<Place> = self.seen.keys().filter(without).cloned().collect();
        for place in without {
            let Ok(netns) = places.file(&place) else { continue };
            let host = &mut places.at(&Place::Host)?.netlink;
            // Who may not, or comes second, asks all the same.
            let _ = host.request(nsid::assign(&netns));
            let number = host.nsid(&netns)?;
            self.number(&place, number);
        }
        Ok(())
    }
}

/// A place, the way to it, and what is wanted there.
type Stop<'a> = (&'a Place, PathBuf, &'a Wish);
/// A place, its number as the host sees it, and what was read of it.
type Visited = (Place, Option<i32>, Snapshot);

/// Goes to all of these places; many are shared out to two threads.
fn visit_all(stops: &[Stop<'_>]) -> Result<Vec<Visited>, Error> {
    let near = if stops.len() < MANY { stops.len() } else { stops.len().div_ceil(2) };
    let (one, other) = stops.split_at(near);
    if other.is_empty() {
        return tour(one);
    }
    let (one, other) = std::thread::scope(|scope| {
        let helper = std::thread::Builder::new().spawn_scoped(scope, || tour(other));
        let one = tour(one);
        let other = match helper {
            Ok(helper) => helper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => tour(other),
        };
        (one, other)
    });
    let mut visited = one?;
    visited.extend(other?);
    Ok(visited)
}

fn tour(stops: &[Stop<'_>]) -> Result<Vec<Visited>, Error> {
    travel(|traveller| {
        let mut host = Netlink::host()?;
        let visit = |(place, path, wish): &Stop<'_>| {
            let seen = visit(traveller, &mut host, path, wish).transpose()?;
            Some(seen.map(|(number, snapshot)| (Place::clone(place), number, snapshot)))
        };
        stops.iter().filter_map(visit).collect()
    })
}

/// The number of a namespace in that of `host`, and what is wanted of it; `None` where there is none.
fn visit(
    traveller: &Traveller,
    host: &mut Netlink,
    path: &Path,
    wish: &Wish,
) -> Result<Option<(Option<i32>, Snapshot)>, Error> {
    match NetnsFile::open_and_number(path, host) {
        Ok((netns, number)) => {
            let snapshot = traveller.visit(&netns, |netlink| Snapshot::read(netlink, wish))??;
            Ok(Some((number, snapshot)))
        }
        Err(Error::NetnsMissing { .. } | Error::NotNetns { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
