//! What `ofproto/trace` prints (ovs-vswitchd(8)), read.

use serde::Serialize;

use crate::cli::openflow::syntax::{items, named, named_actions};
use crate::cli::ports::SwitchPorts;

/// The way of a packet through the tables, and where it ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The lines, with our names.
    pub lines: Vec<String>,
    /// The flows that it met, in order.
    pub matched: Vec<Matched>,
    /// What the datapath is told to do.
    pub actions: Vec<String>,
    pub outputs: Vec<Output>,
    pub to_controller: bool,
    /// By a hash that a trace does not know, a group sends it through one of its buckets.
    pub undecided: bool,
    /// What is said last of why it is dropped.
    pub why: Option<String>,
}

/// A flow that it met, or that there was none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Matched {
    pub bridge: String,
    pub table: String,
    /// `None` where no flow matched.
    pub priority: Option<u32>,
    #[serde(rename = "match")]
    pub matches: String,
}

/// Where it goes out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Output {
    pub device: String,
    /// The tag that it gets on the way out.
    pub vlan: Option<u16>,
}

impl Answer {
    pub fn parse(text: &str, ports: &SwitchPorts) -> Answer {
        let mut answer = Answer::default();
        let mut bridge = String::new();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("bridge(\"").and_then(|rest| rest.strip_suffix("\")")) {
                bridge = name.to_owned();
            }
            answer.matched.extend(matched(line, &bridge, ports));
            if let Some(actions) = line.strip_prefix("Datapath actions: ") {
                answer.take(actions);
                answer.actions.push(actions.to_owned());
            }
            if let Some(why) = reason(line) {
                answer.why = Some(why.to_owned());
            }
            answer.lines.push(line_with_names(line, ports));
        }
        answer
    }

    /// Whether nobody gets it.
    pub fn is_dropped(&self) -> bool {
        self.outputs.is_empty() && !self.to_controller && !self.undecided
    }

    fn take(&mut self, actions: &str) {
        let mut vlan = None;
        for (action, _) in items(actions) {
            let (name, inner) = action.split_once('(').unwrap_or((action, ""));
            let inner = inner.strip_suffix(')').unwrap_or(inner);
            match name {
                "push_vlan" => vlan = inner.split(',').find_map(|word| word.strip_prefix("vid=")?.parse().ok()),
                "pop_vlan" => vlan = None,
                "clone" => self.take(inner),
                "tnl_push" => self.through_tunnel(inner),
                "userspace" => self.to_controller |= inner.contains("controller("),
                // The way goes on behind it where it is for connection tracking: that is in the trace too.
                "recirc" => self.undecided |= actions.contains("hash("),
                "drop" | "" => {}
                _ if action.contains('(') || STEPS.contains(&name) => {}
                device => self.outputs.push(Output { device: device.trim_matches('"').to_owned(), vlan }),
            }
        }
    }

    /// `tnl_push(tnl_port(vxlan_sys_4789),header(…),out_port(br-phy))`
    fn through_tunnel(&mut self, inner: &str) {
        let device = |(word, _): (&str, &str)| {
            let name = word.strip_prefix("tnl_port(")?.strip_suffix(')')?;
            Some(Output { device: name.trim_matches('"').to_owned(), vlan: None })
        };
        self.outputs.extend(items(inner).into_iter().find_map(device));
    }
}

/// What the datapath does on the way, as a word alone (`format_odp_action`, lib/odp-util.c).
const STEPS: [&str; 7] = ["ct", "ct_clear", "pop_eth", "push_eth", "pop_nsh", "dec_ttl", "tnl_pop"];

/// ` 0. icmp,in_port="veth-ns1", priority 10, cookie 0x5`, ` 1. priority 0`, ` 2. No match.`
fn matched(line: &str, bridge: &str, ports: &SwitchPorts) -> Option<Matched> {
    let (table, rest) = line.trim_start().split_once(". ")?;
    if table.is_empty() || table.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        return None;
    }
    let entry = |priority, matches: &str| {
        let matches = named(matches, ports);
        Some(Matched { bridge: bridge.to_owned(), table: table.to_owned(), priority, matches })
    };
    if rest.starts_with("No match") {
        return entry(None, "");
    }
    let (matches, tail) = match rest.strip_prefix("priority ") {
        Some(tail) => ("", tail),
        None => rest.rsplit_once(", priority ")?,
    };
    let priority = tail.split(',').next()?.parse().ok()?;
    entry(Some(priority), matches)
}

