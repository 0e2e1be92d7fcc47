//! What a backend brings to the suite.

use std::sync::Arc;

use ovsns::backend::{Backend, BackendSet, Scope};
use ovsns::engine::Engine;
use ovsns::model::setting::Setting;
use ovsns::model::{BackendName, Entry, Kind, Owner, Resource, Settings, State};
use ovsns::plan::{Plan, Step};

use super::common::ovs::Ovs;

/// What the system's own tools show of a resource like the one given.
pub type Theirs = Box<dyn Fn(&Entry) -> Option<Entry>>;

/// A backend, what it can make, and other eyes to see that with.
pub struct Fixture {
    pub backend: Arc<dyn Backend>,
    /// It, and those by which what specimens stand on is made.
    pub set: BackendSet,
    pub specimens: Vec<Specimen>,
    /// Other eyes than ours.
    pub theirs: Theirs,
    /// Whether it refuses what the contract lets others converge: the fake shows plans that only work by luck.
    pub is_strict: bool,
    /// A namespace with what the scopes are to tell apart.
    pub world: Vec<Entry>,
    /// Steps of which one cannot be done, and what they stand on.
    pub failing: Vec<Failing>,
    /// A hundred of a kind, and what they stand on.
    pub hundred: (Vec<Entry>, Vec<Entry>),
    /// A plain switch of this name, and a plain port of a switch's and a device's names, on this backend.
    pub switch: fn(&str) -> Entry,
    /// See `switch`.
    pub port: fn(&str, &str) -> Entry,
    /// The Open vSwitch that it is about.
    pub ovs: Option<Ovs>,
}

/// One resource, and what it may be like.
pub struct Specimen {
    /// What it stands on, in the order in which that is made.
    pub below: Vec<Entry>,
    /// The same key each, with different settings.
    pub variants: Vec<Entry>,
}

/// Things to be made in one call, of which one cannot be.
pub struct Failing {
    pub below: Vec<Entry>,
    pub wanted: Vec<Entry>,
}

/// The resource, marked by the verbs.
pub fn ours(resource: Resource) -> Entry {
    Entry::owned(resource, &Owner::verbs())
}

/// Whether a resource of this kind may bear a mark of its own on the backend, and may bear none.
pub fn bears_mark(fixture: &Fixture, entry: &Entry) -> bool {
    match entry.resource.kind() {
        Kind::Netns | Kind::Switch | Kind::Link => true,
        Kind::Mirror | Kind::Qos | Kind::FlowExport => entry.resource.backend() == Some(BackendName::Ovs),
        Kind::Port => fixture.backend.name() == "ovs",
        _ => false,
    }
}

impl Fixture {
    /// Makes what a specimen stands on, runs `law`, and takes everything away again.
    pub async fn upon(&self, below: &[Entry], law: impl AsyncFnOnce()) {
        let plan = Plan { steps: below.iter().cloned().map(Step::Create).collect() };
        let engine = Engine::new(self.set.clone());
        engine.apply(&plan).await.expect("what it stands on can be made");
        law().await;
        let observed = engine.observe(&Scope::Keys(plan.keys())).await.unwrap();
        engine.apply(&Plan::between(&observed, &State::default())).await.expect("what it stands on can be deleted");
    }

    /// Applies one step, which must succeed.
    pub async fn step(&self, step: Step) {
        self.backend.apply(std::slice::from_ref(&step)).await.unwrap_or_else(|error| panic!("{step}: {error:?}"));
    }

    pub async fn create(&self, entry: &Entry) {
        self.step(Step::Create(entry.clone())).await;
    }

    /// Deletes `entry`, and looks whether it is gone.
    pub async fn delete(&self, entry: &Entry) {
        self.step(Step::Delete(entry.clone())).await;
        assert_eq!(self.observe(entry).await, None, "{entry:?} is deleted");
        assert_eq!((self.theirs)(entry), None, "{entry:?} is deleted");
    }

    /// What the backend sees of the resource with `entry`'s key.
    pub async fn observe(&self, entry: &Entry) -> Option<Entry> {
        let mut found = self.backend.observe(&Scope::Keys(vec![entry.key()])).await.unwrap();
        assert!(found.len() <= 1, "one key, one entry: {found:?}");
        found.pop()
    }

    /// The same, of what must be there; the system's own tools must show the same.
    pub async fn see(&self, entry: &Entry) -> Entry {
        let seen = self.observe(entry).await.unwrap_or_else(|| panic!("{entry:?} is not there"));
        assert_eq!((self.theirs)(entry).as_ref(), Some(&seen), "what the system's own tools show, and what we see");
        seen
    }

    /// Whether `wanted` is in effect: what it leaves open may be anything.
    pub async fn is_in_effect(&self, wanted: &Entry) -> Entry {
        let seen = self.see(wanted).await;
        assert_eq!(over(wanted, &seen), seen, "what was asked for, and what is there");
        seen
    }
}

/// `wanted` with what it leaves open from `seen`; kinds that bear no mark of their own bear any.
fn over(wanted: &Entry, seen: &Entry) -> Entry {
    let owner = match wanted.resource.kind() {
        Kind::Netns | Kind::Switch | Kind::Link | Kind::Nat | Kind::Published => wanted.owner.clone(),
        _ => seen.owner.clone(),
    };
    Entry { owner, ..wanted.over(seen) }
}

/// By their names and texts.
pub fn settings(said: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (name, text) in said {
        let setting = Setting::named(name).unwrap();
        settings.set(setting, setting.read(text).unwrap());
    }
    settings
}
