//! From steps to one transaction of nftables.

use std::collections::BTreeSet;

use crate::model::{Chain, Key, Resource, Ruleset, State};
use crate::nft::{self, NftError};
use crate::plan::Step;
use crate::plan::ruleset::{self, Element, SKELETON, TABLE};

use super::{read, resource_of};

/// Carries `steps` out as the difference between what there is, `before`, and what there is to be: so it is no matter if a part of
/// it was there already, or was gone.
pub fn apply(before: &State, steps: &[Step]) -> Result<(), NftError> {
    let mut after = before.clone();
    steps.iter().for_each(|step| step.change(&mut after));
    let script = script(before, &after)?;
    if script.is_empty() { Ok(()) } else { nft::run(&script) }
}

fn ruleset_of(state: &State) -> Option<&Ruleset> {
    match resource_of(state, &Key::Ruleset) {
        Some(Resource::Ruleset(ruleset)) => Some(ruleset),
        _ => None,
    }
}

fn script(before: &State, after: &State) -> Result<String, NftError> {
    let (old, new) = (ruleset_of(before), ruleset_of(after));
    let mut lines = passes(old, new)?;
    let all = elements(after);
    match (old, new) {
        (Some(_), None) => lines.push(format!("delete table {TABLE}")),
        // Adding it makes deleting it succeed whatever is there, in one transaction with the new one.
        (None, Some(_)) => {
            lines.extend([format!("add table {TABLE}"), format!("delete table {TABLE}"), SKELETON.to_owned()]);
            lines.extend(all.iter().map(Element::add));
        }
        (old, new) => {
            if old.is_some_and(|old| old.incomplete) && new.is_some_and(|new| !new.incomplete) {
                lines.extend(ruleset::RESTORE.map(str::to_owned));
            }
            let there = elements(before);
            lines.extend(there.difference(&all).map(Element::delete));
            lines.extend(all.difference(&there).map(Element::add));
        }
    }
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

fn elements(state: &State) -> BTreeSet<Element> {
    state.entries().flat_map(ruleset::elements).collect()
}

/// The commands that put our rules into chains of others, and take them out.
fn passes(old: Option<&Ruleset>, new: Option<&Ruleset>) -> Result<Vec<String>, NftError> {
    let none = BTreeSet::new();
    let (old, new) = (old.map_or(&none, |old| &old.passes), new.map_or(&none, |new| &new.passes));
    let mut lines = Vec::new();
    for chain in old.difference(new) {
        lines.extend(unpass(chain)?);
    }
    for chain in new.difference(old) {
        // One that was left behind, when the table was deleted by hand, would be there twice.
        lines.extend(unpass(chain)?);
        lines.push(ruleset::pass(chain));
    }
    Ok(lines)
}

fn unpass(chain: &Chain) -> Result<Vec<String>, NftError> {
    let rules = read::marked(chain)?;
    Ok(rules.into_iter().map(|rule| format!("delete rule {chain} handle {}", rule.handle)).collect())
}
