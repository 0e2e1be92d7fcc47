//! What is done to the traffic of switches and ports.

use crate::lab::parts::{LabMirror, LabSwitch};
use crate::model::{Mirror, Resource, Switch};

use super::Making;

impl Making<'_> {
    pub(super) fn traffic_of_switch(&mut self, lab: &LabSwitch, switch: &Switch) {
        lab.mirrors.iter().for_each(|mirror| self.owned(Resource::Mirror(mirror.mirror(switch))));
    }
}

impl LabMirror {
    fn mirror(&self, switch: &Switch) -> Mirror {
        Mirror {
            switch: switch.name.clone(),
            name: self.name.clone(),
            backend: switch.backend,
            output: self.output.clone(),
            all: self.ingress.is_empty() && self.egress.is_empty(),
            ingress: self.ingress.clone(),
            egress: self.egress.clone(),
            vlans: self.vlans.clone(),
            snaplen: self.snaplen,
        }
    }
}
