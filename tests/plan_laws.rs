//! What holds of every plan, whatever the states that it leads from and to.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod states;

use std::collections::BTreeSet;

use ovsns::backend::Backend;
use ovsns::engine::recovery;
use ovsns::model::{End, Entry, IfName, Owner, Place, Resource, State, Switch};
use ovsns::plan::{Plan, Step};
use proptest::prelude::*;
use states::{Shown, memory, pair, parse, state};

/// What the strict memory backend holds after `steps`, from `start`.
fn after(start: &State, steps: &[Step]) -> Result<Shown, TestCaseError> {
    let memory = memory(start);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    match runtime.block_on(memory.apply(steps)) {
        Ok(()) => Ok(Shown(memory.state())),
        Err(error) => Err(TestCaseError::fail(format!("{error}: {:?}", error.source.source))),
    }
}

/// `entry` with nothing asked but what it takes to make it.
fn forgetful(entry: &Entry) -> Entry {
    let mut resource = entry.resource.clone();
    match &mut resource {
        Resource::Switch(switch) => *switch = Switch::new(switch.name.clone(), switch.backend),
        Resource::Link(link) => {
            for end in [&mut link.a, &mut link.b] {
                *end = End { up: end.up, ..End::new(end.place.clone(), end.name.clone()) };
            }
        }
        Resource::Virtual(device) => (device.mac, device.mtu) = (None, None),
        Resource::Internal(device) => (device.mac, device.mtu) = (None, None),
        Resource::Port(port) => (port.iface_id, port.netns) = (None, None),
        Resource::Address(address) => address.nodad = false,
        Resource::Device(device) => (device.mac, device.mtu) = (None, None),
        _ => {}
    }
    Entry::unmarked(resource)
}

/// The devices that a step makes or takes away.
fn provides(step: &Step) -> BTreeSet<(Place, IfName)> {
    step.entry().resource.provides().into_iter().collect()
}

