//! Duplicate address detection: an IPv6 address is in effect once it may be used (RFC 4862 section 5.4).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::model::{Address, Place, Resource};
use crate::netlink::{self, Error, Netlink, Watch};
use crate::plan::Step;

use super::places::Places;
use crate::backend::{ApplyError, BackendError, Stage};

/// Waits until the addresses that `steps` add are through. Where there is no carrier it has not even begun, and will when
/// something is plugged in: that is not waited for.
pub async fn settle(places: &Mutex<Places>, steps: &[Step], timeout: Duration) -> Result<(), ApplyError> {
    let deadline = Instant::now() + timeout;
    for address in steps.iter().filter_map(detects) {
        let what = format!("cannot use address {} on {} in {}", address.address, address.device, address.place);
        match usable(places, address, deadline).await {
            Ok(true) => {}
            Ok(false) => {
                let why = "another device of the same network has this address (duplicate address detection)";
                let error = BackendError::refused(what, why).hint("choose another address");
                return Err(ApplyError::after(steps.len(), error));
            }
            Err(Error::Deadline { .. }) => {
                let error = BackendError::deadline(what, Stage::Device, timeout)
                    .hint("duplicate address detection did not end; --nodad does without it");
                return Err(ApplyError::after(steps.len(), error));
            }
            Err(error) => return Err(ApplyError::after(steps.len(), super::failed(what, error))),
        }
    }
    Ok(())
}

/// The address that a step adds, if its detection takes time.
fn detects(step: &Step) -> Option<&Address> {
    match step {
        Step::Create(entry) => match &entry.resource {
            Resource::Address(address) if matches!(address.address, IpNet::V6(_)) && !address.nodad => Some(address),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the address can be used in the end; `false` if somebody else has it.
async fn usable(places: &Mutex<Places>, address: &Address, deadline: Instant) -> Result<bool, Error> {
    let netns = match &address.place {
        Place::Host => netlink::NetnsFile::host()?,
        place => places.lock().unwrap_or_else(PoisonError::into_inner).at(place)?.netns.clone(),
    };
    let look = |netlink: &mut Netlink| state(netlink, address);
    Watch::open(&netns)?.until("the end of duplicate address detection", deadline, look).await
}

/// `None` while it is not known.
fn state(netlink: &mut Netlink, address: &Address) -> Result<Option<bool>, Error> {
    let Some(link) = netlink.link(address.device.as_str())? else { return Ok(Some(true)) };
    let found = netlink.addresses(Some(link.index))?.into_iter().find(|found| found.address == address.address);
    Ok(match found {
        Some(found) if found.is_duplicate() => Some(false),
        Some(found) if found.is_tentative() && link.carrier => None,
        _ => Some(true),
    })
}
