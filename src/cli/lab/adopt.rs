//! Putting a lab's mark on what is there.

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::engine::{EngineError, Terms};
use crate::lab::Lab;
use crate::model::Entry;
use crate::plan::{Plan, Step};

use super::changes::Changes;
use super::{begin, records};

/// Puts the mark of `lab` on what is there of it, and changes nothing else.
pub async fn adopt(session: &Session<'_>, lab: &Lab, change: &Change) -> Result<(), Failure> {
    let _lock = begin(session, change).await?;
    let plan = marks(&Changes::of(session, lab, true).await?.plan);
    session.output.note(&match plan.steps.len() {
        0 => format!("it bears the mark of lab {} already", lab.owner),
        count => format!("{count} of what is there get the mark of lab {}", lab.owner),
    });
    if change.applies() {
        let records = records(&lab.owner);
        records.make().map_err(EngineError::from)?;
        session.engine.apply_on(&plan, Terms::default().recorded_at(records.last_apply())).await?;
    }
    Ok(())
}

/// The steps of `plan`, as far as they put marks on.
fn marks(plan: &Plan) -> Plan {
    let mark = |step: &Step| match step {
        Step::Modify { before, after } if before.owner != after.owner => {
            let after = Entry { resource: before.resource.clone(), owner: after.owner.clone() };
            Some(Step::Modify { before: before.clone(), after })
        }
        _ => None,
    };
    Plan { steps: plan.steps.iter().filter_map(mark).collect() }
}
