//! What belongs to the kernel whatever the switch is made with: namespaces, veth pairs, devices, addresses, routes, impairments.

mod apply;
mod dad;
mod enter;
mod observe;
mod places;
mod qdisc;
pub mod seen;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::{Entry, Kind, NetnsName, Place, Resource};
use crate::netlink;
use crate::plan::Step;

use super::{ApplyError, Backend, BackendError, Fault, Scope, Unsupported};
pub use enter::{UnnamedNetns, inside};
use places::Places;

/// The kernel, through rtnetlink and the files of `ip netns`.
pub struct Kernel {
    places: Mutex<Places>,
    timeout: Duration,
}

impl Kernel {
    /// The kernel that this process runs on; `timeout` is how long duplicate address detection may take.
    pub fn new(timeout: Duration) -> Kernel {
        Kernel { places: Mutex::default(), timeout }
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
        !matches!(resource.kind(), Kind::Switch | Kind::Port | Kind::Mirror | Kind::Nat | Kind::Published)
    }

    fn check(&self, resource: &Resource) -> Result<(), Unsupported> {
        let unreachable = |place: &Place| matches!(place, Place::Nsid(_));
        let places = match resource {
            Resource::Link(link) => vec![&link.b.place],
            Resource::Device(device) => vec![&device.place],
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
        observe::observe(&mut self.places(), scope).map_err(|error| look_failed(scope, error))
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        apply::apply(&mut self.places(), steps)?;
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

/// The plainest way to write the namespace at `place`: `host` or a name, where it has one. A process and a path lead to
/// namespaces that may have other names, and one namespace must not be two. Fails where there is none.
pub fn canonical(place: Place) -> Result<Place, BackendError> {
    if matches!(place, Place::Host | Place::Named(_)) {
        return Ok(place);
    }
    let what = format!("there is no namespace {place}");
    let places = Places::default();
    match (places.plainest(&place), &place) {
        (Ok(plainest), _) => Ok(plainest.unwrap_or(place)),
        (Err(netlink::Error::NetnsMissing { .. }), Place::Pid(_)) => {
            Err(BackendError::refused(what, "no such process"))
        }
        (Err(error), _) => Err(failed(what, error)),
    }
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
