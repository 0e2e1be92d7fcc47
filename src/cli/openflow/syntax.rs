//! The ports in a flow or group of ovs-ofctl(8): where they stand, and other names for them.
//!
//! Nothing else of the syntax is understood here: ovs-ofctl does that.

use crate::cli::failure::Failure;
use crate::cli::ports::SwitchPorts;

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where a port is asked for.
    Port,
    /// Where an action is, of which a port's name alone is one.
    Action,
}

/// What has the place of a port and is none (ovs-ofctl(8), "Port Names").
const RESERVED: [&str; 10] =
    ["in_port", "table", "normal", "flood", "all", "controller", "local", "none", "any", "unset"];
/// Actions of a word, which a namespace of that name does not take away.
const ACTIONS: [&str; 11] = [
    "drop",
    "strip_vlan",
    "pop_vlan",
    "dec_ttl",
    "dec_nw_ttl",
    "dec_mpls_ttl",
    "pop_queue",
    "exit",
    "clear_actions",
    "ct_clear",
    "reset_counts",
];
/// Words with a port behind `=`, in a match or a bucket.
const KEYS: [&str; 3] = ["in_port", "out_port", "watch_port"];
/// Words with a port behind `:`.
const VERBS: [&str; 3] = ["output", "watch_port", "resubmit"];

/// The text with each port, of which `ports` has a better name, under that.
type Rename<'a> = dyn FnMut(&str, Place) -> Result<Option<String>, Failure> + 'a;

/// What a user typed, in words that ovs-ofctl knows: namespaces become the ports that they are behind.
pub fn resolve(text: &str, ports: &SwitchPorts) -> Result<String, Failure> {
    rewrite(text, false, &mut |word, place| {
        let bare = word.trim_matches('"');
        let is_other = |words: &[&str]| words.iter().any(|other| bare.eq_ignore_ascii_case(other));
        if bare.is_empty() || bare.contains(['[', '(']) || is_number(bare) || is_other(&RESERVED) {
            return Ok(None);
        }
        match place {
            Place::Port => ports.port(bare).map(|port| Some(quoted(&port.name))),
            Place::Action if is_other(&ACTIONS) => Ok(None),
            Place::Action => Ok(ports.meant(bare)?.map(|port| format!("output:{}", quoted(&port.name)))),
        }
    })
}

/// What ovs-ofctl printed, in the words that a user would type.
pub fn named(text: &str, ports: &SwitchPorts) -> String {
    with_names(text, false, ports)
}

/// The same, of actions, of which a port's name alone may be one.
pub fn named_actions(text: &str, ports: &SwitchPorts) -> String {
    with_names(text, true, ports)
}

fn with_names(text: &str, actions: bool, ports: &SwitchPorts) -> String {
    let renamed = rewrite(text, actions, &mut |word, _| {
        let bare = word.trim_matches('"');
        let port = match bare.parse() {
            Ok(number) => ports.numbered(number).filter(|port| !ports.is_own(port)),
            Err(_) => ports.named(bare),
        };
        Ok(port.map(|port| {
            let label = ports.label(port);
            let is_plain = !is_number(&label) && !RESERVED.iter().any(|word| label.eq_ignore_ascii_case(word));
            if is_plain && label.chars().all(is_safe) { label } else { quoted(&port.name) }
        }))
    });
    // Nothing in there fails.
    renamed.unwrap_or_else(|_| text.to_owned())
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    !digits.is_empty() && (word.parse::<u64>().is_ok() || u64::from_str_radix(digits, 16).is_ok() && digits != word)
}

fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '@')
}

/// A port's name as ovs-ofctl takes it: in quotation marks where it could be taken for something else.
pub fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| is_safe(c) && c != ':')
        && !RESERVED.iter().any(|word| name.eq_ignore_ascii_case(word));
    if plain { name.to_owned() } else { format!("\"{name}\"") }
}

