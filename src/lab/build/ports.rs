//! Ports of namespaces.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::lab::mistake::Wrong;
use crate::lab::parts::{LabPort, Worse};
use crate::lab::source::Span;
use crate::model::setting::Holder;
use crate::model::{BackendName, IfName, Impairment, Place, PortNames};

use super::Build;
use super::books::Domain;
use super::reader::Reader;
use super::switches::ipv6_fits;

impl<'n> Build<'n, '_> {
    /// The next port of the namespace at `place`.
    pub(super) fn port(&mut self, place: &Place, of: &Reader<'n, '_>) -> Option<LabPort> {
        let number = self.numbers.entry(place.clone()).or_default();
        *number += 1;
        let rule = PortNames::of(place, *number);
        let names = self.names(rule, of);
        let switch = of.text("switch", self.found).and_then(|text| self.switch_named(&text, of.span("switch")));
        let vlan = of.vlan("tag", "trunks", self.found);
        let mtu = of.plain("mtu").or(self.defaults.mtu);
        let nets = of.nets("ip", self.found);
        let gateways = of.ips("gw", self.found);
        let mac = of.mac("mac", self.found);
        let domain = switch.as_ref().map(|switch| Domain::of(switch, vlan.tag));
        for (net, span) in &nets {
            self.found.take(of.node.get("mtu").map_or(*span, |node| &node.span), ipv6_fits(net, mtu));
            self.books.address(place.clone(), names.inside.clone(), *net, domain.clone(), span);
        }
        for (gateway, span) in &gateways {
            self.found.take(span, gateway_fits(*gateway, &nets));
            self.books.default_route(place.clone(), *gateway, span, self.found);
        }
        let internal = of.plain("internal").unwrap_or(false);
        // An internal port has one name, for its row and for its device.
        let on_host = if internal { &names.inside } else { &names.host };
        self.books.device(Place::Host, on_host.clone(), of.span("host-name"), self.found);
        self.books.device(place.clone(), names.inside.clone(), of.span("name"), self.found);
        if let (Some(mac), Some(domain)) = (mac, &domain) {
            self.books.mac(mac, domain.clone(), of.span("mac"), self.found);
        }
        let switch = switch?;
        self.books.tagged(&switch, &vlan);
        let (at, _) = self.switches[&switch];
        self.check_internal(internal, self.lab.switches[at].backend, of);
        let iface_id = of.text("iface-id", self.found);
        if iface_id.is_some() && self.lab.switches[at].backend == Some(BackendName::Linux) {
            let wrong = Wrong::new("`iface-id` means nothing on a switch of backend linux");
            self.found.add(of.span("iface-id"), wrong.hint("leave it out, or make the switch with `backend: ovs`"));
        }
        Some(LabPort {
            switch,
            ip: nets.into_iter().map(|(net, _)| net).collect(),
            gw: gateways.into_iter().map(|(gateway, _)| gateway).collect(),
            vlan,
            mac,
            mtu,
            internal,
            iface_id,
            settings: of.settings(Holder::Port, self.lab.switches[at].backend, self.found),
            nodad: of.plain("nodad").unwrap_or(self.defaults.nodad),
            worse: self.worse(place, &names.inside, mtu, of),
            qos: self.qos(&names.host, of),
            policed: self.policed(&names.host, self.lab.switches[at].backend, of),
            names,
        })
    }

    fn check_internal(&mut self, internal: bool, backend: Option<BackendName>, of: &Reader<'n, '_>) {
        if internal && backend == Some(BackendName::Linux) {
            let wrong = Wrong::new("`internal` means nothing on a switch of backend linux");
            self.found.add(of.span("internal"), wrong.hint("leave it out, or make the switch with `backend: ovs`"));
        }
        if internal && of.node.get("host-name").is_some() {
            let wrong = Wrong::new("an internal port has no end on the host");
            self.found.add(of.span("host-name"), wrong.hint("its one device has the `name`"));
        }
    }

    /// The names that are asked for, else those of the rule.
    fn names(&mut self, rule: PortNames, of: &Reader<'n, '_>) -> PortNames {
        let (host, inside) = (of.parse::<IfName>("host-name", self.found), of.parse::<IfName>("name", self.found));
        PortNames {
            host_full: rule.host_full.filter(|_| host.is_none()),
            inside_full: rule.inside_full.filter(|_| inside.is_none()),
            host: host.unwrap_or(rule.host),
            inside: inside.unwrap_or(rule.inside),
        }
    }

    /// What is to be done to the packets that `device` sends, in its plainest form.
    pub(super) fn worse(&mut self, place: &Place, device: &IfName, mtu: Option<u32>, of: &Reader<'n, '_>) -> Worse {
        let worse = of.worse();
        let keys = ["delay", "jitter", "loss", "rate"];
        let span = |wanted: &str| of.span(keys.into_iter().find(|key| *key == wanted).unwrap_or("delay"));
        let impairment = worse.impairment(place.clone(), device.clone());
        match impairment.checked() {
            Ok(plain) => {
                let fits = plain.fits(mtu).map_err(|error| Wrong::new(error.to_string()));
                self.found.take(span("rate"), fits);
                Worse::of(&plain)
            }
            Err(error) => {
                let about = ["jitter", "delay", "rate"]
                    .into_iter()
                    .find(|key| of.node.get(key).is_some() && error.to_string().starts_with(&format!("a {key}")));
                self.found.add(span(about.unwrap_or("rate")), Wrong::new(error.to_string()));
                Worse::default()
            }
        }
    }
}

impl Worse {
    /// The same, of what `device` sends.
    pub fn impairment(&self, place: Place, device: IfName) -> Impairment {
        let Worse { delay, jitter, loss, rate } = *self;
        Impairment { delay, jitter, loss, rate, ..Impairment::none(place, device) }
    }

    fn of(impairment: &Impairment) -> Worse {
        let Impairment { delay, jitter, loss, rate, .. } = *impairment;
        Worse { delay, jitter, loss, rate }
    }
}

/// A gateway is reached directly, so it is in the subnet of one of the port's addresses.
fn gateway_fits(gateway: IpAddr, nets: &[(IpNet, &Span)]) -> Result<(), Wrong> {
    if nets.iter().any(|(net, _)| net.addr() == gateway) {
        return Err(Wrong::new(format!("the gateway {gateway} is the port's own address"))
            .hint("a gateway is the neighbour that passes packets on"));
    }
    // An IPv6 router is reached by its address on the link (RFC 4861 section 6.1.2).
    let on_link = matches!(gateway, IpAddr::V6(ip) if ip.is_unicast_link_local());
    if on_link || nets.iter().any(|(net, _)| net.contains(&gateway)) {
        return Ok(());
    }
    let subnets = nets.iter().map(|(net, _)| net.trunc().to_string()).collect::<Vec<_>>().join(", ");
    let wrong = Wrong::new(format!("the gateway {gateway} is outside every subnet of the port"));
    Err(match subnets.is_empty() {
        true => wrong.hint("the port has no address: give it an `ip`"),
        false => wrong.hint(format!("the subnets are: {subnets}")),
    })
}
