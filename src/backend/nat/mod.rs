//! Translation of addresses and published ports, by nftables: one table, which is ours by its name.

mod filters;
mod read;
mod write;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::model::{Entry, IfName, Key, Kind, Owner, Place, Published, Resource, State};
use crate::nft::{self, NftError};
use crate::plan::ruleset::{COMMENT_MAX, comment_of, is_writable};
use crate::plan::{Step, describe};

use super::{ApplyError, Backend, BackendError, Fault, Scope, Unsupported, kernel};

pub use filters::{Filters, Obstacle, Remedy, filters};

/// The backend of nftables.
#[derive(Debug, Default)]
pub struct Nft {
    /// What was read last, and of which ruleset: one that has not changed since is not read again.
    last: Mutex<Option<(u32, State)>>,
}

impl Nft {
    fn state(&self) -> Result<State, NftError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = nft::generation().map_err(NftError::Ask)?;
        match (last.as_ref(), generation) {
            (_, None) => return Ok(State::default()),
            (Some((of, state)), Some(generation)) if *of == generation => return Ok(state.clone()),
            _ => {}
        }
        let state = read::state()?;
        *last = generation.map(|generation| (generation, state.clone()));
        Ok(state)
    }
}

#[async_trait]
impl Backend for Nft {
    fn name(&self) -> &'static str {
        "nft"
    }

    fn claims(&self, resource: &Resource) -> bool {
        is_ours(resource.kind())
    }

    fn check(&self, entry: &Entry) -> Result<(), Unsupported> {
        let resource = &entry.resource;
        let no = |reason: String, hint: &str| {
            let what = describe(resource);
            Err(Unsupported { what, backend: "nft", reason, hint: Some(hint.to_owned()) })
        };
        if let Some(device) = devices(resource).into_iter().find(|device| !is_writable(device)) {
            return no(format!("nft has no way to write the name of device {device}"), "give the device another name");
        }
        match resource {
            Resource::Published(Published { targets, .. }) if targets.is_empty() => {
                no("no address is behind it".to_owned(), "give the namespace an address")
            }
            Resource::Published(Published { netns, .. }) if !fits(netns, None) => no(
                format!("nft keeps the namespace's name in a comment of at most {COMMENT_MAX} bytes"),
                "use a namespace with a shorter name",
            ),
            Resource::Published(Published { netns, .. }) if !fits(netns, entry.owner.as_ref()) => no(
                format!("nft keeps the names of the namespace and the lab in a comment of at most {COMMENT_MAX} bytes"),
                "use a namespace, or a lab, with a shorter name",
            ),
            _ => Ok(()),
        }
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let within: Box<dyn Fn(&Entry) -> bool> = match scope {
            Scope::All | Scope::Ruleset => Box::new(|_| true),
            Scope::Keys(keys) if keys.iter().any(|key| is_ours(key.kind())) => {
                Box::new(|entry| keys.contains(&entry.key()))
            }
            Scope::Kind(kind) if is_ours(*kind) => Box::new(|entry| entry.resource.kind() == *kind),
            Scope::Owner(owner) => Box::new(|entry| entry.owner.as_ref() == Some(owner)),
            Scope::Keys(_) | Scope::Kind(_) | Scope::Place(_) | Scope::Within(..) | Scope::Switch(_) => {
                return Ok(Vec::new());
            }
        };
        let state = match self.state() {
            // Who may not look, and did not ask for this above all, sees what there is besides.
            Err(error) if error.is_not_permitted() && matches!(scope, Scope::All | Scope::Owner(_)) => State::default(),
            state => state.map_err(|error| failed("cannot read the ruleset of nftables", error))?,
        };
        Ok(state.entries().filter(|entry| within(entry)).cloned().collect())
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        // One transaction: all of it, or nothing.
        let done = self.state().and_then(|before| write::apply(&before, steps));
        done.map_err(|error| ApplyError::after(0, refused(steps, error)))
    }
}

/// Whether the comment on a port that is published to `netns` can be written.
fn fits(netns: &Place, owner: Option<&Owner>) -> bool {
    comment_of(netns, owner.filter(|owner| **owner != Owner::verbs())).len() <= COMMENT_MAX
}

fn is_ours(kind: Kind) -> bool {
    matches!(kind, Kind::Ruleset | Kind::Nat | Kind::Published)
}

fn devices(resource: &Resource) -> Vec<IfName> {
    match resource {
        Resource::Nat(nat) => vec![nat.switch.device(), nat.out.clone()],
        Resource::Ruleset(ruleset) => ruleset.networks.keys().chain(&ruleset.ingress).cloned().collect(),
        _ => Vec::new(),
    }
}

/// An error of nft, in the context of what was being done.
fn failed(what: impl Into<String>, error: NftError) -> BackendError {
    let fault = if error.is_not_permitted() { Fault::Denied } else { Fault::Refused };
    let hint = error.is_missing().then_some(INSTALL);
    let failed = BackendError::refused(what, error).fault(fault);
    match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

const INSTALL: &str = "install it: apt install nftables";

/// A transaction that was refused. If the kernel cannot translate at all, that is why.
fn refused(steps: &[Step], error: NftError) -> BackendError {
    let what = match steps {
        [step] => format!("cannot {}", verb(step)),
        [first, ..] => format!("cannot {}, and {} more steps", verb(first), steps.len() - 1),
        [] => "cannot change the ruleset of nftables".to_owned(),
    };
    if matches!(error, NftError::Refused(_))
        && !error.is_not_permitted()
        && let Err(no_nat) = is_possible()
    {
        return BackendError { what, ..no_nat };
    }
    failed(what, error)
}

fn verb(step: &Step) -> String {
    let verb = match step {
        Step::Create(_) => "make",
        Step::Modify { .. } => "change",
        Step::Delete(_) => "delete",
    };
    format!("{verb} {}", step.key())
}

/// Whether the kernel translates addresses, tried out in a namespace of its own.
pub fn is_possible() -> Result<(), BackendError> {
    kernel::in_scratch_netns(|| nft::run(nft::NAT_TRIAL))?.map_err(|error| match error.is_missing() {
        true => failed("no NAT", error),
        false => BackendError::refused("no NAT", NoNat(error)).hint("load it: modprobe nft_chain_nat"),
    })
}

/// The kernel refused even the smallest ruleset that translates.
#[derive(Debug, thiserror::Error)]
#[error("this kernel does not translate addresses (NAT)")]
struct NoNat(#[source] NftError);

/// The resource that `key` identifies in `state`.
fn resource_of<'a>(state: &'a State, key: &Key) -> Option<&'a Resource> {
    state.get(key).map(|entry| &entry.resource)
}
