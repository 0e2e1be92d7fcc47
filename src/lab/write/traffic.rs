//! What is done to the traffic of switches and ports.

use crate::lab::parts::{LabMirror, LabPort, LabQos, LabSwitch};
use crate::model::{FlowExport, MirrorOutput, QosType, Queue};

use super::{Entries, Out, runs};

impl Entries {
    pub(super) fn traffic_of_switch(&mut self, of: &LabSwitch) {
        for of in &of.exports {
            self.put(of.protocol.as_str(), export(of));
        }
        self.map("mirrors", of.mirrors.iter().map(|of| (of.name.clone(), mirror(of))).collect());
    }

    pub(super) fn traffic_of_port(&mut self, of: &LabPort) {
        if let Some(of) = &of.qos {
            self.put("qos", qos(of));
        }
        self.word("ingress-rate", of.policed.rate);
        self.word("ingress-burst", of.policed.burst);
        self.word("storm-rate", of.policed.storm);
    }
}

fn export(of: &FlowExport) -> Out {
    let mut keys = Entries::default();
    keys.few("targets", &of.targets);
    keys.word("sampling", of.sampling);
    keys.word("polling", of.polling);
    keys.word("header", of.header);
    keys.text("agent", of.agent.as_ref());
    keys.word("active-timeout", of.active_timeout);
    keys.out()
}

fn qos(of: &LabQos) -> Out {
    let mut keys = Entries::default();
    keys.word("type", Some(&of.discipline).filter(|discipline| **discipline != QosType::Htb));
    keys.word("max-rate", of.max_rate);
    let queue = |(number, queue): (&u32, &Queue)| {
        let mut keys = Entries::default();
        keys.word("min-rate", queue.min_rate);
        keys.word("max-rate", queue.max_rate);
        keys.word("burst", queue.burst);
        keys.word("priority", queue.priority);
        (number.to_string(), keys.out())
    };
    keys.map("queues", of.queues.iter().map(queue).collect());
    keys.out()
}

fn mirror(of: &LabMirror) -> Out {
    let mut keys = Entries::default();
    match &of.output {
        MirrorOutput::Port(port) => keys.text("to", Some(port)),
        MirrorOutput::Vlan(vlan) => keys.word("to-vlan", Some(vlan)),
    }
    let (from, direction) = match (&of.ingress, &of.egress) {
        (ingress, egress) if ingress == egress => (ingress, None),
        (ingress, egress) if egress.is_empty() => (ingress, Some("in")),
        (_, egress) => (egress, Some("out")),
    };
    keys.few("from", from);
    keys.word("direction", direction);
    keys.list("vlans", runs(of.vlans.iter().copied()).into_iter().map(Out::Word).collect());
    keys.word("snaplen", of.snaplen);
    keys.out()
}
