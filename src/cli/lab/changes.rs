//! The way from a lab as it is to the lab as its file says.

use std::collections::BTreeMap;

use crate::backend::Scope;
use crate::cli::change;
use crate::cli::failure::Failure;
use crate::cli::nat;
use crate::cli::netns::{is_in_use, returned, users, with_states};
use crate::cli::session::{self, OvsDatabase, Session};
use crate::lab::{Facts, Lab, LabSwitch};
use crate::model::{BackendName, Entry, Key, NetnsName, Owner, Resource, State, Switch, SwitchName};
use crate::plan::{Plan, Step};

use super::{host, sight, tunnels};

/// A lab as it should be, and the way there.
pub struct Changes {
    pub owner: Owner,
    pub desired: State,
    pub plan: Plan,
}

impl Changes {
    /// Looks at the system, and works the way out. What others have made under the names of the file is refused, unless it is to be
    /// made the lab's own with `adopt`.
    pub async fn of(session: &Session<'_>, lab: &Lab, adopt: bool) -> Result<Changes, Failure> {
        let there = there(session, lab).await?;
        let facts = facts(session, lab, &there).await?;
        let desired = wanted(lab, facts, &there);
        let observed = sight::observe(session, &lab.owner, &desired).await?;
        if !adopt {
            check_others(&observed, &desired, &lab.owner)?;
        }
        host::check(session, lab, &observed, &desired).await?;
        tunnels::check(session, lab, &observed).await?;
        Changes::between(session, lab.owner.clone(), observed, desired).await
    }

    /// The way between these two states.
    pub async fn between(
        session: &Session<'_>,
        owner: Owner,
        observed: State,
        mut desired: State,
    ) -> Result<Changes, Failure> {
        let observed = with_states(session, observed).await?;
        let going: State = observed.entries().filter(|entry| !desired.contains(&entry.key())).cloned().collect();
        returned(session, &going).await?.entries().for_each(|entry| desired.insert(entry.clone()));
        let (observed, desired) = match nat::for_lab(session, &owner, &observed, &desired).await? {
            Some(translated) => translated,
            None => (observed, desired),
        };
        let plan = change::plan(session, &observed, &desired).await?;
        session.engine.backends().check(&plan)?;
        Ok(Changes { owner, desired, plan })
    }

    /// Says so where a lab that gets addresses comes to have more than the host may have neighbours.
    pub fn tell_neighbours(&self, session: &Session<'_>) {
        let is_v4 =
            |resource: &Resource| matches!(resource, Resource::Address(address) if address.address.addr().is_ipv4());
        let gets = self.plan.steps.iter().any(|step| matches!(step, Step::Create(entry) if is_v4(&entry.resource)));
        let addresses = self.desired.resources().filter(|resource| is_v4(resource)).count();
        let most = std::fs::read_to_string(NEIGHBOURS).ok().and_then(|text| text.trim().parse::<usize>().ok());
        if let Some(most) = most.filter(|most| gets && addresses > *most) {
            let enough = (2 * addresses).next_power_of_two();
            session.output.note(&format!(
                "the lab has {addresses} addresses, and all namespaces of this host together may have {most} neighbours: when \
                 the table is full, packets are lost. More: sysctl net.ipv4.neigh.default.gc_thresh3={enough}"
            ));
        }
    }
}

