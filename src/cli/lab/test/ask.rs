//! Asking: sockets in all namespaces, and what was found out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use nix::libc::{EADDRNOTAVAIL, EHOSTUNREACH, ENETUNREACH};
use rustix::process::{Resource as Limit, Rlimit, getrlimit, setrlimit};

use crate::cli::failure::{Failure, PRIVILEGE_HINT};
use crate::cli::session::{self, Learned};
use crate::model::Place;
use crate::probe::{Between, Error, Finding, Pair, Prober, Question, Sockets, Terms, Trouble, survey};

use super::checks::{Addresses, Check};

/// What came of a check.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was asked.
    pub check: Check,
    /// How long the answer took; `None`: there was none.
    pub rtt: Option<Duration>,
    /// Why there was none, as far as it is known.
    pub silence: Silence,
}

/// Why an answer did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Nothing is known.
    Unknown,
    /// The namespace that was to ask could not be entered, for this reason.
    Absent(String),
    /// The namespace that was to ask has no way there.
    NoRoute,
    /// Nobody says that he has the address.
    NoNeighbour,
    /// The kernel did not even search for who has the address.
    NoSearch,
    /// What the kernel or somebody on the way said.
    Told(String),
}

impl Outcome {
    /// Whether it is as expected.
    pub fn is_well(&self) -> bool {
        self.rtt.is_some() == self.check.expected
    }
}

/// A namespace that asks or is asked.
enum Member {
    /// The number of its sockets, if it asks, and what it learns.
    Entered {
        source: Option<usize>,
        learned: Learned,
    },
    Absent(String),
}

/// Asks all checks.
pub fn ask(checks: Vec<Check>, addresses: &Addresses, terms: Terms) -> Result<Vec<Outcome>, Failure> {
    raise_open_files();
    let routers = addresses.between_subnets();
    let mut sources = Vec::new();
    let members = enter(&checks, &routers, &mut sources)?;
    let source = |place: &Place| match members.get(place) {
        Some(Member::Entered { source, .. }) => *source,
        _ => None,
    };
    // Of those who cannot ask nothing is asked.
    let numbers: Vec<usize> = (0..checks.len()).filter(|number| source(&checks[*number].from).is_some()).collect();
    let question = |number: &usize| {
        let check = &checks[*number];
        let pair = Pair { source: source(&check.from).unwrap_or_default(), target: check.address };
        Question { pair, partner: check.to.as_ref().and_then(source), expected: check.expected }
    };
    let questions: Vec<Question> = numbers.iter().map(question).collect();
    let of_lab = checks.iter().map(|check| check.address).chain(addresses.all()).collect();
    let mut cleaner =
        Cleaner { checks: &checks, numbers: &numbers, members, of_lab, routers, addresses, searched: HashMap::new() };
    let mut prober = Prober::new(sources).map_err(failed)?;
    let findings = survey(&mut prober, &questions, terms, &mut cleaner).map_err(failed)?;
    let Cleaner { members, searched, .. } = cleaner;
    let mut found: BTreeMap<usize, Finding> = numbers.iter().copied().zip(findings).collect();
    let outcome = |(number, check): (usize, Check)| match (found.remove(&number), members.get(&check.from)) {
        (Some(finding), _) => {
            let silence = silence(&finding, searched.get(&number));
            Outcome { check, rtt: finding.rtt, silence }
        }
        (None, Some(Member::Absent(why))) => Outcome { check, rtt: None, silence: Silence::Absent(why.clone()) },
        (None, _) => Outcome { check, rtt: None, silence: Silence::Unknown },
    };
    Ok(checks.clone().into_iter().enumerate().map(outcome).collect())
}

/// Up to three files are open for each namespace, and the usual limit is 1,024.
fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Limit::Nofile);
    // It may be enough as it is.
    let _ = setrlimit(Limit::Nofile, Rlimit { current: maximum, maximum });
}

