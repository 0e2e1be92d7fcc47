//! Generated translation: a ruleset, and what stands in it.

use std::collections::BTreeSet;

use ovsns::model::{Nat, Place, Protocol, Published, Resource, Ruleset, SwitchName};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{Mask, parse};

/// The ruleset, translations by the number of a switch and the device that leads out, and published ports.
#[derive(Debug, Clone)]
pub struct Translation {
    pub ruleset: Option<Ruleset>,
    pub nats: Vec<Option<(usize, &'static str)>>,
    pub published: Vec<Option<Published>>,
}

pub fn translation(switches: usize) -> impl Strategy<Value = Translation> {
    let nat = (0..switches, prop::sample::select(vec!["up0", "up1"]));
    let parts = (option::weighted(0.8, ruleset()), vec(option::of(nat), 3), vec(option::of(published()), 3));
    parts.prop_map(|(ruleset, nats, published)| Translation { ruleset, nats, published })
}

fn ruleset() -> impl Strategy<Value = Ruleset> {
    (any::<bool>(), 0u8..3).prop_map(|(ingress, subnet)| {
        let mut ruleset = Ruleset::default();
        ruleset.set_networks(parse("sw0"), [parse(format!("10.0.{subnet}.254/24"))]);
        ruleset.ingress.extend(ingress.then(|| parse("up0")));
        ruleset
    })
}

fn published() -> impl Strategy<Value = Published> {
    let protocol = prop::sample::select(vec![Protocol::Tcp, Protocol::Udp]);
    let targets = prop::sample::subsequence(vec!["10.0.0.1", "fd00::1"], 1..3);
    let netns = prop::sample::select(vec!["ns0", "ns1", "pid:77"]).prop_map(parse::<Place>);
    (protocol, any::<bool>(), 80u16..82, netns, 8080u16..8082, targets).prop_map(
        |(protocol, at, port, netns, to_port, targets)| {
            let address = at.then(|| parse("192.0.2.1"));
            let targets = targets.into_iter().map(parse).collect();
            Published { protocol, address, port, netns, to_port, targets }
        },
    )
}

impl Translation {
    pub fn mixed(&self, other: &Translation, mask: &mut Mask) -> Translation {
        let ruleset = mask.pick(std::slice::from_ref(&self.ruleset), std::slice::from_ref(&other.ruleset));
        Translation {
            ruleset: ruleset.into_iter().next().flatten(),
            nats: mask.pick(&self.nats, &other.nats),
            published: mask.pick(&self.published, &other.published),
        }
    }

    /// What of it can stand where these switches are.
    pub fn resources(&self, switches: &BTreeSet<SwitchName>) -> Vec<Resource> {
        let Some(ruleset) = &self.ruleset else { return Vec::new() };
        let nat = |(switch, out): &(usize, &str)| Nat { switch: parse(format!("sw{switch}")), out: parse(out) };
        let nats = self.nats.iter().flatten().map(nat).filter(|nat| switches.contains(&nat.switch));
        let published = self.published.iter().flatten().cloned();
        let stands_in_it = nats.map(Resource::Nat).chain(published.map(Resource::Published));
        std::iter::once(Resource::Ruleset(ruleset.clone())).chain(stands_in_it).collect()
    }
}
