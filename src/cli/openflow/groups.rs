//! `groups`, `add-group`, `mod-group`, `del-groups`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::flow::packets;
use super::input::{Input, Line};
use super::run::{Takes, Target};
use super::syntax;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::ports::SwitchPorts;
use crate::cli::session::Session;
use crate::cli::told::Told;
use crate::model::SwitchName;

const WHAT: &str = "groups";
/// What a line of a file may begin with (ovs-ofctl(8), `add-groups`).
const KEYWORDS: [&str; 6] = ["add", "modify", "add_or_mod", "delete", "insert_bucket", "remove_bucket"];

/// A group: a packet goes through one of its buckets (`select`, `ff`), through all (`all`), or through its only one (`indirect`).
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Group {
    group_id: u32,
    #[serde(rename = "type")]
    kind: String,
    /// As ovs-ofctl(8) has it, from `type=` on.
    group: String,
    packets: u64,
    bytes: u64,
    buckets: Vec<Bucket>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Bucket {
    /// `weight:2,watch_port:ns1,actions=output:ns1`
    bucket: String,
    packets: u64,
    bytes: u64,
}

#[derive(Debug, Args)]
#[command(
    after_help = "ovsns runs ovs-ofctl(8) for it. Each group stands as add-group takes it, and behind # what went through it."
)]
pub struct Groups {
    /// The switch
    switch: SwitchName,
    /// Only this group
    #[arg(value_name = "GROUP-ID")]
    group: Option<u32>,
}

impl Groups {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let (described, what) = (described(&target, self.group)?, "list the groups of");
        let id = self.group.map(|id| format!("group_id={id}"));
        let id: Vec<&str> = id.iter().map(String::as_str).collect();
        let counted = target.run(what, &target.words(Takes::Later, "dump-group-stats", &id)?, "")?;
        let counted: BTreeMap<u32, &str> =
            counted.lines().filter_map(|line| Some((group_id(line)?.0, line.trim()))).collect();
        let groups: Vec<Group> =
            described.lines().filter_map(|line| Group::parse(line, &counted, &target.ports)).collect();
        let lines: Vec<String> = groups.iter().map(Group::line).collect();
        Ok(Report::new(lines.join("\n"), json!({"switch": self.switch, "groups": groups})))
    }
}

/// What `ovs-ofctl dump-groups` prints, of one group, which has to be there, or of all.
fn described(target: &Target<'_>, group: Option<u32>) -> Result<String, Failure> {
    let id = group.map(|id| id.to_string());
    let words = target.words(Takes::Later, "dump-groups", &id.iter().map(String::as_str).collect::<Vec<_>>())?;
    let described = target.run("list the groups of", &words, "")?;
    match group {
        Some(id) if !described.lines().any(|line| group_id(line).is_some()) => {
            Err(Failure::new(format!("there is no group {id} on switch {}", target.switch()))
                .hint(format!("ovsns groups {} lists them", target.switch())))
        }
        _ => Ok(described),
    }
}

/// The number at the beginning of a line, and what follows.
fn group_id(line: &str) -> Option<(u32, &str)> {
    let (id, rest) = line.trim().strip_prefix("group_id=")?.split_once(',')?;
    Some((id.parse().ok()?, rest))
}

impl Group {
    fn parse(line: &str, counted: &BTreeMap<u32, &str>, ports: &SwitchPorts) -> Option<Group> {
        let (group_id, rest) = group_id(line)?;
        let group = syntax::named(rest, ports);
        let kind = group.split(',').find_map(|word| word.strip_prefix("type=")).unwrap_or_default().to_owned();
        let stats = counted.get(&group_id).copied().unwrap_or_default();
        let (own, of_buckets) = stats.split_once("bucket0:").unwrap_or((stats, ""));
        let mut of_buckets = of_buckets.split(",bucket");
        let bucket = |text: &str| {
            let counted = of_buckets.next().unwrap_or_default();
            let (packets, bytes) = (count(counted, "packet_count="), count(counted, "byte_count="));
            Bucket { bucket: text.to_owned(), packets, bytes }
        };
        let buckets = group.split("bucket=").skip(1).map(|text| text.trim_end_matches(',')).map(bucket).collect();
        let (packets, bytes) = (count(own, "packet_count="), count(own, "byte_count="));
        Some(Group { group_id, kind, packets, bytes, buckets, group })
    }

    fn line(&self) -> String {
        let of_each: Vec<String> = self.buckets.iter().map(|bucket| bucket.packets.to_string()).collect();
        let of_each = if of_each.len() > 1 { format!(" ({})", of_each.join(" + ")) } else { String::new() };
        let counted = format!("{}{of_each}, {} bytes", packets(self.packets), self.bytes);
        format!("group_id={},{}  # {counted}", self.group_id, self.group)
    }
}

/// The number behind `key`.
fn count(text: &str, key: &str) -> u64 {
    text.split([',', ':']).find_map(|word| word.strip_prefix(key)?.parse().ok()).unwrap_or_default()
}

const ADD_HELP: &str = "\
ovsns runs ovs-ofctl(8) for it. Groups live in ovs-vswitchd, and are gone when it ends. A packet
gets to a group by a flow with actions=group:ID. Several groups, and those of a file, are added
together or not at all (--bundle).

