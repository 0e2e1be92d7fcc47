//! What is done to the traffic of switches and ports.

use crate::lab::parts::{LabMirror, LabQos, Policed, Worse};
use crate::model::{
    FlowExport, IfName, Impairment, Key, Mirror, Place, Policing, Port, Qos, QosType, Resource, Switch,
};

use super::Found;

impl Found<'_> {
    /// The mirrors of `switch`, but for those that a lab file has no words for.
    pub(super) fn mirrors(&mut self, switch: &Switch) -> Vec<LabMirror> {
        let of_it = |resource: &Resource| match resource {
            Resource::Mirror(mirror) if mirror.switch == switch.name => Some(mirror.clone()),
            _ => None,
        };
        let found: Vec<Mirror> = self.state.resources().filter_map(of_it).collect();
        found.into_iter().filter_map(|mirror| self.mirror(mirror)).collect()
    }

    /// What is done to what `device` sends.
    pub(super) fn worse(&self, place: &Place, device: &IfName) -> Worse {
        let key = Key::Impairment { place: place.clone(), device: device.clone() };
        match self.state.get(&key).map(|entry| &entry.resource) {
            Some(Resource::Impairment(Impairment { delay, jitter, loss, rate, .. })) => {
                Worse { delay: *delay, jitter: *jitter, loss: *loss, rate: *rate }
            }
            _ => Worse::default(),
        }
    }

    /// Whom the switch tells of its traffic.
    pub(super) fn exports(&self, switch: &Switch) -> Vec<FlowExport> {
        let of_it = |resource: &Resource| match resource {
            Resource::FlowExport(export) if export.switch == switch.name => Some(export.clone()),
            _ => None,
        };
        self.state.resources().filter_map(of_it).collect()
    }

    /// The queues of a port, if a lab file has words for them.
    pub(super) fn qos(&self, port: &Port) -> Option<LabQos> {
        match &self.state.get(&Key::Qos { device: port.device.clone() })?.resource {
            Resource::Qos(Qos { discipline: QosType::Other(_), .. } | Qos { max_rate: None, .. }) => None,
            Resource::Qos(Qos { discipline, max_rate, queues, .. }) => {
                let discipline = discipline.clone();
                Some(LabQos { discipline, max_rate: *max_rate, queues: queues.clone() })
            }
            _ => None,
        }
    }

    /// How much may come in by a port.
    pub(super) fn policed(&self, port: &Port) -> Policed {
        let found = self.state.get(&Key::Policing { device: port.device.clone() });
        match found.map(|entry| &entry.resource) {
            Some(Resource::Policing(Policing { rate, burst, storm, .. })) => {
                Policed { rate: *rate, burst: *burst, storm: *storm }
            }
            _ => Policed::default(),
        }
    }

    fn mirror(&mut self, of: Mirror) -> Option<LabMirror> {
        let one_way = of.ingress == of.egress || of.ingress.is_empty() || of.egress.is_empty();
        if !one_way || of.all != of.sources().is_empty() {
            self.left_out.push(format!(
                "mirror {} of {}: its ports are copied in different directions, or it copies nothing",
                of.name, of.switch
            ));
            return None;
        }
        let Mirror { name, output, ingress, egress, vlans, snaplen, .. } = of;
        Some(LabMirror { name, output, ingress, egress, vlans, snaplen })
    }
}
