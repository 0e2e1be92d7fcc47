//! What the devices of this host have counted.

use std::collections::BTreeMap;

use crate::backend::BackendError;
use crate::netlink::Netlink;
pub use crate::netlink::link::{Counted, LinkStatistics};

use super::failed;

/// Up to so many devices are asked for one by one; to list all of the host costs as much for each that it has.
const FEW: usize = 16;

/// The counters of these devices of the host, by name, as far as they are there.
pub fn counters(names: &[&str]) -> Result<BTreeMap<String, LinkStatistics>, BackendError> {
    let look = || {
        let mut netlink = Netlink::host()?;
        if names.len() > FEW {
            let mut all = netlink.all_statistics()?;
            all.retain(|statistics| names.contains(&statistics.name.as_str()));
            return Ok(all);
        }
        let each = names.iter().map(|name| netlink.statistics(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(each.into_iter().flatten().collect())
    };
    let found: Vec<LinkStatistics> = look().map_err(|error| failed("cannot read the devices' counters", error))?;
    Ok(found.into_iter().map(|statistics| (statistics.name.clone(), statistics)).collect())
}