/// Fails where processes run in namespaces that `plan` deletes for the lab of `owner`. They would live on, without a name and without
/// a network.
pub fn check_use(owner: &Owner, plan: &Plan, force: bool) -> Result<(), Failure> {
    let going = going(plan);
    if force || going.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::new();
    for (name, kept) in going.iter().zip(session::keepers(&going)?) {
        if is_in_use(name, &kept) {
            lines.push(format!("in {name}:"));
            lines.extend(users(&kept));
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::new(format!("lab {owner} is to lose namespaces in which processes run"));
    failure.left = lines;
    Err(failure.hint("end them; or take --force: the namespaces live on with them, without names and ports"))
}

/// The namespaces that `plan` deletes.
pub fn going(plan: &Plan) -> Vec<NetnsName> {
    let name = |step: &Step| match step {
        Step::Delete(Entry { resource: Resource::Netns(netns), .. }) => Some(netns.name.clone()),
        _ => None,
    };
    plan.steps.iter().filter_map(name).collect()
}

/// How many neighbours of IPv4 all namespaces of the host may have together (arp(7)). Only the host itself, and no namespace that is
/// taken for one, has the file.
const NEIGHBOURS: &str = "/proc/sys/net/ipv4/neigh/default/gc_thresh3";

/// The switches of the lab that are there, whoever has made them.
async fn there(session: &Session<'_>, lab: &Lab) -> Result<BTreeMap<SwitchName, Switch>, Failure> {
    let keys = lab.switches.iter().map(|switch| Key::Switch { name: switch.name.clone() });
    Ok(switches(&session.observe(Scope::Keys(keys.collect())).await?))
}

/// What should be, on a host with these `facts` where `there` are the switches of the lab that are there.
pub fn wanted(lab: &Lab, facts: Facts, there: &BTreeMap<SwitchName, Switch>) -> State {
    let lab = as_is(lab, there);
    let mut desired = lab.state(&Facts { external: there.clone(), ..facts });
    leave_open(&lab, there, &mut desired);
    desired
}

/// The switches among `state`.
pub fn switches(state: &State) -> BTreeMap<SwitchName, Switch> {
    let switch = |resource: &Resource| match resource {
        Resource::Switch(switch) => Some((switch.name.clone(), switch.clone())),
        _ => None,
    };
    state.resources().filter_map(switch).collect()
}

/// `lab`, with the backend and the datapath of the switches that are there, where the file leaves the choice: what this host would
/// choose today is no reason to make one anew.
fn as_is(lab: &Lab, there: &BTreeMap<SwitchName, Switch>) -> Lab {
    let mut lab = lab.clone();
    for switch in &mut lab.switches {
        let Some(seen) = there.get(&switch.name) else { continue };
        switch.backend = switch.backend.or(Some(seen.backend));
        if switch.backend == Some(seen.backend) {
            switch.datapath = switch.datapath.or(seen.datapath);
        }
    }
    lab
}

/// Wants no other Ethernet address of a switch that is there, unless the file says one; and the MTU that it would have by itself,
/// unless it has that: the file may have said another one before.
fn leave_open(lab: &Lab, there: &BTreeMap<SwitchName, Switch>, desired: &mut State) {
    for switch in lab.switches.iter().filter(|switch| !switch.external) {
        let key = Key::Switch { name: switch.name.clone() };
        let Some(seen) = there.get(&switch.name) else { continue };
        let Some(Entry { resource: Resource::Switch(mut wanted), owner }) = desired.get(&key).cloned() else {
            continue;
        };
        if seen.backend == wanted.backend && seen.datapath == wanted.datapath {
            wanted.mac = switch.mac;
            wanted.mtu = wanted.mtu.or_else(|| lab.mtu_of(&switch.name).filter(|_| seen.mtu.is_some()));
            desired.insert(Entry { resource: Resource::Switch(wanted), owner });
        }
    }
}

/// What the system says where the file leaves the choice.
async fn facts(session: &Session<'_>, lab: &Lab, there: &BTreeMap<SwitchName, Switch>) -> Result<Facts, Failure> {
    let is_there = |switch: &&LabSwitch| there.contains_key(&switch.name);
    let open = lab.switches.iter().find(|s| s.backend.is_none() && !s.external && !is_there(s));
    if let (Some(switch), (_, Some(why))) = (open, session.backend_for_new()) {
        session.output.note(&format!("switch {} {why}", switch.name));
    }
    let on_ovs = lab.switches.iter().find(|switch| switch.backend == Some(BackendName::Ovs) && !switch.external);
    if let (OvsDatabase::Absent(why), Some(switch)) = (&session.ovs, on_ovs) {
        return Err(Failure::new(format!("switch {} is to be on Open vSwitch, and {why}", switch.name))
            .hint("start it: ovsns ovs start; or give the switch backend: linux"));
    }
    match lab.external_switches().find(|name| !there.contains_key(name)) {
        Some(missing) => Err(session.no_switch(missing)),
        None => Ok(Facts { tunnel_mtus: tunnels::mtus(lab)?, ..facts_of_host(session).await? }),
    }
}

/// What the host says, whatever the lab.
pub async fn facts_of_host(session: &Session<'_>) -> Result<Facts, Failure> {
    let (backend, _) = session.backend_for_new();
    let (datapath, _) = session.datapath_for_new().await?;
    let tx_checksum_off = match &session.ovs {
        OvsDatabase::Ready(ovs, _) => !ovs.computes_checksums().await?,
        OvsDatabase::Absent(_) | OvsDatabase::Unused => false,
    };
    let out = nat::default_devices()?.into_iter().next();
    Ok(Facts { backend, datapath, tx_checksum_off, external: BTreeMap::new(), out, tunnel_mtus: BTreeMap::new() })
}

/// Fails where `desired` names what others have made.
fn check_others(observed: &State, desired: &State, owner: &Owner) -> Result<(), Failure> {
    let lines = sight::of_others(observed, desired, owner);
    if lines.is_empty() {
        return Ok(());
    }
    let mut failure = Failure::new(format!("lab {owner} names what is there already and is not its own"));
    failure.left = lines;
    let adoptable = desired.entries().all(|entry| match observed.get(&entry.key()) {
        Some(there) => entry.resource.can_follow(&there.resource) || !matches!(entry.resource, Resource::Switch(_)),
        None => true,
    });
    Err(failure.hint(match adoptable {
        true => "choose other names; or make these the lab's own: --adopt",
        false => "choose other names, or delete what is there",
    }))
}
