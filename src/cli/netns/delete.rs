//! `del-ns`.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use crate::backend::Scope;
use crate::model::{Entry, IfName, Key, Netns, NetnsName, Physical, Place, Resource, State};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{self, Kept, Session};

/// How many processes of a namespace are named.
const NAMED: usize = 10;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DelNs {
    /// The namespaces
    #[arg(required = true)]
    netns: Vec<NetnsName>,
    /// Do not fail if there is none
    #[arg(long)]
    if_exists: bool,
    /// Also where processes run in it: it loses its name and its ports, and lives on with them
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: Change,
}

const EXAMPLES: &str = "\
Physical devices return to the host first, then the ports go from every switch, then the namespaces.
Where a container or another name leads to the namespace too, only the name goes.

Examples:
  ovsns del-ns ns1
  ovsns del-ns ns1 ns2 ns3          all in one go
  ovsns del-ns ns1 --force          with processes in it";

/// What is to become of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It ends, with all that is in it.
    Ends,
    /// It loses its name and what is ours, and lives on with its processes.
    LivesOn,
    /// It loses a name among others.
    Renamed,
}

impl DelNs {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let names = self.names();
        let kept = session::keepers(&names)?;
        self.check_use(&names, &kept)?;
        let mut observed = State::default();
        let mut missing = Vec::new();
        for (name, kept) in names.iter().zip(&kept) {
            match look(session, name, kept).await? {
                Some(state) => state.entries().for_each(|entry| observed.insert(entry.clone())),
                None => missing.push(name.to_string()),
            }
        }
        if !missing.is_empty() && !self.if_exists {
            return Err(Failure::new(format!("there is no namespace {}", missing.join(", ")))
                .hint("ovsns list-ns lists the namespaces"));
        }
        let observed = with_ports(session, with_states(session, observed).await?).await?;
        let desired = returned(session, &observed).await?;
        let report = self.change.carry_out(session, &observed, &desired).await?;
        if self.change.applies() {
            names.iter().zip(&kept).filter_map(afterlife).for_each(|line| session.output.note(&line));
        }
        Ok(report)
    }

    /// Each once, in the order in which they were given.
    fn names(&self) -> Vec<NetnsName> {
        let mut seen = BTreeSet::new();
        self.netns.iter().filter(|name| seen.insert(*name)).cloned().collect()
    }

    /// Fails where processes are in the way.
    fn check_use(&self, names: &[NetnsName], kept: &[Kept]) -> Result<(), Failure> {
        let used = |(name, kept): &(&NetnsName, &Kept)| !self.force && is_in_use(name, kept);
        let in_use: Vec<(&NetnsName, &Kept)> = names.iter().zip(kept).filter(used).collect();
        if in_use.is_empty() { Ok(()) } else { Err(refused(&in_use)) }
    }
}

/// What is still there of a namespace without its name.
fn afterlife((name, kept): (&NetnsName, &Kept)) -> Option<String> {
    match (fate(kept), kept.by.first()) {
        (Fate::Ends, _) => None,
        (Fate::LivesOn, _) => Some(format!("the namespace that was {name} lives on with its processes")),
        (Fate::Renamed, Some(by)) => Some(format!("only the name {name} is gone: the namespace is {by} too")),
        (Fate::Renamed, None) => Some(format!("only the name {name} is gone: the namespace is the host's own")),
    }
}

/// What becomes of a namespace that is kept so.
pub fn fate(kept: &Kept) -> Fate {
    match (kept.is_host || !kept.by.is_empty(), kept.processes.is_empty()) {
        (true, _) => Fate::Renamed,
        (false, true) => Fate::Ends,
        (false, false) => Fate::LivesOn,
    }
}

/// Whether somebody would miss the namespace. The name that Podman gave one is the container's only way to it.
pub fn is_in_use(name: &NetnsName, kept: &Kept) -> bool {
    fate(kept) == Fate::LivesOn || session::is_podmans(name) && !kept.by.is_empty()
}

/// The processes of a namespace, a line each.
pub fn users(kept: &Kept) -> Vec<String> {
    let mut lines: Vec<String> =
        kept.processes.iter().take(NAMED).map(|process| format!("  {}  {}", process.pid, process.command)).collect();
    if kept.processes.len() > NAMED {
        lines.push(format!("  and {} more", kept.processes.len() - NAMED));
    }
    lines
}

fn refused(in_use: &[(&NetnsName, &Kept)]) -> Failure {
    let mut failure = match in_use {
        [(name, _)] => Failure::new(format!("cannot delete namespace {name}: processes run in it")),
        several => Failure::new(format!("cannot delete {} of the namespaces: processes run in them", several.len())),
    };
    for (name, kept) in in_use {
        let of = kept.by.first().map(|by| format!(", of {by}")).unwrap_or_default();
        failure.left.push(format!("in {name}{of}:"));
        failure.left.extend(users(kept));
    }
    failure.hint(
        "end them; or take the name and the ports away all the same, with --force: the namespace lives on with them",
    )
}

