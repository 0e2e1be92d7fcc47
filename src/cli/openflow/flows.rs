//! `flows`, `add-flow`, `mod-flows`, `del-flows`.

use clap::Args;
use serde_json::json;

use super::flow::{self, Flow};
use super::input::{Input, Line};
use super::run::{Takes, Target};
use super::syntax;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::session::Session;
use crate::cli::told::Told;
use crate::model::SwitchName;

const WHAT: &str = "flows";
/// What a line of a file may begin with (ovs-ofctl(8), `add-flows`).
const KEYWORDS: [&str; 5] = ["add", "modify", "modify_strict", "delete", "delete_strict"];

const FLOWS_HELP: &str = "\
The flows stand in the order in which the switch looks at them, each as add-flow takes it; behind
# stands how often it matched, and for how long it has been there. Ports are shown as the
namespaces behind them, where they have one port each. ovsns runs ovs-ofctl(8) for it, through the
switch's management socket.

Examples:
  ovsns flows OVS-1
  ovsns flows OVS-1 icmp,in_port=ns1
  ovsns flows OVS-1 > saved; ovsns del-flows OVS-1; ovsns add-flow OVS-1 --file saved";

#[derive(Debug, Args)]
#[command(after_help = FLOWS_HELP)]
pub struct Flows {
    /// The switch
    switch: SwitchName,
    /// Only those that match this, or less, in the syntax of ovs-ofctl(8)
    #[arg(value_name = "MATCH")]
    matches: Option<String>,
}

impl Flows {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let matches = self.matches.iter().map(|matches| syntax::resolve(matches, &target.ports));
        let matches = matches.collect::<Result<Vec<_>, _>>()?;
        let arguments: Vec<&str> = matches.iter().map(String::as_str).collect();
        let words = target.words(Takes::Any, "dump-flows", &arguments)?;
        let printed = target.run("list the flows of", &words, "")?;
        let mut flows: Vec<Flow> = printed.lines().filter_map(|line| Flow::parse(line, &target.ports)).collect();
        flow::sort(&mut flows);
        let lines: Vec<String> = flows.iter().map(Flow::line).collect();
        Ok(Report::new(lines.join("\n"), json!({"switch": self.switch, "flows": flows})))
    }
}

const ADD_HELP: &str = "\
ovsns runs ovs-ofctl(8) for it, through the switch's management socket. Several flows, and those
of a file, are added together or not at all (--bundle); a line of a file may begin with add,
modify, modify_strict, delete or delete_strict. A flow of the same match and priority is replaced.
Flows live in ovs-vswitchd, and are gone when it ends.

Examples:
  ovsns add-flow OVS-1 priority=10,icmp,in_port=ns1,actions=drop
  ovsns add-flow OVS-1 in_port=ns1,actions=ns2,ns3 in_port=ns2,actions=ns1
  ovsns add-flow OVS-1 --file flows.txt";

#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
pub struct AddFlow {
    /// The switch
    switch: SwitchName,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    told: Told,
}

impl AddFlow {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let lines = self.input.lines("flow", &KEYWORDS)?;
        let target = Target::open(session, &self.switch, WHAT).await?;
        let report = put(&target, &self.told, ("add-flow", "add"), &lines)?;
        target.note_where_it_lives(&self.told, WHAT);
        Ok(report)
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "ovsns runs ovs-ofctl(8) for it. The matched flows get other actions; where none matches, nothing is done."
)]
pub struct ModFlows {
    /// The switch
    switch: SwitchName,
    #[command(flatten)]
    input: Input,
    /// Only the flow with exactly this match and priority
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    told: Told,
}

impl ModFlows {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let lines = self.input.lines("flow", &KEYWORDS)?;
        let target = Target::open(session, &self.switch, WHAT).await?;
        let (command, keyword) =
            if self.strict { ("--strict mod-flows", "modify_strict") } else { ("mod-flows", "modify") };
        put(&target, &self.told, (command, keyword), &lines)
    }
}

