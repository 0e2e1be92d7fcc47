//! Limits of what comes in by ports of a Linux bridge: filters at the ingress of the port's device, by tc-police(8). The cookie of their
//! actions is our mark, and their preference tells which is which.

use crate::model::{BackendName, Burst, Entry, Owner, Policing, Rate, Resource};
use crate::netlink::filter::{self, Action, Filter, Hook};
use crate::netlink::police::{self, Frames, Police};
use crate::netlink::qdisc::Qdisc;
use crate::netlink::{Error, Netlink};

use super::run::link_of;
use super::traffic::{self, Shaped, has_doors, shaped};
use super::view::find;

fn is_ours(filter: &Filter) -> bool {
    filter.cookie == Policing::COOKIE && [Policing::STORM_PREF, Policing::RATE_PREF].contains(&filter.pref)
}

/// The limits of the ports of all bridges. They bear the mark of their device.
pub fn all(netlink: &mut Netlink, listed: &[Qdisc]) -> Result<Vec<Entry>, Error> {
    let mut found = Vec::new();
    for Shaped { device, index, switch, alias } in shaped(netlink, listed, has_doors)? {
        let mut policing = Policing::none(switch, device, BackendName::Linux);
        for filter in netlink.filters(index, Hook::Ingress)?.iter().filter(|filter| is_ours(filter)) {
            let Action::Police(police) = &filter.action else { continue };
            let rate = Rate::from_bytes(police.rate);
            match filter.pref {
                Policing::STORM_PREF => policing.storm = Some(rate),
                _ => {
                    policing.rate = Some(rate);
                    policing.burst = Some(Burst::from_ticks(police.burst, rate));
                }
            }
        }
        if !policing.is_none() {
            let resource = Resource::Policing(policing.plainest());
            found.push(Entry { resource, owner: alias.as_deref().and_then(Owner::from_alias) });
        }
    }
    Ok(found)
}

/// Makes them. Those of ours that are there are replaced.
pub fn create(netlink: &mut Netlink, wanted: &Policing) -> Result<(), Error> {
    delete(netlink, wanted)?;
    put_up(netlink, wanted).inspect_err(|_| {
        // Half of it is nothing: the caller counts it as not made.
        let _ = delete(netlink, wanted);
    })
}

/// On failure it is as it was `before`, but for what passed meanwhile.
pub fn change(netlink: &mut Netlink, before: &Policing, after: &Policing) -> Result<(), Error> {
    if (Policing { switch: after.switch.clone(), ..before.clone() }) == *after {
        return Ok(());
    }
    create(netlink, after).inspect_err(|_| _ = create(netlink, before))
}

/// Takes ours away, if they are there.
pub fn delete(netlink: &mut Netlink, gone: &Policing) -> Result<(), Error> {
    match find(netlink, gone.device.as_str())? {
        Some(link) => traffic::take_down(netlink, link.index, Hook::Ingress, is_ours),
        None => Ok(()),
    }
}

fn put_up(netlink: &mut Netlink, wanted: &Policing) -> Result<(), Error> {
    let link = link_of(netlink, &wanted.device)?.index;
    match netlink.request(filter::add_clsact(link)) {
        Err(error) if error.is_exists() => {}
        result => result?,
    }
    let storm = wanted.storm.map(|rate| (Policing::STORM_PREF, Frames::Group, rate, Policing::storm_burst(rate)));
    let all = wanted.rate.map(|rate| (Policing::RATE_PREF, Frames::All, rate, wanted.effective_burst()));
    for (pref, frames, rate, burst) in storm.into_iter().chain(all) {
        let police = Police { rate: rate.bytes(), burst: burst.ticks(rate) };
        netlink.request(police::add(link, pref, frames, police, Policing::COOKIE))?;
    }
    Ok(())
}
