//! `docs/cookbook.md` says what is true: each recipe is played by hand and with ovsns, in a sandbox each, and the end states are
//! compared. They differ in nothing but what the page says.
//!
//! On the page, `**By hand**` and `**With ovsns**` stand above the two sides, and `**By hand, in user space**` above what is typed by
//! hand besides where Open vSwitch forwards in user space; a `console` block behind them holds commands that succeed
//! on both. `Goes on from [another recipe]` plays that one first. Comments: `differs: TEXT` (how lines of the end state begin that
//! are not alike), `needs: FEATURE` (of the machine), `stage: NAME` (what the reader has before, see `stage.rs`).

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]

#[path = "../common/mod.rs"]
mod common;
mod page;
mod stage;
mod state;

use std::collections::BTreeSet;
use std::sync::Mutex;

use common::require::{Feature, has, lacks};
use common::sandbox;
use page::{Recipe, recipes};
use stage::{Stage, serving};

/// Makes a test of each recipe, and one that none is forgotten. Those that begin on a Linux bridge, and name nothing of it that is
/// its own, are played on Open vSwitch too.
macro_rules! cookbook {
    ($($recipe:ident)+; on Open vSwitch too: $($switched:ident)+) => {
        $(#[test] fn $recipe() {
            fn here() {}
            play(stringify!($recipe), LINUX_BRIDGE, std::any::type_name_of_val(&here));
        })+

        mod on_open_vswitch {
            $(#[test] fn $switched() {
                fn here() {}
                super::play(stringify!($switched), super::OPEN_VSWITCH, std::any::type_name_of_val(&here));
            })+
        }

        #[test]
        fn each_recipe_is_a_test() {
            let listed: Vec<&str> = vec![$(stringify!($recipe),)+];
            assert_eq!(recipes().iter().map(Recipe::name).collect::<Vec<_>>(), listed);
        }
    };
}

cookbook! {
    create_and_list_namespaces
    join_two_namespaces_directly
    join_a_namespace_and_the_host
    watch_a_veth_pair_with_tcpdump
    several_namespaces_on_a_linux_bridge
    the_same_on_open_vswitch
    an_address_on_the_bridge
    addresses_and_routes_inside
    the_internet_from_inside
    publish_a_port
    what_docker_does
    share_a_physical_network_card
    a_namespace_by_the_process_in_it
    slow_a_link_down
    delay_and_lose_packets
    take_it_all_down;

    on Open vSwitch too:
    an_address_on_the_bridge addresses_and_routes_inside the_internet_from_inside publish_a_port slow_a_link_down
    delay_and_lose_packets
}

/// The recipes of one switch on either system.
const LINUX_BRIDGE: &str = "Several namespaces on a Linux bridge";
const OPEN_VSWITCH: &str = "The same on Open vSwitch";

/// What one of the two ways has to say of a recipe.
type Side = fn(&Recipe) -> Vec<&str>;

/// Plays the recipe of this name; what goes on from `LINUX_BRIDGE` goes on from the recipe `switch`.
fn play(name: &str, switch: &str, here: &str) {
    let recipes = recipes();
    let chain = chain(&recipes, name, switch);
    let needs = chain.iter().flat_map(|recipe| &recipe.needs).map(|name| Feature::named(name));
    let on_ovs = chain.iter().any(|recipe| recipe.title == OPEN_VSWITCH).then_some(Feature::OpenVswitch);
    if lacks(&needs.chain([Feature::Root]).chain(on_ovs).collect::<Vec<_>>(), here) {
        return;
    }
    let by_hand = end_state(&chain, |recipe| {
        let in_user_space = (!has(Feature::KernelDatapath)).then_some(recipe.in_user_space.as_str());
        [recipe.by_hand.as_str()].into_iter().chain(in_user_space).collect()
    });
    let with_ovsns = end_state(&chain, |recipe| vec![&recipe.with_ovsns]);
    let differs: Vec<&str> = chain.iter().flat_map(|recipe| &recipe.differs).map(String::as_str).collect();
    compare(&by_hand, &with_ovsns, &differs);
}

/// The recipe of this name behind those that it goes on from.
fn chain<'a>(recipes: &'a [Recipe], name: &str, switch: &str) -> Vec<&'a Recipe> {
    let named = |name: &str| recipes.iter().find(|recipe| recipe.name() == name);
    let titled = |title: &str| {
        let title = if title == LINUX_BRIDGE { switch } else { title };
        recipes.iter().find(|recipe| recipe.title == title)
    };
    let mut chain = vec![named(name).unwrap_or_else(|| panic!("the page has no recipe {name}"))];
    while let Some(title) = &chain[0].goes_on_from {
        chain.insert(0, titled(title).unwrap_or_else(|| panic!("the page has no recipe {title}")));
    }
    chain
}

/// What there is after one side of the recipes, and that what the last one checks is so.
fn end_state(chain: &[&Recipe], side: Side) -> BTreeSet<String> {
    let seen = Mutex::new(BTreeSet::new());
    sandbox::run_blocking(|| {
        let stage = Stage::of(chain);
        for recipe in chain {
            side(recipe).into_iter().for_each(|commands| stage.run(commands));
        }
        *seen.lock().unwrap() = state::look(stage.ovs.as_ref());
        let last = chain[chain.len() - 1];
        serving(last.serves.as_deref(), || last.checks.iter().for_each(|check| stage.run(check)));
    });
    seen.into_inner().unwrap()
}

/// Whether the two differ in what the page says, in all of it and in nothing else.
fn compare(by_hand: &BTreeSet<String>, with_ovsns: &BTreeSet<String>, differs: &[&str]) {
    let unlike: Vec<(char, &String)> = by_hand
        .difference(with_ovsns)
        .map(|line| ('-', line))
        .chain(with_ovsns.difference(by_hand).map(|line| ('+', line)))
        .collect();
    let unsaid: Vec<String> = unlike
        .iter()
        .filter(|(_, line)| !differs.iter().any(|differs| line.starts_with(differs)))
        .map(|(sign, line)| format!("{sign} {line}"))
        .collect();
    assert!(unsaid.is_empty(), "by hand (-) and with ovsns (+) there is not the same:\n{}", unsaid.join("\n"));
    for said in differs {
        let is_so = unlike.iter().any(|(_, line)| line.starts_with(said));
        assert!(is_so, "the page says that the two differ in `{said}`, and they do not");
    }
}

#[test]
fn what_is_said_to_differ_must_differ() {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
    let differs = |by_hand: &[&str], with_ovsns: &[&str], said: &[&str]| {
        let (by_hand, with_ovsns) = (lines(by_hand), lines(with_ovsns));
        std::panic::catch_unwind(|| compare(&by_hand, &with_ovsns, said)).is_err()
    };
    assert!(!differs(&["a: b = 1", "c"], &["a: b = 2", "c"], &["a: b"]));
    assert!(differs(&["a: b = 1"], &["a: b = 2"], &[]), "unsaid");
    assert!(differs(&["a: b = 1"], &["a: b = 1"], &["a: b"]), "said, and not so");
}
