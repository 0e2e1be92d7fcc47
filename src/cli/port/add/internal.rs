//! `add-port SWITCH NETNS --internal`: a device that Open vSwitch makes, in a namespace, in place of a veth pair.

use crate::backend::Scope;
use crate::model::{
    BackendName, Entry, IfName, Interface, Internal, Key, Netns, Owner, Place, Port, PortNames, Resource, State, Switch,
};

use super::AddPort;
use crate::cli::failure::Failure;
use crate::cli::port::port_of;
use crate::cli::session::Session;

impl AddPort {
    /// What there is in the namespace and of the port, and what there should be.
    pub(super) async fn internal(
        &self,
        session: &Session<'_>,
        switch: &Switch,
        place: Place,
    ) -> Result<(State, State), Failure> {
        self.check_internal(switch, &place)?;
        let mut observed = session.observe(Scope::Place(place.clone())).await?;
        self.check_place(session, &place, &observed).await?;
        let name = match self.internal_there(session, &place).await? {
            Some((entry, name)) => {
                observed.insert(entry);
                name
            }
            None => self.free_internal_name(session, &place).await?,
        };
        let mut desired = observed.clone();
        if let Place::Named(netns) = &place {
            let netns = Resource::Netns(Netns::new(netns.clone()));
            if !desired.contains(&netns.key()) {
                desired.insert(Entry::owned(netns, &Owner::verbs()));
            }
        }
        let port =
            self.port(switch, &name, Some(place.clone()), port_of(&observed, &Key::Port { device: name.clone() }));
        let port = Port { interface: Interface::Internal { mtu: None }, ..port };
        // One that was lost is replaced by one like it.
        let lost = match observed.get(&Key::Internal { place: place.clone(), name: name.clone() }).map(|e| &e.resource)
        {
            Some(Resource::Internal(device)) if device.lost => (device.mac, device.mtu),
            _ => (None, None),
        };
        let (mac, mtu) = (self.settings.mac.or(lost.0), self.settings.mtu.or(lost.1));
        let device = Internal { mac, mtu, ..Internal::new(place.clone(), name.clone()) };
        for resource in [Resource::Port(port), Resource::Internal(device)] {
            let owner = observed.get(&resource.key()).map_or_else(|| Some(Owner::verbs()), |entry| entry.owner.clone());
            desired.insert(Entry { resource, owner });
        }
        self.addresses_and_routes(&place, &name, &observed, &mut desired)?;
        self.settings.impair(&place, &name, mtu, &mut desired)?;
        self.settings.limits.put(session, switch, &name, &mut observed, &mut desired).await?;
        Ok((observed, desired))
    }

    fn check_internal(&self, switch: &Switch, place: &Place) -> Result<(), Failure> {
        if switch.backend == BackendName::Linux {
            let what = format!("an internal port in {place} is not possible on backend linux");
            return Err(Failure::new(format!("{what}: a Linux bridge makes no devices for its ports"))
                .hint("without --internal a veth pair does the same; Open vSwitch can: --backend ovs"));
        }
        if self.host_name.is_some() {
            return Err(Failure::usage(
                "--host-name is for veth pairs: an internal port has one device, which --name names",
            ));
        }
        Ok(())
    }

    /// The row of the internal port by which the namespace is on the switch already: the one that was named, or the first. Its device
    /// may be elsewhere: ovs-vswitchd makes it anew on the host when it was started again (userspace datapath).
    async fn internal_there(&self, session: &Session<'_>, place: &Place) -> Result<Option<(Entry, IfName)>, Failure> {
        let found = session.observe(Scope::Switch(self.switch.clone())).await?;
        let there = found.entries().find_map(|entry| match &entry.resource {
            Resource::Port(port)
                if port.interface.is_internal()
                    && port.netns.as_ref() == Some(place)
                    && self.name.as_ref().is_none_or(|name| port.device == *name) =>
            {
                Some((entry.clone(), port.device.clone()))
            }
            _ => None,
        });
        match (&there, &self.name) {
            (Some(_), Some(name)) if !self.may_exist => {
                let what = format!("cannot name a port {name}: {place} is on switch {} by it already", self.switch);
                Err(Failure::new(what).hint("with --may-exist that is no failure"))
            }
            _ => Ok(there.filter(|_| self.may_exist)),
        }
    }

    /// The port and its device have one name, on the host and inside: the one that was asked for, or the first of the rule that is free.
    async fn free_internal_name(&self, session: &Session<'_>, place: &Place) -> Result<IfName, Failure> {
        for number in 1.. {
            let name = self.name.clone().unwrap_or_else(|| PortNames::of(place, number).inside);
            let devices = [Place::Host, place.clone()].map(|place| Key::Device { place, name: name.clone() });
            let keys = devices.into_iter().chain([Key::Port { device: name.clone() }]);
            let there = session.observe(Scope::Keys(keys.collect())).await?;
            if there.is_empty() {
                return Ok(name);
            }
            if self.name.is_some() {
                let what = format!("cannot name a port {name}: there is {} already", described(&there));
                return Err(Failure::new(what).hint("choose another with --name"));
            }
        }
        unreachable!("a host has fewer devices than there are numbers")
    }
}

fn described(there: &State) -> String {
    there.keys().next().map_or_else(String::new, ToString::to_string)
}
