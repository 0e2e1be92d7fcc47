//! `add-route`, `del-route`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;

use crate::backend::Scope;
use crate::model::{Entry, IfName, Kind, Place, Resource, Route, State};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::session::Session;

use super::{addresses_and_routes, device};

/// A destination and a way, as people type them after `ip route add`.
#[derive(Debug, Args)]
struct Words {
    /// The namespace: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
    /// Where to: default, a network, or an address
    destination: String,
    /// The way: via ADDRESS, dev DEVICE, metric N, src ADDRESS
    #[arg(value_name = "WAY", num_args = 0..)]
    way: Vec<String>,
}

/// The way of a route, as far as it was said.
#[derive(Debug, Default)]
struct Way {
    via: Option<IpAddr>,
    device: Option<IfName>,
    metric: Option<u32>,
    source: Option<IpAddr>,
}

impl Words {
    fn way(&self) -> Result<Way, Failure> {
        let mut way = Way::default();
        let mut words = self.way.iter();
        while let Some(word) = words.next() {
            if !matches!(word.as_str(), "via" | "src" | "dev" | "metric") {
                return Err(Failure::usage(format!("`{word}` is none of via, dev, metric, src")).hint(USAGE));
            }
            let Some(value) = words.next() else {
                return Err(Failure::usage(format!("`{word}` needs a value")).hint(USAGE));
            };
            let ip =
                || value.parse().map_err(|_| Failure::usage(format!("`{value}` is not an IP address")).hint(USAGE));
            match word.as_str() {
                "via" => way.via = Some(ip()?),
                "src" => way.source = Some(ip()?),
                "dev" => way.device = Some(value.parse()?),
                _ => {
                    let bad = |_| Failure::usage(format!("metric `{value}` is not a number")).hint(USAGE);
                    way.metric = Some(value.parse().map_err(bad)?);
                }
            }
        }
        Ok(way)
    }

    fn destination(&self, way: &Way) -> Result<IpNet, Failure> {
        let text = self.destination.as_str();
        if text == "default" {
            let v6 = [way.via, way.source].into_iter().flatten().any(|ip| ip.is_ipv6());
            return Ok(if v6 { IpNet::V6(ipnet::Ipv6Net::default()) } else { IpNet::V4(ipnet::Ipv4Net::default()) });
        }
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let net = net.map_err(|_| Failure::usage(format!("`{text}` is no destination")).hint(USAGE))?;
        if net.trunc() != net {
            return Err(Failure::usage(format!("{net} is an address in a network, not a network"))
                .hint(format!("the network is {}", net.trunc())));
        }
        Ok(net)
    }
}

const USAGE: &str = "as in: ovsns add-route ns1 default via 192.168.15.5; \
                     ovsns add-route ns1 10.1.0.0/16 via 192.168.15.5 dev eth1-ns1 metric 50";

#[derive(Debug, Args)]
#[command(
    override_usage = "ovsns add-route [OPTIONS] NETNS DESTINATION [via ADDRESS] [dev DEVICE] [metric N] [src ADDRESS]"
)]
pub struct AddRoute {
    #[command(flatten)]
    words: Words,
    /// Do not fail if there is just this route
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddRoute {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let way = self.words.way()?;
        let destination = self.words.destination(&way)?;
        let _lock = session.begin(&self.change).await?;
        let place = place::existing(session, &self.words.netns).await?;
        let observed = addresses_and_routes(session, &place).await?;
        let route = self.route(session, &place, destination, way, &observed).await?;
        let entry = Entry::unmarked(Resource::Route(route.clone()));
        if let Some(Resource::Route(there)) = observed.get(&entry.key()).map(|entry| &entry.resource) {
            let same = entry.resource.over(&Resource::Route(there.clone())) == Resource::Route(there.clone());
            if !same || !self.may_exist {
                return Err(exists(&place, there, same));
            }
        }
        let mut desired = observed.clone();
        desired.insert(entry);
        self.change.carry_out(session, &observed, &desired).await
    }

    async fn route(
        &self,
        session: &Session<'_>,
        place: &Place,
        destination: IpNet,
        way: Way,
        observed: &State,
    ) -> Result<Route, Failure> {
        let given = match &way.device {
            Some(name) => Some(device(session, place, name).await?),
            None => None,
        };
        let out = match (way.via, given) {
            (None, None) => {
                return Err(Failure::usage(format!("no way to {} was given", self.words.destination)).hint(USAGE));
            }
            (None, Some(given)) => given,
            (Some(via), given) => self.check_gateway(session, place, via, given, observed).await?,
        };
        if !out.up {
            return Err(Failure::new(format!("cannot route {place} through {}: it is down", out.name))
                .hint(format!("ovsns set {place} {} up", out.name)));
        }
        let route = Route::new(place.clone(), destination, way.via, Some(out.name));
        Ok(Route { metric: way.metric, source: way.source, ..route }.normalised())
    }

