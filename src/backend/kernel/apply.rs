//! From one step to the kernel.

use crate::model::{
    Address, Device, Entry, IfName, Impairment, Netns, Owner, Place, ROUTE_PROTOCOL, Resource, Route, Sysctl,
};
use crate::netlink::{self, Error, Status, address, link, route};
use crate::plan::{Doomed, Step};

use super::create;
use super::entries;
use super::internal;
use super::observe::find_link;
use super::places::Places;
use super::qdisc;
use super::snapshot::{Routes, Snapshot, Wish};
use super::virtuals;
use crate::backend::BackendError;

/// The error of a step, for the user.
pub fn failed(step: &Step, error: Error) -> BackendError {
    let verb = match step {
        Step::Create(_) => "make",
        Step::Modify { .. } => "change",
        Step::Delete(_) => "delete",
    };
    let what = format!("cannot {verb} {}", step.key());
    let hint = match (&error, &step.entry().resource) {
        (Error::NetnsExists { .. } | Error::NotNetns { .. }, Resource::Netns(netns)) => {
            Some(format!("if nothing uses that file, remove it: ovsns del-ns {}", netns.name))
        }
        (Error::Unsupported { .. }, Resource::Impairment(impairment)) => Some(no_kind(impairment)),
        (error, Resource::Impairment(impairment)) if error.is_exists() => Some(foreign_qdisc(impairment)),
        (Error::NetnsMissing { .. }, _) => {
            Some("somebody has deleted the namespace meanwhile; run it again".to_owned())
        }
        _ => None,
    };
    BackendError { hint, ..super::failed(what, error) }
}

/// The kernel has looked for the module by itself.
fn no_kind(impairment: &Impairment) -> String {
    let module = if impairment.has_netem() { "sch_netem" } else { "sch_tbf" };
    let also = if impairment.has_netem() { "; without netem, a --rate alone is possible" } else { "" };
    format!(
        "`modprobe {module}` tells what is the matter; Debian's cloud kernels are built without it, linux-image-amd64 has it{also}"
    )
}

fn foreign_qdisc(impairment: &Impairment) -> String {
    let Impairment { place, device, .. } = impairment;
    let tc = place.name().map_or_else(|| "tc".to_owned(), |name| format!("tc -n {name}"));
    format!(
        "{device} has a queueing discipline of somebody else's (`{tc} qdisc show dev {device}`); if nobody needs it, \
         `{tc} qdisc del dev {device} root` removes it"
    )
}

/// Deleting what is gone succeeds.
pub fn gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_missing() => Ok(()),
        result => result,
    }
}

