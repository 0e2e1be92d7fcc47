//! `publish`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use clap::Args;

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::inside;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::session::Session;
use crate::model::{Family, IfName, Key, Owner, Place, Protocol, Published, Resource, State};

use super::books::Books;
use super::ingress::{NO_WAY_IN, ingress};
use super::target::{Wanted, targets};
use super::wiring::{Target, Wiring};
use super::{around, notes, routes, taken};

/// A port of the host, a namespace, and a port there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    port: u16,
    netns: String,
    to_port: u16,
}

impl FromStr for Publication {
    type Err = String;

    /// The name of a namespace may hold colons, as in `pid:12`.
    fn from_str(text: &str) -> Result<Publication, String> {
        let wanted = || "not PORT:NETNS:PORT, such as 8080:ns1:80".to_owned();
        let (port, rest) = text.split_once(':').ok_or_else(wanted)?;
        let (netns, to_port) = rest.rsplit_once(':').ok_or_else(wanted)?;
        Ok(Publication { port: port_number(port)?, netns: netns.to_owned(), to_port: port_number(to_port)? })
    }
}

pub fn port_number(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("`{text}` is no port: those are 1 to 65535")),
        Ok(port) => Ok(port),
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns publish 8080:ns1:80                         port 8080 of the host leads to port 80 of ns1
  ovsns publish 8080:ns1:80 8443:ns1:443 2222:ns2:22
  ovsns publish 53:ns1:53 --udp --address 192.0.2.1
  ovsns publish 8080:ns1:80 --dry-run
  ovsns unpublish 8080

It is reached from the world, from the host itself (also at 127.0.0.1, but not at ::1, for which the kernel has no
route_localnet), and from other namespaces, those on the same switch among them. A port at which a program listens is
refused. Where the namespace has no default route it gets one, by way of the host, so that it can answer the world. The
world's own addresses are seen in the namespace; the host, and who is on the same switch, is seen under the host's address.")]
pub struct Publish {
    /// What is published: PORT of the host, the namespace, and the port there
    #[arg(required = true, value_name = "PORT:NETNS:PORT")]
    ports: Vec<Publication>,
    /// UDP ports; else they are TCP's
    #[arg(long)]
    udp: bool,
    /// The address of the host at which it is published [default: all of them]
    #[arg(long)]
    address: Option<IpAddr>,
    /// The address of the namespace that it leads to [default: one of each version of IP]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<IpAddr>,
    /// A device by which the world asks for it; may be given several times [default: those of the host's default routes]
    #[arg(long = "in", value_name = "DEVICE")]
    ingress: Vec<IfName>,
    /// Give the namespaces no default routes
    #[arg(long)]
    no_routes: bool,
    /// Do not fail if it is published; set what differs from what is asked for here
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl Publish {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let mut books = Books::open(session).await?;
        let (around, places) = self.around(session).await?;
        let wiring = Wiring::of(&around);
        let mut ways: Vec<Target> = Vec::new();
        for (asked, place) in self.ports.iter().zip(&places) {
            let found = targets(&wiring, place, self.wanted()?)?;
            let published = self.published(asked, place, &found);
            let owner = self.check_free(&books, &published)?;
            books.want(Resource::Published(published), &owner);
            ways.extend(found);
        }
        self.ruleset(session, &mut books, &ways).await?;
        if !self.no_routes {
            ways.iter().for_each(|way| routes::add_for(&mut books, &wiring, way));
        }
        self.settle_replaced(session, &mut books).await?;
        notes::say(session, &books.notes);
        self.change.carry_out(session, &books.observed, &books.desired).await
    }

    /// The namespaces that are asked for, one for each port, and what is around them.
    async fn around(&self, session: &Session<'_>) -> Result<(State, Vec<Place>), Failure> {
        self.wanted()?;
        let (mut around, mut places) = (State::default(), Vec::new());
        for asked in &self.ports {
            let place = self.place(session, asked).await?;
            if !places.contains(&place) {
                around::add(&mut around, &around::namespace(session, &place).await?);
            }
            places.push(place);
        }
        Ok((around, places))
    }

    fn protocol(&self) -> Protocol {
        if self.udp { Protocol::Udp } else { Protocol::Tcp }
    }

    async fn place(&self, session: &Session<'_>, asked: &Publication) -> Result<Place, Failure> {
        match place::existing(session, &asked.netns).await? {
            Place::Host => Err(Failure::usage("the host's own ports need not be published")
                .hint("a published port leads to a namespace, as in: ovsns publish 8080:ns1:80")),
            place => Ok(place),
        }
    }

