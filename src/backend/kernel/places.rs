//! Connections into namespaces, opened when they are needed, and the way from the kernel's numbers to places.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::sys::resource::{Resource, getrlimit};

use crate::model::{NetnsName, Place};
use crate::netlink::{Error, Netlink, NetnsDir, NetnsFile, travel};

use super::containers::Containers;
use super::processes;

/// A namespace and a connection into it.
pub struct Located {
    /// The namespace.
    pub netns: NetnsFile,
    /// The connection.
    pub netlink: Netlink,
    /// Device and inode number of the namespace.
    identity: (u64, u64),
    /// In which run it was last seen that its place leads there.
    seen: u64,
    /// When it was used last, counted in uses.
    used: u64,
}

/// Which number is which namespace, as seen from one place.
#[derive(Default)]
struct Numbers {
    places: HashMap<i32, Place>,
    /// Those that were asked for their number, and have one.
    asked: HashSet<Place>,
}

/// Descriptors that are left to others.
const SPARE: u64 = 256;
/// How many one connection takes at most: the namespace, and a socket each of rtnetlink and of ethtool.
const EACH: u64 = 3;
/// How many connections are kept at least, and at most.
const KEPT: (u64, u64) = (64, 4096);

/// The namespaces that this run has looked into.
#[derive(Default)]
pub struct Places {
    directory: NetnsDir,
    open: HashMap<Place, Located>,
    /// How many may be open: as many as the limit on descriptors allows (`RLIMIT_NOFILE`, getrlimit(2)).
    room: Option<usize>,
    /// The number of this run, and of the last use of a connection.
    run: u64,
    uses: u64,
    /// Places without a name that were looked at: nobody lists them.
    visited: BTreeSet<Place>,
    /// Which number is which namespace, as seen from each place.
    numbers: HashMap<Place, Numbers>,
    containers: Containers,
}

impl Places {
    /// The directory of named namespaces.
    pub fn directory(&self) -> &NetnsDir {
        &self.directory
    }

    /// The names in it that are namespaces, as far as they are names that we would give.
    pub fn names(&self) -> Result<Vec<NetnsName>, Error> {
        let names = self.directory.list()?.into_iter().filter_map(|name| name.parse().ok());
        names.filter_map(|name: NetnsName| self.is_live(&name).map(|live| live.then_some(name)).transpose()).collect()
    }

    /// Whether there is a namespace of this name, and not only a file.
    pub fn is_live(&self, name: &NetnsName) -> Result<bool, Error> {
        Ok(self.directory.status(name.as_str())? == crate::netlink::Status::Live)
    }

    /// Begins a run: where a place leads is looked at once in each.
    pub fn begin(&mut self) {
        self.run += 1;
    }

    /// A connection into the namespace at `place`. Fails where there is none, also where there was one: an open connection
    /// keeps a namespace alive that has lost its name, and in there everything would seem well.
    pub fn at(&mut self, place: &Place) -> Result<&mut Located, Error> {
        if !self.is_open(place)? {
            let netns = self.file(place)?;
            let netlink = match place {
                Place::Host => Netlink::host()?,
                _ => Netlink::open(&netns)?,
            };
            self.opened(place.clone(), netns, netlink)?;
        }
        self.uses += 1;
        match self.open.get_mut(place) {
            Some(located) => {
                located.used = self.uses;
                Ok(located)
            }
            None => unreachable!("it was put in above"),
        }
    }

    /// Whether there is a connection that leads where the place does.
    fn is_open(&mut self, place: &Place) -> Result<bool, Error> {
        let Some((seen, identity)) = self.open.get(place).map(|located| (located.seen, located.identity)) else {
            return Ok(false);
        };
        if seen == self.run {
            return Ok(true);
        }
        if !self.leads_to(place, identity)? {
            self.open.remove(place);
            return Ok(false);
        }
        if let Some(located) = self.open.get_mut(place) {
            located.seen = self.run;
        }
        Ok(true)
    }

