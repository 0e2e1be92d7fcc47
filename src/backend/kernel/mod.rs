//! What belongs to the kernel whatever the switch is made with: namespaces, veth pairs, devices, addresses, routes, impairments.

mod apply;
mod bonds;
mod containers;
mod counters;
mod create;
mod dad;
mod departures;
mod enter;
mod entries;
mod internal;
mod inventory;
mod learned;
mod observe;
mod owned;
mod physical;
mod places;
mod processes;
mod qdisc;
mod run;
pub mod seen;
mod snapshot;
mod survey;
mod virtuals;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::{Container, Entry, Kind, NetnsName, Owner, Place, Resource};
use crate::netlink;
use crate::plan::Step;

use super::{ApplyError, Backend, BackendError, Fault, Progress, Scope, Unsupported};
pub use bonds::states as bond_states;
pub use containers::called as containers_called;
pub use counters::{Counted, counters};
pub use enter::{UnnamedNetns, inside};
pub use inventory::{Found, Kept, OfContainer, Wanted};
pub use learned::Learned;
use places::Places;
pub use places::is_podmans;
use run::Run;

/// The namespace of the calling thread, which never leaves that of the host.
const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";

/// The kernel, through rtnetlink and the files of `ip netns`.
pub struct Kernel {
    places: Mutex<Places>,
    timeout: Duration,
    progress: Progress,
}

impl Kernel {
    /// The kernel that this process runs on; `timeout` is how long duplicate address detection may take.
    pub fn new(timeout: Duration) -> Kernel {
        Kernel { places: Mutex::default(), timeout, progress: Progress::default() }
    }

    /// The same, telling `progress` of each step.
    pub fn progress(mut self, progress: Progress) -> Kernel {
        self.progress = progress;
        self
    }

    /// The connections. Never held across an await: the kernel answers before its call returns.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Backend for Kernel {
    fn name(&self) -> &'static str {
        "kernel"
    }

    fn claims(&self, resource: &Resource) -> bool {
        !matches!(
            resource.kind(),
            Kind::Switch
                | Kind::Port
                | Kind::Mirror
                | Kind::Qos
                | Kind::Policing
                | Kind::FlowExport
                | Kind::Ruleset
                | Kind::Nat
                | Kind::Published
        )
    }

    fn check(&self, entry: &Entry) -> Result<(), Unsupported> {
        let resource = &entry.resource;
        let unreachable = |place: &Place| matches!(place, Place::Nsid(_));
        let places = match resource {
            Resource::Link(link) => vec![&link.b.place],
            Resource::Virtual(device) => {
                virtuals::check(device)?;
                Vec::new()
            }
            Resource::Internal(device) => vec![&device.place],
            Resource::Device(device) => vec![&device.place],
            Resource::Physical(physical) => vec![&physical.place],
            Resource::Sysctl(sysctl) => vec![&sysctl.place],
            Resource::Address(address) => vec![&address.place],
            Resource::Route(route) => vec![&route.place],
            Resource::Impairment(impairment) => vec![&impairment.place],
            _ => Vec::new(),
        };
        match places.into_iter().find(|place| unreachable(place)) {
            None => Ok(()),
            Some(place) => Err(Unsupported {
                what: format!("a change in namespace {place}"),
                backend: "kernel",
                reason: "neither a file nor a process leads there".to_owned(),
                hint: None,
            }),
        }
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let mut places = self.places();
        places.begin();
        observe::observe(&mut places, scope).map_err(|error| look_failed(scope, error))
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        self.places().begin();
        let mut run = Run::of(steps);
        while !run.is_done() {
            departures::settle(&run.departing()).await;
            let done = run.go_on(&mut self.places())?;
            self.progress.advance(done);
            // Here it can be dropped: what is done is done, and the engine takes it back.
            tokio::task::yield_now().await;
        }
        dad::settle(&self.places, steps, self.timeout).await
    }
}

fn look_failed(scope: &Scope, error: netlink::Error) -> BackendError {
    let what = match scope {
        Scope::Keys(_) => "cannot read the state of the kernel".to_owned(),
        Scope::Place(place) | Scope::Within(place, _) => format!("cannot look into namespace {place}"),
        _ => "cannot list what is in the kernel".to_owned(),
    };
    failed(what, error)
}

