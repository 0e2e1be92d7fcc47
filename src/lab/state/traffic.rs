//! What is done to the traffic of switches and ports.

use crate::lab::parts::{LabMirror, LabPort, LabQos, LabSwitch, Policed};
use crate::model::{BackendName, FlowExport, IfName, Mirror, Policing, Qos, Resource, Switch, SwitchName};

use super::Making;

impl Making<'_> {
    pub(super) fn traffic_of_switch(&mut self, lab: &LabSwitch, switch: &Switch) {
        lab.mirrors.iter().for_each(|mirror| self.owned(Resource::Mirror(mirror.mirror(switch))));
        for export in &lab.exports {
            self.owned(Resource::FlowExport(FlowExport { backend: switch.backend, ..export.clone() }));
        }
    }

    pub(super) fn traffic_of_port(&mut self, lab: &LabPort, switch: &Switch) {
        if let Some(qos) = &lab.qos {
            self.owned(Resource::Qos(qos.qos(switch.name.clone(), lab.device().clone(), switch.backend)));
        }
        let policing = lab.policed.policing(switch.name.clone(), lab.device().clone(), switch.backend);
        if !policing.is_none() {
            self.owned(Resource::Policing(policing));
        }
    }
}

impl LabPort {
    /// The port's name on its switch.
    pub(in crate::lab) fn device(&self) -> &IfName {
        if self.internal { &self.names.inside } else { &self.names.host }
    }
}

impl LabQos {
    pub(in crate::lab) fn qos(&self, switch: SwitchName, device: IfName, backend: BackendName) -> Qos {
        let LabQos { discipline, max_rate, queues } = self.clone();
        Qos { switch, device, backend, discipline, max_rate, queues }
    }
}

impl Policed {
    pub(in crate::lab) fn policing(self, switch: SwitchName, device: IfName, backend: BackendName) -> Policing {
        let Policed { rate, burst, storm } = self;
        Policing { switch, device, backend, rate, burst, storm }
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
