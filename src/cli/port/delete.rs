//! `del-port`.

use clap::Args;

use crate::backend::Scope;
use crate::model::{Entry, IfName, Key, Place, Resource, State, SwitchName};

use super::{device_of, give_back, host_ends, no_port, with_links};
use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{self, Session};

#[derive(Debug, Args)]
pub struct DelPort {
    /// The switch, and what to unplug from it: a port's name, a namespace's name, docker:NAME, podman:NAME,
    /// pid:PID, path:FILE, or dev:DEVICE.
    /// The name of a port may stand alone
    #[arg(value_names = ["SWITCH", "TARGET"], num_args = 1..=2, required = true)]
    words: Vec<String>,
    /// Do not fail if there is no such port
    #[arg(long)]
    if_exists: bool,
    /// All ports of the namespace, if it has several on the switch
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    change: Change,
}

impl DelPort {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let _lock = session.begin(&self.change).await?;
        let (switch, target) = match self.words.as_slice() {
            [switch, target] => (Some(switch.parse::<SwitchName>()?), target),
            [target] => (None, target),
            _ => return Err(Failure::usage("del-port takes a switch and a target")),
        };
        if let Some(name) = &switch {
            session.switch(name).await?;
        }
        let mut found = find(session, switch.as_ref(), target).await?;
        if !self.all {
            only_one(target, &found, "name the one that is meant, or take --all")?;
        }
        if let (true, Some(switch)) = (found.is_empty(), &switch) {
            found = dead_rows(session, switch, target).await?;
        }
        let ports: Vec<IfName> = found.resources().filter_map(device_of).collect();
        if ports.is_empty() && !self.if_exists {
            return Err(no_port(switch.as_ref(), target));
        }
        let mut observed = with_links(session, found, ports).await?;
        let mut desired = State::default();
        give_back(session, &mut observed, &mut desired).await?;
        self.change.carry_out(session, &observed, &desired).await
    }
}

/// The ports that are meant: of a namespace, all that it has.
pub async fn find(session: &Session<'_>, switch: Option<&SwitchName>, target: &str) -> Result<State, Failure> {
    let on_switch = |entry: &Entry| match &entry.resource {
        Resource::Port(port) => switch.is_none_or(|switch| port.switch == *switch),
        _ => false,
    };
    let device = target.strip_prefix("dev:").unwrap_or(target).parse::<IfName>();
    if let Ok(device) = device {
        let found = session.observe(Scope::Keys(vec![Key::Port { device }])).await?;
        let found: State = found.entries().filter(|entry| on_switch(entry)).cloned().collect();
        if !found.is_empty() || target.starts_with("dev:") {
            return Ok(found);
        }
    }
    let place = place_of(target)?;
    let inside = session.observe(Scope::Place(place.clone())).await?;
    let internal = inside.resources().filter_map(|resource| match resource {
        Resource::Internal(device) => Some(device.name.clone()),
        _ => None,
    });
    let keys = host_ends(&inside, &place).chain(internal).map(|device| Key::Port { device });
    let found = session.observe(Scope::Keys(keys.collect())).await?;
    Ok(found.entries().filter(|entry| on_switch(entry)).cloned().collect())
}

/// Fails if `target` means several ports.
pub fn only_one(target: &str, found: &State, hint: &str) -> Result<(), Failure> {
    let names: Vec<String> = found.resources().filter_map(device_of).map(|name| name.to_string()).collect();
    if names.len() > 1 {
        return Err(Failure::new(format!("{target} has {} ports: {}", names.len(), names.join(", "))).hint(hint));
    }
    Ok(())
}

/// What cannot be opened is gone, and its device with it; a row may still tell of it.
fn place_of(target: &str) -> Result<Place, Failure> {
    let written: Place = target.parse()?;
    Ok(session::canonical(written.clone()).unwrap_or(written))
}

/// The rows of ours by which `target` was on the switch: they outlive a namespace that is gone.
async fn dead_rows(session: &Session<'_>, switch: &SwitchName, target: &str) -> Result<State, Failure> {
    let Ok(place) = place_of(target) else { return Ok(State::default()) };
    let all = session.observe(Scope::Switch(switch.clone())).await?;
    let tells_of = |entry: &&Entry| match &entry.resource {
        Resource::Port(port) => port.netns.as_ref() == Some(&place) && entry.owner.is_some(),
        _ => false,
    };
    Ok(all.entries().filter(tells_of).cloned().collect())
}
