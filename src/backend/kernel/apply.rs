//! From steps to the kernel.

use crate::model::{
    Address, Device, End, Entry, IfName, Impairment, Link, Netns, Owner, Place, ROUTE_PROTOCOL, Resource, Route, Sysctl,
};
use crate::netlink::{self, Error, Status, address, ethtool, link, route};
use crate::plan::{Doomed, Step};

use super::entries;
use super::observe::find_link;
use super::places::Places;
use super::qdisc;
use super::snapshot::{Routes, Snapshot, Wish};
use crate::backend::{ApplyError, BackendError};

/// From so many on, veth pairs go in one message: the kernel takes 15 ms for each that goes alone, and as long for all that go
/// as one group.
const MANY: usize = 3;

/// Carries out `steps` in order.
pub fn apply(places: &mut Places, steps: &[Step]) -> Result<(), ApplyError> {
    let doomed = Doomed::by(steps);
    let mut done = 0;
    while let Some(step) = steps.get(done) {
        let run = deletions(&steps[done..]);
        let (count, result) =
            if run.len() >= MANY { (run.len(), delete_links(places, &run)) } else { (1, one(places, step, &doomed)) };
        result.map_err(|error| ApplyError::after(done, failed(step, error)))?;
        done += count;
    }
    Ok(())
}

fn failed(step: &Step, error: Error) -> BackendError {
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

/// The veth pairs of one namespace that the steps begin by deleting.
fn deletions(steps: &[Step]) -> Vec<&Link> {
    let link = |step| match step {
        &Step::Delete(Entry { resource: Resource::Link(ref link), .. }) => Some(link),
        _ => None,
    };
    let links = || steps.iter().map_while(link);
    let first = links().next().map(|link| &link.a.place);
    links().take_while(|link| Some(&link.a.place) == first).collect()
}

/// Nothing has gone where it fails.
fn delete_links(places: &mut Places, links: &[&Link]) -> Result<(), Error> {
    match places.find(&links[0].a.place)? {
        Some(located) => located.netlink.delete_links(links.iter().map(|pair| pair.a.name.as_str().into())),
        None => Ok(()),
    }
}

/// Deleting what is gone succeeds.
pub fn gone(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_missing() => Ok(()),
        result => result,
    }
}

fn one(places: &mut Places, step: &Step, doomed: &Doomed) -> Result<(), Error> {
    let owner = step.entry().owner.as_ref();
    match step {
        Step::Create(entry) => match &entry.resource {
            Resource::Netns(netns) => create_netns(places, netns, owner),
            Resource::Link(link) => create_link(places, link, owner),
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
            set_end(places, &old.a, &new.a)?;
            set_end(places, &old.b, &new.b)?;
        }
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
        _ => Vec::new(),
    };
    let alias = entry.owner.as_ref().map(Owner::alias).unwrap_or_default();
    bearers
        .into_iter()
        .try_for_each(|(place, device)| places.at(&place)?.netlink.request(link::set(device).alias(&alias).request()))
}

/// Makes a namespace whose `lo` is up and marked before anybody can see its name. One that is there with our mark will do.
fn create_netns(places: &mut Places, netns: &Netns, owner: Option<&Owner>) -> Result<(), Error> {
    let place = Place::Named(netns.name.clone());
    if let Some(of) = &netns.of {
        return attach_netns(places, &place, netns.name.as_str(), of);
    }
    let lo = || {
        let up = link::set("lo").up();
        match owner {
            Some(owner) => up.alias(&owner.alias()).request(),
            None => up.request(),
        }
    };
    match places.directory().create(netns.name.as_str(), |netlink| netlink.request(lo())) {
        Err(Error::NetnsExists { path }) => {
            let same = places.directory().status(netns.name.as_str())? == Status::Live
                && places.at(&place)?.netlink.link("lo")?.and_then(|lo| lo.alias) == owner.map(Owner::alias);
            if same { Ok(()) } else { Err(Error::NetnsExists { path }) }
        }
        result => result.and_then(|(netns, netlink)| places.opened(place, netns, netlink)),
    }
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

fn create_link(places: &mut Places, pair: &Link, owner: Option<&Owner>) -> Result<(), Error> {
    let peer_netns = if pair.b.place == pair.a.place { None } else { Some(places.at(&pair.b.place)?.netns.clone()) };
    let alias = owner.map(Owner::alias);
    let veth = link::Veth {
        name: pair.a.name.to_string(),
        mac: pair.a.mac.map(|mac| mac.octets()),
        mtu: pair.a.mtu,
        master: None,
        up: pair.a.up,
        noarp: pair.a.arp == Some(false),
        alias: alias.clone(),
        group: 0,
        peer: link::VethPeer {
            name: pair.b.name.to_string(),
            netns: peer_netns,
            mac: pair.b.mac.map(|mac| mac.octets()),
            mtu: pair.b.mtu,
        },
    };
    let made = places.at(&pair.a.place)?.netlink.request(link::add_veth(veth));
    if let Err(error) = made {
        return if error.is_exists() { adopt(places, pair, owner, error) } else { Err(error) };
    }
    finish(places, pair, alias.as_deref()).inspect_err(|_| {
        // Half a pair is none: the caller counts it as not made.
        let located = places.at(&pair.a.place);
        let _ = located.and_then(|located| located.netlink.request(link::delete(pair.a.name.as_str())));
    })
}

/// What the message that makes a pair cannot say: all of the inside end but its name, and what ethtool sets.
fn finish(places: &mut Places, pair: &Link, alias: Option<&str>) -> Result<(), Error> {
    set_new_end(places, &pair.a, None)?;
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
    let mut change = link::set(name);
    if let Some(alias) = alias {
        change = change.alias(alias);
    }
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

fn set_end(places: &mut Places, old: &End, new: &End) -> Result<(), Error> {
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
fn index_of(places: &mut Places, place: &Place, device: &IfName) -> Result<u32, Error> {
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
