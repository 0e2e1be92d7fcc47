//! What hangs on switches and ports and has rows of its own, or columns that are read apart.

use crate::model::{Entry, Key, Kind, Resource, SwitchName};

use super::Ovs;
use super::read::Found;
use super::{flow_export, policing, qos};
use crate::backend::{BackendError, Scope};

/// What there is of it within `scope`.
pub(super) async fn observe(ovs: &Ovs, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
    let asked = |kind: Kind| match scope {
        Scope::Kind(asked) => *asked == kind,
        Scope::Switch(_) | Scope::Owner(_) | Scope::All => true,
        Scope::Keys(_) | Scope::Place(_) | Scope::Within(..) | Scope::Ruleset => false,
    };
    let mut found = match scope {
        Scope::Keys(keys) => of_keys(ovs, keys).await?,
        _ => Vec::new(),
    };
    if asked(Kind::Qos) {
        found.extend(qos::read(ovs, None).await?);
    }
    if asked(Kind::Policing) {
        found.extend(policing::read(ovs, None).await?);
    }
    if asked(Kind::FlowExport) {
        found.extend(flow_export::read(ovs, None).await?);
    }
    let within = |entry: &Entry| match scope {
        Scope::Switch(name) => switch_of(&entry.resource) == Some(name),
        Scope::Owner(owner) => entry.owner.as_ref() == Some(owner),
        _ => true,
    };
    Ok(found.into_iter().map(|found| found.entry).filter(within).collect())
}

/// Of that, what `keys` name.
pub(super) async fn of_keys(ovs: &Ovs, keys: &[Key]) -> Result<Vec<Found>, BackendError> {
    let mut found = Vec::new();
    let queued = qos::wanted(keys);
    if !queued.is_empty() {
        found.extend(qos::read(ovs, Some(&queued)).await?);
    }
    let limited = policing::wanted(keys);
    if !limited.is_empty() {
        found.extend(policing::read(ovs, Some(&limited)).await?);
    }
    let telling = flow_export::wanted(keys);
    if !telling.is_empty() {
        let exports = flow_export::read(ovs, Some(&telling)).await?;
        found.extend(exports.into_iter().filter(|found| keys.contains(&found.entry.key())));
    }
    Ok(found)
}

fn switch_of(resource: &Resource) -> Option<&SwitchName> {
    match resource {
        Resource::Qos(qos) => Some(&qos.switch),
        Resource::Policing(policing) => Some(&policing.switch),
        Resource::FlowExport(export) => Some(&export.switch),
        _ => None,
    }
}
