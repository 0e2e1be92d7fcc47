//! Sharing a physical interface: what a device of the host had moves to the switch's own device, and back.

use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{Address, BackendName, Entry, IfName, Key, Kind, Lent, Place, Port, Resource, Route, State, Switch};

use crate::cli::failure::Failure;
use crate::cli::session::{Session, seen};

/// What a device of the host has that would stop working if it became a port: a port's packets go to the switch.
pub struct Belongings {
    /// Its addresses, but those of the link itself and those that routers' advertisements renew by themselves.
    addresses: State,
    /// Those of them that are leased, which somebody has to renew.
    leased: Vec<IpNet>,
    /// Its routes, but the kernel's own, which go with the addresses.
    routes: State,
    /// Destinations of routes with several next hops.
    multipath: Vec<String>,
}

impl Belongings {
    /// Those of `device`.
    pub async fn of(session: &Session<'_>, device: &IfName) -> Result<Belongings, Failure> {
        let seen: Vec<_> = seen::addresses_of(&Place::Host, device)?
            .into_iter()
            .filter(|address| address.scope != "link")
            .filter(|address| !(address.dynamic && address.address.addr().is_ipv6()))
            .collect();
        let keys =
            seen.iter().map(|seen| Key::Address { place: Place::Host, device: device.clone(), address: seen.address });
        let addresses = session.observe(Scope::Keys(keys.collect())).await?;
        let leased = seen.iter().filter(|seen| seen.dynamic).map(|seen| seen.address).collect();
        let through =
            |entry: &&Entry| matches!(&entry.resource, Resource::Route(r) if r.device.as_ref() == Some(device));
        let routes = session.observe(Scope::Within(Place::Host, Kind::Route)).await?;
        let routes = routes.entries().filter(through).cloned().collect();
        let several = seen::routes(&Place::Host)?.into_iter().filter(|route| route.several_hops);
        let multipath = several.map(|route| route.dst.to_string()).collect();
        Ok(Belongings { addresses, leased, routes, multipath })
    }

    /// Whether nothing would stop working.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.routes.is_empty()
    }

    /// It has some, and nobody said that the switch is to take them over.
    pub fn refuse(&self, switch: &Switch, device: &IfName) -> Failure {
        let breaks = self.breaks();
        Failure::new(format!("cannot plug {device} into {}: {breaks}", switch.name)).hint(format!(
            "to move them to the switch's own device: ovsns add-port {} dev:{device} --take-over",
            switch.name
        ))
    }

    /// What would stop working.
    pub fn breaks(&self) -> String {
        let list = |state: &State| state.resources().map(told).collect::<Vec<_>>().join(", ");
        let mut breaks = format!("its addresses ({}) would stop working", list(&self.addresses));
        if !self.routes.is_empty() {
            breaks.push_str(&format!(", and with them the routes through it ({})", list(&self.routes)));
        }
        breaks
    }

    /// Moves them to the switch's own device, in `observed` and `desired`, which hold the switch. Returns what is to be noted on
    /// the port.
    pub fn hand_over(
        &self,
        entry: &Entry,
        switch: &Switch,
        mac: Option<crate::model::Mac>,
        observed: &mut State,
        desired: &mut State,
    ) -> Result<Lent, Failure> {
        if let Some(destination) = self.multipath.first() {
            let what = format!("cannot take over: the route to {destination} has several next hops");
            return Err(Failure::new(what).hint("only routes with one next hop can be moved; replace it first"));
        }
        let own = switch.name.device();
        for entry in self.addresses.entries().chain(self.routes.entries()) {
            observed.insert(entry.clone());
            desired.remove(&entry.key());
            desired.insert(Entry::unmarked(on_device(&entry.resource, &own)));
        }
        observed.insert(entry.clone());
        // The neighbours know the address of the device, and so does a server that leases by it.
        let pinned = Switch { mac: mac.or(switch.mac), ..switch.clone() };
        desired.insert(Entry { resource: Resource::Switch(pinned), owner: entry.owner.clone() });
        let lent = Lent { addresses: self.addresses.resources().filter_map(net).collect(), mac: switch.mac };
        if switch.backend == BackendName::Linux && lent.alias().len() > Lent::ALIAS_MAX {
            return Err(Failure::new("cannot take over: there are more addresses than can be noted on the device")
                .hint(format!("its alias has room for {} bytes; Open vSwitch has no such limit", Lent::ALIAS_MAX)));
        }
        Ok(lent)
    }

    /// What the user has to see to.
    pub fn notes(&self, switch: &Switch, device: &IfName) -> Vec<String> {
        let mut notes = vec![format!(
            "this lasts until the next boot: the configuration of the distribution still gives {device} its addresses"
        )];
        let own = &switch.name;
        let leased = self
            .leased
            .iter()
            .map(|address| format!("{address} is leased: let the DHCP client renew it on {own}, not on {device}"));
        notes.extend(leased);
        let servers = name_servers(device);
        if !servers.is_empty() {
            notes.push(format!("systemd-resolved knows name servers by {device}: resolvectl dns {own} {servers}"));
        }
        notes
    }
}

