//! Queues of ports of a Linux bridge: `htb` or `hfsc` as the root discipline of the port's device, whose number is our mark.

use std::collections::BTreeMap;

use crate::model::{BackendName, Burst, Entry, Owner, Qos, QosType, Queue, Rate, Resource};
use crate::netlink::class::{self, Class, Limits, Shaper};
use crate::netlink::qdisc::{self, Handle, Qdisc};
use crate::netlink::{Error, Netlink};

use super::run::link_of;
use super::traffic::{Shaped, missing_is_well, shaped};
use super::view::find;

const ROOT: Handle = Handle { major: Qos::HANDLE, minor: 0 };
const WHOLE: Handle = Handle { major: Qos::HANDLE, minor: Qos::WHOLE };

fn is_ours(qdisc: &Qdisc) -> bool {
    (qdisc.parent, qdisc.handle) == (Handle::ROOT, ROOT)
}

/// The queues of the ports of all bridges. They bear the mark of their device.
pub fn all(netlink: &mut Netlink, listed: &[Qdisc]) -> Result<Vec<Entry>, Error> {
    let mut found = Vec::new();
    for Shaped { device, index, switch, alias } in shaped(netlink, listed, is_ours)? {
        let classes = netlink.classes(index)?;
        let Some(whole) = classes.iter().find(|class| class.id == WHOLE) else { continue };
        let plain = Qos {
            switch,
            device,
            backend: BackendName::Linux,
            discipline: if whole.shaper == Shaper::Hfsc { QosType::Hfsc } else { QosType::Htb },
            max_rate: Some(Rate::from_bytes(whole.limits.max)),
            queues: BTreeMap::new(),
        };
        let resource = Resource::Qos(Qos { queues: queues(&plain, &classes), ..plain });
        found.push(Entry { resource, owner: alias.as_deref().and_then(Owner::from_alias) });
    }
    Ok(found)
}

/// The queues that say more than goes without saying.
fn queues(plain: &Qos, classes: &[Class]) -> BTreeMap<u32, Queue> {
    let queue = |class: &Class| {
        let number = u32::from(class.id.minor.checked_sub(1)?);
        let Limits { min, max, buffers, priority } = class.limits;
        let (min, max) = (Rate::from_bytes(min), Rate::from_bytes(max));
        let htb = class.shaper == Shaper::Htb;
        let queue = Queue {
            min_rate: Some(min),
            max_rate: Some(max),
            burst: htb.then(|| Burst::from_ticks(buffers[0], min)),
            priority: htb.then_some(priority),
        };
        Some((number, plain.plainest(queue)))
    };
    let ours = classes.iter().filter(|class| class.id.major == Qos::HANDLE && class.id != WHOLE);
    ours.filter_map(queue).filter(|(number, queue)| *number != 0 || *queue != Queue::default()).collect()
}

/// Makes it. One of ours that is there is changed; another's is not touched: EEXIST.
pub fn create(netlink: &mut Netlink, wanted: &Qos) -> Result<(), Error> {
    let link = link_of(netlink, &wanted.device)?.index;
    let there = netlink.qdiscs()?.iter().any(|qdisc| qdisc.link == link && is_ours(qdisc));
    if there {
        netlink.request(qdisc::delete(link, Handle::ROOT))?;
    }
    put_up(netlink, link, wanted)
}

/// On failure it is as it was `before`, but for packets that were waiting.
pub fn change(netlink: &mut Netlink, before: &Qos, after: &Qos) -> Result<(), Error> {
    if (Qos { switch: after.switch.clone(), ..before.clone() }) == *after {
        return Ok(());
    }
    create(netlink, after).inspect_err(|_| _ = create(netlink, before))
}

/// Takes ours away, if it is there.
pub fn delete(netlink: &mut Netlink, gone: &Qos) -> Result<(), Error> {
    let Some(link) = find(netlink, gone.device.as_str())?.map(|link| link.index) else { return Ok(()) };
    let there = netlink.qdiscs()?.iter().any(|qdisc| qdisc.link == link && is_ours(qdisc));
    if there { missing_is_well(netlink.request(qdisc::delete(link, Handle::ROOT))) } else { Ok(()) }
}

/// All, or nothing.
fn put_up(netlink: &mut Netlink, link: u32, qos: &Qos) -> Result<(), Error> {
    let shaper = if qos.discipline == QosType::Hfsc { Shaper::Hfsc } else { Shaper::Htb };
    netlink.request(class::add_shaper(link, ROOT, shaper))?;
    let all = qos.max_rate.unwrap_or(Rate::MAX);
    let whole = class::set(link, ROOT, WHOLE, shaper, limits((all, all, Burst::from_bytes(all.burst().into()), 0)));
    let queue = |(number, queue): (u32, Queue)| {
        let minor = u16::try_from(number + 1).unwrap_or(u16::MAX);
        class::set(link, WHOLE, Handle { minor, ..ROOT }, shaper, limits(qos.effective(&queue)))
    };
    let requests: Vec<_> = std::iter::once(whole).chain(qos.all_queues().into_iter().map(queue)).collect();
    requests.into_iter().try_for_each(|request| netlink.request(request)).inspect_err(|_| {
        // Half of it is nothing: the caller counts it as not made.
        let _ = netlink.request(qdisc::delete(link, Handle::ROOT));
    })
}

fn limits((min, max, burst, priority): (Rate, Rate, Burst, u32)) -> Limits {
    Limits { min: min.bytes(), max: max.bytes(), buffers: [burst.ticks(min), burst.ticks(max)], priority }
}
