//! Bonds of the kernel, in the words of those of Open vSwitch.

use std::collections::BTreeMap;

use super::apply::index_of;
use super::observe::find_link;
use super::places::Places;
use super::snapshot::Snapshot;
use crate::backend::bond::{BondState, Member};
use crate::backend::{BackendError, Unsupported};
use crate::model::{Bond, BondMode, IfName, Lacp, LacpTime, Place};
use crate::netlink::link::{self, bond};
use crate::netlink::{self, Error};

/// What cannot be said of a bond to the kernel.
pub fn check(name: &IfName, bond: &Bond) -> Result<(), Unsupported> {
    if bond.lacp == Lacp::Off || bond.mode == BondMode::BalanceTcp {
        return Ok(());
    }
    Err(Unsupported {
        what: format!("lacp {} in mode {} of bond {name}", bond.lacp, bond.mode),
        backend: "linux",
        reason: "the kernel speaks LACP in its mode 802.3ad only, which is balance-tcp".to_owned(),
        hint: Some("--mode balance-tcp; Open vSwitch can: --backend ovs".to_owned()),
    })
}

/// The bond that `link` is; `None` where it is none, or none that we could say.
pub fn read(snapshot: &Snapshot, link: &netlink::Link) -> Option<Bond> {
    let seen = link.bond.as_ref()?;
    let (mode, lacp) = match (seen.mode, seen.hash) {
        (bond::ACTIVE_BACKUP, _) => (BondMode::ActiveBackup, Lacp::Off),
        (bond::BALANCE_XOR, bond::VLAN_SRCMAC) => (BondMode::BalanceSlb, Lacp::Off),
        (bond::LACP, bond::LAYER34) => (BondMode::BalanceTcp, if seen.passive { Lacp::Passive } else { Lacp::Active }),
        _ => return None,
    };
    let lacp_time = if lacp != Lacp::Off && seen.fast { LacpTime::Fast } else { LacpTime::Slow };
    let members = snapshot.links().filter(|member| member.master == Some(link.index));
    let devices = members.filter_map(|member| member.name.parse().ok()).collect();
    Some(Bond { devices, mode, lacp, lacp_time })
}

/// The words of the kernel for `bond`.
pub fn written(bond: &Bond) -> link::Bond {
    let (mode, hash) = match bond.mode {
        BondMode::ActiveBackup => (bond::ACTIVE_BACKUP, 0),
        BondMode::BalanceSlb => (bond::BALANCE_XOR, bond::VLAN_SRCMAC),
        BondMode::BalanceTcp => (bond::LACP, bond::LAYER34),
    };
    link::Bond {
        mode,
        hash,
        fast: bond.lacp_time == LacpTime::Fast,
        passive: bond.lacp == Lacp::Passive,
        partner: None,
    }
}

/// Puts its devices into the bond `name`, which sets them up. Where one cannot be, there is no bond, and all are as they were.
pub fn enslave(places: &mut Places, name: &IfName, bond: &Bond) -> Result<(), Error> {
    let master = index_of(places, &Place::Host, name)?;
    let mut were_up = Vec::new();
    let mut put = |device: &IfName| {
        let device = index_of(places, &Place::Host, device)?;
        let netlink = &mut places.at(&Place::Host)?.netlink;
        were_up.extend(netlink.link(device)?.filter(|link| link.up).map(|link| link.index));
        netlink.request(link::set(device).down().request())?;
        netlink.request(link::set(device).master(master).request())
    };
    let done = bond.devices.iter().try_for_each(&mut put);
    if done.is_err() {
        let netlink = &mut places.at(&Place::Host)?.netlink;
        let _ = netlink.request(link::delete(master));
        were_up.into_iter().for_each(|device| _ = netlink.request(link::set(device).up().request()));
    }
    done
}

/// The devices of the bond `name` that are up: they go down with it (`__bond_release_one`, drivers/net/bonding/bond_main.c).
pub fn devices_up(places: &mut Places, name: &IfName) -> Result<Vec<u32>, Error> {
    let Some(bond) = find_link(places, &Place::Host, name)?.filter(|link| link.bond.is_some()) else {
        return Ok(Vec::new());
    };
    let members = places.at(&Place::Host)?.netlink.ports(bond.index)?;
    Ok(members.into_iter().filter(|member| member.up).map(|member| member.index).collect())
}

/// What the bonds of the host with these names have come to, by name.
pub fn states(names: &[&IfName]) -> Result<BTreeMap<String, BondState>, BackendError> {
    let mut places = Places::default();
    let mut look = || {
        let mut states = BTreeMap::new();
        for name in names {
            let Some(link) = find_link(&mut places, &Place::Host, name)? else { continue };
            let Some(bond) = &link.bond else { continue };
            let members = places.at(&Place::Host)?.netlink.ports(link.index)?;
            let members = members.iter().map(|member| state(bond, member)).collect();
            states.insert(name.to_string(), BondState { members });
        }
        Ok(states)
    };
    look().map_err(|error| super::failed("cannot look at the bonds", error))
}

fn state(bond: &link::Bond, link: &netlink::Link) -> Member {
    let seen = link.bond_member.clone().unwrap_or_default();
    let lacp = bond.mode == bond::LACP;
    Member {
        name: link.name.clone(),
        up: seen.up,
        enabled: seen.up && seen.active,
        active: bond.mode == bond::ACTIVE_BACKUP && seen.active,
        partner: lacp.then(|| seen.has_partner() && bond.partner.is_some()),
    }
}