fn rewrite(text: &str, mut actions: bool, rename: &mut Rename<'_>) -> Result<String, Failure> {
    let mut written = String::new();
    for (mut item, separator) in items(text) {
        // `bucket=weight:2,actions=…`, `bucket=actions=…`
        while let Some((head, rest)) =
            ["actions=", "action=", "bucket="].iter().find_map(|head| item.strip_prefix(head).map(|rest| (*head, rest)))
        {
            actions = head != "bucket=";
            written.push_str(head);
            item = rest;
        }
        written.push_str(&one(item, actions, rename)?);
        written.push_str(separator);
    }
    Ok(written)
}

/// One word of a match, or one action.
fn one(item: &str, actions: bool, rename: &mut Rename<'_>) -> Result<String, Failure> {
    let mut port = |word: &str| Ok::<_, Failure>(rename(word, Place::Port)?.unwrap_or_else(|| word.to_owned()));
    if let Some((name, inner)) = item.strip_suffix(')').and_then(|call| call.split_once('(')) {
        return Ok(format!("{name}({})", arguments(name, inner, rename)?));
    }
    if let Some((key, value)) = item.split_once('=').filter(|(key, _)| KEYS.contains(key)) {
        return Ok(format!("{key}={}", port(value)?));
    }
    if let Some(value) = item.strip_prefix("enqueue:") {
        let (value, queue) = value.rsplit_once(':').unwrap_or((value, ""));
        return Ok(format!("enqueue:{}:{queue}", port(value)?));
    }
    if let Some((verb, value)) = item.split_once(':').filter(|(verb, _)| VERBS.contains(verb)) {
        return Ok(format!("{verb}:{}", port(value)?));
    }
    let renamed = if actions { rename(item, Place::Action)? } else { None };
    Ok(renamed.unwrap_or_else(|| item.to_owned()))
}

/// What stands in the parentheses of an action.
fn arguments(name: &str, inner: &str, rename: &mut Rename<'_>) -> Result<String, Failure> {
    match name {
        "resubmit" | "enqueue" => {
            let (port, rest) = inner.split_at(inner.find(',').unwrap_or(inner.len()));
            Ok(format!("{}{rest}", rename(port, Place::Port)?.unwrap_or_else(|| port.to_owned())))
        }
        "output" => {
            let mut written = String::new();
            for (item, separator) in items(inner) {
                written.push_str(&match item.strip_prefix("port=") {
                    Some(port) => format!("port={}", rename(port, Place::Port)?.unwrap_or_else(|| port.to_owned())),
                    None => item.to_owned(),
                });
                written.push_str(separator);
            }
            Ok(written)
        }
        _ => rewrite(inner, matches!(name, "clone" | "write_actions"), rename),
    }
}

