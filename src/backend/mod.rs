//! Resources on one side, what one system understands on the other.

mod error;
pub mod kernel;
pub mod linux_bridge;
pub mod memory;
pub mod nat;
pub mod ovs;
mod progress;
mod set;
pub mod tree;

use async_trait::async_trait;

use crate::model::{Entry, Key, Kind, Owner, Place, Resource, SwitchName};
use crate::plan::Step;

pub use error::{ApplyError, BackendError, Fault, Stage, Unsupported};
pub use progress::{Direction, Progress};
pub use set::BackendSet;
pub(crate) use set::Batch;

/// What to look at. The cost of looking follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These resources.
    Keys(Vec<Key>),
    /// What is in one namespace, and the veth pairs that lead into it.
    Place(Place),
    /// All devices, addresses, routes or impairments of one namespace; of other kinds there is nothing in it.
    Within(Place, Kind),
    /// A switch, its ports and its mirrors.
    Switch(SwitchName),
    /// The ruleset of translation, and all that is in it.
    Ruleset,
    /// All of one kind.
    Kind(Kind),
    /// What bears one owner's mark, and what is in or on it: all that somebody asked for in a namespace that bears it; the
    /// addresses, routes and impairments of a veth pair that does, and its ports; the own device of a switch, with the same.
    /// Of routes those that people and we make, and no settings: there are too many to list. The own device of a switch of
    /// Open vSwitch is not in it: only the database knows whose it is.
    Owner(Owner),
    /// Everything.
    All,
}

/// One system that resources are made in: Open vSwitch, the Linux bridge, the kernel.
///
/// The contract of [`apply`](Backend::apply), which one suite of tests holds every backend to:
///
/// 1. `Ok`: every step is in effect, and [`observe`](Backend::observe) shows it.
/// 2. `Err`: exactly the first [`applied`](ApplyError::applied) steps are in effect. What was begun and could not be finished
///    counts as applied, so that undo takes it out again.
/// 3. Creating what already equals the target succeeds, and so does deleting what is gone. Creating what exists with other
///    settings converges it.
/// 4. It does what the steps say and decides nothing: that nothing of others is touched is settled while planning.
#[async_trait]
pub trait Backend: Send + Sync {
    /// The name in flags, logs and messages: `ovs`, `linux`, `kernel`, `nft`, `memory`.
    fn name(&self) -> &'static str;

    /// Whether this backend looks after `resource`: exactly one backend of a set does.
    fn claims(&self, resource: &Resource) -> bool;

    /// Tells, without I/O, whether the backend can express `entry`, its mark included, and if not what could.
    fn check(&self, entry: &Entry) -> Result<(), Unsupported>;

    /// Reads the resources that it looks after within `scope`, in the shape of desired ones: `==` is the diff.
    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError>;

    /// Carries out `steps` in order; returns once they are in effect.
    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError>;
}
