//! Who must, or must not, reach whom.

use std::net::IpAddr;

use crate::lab::mistake::Wrong;
use crate::lab::parts::{Expectation, Expected, Partner};
use crate::lab::source::Span;
use crate::lab::tree::Node;
use crate::model::Place;

use super::Build;

impl<'n> Build<'n, '_> {
    pub(super) fn expect(&mut self, node: &'n Node) {
        let reach = node.get("reach").and_then(Node::scalar) != Some("false");
        let (key, what) = match (node.get("to"), node.get("only")) {
            (Some(_), Some(only)) => {
                let wrong = Wrong::new("`to` and `only` do not go together");
                return self.found.add(&only.span, wrong.hint("`only` reaches those that it names, and nobody else"));
            }
            (None, Some(only)) if !reach => {
                let wrong = Wrong::new("`only` and `reach: false` do not go together");
                return self.found.add(
                    &only.span,
                    wrong.hint("whom nobody may reach stands behind `to`; nobody at all: `only: []`"),
                );
            }
            (None, Some(only)) => (only, Expected::Only),
            (Some(to), None) => (to, if reach { Expected::Reach } else { Expected::NoReach }),
            (None, None) => {
                let wrong = Wrong::new("`to` is missing here");
                return self.found.add(&node.span, wrong.hint("who is to be reached: `to: ns1`, or `only: [ns1]`"));
            }
        };
        let from = node.get("from").map_or_else(Vec::new, |from| self.partners(from));
        let mut places = Vec::with_capacity(from.len());
        for (partner, span) in from {
            match partner {
                Partner::Place(place) => places.push(place),
                Partner::Address(address) => {
                    let wrong = Wrong::new(format!("{address} cannot be asked to send"));
                    self.found.add(span, wrong.hint("`from` is a namespace of the lab"));
                }
            }
        }
        let to = self.partners(key).into_iter().map(|(partner, _)| partner).collect();
        self.lab.expect.push(Expectation { from: places, to, what });
    }

    /// Whom the words of `node` stand for: namespaces, with ranges, `*` for all, `host`, or addresses.
    fn partners(&mut self, node: &'n Node) -> Vec<(Partner, &'n Span)> {
        let mut partners = Vec::new();
        for member in node.members() {
            let Some(text) = member.scalar() else { continue };
            if text == "*" {
                if self.spend(self.lab.namespaces.len(), &member.span) {
                    let all = self.lab.namespaces.iter().map(|namespace| namespace.place.clone());
                    partners.extend(all.map(|place| (Partner::Place(place), &member.span)));
                }
            } else if text == "host" {
                partners.push((Partner::Place(Place::Host), &member.span));
            } else if let Ok(address) = text.parse::<IpAddr>() {
                partners.push((Partner::Address(address), &member.span));
            } else {
                for name in self.expand(text, &member.span) {
                    let place = self.place_named(&name.text, &member.span);
                    partners.extend(place.map(|place| (Partner::Place(place), &member.span)));
                }
            }
        }
        partners
    }
}
