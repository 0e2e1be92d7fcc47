//! Devices that the kernel makes on request: tunnels, and VLANs of Linux bridges.

use crate::model::{
    Direction, Entry, Erspan, IfName, Mac, Owner, Place, Remote, Resource, SwitchName, Tos, Tunnel, TunnelKey,
    TunnelType, Virtual, VlanId, What,
};
use crate::netlink::bridge::{self, Member};
use crate::netlink::link::{self, NewDevice, TunnelKind};
use crate::netlink::{self, Error};

use super::apply::{gone, index_of};
use super::observe::find_link;
use super::places::Places;
use super::snapshot::Snapshot;
use crate::backend::Unsupported;

/// What cannot be said of a tunnel to the kernel.
pub fn check(device: &Virtual) -> Result<(), Unsupported> {
    let Some(tunnel) = device.tunnel() else { return Ok(()) };
    let refuse = |what: String, reason: &str| {
        let hint = Some("Open vSwitch can: --backend ovs".to_owned());
        Err(Unsupported { what, backend: "linux", reason: reason.to_owned(), hint })
    };
    if tunnel.remote == Remote::Flow {
        return refuse(format!("remote flow of tunnel {}", device.name), "a Linux bridge has no flows to say it");
    }
    if tunnel.key == Some(TunnelKey::Flow) {
        return refuse(format!("key flow of tunnel {}", device.name), "a Linux bridge has no flows to say it");
    }
    match (tunnel.kind, tunnel.local) {
        (TunnelType::Geneve, Some(_)) => {
            refuse(format!("a local address of tunnel {}", device.name), "Geneve devices of the kernel have none")
        }
        _ => Ok(()),
    }
}

/// The device that `link` is, with its mark; `None` where it is none of these, or none that we could say.
pub fn entry(place: &Place, snapshot: &Snapshot, link: &netlink::Link) -> Option<Entry> {
    if *place != Place::Host {
        return None;
    }
    let what = match (&link.tunnel, link.vlan) {
        (Some(tunnel), _) => What::Tunnel(read(tunnel)?),
        (None, Some(vlan)) => {
            let switch =
                snapshot.link(link.peer?).filter(|below| below.bridge.is_some() && link.peer_nsid.is_none())?;
            What::Vlan { switch: switch.name.parse().ok()?, vlan: VlanId::try_from(vlan).ok()? }
        }
        (None, None) => return None,
    };
    let mac = link.mac.map(Mac::from_octets);
    let device = Virtual { mac, mtu: Some(link.mtu), ..Virtual::new(link.name.parse().ok()?, what) };
    Some(Entry { resource: Resource::Virtual(device), owner: link.alias.as_deref().and_then(Owner::from_alias) })
}

fn kind(of: TunnelType) -> TunnelKind {
    match of {
        TunnelType::Vxlan => TunnelKind::Vxlan,
        TunnelType::Geneve => TunnelKind::Geneve,
        TunnelType::Gre => TunnelKind::Gre,
        TunnelType::Erspan => TunnelKind::Erspan,
    }
}

fn read(seen: &link::Tunnel) -> Option<Tunnel> {
    let kind = TunnelType::ALL.into_iter().find(|of| kind(*of) == seen.kind)?;
    let tunnel = Tunnel {
        local: seen.local,
        key: seen.key.map(TunnelKey::Number),
        dst_port: seen.port,
        tos: Some(if seen.tos & 1 == 1 { Tos::Inherit } else { Tos::Value(seen.tos) }),
        ttl: Some(seen.ttl).filter(|ttl| *ttl > 0),
        // Of packets of IPv6 there is nothing to say.
        df: Some(seen.df || seen.is_ipv6()),
        csum: Some(seen.csum),
        erspan: (kind == TunnelType::Erspan).then(|| match seen.direction {
            Some(1) => Erspan::Direction(Direction::Egress),
            Some(_) => Erspan::Direction(Direction::Ingress),
            None => Erspan::Index(seen.index.unwrap_or_default()),
        }),
        ..Tunnel::new(kind, Remote::Address(seen.remote?))
    };
    Some(tunnel.normalised())
}

