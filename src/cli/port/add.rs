//! `add-port`.

mod device;
mod internal;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{
    Address, BackendName, Datapath, End, Entry, IfName, Key, Link, Netns, Owner, Place, Port, PortNames, Resource,
    Route, State, Switch, SwitchName,
};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::global::seconds_with_unit;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::session::{self, Session, seen};

use super::settings::Settings;
use super::vlan::filter_vlans;
use super::{address, addresses, gateway, host_ends, links, port_of};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AddPort {
    /// The switch
    switch: SwitchName,
    /// What is plugged in: a namespace by name (made if it is missing), docker:CONTAINER, podman:CONTAINER,
    /// pid:PID, path:FILE, or dev:DEVICE of the host
    target: String,
    /// Do not fail if the target has a port on the switch; set what differs from what is asked for here
    #[arg(long)]
    may_exist: bool,
    /// An address of the inside device; may be given several times
    #[arg(long, value_name = "ADDRESS/LENGTH", value_parser = address)]
    ip: Vec<IpNet>,
    /// The gateway of a default route
    #[arg(long, value_name = "ADDRESS", value_parser = gateway)]
    gw: Vec<IpAddr>,
    /// The name of the inside device [default: eth1-NETNS, then eth2-NETNS …]
    #[arg(long, value_name = "DEVICE")]
    name: Option<IfName>,
    /// The name of the end on the host [default: veth-NETNS, then veth2-NETNS …]
    #[arg(long, value_name = "DEVICE")]
    host_name: Option<IfName>,
    /// Open vSwitch: a device that it makes, inside, in place of a veth pair
    #[arg(long)]
    internal: bool,
    /// IPv6 addresses can be used at once, without duplicate address detection
    #[arg(long)]
    nodad: bool,
    #[command(flatten)]
    settings: Settings,
    /// Of dev:DEVICE: move its addresses and routes to the switch's own device, so that the host stays reachable
    #[arg(long)]
    take_over: bool,
    /// How long to wait for `ovsns confirm` before everything that --take-over did goes back, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "take_over", value_parser = seconds_with_unit)]
    confirm: Duration,
    /// Do not wait for a confirmation
    #[arg(long, requires = "take_over", conflicts_with = "confirm")]
    yes: bool,
    #[command(flatten)]
    change: Change,
}

const TARGETS: &str =
    "a target is a namespace's name, dev:DEVICE, docker:CONTAINER, podman:CONTAINER, pid:PID or path:FILE";

const EXAMPLES: &str = "\
Examples:
  ovsns add-port OVS-1 ns1 --ip 192.168.0.1/24          a namespace, made if it is missing
  ovsns add-port OVS-1 docker:web --ip 192.168.0.10/24  that of a running container
  ovsns add-port OVS-1 pid:1234 --ip 192.168.0.11/24    that of a process
  ovsns add-port OVS-1 dev:eth1                         a device of the host";

/// What a port leads to.
enum Target {
    Place(Place),
    Device(IfName),
}

impl Target {
    fn parse(text: &str) -> Result<Target, Failure> {
        if let Some(device) = text.strip_prefix("dev:") {
            return Ok(Target::Device(device.parse()?));
        }
        match text.parse() {
            Ok(place) => match session::canonical(place)? {
                Place::Host => {
                    Err(Failure::usage(format!("{text} is the host, which is plugged in by the switch's own device"))
                        .hint("give that an address: ovsns add-br SWITCH --may-exist --ip ADDRESS/LENGTH"))
                }
                place => Ok(Target::Place(place)),
            },
            Err(error) => Err(Failure::from(error).hint(TARGETS)),
        }
    }
}

