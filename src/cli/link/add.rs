//! `add-link`.

use clap::Args;
use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{
    Address, End, Entry, IfName, Key, Link, MTU_MAX, MTU_MIN, Mac, Netns, Owner, Place, PortNames, Resource, State,
};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::port;
use crate::cli::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  ovsns add-link client server --ip 10.0.0.1/24 --peer-ip 10.0.0.2/24
  ovsns add-link test host --ip 10.0.0.1/24 --peer-ip 10.0.0.2/24")]
pub struct AddLink {
    /// The namespace of one end (made if it is missing): a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
    /// The namespace of the other end
    peer: String,
    /// An address of the first end; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = port::address)]
    ip: Vec<IpNet>,
    /// An address of the other end; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = port::address)]
    peer_ip: Vec<IpNet>,
    /// The name of the first end [default: eth1-NETNS, then eth2-NETNS …; on the host veth-PEER …]
    #[arg(long, value_name = "DEVICE")]
    name: Option<IfName>,
    /// The name of the other end
    #[arg(long, value_name = "DEVICE")]
    peer_name: Option<IfName>,
    /// The Ethernet address of the first end
    #[arg(long)]
    mac: Option<Mac>,
    /// The Ethernet address of the other end
    #[arg(long)]
    peer_mac: Option<Mac>,
    /// The MTU of both ends, in bytes
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX)))]
    mtu: Option<u32>,
    /// IPv6 addresses can be used at once, without duplicate address detection
    #[arg(long)]
    nodad: bool,
    #[command(flatten)]
    change: Change,
}

/// One end, as far as it was asked for.
struct Asked<'a> {
    place: &'a Place,
    other: &'a Place,
    name: Option<&'a IfName>,
    mac: Option<Mac>,
    ips: &'a [IpNet],
}

impl AddLink {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let (one, other) = (place::parse(&self.netns)?, place::parse(&self.peer)?);
        if one == other && one == Place::Host {
            return Err(Failure::usage("both ends of the link would be on the host")
                .hint("a link joins two namespaces, or one and the host"));
        }
        if let Some(twice) = self.ip.iter().find(|ip| self.peer_ip.iter().any(|peer| peer.addr() == ip.addr())) {
            return Err(Failure::usage(format!("both ends of the link would have the address {}", twice.addr()))
                .hint("give each end its own, in one network: --ip 10.0.0.1/24 --peer-ip 10.0.0.2/24"));
        }
        place::check_ipv6_mtu(self.ip.iter().chain(&self.peer_ip), self.mtu)?;
        let _lock = session.begin(&self.change).await?;
        let mut observed = State::default();
        let mut desired = State::default();
        for place in [&one, &other] {
            let there = place::addresses(session, place).await?;
            there.entries().for_each(|entry| observed.insert(entry.clone()));
            self.netns(session, place, &mut observed, &mut desired).await?;
        }
        observed.entries().for_each(|entry| desired.insert(entry.clone()));
        let first = Asked { place: &one, other: &other, name: self.name.as_ref(), mac: self.mac, ips: &self.ip };
        let second =
            Asked { place: &other, other: &one, name: self.peer_name.as_ref(), mac: self.peer_mac, ips: &self.peer_ip };
        let a = self.end(session, &first, None).await?;
        let b = self.end(session, &second, Some(&a)).await?;
        for (end, asked) in [(&a, &first), (&b, &second)] {
            for ip in asked.ips {
                let wanted = Address::new(end.place.clone(), end.name.clone(), *ip, self.nodad);
                place::check_address(&wanted, &desired)?;
                desired.insert(Entry::unmarked(Resource::Address(wanted)));
            }
        }
        desired.insert(Entry::owned(Resource::Link(Link::new(a, b)), &Owner::verbs()));
        self.change.carry_out(session, &observed, &desired).await
    }

    /// The namespace, if it has a name: as it is, or as it is to be made.
    async fn netns(
        &self,
        session: &Session<'_>,
        place: &Place,
        observed: &mut State,
        desired: &mut State,
    ) -> Result<(), Failure> {
        let Place::Named(name) = place else { return Ok(()) };
        let netns = Resource::Netns(Netns::new(name.clone()));
        let seen = session.observe(Scope::Keys(vec![netns.key()])).await?;
        match seen.get(&netns.key()) {
            Some(there) => observed.insert(there.clone()),
            None => desired.insert(Entry::owned(netns, &Owner::verbs())),
        }
        Ok(())
    }

    /// The end as it is to be, under the name that was asked for, or the first of the rule that is free. `taken` is the other
    /// end, which may be in the same namespace.
    async fn end(&self, session: &Session<'_>, asked: &Asked<'_>, taken: Option<&End>) -> Result<End, Failure> {
        let settings = |name: IfName| End { mac: asked.mac, mtu: self.mtu, ..End::new(asked.place.clone(), name) };
        let is_taken = |name: &IfName| taken.is_some_and(|end| end.place == *asked.place && end.name == *name);
        if let Some(name) = asked.name {
            let there = session.observe(Scope::Keys(vec![device(asked.place, name)])).await?;
            if !there.is_empty() || is_taken(name) {
                return Err(Failure::new(format!(
                    "cannot name a device {name}: {} has one of this name already",
                    asked.place
                ))
                .hint("choose another with --name or --peer-name"));
            }
            return Ok(settings(name.clone()));
        }
        for number in 1.. {
            // On the host a name says where it leads, in a namespace whose it is.
            let (name, altname) = match asked.place {
                Place::Host => {
                    let names = PortNames::of(asked.other, number);
                    (names.host, names.host_full)
                }
                place => {
                    let names = PortNames::of(place, number);
                    (names.inside, names.inside_full)
                }
            };
            let there = session.observe(Scope::Keys(vec![device(asked.place, &name)])).await?;
            if there.is_empty() && !is_taken(&name) {
                return Ok(End { altname, ..settings(name) });
            }
        }
        unreachable!("a host has fewer devices than there are numbers")
    }
}

fn device(place: &Place, name: &IfName) -> Key {
    Key::Device { place: place.clone(), name: name.clone() }
}
