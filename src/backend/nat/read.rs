//! From the table of nftables to resources.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{
    Chain, Entry, IfName, Nat, Owner, Place, Protocol, Published, Raised, Resource, Ruleset, Setting, State,
};
use crate::nft::{self, Element, NftError, Rule, Set};
use crate::plan::ruleset::{MARK, place_of, set_of};

/// The family and the name of our table.
pub const TABLE: [&str; 2] = ["inet", "ovsns"];

/// The chain that Docker leaves to the administrator, and which it calls before its own
/// (docs.docker.com, "Packet filtering and firewalls").
pub const DOCKER_USER: &str = "DOCKER-USER";

/// What is in our table; nothing where there is none. The kernel is asked first: most hosts have none, and nft takes its time.
pub fn state() -> Result<State, NftError> {
    let [family, table] = TABLE;
    if !nft::has_table(table).map_err(NftError::Ask)? {
        return Ok(State::default());
    }
    let (mut ruleset, mut rest) = (Ruleset::default(), Content::default());
    for set in nft::sets(family, table)? {
        take(&mut ruleset, &mut rest, &set);
    }
    ruleset.passes = passes()?;
    let resources = std::iter::once(Resource::Ruleset(ruleset))
        .chain(rest.nats.into_iter().map(Resource::Nat))
        .chain(rest.published.into_values().map(Resource::Published));
    Ok(resources.map(|resource| Entry::owned(resource, &Owner::verbs())).collect())
}

/// The chains of others in which a rule bears our mark.
fn passes() -> Result<BTreeSet<Chain>, NftError> {
    let mut passes = BTreeSet::new();
    for chain in passable()? {
        if !marked(&chain)?.is_empty() {
            passes.insert(chain);
        }
    }
    Ok(passes)
}

/// The chains of others that are there for rules of others.
pub fn passable() -> Result<Vec<Chain>, NftError> {
    let found = nft::chains()?.into_iter().filter(|chain| {
        chain.name == DOCKER_USER && chain.table == "filter" && matches!(chain.family.as_str(), "ip" | "ip6")
    });
    Ok(found.map(|chain| Chain { family: chain.family, table: chain.table, name: chain.name }).collect())
}

/// The rules in `chain` that bear our mark.
pub fn marked(chain: &Chain) -> Result<Vec<Rule>, NftError> {
    let mut rules = nft::rules_of_chain(&chain.family, &chain.table, &chain.name)?;
    rules.retain(|rule| rule.comment.as_deref() == Some(MARK));
    Ok(rules)
}

#[derive(Default)]
struct Content {
    nats: Vec<Nat>,
    published: BTreeMap<(Protocol, Option<IpAddr>, u16), Published>,
}

/// What does not read as ours was not written by us: it is passed over.
fn take(ruleset: &mut Ruleset, rest: &mut Content, set: &Set) {
    let first = |element: &Element| element.key.first()?.parse::<IfName>().ok();
    let setting = Setting::ALL.into_iter().find(|setting| set_of(*setting) == set.name);
    for element in &set.elements {
        match (set.name.as_str(), setting) {
            ("nat", _) => rest.nats.extend(nat(element)),
            ("networks4" | "networks6", _) => {
                if let Some((device, net)) = network(element) {
                    ruleset.networks.entry(device).or_default().insert(net);
                }
            }
            ("ingress", _) => ruleset.ingress.extend(first(element)),
            ("published4" | "published6" | "published_at4" | "published_at6", _) => {
                if let Some((published, target)) = published(element) {
                    let key = (published.protocol, published.address, published.port);
                    rest.published.entry(key).or_insert(published).targets.insert(target);
                }
            }
            (_, Some(setting)) => ruleset.raised.extend(first(element).map(|device| Raised { setting, device })),
            _ => {}
        }
    }
}

fn nat(element: &Element) -> Option<Nat> {
    let [switch, out] = element.key.as_slice() else { return None };
    Some(Nat { switch: switch.parse().ok()?, out: out.parse().ok()? })
}

/// A single address stands without the length of its prefix.
fn network(element: &Element) -> Option<(IfName, IpNet)> {
    let [device, net] = element.key.as_slice() else { return None };
    let net = net.parse().ok().or_else(|| net.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some((device.parse().ok()?, net))
}

fn published(element: &Element) -> Option<(Published, IpAddr)> {
    let (protocol, address, port) = match element.key.as_slice() {
        [protocol, port] => (protocol, None, port),
        [protocol, address, port] => (protocol, Some(address.parse().ok()?), port),
        _ => return None,
    };
    let [target, to_port] = element.value.as_slice() else { return None };
    let netns: Place = place_of(element.comment.as_deref()?)?;
    let published = Published {
        protocol: protocol_of(protocol)?,
        address,
        port: port.parse().ok()?,
        netns,
        to_port: to_port.parse().ok()?,
        targets: BTreeSet::new(),
    };
    Some((published, target.parse().ok()?))
}

/// Where there is no /etc/protocols, nft prints the number.
fn protocol_of(text: &str) -> Option<Protocol> {
    match text {
        "6" => Some(Protocol::Tcp),
        "17" => Some(Protocol::Udp),
        name => name.parse().ok(),
    }
}
