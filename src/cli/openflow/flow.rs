//! A line of `ovs-ofctl dump-flows`.

use serde::Serialize;

use super::syntax;
use crate::cli::ports::SwitchPorts;

/// What a flow has that says nothing of its priority (openflow-1.0.h, `OFP_DEFAULT_PRIORITY`).
const PRIORITY: u32 = 0x8000;
/// The flags of a flow, which stand between commas and blanks alike (ovs-ofctl(8)).
const FLAGS: [&str; 5] = ["send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"];
/// What is told of a flow besides its match, and can be asked for too.
const SETTINGS: [&str; 3] = ["idle_timeout", "hard_timeout", "importance"];

/// A flow: what it matches, what it does, and how often it has.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flow {
    /// The number of its table, or its name.
    pub table: Table,
    pub priority: u32,
    /// Hexadecimal, after `0x`.
    pub cookie: String,
    pub packets: u64,
    pub bytes: u64,
    /// How long it has been there, in seconds.
    pub duration: f64,
    /// `idle_timeout=60`, `send_flow_rem` and the like.
    pub settings: Vec<String>,
    #[serde(rename = "match")]
    pub matches: String,
    pub actions: String,
}

/// A table of a switch: tables may be given names (ovs-vswitchd.conf.db(5), Flow_Table).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Table {
    Number(u32),
    Name(String),
}

impl Flow {
    /// Reads a line, with the names of `ports`; `None` where the line is no flow.
    pub fn parse(line: &str, ports: &SwitchPorts) -> Option<Flow> {
        let (head, actions) = line.trim().split_once("actions=")?;
        let mut flow = Flow {
            table: Table::Number(0),
            priority: PRIORITY,
            cookie: "0x0".to_owned(),
            packets: 0,
            bytes: 0,
            duration: 0.0,
            settings: Vec::new(),
            matches: String::new(),
            actions: syntax::named(actions.trim(), ports),
        };
        let mut matches = Vec::new();
        for word in head.split([',', ' ']).filter(|word| !word.is_empty()) {
            if !flow.take(word)? {
                matches.push(word);
            }
        }
        flow.matches = syntax::named(&matches.join(","), ports);
        Some(flow)
    }

    /// Whether `word` is no part of the match; `None` where it makes no sense.
    fn take(&mut self, word: &str) -> Option<bool> {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        match key {
            "cookie" => self.cookie = value.to_owned(),
            "duration" => self.duration = value.strip_suffix('s')?.parse().ok()?,
            "table" => {
                self.table =
                    value.parse().map_or_else(|_| Table::Name(value.trim_matches('"').to_owned()), Table::Number);
            }
            "n_packets" => self.packets = value.parse().ok()?,
            "n_bytes" => self.bytes = value.parse().ok()?,
            "priority" => self.priority = value.parse().ok()?,
            "idle_age" | "hard_age" => {}
            key if FLAGS.contains(&key) || SETTINGS.contains(&key) => self.settings.push(word.to_owned()),
            _ => return Some(false),
        }
        Some(true)
    }

    /// The flow as `add-flow` takes it, and behind `#` what has come of it.
    pub fn line(&self) -> String {
        let table = match &self.table {
            Table::Number(number) => number.to_string(),
            Table::Name(name) => name.clone(),
        };
        let mut words = vec![format!("table={table}"), format!("priority={}", self.priority)];
        words.extend((self.cookie != "0x0").then(|| format!("cookie={}", self.cookie)));
        words.extend(self.settings.iter().cloned());
        words.extend((!self.matches.is_empty()).then(|| self.matches.clone()));
        let counted = format!("{}, {} bytes, {} s", packets(self.packets), self.bytes, self.duration.round());
        format!("{} actions={}  # {counted}", words.join(","), self.actions)
    }
}

pub fn packets(count: u64) -> String {
    format!("{count} packet{}", if count == 1 { "" } else { "s" })
}

/// In the order in which the switch looks: the tables, and of a table the highest priority first.
pub fn sort(flows: &mut [Flow]) {
    flows.sort_by(|one, other| (&one.table, other.priority).cmp(&(&other.table, one.priority)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BackendName, Switch};

    fn parse(line: &str) -> Option<Flow> {
        let switch = Switch::new("br1".parse().unwrap(), BackendName::Ovs);
        Flow::parse(line, &SwitchPorts { switch, protocols: Vec::new(), ports: Vec::new() })
    }

    #[test]
    fn all_that_a_line_tells_is_read() {
        let flow = parse(
            r#" cookie=0x5, duration=12.5s, table=1, n_packets=3, n_bytes=294, idle_timeout=60, send_flow_rem reset_counts importance=7, idle_age=1, priority=100,icmp,in_port="x" actions=resubmit(,2),output:"y""#,
        )
        .unwrap();
        assert_eq!((flow.table.clone(), flow.priority, flow.cookie.as_str()), (Table::Number(1), 100, "0x5"));
        assert_eq!((flow.packets, flow.bytes, flow.duration), (3, 294, 12.5));
        assert_eq!(
            (flow.matches.as_str(), flow.actions.as_str()),
            (r#"icmp,in_port="x""#, r#"resubmit(,2),output:"y""#)
        );
        assert_eq!(
            flow.line(),
            r#"table=1,priority=100,cookie=0x5,idle_timeout=60,send_flow_rem,reset_counts,importance=7,icmp,in_port="x" actions=resubmit(,2),output:"y"  # 3 packets, 294 bytes, 13 s"#
        );
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let flow = parse(" cookie=0x0, duration=1s, table=0, n_packets=1, n_bytes=2,  actions=NORMAL").unwrap();
        assert_eq!((flow.priority, flow.matches.as_str()), (32768, ""));
        assert_eq!(flow.line(), "table=0,priority=32768 actions=NORMAL  # 1 packet, 2 bytes, 1 s");
    }

    #[test]
    fn other_lines_are_no_flows() {
        assert_eq!(parse("NXST_FLOW reply (xid=0x4):"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn flows_stand_as_the_switch_looks_at_them() {
        let line = |table: u32, priority: u32| format!("table={table}, priority={priority} actions=drop");
        let mut flows = [line(1, 5), line(0, 0), line(0, 9)].map(|line| parse(&line).unwrap());
        sort(&mut flows);
        let order: Vec<_> = flows.iter().map(|flow| (flow.table.clone(), flow.priority)).collect();
        assert_eq!(order, [(Table::Number(0), 9), (Table::Number(0), 0), (Table::Number(1), 5)]);
    }
}
