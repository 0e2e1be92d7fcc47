//! How long the parts of a run take.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Phase {
    /// What was done: `observe`, `journal`, `apply kernel`, `verify` …
    pub name: String,
    /// How many steps or resources it was about.
    pub items: usize,
    /// How long it took, in seconds.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub took: Duration,
}

fn seconds<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64())
}

/// The phases of a run, in their order. Clones are of the same run.
#[derive(Debug, Clone, Default)]
pub struct Timings(Arc<Mutex<Vec<Phase>>>);

impl Timings {
    /// Notes that `name`, about so many `items`, has taken the time since `start`. What comes again is added up.
    pub fn note(&self, name: &str, items: usize, start: Instant) {
        let took = start.elapsed();
        let mut phases = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match phases.iter_mut().find(|phase| phase.name == name) {
            Some(phase) => {
                phase.items += items;
                phase.took += took;
            }
            None => phases.push(Phase { name: name.to_owned(), items, took }),
        }
    }

    /// The phases so far.
    pub fn phases(&self) -> Vec<Phase> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_added_up() {
        let timings = Timings::default();
        let start = Instant::now();
        for name in ["observe", "apply kernel", "observe"] {
            timings.note(name, 2, start);
        }
        let phases = timings.phases();
        assert_eq!(
            phases.iter().map(|p| (p.name.as_str(), p.items)).collect::<Vec<_>>(),
            [("observe", 4), ("apply kernel", 2)]
        );
        assert!(phases[0].took >= phases[1].took);
    }
}