/// The devices that what a step makes or takes away stands on.
fn needs(step: &Step) -> BTreeSet<(Place, IfName)> {
    step.entry().resource.needs().into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_state_needs_nothing(state in state()) {
        prop_assert_eq!(Plan::between(&state, &state), Plan::default());
        prop_assert_eq!(Plan::exact(&state, &state), Plan::default());
    }

    #[test]
    fn what_is_left_open_stays(state in state()) {
        prop_assert_eq!(Plan::between(&state, &state.entries().map(forgetful).collect()), Plan::default());
    }

    #[test]
    fn what_is_left_open_stays_while_other_things_change((observed, desired) in pair()) {
        let desired = desired.entries().map(forgetful).collect::<State>();
        let reached = after(&observed, &Plan::between(&observed, &desired).steps)?;
        // A route that leaves its device open is not bound to the one that it had, if that goes.
        for entry in reached.entries().filter(|entry| !matches!(entry.resource, Resource::Route(_))) {
            let (before, wanted) = (observed.get(&entry.key()), desired.get(&entry.key()).unwrap());
            let expected = before.map_or_else(|| wanted.clone(), |before| wanted.over(before));
            prop_assert_eq!(entry, &expected);
        }
    }

    #[test]
    fn a_plan_reaches_what_is_desired((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        let reached = after(&observed, &plan.steps)?;
        prop_assert_eq!(Plan::between(&reached, &desired).to_string(), "");
        prop_assert!(reached.keys().eq(desired.keys()));
        prop_assert!(plan.start().entries().all(|entry| observed.get(&entry.key()) == Some(entry)));
        prop_assert!(plan.end().entries().all(|entry| reached.get(&entry.key()) == Some(entry)));
    }

    #[test]
    fn an_exact_plan_reaches_its_target_to_the_letter((observed, target) in pair()) {
        prop_assert_eq!(after(&observed, &Plan::exact(&observed, &target).steps)?, target);
    }

    #[test]
    fn any_part_undone_gives_the_start((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        for done in 0..=plan.steps.len() {
            let part = Plan { steps: plan.steps[..done].to_vec() };
            let there_and_back: Vec<Step> = part.steps.iter().cloned().chain(part.clone().inverse().steps).collect();
            prop_assert_eq!(&after(&observed, &there_and_back)?, &observed);
        }
    }

    #[test]
    fn the_inverse_of_the_inverse_is_the_plan((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        prop_assert_eq!(plan.clone().inverse().inverse(), plan);
    }

    #[test]
    fn what_is_written_is_what_is_read((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        let text = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan.clone());
        let text = serde_json::to_string_pretty(&desired.0).unwrap();
        prop_assert_eq!(serde_json::from_str::<State>(&text).unwrap(), desired.0);
        let text = serde_json::to_string(&plan.keys()).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<ovsns::model::Key>>(&text).unwrap(), plan.keys());
    }

    /// Told of the steps alone, without a backend that could be too kind.
    #[test]
    fn dependents_go_first_and_come_last((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        for (index, step) in plan.steps.iter().enumerate() {
            for later in &plan.steps[index + 1..] {
                match step {
                    Step::Delete(_) => prop_assert!(
                        !matches!(later, Step::Delete(_)) || provides(step).is_disjoint(&needs(later)),
                        "{} goes before {}", step, later
                    ),
                    _ => prop_assert!(
                        !matches!(later, Step::Create(_)) || needs(step).is_disjoint(&provides(later)),
                        "{} comes before {}", step, later
                    ),
                }
            }
        }
        let last_delete = plan.steps.iter().rposition(|step| matches!(step, Step::Delete(_)));
        let first_other = plan.steps.iter().position(|step| !matches!(step, Step::Delete(_)));
        prop_assert!(last_delete.is_none_or(|last| first_other.is_none_or(|first| last < first)));
    }

    #[test]
    fn each_change_says_what_changes((observed, desired) in pair()) {
        for step in Plan::between(&observed, &desired).steps {
            let line = step.to_string();
            prop_assert!(!line.contains('\n') && !line.ends_with(": "), "{}", line);
            if matches!(step, Step::Modify { .. }) {
                // of what lists things: which come and which go
                let says = [" -> ", " +", " -"].iter().any(|sign| line.contains(sign));
                prop_assert!(says, "{}", line);
            }
        }
    }

    /// Where a change is told, a command makes it; what has no command is named here.
    #[test]
    fn each_change_has_a_command((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        let deletes = plan.steps.iter().filter(|step| matches!(step, Step::Delete(_)));
        let gone: BTreeSet<(Place, IfName)> = deletes.flat_map(provides).collect();
        for (step, commands) in ovsns::plan::commands(&plan, None) {
            // Addresses, routes and impairments go with their device or namespace; so does the state of a switch's device, and that of an
            // uplink stays as it is.
            let silent = matches!(step, Step::Delete(_)) && match &step.entry().resource {
                Resource::Device(_) => true,
                Resource::Address(a) => [&a.device, &IfName::lo()].iter().any(|d| gone.contains(&(a.place.clone(), (*d).clone()))),
                Resource::Impairment(i) => [&i.device, &IfName::lo()].iter().any(|d| gone.contains(&(i.place.clone(), (*d).clone()))),
                Resource::Route(r) => {
                    r.device.iter().chain([&IfName::lo()]).any(|d| gone.contains(&(r.place.clone(), d.clone())))
                }
                _ => false,
            };
            prop_assert_eq!(commands.is_empty(), silent, "{}", step);
            prop_assert!(commands.iter().all(|line| !line.ends_with(' ') && !line.contains("  ")), "{:?}", commands);
        }
    }

    #[test]
    fn a_plan_fits_the_state_that_it_was_made_from((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        prop_assert_eq!(plan.check(&observed), Ok(()));
        let stranger: Owner = parse("stranger");
        for key in plan.keys() {
            let mut changed = observed.0.clone();
            let expected = match changed.remove(&key) {
                Some(_) => "it is gone",
                None => {
                    changed.insert(desired.get(&key).unwrap().clone());
                    "it is there already"
                }
            };
            let stale = plan.check(&changed).unwrap_err();
            prop_assert_eq!((&stale.key, stale.now), (&key, expected));
            if let Some(entry) = observed.get(&key) {
                changed.insert(Entry { owner: Some(stranger.clone()), ..entry.clone() });
                let stale = plan.check(&changed).unwrap_err();
                prop_assert_eq!((&stale.key, stale.now), (&key, "it is different"));
            }
        }
    }

    #[test]
    fn an_interrupted_run_is_taken_back_from_anywhere((observed, desired) in pair()) {
        let plan = Plan::between(&observed, &desired);
        for done in 0..=plan.steps.len() {
            let now = after(&observed, &plan.steps[..done])?;
            prop_assert_eq!(&after(&now, &recovery(&plan, &now).steps)?, &observed);
        }
    }

    #[test]
    fn taking_back_can_be_interrupted_too(
        (observed, desired) in pair(), done in any::<prop::sample::Index>(), back in any::<prop::sample::Index>()
    ) {
        let plan = Plan::between(&observed, &desired);
        let now = after(&observed, &plan.steps[..done.index(plan.steps.len() + 1)])?;
        let first = recovery(&plan, &now);
        let halfway = after(&now, &first.steps[..back.index(first.steps.len() + 1)])?;
        prop_assert_eq!(&after(&halfway, &recovery(&plan, &halfway).steps)?, &observed);
    }
}
