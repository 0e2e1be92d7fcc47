//! Impairments as queueing disciplines, in both directions.

use crate::model::{Delay, Discipline, Entry, IfName, Impairment, Loss, Place, Rate, Resource, Spot};
use crate::netlink::qdisc::{self, Handle, Kind, Netem, Qdisc, Tbf};
use crate::netlink::{self, Error};

use super::apply::gone;
use super::places::Places;

/// What of the disciplines of a device is an impairment of ours, if any is.
pub fn impairment(place: &Place, device: IfName, qdiscs: &[Qdisc]) -> Option<Entry> {
    let impairment = read(Impairment::none(place.clone(), device), qdiscs);
    (!impairment.is_none()).then(|| Entry::unmarked(Resource::Impairment(impairment)))
}

/// `none`, with what the disciplines of ours do.
fn read(none: Impairment, qdiscs: &[Qdisc]) -> Impairment {
    let mut found = none;
    let ours = |spot: Spot| qdiscs.iter().find(|qdisc| (qdisc.parent, qdisc.handle) == place_of(spot));
    if let Some(Qdisc { kind: Kind::Netem(netem), .. }) = ours(Spot::NETEM) {
        found.delay = Some(Delay::from_nanoseconds(netem.delay)).filter(|delay| *delay > Delay::NONE);
        found.jitter = Some(Delay::from_nanoseconds(netem.jitter)).filter(|jitter| *jitter > Delay::NONE);
        found.loss = Some(Loss::from_parts(netem.loss)).filter(|loss| loss.parts() > 0);
    }
    for spot in [Spot::TBF_BELOW, Spot::TBF_ALONE] {
        if let Some(Qdisc { kind: Kind::Tbf(tbf), .. }) = ours(spot) {
            found.rate = Some(Rate::from_bytes(tbf.rate));
        }
    }
    found
}

/// What a discipline hangs on, and its own number.
fn place_of(spot: Spot) -> (Handle, Handle) {
    let parent = spot.parent.map_or(Handle::ROOT, |major| Handle { major, minor: 1 });
    (parent, Handle { major: spot.handle, minor: 0 })
}

fn kind(discipline: &Discipline) -> Kind {
    match discipline {
        Discipline::Netem { packets, delay, jitter, loss } => Kind::Netem(Netem {
            limit: *packets,
            delay: delay.map_or(0, Delay::nanoseconds),
            jitter: jitter.map_or(0, Delay::nanoseconds),
            loss: loss.map_or(0, Loss::parts),
        }),
        Discipline::Tbf(rate) => Kind::Tbf(Tbf { rate: rate.bytes(), burst: rate.burst(), limit: rate.limit() }),
    }
}

/// Impairs the device with index `link`. One of ours that is there is changed; another's is not touched: EEXIST.
pub fn create(places: &mut Places, wanted: &Impairment, link: u32) -> Result<(), Error> {
    let there = there(places, wanted, link)?;
    if !there.is_none() {
        return change(places, &there, wanted, link);
    }
    let netlink = &mut places.at(&wanted.place)?.netlink;
    for (number, (spot, discipline)) in wanted.disciplines().iter().enumerate() {
        let (parent, handle) = place_of(*spot);
        netlink.request(qdisc::add(link, parent, handle, &kind(discipline))).inspect_err(|_| {
            if number > 0 {
                // Half an impairment is none: the caller counts it as not made.
                let _ = netlink.request(qdisc::delete(link, Handle::ROOT));
            }
        })?;
    }
    Ok(())
}

fn there(places: &mut Places, like: &Impairment, link: u32) -> Result<Impairment, Error> {
    let mut qdiscs = places.at(&like.place)?.netlink.qdiscs()?;
    qdiscs.retain(|qdisc| qdisc.link == link);
    Ok(read(Impairment::none(like.place.clone(), like.device.clone()), &qdiscs))
}

/// On failure it is as it was `before`, but for packets that were waiting.
pub fn change(places: &mut Places, before: &Impairment, after: &Impairment, link: u32) -> Result<(), Error> {
    let netlink = &mut places.at(&after.place)?.netlink;
    replace(netlink, before, after, link).inspect_err(|_| {
        // It failed for something that `before` does not need, so that the way back is open.
        let _ = replace(netlink, after, before, link);
    })
}

fn replace(netlink: &mut netlink::Netlink, before: &Impairment, after: &Impairment, link: u32) -> Result<(), Error> {
    let (set_anew, taken) = after.changes_from(before);
    for (spot, discipline) in &set_anew {
        let (parent, handle) = place_of(*spot);
        netlink.request(qdisc::replace(link, parent, handle, &kind(discipline)))?;
    }
    match taken {
        Some(spot) => gone(netlink.request(qdisc::delete(link, place_of(spot).0))),
        None => Ok(()),
    }
}

/// Takes the impairment of ours away, if it is there.
pub fn delete(places: &mut Places, impairment: &Impairment, link: u32) -> Result<(), Error> {
    if there(places, impairment, link)?.is_none() {
        return Ok(());
    }
    gone(places.at(&impairment.place)?.netlink.request(qdisc::delete(link, Handle::ROOT)))
}
