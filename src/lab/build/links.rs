//! Veth pairs without a switch.

use crate::lab::mistake::Wrong;
use crate::lab::parts::{LabLink, LinkEnd};
use crate::model::{IfName, Place, PortNames};

use super::Build;
use super::reader::Reader;
use super::switches::ipv6_fits;

/// The keys of one end.
struct Keys {
    place: &'static str,
    name: &'static str,
    mac: &'static str,
    ip: &'static str,
}

const A: Keys = Keys { place: "a", name: "a-name", mac: "a-mac", ip: "a-ip" };
const B: Keys = Keys { place: "b", name: "b-name", mac: "b-mac", ip: "b-ip" };

impl<'n> Build<'n, '_> {
    pub(super) fn link(&mut self, of: &Reader<'n, '_>) {
        let a = self.end_place(&of.name.text.clone(), &A, of);
        let b = self.second(of).and_then(|text| self.end_place(&text, &B, of));
        let (Some(a), Some(b)) = (a, b) else { return };
        if a == b && a == Place::Host {
            let wrong = Wrong::new("both ends of this link are on the host");
            return self.found.add(of.span("b"), wrong.hint("a link joins two namespaces, or one and the host"));
        }
        let mtu = of.plain("mtu").or(self.defaults.mtu);
        // Both ends count as devices of their namespace, the host's takes the number of the other.
        let (first, second) = (self.number(&a), self.number(&b));
        let one = self.end(&a, &b, first.or(second), &A, mtu, of);
        let other = self.end(&b, &a, second.or(first), &B, mtu, of);
        if let Some(twice) = other.ip.iter().find(|net| a != b && one.ip.iter().any(|own| own.addr() == net.addr())) {
            let wrong = Wrong::new(format!("both ends of this link would have the address {}", twice.addr()));
            self.found.add(of.span("b-ip"), wrong.hint("give each end its own, in one network"));
        }
        let worse = self.worse(&a, &one.name, mtu, of);
        let nodad = of.plain("nodad").unwrap_or(self.defaults.nodad);
        for (end, other) in [(&a, &b), (&b, &a)] {
            if *end == Place::Host {
                self.to_host.entry(other.clone()).or_default().push(self.lab.links.len());
            }
        }
        self.lab.links.push(LabLink { a: one, b: other, mtu, nodad, worse });
    }

    /// What `b` says; ranges stand in `a` alone.
    pub(super) fn second(&mut self, of: &Reader<'n, '_>) -> Option<String> {
        let text = of.text("b", self.found)?;
        if text.contains('[') {
            let wrong = Wrong::new(format!("`{text}` has a range, which only `a` can have"));
            self.found.add(of.span("b"), wrong.hint("in `b`, `{1}` is the number of the range in `a`"));
            return None;
        }
        Some(text)
    }

    fn end_place(&mut self, text: &str, keys: &Keys, of: &Reader<'n, '_>) -> Option<Place> {
        if text == "host" { Some(Place::Host) } else { self.place_named(text, of.span(keys.place)) }
    }

    /// The number of the next device of the namespace at `place`; the host counts none.
    fn number(&mut self, place: &Place) -> Option<u32> {
        if *place == Place::Host {
            return None;
        }
        let number = self.numbers.entry(place.clone()).or_default();
        *number += 1;
        Some(*number)
    }

    fn end(
        &mut self,
        place: &Place,
        other: &Place,
        number: Option<u32>,
        keys: &Keys,
        mtu: Option<u32>,
        of: &Reader<'n, '_>,
    ) -> LinkEnd {
        let asked: Option<IfName> = of.parse(keys.name, self.found);
        let named = asked.is_some();
        let number = number.unwrap_or(1);
        // On the host a name says where it leads, in a namespace whose it is.
        let rule = || match place {
            Place::Host => {
                let names = PortNames::of(other, number);
                (names.host, names.host_full)
            }
            place => {
                let names = PortNames::of(place, number);
                (names.inside, names.inside_full)
            }
        };
        let (name, altname) = asked.map_or_else(rule, |name| (name, None));
        self.books.device(place.clone(), name.clone(), of.span(keys.name), self.found);
        let nets = of.nets(keys.ip, self.found);
        for (net, span) in &nets {
            self.found.take(span, ipv6_fits(net, mtu));
            self.books.address(place.clone(), name.clone(), *net, None, span);
        }
        let mac = of.mac(keys.mac, self.found);
        LinkEnd { place: place.clone(), name, altname, named, ip: nets.into_iter().map(|(net, _)| net).collect(), mac }
    }
}
