//! Translation, and ports of the host that lead to namespaces.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::lab::mistake::Wrong;
use crate::lab::names::Name;
use crate::lab::parts::{LabNat, Namespace};
use crate::lab::source::Span;
use crate::lab::tree::{Node, Value};
use crate::model::{IfName, Place, Protocol, Published};

use super::Build;
use super::reader::{Reader, ip};

const USAGE: &str = "as in `8080:ns1:80`, `53:ns1:53/udp` or `192.0.2.1:8080:ns1:80`";

/// What is to be published, as it was said.
struct Said {
    address: Option<IpAddr>,
    port: u16,
    netns: String,
    to_port: u16,
    protocol: Protocol,
}

impl<'n> Build<'n, '_> {
    pub(super) fn nat(&mut self, of: &Reader<'n, '_>) {
        let Some(name) = self.switch_named(&of.name.text, of.span("switch")) else { return };
        let switch = &self.lab.switches[self.switches[&name].0];
        if switch.ip.is_empty() && !switch.external {
            let wrong =
                Wrong::new(format!("switch `{name}` has no address: it cannot be the router of its namespaces"));
            self.found.add(of.span("switch"), wrong.hint(format!("give it one: `{name}: {{ ip: 192.168.15.1/24 }}`")));
        }
        let out: Option<IfName> = of.parse("out", self.found);
        if let Some(device) = out.as_ref().filter(|out| **out == name.device() || **out == IfName::lo()) {
            let wrong = Wrong::new(format!("`{name}` cannot lead out of `{device}`"));
            self.found.add(of.span("out"), wrong.hint("name the device that leads to the world"));
        }
        if !self.books.nat(&name, out.as_ref()) {
            self.found.add(of.span("switch"), Wrong::new(format!("`{name}` is translated there already")));
            return;
        }
        self.lab.nats.push(LabNat { switch: name, out });
    }

    pub(super) fn publish(&mut self, node: &'n Node) {
        let name = Name { text: String::new(), numbers: Vec::new(), index: 0 };
        let of = Reader { node, name: &name };
        let said = match &node.value {
            Value::Scalar(text) => self.found.take(&node.span, words(text)),
            _ => self.publish_keys(&of),
        };
        let Some(said) = said else { return };
        if !self.spend(1, &node.span) {
            return;
        }
        let at = if node.get("to").is_some() { of.span("to") } else { &node.span };
        let checked = said.address.map_or(Ok(()), check_address);
        self.found.take(of.span("address"), checked);
        let Some(place) = self.place_named(&said.netns, at) else { return };
        let Some(targets) = self.targets(&place, said.address, at) else { return };
        let Said { address, port, to_port, protocol, .. } = said;
        if let Some(first) = self.books.publish(protocol, port, address, &node.span) {
            let wrong = Wrong::new(format!("{protocol} port {port} of the host is published already"));
            return self.found.add(
                &node.span,
                wrong.other(first, "the first one").hint("choose another port, or another address of the host"),
            );
        }
        self.lab.published.push(Published { protocol, address, port, netns: place, to_port, targets });
    }

    fn publish_keys(&mut self, of: &Reader<'n, '_>) -> Option<Said> {
        let to = of.text("to", self.found)?;
        let (netns, to_port) = self.found.take(of.span("to"), netns_and_port(&to))?;
        let address = of.ips("address", self.found).first().map(|(ip, _)| *ip);
        let protocol = if of.plain("udp").unwrap_or(false) { Protocol::Udp } else { Protocol::Tcp };
        Some(Said { address, port: of.plain("port")?, netns, to_port, protocol })
    }

    /// The addresses that a port leads to: one for each version of IP, in a network that the host is in too.
    fn targets(&mut self, place: &Place, at: Option<IpAddr>, span: &'n Span) -> Option<BTreeSet<IpAddr>> {
        let namespace = &self.lab.namespaces[self.places[place].0];
        let all = self.reached(namespace);
        let family = |ip: &IpAddr| at.is_none_or(|at| at.is_ipv4() == ip.is_ipv4());
        let first = |v4: bool| all.iter().find(|ip| ip.is_ipv4() == v4).copied().filter(family);
        let targets: BTreeSet<IpAddr> = [true, false].into_iter().filter_map(first).collect();
        if !targets.is_empty() {
            return Some(targets);
        }
        let wrong = Wrong::new(format!("the host does not reach namespace `{place}`"));
        let wrong = match namespace.ports.iter().find(|port| !port.ip.is_empty()) {
            Some(port) => {
                wrong.hint(format!("give the switch an address in its network: `{}: {{ ip: … }}`", port.switch))
            }
            None => wrong.hint(format!("give a port of `{place}` an `ip` in the network of its switch")),
        };
        self.found.add(span, wrong);
        None
    }

    /// The addresses of a namespace in networks that the host is in too.
    fn reached(&self, namespace: &Namespace) -> Vec<IpAddr> {
        let by_port = namespace.ports.iter().flat_map(|port| {
            let switch = &self.lab.switches[self.switches[&port.switch].0];
            let reached = move |net: &&IpNet| switch.external || switch.ip.iter().any(|own| own.contains(&net.addr()));
            port.ip.iter().filter(reached)
        });
        let links = self.to_host.get(&namespace.place).into_iter().flatten().map(|at| &self.lab.links[*at]);
        let ends = links.map(|link| if link.a.place == Place::Host { (&link.a, &link.b) } else { (&link.b, &link.a) });
        let by_link = ends.flat_map(|(host, inside)| {
            inside.ip.iter().filter(move |net| host.ip.iter().any(|own| own.contains(&net.addr())))
        });
        by_port.chain(by_link).map(|net| net.addr()).collect()
    }
}

