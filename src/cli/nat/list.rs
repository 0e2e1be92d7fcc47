//! `list-nat`, `list-published`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use clap::Args;
use ipnet::IpNet;
use serde::Serialize;
use serde_json::json;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::model::{Address, Key, Kind, Nat, Owner, Place, Published, Resource};

use super::books::Books;

#[derive(Debug, Args)]
pub struct ListNat {}

#[derive(Debug, Serialize)]
struct NatLine {
    #[serde(flatten)]
    nat: Nat,
    networks: Vec<IpNet>,
    owner: Owner,
    /// Whether its devices are there.
    state: &'static str,
}

impl ListNat {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let books = Books::open(session).await?;
        let ruleset = books.ruleset();
        let mut lines = Vec::new();
        for nat in books.nats() {
            let networks = ruleset.networks.get(&nat.switch.device()).into_iter().flatten().copied().collect();
            let keys = [nat.switch.device(), nat.out.clone()].map(|name| Key::Device { place: Place::Host, name });
            let there = session.observe(Scope::Keys(keys.clone().into())).await?;
            let state = match keys.map(|key| there.contains(&key)) {
                [true, true] => "ok",
                [false, _] => "the switch is gone",
                [_, false] => "the device is gone",
            };
            let owner = books.owner(&Resource::Nat(nat.clone()).key());
            lines.push(NatLine { nat: nat.clone(), networks, owner, state });
        }
        let row = |line: &NatLine| {
            let networks = line.networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let owner = line.owner.to_string();
            [line.nat.switch.to_string(), line.nat.out.to_string(), networks, owner, line.state.to_owned()].into()
        };
        let text = table(["SWITCH", "OUT", "NETWORKS", "OWNER", "STATE"], lines.iter().map(row).collect());
        Ok(Report::new(text, json!({"nat": lines})))
    }
}

#[derive(Debug, Args)]
pub struct ListPublished {}

#[derive(Debug, Serialize)]
struct PublishedLine {
    #[serde(flatten)]
    published: Published,
    owner: Owner,
    /// Whether what it leads to is there.
    state: String,
}

impl ListPublished {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let books = Books::open(session).await?;
        let mut seen: BTreeMap<&Place, Option<BTreeSet<IpAddr>>> = BTreeMap::new();
        let mut lines = Vec::new();
        for published in books.published() {
            if !seen.contains_key(&published.netns) {
                seen.insert(&published.netns, addresses(session, &published.netns).await?);
            }
            let state = state(published, seen.get(&published.netns).and_then(Option::as_ref));
            let owner = books.owner(&Resource::Published(published.clone()).key());
            lines.push(PublishedLine { published: published.clone(), owner, state });
        }
        let row = |line: &PublishedLine| {
            let Published { protocol, address, port, netns, to_port, targets } = &line.published;
            let address = address.map_or_else(|| "*".to_owned(), |address| address.to_string());
            let targets: Vec<String> =
                targets.iter().map(|target| std::net::SocketAddr::new(*target, *to_port).to_string()).collect();
            let words = [protocol.to_string(), address, port.to_string(), netns.to_string(), targets.join(",")];
            words.into_iter().chain([line.owner.to_string(), line.state.clone()]).collect()
        };
        let head = ["PROTOCOL", "ADDRESS", "PORT", "NETNS", "TARGET", "OWNER", "STATE"];
        Ok(Report::new(table(head, lines.iter().map(row).collect()), json!({"published": lines})))
    }
}

/// The addresses in a namespace; `None` where there is no such namespace.
async fn addresses(session: &Session<'_>, place: &Place) -> Result<Option<BTreeSet<IpAddr>>, Failure> {
    if is_gone(session, place).await? {
        return Ok(None);
    }
    let found = session.observe(Scope::Within(place.clone(), Kind::Address)).await?;
    let address = |resource: &Resource| match resource {
        Resource::Address(Address { address, .. }) => Some(address.addr()),
        _ => None,
    };
    Ok(Some(found.resources().filter_map(address).collect()))
}

/// Whether there is no namespace at `place`.
pub async fn is_gone(session: &Session<'_>, place: &Place) -> Result<bool, Failure> {
    match place {
        Place::Named(name) => {
            let key = Key::Netns { name: name.clone() };
            Ok(!session.observe(Scope::Keys(vec![key.clone()])).await?.contains(&key))
        }
        place => Ok(crate::cli::session::canonical(place.clone()).is_err()),
    }
}

fn state(published: &Published, there: Option<&BTreeSet<IpAddr>>) -> String {
    let Some(there) = there else { return "the namespace is gone (ovsns gc)".to_owned() };
    let lost: Vec<String> = published.targets.difference(there).map(ToString::to_string).collect();
    if lost.is_empty() { "ok".to_owned() } else { format!("the namespace no longer has {}", lost.join(", ")) }
}

/// Lines in columns as wide as their widest word; nothing where there is no line. Whose they are stands last but one, where
/// something is a lab's.
fn table<const N: usize>(head: [&str; N], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head = head.map(str::to_owned).to_vec();
    let of_labs = rows.iter().any(|row| row.get(N - 2).is_some_and(|owner| owner != "-"));
    let mut all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    if !of_labs {
        all.iter_mut().for_each(|row| drop(row.remove(N - 2)));
    }
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(|word| word.chars().count()).max();
    let line = |row: &Vec<String>| {
        let words = row.iter().enumerate().map(|(column, word)| format!("{word:<0$}", width(column).unwrap_or(0)));
        words.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}
