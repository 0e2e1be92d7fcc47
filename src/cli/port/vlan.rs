//! The VLANs of a port: options of whatever makes one, and what a Linux bridge needs for them.

use clap::Args;

use crate::cli::failure::Failure;
use crate::model::{BackendName, Entry, Resource, State, Switch, Vlan, VlanId};

#[derive(Debug, Args)]
pub struct VlanOptions {
    /// The VLAN of untagged frames: makes it an access port
    #[arg(long, value_name = "VLAN")]
    tag: Option<VlanId>,
    /// The VLANs that pass with their tags: makes it a trunk port
    #[arg(long, value_name = "VLAN,…", value_delimiter = ',')]
    trunks: Vec<VlanId>,
    /// access, trunk, native-tagged, native-untagged or dot1q-tunnel, where it does not follow from the tag and the trunks
    #[arg(long, value_name = "MODE")]
    vlan_mode: Option<String>,
    /// Of a dot1q-tunnel port: the VLANs of customers that pass, else all
    #[arg(long, value_name = "VLAN,…", value_delimiter = ',')]
    cvlans: Vec<VlanId>,
}

impl VlanOptions {
    /// Whether any was given.
    pub fn is_any(&self) -> bool {
        self.tag.is_some() || !self.trunks.is_empty() || self.vlan_mode.is_some() || !self.cvlans.is_empty()
    }

    /// What is asked, as far as it makes sense; see [`Self::check`].
    pub fn vlan(&self) -> Vlan {
        self.check().unwrap_or_default()
    }

    /// What is asked.
    pub fn check(&self) -> Result<Vlan, Failure> {
        let (trunks, cvlans) = (self.trunks.iter().copied().collect(), self.cvlans.iter().copied().collect());
        let vlan = Vlan { tag: self.tag, trunks, mode: None, cvlans };
        match &self.vlan_mode {
            Some(mode) => vlan.with_mode(mode).map_err(|why| {
                Failure::usage(format!("cannot set the VLAN mode: {why}"))
                    .hint("as in --vlan-mode native-tagged --tag 10 --trunks 20,30")
            }),
            None if !self.cvlans.is_empty() => Err(Failure::usage("--cvlans is for a port into an outer VLAN")
                .hint("say so: --vlan-mode dot1q-tunnel --tag VLAN")),
            None => Ok(vlan),
        }
    }
}

/// A Linux bridge looks at VLAN tags only when it is told to: it is, where a port of it has some.
pub fn filter_vlans(vlan: &Vlan, entry: &Entry, observed: &mut State, desired: &mut State) {
    match &entry.resource {
        Resource::Switch(switch) if switch.backend == BackendName::Linux && !vlan.is_any() => {
            observed.insert(entry.clone());
            let filtering = Switch { vlan_filtering: Some(true), ..switch.clone() };
            desired.insert(Entry { resource: Resource::Switch(filtering), owner: entry.owner.clone() });
        }
        _ => {}
    }
}