/// Opens what is needed in each namespace that has part in it; `sources` are the sockets of those that ask.
fn enter(
    checks: &[Check],
    routers: &BTreeSet<Place>,
    sources: &mut Vec<Sockets>,
) -> Result<BTreeMap<Place, Member>, Failure> {
    // For each place, by which families it asks.
    let mut places: BTreeMap<&Place, (bool, bool)> = routers.iter().map(|place| (place, (false, false))).collect();
    for check in checks {
        let (v4, v6) = places.entry(&check.from).or_default();
        *v4 |= check.address.is_ipv4();
        *v6 |= check.address.is_ipv6();
        if let Some(to) = &check.to {
            places.entry(to).or_default();
        }
    }
    let mut members = BTreeMap::new();
    for (place, (v4, v6)) in places {
        let open = || (Learned::of_this_thread(), (v4 || v6).then(|| Sockets::open(v4, v6)).transpose());
        let member = match session::inside(place, open) {
            Err(error) => Member::Absent(Failure::from(error).causes.join(": ")),
            Ok((learned, sockets)) => {
                let source = sockets.map_err(failed)?.map(|sockets| {
                    sources.push(sockets);
                    sources.len() - 1
                });
                Member::Entered { source, learned: learned? }
            }
        };
        members.insert(place.clone(), member);
    }
    Ok(members)
}

/// Takes out of the neighbour tables what each batch has left there, and notes who was searched for in vain.
struct Cleaner<'a> {
    checks: &'a [Check],
    /// The number of the check of each question.
    numbers: &'a [usize],
    members: BTreeMap<Place, Member>,
    of_lab: HashSet<IpAddr>,
    routers: BTreeSet<Place>,
    addresses: &'a Addresses,
    /// Of the checks that were silent when they were asked last, what the neighbour tables say of it.
    searched: HashMap<usize, Silence>,
}

impl Between for Cleaner<'_> {
    fn after(&mut self, asked: &[usize], findings: &[Finding]) {
        let checks = || asked.iter().map(|question| &self.checks[self.numbers[*question]]);
        let mut places: BTreeSet<Place> = checks().map(|check| check.from.clone()).collect();
        places.extend(checks().filter_map(|check| check.to.clone()));
        places.extend(self.routers.iter().cloned());
        let mut seen: HashMap<&Place, HashMap<IpAddr, bool>> = HashMap::new();
        for place in &places {
            let Some(Member::Entered { learned, .. }) = self.members.get_mut(place) else { continue };
            // A namespace may go meanwhile; what is not forgotten only makes it slower.
            if let Ok(there) = learned.forget(|ip| self.of_lab.contains(&ip)) {
                seen.insert(place, there);
            }
        }
        for question in asked {
            let number = self.numbers[*question];
            let Check { from, address, .. } = &self.checks[number];
            let found = seen.get(from).map(|there| there.get(address));
            let why = match found {
                Some(Some(false)) => Some(Silence::NoNeighbour),
                Some(None) if self.addresses.share_subnet(from, *address) => Some(Silence::NoSearch),
                _ => None,
            };
            match why.filter(|_| findings[*question].rtt.is_none()) {
                Some(why) => self.searched.insert(number, why),
                None => self.searched.remove(&number),
            };
        }
    }
}

fn silence(finding: &Finding, searched: Option<&Silence>) -> Silence {
    let number = |error: &io::Error| error.raw_os_error().unwrap_or_default();
    match (&finding.trouble, searched) {
        (Some(Trouble::Unsent(error)), _) if [ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL].contains(&number(error)) => {
            Silence::NoRoute
        }
        (_, Some(Silence::NoNeighbour)) => Silence::NoNeighbour,
        (Some(Trouble::Refused(refusal)), _) => Silence::Told(refusal.to_string()),
        (_, Some(why)) => why.clone(),
        (Some(Trouble::Unsent(error)), None) => Silence::Told(format!("the request cannot be sent: {error}")),
        (None, None) => Silence::Unknown,
    }
}

fn failed(error: Error) -> Failure {
    let failure = Failure::new("cannot ask who reaches whom").cause(&error);
    if error.is_not_permitted() {
        failure.hint(format!("{PRIVILEGE_HINT}; raw sockets take CAP_NET_RAW"))
    } else if error.is_too_many_files() {
        failure.hint("a namespace takes up to three open files: allow more (ulimit -n), or test a part: --only")
    } else {
        failure
    }
}