/// Hands `lines` to ovs-ofctl: one by its own command, several as a bundle, each with what is to be done.
fn put(target: &Target<'_>, told: &Told, how: (&str, &'static str), lines: &[Line]) -> Result<Report, Failure> {
    let (command, keyword) = how;
    let resolved = |line: &Line| Ok(Line { text: syntax::resolve(&line.text, &target.ports)?, ..line.clone() });
    let ready: Vec<Line> = lines.iter().map(resolved).collect::<Result<_, Failure>>()?;
    let said: Vec<String> = lines.iter().map(|line| said(line, keyword, target.switch())).collect();
    let what = "change the flows of";
    match ready.as_slice() {
        [Line { keyword: None, text }] => {
            let words = target.words(Takes::Any, command, &[text])?;
            target.change(told, what, &words, "", &said)
        }
        several => {
            let line = |line: &Line| format!("{} {}\n", line.keyword.unwrap_or(keyword), line.text);
            let input: String = several.iter().map(line).collect();
            let words = target.words(Takes::Later, "--bundle add-flows", &["-"])?;
            target.change(told, what, &words, &input, &said)
        }
    }
}

fn said(line: &Line, keyword: &str, switch: &SwitchName) -> String {
    let sign = match line.keyword.unwrap_or(keyword) {
        "add" => '+',
        "modify" | "modify_strict" => '~',
        _ => '-',
    };
    let text = if line.text.is_empty() { "all" } else { &line.text };
    format!("{sign} flow {text} on {switch}")
}

const DEL_HELP: &str = "\
ovsns runs ovs-ofctl(8) for it. Without MATCH all flows go, also the one by which the switch
learns and forwards (actions=NORMAL).";

#[derive(Debug, Args)]
#[command(after_help = DEL_HELP)]
pub struct DelFlows {
    /// The switch
    switch: SwitchName,
    /// Those that match this, or less, in the syntax of ovs-ofctl(8); all, if it is not given
    #[arg(value_name = "MATCH")]
    matches: Option<String>,
    /// Only the flow with exactly this match and priority
    #[arg(long, requires = "matches")]
    strict: bool,
    #[command(flatten)]
    told: Told,
}

impl DelFlows {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let matches = self.matches.as_deref().map(|matches| syntax::resolve(matches, &target.ports)).transpose()?;
        let command = if self.strict { "--strict del-flows" } else { "del-flows" };
        let words = target.words(Takes::Any, command, &matches.iter().map(String::as_str).collect::<Vec<_>>())?;
        let line = format!("- flows {} on {}", self.matches.as_deref().unwrap_or("all"), self.switch);
        if !self.told.applies() {
            return target.change(&self.told, "delete flows of", &words, "", &[line]);
        }
        let before = count(&target)?;
        target.run("delete flows of", &words, "")?;
        target.settle(&self.told);
        let left = count(&target)?;
        if left == 0 {
            target.note(&format!(
                "switch {0} has no flow any more, and forwards nothing: ovsns add-flow {0} actions=NORMAL",
                self.switch
            ));
        }
        // Somebody else may have added some at the same moment.
        let deleted = before.saturating_sub(left);
        let text = format!("- {deleted} flow{} on {}", if deleted == 1 { "" } else { "s" }, self.switch);
        Ok(Report::new(text, json!({"switch": self.switch, "deleted": deleted, "left": left, "applied": true})))
    }
}

/// How many flows the switch has.
fn count(target: &Target<'_>) -> Result<u64, Failure> {
    let words = target.words(Takes::Any, "dump-aggregate", &[])?;
    let printed = target.run("count the flows of", &words, "")?;
    let count = printed.split_whitespace().find_map(|word| word.strip_prefix("flow_count=")?.parse().ok());
    count.ok_or_else(|| Failure::new(format!("cannot read what ovs-ofctl counts: `{printed}`")))
}
