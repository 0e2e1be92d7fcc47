//! `teardown`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::engine::Remains;
use crate::model::{Entry, IfName, Link, NetnsName, Owner, Place, Resource, State, SwitchName};
use crate::plan::{Plan, Step};

use super::change::{self, Change};
use super::failure::Failure;
use super::nat;
use super::netns::{Fate, fate, is_in_use, returned, users, with_states};
use super::output::Report;
use super::port;
use super::session::{self, Session};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Teardown {
    /// Whose: `-` is what verbs make
    #[arg(long, default_value = "-", allow_hyphen_values = true)]
    owner: Owner,
    /// Also namespaces in which processes run: they lose their names and their ports, and live on with them
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    change: Change,
}

const EXAMPLES: &str = "\
Everything on this host that bears the mark goes: namespaces with all that is in them, switches with
their ports, veth pairs, ports. What cannot be taken away does not keep the rest, and is told at the
end, with exit status 1; then mend it, and run it again. Addresses, routes and settings on devices
of others bear no mark, and stay.

Examples:
  ovsns teardown --dry-run
  ovsns teardown";

impl Teardown {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        tear_down(session, &self.owner, &Scope::All, self.force, &self.change, Plan::to_string, |_| Ok(())).await
    }
}

/// Takes away what bears the mark of `owner`, as far as `scope` shows it and as far as it goes; what is left is a failure. `text` is
/// what is told of the plan in the end, and `begin` is called before anything is changed.
pub async fn tear_down(
    session: &Session<'_>,
    owner: &Owner,
    scope: &Scope,
    force: bool,
    change: &Change,
    text: fn(&Plan) -> String,
    begin: impl FnOnce(&Plan) -> Result<(), Failure>,
) -> Result<Report, Failure> {
    let all = session.observe(scope.clone()).await?;
    let (doomed, in_use) = doomed(&all, owner, force)?;
    let observed: State = all.entries().filter(|entry| doomed.has(entry)).cloned().collect();
    let mut observed = with_states(session, observed).await?;
    let mut desired = returned(session, &observed).await?;
    port::give_back(session, &mut observed, &mut desired).await?;
    if !change.applies() {
        in_use.iter().for_each(|line| session.output.note(line));
        return change.carry_out(session, &observed, &desired).await;
    }
    let plan = change::plan(session, &observed, &desired).await?;
    begin(&plan)?;
    let remains = session.engine.tear_down(&plan).await?;
    match remains.left.is_empty() && in_use.is_empty() {
        true => {
            remains.errors.iter().for_each(|error| session.output.note(error));
            Ok(Report::new(text(&plan), json!({"plan": plan, "applied": true})))
        }
        false => Err(failed(plan.steps.len(), remains, in_use)),
    }
}

/// Brings to its end what shows no more of a teardown that was to take the steps of `began`, and was interrupted: files of
/// namespaces that were left stale, and what the host was set to for translation.
pub async fn finish(session: &Session<'_>, began: &Plan) -> Result<(), Failure> {
    let there = session.observe(Scope::Keys(began.keys())).await?;
    let (mut rest, raised) = nat::settled(session).await?;
    let settled = rest.keys();
    let shows_no_more = |step: &&Step| match step {
        Step::Delete(entry) => matches!(entry.resource, Resource::Netns(_)) && !there.contains(&entry.key()),
        Step::Modify { before, .. } => {
            let setting = matches!(before.resource, Resource::Sysctl(_));
            setting && !raised.contains(&before.key()) && there.get(&before.key()) == Some(before)
        }
        Step::Create(_) => false,
    };
    rest.steps.extend(began.steps.iter().filter(shows_no_more).filter(|step| !settled.contains(&step.key())).cloned());
    let count = rest.steps.len();
    let remains = session.engine.tear_down(&rest).await?;
    if remains.left.is_empty() { Ok(()) } else { Err(failed(count, remains, Vec::new())) }
}

