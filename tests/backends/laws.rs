//! The contract of `apply`.

use ovsns::model::Entry;
use ovsns::plan::{Plan, Step};

use super::fixture::{Fixture, bears_mark};

/// Contract 1.
pub async fn what_is_made_is_seen(fixture: &Fixture) {
    for specimen in &fixture.specimens {
        fixture
            .upon(&specimen.below, async || {
                for wanted in &specimen.variants {
                    fixture.create(wanted).await;
                    let seen = fixture.is_in_effect(wanted).await;
                    if bears_mark(fixture, wanted) {
                        assert_eq!(seen.owner, wanted.owner);
                    }
                    fixture.delete(&seen).await;
                }
            })
            .await;
    }
}

/// Contract 3.
pub async fn making_or_deleting_twice_succeeds(fixture: &Fixture) {
    for specimen in &fixture.specimens {
        fixture
            .upon(&specimen.below, async || {
                for wanted in &specimen.variants {
                    fixture.create(wanted).await;
                    let seen = fixture.see(wanted).await;
                    fixture.create(wanted).await;
                    assert_eq!(fixture.see(wanted).await, seen);
                    fixture.delete(&seen).await;
                    fixture.delete(&seen).await;
                }
            })
            .await;
    }
}

/// From each variant to each other one, and back.
pub async fn a_change_takes_effect_and_goes_back(fixture: &Fixture) {
    for specimen in &fixture.specimens {
        fixture
            .upon(&specimen.below, async || {
                for (from, to) in pairs(&specimen.variants) {
                    fixture.create(from).await;
                    let before = fixture.see(from).await;
                    let change = Step::Modify { after: to.over(&before), before: before.clone() };
                    fixture.step(change.clone()).await;
                    let after = fixture.is_in_effect(to).await;
                    // once more, as after an answer that was lost
                    fixture.step(change.clone()).await;
                    assert_eq!(fixture.see(to).await, after);
                    fixture.step(change.inverse()).await;
                    assert_eq!(fixture.see(from).await, before, "from {to:?} back to {from:?}");
                    fixture.delete(&before).await;
                }
            })
            .await;
    }
}

/// Contract 3.
pub async fn making_what_is_there_converges_it(fixture: &Fixture) {
    for specimen in &fixture.specimens {
        fixture
            .upon(&specimen.below, async || {
                for (there, wanted) in pairs(&specimen.variants) {
                    fixture.create(there).await;
                    let before = fixture.see(there).await;
                    let differs = wanted.over(&before) != before;
                    let made = fixture.backend.apply(&[Step::Create(wanted.clone())]).await;
                    if fixture.is_strict && differs {
                        assert_eq!(made.unwrap_err().applied, 0);
                        assert_eq!(fixture.see(there).await, before);
                    } else {
                        made.unwrap();
                        let seen = fixture.see(wanted).await;
                        assert_eq!(wanted.over(&before).over(&seen), seen, "what was not asked for stays");
                    }
                    let seen = fixture.see(there).await;
                    fixture.delete(&seen).await;
                }
            })
            .await;
    }
}

/// A thing without our mark is somebody else's, whatever its name.
pub async fn what_is_not_ours_is_not_taken_over(fixture: &Fixture) {
    for specimen in &fixture.specimens {
        let wanted = &specimen.variants[0];
        if !bears_mark(fixture, wanted) {
            continue;
        }
        fixture
            .upon(&specimen.below, async || {
                let theirs = Entry { owner: None, ..wanted.clone() };
                fixture.create(&theirs).await;
                let before = fixture.see(&theirs).await;
                assert_eq!(before.owner, None);
                let refused = fixture.backend.apply(&[Step::Create(wanted.clone())]).await.unwrap_err();
                assert_eq!(refused.applied, 0);
                assert_eq!(fixture.see(&theirs).await, before);
                fixture.delete(&before).await;
            })
            .await;
    }
}

