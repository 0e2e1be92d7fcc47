//! `add-port SWITCH dev:DEVICE`: what the host has already.

use crate::backend::Scope;
use crate::model::{Device, Entry, IfName, Key, Owner, Place, Port, Resource, State, Switch};

use super::AddPort;
use crate::cli::bond::check_in_no_bond;
use crate::cli::failure::Failure;
use crate::cli::inside::standing_on;
use crate::cli::port::port_of;
use crate::cli::port::settings::{check_impaired_uplink, impairment_key};
use crate::cli::port::take_over::{Belongings, check_alias};
use crate::cli::port::uplink::{check_device, check_uplink, switch_key};
use crate::cli::session::Session;
use crate::cli::switch::want_up;

impl AddPort {
    /// What there is of the device, and what there should be.
    pub(super) async fn device(
        &self,
        session: &Session<'_>,
        switch_entry: &Entry,
        switch: &Switch,
        device: IfName,
    ) -> Result<(State, State), Failure> {
        self.only_for_namespaces()?;
        let port_key = Key::Port { device: device.clone() };
        let device_key = Key::Device { place: Place::Host, name: device.clone() };
        let impaired = self.settings.asks_of_packets().then(|| impairment_key(&Place::Host, &device));
        let keys = [port_key.clone(), device_key.clone()].into_iter().chain(switch_key(&device)).chain(impaired);
        let mut observed = session.observe(Scope::Keys(keys.collect())).await?;
        let seen = check_device(&observed, switch, &device)?;
        if self.settings.asks_of_packets() {
            check_impaired_uplink(switch, &device)?;
        }
        let there = port_of(&observed, &port_key);
        self.check_there(there, switch, &device)?;
        let owner = observed.get(&port_key).map_or_else(|| Some(Owner::verbs()), |entry| entry.owner.clone());
        let mut port = self.port(switch, &device, None, there);
        let fresh = there.is_none();
        let mut desired = observed.clone();
        if fresh {
            check_uplink(switch, &device)?;
            check_in_no_bond(session, switch, &device).await?;
            let belongings = Belongings::of(session, &device).await?;
            if !belongings.is_empty() {
                if !self.take_over {
                    return Err(belongings.refuse(switch, &device));
                }
                check_alias(switch, &device)?;
                port.lent = Some(belongings.hand_over(switch_entry, switch, seen.mac, &mut observed, &mut desired)?);
                let own = standing_on(session, &Place::Host, &switch.name.device()).await?;
                for entry in own.entries() {
                    observed.insert(entry.clone());
                    desired.insert(entry.clone());
                }
                want_up(session, &switch.name, &mut observed, &mut desired).await?;
                belongings.notes(switch, &device).iter().for_each(|note| session.output.note(note));
            }
        }
        desired.insert(Entry { resource: Resource::Port(port), owner });
        self.settings.impair(&Place::Host, &device, seen.mtu, &mut desired)?;
        self.settings.limits.put(session, switch, &device, &mut observed, &mut desired).await?;
        let up = Device::new(Place::Host, device, true);
        desired.insert(Entry::unmarked(Resource::Device(up)));
        Ok((observed, desired))
    }

    fn only_for_namespaces(&self) -> Result<(), Failure> {
        let given = [
            ("--ip", !self.ip.is_empty()),
            ("--gw", !self.gw.is_empty()),
            ("--name", self.name.is_some()),
            ("--host-name", self.host_name.is_some()),
            ("--internal", self.internal),
            ("--nodad", self.nodad),
        ];
        let given = given.into_iter().filter(|(_, given)| *given).map(|(option, _)| option);
        match given.chain(self.settings.only_for_namespaces()).next() {
            None => Ok(()),
            Some(option) => Err(Failure::usage(format!("{option} is for namespaces, not for devices of the host"))
                .hint("addresses belong on the switch: ovsns add-br SWITCH --may-exist --ip ADDRESS/LENGTH")),
        }
    }

    /// Whether a port that is there is in the way.
    fn check_there(&self, there: Option<&Port>, switch: &Switch, device: &IfName) -> Result<(), Failure> {
        let Some(port) = there else { return Ok(()) };
        let what = format!("cannot plug {device} into {}", switch.name);
        if port.switch != switch.name {
            return Err(Failure::new(format!("{what}: it is a port of switch {}", port.switch))
                .hint(format!("unplug it first: ovsns del-port {} {device}", port.switch)));
        }
        if !self.may_exist {
            return Err(
                Failure::new(format!("{what}: it is a port of it already")).hint("with --may-exist that is no failure")
            );
        }
        Ok(())
    }
}
