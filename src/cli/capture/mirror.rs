//! A mirror for the time of a capture, and a port that it sends to.
//!
//! The port is a veth pair of ours. Its other end is in a namespace without a name, of which only this process knows: what the
//! mirror sends there, such as the router advertisements of a network, means nothing to the host, and when the process is
//! gone, however it ended, the pair goes with the namespace. What remains then are rows of the database, which bear the process in
//! the mirror's name.

use crate::backend::Scope;
use crate::capture::Device;
use crate::model::{
    BackendName, End, Entry, IfName, Key, Link, MTU_MAX, Mirror, Netns, NetnsName, Owner, Place, Port, Resource, State,
    Switch, SwitchName,
};
use crate::plan::Plan;

use super::target::Watched;
use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::{Session, UnnamedNetns, seen};

/// What the names of our mirrors begin with.
const NAME: &str = "ovsns-capture-";
/// What the names of the devices that they send to begin with.
const OUTPUT: &str = "cap";
/// What the namespace of the inside end is called where it has to have a name.
pub const NETNS: &str = "ovsns-capture";
/// The inside end.
pub const INSIDE: &str = "capture";

/// A mirror that stands.
pub struct Standing {
    switch: SwitchName,
    plan: Plan,
    output: IfName,
    netns: UnnamedNetns,
}

impl Standing {
    /// Makes it. The lock is held for that only: others may change the switch while it is watched.
    pub async fn set_up(session: &Session<'_>, switch: &Switch) -> Result<Standing, Failure> {
        let netns = UnnamedNetns::new()?;
        let _lock = session.begin(&Change { dry_run: false, explain: false }).await?;
        let output = free_name(session).await?;
        let desired = parts(switch, &output, netns.place())?;
        let observed = session.observe(Scope::Keys(desired.keys().cloned().collect())).await?;
        let plan = Plan::between(&observed, &desired);
        session.engine.apply(&plan).await?;
        Ok(Standing { switch: switch.name.clone(), plan, output, netns })
    }

    /// The device that the frames arrive at. What the two ends say by themselves has passed through no switch.
    pub fn watched(&self) -> Result<Watched, Failure> {
        let gone = || Failure::new(format!("the port of the mirror of {} is gone already", self.switch));
        let host = seen::devices(&Place::Host)?.into_iter().find(|device| device.name == self.output.as_str());
        let place = self.netns.place();
        let inside = seen::devices(&place)?.into_iter().find(|device| device.name == INSIDE);
        let (host, inside) = host.zip(inside).ok_or_else(gone)?;
        let except = host.mac.map(|mac| mac.octets());
        let device = Device { outgoing: false, except, ..Device::new(inside.index, self.switch.as_str()) };
        let what = self.switch.to_string();
        Ok(Watched { described: format!("mirror of {what}"), what, place, devices: vec![device], named: true })
    }

    /// Takes it away, through a session of its own: the one that it was made in may have lost its connection meanwhile, or have
    /// been told to stop.
    pub async fn tear_down(self, session: &Session<'_>) -> Result<(), Failure> {
        let result = self.remove(session).await;
        result.map_err(|failure| match failure.hint {
            Some(_) => failure,
            None => failure.hint("ovsns gc --yes takes away what is left of the mirror"),
        })
    }

    async fn remove(self, session: &Session<'_>) -> Result<(), Failure> {
        let session = Session::open(session.global, session.output).await?;
        let _lock = session.engine.begin(session.global.timeout).await?;
        // So that the session knows the namespace, and need not look for it.
        session.observe(Scope::Place(self.netns.place())).await?;
        let observed = session.observe(Scope::Keys(self.plan.keys())).await?;
        let ours: State = observed.entries().filter(|entry| entry.owner.is_some()).cloned().collect();
        Ok(session.engine.apply(&Plan::between(&ours, &State::default())).await?)
    }
}

/// The plans as they would be, there and back, with a name for the namespace: commands can be pasted only into a namespace that
/// has one.
pub async fn explained(session: &Session<'_>, switch: &Switch, change: &Change) -> Result<[Report; 2], Failure> {
    let name: NetnsName = NETNS.parse()?;
    let place = Place::Named(name.clone());
    let mut desired = parts(switch, &free_name(session).await?, place)?;
    desired.insert(ours(Resource::Netns(Netns::new(name))));
    let nothing = State::default();
    let there = change.carry_out(session, &nothing, &desired).await?;
    Ok([there, change.carry_out(session, &desired, &nothing).await?])
}

