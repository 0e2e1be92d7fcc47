//! The backends of one run, and which of them looks after what.

use std::sync::Arc;

use crate::model::{Entry, Kind, Resource, State};
use crate::plan::{Plan, Step};

use super::{Backend, BackendError, Scope, Unsupported};

/// Steps that stand together in a plan and go to one backend.
pub(crate) struct Batch<'a> {
    pub(crate) backend: &'a Arc<dyn Backend>,
    pub(crate) steps: &'a [Step],
}

/// All backends of one run. Exactly one of them claims each resource.
#[derive(Clone)]
pub struct BackendSet(Vec<Arc<dyn Backend>>);

impl BackendSet {
    /// A set of these backends.
    pub fn new(backends: Vec<Arc<dyn Backend>>) -> BackendSet {
        BackendSet(backends)
    }

    /// What there is within `scope`, over all backends. Two switches of one name, one a backend, are an error: nobody can say
    /// which is meant.
    pub async fn observe(&self, scope: &Scope) -> Result<State, BackendError> {
        let mut state = State::default();
        for entry in self.entries(scope).await? {
            match state.get(&entry.key()) {
                Some(there) if entry.resource.kind() == Kind::Switch => {
                    return Err(twice(&there.resource, &entry.resource));
                }
                _ => state.insert(entry),
            }
        }
        Ok(state)
    }

    /// The same, to be listed only: what is there twice is in it twice.
    pub async fn entries(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let mut entries = Vec::new();
        for backend in &self.0 {
            entries.extend(backend.observe(scope).await?);
        }
        Ok(entries)
    }

    /// The backend that looks after `resource`.
    pub fn of(&self, resource: &Resource) -> Result<&Arc<dyn Backend>, Unsupported> {
        self.0.iter().find(|backend| backend.claims(resource)).ok_or_else(|| Unsupported {
            what: crate::plan::describe(resource),
            backend: resource.backend().map_or("kernel", |name| name.as_str()),
            reason: "it is not available in this run".to_owned(),
            hint: None,
        })
    }

    /// Checks that every step of `plan` can be expressed, before any is carried out. What goes was there, whatever it is.
    pub fn check(&self, plan: &Plan) -> Result<(), Unsupported> {
        plan.steps.iter().try_for_each(|step| {
            let entry = step.entry();
            let backend = self.of(&entry.resource)?;
            if matches!(step, Step::Delete(_)) { Ok(()) } else { backend.check(entry) }
        })
    }

    /// The steps of `plan` in runs that go to one backend each.
    pub(crate) fn batches<'a>(&'a self, plan: &'a Plan) -> Result<Vec<Batch<'a>>, Unsupported> {
        let mut batches: Vec<Batch<'a>> = Vec::new();
        let mut start = 0;
        for (index, step) in plan.steps.iter().enumerate() {
            let backend = self.of(&step.entry().resource)?;
            match batches.last_mut() {
                Some(last) if Arc::ptr_eq(last.backend, backend) => last.steps = &plan.steps[start..=index],
                _ => {
                    start = index;
                    batches.push(Batch { backend, steps: &plan.steps[index..=index] });
                }
            }
        }
        Ok(batches)
    }
}

fn twice(one: &Resource, other: &Resource) -> BackendError {
    let name = |resource: &Resource| resource.backend().map_or("kernel", |name| name.as_str());
    BackendError {
        what: format!("{} is there twice: on backend {} and on backend {}", one.key(), name(one), name(other)),
        fault: super::Fault::Refused,
        hint: Some(format!("say which one: --backend {} or --backend {}", name(one), name(other))),
        source: None,
    }
}
