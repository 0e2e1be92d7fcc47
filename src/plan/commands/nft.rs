//! The commands of `nft` for translation and published ports.

use std::collections::BTreeSet;

use crate::model::{Chain, Entry, Ruleset};
use crate::plan::ruleset::{self, Element, MARK, RESTORE, SKELETON, TABLE};

use super::shell::quote;

pub(super) fn add_ruleset(new: &Ruleset) -> Vec<String> {
    let elements = ruleset::shared(new);
    let lines = elements.iter().map(Element::add).chain(new.passes.iter().map(ruleset::pass));
    let lines: String = lines.map(|line| line + "\n").collect();
    vec![format!("nft -f - <<'EOF'\n{SKELETON}{lines}EOF")]
}

pub(super) fn delete_ruleset(old: &Ruleset) -> Vec<String> {
    old.passes.iter().map(unpass).chain([format!("nft delete table {TABLE}")]).collect()
}

pub(super) fn set_ruleset(old: &Ruleset, new: &Ruleset) -> Vec<String> {
    let mut lines: Vec<String> = old.passes.difference(&new.passes).map(unpass).collect();
    if old.incomplete && !new.incomplete {
        lines.push(format!("nft -f - <<'EOF'\n{}EOF", RESTORE.join("\n")));
    }
    lines.extend(exchange(&ruleset::shared(old), &ruleset::shared(new)));
    lines.extend(new.passes.difference(&old.passes).map(|chain| format!("nft {}", quote(&ruleset::pass(chain)))));
    lines
}

/// A rule goes by the number that the kernel gave it.
fn unpass(chain: &Chain) -> String {
    let chain = chain.to_string();
    format!(
        "nft delete rule {chain} handle \"$(nft -a list chain {chain} | sed -n 's/.* comment \"{MARK}\" # handle //p')\""
    )
}

pub(super) fn add(entry: &Entry) -> Vec<String> {
    ruleset::elements(entry).iter().map(|element| format!("nft {}", quote(&element.add()))).collect()
}

pub(super) fn delete(entry: &Entry) -> Vec<String> {
    ruleset::elements(entry).iter().map(|element| format!("nft {}", quote(&element.delete()))).collect()
}

pub(super) fn set(old: &Entry, new: &Entry) -> Vec<String> {
    exchange(&ruleset::elements(old), &ruleset::elements(new))
}

/// What goes and what comes, in one transaction: an element whose value changes is never missing.
fn exchange(old: &BTreeSet<Element>, new: &BTreeSet<Element>) -> Vec<String> {
    let gone = old.difference(new).map(Element::delete);
    let lines: Vec<String> = gone.chain(new.difference(old).map(Element::add)).collect();
    if lines.is_empty() { Vec::new() } else { vec![format!("nft {}", quote(&lines.join("; ")))] }
}
