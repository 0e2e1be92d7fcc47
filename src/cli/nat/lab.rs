//! What the translation and the published ports of a lab take besides.

use std::collections::BTreeSet;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{Entry, IfName, Key, Kind, Nat, Owner, Place, Published, Resource, State};

use super::books::Books;
use super::enter::Entering;
use super::gone::{Gone, take};
use super::wiring::Wiring;
use super::{around, notes, routes, taken};

/// The two states of a lab, with what translation takes besides: the ruleset, settings of the host, default routes in the lab's
/// namespaces; and what others lose by what goes. `None` where the table of translation has nothing to do with it, which costs
/// nothing.
///
/// `desired` says which addresses there are on what the lab makes; what is not the lab's is looked at as it is. Entries of other
/// owners stay as they are.
pub async fn for_lab(
    session: &Session<'_>,
    owner: &Owner,
    observed: &State,
    desired: &State,
) -> Result<Option<(State, State)>, Failure> {
    let gone = Gone::between(observed, desired);
    let wants = desired.entries().any(is_translation);
    let routed = || observed.entries().any(|entry| brought_and_gone(entry, desired));
    if !wants && !gone.concern_translation() && !routed() {
        return Ok(None);
    }
    let mut books = Books::open(session).await?;
    if !wants && books.observed.is_empty() {
        return Ok(None);
    }
    let own = Own::of(owner, desired);
    books.own.clone_from(&own.devices);
    let mut left = take(&mut books, &gone);
    left.extend(replace(&mut books, owner, observed, desired)?);
    follow_addresses(&mut books, desired);
    if wants {
        let around = own.around(session, observed, desired).await?;
        Entering { session, desired, own: &own, wiring: &Wiring::of(&around) }.enter(&mut books).await?;
    }
    books.settle(session, &gone.devices()).await?;
    for place in left.iter().filter(|place| !own.places.contains(*place) && !gone.ends(place)) {
        routes::remove(session, &mut books, place).await?;
    }
    keep_routes_of_others(&mut books, owner, observed, &gone);
    notes::say(session, &books.notes);
    Ok(Some(merged(owner, observed, desired, &books)))
}

/// Whether it is a translation or a published port.
fn is_translation(entry: &Entry) -> bool {
    matches!(entry.resource.kind(), Kind::Nat | Kind::Published)
}

/// Whether it is a default route that translation brought and the lab does not know of.
fn brought_and_gone(entry: &Entry, desired: &State) -> bool {
    routes::brought(&entry.resource).is_some() && !desired.contains(&entry.key())
}

/// What the lab makes itself: there its file is the whole truth.
pub struct Own {
    /// Its devices of the host.
    pub devices: BTreeSet<IfName>,
    /// Its namespaces.
    pub places: BTreeSet<Place>,
}

impl Own {
    fn of(owner: &Owner, desired: &State) -> Own {
        let own = || desired.entries().filter(|entry| entry.owner.as_ref() == Some(owner));
        let place = |entry: &Entry| match &entry.resource {
            Resource::Netns(netns) => Some(Place::Named(netns.name.clone())),
            _ => None,
        };
        let provided = own().flat_map(|entry| entry.resource.provides());
        Own {
            devices: provided.filter(|(place, _)| *place == Place::Host).map(|(_, device)| device).collect(),
            places: own().filter_map(place).collect(),
        }
    }

    /// What is to be, with what there is of that which is not the lab's but takes part.
    async fn around(&self, session: &Session<'_>, observed: &State, desired: &State) -> Result<State, Failure> {
        let wiring = Wiring::of(desired);
        let (mut devices, mut places) = (BTreeSet::new(), BTreeSet::new());
        for nat in nats(desired) {
            devices.insert(nat.switch.device());
            places.extend(wiring.guests(&nat.switch).into_iter().map(|guest| guest.place));
        }
        for published in published(desired) {
            devices.extend(wiring.ways(&published.netns).iter().map(|way| wiring.device_of(way)));
            places.insert(published.netns.clone());
        }
        let mut around = State::default();
        for place in places.difference(&self.places) {
            around::add(&mut around, &around::namespace(session, place).await?);
        }
        for device in devices.difference(&self.devices) {
            around::add(&mut around, &around::own_addresses(device)?);
        }
        // That a default route of ours is there is no reason not to want it.
        for entry in observed.entries().filter(|entry| brought_and_gone(entry, desired)) {
            around.remove(&entry.key());
        }
        around::add(&mut around, desired);
        Ok(around)
    }
}

/// The translations of a lab.
pub fn nats(desired: &State) -> impl Iterator<Item = &Nat> {
    desired.resources().filter_map(|resource| if let Resource::Nat(nat) = resource { Some(nat) } else { None })
}

