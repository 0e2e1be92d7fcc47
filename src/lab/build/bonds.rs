//! Bonds of devices of the host.

use crate::lab::mistake::Wrong;
use crate::lab::parts::LabBond;
use crate::lab::tree::{Node, Text};
use crate::model::setting::Holder;
use crate::model::{Bond, BondError, BondMode, IfName, Lacp, LacpTime, Place, SwitchName};

use super::{Build, Reader};

impl<'n> Build<'n, '_> {
    /// The bonds of the switch that was read last.
    pub(super) fn bonds(&mut self, switch: &SwitchName, of: &Reader<'n, '_>) {
        for (key, node) in of.node.get("bonds").map_or(&[][..], Node::entries) {
            if let Some(bond) = self.bond(switch, key, &of.of(node))
                && let Some(switch) = self.lab.switches.last_mut()
            {
                switch.bonds.push(bond);
            }
        }
    }

    fn bond(&mut self, switch: &SwitchName, key: &'n Text, of: &Reader<'n, '_>) -> Option<LabBond> {
        let name = self.found.take(&key.span, of.name.fill(&key.text, true))?.into_owned();
        let name: IfName = self.parse(&name, &key.span)?;
        let devices = of.texts("devices", true, self.found);
        if !self.spend(1 + devices.len(), &key.span) {
            return None;
        }
        self.books.device(Place::Host, name.clone(), &key.span, self.found);
        let mut members = Vec::new();
        for (text, span) in devices {
            let device: IfName = self.parse(&text, span)?;
            self.books.device(Place::Host, device.clone(), span, self.found);
            members.push(device);
        }
        let vlan = of.vlan("tag", "trunks", self.found);
        self.books.tagged(switch, &vlan);
        let (mode, lacp) = (of.plain::<BondMode>("mode"), of.plain::<Lacp>("lacp"));
        let bond = match Bond::asked(members, mode, lacp, of.plain::<LacpTime>("lacp-time")) {
            // That is said already, of the name that is there twice.
            Err(BondError::Twice(_)) => return None,
            asked => asked.map_err(|error| Wrong::new(error.to_string())),
        };
        let bond = self.found.take(&of.node.span, bond)?;
        let backend = self.lab.switches.last().and_then(|switch| switch.backend);
        let settings = of.settings(Holder::Port, backend, self.found);
        Some(LabBond { name, bond, vlan, settings })
    }
}
