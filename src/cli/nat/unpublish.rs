//! `unpublish`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use clap::Args;

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{self, Session};
use crate::model::{Key, Place, Protocol, Published, Resource};

use super::books::Books;
use super::publish::port_number;
use super::routes;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns unpublish 8080 8443
  ovsns unpublish 53 --udp --address 192.0.2.1
  ovsns unpublish --netns ns1                       all ports of ns1

Connections that are there go on to their end.")]
pub struct Unpublish {
    /// The ports of the host
    #[arg(value_parser = port_number, value_name = "PORT", required_unless_present = "netns")]
    ports: Vec<u16>,
    /// UDP ports; else they are TCP's
    #[arg(long)]
    udp: bool,
    /// The address of the host at which it is published
    #[arg(long)]
    address: Option<IpAddr>,
    /// All ports that lead to this namespace
    #[arg(long, conflicts_with_all = ["ports", "udp", "address"])]
    netns: Option<Place>,
    /// Do not fail if it is not published
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl Unpublish {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let mut books = Books::open(session).await?;
        let gone = self.gone(&books)?;
        for published in &gone {
            books.desired.remove(&Resource::Published(published.clone()).key());
        }
        books.settle(session, &BTreeSet::new()).await?;
        let places: BTreeSet<&Place> = gone.iter().map(|published| &published.netns).collect();
        for place in places {
            routes::remove(session, &mut books, place).await?;
        }
        self.change.carry_out(session, &books.observed, &books.desired).await
    }

    fn gone(&self, books: &Books) -> Result<Vec<Published>, Failure> {
        if let Some(netns) = &self.netns {
            // What cannot be opened is gone; the table still tells of it.
            let netns = &session::canonical(netns.clone()).unwrap_or_else(|_| netns.clone());
            let gone: Vec<Published> =
                books.published().filter(|published| published.netns == *netns).cloned().collect();
            return match gone.is_empty() && !self.if_exists {
                true => Err(Failure::new(format!("no port is published to namespace {netns}")).hint(LIST)),
                false => Ok(gone),
            };
        }
        let protocol = if self.udp { Protocol::Udp } else { Protocol::Tcp };
        let mut gone = Vec::new();
        for port in &self.ports {
            let key = Key::Published { protocol, address: self.address, port: *port };
            match books.desired.get(&key).map(|entry| &entry.resource) {
                Some(Resource::Published(published)) => gone.push(published.clone()),
                _ if self.if_exists => {}
                _ => return Err(self.not_published(books, protocol, *port)),
            }
        }
        Ok(gone)
    }

    fn not_published(&self, books: &Books, protocol: Protocol, port: u16) -> Failure {
        let at = self.address.map(|address| format!(" at {address}")).unwrap_or_default();
        let failure = Failure::new(format!("{protocol} port {port} is not published{at}"));
        let elsewhere = books.published().find(|there| there.protocol == protocol && there.port == port);
        match elsewhere.map(|there| there.address) {
            Some(Some(address)) => failure.hint(format!("it is at {address}: give --address {address}")),
            Some(None) => failure.hint("it is at all addresses: leave --address away"),
            None => failure.hint(LIST),
        }
    }
}

const LIST: &str = "ovsns list-published lists what is; with --if-exists that is no failure";