    /// Opens connections into those of `wanted` that have none, over one thread. One that cannot be opened is told of when it is
    /// needed.
    pub fn open_all<'a>(&mut self, wanted: impl Iterator<Item = &'a Place>) -> Result<(), Error> {
        let mut ways = BTreeMap::new();
        for place in wanted.take(self.room() / 2) {
            if *place != Place::Host && !self.is_open(place)? {
                ways.extend(self.path(place)?.map(|path| (place.clone(), path)));
            }
        }
        if ways.len() < 2 {
            return Ok(());
        }
        let opened = travel(|traveller| {
            let open = |path: &PathBuf| {
                let netns = NetnsFile::open(path)?;
                let netlink = traveller.open(&netns)?;
                Ok::<_, Error>((netns, netlink))
            };
            Ok(ways.into_iter().filter_map(|(place, path)| Some((place, open(&path).ok()?))).collect::<Vec<_>>())
        })?;
        opened.into_iter().try_for_each(|(place, (netns, netlink))| self.opened(place, netns, netlink))
    }

    fn room(&mut self) -> usize {
        *self.room.get_or_insert_with(|| {
            let descriptors = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| soft);
            let room = (descriptors.saturating_sub(SPARE) / EACH).clamp(KEPT.0, KEPT.1);
            usize::try_from(room).unwrap_or(usize::MAX)
        })
    }

    /// Closes those that were not used for longest, half of them at once.
    fn make_room(&mut self) {
        if self.open.len() < self.room() {
            return;
        }
        let mut uses: Vec<u64> = self.open.values().map(|located| located.used).collect();
        uses.sort_unstable();
        let oldest = uses[uses.len() / 2];
        self.open.retain(|place, located| *place == Place::Host || located.used > oldest);
    }

    /// The same; `None` where there is no such namespace.
    pub fn find(&mut self, place: &Place) -> Result<Option<&mut Located>, Error> {
        match self.at(place) {
            Ok(located) => Ok(Some(located)),
            Err(Error::NetnsMissing { .. } | Error::NotNetns { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a connection into the namespace at `place`, which has just been made.
    pub fn opened(&mut self, place: Place, netns: NetnsFile, netlink: Netlink) -> Result<(), Error> {
        let identity = netns.identity()?;
        self.visited(&place);
        self.make_room();
        self.uses += 1;
        self.open.insert(place, Located { netns, netlink, identity, seen: self.run, used: self.uses });
        Ok(())
    }

    /// Remembers that a place without a name was looked at.
    pub fn visited(&mut self, place: &Place) {
        if !matches!(place, Place::Host | Place::Named(_)) {
            self.visited.insert(place.clone());
        }
    }

    /// Closes the connection: the namespace is about to go, and an open socket would keep it alive.
    pub fn close(&mut self, place: &Place) {
        self.open.remove(place);
    }

    /// An open file of the namespace at `place`.
    pub fn file(&mut self, place: &Place) -> Result<NetnsFile, Error> {
        match (place, self.path(place)?) {
            (Place::Host, _) => NetnsFile::host(),
            (_, Some(path)) => NetnsFile::open(&path),
            (_, None) => Err(Error::NetnsMissing { path: place.to_string().into() }),
        }
    }

    /// The file that leads to `place`. None leads to the host, in which we are, nor to what has but a number, nor to a container
    /// that does not run.
    pub fn path(&mut self, place: &Place) -> Result<Option<PathBuf>, Error> {
        Ok(match place {
            Place::Host | Place::Nsid(_) => None,
            Place::Named(name) => Some(self.directory.path(name.as_str())),
            Place::Pid(pid) => Some(format!("/proc/{pid}/ns/net").into()),
            Place::Path(path) => Some(path.into()),
            Place::Container(container) => self.containers.path(container)?,
        })
    }

    /// Whether `place` is still the namespace with this device and inode number.
    fn leads_to(&mut self, place: &Place, identity: (u64, u64)) -> Result<bool, Error> {
        if *place == Place::Host {
            return Ok(true);
        }
        let Some(path) = self.path(place)? else { return Ok(false) };
        Ok(std::fs::metadata(path).is_ok_and(|file| (file.dev(), file.ino()) == identity))
    }

    /// `host`, or the first name of the namespace at `place`, or the container that it is of; `None` where it has neither.
    pub fn plainest(&mut self, place: &Place) -> Result<Option<Place>, Error> {
        let wanted = self.file(place)?;
        for candidates in [Places::host, Places::named, Places::of_containers, Places::of_podman] {
            for candidate in candidates(self)? {
                match self.file(&candidate) {
                    Ok(netns) if netns.is_same(&wanted)? => return Ok(Some(candidate)),
                    Ok(_) | Err(Error::NetnsMissing { .. } | Error::NotNetns { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(None)
    }

    /// Whether the namespace at `place` is the host's.
    pub fn is_host(&mut self, place: &Place) -> Result<bool, Error> {
        self.file(place)?.is_same(&NetnsFile::host()?)
    }

    /// The host and all that may be a namespace with a name, each by its plainest: of a file that is none, nobody has looked.
    pub fn all(&mut self) -> Result<Vec<Place>, Error> {
        let names = self.directory.list()?.into_iter().filter_map(|name| name.parse().ok());
        let (podmans, others): (Vec<NetnsName>, Vec<NetnsName>) = names.partition(is_podmans);
        let mut places = vec![Place::Host];
        places.extend(others.into_iter().map(Place::Named));
        for place in podmans.into_iter().map(Place::Named) {
            let plainest = self.plainest(&place);
            places.push(plainest.ok().flatten().unwrap_or(place));
        }
        Ok(places)
    }

    /// The same, and those that have been looked into.
    pub fn known(&mut self) -> Result<Vec<Place>, Error> {
        let mut places = self.all()?;
        places.extend(self.visited.iter().cloned());
        Ok(places)
    }

    /// Which place the namespace with number `nsid`, as seen from `from`, is. Looks at the host and those that are `near` before it
    /// looks at all that have a name, at those before it asks for containers, and at those before it looks at the processes: a verb
    /// that names its namespaces does not pay for the others. Each is asked for its number once.
    pub fn of_nsid<'a>(
        &mut self,
        from: &Place,
        nsid: i32,
        near: impl Iterator<Item = &'a Place> + Clone,
    ) -> Result<Place, Error> {
        if let Some(place) = self.remembered(from, nsid)? {
            return Ok(place);
        }
        // One without a name is found by nothing else.
        for place in self.visited.clone() {
            if let Some(found) = self.remember(from, place, nsid)? {
                return Ok(found);
            }
        }
        let near = std::iter::once(&Place::Host).chain(near);
        if let Some(place) = self.search(from, nsid, near.clone())? {
            return Ok(place);
        }
        // What was made anew under its name has another number than the one that is remembered.
        self.numbers.remove(from);
        Ok(self.search(from, nsid, near)?.unwrap_or(Place::Nsid(nsid)))
    }

    fn search<'a>(
        &mut self,
        from: &Place,
        nsid: i32,
        near: impl Iterator<Item = &'a Place>,
    ) -> Result<Option<Place>, Error> {
        for place in near {
            if let Some(found) = self.remember(from, place.clone(), nsid)? {
                return Ok(Some(found));
            }
        }
        for candidates in [Places::named, Places::of_containers, Places::of_podman, of_processes] {
            // All of them: the next number that is asked for is most likely of the same kind.
            let mut found = None;
            for place in candidates(self)? {
                found = self.remember(from, place, nsid)?.or(found);
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// What was found out before, if it still holds: numbers are given anew when a namespace has gone.
    fn remembered(&mut self, from: &Place, nsid: i32) -> Result<Option<Place>, Error> {
        let Some(place) = self.numbers.get(from).and_then(|numbers| numbers.places.get(&nsid)).cloned() else {
            return Ok(None);
        };
        let holds = self.nsid(from, &place)? == Some(nsid);
        if !holds {
            self.numbers.remove(from);
        }
        Ok(holds.then_some(place))
    }

    /// Asks `place` for its number, unless that is known. Returns the place with number `wanted`, if that is known now.
    fn remember(&mut self, from: &Place, place: Place, wanted: i32) -> Result<Option<Place>, Error> {
        let known = self.numbers.get(from).is_some_and(|numbers| numbers.asked.contains(&place));
        if !known && let Some(nsid) = self.nsid(from, &place)? {
            let numbers = self.numbers.entry(from.clone()).or_default();
            numbers.asked.insert(place.clone());
            numbers.places.entry(nsid).or_insert(place);
        }
        Ok(self.numbers.get(from).and_then(|numbers| numbers.places.get(&wanted)).cloned())
    }

    fn host(&mut self) -> Result<Vec<Place>, Error> {
        Ok(vec![Place::Host])
    }

    /// Those to which somebody gave a name.
    fn named(&mut self) -> Result<Vec<Place>, Error> {
        Ok(self.names()?.into_iter().filter(|name| !is_podmans(name)).map(Place::Named).collect())
    }

    fn of_containers(&mut self) -> Result<Vec<Place>, Error> {
        Ok(self.containers.running().into_iter().map(Place::Container).collect())
    }

    /// Those whose names Podman made up.
    fn of_podman(&mut self) -> Result<Vec<Place>, Error> {
        Ok(self.names()?.into_iter().filter(is_podmans).map(Place::Named).collect())
    }

    /// The number of the namespace at `place` as seen from `from`; `None` where it has none, or is gone.
    fn nsid(&mut self, from: &Place, place: &Place) -> Result<Option<i32>, Error> {
        match self.file(place) {
            Ok(netns) => self.at(from)?.netlink.nsid(&netns),
            Err(Error::NetnsMissing { .. } | Error::NotNetns { .. }) => Ok(None),
            // A process that is just ending answers EACCES, or whatever comes of that.
            Err(_) if matches!(place, Place::Pid(_) | Place::Container(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether a name is one that Podman gives a container's namespace: `netns-` and a UUID (`NewNS` in containers/common's pkg/netns).
pub fn is_podmans(name: &NetnsName) -> bool {
    let uuid = |text: &str| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
            && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    name.as_str().strip_prefix("netns-").is_some_and(uuid)
}

/// One process in each network namespace that has any.
fn of_processes(_: &mut Places) -> Result<Vec<Place>, Error> {
    let lowest = |pids: Vec<u32>| pids.into_iter().min().map(Place::Pid);
    Ok(processes::by_netns().into_values().filter_map(lowest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podmans_names_are_known() {
        for (name, podmans) in [
            ("netns-e4322146-77ec-0422-e6f9-524416cce474", true),
            ("netns-1", false),
            ("ns1", false),
            ("netns-e4322146-77ec-0422-e6f9-524416cce47x", false),
        ] {
            assert_eq!(is_podmans(&name.parse().unwrap()), podmans, "{name}");
        }
    }
}
