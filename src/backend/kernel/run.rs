//! A batch of steps on its way to the kernel, some milliseconds at a time.

use std::time::{Duration, Instant};

use crate::model::{Entry, Link, Netns, Owner, Place, Resource};
use crate::netlink::{Error, link};
use crate::plan::{Doomed, Step};

use super::apply::{failed, one};
use super::create;
use super::places::Places;
use crate::backend::ApplyError;

/// After so long others have their turn.
const TURN: Duration = Duration::from_millis(3);
/// How many namespaces are made in one go, by two threads that live for as long: 0.3 ms each.
const NETNSES: usize = 16;
/// How many veth pairs are made in one go: 0.2 ms each.
const PAIRS: usize = 16;
/// From so many on, veth pairs go in one message: the kernel takes 15 ms for each that goes alone, and as long for all that go
/// as one group.
const MANY: usize = 3;
/// How many go in one message at most: 0.2 ms each, in which nobody else changes a device.
const GROUP: usize = 512;
/// For so many steps connections are opened ahead.
const AHEAD: usize = 64;

/// Steps, and how far they have come.
pub struct Run<'a> {
    steps: &'a [Step],
    doomed: Doomed,
    done: usize,
    /// For the steps before this one connections were opened.
    opened: usize,
}

impl<'a> Run<'a> {
    /// None is done.
    pub fn of(steps: &'a [Step]) -> Run<'a> {
        Run { steps, doomed: Doomed::by(steps), done: 0, opened: 0 }
    }

    /// Whether all are done.
    pub fn is_done(&self) -> bool {
        self.done == self.steps.len()
    }

    /// The veth pairs that are to be deleted next, as far as the run has deleted the namespace of an end of each.
    pub fn departing(&self) -> Vec<&'a Link> {
        let pairs = deletions(&self.steps[self.done..]);
        if pairs.is_empty() {
            return pairs;
        }
        let ended = Doomed::by(&self.steps[..self.done]);
        pairs.into_iter().take_while(|pair| ended.hold_an_end_of(pair)).collect()
    }

    /// Goes on for one turn, or until pairs are [`departing`](Self::departing). Returns how many steps it did.
    pub fn go_on(&mut self, places: &mut Places) -> Result<usize, ApplyError> {
        let (begin, first) = (Instant::now(), self.done);
        loop {
            let (count, result) = self.next(places);
            self.done += count;
            result.map_err(|error| ApplyError::after(self.done, failed(&self.steps[self.done], error)))?;
            if self.is_done() || begin.elapsed() >= TURN || !self.departing().is_empty() {
                return Ok(self.done - first);
            }
        }
    }

    /// Does as many steps as go together. Returns how many are done; of the one after them, why it is not.
    fn next(&mut self, places: &mut Places) -> (usize, Result<(), Error>) {
        if let Err(error) = self.open_ahead(places) {
            return (0, Err(error));
        }
        let rest = &self.steps[self.done..];
        let going = deletions(rest);
        if going.len() >= MANY {
            let result = delete_links(places, &going);
            return (if result.is_ok() { going.len() } else { 0 }, result);
        }
        let netnses = netnses(rest);
        if !netnses.is_empty() {
            return create::netnses(places, &netnses);
        }
        let pairs = pairs(rest);
        if !pairs.is_empty() {
            return create::links(places, &pairs);
        }
        let result = one(places, &rest[0], &self.doomed);
        (usize::from(result.is_ok()), result)
    }

    fn open_ahead(&mut self, places: &mut Places) -> Result<(), Error> {
        if self.done < self.opened {
            return Ok(());
        }
        let ahead = &self.steps[self.done..self.steps.len().min(self.done + AHEAD)];
        self.opened = self.done + ahead.len();
        let is_needed = |step: &&Step| !matches!(step, Step::Delete(entry) if self.doomed.take(&entry.resource));
        places.open_all(ahead.iter().filter(is_needed).filter_map(into))
    }
}

/// Where a step needs a connection into.
fn into(step: &Step) -> Option<&Place> {
    match (&step.entry().resource, step) {
        (Resource::Link(pair), Step::Delete(_)) => Some(&pair.a.place),
        (Resource::Link(pair), _) => Some(&pair.b.place),
        (Resource::Internal(device), _) => Some(&device.place),
        (Resource::Device(device), _) => Some(&device.place),
        (Resource::Sysctl(sysctl), _) => Some(&sysctl.place),
        (Resource::Address(address), _) => Some(&address.place),
        (Resource::Route(route), _) => Some(&route.place),
        (Resource::Impairment(impairment), _) => Some(&impairment.place),
        _ => None,
    }
}

/// The namespaces of one owner that the steps begin by making.
fn netnses(steps: &[Step]) -> Vec<(&Netns, Option<&Owner>)> {
    let netns = |step| match step {
        &Step::Create(Entry { resource: Resource::Netns(ref netns), ref owner }) if netns.of.is_none() => {
            Some((netns, owner.as_ref()))
        }
        _ => None,
    };
    let first = steps.first().and_then(|step| step.entry().owner.as_ref());
    steps.iter().map_while(netns).take_while(|(_, owner)| *owner == first).take(NETNSES).collect()
}

/// The veth pairs of one owner and from one namespace that the steps begin by making.
fn pairs(steps: &[Step]) -> Vec<(&Link, Option<&Owner>)> {
    let pair = |step| match step {
        &Step::Create(Entry { resource: Resource::Link(ref pair), ref owner }) => Some((pair, owner.as_ref())),
        _ => None,
    };
    let Some((first, of)) = steps.first().and_then(pair) else { return Vec::new() };
    let together = |(pair, owner): &(&Link, Option<&Owner>)| pair.a.place == first.a.place && *owner == of;
    steps.iter().map_while(pair).take_while(together).take(PAIRS).collect()
}

/// The veth pairs from one namespace that the steps begin by deleting.
fn deletions(steps: &[Step]) -> Vec<&Link> {
    let link = |step| match step {
        &Step::Delete(Entry { resource: Resource::Link(ref link), .. }) => Some(link),
        _ => None,
    };
    let links = || steps.iter().map_while(link);
    let first = links().next().map(|link| &link.a.place);
    links().take_while(|link| Some(&link.a.place) == first).take(GROUP).collect()
}

/// Nothing has gone where it fails.
fn delete_links(places: &mut Places, links: &[&Link]) -> Result<(), Error> {
    let place = &links[0].a.place;
    let names = links.iter().map(|pair| pair.a.name.as_str());
    // Those that went with their namespaces are not asked for: the kernel is not done with these yet, and would let us wait.
    let left: Vec<&str> = names.filter(|name| *place != Place::Host || link::is_there(name)).collect();
    match places.find(place)? {
        Some(located) if !left.is_empty() => located.netlink.delete_links(left.into_iter().map(Into::into)),
        _ => Ok(()),
    }
}
