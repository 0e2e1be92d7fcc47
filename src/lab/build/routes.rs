//! Routes, and addresses of devices that the lab does not make.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::lab::mistake::Wrong;
use crate::lab::names::Name;
use crate::lab::parts::Inside;
use crate::lab::source::Span;
use crate::lab::tree::{Node, Value};
use crate::model::{IfName, Place, Route};

use super::Build;
use super::books::Ways;
use super::reader::{Reader, ip};

const USAGE: &str = "as in `default via 10.0.0.254`, or `10.1.0.0/16 via 10.0.0.9 dev eth1-ns1 metric 50`";

/// A route as it was said.
#[derive(Default)]
struct Said {
    to: String,
    via: Option<IpAddr>,
    device: Option<IfName>,
    metric: Option<u32>,
    source: Option<IpAddr>,
}

impl<'n> Build<'n, '_> {
    /// All routes, once it is known where addresses are.
    pub(super) fn routes(&mut self, host: Option<&'n Node>) {
        let pending = std::mem::take(&mut self.pending);
        let name = Name { text: "host".to_owned(), numbers: Vec::new(), index: 0 };
        let host = host.map(|node| (Reader { node, name: &name }, Place::Host));
        let of = |(node, name, place): &'_ (&'n Node, Name, Place)| (*node, name.clone(), place.clone());
        let owned: Vec<(&'n Node, Name, Place)> = pending.iter().map(of).collect();
        let all: Vec<(Reader<'n, '_>, Place)> =
            owned.iter().map(|(node, name, place)| (Reader { node, name }, place.clone())).chain(host).collect();
        for (of, place) in &all {
            let addresses = self.other_addresses(place, of);
            if let Some(inside) = self.inside(place) {
                inside.addresses = addresses;
            }
        }
        let ways = self.books.ways();
        for (of, place) in &all {
            for node in of.node.get("routes").map_or(&[][..], Node::members) {
                let route = self.route(place, &of.of(node), &ways);
                if let Some(inside) = self.inside(place) {
                    inside.routes.extend(route);
                }
            }
        }
    }

    fn inside(&mut self, place: &Place) -> Option<&mut Inside> {
        match place {
            Place::Host => Some(&mut self.lab.host),
            place => {
                let (at, _) = *self.places.get(place)?;
                self.lab.namespaces.get_mut(at).map(|namespace| &mut namespace.inside)
            }
        }
    }

    fn route(&mut self, place: &Place, of: &Reader<'n, '_>, ways: &Ways) -> Option<Route> {
        let span = &of.node.span;
        let said = match &of.node.value {
            Value::Scalar(text) => {
                let words = of.name.fill(text, false).and_then(|text| words(&text));
                self.found.take(span, words)?
            }
            _ => Said {
                to: of.text("to", self.found)?,
                via: of.ips("via", self.found).first().map(|(ip, _)| *ip),
                device: of.parse("dev", self.found),
                metric: of.plain("metric"),
                source: of.ips("src", self.found).first().map(|(ip, _)| *ip),
            },
        };
        let (to_span, via_span) = (of.span("to"), of.span("via"));
        let to = self.found.take(to_span, said.destination())?;
        let device = self.way(place, &said, span, via_span, ways)?;
        let route = Route::new(place.clone(), to, said.via, device);
        let route = Route { metric: said.metric, source: said.source, ..route }.normalised();
        self.books.route(place.clone(), route.destination, route.metric, to_span, self.found);
        Some(route)
    }

    /// The device that the route leaves through, as far as the file tells: inside, a mistake.
    fn way(&mut self, place: &Place, said: &Said, span: &Span, via_span: &Span, ways: &Ways) -> Option<Option<IfName>> {
        let foreign = *place == Place::Host || self.lab.namespaces[self.places[place].0].external;
        if let Some(device) = &said.device
            && !foreign
            && *device != IfName::lo()
            && !self.books.has_device(place, device)
        {
            let known: Vec<&str> = self.books.devices(place).map(IfName::as_str).collect();
            let list = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
            let wrong = Wrong::new(format!("`{place}` has no device `{device}`")).meant(device.as_str(), known, list);
            self.found.add(span, wrong);
            return None;
        }
        let Some(via) = said.via else {
            if said.device.is_none() {
                self.found.add(span, Wrong::new("this route has no way: neither via nor dev").hint(USAGE));
                return None;
            }
            return Some(said.device.clone());
        };
        if self.books.is_own(ways, place, via) {
            let wrong = Wrong::new(format!("the gateway {via} is an address of `{place}` itself"));
            self.found.add(via_span, wrong.hint("a gateway is the neighbour that passes packets on"));
            return None;
        }
        let on_link = matches!(via, IpAddr::V6(ip) if ip.is_unicast_link_local());
        match self.books.way_to(ways, place, via) {
            _ if said.device.is_some() => Some(said.device.clone()),
            Some(device) => Some(Some(device)),
            None if on_link => {
                let wrong = Wrong::new(format!("through which device is {via} reached?"));
                self.found.add(via_span, wrong.hint("a link-local address is the same on every link: add dev"));
                None
            }
            None if foreign => Some(None),
            None => {
                let subnets = self.books.subnets(ways, place);
                let list = if subnets.is_empty() { "none".to_owned() } else { subnets.join(", ") };
                let wrong = Wrong::new(format!("the gateway {via} is outside every subnet of `{place}`"));
                self.found.add(via_span, wrong.hint(format!("the subnets are: {list}")));
                None
            }
        }
    }
}

/// A route in the words of `ip route add`.
fn words(text: &str) -> Result<Said, Wrong> {
    let mut words = text.split_whitespace();
    let mut said = Said { to: words.next().unwrap_or_default().to_owned(), ..Said::default() };
    while let Some(word) = words.next() {
        if !matches!(word, "via" | "src" | "dev" | "metric") {
            return Err(Wrong::new(format!("`{word}` is none of via, dev, metric, src")).hint(USAGE));
        }
        let value = words.next().ok_or_else(|| Wrong::new(format!("`{word}` needs a value")).hint(USAGE))?;
        match word {
            "via" => said.via = Some(ip(value)?),
            "src" => said.source = Some(ip(value)?),
            "dev" => {
                said.device =
                    Some(value.parse().map_err(|error: crate::model::NameError| Wrong::new(error.to_string()))?)
            }
            _ => {
                said.metric = Some(value.parse().map_err(|_| Wrong::new(format!("metric `{value}` is not a number")))?)
            }
        }
    }
    Ok(said)
}

impl Said {
    fn destination(&self) -> Result<IpNet, Wrong> {
        if self.to == "default" {
            let v6 = [self.via, self.source].into_iter().flatten().any(|ip| ip.is_ipv6());
            return Ok(if v6 { IpNet::V6(ipnet::Ipv6Net::default()) } else { IpNet::V4(ipnet::Ipv4Net::default()) });
        }
        let net = self.to.parse::<IpNet>().or_else(|_| self.to.parse::<IpAddr>().map(IpNet::from));
        let net = net.map_err(|_| Wrong::new(format!("`{}` is no destination", self.to)).hint(USAGE))?;
        if net.trunc() != net {
            return Err(Wrong::new(format!("{net} is an address in a network, not a network"))
                .hint(format!("the network is {}", net.trunc())));
        }
        match self.via {
            Some(via) if via.is_ipv4() != net.addr().is_ipv4() => {
                Err(Wrong::new(format!("{net} and {via} are of different versions of IP")))
            }
            _ => Ok(net),
        }
    }
}
