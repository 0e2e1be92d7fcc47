//! Backends over one strict memory, engines on them, and states to go between.

// Each test binary uses a part of this only.
#![allow(dead_code)]
// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ovsns::backend::memory::Memory;
use ovsns::backend::{ApplyError, Backend, BackendError, BackendSet, Scope, Unsupported};
use ovsns::engine::Engine;
use ovsns::model::{Entry, Netns, Owner, Resource, State};
use ovsns::plan::Step;

use super::states::parse;

/// Longer than anything here takes.
pub const LIMIT: Duration = Duration::from_secs(20);
/// Long enough for a run to have found the lock held.
pub const MOMENT: Duration = Duration::from_millis(50);

pub fn engine(backend: Arc<dyn Backend>) -> Engine {
    Engine::new(BackendSet::new(vec![backend]))
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The state in a file of the golden stories.
pub fn state(story: &str, name: &str) -> State {
    let path = format!("{}/tests/cases/{story}/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap()
}

/// Two states with a plan of many kinds of step between them: deletions, changes and creations on both backends.
pub fn there_and_here() -> (State, State) {
    let observed = [state("switch-changes-its-system", "observed"), state("peer-moves", "observed")];
    let desired = [state("switch-changes-its-system", "desired"), state("peer-moves", "desired")];
    let join = |states: [State; 2]| states.iter().flat_map(State::entries).cloned().collect();
    (join(observed), join(desired))
}

pub fn netns(name: &str) -> Entry {
    Entry::owned(Resource::Netns(Netns::new(parse(name))), &Owner::verbs())
}

/// What of `memory` another backend stands for: the kinds that it claims, and how it applies them.
pub struct Part<F> {
    pub memory: Arc<Memory>,
    pub claims: fn(&Resource) -> bool,
    pub apply: F,
}

#[async_trait]
impl<F: Fn(&[Step]) -> Result<Vec<Step>, ApplyError> + Send + Sync> Backend for Part<F> {
    fn name(&self) -> &'static str {
        "part"
    }

    fn claims(&self, resource: &Resource) -> bool {
        (self.claims)(resource)
    }

    fn check(&self, entry: &Entry) -> Result<(), Unsupported> {
        self.memory.check(entry)
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let mut entries = self.memory.observe(scope).await?;
        entries.retain(|entry| (self.claims)(&entry.resource));
        Ok(entries)
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        self.memory.apply(&(self.apply)(steps)?).await
    }
}

pub fn all(_: &Resource) -> bool {
    true
}

pub fn of_the_kernel(resource: &Resource) -> bool {
    resource.backend().is_none()
}

pub fn of_switches(resource: &Resource) -> bool {
    resource.backend().is_some()
}

/// A set of two backends over one memory; `apply` sees the steps of the kernel before they are carried out.
pub fn two_parts(memory: &Arc<Memory>, apply: impl Fn(&[Step]) + Send + Sync + 'static) -> BackendSet {
    let kernel = Part {
        memory: memory.clone(),
        claims: of_the_kernel,
        apply: move |steps: &[Step]| {
            apply(steps);
            Ok(steps.to_vec())
        },
    };
    let switches = Part { memory: memory.clone(), claims: of_switches, apply: |steps: &[Step]| Ok(steps.to_vec()) };
    BackendSet::new(vec![Arc::new(kernel), Arc::new(switches)])
}

/// Hands steps on one at a time.
pub struct OneByOne<B>(pub B);

#[async_trait]
impl<B: Backend> Backend for OneByOne<B> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn claims(&self, resource: &Resource) -> bool {
        self.0.claims(resource)
    }

    fn check(&self, entry: &Entry) -> Result<(), Unsupported> {
        self.0.check(entry)
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        self.0.observe(scope).await
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        for (applied, step) in steps.iter().enumerate() {
            let result = self.0.apply(std::slice::from_ref(step)).await;
            result.map_err(|error| ApplyError { applied, ..error })?;
        }
        Ok(())
    }
}
