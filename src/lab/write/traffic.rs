//! What is done to the traffic of switches and ports.

use crate::lab::parts::{LabMirror, LabSwitch};
use crate::model::MirrorOutput;

use super::{Entries, Out, runs};

impl Entries {
    pub(super) fn traffic_of_switch(&mut self, of: &LabSwitch) {
        self.map("mirrors", of.mirrors.iter().map(|of| (of.name.clone(), mirror(of))).collect());
    }
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
