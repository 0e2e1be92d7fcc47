//! `test`: who reaches whom in a lab.

mod advice;
mod ask;
mod checks;
mod junit;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::global::seconds;
use crate::cli::output::Report;
use crate::cli::session::{Session, check_privileges};
use crate::lab::{Expectation, Facts};
use crate::model::{Datapath, Entry, Place, Resource, State};
use crate::probe::Terms;

use super::file::LabFile;
use advice::{look_at, reason};
use ask::{Outcome, ask};
use checks::{Addresses, Check, checks};
use shown::{Pairs, target, text};

/// The exit status where a pair is not as expected.
const NOT_AS_EXPECTED: u8 = 1;
/// How many questions are held in memory at most.
const QUESTIONS_MAX: usize = 4_000_000;
/// More take so long that somebody may wonder.
const MANY: usize = 100_000;

#[derive(Debug, Args)]
#[command(after_help = "\
Each namespace asks (ICMP and ICMPv6 echo) all others in its subnets, and the switches' own devices that
have addresses, which are the row and column `host`. Who does not answer is asked again until --wait is
over. `expect:` in the file says otherwise for some, and adds pairs across routers.

Examples:
  ovsns test lab.yaml
  ovsns test lab.yaml --wait 40              of switches that speak STP, ports forward after 30 s
  ovsns test lab.yaml --junit result.xml     a test case for each address, for build servers
  ovsns test lab.yaml --only ns1,ns2 --json
  ovsns test --all                           what there is, without a file

Exit status: 1 where a pair that is to reach each other does not, or one that is not to, does.")]
pub struct Test {
    #[command(flatten)]
    file: LabFile,
    /// Without a file: the named namespaces and the switches that there are, as they are
    #[arg(long)]
    all: bool,
    /// How long to ask again those who do not answer
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "5")]
    wait: Duration,
    /// How many answers to take of each; the fastest counts
    #[arg(long, value_name = "ANSWERS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
    /// Only pairs with one of these at either end
    #[arg(long, value_name = "NETNS", value_delimiter = ',')]
    only: Vec<Place>,
    /// Of each subnet, let each ask only so many others: of thousands of namespaces, all pairs are millions
    #[arg(long, value_name = "OTHERS", value_parser = clap::value_parser!(u32).range(1..))]
    peers: Option<u32>,
    /// Write a JUnit document into this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// What is to be tested.
struct Subject {
    name: String,
    state: State,
    expectations: Vec<Expectation>,
}

impl Test {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let subject = self.subject(session).await?;
        check_privileges()?;
        let addresses = Addresses::of(&subject.state);
        let checks = self.checks(session, &subject, &addresses)?;
        let outcomes = ask(checks, &addresses, Terms { wait: self.wait, count: self.count })?;
        if let Some(path) = &self.junit {
            junit::write(path, &subject.name, &subject.state, &outcomes)?;
        }
        let pairs = Pairs::of(&outcomes);
        let document = json!({
            "lab": subject.name,
            "pairs": outcomes.iter().map(|outcome| in_json(&subject.state, outcome)).collect::<Vec<_>>(),
            "asked": pairs.count(),
            "as_expected": pairs.well(),
        });
        let code = if pairs.well() == pairs.count() { 0 } else { NOT_AS_EXPECTED };
        Ok(Report::new(text(&subject.state, &outcomes), document).code(code))
    }

    async fn subject(&self, session: &Session<'_>) -> Result<Subject, Failure> {
        if self.all && self.file.is_named() {
            return Err(Failure::usage("--all tests what there is, without a file").hint("leave one of the two out"));
        }
        if self.all {
            let state = reachable(session.observe(Scope::All).await?);
            return Ok(Subject { name: "host".to_owned(), state, expectations: Vec::new() });
        }
        let lab = self.file.read()?;
        let mut external = BTreeMap::new();
        for name in lab.external_switches() {
            external.insert(name.clone(), session.switch(name).await?.1);
        }
        // Where addresses are does not depend on any of this.
        let (backend, datapath) = (session.backend_for_new().0, Datapath::Netdev);
        let state = lab.state(&Facts {
            backend,
            datapath,
            tx_checksum_off: false,
            external,
            out: None,
            tunnel_mtus: BTreeMap::new(),
        });
        Ok(Subject { name: lab.owner.to_string(), state, expectations: lab.expect })
    }

    fn checks(&self, session: &Session<'_>, subject: &Subject, addresses: &Addresses) -> Result<Vec<Check>, Failure> {
        for place in &self.only {
            if !addresses.has(place) {
                return Err(Failure::usage(format!("{} has no namespace {place} with an address", subject.name)));
            }
        }
        let peers = self.peers.and_then(|peers| usize::try_from(peers).ok());
        let most = addresses.pairs(peers);
        if most > QUESTIONS_MAX {
            return Err(
                Failure::usage(format!("{most} pairs are too many")).hint("let each ask some others: --peers 10")
            );
        }
        let mut checks = checks(addresses, &subject.expectations, peers);
        let is_picked =
            |check: &Check| self.only.iter().any(|place| *place == check.from || Some(place) == check.to.as_ref());
        checks.retain(|check| self.only.is_empty() || is_picked(check));
        if checks.is_empty() {
            return Err(Failure::new(format!("there is nothing to ask in {}", subject.name))
                .hint("no two namespaces have addresses in one subnet, and the file has no expect: of others"));
        }
        if checks.len() > MANY {
            let count = checks.len();
            session.output.note(&format!("asking {count} times; --peers 10 has each ask ten others of its subnet"));
        }
        Ok(checks)
    }
}

/// Of what there is, namespaces with a name, and of the host the switches' own devices.
fn reachable(state: State) -> State {
    let switch = |resource: &Resource| match resource {
        Resource::Switch(switch) => Some(switch.name.device()),
        _ => None,
    };
    let own: BTreeSet<_> = state.resources().filter_map(switch).collect();
    let counts = |entry: &&Entry| match &entry.resource {
        Resource::Address(address) if address.place == Place::Host => own.contains(&address.device),
        Resource::Address(address) => address.place.name().is_some(),
        _ => true,
    };
    state.entries().filter(counts).cloned().collect()
}

fn in_json(state: &State, outcome: &Outcome) -> Value {
    let mut pair = json!({
        "from": outcome.check.from,
        "to": target(outcome),
        "address": outcome.check.address,
        "expected": outcome.check.expected,
        "reached": outcome.rtt.is_some(),
        "rtt_ms": outcome.rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
    });
    if !outcome.is_well() {
        pair["reason"] = json!(reason(outcome));
        pair["look_at"] = json!(look_at(state, outcome));
    }
    pair
}