    fn wanted(&self) -> Result<Wanted, Failure> {
        match (self.address, self.to) {
            (Some(address), Some(to)) if Family::of(address) != Family::of(to) => {
                Err(Failure::usage(format!("{address} and {to} are of different versions of IP")))
            }
            (Some(address), _) if address.is_unspecified() => {
                Err(Failure::usage(format!("{address} is no address that the host can have"))
                    .hint("without --address a port is published at all addresses"))
            }
            (Some(IpAddr::V6(address)), _) if address.is_unicast_link_local() => {
                Err(Failure::usage(format!("{address} is an address of one link alone"))
                    .hint("publish the port at another address of the host, or at all of them"))
            }
            (Some(IpAddr::V6(address)), _) if address.is_loopback() => {
                Err(Failure::usage("a port cannot be published at ::1: the kernel lets it lead nowhere")
                    .hint("publish it at 127.0.0.1, or at all addresses"))
            }
            (address, to) => Ok(Wanted { to, family: address.map(Family::of) }),
        }
    }

    fn published(&self, asked: &Publication, place: &Place, targets: &[Target]) -> Published {
        Published {
            protocol: self.protocol(),
            address: self.address,
            port: asked.port,
            netns: place.clone(),
            to_port: asked.to_port,
            targets: targets.iter().map(|target| target.address).collect(),
        }
    }

    /// Nothing else is to be reached there: no other published port, and no program of the host. Returns whose it is to be: what a
    /// lab owns stays its own, and is not changed.
    fn check_free(&self, books: &Books, wanted: &Published) -> Result<Owner, Failure> {
        let Some(there) = taken::published(books, wanted) else {
            taken::check(wanted)?;
            return Ok(Owner::verbs());
        };
        let key = Resource::Published(there.clone()).key();
        let same = key == Resource::Published(wanted.clone()).key();
        let owner = books.owner(&key);
        let ours = owner == Owner::verbs() || there == wanted;
        if self.may_exist && same && ours && books.observed.contains(&key) {
            return Ok(owner);
        }
        Err(taken::already(there, &owner))
    }

    /// The networks that the targets are in, and how the world comes there.
    async fn ruleset(&self, session: &Session<'_>, books: &mut Books, ways: &[Target]) -> Result<(), Failure> {
        let mut ruleset = books.ruleset();
        let mut devices: BTreeSet<&IfName> = BTreeSet::new();
        for way in ways {
            ruleset.set_networks(way.device.clone(), way.own.iter().copied());
            devices.insert(&way.device);
        }
        if self.address.is_none_or(|address| !address.is_loopback()) {
            let ingress = self.ingress(session, books, &devices).await?;
            if ingress.is_empty() {
                books.notes.push(format!("{NO_WAY_IN}; {NAME_ONE}"));
            }
            ruleset.ingress.extend(ingress);
        }
        // Of a device that takes part already it has been said.
        devices.retain(|device| self.may_exist || !books.observed_ruleset().networks.contains_key(*device));
        for way in ways.iter().filter(|way| devices.remove(&way.device)) {
            let backend = match &way.switch {
                Some(name) => Some(session.switch(name).await?.1.backend),
                None => None,
            };
            books.notes.extend(notes::pass(&mut ruleset, &way.device, backend, None)?);
        }
        books.raise(session, ruleset).await
    }

    /// Takes away what was there for the sake of another target.
    async fn settle_replaced(&self, session: &Session<'_>, books: &mut Books) -> Result<(), Failure> {
        let other = |published: &&Published| {
            let there =
                books.observed.get(&Resource::Published((*published).clone()).key()).map(|entry| &entry.resource);
            matches!(there, Some(Resource::Published(there)) if there != *published)
        };
        let replaced: Vec<Key> =
            books.published().filter(other).map(|p| Resource::Published(p.clone()).key()).collect();
        if replaced.is_empty() {
            return Ok(());
        }
        books.settle(session, &BTreeSet::new()).await?;
        for key in replaced {
            if let Some(Resource::Published(before)) = books.observed.get(&key).map(|entry| entry.resource.clone()) {
                routes::remove(session, books, &before.netns).await?;
            }
        }
        Ok(())
    }

    /// The devices by which the world asks: those that were named, or those of the host.
    async fn ingress(
        &self,
        session: &Session<'_>,
        books: &Books,
        devices: &BTreeSet<&IfName>,
    ) -> Result<Vec<IfName>, Failure> {
        if !self.ingress.is_empty() {
            for device in &self.ingress {
                inside::device(session, &Place::Host, device).await?;
            }
            return Ok(self.ingress.clone());
        }
        ingress(books, self.address, devices)
    }
}

const NAME_ONE: &str = "to have it reached by another device too: --may-exist --in DEVICE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_written_as_three_parts() {
        let parse = |text: &str| text.parse::<Publication>().map(|p| (p.port, p.netns, p.to_port));
        assert_eq!(parse("8080:ns1:80"), Ok((8080, "ns1".to_owned(), 80)));
        assert_eq!(parse("53:pid:12:5353"), Ok((53, "pid:12".to_owned(), 5353)));
        for bad in ["8080", "8080:ns1", "0:ns1:80", "8080:ns1:65536", "x:ns1:80", "8080:ns1:"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