/// The parts of `text` between commas and blanks, as far as these stand in no parentheses or quotation marks, each with what
/// separates it from the next.
pub fn items(text: &str) -> Vec<(&str, &str)> {
    let (mut found, mut start, mut depth, mut quotes) = (Vec::new(), 0, 0_usize, false);
    for (index, c) in text.char_indices() {
        match c {
            '"' => quotes = !quotes,
            '(' | '[' if !quotes => depth += 1,
            ')' | ']' if !quotes => depth = depth.saturating_sub(1),
            ',' | ' ' | '\t' if !quotes && depth == 0 => {
                found.push((&text[start..index], &text[index..=index]));
                start = index + 1;
            }
            _ => {}
        }
    }
    found.push((&text[start..], ""));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ports::SwitchPort;
    use crate::model::{BackendName, End, Switch};

    /// A switch with `veth-ns1` and `veth-ns2` of two namespaces, `veth-web` of a container, `eth0`, and two ports of `ns4`.
    fn ports() -> SwitchPorts {
        let port = |(name, place, number): (&str, &str, u32)| {
            let inside = (!place.is_empty()).then(|| End::new(place.parse().unwrap(), "eth1".parse().unwrap()));
            SwitchPort::numbered(name, number, inside)
        };
        let of = [
            ("br1", "", 65534),
            ("veth-ns1", "ns1", 1),
            ("veth-ns2", "ns2", 2),
            ("veth-web", "docker:web", 3),
            ("eth0", "", 4),
            ("veth-ns4", "ns4", 5),
            ("veth2-ns4", "ns4", 6),
            ("veth-drop", "drop", 7),
        ];
        SwitchPorts {
            switch: Switch::new("br1".parse().unwrap(), BackendName::Ovs),
            protocols: Vec::new(),
            ports: of.map(port).to_vec(),
        }
    }

    #[test]
    fn namespaces_become_ports() {
        for (typed, resolved) in [
            ("in_port=ns1,actions=output:ns2", "in_port=veth-ns1,actions=output:veth-ns2"),
            ("in_port=veth-ns1 actions=ns2,eth0,5", "in_port=veth-ns1 actions=output:veth-ns2,output:eth0,5"),
            ("in_port=1,actions=LOCAL,in_port,NORMAL,drop", "in_port=1,actions=LOCAL,in_port,NORMAL,drop"),
            ("actions=enqueue:ns1:3,enqueue(ns2,4)", "actions=enqueue:veth-ns1:3,enqueue(veth-ns2,4)"),
            (
                "actions=resubmit(ns1,2),resubmit(,3),resubmit:ns2",
                "actions=resubmit(veth-ns1,2),resubmit(,3),resubmit:veth-ns2",
            ),
            ("actions=output(port=ns1,max_len=100)", "actions=output(port=veth-ns1,max_len=100)"),
            (
                "actions=clone(set_field:1->reg0,ns1),ct(commit,table=1)",
                "actions=clone(set_field:1->reg0,output:veth-ns1),ct(commit,table=1)",
            ),
            ("in_port=docker:web,actions=output:docker:web", "in_port=veth-web,actions=output:veth-web"),
            (
                "actions=output:reg0[0..15],learn(table=1,output:NXM_OF_IN_PORT[])",
                "actions=output:reg0[0..15],learn(table=1,output:NXM_OF_IN_PORT[])",
            ),
            (
                "group_id=1,type=ff,bucket=watch_port:ns1,actions=ns1,bucket=actions=output:ns2",
                "group_id=1,type=ff,bucket=watch_port:veth-ns1,actions=output:veth-ns1,bucket=actions=output:veth-ns2",
            ),
            ("icmp,nw_src=10.0.0.0/24,actions=group:1", "icmp,nw_src=10.0.0.0/24,actions=group:1"),
            ("out_port=host,in_port=\"eth0\"", "out_port=br1,in_port=eth0"),
            ("in_port=0xfffe,actions=output:drop", "in_port=0xfffe,actions=output:veth-drop"),
        ] {
            assert_eq!(resolve(typed, &ports()).unwrap(), resolved, "{typed}");
        }
    }

    #[test]
    fn what_is_no_port_is_told() {
        let what = |text: &str| resolve(text, &ports()).unwrap_err().to_string();
        assert!(what("in_port=nope,actions=drop").contains("there is no port nope on switch br1"));
        assert!(what("actions=output:ns4").contains("say which one: veth-ns4, veth2-ns4"));
        assert_eq!(resolve("actions=nope", &ports()).unwrap(), "actions=nope", "ovs-ofctl knows what it is");
    }

    #[test]
    fn what_is_printed_can_be_typed() {
        for (printed, named_as) in [
            (r#"icmp,in_port="veth-ns1""#, "icmp,in_port=ns1"),
            (
                r#"output:"veth-ns2",LOCAL,output:eth0,output:"veth-ns4""#,
                "output:ns2,LOCAL,output:eth0,output:veth-ns4",
            ),
            ("in_port=1", "in_port=ns1"),
            ("in_port=LOCAL", "in_port=LOCAL"),
            (
                r#"bucket=weight:2,watch_port:"veth-ns1",actions=output:"veth-ns1""#,
                "bucket=weight:2,watch_port:ns1,actions=output:ns1",
            ),
            (r#"CONTROLLER:65535,output:"veth-drop""#, "CONTROLLER:65535,output:drop"),
        ] {
            assert_eq!(named(printed, &ports()), named_as, "{printed}");
            let typed = resolve(named_as, &ports()).unwrap();
            assert_eq!(named(&typed, &ports()), named_as);
        }
    }
}
