//! `gc`: what our mark proves dead.

use clap::Args;
use serde_json::json;

use crate::backend::Scope;
use crate::engine::{EngineError, Interrupted, JournalError, recovery};
use crate::model::{BackendName, Entry, Key, Link, Place, Resource, State};
use crate::plan::{Plan, Step};

use super::capture;
use super::change::Change;
use super::failure::Failure;
use super::nat;
use super::output::Report;
use super::session::Session;

#[derive(Debug, Args)]
pub struct Gc {
    /// Remove what is found
    #[arg(long)]
    yes: bool,
}

impl Gc {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        if !self.yes {
            return self.list(session).await;
        }
        let change = Change { dry_run: false, explain: false };
        let (_lock, mut text) = self.begin(session, &change).await?;
        let observed = session.observe(Scope::All).await?;
        let dead = dead(session, &observed).await?;
        let report = change.carry_out(session, &dead, &State::default()).await?;
        text.extend((!report.text.is_empty()).then_some(report.text));
        if text.is_empty() {
            text.push("nothing is dead".to_owned());
        }
        Ok(Report::new(text.join("\n"), report.json))
    }

    /// Takes back an interrupted run. A journal that cannot be read is put aside.
    async fn begin(
        &self,
        session: &Session<'_>,
        change: &Change,
    ) -> Result<(Option<crate::engine::Lock>, Vec<String>), Failure> {
        if let Err(EngineError::Journal(JournalError::Damaged { .. })) = session.engine.interrupted() {
            let aside = session.engine.put_journal_aside()?;
            let aside = aside.map(|path| format!("put a damaged journal aside: {}", path.display()));
            return Ok((session.begin(change).await?, aside.into_iter().collect()));
        }
        Ok((session.begin(change).await?, Vec::new()))
    }

    async fn list(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let Found { interrupted, half_made, dead } = Found::look(session).await?;
        let mut lines = Vec::new();
        if let Some(run) = &interrupted {
            lines.push(format!("`{}` (pid {}) was interrupted; to take it back:", run.command, run.pid));
        }
        lines.extend(half_made.steps.iter().chain(&dead.steps).map(ToString::to_string));
        match lines.is_empty() {
            true => lines.push("nothing is dead".to_owned()),
            false => lines.push("to do this: ovsns gc --yes".to_owned()),
        }
        Ok(Report::new(lines.join("\n"), json!({"interrupted": interrupted, "half_made": half_made, "dead": dead})))
    }
}

/// How many resources are dead or half-made.
pub async fn count(session: &Session<'_>) -> Result<usize, Failure> {
    let found = Found::look(session).await?;
    Ok(found.half_made.steps.len() + found.dead.steps.len())
}

/// What a look brings up.
struct Found {
    interrupted: Option<Interrupted>,
    half_made: Plan,
    dead: Plan,
}

impl Found {
    async fn look(session: &Session<'_>) -> Result<Found, Failure> {
        let interrupted = session.engine.interrupted()?;
        let half_made = match &interrupted {
            Some(run) => half_made(session, run).await?,
            None => Plan::default(),
        };
        let observed = session.observe(Scope::All).await?;
        let mut dead = Plan::between(&dead(session, &observed).await?, &State::default());
        let taken: Vec<Key> = half_made.keys();
        dead.steps.retain(|step: &Step| !taken.contains(&step.key()));
        Ok(Found { interrupted, half_made, dead })
    }
}

async fn half_made(session: &Session<'_>, run: &Interrupted) -> Result<Plan, Failure> {
    let observed = session.observe(Scope::Keys(run.plan.keys())).await?;
    Ok(recovery(&run.plan, &observed))
}

/// What bears our mark and is dead: rows of ports whose device is gone, veth pairs into a namespace that has lost its name and
/// in which no process is, and mirrors of captures whose process is gone, with the ports that they send to.
async fn dead(session: &Session<'_>, observed: &State) -> Result<State, Failure> {
    let marked = || observed.entries().filter(|entry| entry.owner.is_some());
    let rows = marked().filter_map(|entry| match &entry.resource {
        Resource::Port(port) if port.backend == BackendName::Ovs => Some((entry, port.host_device()?)),
        _ => None,
    });
    let key = |name: &crate::model::IfName| Key::Device { place: Place::Host, name: name.clone() };
    let rows: Vec<(&Entry, Key)> = rows.map(|(entry, device)| (entry, key(device))).collect();
    let devices = session.observe(Scope::Keys(rows.iter().map(|(_, key)| key.clone()).collect())).await?;
    let gone = rows.into_iter().filter(|(_, key)| !devices.contains(key)).map(|(entry, _)| entry.clone());

    let lost: Vec<&Entry> = marked().filter(|entry| leads_nowhere(&entry.resource)).collect();
    let ports = lost.iter().filter_map(|entry| match &entry.resource {
        Resource::Link(link) => observed.get(&Key::Port { device: link.a.name.clone() }),
        _ => None,
    });
    let published = nat::dead(session, observed).await?;
    let published = published.entries().cloned();
    let watched =
        marked().filter(|entry| is_dead_mirror(&entry.resource)).flat_map(|entry| with_output(entry, observed));
    Ok(gone.chain(lost.iter().copied().cloned()).chain(ports.cloned()).chain(watched).chain(published).collect())
}

fn is_dead_mirror(resource: &Resource) -> bool {
    matches!(resource, Resource::Mirror(mirror) if capture::is_dead(&mirror.name))
}

/// A mirror, and what of its output is ours.
fn with_output(entry: &Entry, observed: &State) -> Vec<Entry> {
    let Resource::Mirror(mirror) = &entry.resource else { return Vec::new() };
    let Some(device) = mirror.output_port().cloned() else { return vec![entry.clone()] };
    let keys = [Key::Port { device: device.clone() }, Key::Link { place: Place::Host, name: device }];
    let output = keys.iter().filter_map(|key| observed.get(key)).filter(|entry| entry.owner.is_some());
    output.chain([entry]).cloned().collect()
}

fn leads_nowhere(resource: &Resource) -> bool {
    let Resource::Link(Link { a, b }) = resource else { return false };
    a.place == Place::Host && matches!(b.place, Place::Nsid(_)) && !capture::is_in_use(&a.name)
}