/// Carries out one step.
pub fn one(places: &mut Places, step: &Step, doomed: &Doomed) -> Result<(), Error> {
    let owner = step.entry().owner.as_ref();
    match step {
        Step::Create(entry) => match &entry.resource {
            Resource::Netns(Netns { name, of: Some(of) }) => {
                attach_netns(places, &Place::Named(name.clone()), name.as_str(), of)
            }
            Resource::Netns(netns) => create::netnses(places, &[(netns, owner)]).1,
            Resource::Link(link) => create::links(places, &[(link, owner)]).1,
            Resource::Virtual(device) => virtuals::create(places, device, owner),
            Resource::Internal(device) => internal::create(places, device, owner),
            Resource::Device(device) => set_device(places, device),
            Resource::Address(address) => add_address(places, address),
            Resource::Route(route) => add_route(places, route),
            Resource::Sysctl(sysctl) => set_sysctl(places, sysctl),
            Resource::Impairment(impairment) => {
                let link = index_of(places, &impairment.place, &impairment.device)?;
                qdisc::create(places, impairment, link)
            }
            Resource::Physical(_)
            | Resource::Switch(_)
            | Resource::Port(_)
            | Resource::Mirror(_)
            | Resource::Qos(_)
            | Resource::Policing(_)
            | Resource::FlowExport(_)
            | Resource::Ruleset(_)
            | Resource::Nat(_)
            | Resource::Published(_) => Ok(()),
        },
        Step::Delete(entry) if doomed.take(&entry.resource) => Ok(()),
        Step::Delete(entry) => match &entry.resource {
            Resource::Netns(netns) => {
                places.close(&Place::Named(netns.name.clone()));
                places.directory().delete(netns.name.as_str())
            }
            Resource::Link(pair) => match places.find(&pair.a.place)? {
                Some(located) => gone(located.netlink.request(link::delete(pair.a.name.as_str()))),
                None => Ok(()),
            },
            Resource::Virtual(device) => virtuals::delete(places, device),
            Resource::Internal(device) => internal::delete(places, device),
            Resource::Address(address) => delete_address(places, address),
            Resource::Route(route) => delete_route(places, route),
            Resource::Impairment(impairment) => match index(places, &impairment.place, &impairment.device)? {
                Some(link) => qdisc::delete(places, impairment, link),
                None => Ok(()),
            },
            // It goes with what brought it.
            Resource::Device(_) | Resource::Sysctl(_) => Ok(()),
            Resource::Physical(_)
            | Resource::Switch(_)
            | Resource::Port(_)
            | Resource::Mirror(_)
            | Resource::Qos(_)
            | Resource::Policing(_)
            | Resource::FlowExport(_)
            | Resource::Ruleset(_)
            | Resource::Nat(_)
            | Resource::Published(_) => Ok(()),
        },
        Step::Modify { before, after } => modify(places, before, after),
    }
}

fn modify(places: &mut Places, before: &Entry, after: &Entry) -> Result<(), Error> {
    match (&before.resource, &after.resource) {
        (Resource::Link(old), Resource::Link(new)) => {
            create::set_end(places, &old.a, &new.a)?;
            create::set_end(places, &old.b, &new.b)?;
        }
        (Resource::Virtual(old), Resource::Virtual(new)) => virtuals::set(places, old, new)?,
        (Resource::Internal(old), Resource::Internal(new)) => internal::set(places, old, new)?,
        (_, Resource::Device(device)) => set_device(places, device)?,
        (_, Resource::Sysctl(sysctl)) => set_sysctl(places, sysctl)?,
        (Resource::Impairment(old), Resource::Impairment(new)) => {
            let link = index_of(places, &new.place, &new.device)?;
            qdisc::change(places, old, new, link)?;
        }
        (Resource::Physical(old), Resource::Physical(new)) => super::physical::relocate(places, old, new)?,
        _ => {}
    }
    if before.owner == after.owner { Ok(()) } else { mark(places, after) }
}

/// Puts the owner's mark on what bears one, or takes it off.
fn mark(places: &mut Places, entry: &Entry) -> Result<(), Error> {
    let bearers = match &entry.resource {
        Resource::Netns(netns) => vec![(Place::Named(netns.name.clone()), "lo")],
        Resource::Link(pair) => [&pair.a, &pair.b].map(|end| (end.place.clone(), end.name.as_str())).into(),
        Resource::Virtual(device) => vec![(Place::Host, device.name.as_str())],
        Resource::Internal(device) => vec![(device.place.clone(), device.name.as_str())],
        _ => Vec::new(),
    };
    let alias = entry.owner.as_ref().map(Owner::alias).unwrap_or_default();
    bearers
        .into_iter()
        .try_for_each(|(place, device)| places.at(&place)?.netlink.request(link::set(device).alias(&alias).request()))
}

/// Gives a namespace that is there a name; what is in it stays as it is. A name that it has already will do.
fn attach_netns(places: &mut Places, place: &Place, name: &str, of: &Place) -> Result<(), Error> {
    let netns = places.file(of)?;
    match places.directory().attach(name, &netns) {
        Err(Error::NetnsExists { path }) => {
            let same = places.directory().status(name)? == Status::Live && places.file(place)?.is_same(&netns)?;
            if same { Ok(()) } else { Err(Error::NetnsExists { path }) }
        }
        result => result,
    }
}