/// What is there of the ports in `observed`, and what there should be when they are gone: what uplinks have lent goes back to
/// them, before the host is cut off.
pub async fn give_back(session: &Session<'_>, observed: &mut State, desired: &mut State) -> Result<(), Failure> {
    let lenders: Vec<(Port, Lent)> = observed
        .resources()
        .filter_map(|resource| match resource {
            Resource::Port(port) => port.lent.clone().map(|lent| (port.clone(), lent)),
            _ => None,
        })
        .collect();
    for (port, lent) in lenders {
        let own = port.switch.device();
        let belongings = Belongings::of(session, &own).await?;
        let is_lent = |resource: &Resource| match resource {
            Resource::Address(address) => lent.addresses.contains(&address.address),
            Resource::Route(route) => goes_back(route, &belongings, &lent),
            _ => false,
        };
        let all = belongings.addresses.entries().chain(belongings.routes.entries());
        let key = Key::Switch { name: port.switch.clone() };
        let stays = !observed.contains(&key);
        for entry in all {
            observed.insert(entry.clone());
            desired.remove(&entry.key());
            if is_lent(&entry.resource) {
                desired.insert(Entry::unmarked(on_device(&entry.resource, &port.device)));
            } else if stays {
                desired.insert(entry.clone());
            }
        }
        if stays && let Some(Resource::Switch(switch)) = seen_switch(session, &key, observed).await? {
            let owner = observed.get(&key).and_then(|entry| entry.owner.clone());
            let before = Switch { mac: lent.mac.or(switch.mac), ..switch };
            desired.insert(Entry { resource: Resource::Switch(before), owner });
        }
    }
    Ok(())
}

async fn seen_switch(session: &Session<'_>, key: &Key, observed: &mut State) -> Result<Option<Resource>, Failure> {
    let state = session.observe(Scope::Keys(vec![key.clone()])).await?;
    let entry = state.get(key).cloned();
    if let Some(entry) = &entry {
        observed.insert(entry.clone());
    }
    Ok(entry.map(|entry| entry.resource))
}

/// What goes through the switch goes back, but for what stands on an address that is the switch's own.
fn goes_back(route: &Route, belongings: &Belongings, lent: &Lent) -> bool {
    let own = || belongings.addresses.resources().filter_map(net).filter(|own| !lent.addresses.contains(own));
    !own().any(|own| route.via.is_some_and(|via| own.contains(&via)) || route.source == Some(own.addr()))
}

/// The same on another device. An IPv6 address needs no duplicate address detection there: it was this host's before.
fn on_device(resource: &Resource, device: &IfName) -> Resource {
    match resource {
        Resource::Address(address) => {
            Resource::Address(Address::new(Place::Host, device.clone(), address.address, true))
        }
        Resource::Route(route) => Resource::Route(Route { device: Some(device.clone()), ..route.clone() }),
        resource => resource.clone(),
    }
}

fn net(resource: &Resource) -> Option<IpNet> {
    if let Resource::Address(address) = resource { Some(address.address) } else { None }
}

fn told(resource: &Resource) -> String {
    match resource {
        Resource::Address(address) => address.address.to_string(),
        Resource::Route(route) => {
            let via = route.via.map(|via| format!(" via {via}")).unwrap_or_default();
            format!("{}{via}", route.destination_text())
        }
        resource => resource.key().to_string(),
    }
}

/// On a Linux bridge the alias of the device has to hold what it lends.
pub fn check_alias(switch: &Switch, device: &IfName) -> Result<(), Failure> {
    let alias = seen::uplink(device)?.and_then(|uplink| uplink.alias).filter(|alias| !alias.is_empty());
    match alias.filter(|_| switch.backend == BackendName::Linux) {
        None => Ok(()),
        Some(alias) => Err(Failure::new(format!("cannot take {device} over: its alias `{alias}` would be lost"))
            .hint(format!("what it lends is noted there; take the alias off: ip link set dev {device} alias ''"))),
    }
}

/// The name servers that systemd-networkd learned by the device (`DNS=` below `/run/systemd/netif/links`), which systemd-resolved
/// asks through it.
fn name_servers(device: &IfName) -> String {
    let Ok(Some(uplink)) = seen::uplink(device) else { return String::new() };
    let text = std::fs::read_to_string(format!("/run/systemd/netif/links/{}", uplink.index)).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix("DNS=")).unwrap_or_default().to_owned()
}
