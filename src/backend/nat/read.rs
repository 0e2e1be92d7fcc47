//! From the table of nftables to resources.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{Chain, Entry, IfName, Nat, Owner, Protocol, Published, Raised, Resource, Ruleset, Setting, State};
use crate::nft::{self, Element, NftError, Rule, Set};
use crate::plan::ruleset::{MARK, of_comment, rules_of_skeleton, set_of};

/// The family and the name of our table.
pub const TABLE: [&str; 2] = ["inet", "ovsns"];

/// The chain that Docker leaves to the administrator, and which it calls before its own
/// (docs.docker.com, "Packet filtering and firewalls").
pub const DOCKER_USER: &str = "DOCKER-USER";

/// What is in our table; nothing where there is none. The kernel is asked first: most hosts have none, and nft takes its time.
pub fn state() -> Result<State, NftError> {
    let [family, table] = TABLE;
    if !nft::has_table(family, table).map_err(NftError::Ask)? {
        return Ok(State::default());
    }
    let (mut ruleset, mut rest) = (Ruleset::default(), Content::default());
    let (sets, rules) = nft::content(family, table)?;
    for set in sets {
        take(&mut ruleset, &mut rest, &set);
    }
    ruleset.incomplete = is_incomplete(&rules);
    ruleset.passes = passes()?;
    let nats = rest.nats.into_iter().map(|(nat, owner)| Entry::owned(Resource::Nat(nat), &owner));
    let published = rest.published.into_values().map(|(p, owner)| Entry::owned(Resource::Published(p), &owner));
    // All of them share it: it is nobody's.
    let shared = std::iter::once(Entry::unmarked(Resource::Ruleset(ruleset)));
    Ok(shared.chain(nats).chain(published).collect())
}

/// Whether a chain has fewer rules than we made. More of them are somebody else's.
fn is_incomplete(rules: &[Rule]) -> bool {
    let there = |chain: &str| rules.iter().filter(|rule| rule.chain == chain).count();
    rules_of_skeleton().iter().any(|(chain, count)| there(chain) < *count)
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
    let mut chains = Vec::new();
    for family in ["ip", "ip6"] {
        if nft::has_chain(family, "filter", DOCKER_USER).map_err(NftError::Ask)? {
            chains.push(Chain { family: family.to_owned(), table: "filter".to_owned(), name: DOCKER_USER.to_owned() });
        }
    }
    Ok(chains)
}

/// The rules in `chain` that bear our mark.
pub fn marked(chain: &Chain) -> Result<Vec<Rule>, NftError> {
    let mut rules = nft::rules_of_chain(&chain.family, &chain.table, &chain.name)?;
    rules.retain(|rule| rule.comment.as_deref() == Some(MARK));
    Ok(rules)
}

#[derive(Default)]
struct Content {
    nats: Vec<(Nat, Owner)>,
    published: BTreeMap<(Protocol, Option<IpAddr>, u16), (Published, Owner)>,
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
                if let Some((published, owner, target)) = published(element) {
                    let key = (published.protocol, published.address, published.port);
                    rest.published.entry(key).or_insert((published, owner)).0.targets.insert(target);
                }
            }
            (_, Some(setting)) => ruleset.raised.extend(first(element).map(|device| Raised { setting, device })),
            _ => {}
        }
    }
}

/// One without a comment is the verbs'.
fn nat(element: &Element) -> Option<(Nat, Owner)> {
    let [switch, out] = element.key.as_slice() else { return None };
    let owner = element.comment.as_ref().map_or_else(|| Ok(Owner::verbs()), |comment| comment.parse());
    Some((Nat { switch: switch.parse().ok()?, out: out.parse().ok()? }, owner.ok()?))
}

/// A single address stands without the length of its prefix.
fn network(element: &Element) -> Option<(IfName, IpNet)> {
    let [device, net] = element.key.as_slice() else { return None };
    let net = net.parse().ok().or_else(|| net.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some((device.parse().ok()?, net))
}

fn published(element: &Element) -> Option<(Published, Owner, IpAddr)> {
    let (protocol, address, port) = match element.key.as_slice() {
        [protocol, port] => (protocol, None, port),
        [protocol, address, port] => (protocol, Some(address.parse().ok()?), port),
        _ => return None,
    };
    let [target, to_port] = element.value.as_slice() else { return None };
    let (netns, owner) = of_comment(element.comment.as_deref()?)?;
    let published = Published {
        protocol: protocol_of(protocol)?,
        address,
        port: port.parse().ok()?,
        netns,
        to_port: to_port.parse().ok()?,
        targets: BTreeSet::new(),
    };
    Some((published, owner, target.parse().ok()?))
}

/// Where there is no /etc/protocols, nft prints the number.
fn protocol_of(text: &str) -> Option<Protocol> {
    match text {
        "6" => Some(Protocol::Tcp),
        "17" => Some(Protocol::Udp),
        name => name.parse().ok(),
    }
}