/// Whether a port can be published at `address`.
fn check_address(address: IpAddr) -> Result<(), Wrong> {
    match address {
        address if address.is_unspecified() => {
            Err(Wrong::new(format!("{address} is no address that the host can have"))
                .hint("without an address a port is published at all of them"))
        }
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            Err(Wrong::new(format!("{address} is an address of one link alone"))
                .hint("publish the port at another address of the host, or at all of them"))
        }
        IpAddr::V6(v6) if v6.is_loopback() => {
            Err(Wrong::new("a port cannot be published at ::1: the kernel lets it lead nowhere")
                .hint("publish it at 127.0.0.1, or at all addresses"))
        }
        _ => Ok(()),
    }
}

/// `[ADDRESS:]PORT:NAMESPACE:PORT[/udp]`; an IPv6 address stands in brackets.
fn words(text: &str) -> Result<Said, Wrong> {
    let bad = || Wrong::new(format!("`{text}` is not PORT:NAMESPACE:PORT")).hint(USAGE);
    let (rest, protocol) = match text.rsplit_once('/') {
        Some((rest, protocol @ ("tcp" | "udp"))) => (rest, protocol.parse().map_err(Wrong::new)?),
        _ => (text, Protocol::Tcp),
    };
    let (address, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some((address, rest)) => (Some(ip(address)?), rest),
        None => match rest.split_once(':') {
            Some((address, after)) if address.contains('.') => (Some(ip(address)?), after),
            _ => (None, rest),
        },
    };
    let (port, rest) = rest.split_once(':').ok_or_else(bad)?;
    let (netns, to_port) = netns_and_port(rest)?;
    Ok(Said { address, port: number(port)?, netns, to_port, protocol })
}

/// The name of a namespace may hold colons, as in `docker:web`.
fn netns_and_port(text: &str) -> Result<(String, u16), Wrong> {
    let (netns, port) =
        text.rsplit_once(':').ok_or_else(|| Wrong::new(format!("`{text}` is not NAMESPACE:PORT")).hint(USAGE))?;
    Ok((netns.to_owned(), number(port)?))
}

fn number(text: &str) -> Result<u16, Wrong> {
    match text.parse() {
        Ok(0) | Err(_) => Err(Wrong::new(format!("`{text}` is no port: those are 1 to 65535")).hint(USAGE)),
        Ok(port) => Ok(port),
    }
}
