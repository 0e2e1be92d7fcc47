//! What stands in the table of translation, before and after a verb, and what follows from it for the settings of the host.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{
    Demand, Entry, Family, IfName, Key, Nat, Owner, Place, Published, Raised, Resource, Ruleset, Setting, State,
    Sysctl, SysctlKey,
};

/// Two states: what a verb has seen, and what it wants.
#[derive(Debug, Default)]
pub struct Books {
    pub observed: State,
    pub desired: State,
    /// What is to be said of it to people.
    pub notes: Vec<String>,
}

impl Books {
    /// Reads the table.
    pub async fn open(session: &Session<'_>) -> Result<Books, Failure> {
        let observed = session.observe(Scope::Ruleset).await?;
        Ok(Books { desired: observed.clone(), observed, notes: Vec::new() })
    }

    /// What is to be translated.
    pub fn nats(&self) -> impl Iterator<Item = &Nat> {
        self.desired.resources().filter_map(|resource| if let Resource::Nat(nat) = resource { Some(nat) } else { None })
    }

    /// What is to be published.
    pub fn published(&self) -> impl Iterator<Item = &Published> {
        self.desired
            .resources()
            .filter_map(|r| if let Resource::Published(published) = r { Some(published) } else { None })
    }

    /// The ruleset as it is to be, or a new one.
    pub fn ruleset(&self) -> Ruleset {
        ruleset_of(&self.desired)
    }

    /// The ruleset as it is.
    pub fn observed_ruleset(&self) -> Ruleset {
        ruleset_of(&self.observed)
    }

    /// Wants `resource`, under the mark that the table is.
    pub fn want(&mut self, resource: Resource) {
        self.desired.insert(Entry::owned(resource, &Owner::verbs()));
    }

    /// Wants what has no mark of its own, which is as `observed` says now, if it is there.
    pub fn change(&mut self, observed: Option<Resource>, desired: Resource) {
        if let Some(observed) = observed {
            self.observed.insert(Entry::unmarked(observed));
        }
        self.desired.insert(Entry::unmarked(desired));
    }

    /// Wants `ruleset`, and the settings that what stands in it takes. Which of them were turned on for it is noted in it.
    pub async fn raise(&mut self, session: &Session<'_>, mut ruleset: Ruleset) -> Result<(), Failure> {
        let (nats, published): (Vec<&Nat>, Vec<&Published>) = (self.nats().collect(), self.published().collect());
        let demand = ruleset.demand(&nats, &published);
        let wanted = settings(session, &demand).await?;
        if wanted.iter().any(|raised| raised.setting == Setting::Forwarding6) {
            self.notes.push(ALL_FORWARD.to_owned());
        }
        let values = values(session, wanted.iter().map(Raised::key)).await?;
        for raised in wanted {
            let (off, on) = raised.setting.values();
            let key = raised.key();
            // One that is on for others' sake stays theirs.
            if values.get(&key).is_some_and(|value| value == off) {
                self.change(Some(sysctl(&key, off)), sysctl(&key, on));
                ruleset.raised.insert(raised);
            }
        }
        self.want(Resource::Ruleset(ruleset));
        Ok(())
    }

    /// Wants no more of the ruleset than what is still in it takes, and turns off again what was turned on for the rest. The
    /// settings of the devices in `going` go with these.
    pub async fn settle(&mut self, session: &Session<'_>, going: &BTreeSet<IfName>) -> Result<(), Failure> {
        let (nats, published): (Vec<&Nat>, Vec<&Published>) = (self.nats().collect(), self.published().collect());
        let ruleset = self.ruleset();
        let rest = ruleset.reduced(&nats, &published);
        let kept = rest.as_ref().map(|rest| rest.raised.clone()).unwrap_or_default();
        let lowered: Vec<&Raised> = ruleset.raised.difference(&kept).filter(|r| !going.contains(&r.device)).collect();
        let values = values(session, lowered.iter().map(|raised| raised.key())).await?;
        for raised in lowered {
            let (off, on) = raised.setting.values();
            let key = raised.key();
            // Somebody else has had a say in it since.
            if values.get(&key).is_some_and(|value| value == on) {
                self.change(Some(sysctl(&key, on)), sysctl(&key, off));
            }
        }
        match rest {
            Some(rest) => self.want(Resource::Ruleset(rest)),
            None => drop(self.desired.remove(&Key::Ruleset)),
        }
        Ok(())
    }
}

fn ruleset_of(state: &State) -> Ruleset {
    match state.get(&Key::Ruleset).map(|entry| &entry.resource) {
        Some(Resource::Ruleset(ruleset)) => ruleset.clone(),
        _ => Ruleset::default(),
    }
}

const ALL_FORWARD: &str = "before Linux 6.17, IPv6 is forwarded between all devices or none: net.ipv6.conf.all.forwarding is \
                           turned on (with it the host goes on to listen to routers only where accept_ra is 2)";

fn sysctl(key: &SysctlKey, value: &str) -> Resource {
    Resource::Sysctl(Sysctl::new(Place::Host, key.clone(), value))
}

/// The settings of the host by their keys; those that it does not have are left out.
async fn values(
    session: &Session<'_>,
    keys: impl IntoIterator<Item = SysctlKey>,
) -> Result<BTreeMap<SysctlKey, String>, Failure> {
    let keys = keys.into_iter().map(|key| Key::Sysctl { place: Place::Host, key });
    let found = session.observe(Scope::Keys(keys.collect())).await?;
    let value = |resource: &Resource| match resource {
        Resource::Sysctl(sysctl) => Some((sysctl.key.clone(), sysctl.value.clone())),
        _ => None,
    };
    Ok(found.resources().filter_map(value).collect())
}

/// The settings by which this kernel meets `demand`.
async fn settings(session: &Session<'_>, demand: &Demand) -> Result<Vec<Raised>, Failure> {
    let raised = |setting, device: &IfName| Raised { setting, device: device.clone() };
    let of = |wanted: Family| {
        demand.forwarders.iter().filter(move |(family, _)| *family == wanted).map(|(_, device)| device)
    };
    let mut settings: Vec<Raised> = of(Family::Ipv4).map(|device| raised(Setting::Forwarding4, device)).collect();
    settings.extend(demand.localnets.iter().map(|device| raised(Setting::RouteLocalnet, device)));
    let v6: Vec<&IfName> = of(Family::Ipv6).collect();
    let forced: Vec<Raised> = v6.iter().map(|device| raised(Setting::ForceForwarding6, device)).collect();
    let all = all_devices().map(|device| raised(Setting::Forwarding6, &device));
    let Some(all) = all.filter(|_| !v6.is_empty()) else { return Ok(settings) };
    let known = values(session, forced.iter().chain([&all]).map(Raised::key)).await?;
    if known.get(&all.key()).is_some_and(|value| value == "1") {
        return Ok(settings);
    }
    if forced.iter().all(|raised| known.contains_key(&raised.key())) {
        settings.extend(forced);
    } else {
        let outside = v6.iter().filter(|device| !demand.inside.contains(**device));
        settings.extend(outside.map(|device| raised(Setting::AcceptRa6, device)));
        settings.push(all);
    }
    Ok(settings)
}

/// The name under which a setting of all devices stands.
fn all_devices() -> Option<IfName> {
    "all".parse().ok()
}
