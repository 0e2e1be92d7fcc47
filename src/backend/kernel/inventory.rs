//! All network namespaces that something leads to: names, files of container engines, containers, processes.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::containers;
use super::places::{Places, is_podmans};
use super::processes::{self, Process};
use crate::model::{Container, Engine, NetnsName, Owner, Place};
use crate::netlink::{Error, NetnsFile};

/// Where Docker has the files of its namespaces. `/var/run` is the older name of `/run`.
const OF_DOCKER: [&str; 2] = ["/run/docker/netns", "/var/run/docker/netns"];

/// A network namespace, and the ways to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// What a verb takes for it.
    pub place: Place,
    /// Its name below `/run/netns`.
    pub name: Option<NetnsName>,
    /// A file that is the namespace.
    pub path: PathBuf,
    /// The number of its inode, which is the same on every way to it.
    pub inode: u64,
    /// The processes in it.
    pub pids: Vec<u32>,
    /// The command of the first process, where no more than a process leads here.
    pub command: Option<String>,
    /// The container that it is of.
    pub container: Option<OfContainer>,
    /// Other names, and other containers that share it.
    pub also: Vec<String>,
    /// The mark on its `lo`; `None` where it was not asked for, too.
    pub owner: Option<Owner>,
}

/// Whose container it is. Its name and id are known where the engine tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfContainer {
    /// What runs it.
    pub engine: Engine,
    /// The name.
    pub name: Option<String>,
    /// The id.
    pub id: Option<String>,
}

/// What leads to one namespace.
#[derive(Debug, Default)]
struct Ways {
    names: Vec<NetnsName>,
    /// Files of Docker's.
    files: Vec<PathBuf>,
    containers: Vec<Running>,
    pids: Vec<u32>,
}

/// A container that runs.
#[derive(Debug)]
struct Running {
    name: Container,
    id: String,
    /// The namespace, by its first process.
    path: PathBuf,
}

/// How much is wanted of namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Those to which no more than a process leads, too.
    pub all: bool,
    /// Processes and marks: they take a look at each process, and into each namespace.
    pub details: bool,
}

/// The network namespaces but the host's: those with a name, in order of the names, one entry a name; then those of containers.
pub fn inventory(places: &mut Places, wanted: Wanted) -> Result<Vec<Found>, Error> {
    let host = NetnsFile::host()?.identity()?.1;
    let ways = ways(places, wanted.all || wanted.details)?;
    let others = ways.iter().filter(|(inode, _)| **inode != host);
    let mut found: Vec<Found> = others.flat_map(|(inode, ways)| ways.entries(*inode, wanted.all)).collect();
    let rank = |found: &Found| match &found.place {
        Place::Named(_) => 0,
        Place::Container(_) => 1,
        Place::Pid(_) => 3,
        _ => 2,
    };
    found.sort_by(|one, other| (rank(one), &one.place).cmp(&(rank(other), &other.place)));
    for found in found.iter_mut().filter(|_| wanted.details) {
        found.owner = owner(places, &found.place)?;
    }
    Ok(found)
}

/// The names of the namespace at `place`, and the containers that it is of.
pub fn identify(places: &mut Places, place: &Place) -> Result<(Vec<NetnsName>, Vec<Container>), Error> {
    let inode = places.file(place)?.identity()?.1;
    let ways = ways(places, false)?.remove(&inode).unwrap_or_default();
    // What shares the host's own namespace does not tell which one it is.
    let is_of_init = std::fs::metadata("/proc/1/ns/net").is_ok_and(|file| file.ino() == inode);
    let containers = ways.containers.into_iter().map(|running| running.name).filter(|_| !is_of_init);
    Ok((ways.names, containers.collect()))
}

/// What keeps a namespace, besides the names that are to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// It is the host's own.
    pub is_host: bool,
    /// Other names, files and containers that lead to it.
    pub by: Vec<Place>,
    /// The processes in it.
    pub processes: Vec<Process>,
}

/// What keeps each of the namespaces with these names if all of the names go. One that is but a file, or gone, is kept by nothing.
pub fn keepers(places: &mut Places, names: &[NetnsName]) -> Result<Vec<Kept>, Error> {
    let host = NetnsFile::host()?.identity()?.1;
    let ways = ways(places, true)?;
    let of = |name: &NetnsName| {
        let found = ways.iter().find(|(_, ways)| ways.names.contains(name));
        found.map(|(inode, ways)| Kept { is_host: *inode == host, ..ways.kept(names) }).unwrap_or_default()
    };
    Ok(names.iter().map(of).collect())
}