    /// A gateway is reached directly: through a device that has an address in its subnet, or, where it is a link-local address,
    /// through the device that was named.
    async fn check_gateway(
        &self,
        session: &Session<'_>,
        place: &Place,
        via: IpAddr,
        given: Option<crate::model::Device>,
        observed: &State,
    ) -> Result<crate::model::Device, Failure> {
        let own = |resource: &Resource| matches!(resource, Resource::Address(a) if a.address.addr() == via);
        if observed.resources().any(own) {
            return Err(Failure::new(format!("the gateway {via} is an address of {place} itself"))
                .hint("a gateway is the neighbour that passes packets on"));
        }
        let on_link = matches!(via, IpAddr::V6(ip) if ip.is_unicast_link_local());
        match (given, place::way_to(via, place, observed)) {
            (Some(given), _) if on_link => Ok(given),
            (None, _) if on_link => Err(Failure::usage(format!("through which device is {via} reached?"))
                .hint("a link-local address is the same on every link: add dev DEVICE")),
            (None, Some(address)) => device(session, place, &address.device).await,
            (Some(given), _) if has_way(&given.name, via, observed) => Ok(given),
            _ => Err(outside(via, place, observed)),
        }
    }
}

/// Whether a subnet, or a route without a gateway, leads to `via` through `device`.
fn has_way(device: &IfName, via: IpAddr, observed: &State) -> bool {
    observed.resources().any(|resource| match resource {
        Resource::Address(own) => own.device == *device && own.address.contains(&via),
        Resource::Route(route) => {
            route.via.is_none() && route.device.as_ref() == Some(device) && route.destination.contains(&via)
        }
        _ => false,
    })
}

fn outside(via: IpAddr, place: &Place, observed: &State) -> Failure {
    let subnet = |resource: &Resource| match resource {
        Resource::Address(own) => Some(format!("{} ({})", own.address.trunc(), own.device)),
        _ => None,
    };
    let subnets: BTreeSet<String> = observed.resources().filter_map(subnet).collect();
    let list = match subnets.is_empty() {
        true => format!("none: ovsns add-addr {place} ADDRESS/LENGTH"),
        false => subnets.into_iter().collect::<Vec<_>>().join(", "),
    };
    Failure::new(format!("the gateway {via} is outside every subnet of {place}"))
        .hint(format!("the subnets are: {list}"))
}

fn exists(place: &Place, there: &Route, same: bool) -> Failure {
    let what =
        format!("cannot add the route to {} in {place}: there is `{}` already", there.destination_text(), line(there));
    match same {
        true => Failure::new(what).hint("with --may-exist that is no failure"),
        false => Failure::new(what).hint(format!(
            "delete that one first: ovsns del-route {place} {}; or give this one another metric",
            there.destination_text()
        )),
    }
}

/// A route as `ip route` writes it.
fn line(route: &Route) -> String {
    let mut line = route.destination_text();
    line.extend(route.via.map(|via| format!(" via {via}")));
    line.extend(route.device.iter().map(|device| format!(" dev {device}")));
    line.extend(route.metric.map(|metric| format!(" metric {metric}")));
    line
}

#[derive(Debug, Args)]
#[command(override_usage = "ovsns del-route [OPTIONS] NETNS DESTINATION [via ADDRESS] [dev DEVICE] [metric N]")]
pub struct DelRoute {
    #[command(flatten)]
    words: Words,
    /// Do not fail if there is none
    #[arg(long)]
    if_exists: bool,
    #[command(flatten)]
    change: Change,
}

impl DelRoute {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let way = self.words.way()?;
        let destination = self.words.destination(&way)?;
        let _lock = session.begin(&self.change).await?;
        let place = place::existing(session, &self.words.netns).await?;
        let observed = session.observe(Scope::Within(place.clone(), Kind::Route)).await?;
        let fits = |route: &Route| {
            // `default` is of either version, unless an address says which.
            let anywhere =
                self.words.destination == "default" && way.via.is_none() && route.destination.prefix_len() == 0;
            (anywhere || route.destination == destination)
                && way.via.is_none_or(|via| route.via == Some(via))
                && way.device.as_ref().is_none_or(|device| route.device.as_ref() == Some(device))
                && way
                    .metric
                    .is_none_or(|metric| route.metric.unwrap_or(if route.is_ipv4() { 0 } else { 1024 }) == metric)
        };
        let found: Vec<&Route> = observed
            .resources()
            .filter_map(|resource| if let Resource::Route(route) = resource { Some(route) } else { None })
            .filter(|route| fits(route))
            .collect();
        let mut desired = observed.clone();
        match found.as_slice() {
            [only] => drop(desired.remove(&Resource::Route((*only).clone()).key())),
            [] if self.if_exists => {}
            [] => return Err(no_route(&place, &self.words.destination, &observed)),
            several => {
                let list: Vec<String> = several.iter().map(|route| format!("`{}`", line(route))).collect();
                return Err(Failure::usage(format!("{place} has several such routes: {}", list.join(", ")))
                    .hint("say which one, by via, dev or metric"));
            }
        }
        self.change.carry_out(session, &observed, &desired).await
    }
}

fn no_route(place: &Place, destination: &str, observed: &State) -> Failure {
    let there = observed
        .resources()
        .filter_map(|resource| if let Resource::Route(route) = resource { Some(line(route)) } else { None });
    let there: Vec<String> = there.collect();
    let hint = match there.is_empty() {
        true => "there are none but the kernel's own, which go with their addresses".to_owned(),
        false => format!("there are: {} (and the kernel's own, which go with their addresses)", there.join("; ")),
    };
    Failure::new(format!("{place} has no such route to {destination}")).hint(hint)
}