/// The words of the kernel for `tunnel`.
fn written(tunnel: &Tunnel) -> link::Tunnel {
    let is_gre = matches!(tunnel.kind, TunnelType::Gre | TunnelType::Erspan);
    link::Tunnel {
        kind: kind(tunnel.kind),
        remote: tunnel.remote.address(),
        local: tunnel.local,
        key: match tunnel.key {
            Some(TunnelKey::Number(key)) => Some(key),
            Some(TunnelKey::Flow) | None => None,
        },
        port: tunnel.port(),
        tos: match tunnel.tos {
            Some(Tos::Value(value)) => value,
            Some(Tos::Inherit) => 1,
            None => 0,
        },
        // 0 is that of the packet inside to GRE, and the default to the others.
        ttl: tunnel.ttl.unwrap_or(if is_gre { Tunnel::TTL } else { 0 }),
        df: tunnel.df != Some(false),
        csum: tunnel.csum == Some(true),
        index: tunnel.erspan.and_then(|erspan| if let Erspan::Index(index) = erspan { Some(index) } else { None }),
        direction: tunnel.erspan.and_then(|erspan| match erspan {
            Erspan::Direction(way) => Some(u8::from(way == Direction::Egress)),
            Erspan::Index(_) => None,
        }),
    }
}

/// Makes a device, which is up at once. One that is there with our mark and is the same will do; what is different is set.
pub fn create(places: &mut Places, wanted: &Virtual, owner: Option<&Owner>) -> Result<(), Error> {
    let new = NewDevice {
        name: wanted.name.to_string(),
        mac: wanted.mac.map(Mac::octets),
        mtu: wanted.mtu,
        alias: owner.map(Owner::alias),
    };
    let request = match &wanted.what {
        What::Tunnel(tunnel) => link::add_tunnel(new, &written(tunnel)),
        What::Vlan { switch, vlan } => {
            link::add_vlan_device(new, index_of(places, &Place::Host, &switch.device())?, vlan.get())
        }
    };
    match places.at(&Place::Host)?.netlink.request(request) {
        Err(error) if error.is_exists() => adopt(places, wanted, owner, error)?,
        result => result?,
    }
    take_part(places, wanted).inspect_err(|_| {
        // Half made is not made.
        let _ = delete_device(places, &wanted.name);
    })
}

fn adopt(places: &mut Places, wanted: &Virtual, owner: Option<&Owner>, exists: Error) -> Result<(), Error> {
    let key = crate::model::Key::Virtual { name: wanted.name.clone() };
    let seen = super::observe::observe(places, &crate::backend::Scope::Keys(vec![key]))?;
    let Some(Entry { resource: seen @ Resource::Virtual(old), .. }) =
        seen.iter().find(|seen| seen.owner.as_ref() == owner)
    else {
        return Err(exists);
    };
    let wanted = Resource::Virtual(wanted.clone());
    match wanted.over(seen) {
        Resource::Virtual(new) if wanted.can_follow(seen) => set(places, old, &new),
        _ => Err(exists),
    }
}

/// The bridge itself takes part in a VLAN for the sake of the host's device (`bridge vlan add … self`).
fn take_part(places: &mut Places, device: &Virtual) -> Result<(), Error> {
    let What::Vlan { switch, vlan } = &device.what else { return Ok(()) };
    let bridge = index_of(places, &Place::Host, &switch.device())?;
    let own = bridge::Vlan::tagged(vlan.get());
    places.at(&Place::Host)?.netlink.request(bridge::add_vlan(Member::Bridge(bridge), own))
}

/// Deletes a device; one that is gone already is success.
pub fn delete(places: &mut Places, device: &Virtual) -> Result<(), Error> {
    delete_device(places, &device.name)?;
    match &device.what {
        What::Vlan { switch, vlan } => leave(places, switch, *vlan),
        What::Tunnel(_) => Ok(()),
    }
}

fn delete_device(places: &mut Places, name: &IfName) -> Result<(), Error> {
    gone(places.at(&Place::Host)?.netlink.request(link::delete(name.as_str())))
}

fn leave(places: &mut Places, switch: &SwitchName, vlan: VlanId) -> Result<(), Error> {
    let Some(bridge) = find_link(places, &Place::Host, &switch.device())? else { return Ok(()) };
    let own = bridge::Vlan::tagged(vlan.get());
    gone(places.at(&Place::Host)?.netlink.request(bridge::delete_vlan(Member::Bridge(bridge.index), own)))
}

/// Sets what is different.
pub fn set(places: &mut Places, old: &Virtual, new: &Virtual) -> Result<(), Error> {
    let name = new.name.as_str();
    let netlink = &mut places.at(&Place::Host)?.netlink;
    if let Some(mac) = new.mac.filter(|_| old.mac != new.mac) {
        netlink.request(link::set(name).mac(mac.octets()).request())?;
    }
    match new.mtu.filter(|_| old.mtu != new.mtu) {
        Some(mtu) => netlink.request(link::set(name).mtu(mtu).request()),
        None => Ok(()),
    }
}