fn ours(resource: Resource) -> Entry {
    Entry::owned(resource, &Owner::verbs())
}

/// The pair, the port, and the mirror.
fn parts(switch: &Switch, output: &IfName, inside: Place) -> Result<State, Failure> {
    // Frames of any size are to fit.
    let end = |place, name| End { mtu: Some(MTU_MAX), ..End::new(place, name) };
    let link = Link::new(end(Place::Host, output.clone()), end(inside, INSIDE.parse()?));
    let port = Port::new(switch.name.clone(), output.clone(), BackendName::Ovs);
    let mirror = Mirror::whole(switch.name.clone(), own_name(), output.clone());
    Ok([Resource::Link(link), Resource::Port(port), Resource::Mirror(mirror)].into_iter().map(ours).collect())
}

/// A name that no device and no port has, not even one that a killed capture has left.
async fn free_name(session: &Session<'_>) -> Result<IfName, Failure> {
    let pid = std::process::id();
    for number in 1.. {
        let name = if number == 1 { format!("{OUTPUT}-{pid}") } else { format!("{OUTPUT}{number}-{pid}") };
        let name: IfName = name.parse()?;
        let keys = vec![Key::Device { place: Place::Host, name: name.clone() }, Key::Port { device: name.clone() }];
        if session.observe(Scope::Keys(keys)).await?.is_empty() {
            return Ok(name);
        }
    }
    unreachable!("a host has fewer devices than there are numbers")
}

/// The name of this process's mirror: its number, and when it began, since numbers are given again.
fn own_name() -> String {
    let pid = std::process::id();
    format!("{NAME}{pid}-{}", started(pid).unwrap_or_default())
}

/// When a process began, in clock ticks since boot (`/proc/PID/stat`, field 22, proc(5)); `None` where there is none, or only what
/// its parent has not taken note of yet.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field may hold anything, and ends in the last parenthesis.
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let state = fields.next()?;
    fields.nth(18)?.parse().ok().filter(|_| !matches!(state, "Z" | "X"))
}

/// Whether a mirror of this name was made for a capture whose process is gone.
pub fn is_dead(name: &str) -> bool {
    let Some((pid, began)) = name.strip_prefix(NAME).and_then(|rest| rest.split_once('-')) else { return false };
    match (pid.parse(), began.parse()) {
        (Ok(pid), Ok(began)) => started(pid) != Some(began),
        _ => false,
    }
}

/// Whether the end on the host of a veth pair has the name that a mirror's output has, and the process that the name tells of is
/// alive. To others such a pair seems to lead nowhere.
pub fn is_in_use(device: &IfName) -> bool {
    let Some((first, pid)) = device.as_str().split_once('-') else { return false };
    let is_output = first.strip_prefix(OUTPUT).is_some_and(|number| number.is_empty() || number.parse::<u32>().is_ok());
    is_output && pid.parse().is_ok_and(|pid| started(pid).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_dead_when_its_process_is() {
        assert!(!is_dead(&own_name()));
        let (pid, began) = (std::process::id(), started(std::process::id()).unwrap());
        assert!(is_dead(&format!("ovsns-capture-{pid}-{}", began + 1)), "a later process of the same number");
        assert!(is_dead("ovsns-capture-4194305-1"), "more than any process has (PID_MAX_LIMIT)");
        for others in ["m0", "ovsns-capture-", "ovsns-capture-12", "ovsns-capture-x-1", "ovsns-capture-1-x"] {
            assert!(!is_dead(others), "{others}");
        }
    }

    #[test]
    fn a_live_output_is_known_by_its_name() {
        let pid = std::process::id();
        for (name, expected) in [
            (format!("cap-{pid}"), true),
            (format!("cap2-{pid}"), true),
            (format!("capx-{pid}"), false),
            (format!("veth-{pid}"), false),
            ("cap-4194305".to_owned(), false),
            ("cap-".to_owned(), false),
            ("cap".to_owned(), false),
        ] {
            assert_eq!(is_in_use(&name.parse().unwrap()), expected, "{name}");
        }
    }
}