/// The ports that a lab publishes.
pub fn published(desired: &State) -> impl Iterator<Item = &Published> {
    desired.resources().filter_map(|r| if let Resource::Published(published) = r { Some(published) } else { None })
}

/// Puts what the lab wants into the books, in place of what was there of it. What `observed` shows to be another's, the lab is to
/// adopt: else it would not be in it. Returns the namespaces to which a port was published that is no more.
fn replace(books: &mut Books, owner: &Owner, observed: &State, desired: &State) -> Result<BTreeSet<Place>, Failure> {
    let of_lab = |entry: &&Entry| is_translation(entry) && entry.owner.as_ref() == Some(owner);
    let before: Vec<Entry> = books.observed.entries().filter(of_lab).cloned().collect();
    before.iter().for_each(|entry| drop(books.desired.remove(&entry.key())));
    let adopted = desired.entries().filter(|entry| is_translation(entry) && observed.contains(&entry.key()));
    adopted.for_each(|entry| drop(books.desired.remove(&entry.key())));
    let (there, coming) = (Wiring::of(observed), Wiring::of(desired));
    let wanted = || desired.entries().filter(|entry| is_translation(entry));
    for entry in wanted() {
        if let Resource::Published(published) = &entry.resource {
            check_free(books, published, &there, &coming)?;
        }
        books.want(entry.resource.clone(), owner);
    }
    let kept: BTreeSet<&Place> = published(desired).map(|published| &published.netns).collect();
    let leads_to = |entry: &Entry| match &entry.resource {
        Resource::Published(published) => Some(published.netns.clone()),
        _ => None,
    };
    Ok(before.iter().filter_map(leads_to).filter(|place| !kept.contains(place)).collect())
}

/// Nothing else is to be reached where `wanted` is published: no other port, and no program of the host.
fn check_free(books: &Books, wanted: &Published, there: &Wiring<'_>, coming: &Wiring<'_>) -> Result<(), Failure> {
    if let Some(other) = taken::published(books, wanted) {
        let owner = books.owner(&Resource::Published(other.clone()).key());
        return Err(taken::already(other, &owner));
    }
    let has = |wiring: &Wiring<'_>| {
        wanted.address.is_some_and(|at| wiring.addresses_in(&Place::Host).any(|(_, net)| net.addr() == at))
    };
    // Nobody listens yet at an address that comes with the lab.
    let is_new = !books.observed.contains(&Resource::Published(wanted.clone()).key());
    if is_new && (has(there) || !has(coming)) { taken::check(wanted) } else { Ok(()) }
}

/// The networks behind devices of the lab are those of the addresses that these are to have, also where others translate them.
fn follow_addresses(books: &mut Books, desired: &State) {
    if !books.observed.contains(&Key::Ruleset) {
        return;
    }
    let (mut ruleset, wiring) = (books.ruleset(), Wiring::of(desired));
    let devices: Vec<IfName> = ruleset.networks.keys().filter(|device| books.own.contains(*device)).cloned().collect();
    for device in devices {
        let own = wiring.addresses_of(&Place::Host, &device);
        ruleset.set_networks(device, own);
    }
    books.desired.insert(Entry::unmarked(Resource::Ruleset(ruleset)));
}

/// Default routes that translation brought and that somebody else needs still, although the lab does not.
fn keep_routes_of_others(books: &mut Books, owner: &Owner, observed: &State, gone: &Gone<'_>) {
    let ruleset = books.ruleset();
    for entry in observed.entries().filter(|entry| !books.desired.contains(&entry.key())).collect::<Vec<_>>() {
        let Some(route) = routes::brought(&entry.resource) else { continue };
        if !gone.carries(&entry.resource) && routes::is_needed(books, &ruleset, route, Some(owner)) {
            books.observed.insert(entry.clone());
            books.desired.insert(entry.clone());
        }
    }
}

/// The states of the lab, with what the books know besides. What others have in the table and keep is left out, so that a plan does
/// not depend on it; the ruleset is always in it, which tells that the books were opened.
fn merged(owner: &Owner, observed: &State, desired: &State, books: &Books) -> (State, State) {
    let stays = |entry: &Entry| books.observed.get(&entry.key()) == books.desired.get(&entry.key());
    let of_others = |entry: &Entry| is_translation(entry) && entry.owner.as_ref() != Some(owner);
    let both = |books: &State, own: &State| -> State {
        let books = books.entries().filter(|entry| !(of_others(entry) && stays(entry)));
        books.chain(own.entries()).cloned().collect()
    };
    (both(&books.observed, observed), both(&books.desired, desired))
}