/// ` -> packet has reserved destination MAC, dropping`, ` >> native tunnel routing failed`
fn reason(line: &str) -> Option<&str> {
    let text = line.trim_start();
    let why = text.strip_prefix("-> ").or_else(|| text.strip_prefix(">> "))?;
    (why.contains("drop") || text.starts_with(">>")).then_some(why)
}

fn line_with_names(line: &str, ports: &SwitchPorts) -> String {
    for head in ["Flow: ", "Final flow: ", "Megaflow: "] {
        if let Some(flow) = line.strip_prefix(head) {
            return format!("{head}{}", named(flow, ports));
        }
    }
    if let Some(actions) = line.strip_prefix("Datapath actions: ") {
        return format!("Datapath actions: {}", named_actions(actions, ports));
    }
    named(line, ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ports::SwitchPort;
    use crate::model::{BackendName, End, Switch};

    fn read(text: &str) -> Answer {
        let port = |name: &str, place: &str| SwitchPort {
            name: name.to_owned(),
            inside: Some(End::new(place.parse().unwrap(), "eth1".parse().unwrap())),
            interface: None,
        };
        let ports = SwitchPorts {
            switch: Switch::new("br1".parse().unwrap(), BackendName::Ovs),
            protocols: Vec::new(),
            ports: vec![port("veth-ns1", "ns1"), port("veth-ns2", "ns2")],
        };
        Answer::parse(text, &ports)
    }

    fn devices(answer: &Answer) -> Vec<(&str, Option<u16>)> {
        answer.outputs.iter().map(|output| (output.device.as_str(), output.vlan)).collect()
    }

    #[test]
    fn a_drop_is_told_with_its_flow() {
        let answer = read(
            "Flow: icmp,in_port=\"veth-ns1\",vlan_tci=0x0000\n\nbridge(\"br1\")\n-------------\n \
             0. icmp,in_port=\"veth-ns1\", priority 32768, cookie 0x5\n    drop\n\nFinal flow: unchanged\n\
             Megaflow: recirc_id=0,eth,icmp,in_port=\"veth-ns1\",nw_frag=no\nDatapath actions: drop\n",
        );
        assert!(answer.is_dropped());
        let met = Matched {
            bridge: "br1".to_owned(),
            table: "0".to_owned(),
            priority: Some(32768),
            matches: "icmp,in_port=ns1".to_owned(),
        };
        assert_eq!(answer.matched, [met]);
        assert_eq!(answer.lines[0], "Flow: icmp,in_port=ns1,vlan_tci=0x0000");
    }

    #[test]
    fn outputs_have_the_tags_that_they_get() {
        let answer = read(
            "Datapath actions: push_vlan(vid=10,pcp=0),br1,veth-ns1,pop_vlan,veth-ns2,clone(tnl_push(tnl_port(vxlan_sys_4789),header(size=50,type=4),out_port(br-phy)),7)",
        );
        assert_eq!(
            devices(&answer),
            [("br1", Some(10)), ("veth-ns1", Some(10)), ("veth-ns2", None), ("vxlan_sys_4789", None), ("7", None)]
        );
        assert!(answer.lines[0].starts_with("Datapath actions: push_vlan(vid=10,pcp=0),br1,ns1,pop_vlan,ns2,"));
    }

    #[test]
    fn other_ends_are_told_apart() {
        let controller = read("Datapath actions: userspace(pid=0,controller(reason=1,dont_send=1))");
        assert!(controller.to_controller && controller.outputs.is_empty() && !controller.is_dropped());
        let group = read("Datapath actions: meter(0),hash(sym_l4(0)),recirc(0x1)");
        assert!(group.undecided && !group.is_dropped());
        let tracked = read("Datapath actions: ct(commit),recirc(0x2)\nDatapath actions: veth-ns2");
        assert!(!tracked.undecided);
        assert_eq!(devices(&tracked), [("veth-ns2", None)]);
        let reserved = read(
            " 0. priority 0\n    NORMAL\n     -> packet has reserved destination MAC, dropping\nDatapath actions: drop",
        );
        assert_eq!(reserved.why.as_deref(), Some("packet has reserved destination MAC, dropping"));
        let none = read(" 1. No match.\n    drop\nDatapath actions: drop");
        assert_eq!((none.matched[0].table.as_str(), none.matched[0].priority), ("1", None));
    }
}