/// What goes, and what is said of the namespaces that are in use and therefore stay.
fn doomed<'a>(all: &State, owner: &'a Owner, force: bool) -> Result<(Doomed<'a>, Vec<String>), Failure> {
    let ours = || all.entries().filter(|entry| entry.owner.as_ref() == Some(owner));
    let name = |entry: &Entry| if let Resource::Netns(n) = &entry.resource { Some(n.name.clone()) } else { None };
    let switch = |entry: &Entry| if let Resource::Switch(s) = &entry.resource { Some(s.name.clone()) } else { None };
    let names: Vec<NetnsName> = ours().filter_map(name).collect();
    let (mut ending, mut kept) = (BTreeSet::new(), BTreeSet::new());
    let mut in_use = Vec::new();
    for (name, keepers) in names.iter().zip(session::keepers(&names)?) {
        let place = Place::Named(name.clone());
        if !force && is_in_use(name, &keepers) {
            in_use.push(format!("namespace {name}: processes run in it:"));
            in_use.extend(users(&keepers));
            kept.insert(place);
        } else if fate(&keepers) == Fate::Ends {
            ending.insert(place);
        }
    }
    let switches = ours().filter_map(switch).collect();
    let mut doomed = Doomed { owner, ending, kept, switches, devices: BTreeMap::new() };
    doomed.devices = doomed.devices(all);
    Ok((doomed, in_use))
}

/// What a teardown takes away.
struct Doomed<'a> {
    /// Whose marks go.
    owner: &'a Owner,
    /// Namespaces that end, with all that is in them.
    ending: BTreeSet<Place>,
    /// Namespaces that stay, with the veth pairs into them.
    kept: BTreeSet<Place>,
    /// Switches, which go with their ports.
    switches: BTreeSet<SwitchName>,
    /// Devices of the host, which go with the ports that they are; `false`: those that stay although they are ours.
    devices: BTreeMap<IfName, bool>,
}

impl Doomed<'_> {
    fn has(&self, entry: &Entry) -> bool {
        let ours = entry.owner.as_ref() == Some(self.owner);
        match &entry.resource {
            Resource::Netns(netns) => ours && !self.kept.contains(&Place::Named(netns.name.clone())),
            Resource::Physical(physical) => self.ending.contains(&physical.place),
            Resource::Link(link) => self.takes(link, ours),
            Resource::Port(port) => {
                self.switches.contains(&port.switch) || *self.devices.get(&port.device).unwrap_or(&ours)
            }
            // They go with what they are on, and the ruleset with the translations that it is for.
            Resource::Device(_)
            | Resource::Sysctl(_)
            | Resource::Address(_)
            | Resource::Route(_)
            | Resource::Impairment(_)
            | Resource::Ruleset(_) => false,
            _ => ours,
        }
    }

    fn takes(&self, link: &Link, ours: bool) -> bool {
        let into = |places: &BTreeSet<Place>| [&link.a, &link.b].iter().any(|end| places.contains(&end.place));
        !into(&self.kept) && (ours || into(&self.ending))
    }

    /// The ends on the host of the veth pairs, and whether they go.
    fn devices(&self, all: &State) -> BTreeMap<IfName, bool> {
        let pairs = all.entries().filter_map(|entry| match &entry.resource {
            Resource::Link(link) => Some((link, entry.owner.as_ref() == Some(self.owner))),
            _ => None,
        });
        let ends = pairs.flat_map(|(link, ours)| {
            let goes = self.takes(link, ours);
            let on_host = [&link.a, &link.b].into_iter().filter(|end| end.place == Place::Host);
            on_host.map(move |end| (end.name.clone(), goes)).collect::<Vec<_>>()
        });
        ends.collect()
    }
}

/// All that failed, together, and what is left.
fn failed(steps: usize, remains: Remains, in_use: Vec<String>) -> Failure {
    let Remains { errors, left } = remains;
    let mut failure = Failure::new(match left.steps.len() {
        0 => "everything is taken away but what is in use".to_owned(),
        undone => format!("not everything could be taken away: {undone} of {steps} steps are left"),
    });
    failure.left = errors;
    if !left.is_empty() {
        failure.left.push("these are still to do:".to_owned());
        failure.left.extend(left.steps.iter().map(|step| format!("  {step}")));
    }
    let hint = match in_use.is_empty() {
        true => "mend what stands in the way, and run it again",
        false => "end the processes, or take --force: the namespaces live on with them; then run it again",
    };
    failure.left.extend(in_use);
    failure.hint(hint)
}