/// What leads to each namespace, by the number of its inode.
fn ways(places: &mut Places, with_processes: bool) -> Result<BTreeMap<u64, Ways>, Error> {
    let mut ways: BTreeMap<u64, Ways> = BTreeMap::new();
    for name in places.names()? {
        if let Some(inode) = inode(&places.directory().path(name.as_str())) {
            ways.entry(inode).or_default().names.push(name);
        }
    }
    for path in OF_DOCKER.into_iter().flat_map(files_in).filter(|path| NetnsFile::open(path).is_ok()) {
        if let Some(inode) = inode(&path) {
            ways.entry(inode).or_default().files.push(path);
        }
    }
    for (name, found) in containers::running() {
        let Some(path) = found.netns() else { continue };
        if let Some(inode) = inode(&path) {
            ways.entry(inode).or_default().containers.push(Running { name, id: found.id, path });
        }
    }
    if with_processes {
        for (inode, pids) in processes::by_netns() {
            ways.entry(inode).or_default().pids = pids;
        }
    }
    Ok(ways)
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|file| file.ino())
}

fn files_in(directory: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
}

/// A namespace bears its mark on its `lo`.
pub fn owner(places: &mut Places, place: &Place) -> Result<Option<Owner>, Error> {
    let Some(located) = places.find(place)? else { return Ok(None) };
    let alias = located.netlink.link("lo")?.and_then(|lo| lo.alias);
    Ok(alias.as_deref().and_then(Owner::from_alias))
}

impl Ways {
    fn kept(&self, going: &[NetnsName]) -> Kept {
        let names = self.names.iter().filter(|name| !going.contains(name)).cloned().map(Place::Named);
        let files = self.files.iter().map(|path| Place::Path(path.display().to_string()));
        let containers = self.containers.iter().map(|running| Place::Container(running.name.clone()));
        let processes = self.pids.iter().filter_map(|pid| Process::look(*pid));
        Kept { is_host: false, by: names.chain(containers).chain(files).collect(), processes: processes.collect() }
    }

    /// One for each name; where there is none, one for the container, the file, or (with `all`) the first process.
    fn entries(&self, inode: u64, all: bool) -> Vec<Found> {
        let found = |place: Place, path: PathBuf| Found {
            name: place.name().cloned(),
            path,
            inode,
            pids: self.pids.clone(),
            command: None,
            container: self.container(),
            also: self.also(&place),
            owner: None,
            place,
        };
        let named = |name: &NetnsName| found(Place::Named(name.clone()), format!("/run/netns/{name}").into());
        match (self.names.as_slice(), self.containers.first(), self.files.first(), self.pids.first()) {
            (names @ [_, ..], ..) => names.iter().map(named).collect(),
            ([], Some(running), file, _) => {
                vec![found(Place::Container(running.name.clone()), file.unwrap_or(&running.path).clone())]
            }
            ([], None, Some(file), _) => vec![found(Place::Path(file.display().to_string()), file.clone())],
            ([], None, None, Some(pid)) if all => match Process::look(*pid) {
                Some(Process { command, .. }) => {
                    let found = found(Place::Pid(*pid), format!("/proc/{pid}/ns/net").into());
                    vec![Found { command: Some(command), ..found }]
                }
                // It has ended meanwhile.
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn container(&self) -> Option<OfContainer> {
        let unknown = |engine| OfContainer { engine, name: None, id: None };
        let known = self.containers.first().map(|Running { name, id, .. }| OfContainer {
            engine: name.engine,
            name: Some(name.name.to_string()),
            id: Some(id.clone()),
        });
        let podmans = self.names.iter().any(is_podmans).then(|| unknown(Engine::Podman));
        known.or(podmans).or_else(|| (!self.files.is_empty()).then(|| unknown(Engine::Docker)))
    }

    /// What else leads here, in words that verbs take.
    fn also(&self, place: &Place) -> Vec<String> {
        let names = self.names.iter().cloned().map(Place::Named);
        let containers = self.containers.iter().map(|running| Place::Container(running.name.clone()));
        let others: BTreeSet<Place> = names.chain(containers).filter(|other| other != place).collect();
        others.iter().map(ToString::to_string).collect()
    }
}
