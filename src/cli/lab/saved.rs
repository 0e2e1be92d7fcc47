//! Plans and states in files.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::lab::{Facts, Lab};
use crate::model::{Entry, Key, Owner, Place, Resource, State};
use crate::plan::Plan;

use super::changes::{switches, wanted};
use super::file::text_of;
use super::sight;

/// A plan for a lab, as `plan --json` prints it and `apply` takes it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    /// Whose it is.
    pub lab: Owner,
    /// The steps.
    pub plan: Plan,
}

impl Saved {
    /// The plan in the file at `path`; `None` where that is no JSON, and so a lab file.
    pub fn read(path: &Path) -> Result<Option<Saved>, Failure> {
        if path.extension().is_none_or(|ending| ending != "json") {
            return Ok(None);
        }
        parse(path, "plan", "make one with: ovsns plan lab.yaml --json > plan.json").map(Some)
    }
}

/// What there is, where nobody looks at the system.
#[derive(Debug, Serialize, Deserialize)]
pub struct Offline {
    /// What the system says where a lab file leaves the choice.
    pub facts: Facts,
    /// What there is.
    pub observed: State,
}

impl Offline {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Offline, Failure> {
        parse(path, "state", "make one with: ovsns export --state > state.json")
    }

    /// The way to `lab` from there. What translation takes of the host cannot be told from a file, and is not in it; nor are settings
    /// of what is there already, of which there are too many to be written down.
    pub fn plan(&self, lab: &Lab) -> Result<Plan, Failure> {
        let there = switches(&self.observed);
        if let Some(missing) = lab.external_switches().find(|name| !there.contains_key(name)) {
            return Err(Failure::new(format!(
                "there is no switch {missing} in this state, and the file says that it is there"
            )));
        }
        let is_there = |place: &Place| match place {
            Place::Named(name) => self.observed.contains(&Key::Netns { name: name.clone() }),
            _ => true,
        };
        let is_known = |entry: &&Entry| match &entry.resource {
            Resource::Sysctl(sysctl) => !is_there(&sysctl.place),
            _ => true,
        };
        let desired: State = wanted(lab, self.facts.clone(), &there).entries().filter(is_known).cloned().collect();
        Ok(Plan::between(&sight::of_all(&self.observed, &lab.owner, &desired), &desired))
    }
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, what: &str, hint: &str) -> Result<T, Failure> {
    let text = text_of(path)?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("{} is no {what} of ovsns", path.display())).cause(error).hint(hint))
}