fn set_device(places: &mut Places, device: &Device) -> Result<(), Error> {
    let name = device.name.as_str();
    let located = places.at(&device.place)?;
    let there = located.netlink.link(name)?;
    // A message each: of several settings the kernel may make some when it refuses another.
    if let Some(mac) = device.mac.filter(|mac| there.as_ref().and_then(|there| there.mac) != Some(mac.octets())) {
        located.netlink.request(link::set(name).mac(mac.octets()).request())?;
    }
    if let Some(mtu) = device.mtu.filter(|mtu| there.as_ref().map(|there| there.mtu) != Some(*mtu)) {
        located.netlink.request(link::set(name).mtu(mtu).request())?;
    }
    let change = link::set(name);
    located.netlink.request(if device.up { change.up() } else { change.down() }.request())
}

fn set_sysctl(places: &mut Places, sysctl: &Sysctl) -> Result<(), Error> {
    netlink::sysctl::write(&places.at(&sysctl.place)?.netns, &sysctl.key.path(), &sysctl.value)
}

fn index(places: &mut Places, place: &Place, device: &IfName) -> Result<Option<u32>, Error> {
    Ok(find_link(places, place, device)?.map(|link| link.index))
}

/// The same of a device that has to be there, in a namespace that has to be there.
pub fn index_of(places: &mut Places, place: &Place, device: &IfName) -> Result<u32, Error> {
    places.at(place)?;
    index(places, place, device)?.ok_or_else(|| Error::Io {
        action: format!("find device {device} in namespace {place}"),
        source: std::io::Error::from_raw_os_error(nix::libc::ENODEV),
    })
}

fn add_address(places: &mut Places, wanted: &Address) -> Result<(), Error> {
    let index = index_of(places, &wanted.place, &wanted.device)?;
    match places.at(&wanted.place)?.netlink.request(address::add(index, wanted.address, wanted.nodad)) {
        // The device has just this address.
        Err(error) if error.is_exists() => Ok(()),
        result => result,
    }
}

fn delete_address(places: &mut Places, wanted: &Address) -> Result<(), Error> {
    match index(places, &wanted.place, &wanted.device)? {
        Some(index) => gone(places.at(&wanted.place)?.netlink.request(address::delete(index, wanted.address))),
        None => Ok(()),
    }
}

fn kernel_route(places: &mut Places, wanted: &Route) -> Result<netlink::Route, Error> {
    let link = match &wanted.device {
        None => None,
        Some(device) => Some(index_of(places, &wanted.place, device)?),
    };
    Ok(netlink::Route {
        destination: wanted.destination,
        via: wanted.via,
        link,
        metric: wanted.metric,
        source: wanted.source,
        protocol: wanted.protocol.unwrap_or(ROUTE_PROTOCOL),
        several_hops: false,
    })
}

fn add_route(places: &mut Places, wanted: &Route) -> Result<(), Error> {
    let request = route::add(&kernel_route(places, wanted)?);
    let located = places.at(&wanted.place)?;
    match located.netlink.request(request) {
        Err(error) if error.is_exists() => {
            let routes = Routes::To([wanted.destination.trunc()].into());
            let snapshot = Snapshot::read(&mut located.netlink, &Wish { routes, ..Wish::default() })?;
            let resource = Resource::Route(wanted.clone());
            let same = |seen: &Entry| seen.key() == resource.key() && resource.over(&seen.resource) == seen.resource;
            if entries::routes(&wanted.place, &snapshot).iter().any(same) { Ok(()) } else { Err(error) }
        }
        result => result,
    }
}

/// Whoever's it is: the user named it.
fn delete_route(places: &mut Places, wanted: &Route) -> Result<(), Error> {
    match kernel_route(places, wanted) {
        Ok(route) => {
            // `RTPROT_UNSPEC` matches any protocol.
            let any = netlink::Route { protocol: 0, ..route };
            gone(places.at(&wanted.place)?.netlink.request(route::delete(&any)))
        }
        Err(error) if error.is_missing() => Ok(()),
        Err(error) => Err(error),
    }
}
