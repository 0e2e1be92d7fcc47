//! `add-addr`, `del-addr`.

use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{Address, Entry, IPV6_MTU_MIN, IfName, Place, Resource, State};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::port;
use crate::cli::session::{Session, seen};

use super::{addresses_and_routes, device, only_device};

#[derive(Debug, Args)]
pub struct AddAddr {
    /// The namespace: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
    /// The address, with the length of its prefix
    #[arg(value_name = "ADDRESS/LENGTH", value_parser = port::address, required = true)]
    addresses: Vec<IpNet>,
    /// The device [default: the only one besides lo]
    #[arg(long, value_name = "DEVICE")]
    dev: Option<IfName>,
    /// IPv6: can be used at once, without duplicate address detection
    #[arg(long)]
    nodad: bool,
    /// Do not fail if the device has the address
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddAddr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let place = place::existing(session, &self.netns).await?;
        let device = match &self.dev {
            Some(name) => device(session, &place, name).await?,
            None => only_device(session, &place).await?,
        };
        if let (Some(ip), Some(mtu)) = (self.addresses.iter().find(|ip| ip.addr().is_ipv6()), device.mtu)
            && mtu < IPV6_MTU_MIN
        {
            let what = format!("cannot add {ip} to {}: its MTU is {mtu}, and IPv6 takes {IPV6_MTU_MIN}", device.name);
            return Err(Failure::new(what).hint(format!("ovsns set {place} {} mtu 1500", device.name)));
        }
        let there = place::addresses(session, &place).await?;
        let mut desired = there.clone();
        for address in &self.addresses {
            let wanted = Address::new(place.clone(), device.name.clone(), *address, self.nodad);
            place::check_address(&wanted, &desired)?;
            let entry = Entry::unmarked(Resource::Address(wanted));
            match desired.contains(&entry.key()) {
                true if !self.may_exist => {
                    return Err(Failure::new(format!("cannot add {address}: {} has it already", device.name))
                        .hint("with --may-exist that is no failure"));
                }
                true => {}
                false => desired.insert(entry),
            }
        }
        self.change.carry_out(session, &there, &desired).await
    }
}

/// An address, with or without the length of its prefix.
#[derive(Debug, Clone, Copy)]
enum Named {
    Whole(IpNet),
    Bare(IpAddr),
}

impl Named {
    fn parse(text: &str) -> Result<Named, String> {
        let bare = text.parse().map(Named::Bare).ok();
        bare.or_else(|| text.parse().map(Named::Whole).ok())
            .ok_or_else(|| "not an IP address, such as 192.168.0.1/24".to_owned())
    }

    fn means(self, address: &Address) -> bool {
        match self {
            Named::Whole(net) => address.address == net,
            Named::Bare(ip) => address.address.addr() == ip,
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Named::Whole(net) => net.fmt(f),
            Named::Bare(ip) => ip.fmt(f),
        }
    }
}

#[derive(Debug, Args)]
pub struct DelAddr {
    /// The namespace: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
    /// The address; without the length of its prefix, whatever that is
    #[arg(value_name = "ADDRESS[/LENGTH]", value_parser = Named::parse, required = true)]
    addresses: Vec<Named>,
    /// The device [default: the one that has the address]
    #[arg(long, value_name = "DEVICE")]
    dev: Option<IfName>,
    /// Do not fail if there is none
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelAddr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let place = place::existing(session, &self.netns).await?;
        // A route goes with the address that it stands on.
        let mut observed = addresses_and_routes(session, &place).await?;
        for entry in self.unasked(session, &place).await?.entries() {
            observed.insert(entry.clone());
        }
        let mut desired = observed.clone();
        for named in &self.addresses {
            let found = addresses(&desired).find(|address| {
                named.means(address) && self.dev.as_ref().is_none_or(|device| address.device == *device)
            });
            match found.cloned() {
                Some(address) => remove(&mut desired, &address),
                None if self.if_exists => {}
                None => return Err(self.no_address(named, &place, &desired)),
            }
        }
        self.change.carry_out(session, &observed, &desired).await
    }

    /// Those that are named although nobody asked for them: leased ones, and those of the link itself. Whoever names one means it.
    async fn unasked(&self, session: &Session<'_>, place: &Place) -> Result<State, Failure> {
        let named = |seen: &Address| self.addresses.iter().any(|named| named.means(seen));
        let seen = seen::addresses(place)?.into_iter();
        let seen = seen.map(|seen| Address::new(place.clone(), seen.dev, seen.address, false));
        let keys = seen.filter(named).map(|address| Resource::Address(address).key());
        session.observe(Scope::Keys(keys.collect())).await
    }

    fn no_address(&self, named: &Named, place: &Place, there: &State) -> Failure {
        let what = match &self.dev {
            Some(device) => format!("{device} in {place} does not have the address {named}"),
            None => format!("no device in {place} has the address {named}"),
        };
        if matches!(named, Named::Bare(ip) if ip.is_loopback())
            || matches!(named, Named::Whole(net) if net.addr().is_loopback())
        {
            return Failure::new(format!("{named} is the loopback address of {place}, which the kernel gives to lo"))
                .hint(format!("to be without it: ovsns set {place} lo down"));
        }
        let list: Vec<String> = addresses(there).map(|a| format!("{} on {}", a.address, a.device)).collect();
        let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
        Failure::new(what).hint(format!("there are: {list}"))
    }
}

fn addresses(state: &State) -> impl Iterator<Item = &Address> {
    state
        .resources()
        .filter_map(|resource| if let Resource::Address(address) = resource { Some(address) } else { None })
}

/// Takes the address out of `state`, and with an IPv4 address the routes that nothing leads to without it: with its last one a
/// device loses all of them, with each those that send under it (`fib_inetaddr_event`, net/ipv4/fib_frontend.c). IPv6 addresses
/// take nothing with them.
pub fn remove(state: &mut State, address: &Address) {
    state.remove(&Resource::Address(address.clone()).key());
    let IpAddr::V4(_) = address.address.addr() else { return };
    let left: Vec<IpNet> = addresses(state)
        .filter(|other| {
            other.place == address.place && other.device == address.device && other.address.addr().is_ipv4()
        })
        .map(|other| other.address)
        .collect();
    let lost = state.resources().filter(|resource| {
        let Resource::Route(route) = resource else { return false };
        let through = route.place == address.place && route.device.as_ref() == Some(&address.device);
        let no_way = route
            .via
            .is_some_and(|via| address.address.contains(&via) && !left.iter().any(|other| other.contains(&via)));
        let no_source = route.source == Some(address.address.addr());
        through && route.is_ipv4() && (left.is_empty() || no_way || no_source)
    });
    for key in lost.map(Resource::key).collect::<Vec<_>>() {
        state.remove(&key);
    }
}
