//! What stands in the table of translation, before and after a change, and what follows from it for the settings of the host.

use std::collections::BTreeSet;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{Entry, IfName, Key, Nat, Owner, Published, Raised, Resource, Ruleset, Setting, State};

use super::settings::{self, ALL_FORWARD, sysctl};

/// Two states: what was seen, and what is wanted.
#[derive(Debug, Default)]
pub struct Books {
    pub observed: State,
    pub desired: State,
    /// The devices of the host that the change itself makes, or has made. Their settings are ours.
    pub own: BTreeSet<IfName>,
    /// What is to be said of it to people.
    pub notes: Vec<String>,
}

impl Books {
    /// Reads the table. Whatever else is wanted, it is to be complete.
    pub async fn open(session: &Session<'_>) -> Result<Books, Failure> {
        let observed = session.observe(Scope::Ruleset).await?;
        let mut books = Books { desired: observed.clone(), observed, ..Books::default() };
        if books.observed.contains(&Key::Ruleset) {
            let ruleset = Ruleset { incomplete: false, ..books.ruleset() };
            books.desired.insert(Entry::unmarked(Resource::Ruleset(ruleset)));
        }
        Ok(books)
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

    /// Whose the entry of this key is.
    pub fn owner(&self, key: &Key) -> Owner {
        let owner = self.observed.get(key).or_else(|| self.desired.get(key)).and_then(|entry| entry.owner.clone());
        owner.unwrap_or_else(Owner::verbs)
    }

    /// The ruleset as it is to be, or a new one.
    pub fn ruleset(&self) -> Ruleset {
        ruleset_of(&self.desired)
    }

    /// The ruleset as it is.
    pub fn observed_ruleset(&self) -> Ruleset {
        ruleset_of(&self.observed)
    }

    /// Wants `resource` in the table, under the mark of `owner`.
    pub fn want(&mut self, resource: Resource, owner: &Owner) {
        self.desired.insert(Entry::owned(resource, owner));
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
        let wanted = settings::meeting(session, &demand, &self.own).await?;
        if wanted.iter().any(|raised| raised.setting == Setting::Forwarding6) {
            self.notes.push(ALL_FORWARD.to_owned());
        }
        let values = settings::values(session, &wanted, &self.own).await?;
        for (raised, seen) in values {
            let (off, on) = raised.setting.values();
            let own = self.own.contains(&raised.device);
            // One that is on for others' sake stays theirs. On a device of our own it was us, whether the table tells it or not,
            // and there it is wanted again where the device is made anew.
            if seen.value == off || own && (ruleset.raised.contains(&raised) || seen.is_raised(raised.setting)) {
                self.change(seen.there.then(|| sysctl(&raised, &seen.value)), sysctl(&raised, on));
                ruleset.raised.insert(raised);
            }
        }
        self.desired.insert(Entry::unmarked(Resource::Ruleset(ruleset)));
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
        for (raised, seen) in settings::values(session, lowered, &BTreeSet::new()).await? {
            let (off, on) = raised.setting.values();
            // Somebody else has had a say in it since.
            if seen.value == on {
                self.change(Some(sysctl(&raised, on)), sysctl(&raised, off));
            }
        }
        // They are told of all the same: where the devices are put back, these are put back too.
        let gone: Vec<&Raised> = ruleset.raised.difference(&kept).filter(|r| going.contains(&r.device)).collect();
        for (raised, seen) in settings::values(session, gone, &BTreeSet::new()).await? {
            if seen.there && seen.value == raised.setting.values().1 {
                let setting = sysctl(&raised, &seen.value);
                self.desired.remove(&setting.key());
                self.observed.insert(Entry::unmarked(setting));
            }
        }
        match rest {
            Some(rest) => self.desired.insert(Entry::unmarked(Resource::Ruleset(rest))),
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

/// Whose an entry of the table is, as it is said.
pub fn said(owner: &Owner) -> String {
    if *owner == Owner::verbs() { "without a lab".to_owned() } else { format!("by lab {owner}") }
}