/// An error of the kernel, in the context of what was being done.
pub(super) fn failed(what: impl Into<String>, error: netlink::Error) -> BackendError {
    let fault = if error.is_not_permitted() { Fault::Denied } else { Fault::Refused };
    BackendError::refused(what, error).fault(fault)
}

/// The names of the namespaces that `ip netns list` shows, without files that are none.
pub fn names() -> Result<Vec<NetnsName>, BackendError> {
    Places::default().names().map_err(|error| failed("cannot list the namespaces", error))
}

/// The network namespaces but the host's, and the ways to them.
pub fn inventory(wanted: Wanted) -> Result<Vec<Found>, BackendError> {
    inventory::inventory(&mut Places::default(), wanted).map_err(|error| failed("cannot list the namespaces", error))
}

/// The names of the namespace at `place`, and the containers that it is of.
pub fn identify(place: &Place) -> Result<(Vec<NetnsName>, Vec<Container>), BackendError> {
    let found = inventory::identify(&mut Places::default(), place);
    found.map_err(|error| failed(format!("there is no namespace {place}"), error))
}

/// What keeps each of the namespaces with these names, besides the names.
pub fn keepers(names: &[NetnsName]) -> Result<Vec<Kept>, BackendError> {
    let found = inventory::keepers(&mut Places::default(), names);
    found.map_err(|error| failed("cannot find out what uses the namespaces", error))
}

/// Whose mark the namespace at `place` bears.
pub fn owner(place: &Place) -> Result<Option<Owner>, BackendError> {
    let found = inventory::owner(&mut Places::default(), place);
    found.map_err(|error| failed(format!("cannot look into namespace {place}"), error))
}

/// The plainest way to write the namespace at `place`: `host` or a name, where it has one, else the container that it is of. A
/// process and a path lead to namespaces that may have other names, and one namespace must not be two. A container stays one,
/// by its engine's name for it, unless it shares the host's namespace. Fails where there is none.
pub fn canonical(place: Place) -> Result<Place, BackendError> {
    let mut places = Places::default();
    let place = match place {
        Place::Host | Place::Named(_) => return Ok(place),
        Place::Container(wanted) => {
            let place = Place::Container(containers::find(&wanted)?);
            return match places.is_host(&place) {
                Ok(is_host) => Ok(if is_host { Place::Host } else { place }),
                Err(error) => Err(failed(format!("there is no namespace {place}"), error)),
            };
        }
        place => place,
    };
    let what = format!("there is no namespace {place}");
    match (places.plainest(&place), &place) {
        (Ok(plainest), _) => Ok(plainest.unwrap_or(place)),
        (Err(netlink::Error::NetnsMissing { .. }), Place::Pid(_)) => {
            Err(BackendError::refused(what, "no such process"))
        }
        (Err(error), _) => Err(failed(what, error)),
    }
}

/// The file that leads to the namespace at `place`. Fails where none does.
pub fn file(place: &Place) -> Result<PathBuf, BackendError> {
    if *place == Place::Host {
        return Ok(OF_THIS_THREAD.into());
    }
    let nowhere = || BackendError::refused(format!("there is no way into namespace {place}"), "no file leads there");
    let path = Places::default().path(place);
    path.map_err(|error| failed(format!("there is no namespace {place}"), error))?.ok_or_else(nowhere)
}

/// Runs `work` in a network namespace of its own, which ends with it.
pub(super) fn in_scratch_netns<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, BackendError> {
    let done = netlink::feature::in_scratch_netns(|_| work());
    done.map_err(|error| failed("cannot try the kernel's features out", error))
}

/// What this kernel has of what ovsns uses, tried out in a namespace of its own: the name, whether it is there, and what
/// brings it.
pub fn features() -> Result<Vec<(&'static str, bool, &'static str)>, BackendError> {
    let found = netlink::feature::features().map_err(|error| failed("cannot try the kernel's features out", error))?;
    let named = found.into_iter().map(|(feature, there)| {
        let (name, brought_by) = feature.name();
        (name, there, brought_by)
    });
    Ok(named.collect())
}