impl AddPort {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::parse(&self.target)?;
        self.settings.check_vlan()?;
        place::check_ipv6_mtu(&self.ip, self.settings.mtu)?;
        let _lock = session.begin(&self.change).await?;
        let (switch_entry, switch) = session.switch(&self.switch).await?;
        let (mut observed, mut desired) = match target {
            Target::Device(device) => self.device(session, &switch_entry, &switch, device).await?,
            Target::Place(place) => {
                self.check_switch_addresses()?;
                match self.internal {
                    true => self.internal(session, &switch, place).await?,
                    false => self.namespace(session, &switch, place).await?,
                }
            }
        };
        filter_vlans(&self.settings.vlan(), &switch_entry, &mut observed, &mut desired);
        let within = (self.take_over && !self.yes).then_some(self.confirm);
        self.change.carry_out_unless(session, &observed, &desired, within).await
    }

    /// The port as asked for; with `--may-exist` what is not asked for stays as it is in `there`.
    fn port(&self, switch: &Switch, device: &IfName, netns: Option<Place>, there: Option<&Port>) -> Port {
        let ovs = switch.backend == BackendName::Ovs;
        self.settings.port(Port {
            vlan: there.map(|port| port.vlan.clone()).unwrap_or_default(),
            settings: there.map(|port| port.settings.clone()).unwrap_or_default(),
            netns: netns.filter(|_| ovs),
            ..Port::new(switch.name.clone(), device.clone(), switch.backend)
        })
    }

    /// The switch's own device is in the same network as its namespaces: two would answer for one address. Behind a tag they are apart.
    fn check_switch_addresses(&self) -> Result<(), Failure> {
        if self.ip.is_empty() || self.settings.vlan().tag.is_some() {
            return Ok(());
        }
        let own = seen::addresses_of(&Place::Host, &self.switch.device())?;
        match self.ip.iter().find(|ip| own.iter().any(|own| own.address.addr() == ip.addr())) {
            None => Ok(()),
            Some(twice) => {
                let what = format!("cannot add {twice}: switch {} itself has {}", self.switch, twice.addr());
                Err(Failure::new(what).hint("an address belongs on one device; choose another one"))
            }
        }
    }

    async fn namespace(&self, session: &Session<'_>, switch: &Switch, place: Place) -> Result<(State, State), Failure> {
        let inside = session.observe(Scope::Place(place.clone())).await?;
        self.check_place(session, &place, &inside).await?;
        let ports = host_ends(&inside, &place).map(|device| Key::Port { device });
        let ports = session.observe(Scope::Keys(ports.collect())).await?;
        let there = if self.may_exist { self.existing(&inside, &ports, &place) } else { None };
        let (mut observed, names) = match &there {
            Some(link) => (State::default(), names_of(link)),
            None => self.free_names(session, &place, &inside).await?,
        };
        for entry in inside.entries().chain(ports.entries()) {
            observed.insert(entry.clone());
        }
        let mut desired = observed.clone();
        if let Place::Named(name) = &place {
            let netns = Resource::Netns(Netns::new(name.clone()));
            if !desired.contains(&netns.key()) {
                desired.insert(Entry::owned(netns, &Owner::verbs()));
            }
        }
        let tx_checksum = session.tx_checksum(switch).await?;
        let link = self.link(switch, &place, &names, tx_checksum);
        let port_key = Key::Port { device: names.host.clone() };
        let port = self.port(switch, &names.host, Some(place.clone()), port_of(&observed, &port_key));
        for resource in [Resource::Link(link), Resource::Port(port)] {
            let owner = observed.get(&resource.key()).map_or_else(|| Some(Owner::verbs()), |entry| entry.owner.clone());
            desired.insert(Entry { resource, owner });
        }
        self.addresses_and_routes(&place, &names.inside, &observed, &mut desired)?;
        let mtu = self.settings.mtu.or_else(|| there.as_ref().and_then(|link| link.b.mtu));
        self.settings.impair(&place, &names.inside, mtu, &mut desired)?;
        self.settings.limits.put(session, switch, &names.host, &mut observed, &mut desired).await?;
        Ok((observed, desired))
    }

    /// The namespace is there, or can be made.
    async fn check_place(&self, session: &Session<'_>, place: &Place, inside: &State) -> Result<(), Failure> {
        match place {
            Place::Named(name) => {
                if inside.contains(&Key::Netns { name: name.clone() }) {
                    return Ok(());
                }
                if let Some(instead) = session::container_instead(name.as_str()) {
                    return Err(Failure::new(format!("there is no namespace {name}"))
                        .hint(format!("{instead}; to make the namespace first: ovsns add-ns {name}")));
                }
                let Ok(device) = name.as_str().parse() else { return Ok(()) };
                let key = Key::Device { place: Place::Host, name: device };
                match session.observe(Scope::Keys(vec![key.clone()])).await?.contains(&key) {
                    true => Err(Failure::new(format!("there is no namespace {name}, but a device of the host"))
                        .hint(format!(
                            "to plug in the device: ovsns add-port {} dev:{name}; to make the namespace first: ovsns add-ns {name}",
                            self.switch
                        ))),
                    false => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// The veth pair by which the namespace is on the switch already: the one that was named, or the first.
    fn existing(&self, inside: &State, ports: &State, place: &Place) -> Option<Link> {
        let on_switch = |device: &IfName| {
            let port = port_of(ports, &Key::Port { device: device.clone() });
            port.is_some_and(|port| port.switch == self.switch)
        };
        let wanted = |link: &&Link| {
            let Some((own, other)) = link.from_place(place) else { return false };
            self.name.as_ref().is_none_or(|name| own.name == *name)
                && self.host_name.as_ref().is_none_or(|name| other.name == *name)
                && other.place == Place::Host
                && on_switch(&other.name)
        };
        links(inside).find(wanted).cloned()
    }

    /// Names that no device has yet, on the host and inside: those that were asked for, else the first of the rule that are
    /// free. Returns what was seen of them too.
    async fn free_names(
        &self,
        session: &Session<'_>,
        place: &Place,
        inside: &State,
    ) -> Result<(State, PortNames), Failure> {
        let taken: BTreeSet<&IfName> =
            links(inside).filter_map(|link| link.from_place(place)).map(|(own, _)| &own.name).collect();
        for number in 1.. {
            let rule = PortNames::of(place, number);
            let names = PortNames {
                host: self.host_name.clone().unwrap_or(rule.host),
                host_full: rule.host_full.filter(|_| self.host_name.is_none()),
                inside: self.name.clone().unwrap_or(rule.inside),
                inside_full: rule.inside_full.filter(|_| self.name.is_none()),
            };
            if taken.contains(&names.inside) && self.name.is_none() {
                continue;
            }
            let host = Key::Device { place: Place::Host, name: names.host.clone() };
            let own = Key::Device { place: place.clone(), name: names.inside.clone() };
            let mut seen = session.observe(Scope::Keys(vec![host.clone(), own.clone()])).await?;
            match (seen.remove(&host), seen.remove(&own)) {
                (None, None) => return Ok((dead_row(session, &names.host).await?, names)),
                (Some(_), _) if self.host_name.is_some() => return Err(taken_name("the host", &names.host)),
                (_, Some(_)) if self.name.is_some() => {
                    return Err(taken_name(&format!("namespace {place}"), &names.inside));
                }
                _ => {}
            }
        }
        unreachable!("a host has fewer devices than there are numbers")
    }

    fn link(&self, switch: &Switch, place: &Place, names: &PortNames, tx_checksum: Option<bool>) -> Link {
        let host = End {
            altname: names.host_full.clone(),
            mtu: self.settings.mtu,
            arp: (switch.datapath == Some(Datapath::Netdev)).then_some(false),
            ..End::new(Place::Host, names.host.clone())
        };
        let inside = End {
            altname: names.inside_full.clone(),
            mac: self.settings.mac,
            mtu: self.settings.mtu,
            tx_checksum,
            ..End::new(place.clone(), names.inside.clone())
        };
        Link::new(host, inside)
    }

    fn addresses_and_routes(
        &self,
        place: &Place,
        device: &IfName,
        observed: &State,
        desired: &mut State,
    ) -> Result<(), Failure> {
        for ip in &self.ip {
            let wanted = Address::new(place.clone(), device.clone(), *ip, self.nodad);
            place::check_address(&wanted, desired)?;
            // One that is there has been through duplicate address detection, or was spared it.
            let wanted = Entry::unmarked(Resource::Address(wanted));
            if !desired.contains(&wanted.key()) {
                desired.insert(wanted);
            }
        }
        for gw in &self.gw {
            self.check_gateway(*gw, place, device, observed)?;
            let route = Route::default_via(place.clone(), *gw, device.clone());
            let key = Resource::Route(route.clone()).key();
            if let Some(Resource::Route(there)) = observed.get(&key).map(|entry| &entry.resource)
                && (there.via, &there.device) != (route.via, &route.device)
            {
                let via = there.via.map_or_else(String::new, |via| format!(" via {via}"));
                let what = format!("cannot route {place} by way of {gw}: it has a default route{via} already");
                return Err(Failure::new(what).hint(format!("ip -n {place} route del default removes that one")));
            }
            desired.insert(Entry::unmarked(Resource::Route(route)));
        }
        Ok(())
    }

    /// A gateway is reached directly, so it is in the subnet of one of the device's addresses.
    fn check_gateway(&self, gw: IpAddr, place: &Place, device: &IfName, observed: &State) -> Result<(), Failure> {
        let there =
            addresses(observed, place).filter(|address| address.device == *device).map(|address| address.address);
        let subnets: Vec<IpNet> = self.ip.iter().copied().chain(there).collect();
        if subnets.iter().any(|subnet| subnet.addr() == gw) {
            return Err(Failure::usage(format!("the gateway {gw} is the port's own address")));
        }
        // An IPv6 router is reached by its address on the link (RFC 4861 section 6.1.2).
        let on_link = matches!(gw, IpAddr::V6(gw) if gw.is_unicast_link_local());
        if on_link || subnets.iter().any(|subnet| subnet.contains(&gw)) {
            return Ok(());
        }
        let list = subnets.iter().map(|subnet| subnet.trunc().to_string()).collect::<Vec<_>>().join(", ");
        let list = if list.is_empty() { "none: give the port an --ip".to_owned() } else { list };
        Err(Failure::usage(format!("the gateway {gw} is outside every subnet of the port"))
            .hint(format!("the subnets are: {list}")))
    }
}

/// The row of a port that outlived its device, or waits for it. Ours is dead and made anew; another's is in the way.
async fn dead_row(session: &Session<'_>, device: &IfName) -> Result<State, Failure> {
    let key = Key::Port { device: device.clone() };
    let found = session.observe(Scope::Keys(vec![key.clone()])).await?;
    match (port_of(&found, &key), found.get(&key).is_some_and(|entry| entry.owner.is_none())) {
        (Some(Port { switch, .. }), true) => Err(Failure::new(format!(
            "cannot name a port {device}: switch {switch} has a port of this name, without a device, which is not ours"
        ))
        .hint(format!(
            "if nobody needs that one: ovsns del-port {switch} {device}; or choose another name with --host-name"
        ))),
        _ => Ok(found),
    }
}

fn taken_name(whose: &str, name: &IfName) -> Failure {
    Failure::new(format!("cannot name a device {name}: {whose} has one of this name already"))
        .hint("choose another with --name (inside) or --host-name (on the host)")
}

fn names_of(link: &Link) -> PortNames {
    PortNames { host: link.a.name.clone(), host_full: None, inside: link.b.name.clone(), inside_full: None }
}
