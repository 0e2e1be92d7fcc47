//! How the translation of a lab comes into the table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::cli::failure::Failure;
use crate::cli::inside;
use crate::cli::session::Session;
use crate::model::{BackendName, Family, IfName, Key, Nat, Place, Resource, Ruleset, State, SwitchName};

use super::books::Books;
use super::ingress::{NO_WAY_IN, check_out, ingress, no_address};
use super::lab::{Own, nats, published};
use super::target::{Wanted, no_target};
use super::wiring::{Target, Wiring};
use super::{notes, routes};

/// A lab that translates or publishes, and whose entries are in the books already.
pub struct Entering<'a> {
    pub session: &'a Session<'a>,
    pub desired: &'a State,
    pub own: &'a Own,
    /// Who is joined to whom once it is there.
    pub wiring: &'a Wiring<'a>,
}

impl Entering<'_> {
    /// Wants the ruleset, the settings and the routes that it takes.
    pub async fn enter(&self, books: &mut Books) -> Result<(), Failure> {
        let mut ruleset = books.ruleset();
        let mut passed: BTreeSet<IfName> = BTreeSet::new();
        for nat in nats(self.desired) {
            self.check_out(nat).await?;
            let device = nat.switch.device();
            let own = self.wiring.addresses_of(&Place::Host, &device);
            if own.is_empty() {
                return Err(no_address(&nat.switch));
            }
            ruleset.set_networks(device.clone(), own.iter().copied());
            self.pass(books, &mut ruleset, &device, Some(&nat.switch), Some(&nat.out)).await?;
            passed.insert(device);
            self.wiring.guests(&nat.switch).iter().for_each(|guest| routes::add(books, self.wiring, guest, &own));
        }
        let ways = self.ways()?;
        for way in ways.values().flatten() {
            if passed.insert(way.device.clone()) {
                ruleset.set_networks(way.device.clone(), way.own.iter().copied());
                self.pass(books, &mut ruleset, &way.device, way.switch.as_ref(), None).await?;
            }
            routes::add_for(books, self.wiring, way);
        }
        self.let_in(books, &mut ruleset, &ways)?;
        books.raise(self.session, ruleset).await
    }

    /// What leads out has to be there, or come with the lab.
    async fn check_out(&self, Nat { switch, out }: &Nat) -> Result<(), Failure> {
        check_out(switch, out)?;
        if !self.own.devices.contains(out) {
            inside::device(self.session, &Place::Host, out).await?;
        }
        Ok(())
    }

    /// Lets `device` pass the filters of others. Of one that takes part already it has been said.
    async fn pass(
        &self,
        books: &mut Books,
        ruleset: &mut Ruleset,
        device: &IfName,
        switch: Option<&SwitchName>,
        out: Option<&IfName>,
    ) -> Result<(), Failure> {
        let backend = match switch {
            Some(switch) => Some(self.backend(switch).await?),
            None => None,
        };
        let lines = notes::pass(ruleset, device, backend, out)?;
        if !books.observed_ruleset().networks.contains_key(device) {
            books.notes.extend(lines);
        }
        Ok(())
    }

    /// The backend of a switch, which may not be the lab's.
    async fn backend(&self, name: &SwitchName) -> Result<BackendName, Failure> {
        match self.desired.get(&Key::Switch { name: name.clone() }).map(|entry| &entry.resource) {
            Some(Resource::Switch(switch)) => Ok(switch.backend),
            _ => Ok(self.session.switch(name).await?.1.backend),
        }
    }

    /// The ways to what is published, by the address of the host at which it is.
    fn ways(&self) -> Result<BTreeMap<Option<IpAddr>, Vec<Target>>, Failure> {
        let mut known: BTreeMap<&Place, Vec<Target>> = BTreeMap::new();
        let mut ways: BTreeMap<Option<IpAddr>, Vec<Target>> = BTreeMap::new();
        for published in published(self.desired) {
            let place = &published.netns;
            let reached = known.entry(place).or_insert_with(|| self.wiring.targets(place));
            if published.targets.is_empty() {
                let wanted = Wanted { family: published.address.map(Family::of), to: None };
                return Err(no_target(self.wiring, place, wanted));
            }
            for address in &published.targets {
                let Some(target) = reached.iter().find(|target| target.address == *address) else {
                    return Err(no_target(self.wiring, place, Wanted { to: Some(*address), family: None }));
                };
                ways.entry(published.address).or_default().push(target.clone());
            }
        }
        Ok(ways)
    }

    /// The devices by which the world asks for what is published.
    fn let_in(
        &self,
        books: &mut Books,
        ruleset: &mut Ruleset,
        ways: &BTreeMap<Option<IpAddr>, Vec<Target>>,
    ) -> Result<(), Failure> {
        for (address, ways) in ways.iter().filter(|(address, _)| address.is_none_or(|address| !address.is_loopback())) {
            let devices: BTreeSet<&IfName> = ways.iter().map(|way| &way.device).collect();
            let coming = self.wiring.addresses_in(&Place::Host).filter(|(_, net)| Some(net.addr()) == *address);
            let coming = coming.map(|(device, _)| device.clone()).filter(|device| !devices.contains(device));
            let ingress: BTreeSet<IfName> = ingress(books, *address, &devices)?.into_iter().chain(coming).collect();
            if ingress.is_empty() && books.observed_ruleset().ingress.is_empty() {
                books.notes.push(NO_WAY_IN.to_owned());
            }
            ruleset.ingress.extend(ingress);
        }
        Ok(())
    }
}
