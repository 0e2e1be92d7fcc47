//! Spanning trees as the kernel tells of them (`IFLA_BR_ROOT_ID`, `IFLA_BRPORT_STATE`, linux/if_link.h).

use std::collections::BTreeSet;

use crate::model::Mac;
use crate::netlink::Netlink;

use super::{LinuxBridge, failed};
use crate::backend::BackendError;
use crate::backend::tree::{Tree, TreePort, Trees};

/// `BR_STATE_DISABLED` and what follows it, linux/if_bridge.h.
const STATES: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];

impl LinuxBridge {
    /// The trees of the bridges that take part in one.
    pub fn trees(&self) -> Result<Trees, BackendError> {
        let links = Netlink::host().and_then(|mut netlink| netlink.links());
        let links = links.map_err(|error| failed("cannot read the Linux bridges", error))?;
        let mut trees = Trees::default();
        let mut of_trees = BTreeSet::new();
        for link in &links {
            let Some(bridge) = link.bridge.as_ref().filter(|bridge| bridge.stp) else { continue };
            let Some((priority, mac)) = bridge.root else { continue };
            of_trees.insert(link.index);
            let root = format!("{priority:04x}.{}", Mac::from_octets(mac));
            trees.switches.insert(link.name.clone(), Tree { root, is_root: bridge.root_port == 0 });
        }
        for link in links.iter().filter(|link| link.master.is_some_and(|master| of_trees.contains(&master))) {
            let state = link.bridge_port.as_ref().and_then(|port| STATES.get(usize::from(port.state)));
            if let Some(state) = state {
                trees.ports.insert(link.name.clone(), TreePort { state: (*state).to_owned(), role: None });
            }
        }
        Ok(trees)
    }
}
