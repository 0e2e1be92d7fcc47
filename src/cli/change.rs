//! The way every changing verb takes: two states, a plan, and then to show, explain or apply it.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::engine::Terms;
use crate::model::{Entry, Owner, Resource, State};
use crate::plan::{Plan, commands};

use super::dependents;
use super::failure::Failure;
use super::nat;
use super::output::Report;
use super::session::Session;

#[derive(Debug, Clone, Args)]
pub struct Change {
    /// Print the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the plan as commands of ip, bridge, tc, ethtool, nft and ovs-vsctl that do the same, and change nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub explain: bool,
}

impl Change {
    /// Whether the system is to be changed at all.
    pub fn applies(&self) -> bool {
        !self.dry_run && !self.explain
    }

    /// Goes from `observed` to `desired`, or tells how.
    pub async fn carry_out(&self, session: &Session<'_>, observed: &State, desired: &State) -> Result<Report, Failure> {
        self.carry_out_unless(session, observed, desired, None).await
    }

    /// The same; what is done goes back by itself unless `ovsns confirm` comes within that time, also if the terminal goes.
    pub async fn carry_out_unless(
        &self,
        session: &Session<'_>,
        observed: &State,
        desired: &State,
        within: Option<Duration>,
    ) -> Result<Report, Failure> {
        let plan = plan(session, observed, desired).await?;
        session.engine.backends().check(&plan)?;
        if let Some(report) = self.told(session, &plan) {
            return Ok(report);
        }
        match within.filter(|_| !plan.is_empty()) {
            Some(within) => {
                let in_effect = || session.wait_for_confirmation(within);
                session.engine.apply_on(&plan, Terms::default().unless_confirmed(within, in_effect)).await?;
            }
            None => session.engine.apply(&plan).await?,
        }
        Ok(Report::new(plan.to_string(), json!({"plan": plan, "applied": true})))
    }
}

impl Change {
    /// What is to be told of `plan`, where it is not to be carried out.
    pub fn told(&self, session: &Session<'_>, plan: &Plan) -> Option<Report> {
        if self.explain {
            return Some(explained(plan, session.explain_db()));
        }
        if self.dry_run {
            let text = if plan.is_empty() { "nothing to do".to_owned() } else { format!("{plan}\n{}", plan.summary()) };
            return Some(Report::new(text, json!({"plan": plan, "applied": false})));
        }
        None
    }
}

/// Wants `resource`, of the owner that it has, or of the verbs.
pub fn want(observed: &State, desired: &mut State, resource: Resource) {
    let owner = observed.get(&resource.key()).map_or_else(|| Some(Owner::verbs()), |entry| entry.owner.clone());
    desired.insert(Entry { resource, owner });
}

/// The way from `observed` to `desired`, and what loses by it: what hangs on ports, and in the table of translation.
pub async fn plan(session: &Session<'_>, observed: &State, desired: &State) -> Result<Plan, Failure> {
    let followed = dependents::with_dependents(session, observed, desired).await?;
    let (observed, desired) = followed.as_ref().map_or((observed, desired), |(o, d)| (o, d));
    let translated = nat::with_translation(session, observed, desired).await?;
    let (observed, desired) = translated.as_ref().map_or((observed, desired), |(o, d)| (o, d));
    Ok(Plan::between(observed, desired))
}

/// The plan as commands.
pub fn explained(plan: &Plan, db: Option<&str>) -> Report {
    let steps = commands(plan, db);
    let lines =
        steps.iter().flat_map(|(step, commands)| std::iter::once(format!("# {step}")).chain(commands.iter().cloned()));
    let text = lines.collect::<Vec<_>>().join("\n");
    let json = steps.iter().map(|(step, commands)| json!({"step": step, "commands": commands}));
    Report::new(text, json!({"explain": json.collect::<Vec<_>>(), "applied": false}))
}