/// What goes with the name; `None` where there is not even a file.
pub async fn look(session: &Session<'_>, name: &NetnsName, kept: &Kept) -> Result<Option<State>, Failure> {
    let fate = fate(kept);
    let netns = Resource::Netns(Netns::new(name.clone()));
    let place = Place::Named(name.clone());
    let scope = match fate {
        Fate::Renamed => Scope::Keys(vec![netns.key()]),
        Fate::Ends | Fate::LivesOn => Scope::Place(place.clone()),
    };
    let mut observed = session.observe(scope).await?;
    let Some(owner) = observed.get(&netns.key()).map(|entry| entry.owner.clone()) else {
        // Only a file is left of it, perhaps: deleting a namespace takes that along.
        let is_file = std::fs::symlink_metadata(Path::new(session::RUN_DIRECTORY).join(name.as_str())).is_ok();
        return Ok(is_file.then(|| State::from_iter([Entry::unmarked(netns)])));
    };
    if fate == Fate::LivesOn {
        observed = ours(&observed);
    }
    // If it is undone, the name leads there again, and not to a new namespace.
    observed.insert(Entry { resource: Resource::Netns(Netns { name: name.clone(), of: keeper(kept) }), owner });
    Ok(Some(observed))
}

/// Another way to the namespace than its name.
fn keeper(kept: &Kept) -> Option<Place> {
    let host = kept.is_host.then_some(Place::Host);
    let process = || kept.processes.first().map(|process| Place::Pid(process.pid));
    host.or_else(|| kept.by.first().cloned()).or_else(process)
}

/// What of a namespace that lives on is taken away: our veth pairs, what stands on them, and what is not its own.
fn ours(observed: &State) -> State {
    let is_pair =
        |entry: &&Entry| matches!(entry.resource, Resource::Link(_) | Resource::Internal(_)) && entry.owner.is_some();
    let ends: BTreeSet<(Place, IfName)> =
        observed.entries().filter(is_pair).flat_map(|entry| entry.resource.provides()).collect();
    let goes = |entry: &&Entry| match &entry.resource {
        Resource::Netns(_) | Resource::Physical(_) => true,
        Resource::Link(_) | Resource::Internal(_) => entry.owner.is_some(),
        resource => resource.needs().iter().any(|device| ends.contains(device)),
    };
    observed.entries().filter(goes).cloned().collect()
}

/// `observed`, with the states of its physical devices, which a move loses: if it is undone, they come back.
pub async fn with_states(session: &Session<'_>, mut observed: State) -> Result<State, Failure> {
    let key = |resource: &Resource| match resource {
        Resource::Physical(Physical { place, name, .. }) if *place != Place::Host => {
            Some(Key::Device { place: place.clone(), name: name.clone() })
        }
        _ => None,
    };
    let devices = session.observe(Scope::Keys(observed.resources().filter_map(key).collect())).await?;
    devices.entries().for_each(|entry| observed.insert(entry.clone()));
    Ok(observed)
}

/// `observed`, with the ports that its veth pairs are on the host, and those of its internal devices.
pub async fn with_ports(session: &Session<'_>, mut observed: State) -> Result<State, Failure> {
    let host = |resource: &Resource| {
        let ends = resource.provides().into_iter().filter(|(place, _)| *place == Place::Host);
        ends.map(|(_, device)| Key::Port { device }).collect::<Vec<_>>()
    };
    let links = observed.resources().filter(|resource| matches!(resource, Resource::Link(_)));
    let internal = observed.resources().filter_map(|resource| match resource {
        Resource::Internal(device) => Some(Key::Port { device: device.name.clone() }),
        _ => None,
    });
    let ports = session.observe(Scope::Keys(links.flat_map(host).chain(internal).collect())).await?;
    ports.entries().for_each(|entry| observed.insert(entry.clone()));
    Ok(observed)
}

/// The state in which nothing of `observed` is there but its physical devices, which are on the host, by names that are free.
pub async fn returned(session: &Session<'_>, observed: &State) -> Result<State, Failure> {
    let mut taken = BTreeSet::new();
    let mut desired = State::default();
    for resource in observed.resources() {
        let Resource::Physical(physical) = resource else { continue };
        let name = free_name(session, &physical.name, &mut taken).await?;
        let physical = Physical { place: Place::Host, name, ..physical.clone() };
        desired.insert(Entry::unmarked(Resource::Physical(physical)));
    }
    Ok(desired)
}

/// `name`, or the first with another number that no device of the host has: `eth0`, `eth1` …
async fn free_name(session: &Session<'_>, name: &IfName, taken: &mut BTreeSet<IfName>) -> Result<IfName, Failure> {
    let stem = name.as_str().trim_end_matches(|c: char| c.is_ascii_digit());
    let numbered = (0u32..).map_while(|number| {
        let number = number.to_string();
        let end = stem.len().min(IfName::MAX - number.len());
        format!("{}{number}", stem.get(..end)?).parse::<IfName>().ok()
    });
    for candidate in std::iter::once(name.clone()).chain(numbered) {
        let key = Key::Device { place: Place::Host, name: candidate.clone() };
        let is_free = !taken.contains(&candidate) && session.observe(Scope::Keys(vec![key])).await?.is_empty();
        if is_free {
            taken.insert(candidate.clone());
            return Ok(candidate);
        }
    }
    Err(Failure::new(format!("the host has no name left that is like {name}")))
}