pub async fn a_mark_is_put_on_and_taken_off(fixture: &Fixture) {
    for specimen in &fixture.specimens {
        let ours = &specimen.variants[0];
        if !bears_mark(fixture, ours) {
            continue;
        }
        fixture
            .upon(&specimen.below, async || {
                fixture.create(&Entry { owner: None, ..ours.clone() }).await;
                let before = fixture.see(ours).await;
                let change = Step::Modify { after: Entry { owner: ours.owner.clone(), ..before.clone() }, before };
                fixture.step(change.clone()).await;
                assert_eq!(fixture.see(ours).await, *change.entry());
                let back = change.inverse();
                fixture.step(back.clone()).await;
                assert_eq!(fixture.see(ours).await, *back.entry());
                fixture.delete(back.entry()).await;
            })
            .await;
    }
}

/// Contract 2: exactly the first `applied` are in effect, and their inverse takes them out again.
pub async fn a_failure_in_the_middle_tells_how_far_it_came(fixture: &Fixture) {
    for failing in &fixture.failing {
        fixture
            .upon(&failing.below, async || {
                let steps: Vec<Step> = failing.wanted.iter().cloned().map(Step::Create).collect();
                let error = fixture.backend.apply(&steps).await.expect_err("one of them cannot be made");
                assert!(error.applied <= steps.len());
                for (number, wanted) in failing.wanted.iter().enumerate() {
                    let there = fixture.observe(wanted).await.is_some();
                    assert_eq!(there, number < error.applied, "step {number} ({}): {error:?}", steps[number]);
                }
                let done = Plan { steps: steps[..error.applied].to_vec() };
                fixture.backend.apply(&done.inverse().steps).await.expect("what was done can be undone");
                for wanted in &failing.wanted {
                    assert_eq!(fixture.observe(wanted).await, None);
                    assert_eq!((fixture.theirs)(wanted), None);
                }
            })
            .await;
    }
}

pub async fn a_hundred_go_at_once(fixture: &Fixture) {
    let (below, hundred) = &fixture.hundred;
    assert_eq!(hundred.len(), 100);
    fixture
        .upon(below, async || {
            let plan = Plan { steps: hundred.iter().cloned().map(Step::Create).collect() };
            fixture.backend.apply(&plan.steps).await.unwrap();
            for wanted in [&hundred[0], &hundred[50], &hundred[99]] {
                fixture.is_in_effect(wanted).await;
            }
            let scope = ovsns::backend::Scope::Keys(plan.keys());
            assert_eq!(fixture.backend.observe(&scope).await.unwrap().len(), 100);
            fixture.backend.apply(&plan.inverse().steps).await.unwrap();
            assert_eq!(fixture.backend.observe(&scope).await.unwrap(), []);
        })
        .await;
}

/// A plan that replaces a thing deletes it and makes it again under its name. That packets pass afterwards is shown in
/// tests/workflow.
pub async fn deleted_and_made_again_in_one_go(fixture: &Fixture) {
    for specimen in &fixture.specimens {
        fixture
            .upon(&specimen.below, async || {
                for (there, wanted) in pairs(&specimen.variants) {
                    fixture.create(there).await;
                    let before = fixture.see(there).await;
                    let steps = [Step::Delete(before), Step::Create(wanted.clone())];
                    fixture.backend.apply(&steps).await.unwrap();
                    let seen = fixture.is_in_effect(wanted).await;
                    fixture.delete(&seen).await;
                }
            })
            .await;
    }
}

/// Each of the variants with the plain one, the first, either way round, and with the next one.
fn pairs(variants: &[Entry]) -> impl Iterator<Item = (&Entry, &Entry)> {
    let plain = &variants[0];
    let with_plain = variants.iter().flat_map(move |other| [(plain, other), (other, plain)]);
    with_plain.chain(variants.iter().zip(variants.iter().skip(1)))
}