Examples:
  ovsns add-group OVS-1 group_id=1,type=all,bucket=actions=ns2,bucket=actions=ns3
  ovsns add-group OVS-1 group_id=2,type=select,bucket=weight:2,actions=ns2,bucket=weight:1,actions=ns3
  ovsns add-group OVS-1 group_id=3,type=ff,bucket=watch_port:ns2,actions=ns2,bucket=watch_port:ns3,actions=ns3";

#[derive(Debug, Args)]
#[command(after_help = ADD_HELP)]
pub struct AddGroup {
    /// The switch
    switch: SwitchName,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    told: Told,
}

impl AddGroup {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let lines = self.input.lines("group", &KEYWORDS)?;
        let target = Target::open(session, &self.switch, WHAT).await?;
        let report = put(&target, &self.told, ("add-group", "add"), &lines)?;
        target.note_where_it_lives(&self.told, WHAT);
        Ok(report)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "ovsns runs ovs-ofctl(8) for it. The group keeps its number and the flows that lead to it.")]
pub struct ModGroup {
    /// The switch
    switch: SwitchName,
    #[command(flatten)]
    input: Input,
    /// Add it, if it is not there
    #[arg(long)]
    may_create: bool,
    #[command(flatten)]
    told: Told,
}

impl ModGroup {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let lines = self.input.lines("group", &KEYWORDS)?;
        let target = Target::open(session, &self.switch, WHAT).await?;
        let how = if self.may_create { ("--may-create mod-group", "add_or_mod") } else { ("mod-group", "modify") };
        put(&target, &self.told, how, &lines)
    }
}

fn put(target: &Target<'_>, told: &Told, how: (&str, &'static str), lines: &[Line]) -> Result<Report, Failure> {
    let (command, keyword) = how;
    let sign = |line: &Line| match line.keyword.unwrap_or(keyword) {
        "add" => '+',
        "delete" => '-',
        _ => '~',
    };
    let said = |line: &Line| format!("{} group {} on {}", sign(line), line.text, target.switch());
    let said: Vec<String> = lines.iter().map(said).collect();
    let resolved = |line: &Line| Ok((line.keyword, syntax::resolve(&line.text, &target.ports)?));
    let ready: Vec<(Option<&str>, String)> = lines.iter().map(resolved).collect::<Result<_, Failure>>()?;
    let what = "change the groups of";
    if let [(None, text)] = ready.as_slice() {
        let words = target.words(Takes::Later, command, &[text])?;
        return target.change(told, what, &words, "", &said);
    }
    let input: String = ready.iter().map(|(own, text)| format!("{} {text}\n", own.unwrap_or(keyword))).collect();
    let words = target.words(Takes::Later, "--bundle add-groups", &["-"])?;
    target.change(told, what, &words, &input, &said)
}

#[derive(Debug, Args)]
#[command(after_help = "ovsns runs ovs-ofctl(8) for it. The flows that lead to a group go with it.")]
pub struct DelGroups {
    /// The switch
    switch: SwitchName,
    /// Only this group; all, if it is not given
    #[arg(value_name = "GROUP-ID")]
    group: Option<u32>,
    #[command(flatten)]
    told: Told,
}

impl DelGroups {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let target = Target::open(session, &self.switch, WHAT).await?;
        let which = self.group.map(|id| format!("group_id={id}"));
        let words = target.words(Takes::Later, "del-groups", &which.iter().map(String::as_str).collect::<Vec<_>>())?;
        let described = described(&target, self.group)?;
        let groups = described.lines().filter_map(|line| Some(group_id(line)?.0));
        let lines: Vec<String> = groups.map(|id| format!("- group {id} on {}", self.switch)).collect();
        target.change(&self.told, "delete groups of", &words, "", &lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BackendName, Switch};

    #[test]
    fn a_group_and_its_counters_are_put_together() {
        let switch = Switch::new("br1".parse().unwrap(), BackendName::Ovs);
        let ports = SwitchPorts { switch, protocols: Vec::new(), ports: Vec::new() };
        let counted = BTreeMap::from([(
            1,
            "group_id=1,duration=0.039s,ref_count=0,packet_count=5,byte_count=50,bucket0:packet_count=2,byte_count=20,bucket1:packet_count=3,byte_count=30",
        )]);
        let line =
            " group_id=1,type=select,bucket=bucket_id:0,weight:2,actions=output:1,bucket=bucket_id:1,actions=output:2";
        let group = Group::parse(line, &counted, &ports).unwrap();
        assert_eq!((group.group_id, group.kind.as_str(), group.packets, group.bytes), (1, "select", 5, 50));
        let buckets: Vec<_> =
            group.buckets.iter().map(|bucket| (bucket.bucket.as_str(), bucket.packets, bucket.bytes)).collect();
        assert_eq!(
            buckets,
            [("bucket_id:0,weight:2,actions=output:1", 2, 20), ("bucket_id:1,actions=output:2", 3, 30)]
        );
        assert_eq!(group.line(), format!("{}  # 5 packets (2 + 3), 50 bytes", line.trim()));
        assert_eq!(Group::parse("OFPST_GROUP_DESC reply (OF1.3) (xid=0x2):", &counted, &ports), None);
    }
}
