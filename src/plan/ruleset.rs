//! The table of nftables in which all translation is, as nft(8) reads it.
//!
//! Its chains and their rules are always the same: what is translated and published stands in sets and maps, so that a packet is
//! looked up once, however much there is, and one more element is all that one more port takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{Chain, Entry, IfName, Owner, Place, Published, Resource, Ruleset, Setting};

/// The table, as nft has it in commands.
pub const TABLE: &str = "inet ovsns";

/// The comment on each rule of ours in a chain of others: by it they are found again.
pub const MARK: &str = "ovsns";

/// The longest comment on an element, in bytes (`NFTNL_UDATA_COMMENT_MAXLEN`, libnftnl/udata.h).
pub const COMMENT_MAX: usize = 128;

/// The table without an element.
///
/// The kernel asks every base chain of a hook, whatever another one has accepted: so the chain `forward` cannot let packets through
/// where Docker's drops them. It marks them instead, `passing` takes the mark off again, and in between a rule of ours in Docker's own
/// chain accepts what bears it. That rule knows the mark alone, since iptables(8) must be able to read it too: one that looks at
/// connections makes iptables refuse its whole table ("incompatible, use 'nft' tool").
pub const SKELETON: &str = r#"table inet ovsns {
	# a switch, and the device at which its networks are translated; the comment names the lab, if it is one's
	set nat { type ifname . ifname; }
	# a device of the host, and a network behind it
	set networks4 { type ifname . ipv4_addr; flags interval; }
	set networks6 { type ifname . ipv6_addr; flags interval; }
	# protocol and port, at all addresses of the host or at one : where it leads to; the comment names the namespace, and the lab behind `%@`
	map published4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
	map published6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
	map published_at4 { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; }
	map published_at6 { type inet_proto . ipv6_addr . inet_service : ipv6_addr . inet_service; }
	# the devices by which the world asks for them
	set ingress { type ifname; }
	# the devices whose setting of this name ovsns turned on
	set forwarding4 { type ifname; }
	set route_localnet { type ifname; }
	set force_forwarding6 { type ifname; }
	set forwarding6 { type ifname; }
	set accept_ra6 { type ifname; }

	# route_localnet lets the host's loopback addresses out, for answers: nobody else may use them
	chain guard {
		type filter hook prerouting priority raw; policy accept;
		iifname @route_localnet ip daddr 127.0.0.0/8 drop
		iifname @route_localnet ip saddr 127.0.0.0/8 drop
	}
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local jump published
	}
	# the host's own packets; there is no route_localnet for ::1
	chain output {
		type nat hook output priority -100; policy accept;
		ip6 daddr ::1 return
		fib daddr type local jump published
	}
	chain published {
		meta l4proto { tcp, udp } dnat ip to meta l4proto . ip daddr . th dport map @published_at4
		meta l4proto { tcp, udp } dnat ip6 to meta l4proto . ip6 daddr . th dport map @published_at6
		meta l4proto { tcp, udp } dnat ip to meta l4proto . th dport map @published4
		meta l4proto { tcp, udp } dnat ip6 to meta l4proto . th dport map @published6
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		iifname . oifname @nat iifname . ip saddr @networks4 masquerade
		iifname . oifname @nat iifname . ip6 saddr @networks6 masquerade
		# published, and asked for by the host itself: the namespace may know no way to the address
		ct status dnat fib saddr type local oifname . ip daddr @networks4 masquerade
		ct status dnat fib saddr type local oifname . ip6 daddr @networks6 masquerade
		# published, and asked for from the same network: the answer has to come back here
		ct status dnat oifname . ip saddr @networks4 masquerade
		ct status dnat oifname . ip6 saddr @networks6 masquerade
	}
	# what is let through bears a mark while it passes the filters of others
	chain forward {
		type filter hook forward priority filter - 5; policy accept;
		meta mark != 0 accept
		iifname . oifname @nat meta mark set 0x6f76736e accept
		oifname . iifname @nat ct state established,related meta mark set 0x6f76736e accept
		ct status dnat oifname . ip daddr @networks4 meta mark set 0x6f76736e accept
		ct status dnat oifname . ip6 daddr @networks6 meta mark set 0x6f76736e accept
		ct status dnat iifname . ip saddr @networks4 meta mark set 0x6f76736e accept
		ct status dnat iifname . ip6 saddr @networks6 meta mark set 0x6f76736e accept
	}
	chain passing {
		type filter hook forward priority filter + 5; policy accept;
		meta mark 0x6f76736e meta mark set 0
	}
}
"#;

/// What makes a table complete that has lost rules or chains: what stands in its sets stays.
pub const RESTORE: [&str; 2] = ["flush table inet ovsns", SKELETON];

/// How many rules each chain of the table has.
pub fn rules_of_skeleton() -> BTreeMap<&'static str, usize> {
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    let mut chain = None;
    for line in SKELETON.lines().map(str::trim) {
        match line.strip_prefix("chain ").and_then(|rest| rest.strip_suffix(" {")) {
            Some(name) => chain = Some(name),
            None if line == "}" => chain = None,
            None if line.starts_with("type ") || line.starts_with('#') => {}
            None => chain.into_iter().for_each(|chain| *rules.entry(chain).or_default() += 1),
        }
    }
    rules
}

/// An element of a set, or of a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// The set.
    pub set: &'static str,
    /// What is looked up.
    key: String,
    /// The namespace that a published port leads to, and the owner where it is a lab.
    comment: Option<String>,
    /// What is found; none in a set.
    value: Option<String>,
}

impl Element {
    fn new(set: &'static str, key: String) -> Element {
        Element { set, key, comment: None, value: None }
    }

    /// The command that puts it in.
    pub fn add(&self) -> String {
        format!("add element {TABLE} {} {{ {self} }}", self.set)
    }

    /// The command that takes it out.
    pub fn delete(&self) -> String {
        format!("delete element {TABLE} {} {{ {} }}", self.set, self.key)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(comment) = &self.comment {
            write!(f, " comment \"{comment}\"")?;
        }
        match &self.value {
            Some(value) => write!(f, " : {value}"),
            None => Ok(()),
        }
    }
}

/// The set of the devices whose `setting` was turned on.
pub fn set_of(setting: Setting) -> &'static str {
    match setting {
        Setting::Forwarding4 => "forwarding4",
        Setting::RouteLocalnet => "route_localnet",
        Setting::ForceForwarding6 => "force_forwarding6",
        Setting::Forwarding6 => "forwarding6",
        Setting::AcceptRa6 => "accept_ra6",
    }
}

/// What of `entry` stands in the sets and maps of the table.
pub fn elements(entry: &Entry) -> BTreeSet<Element> {
    let lab = entry.owner.as_ref().filter(|owner| **owner != Owner::verbs());
    match &entry.resource {
        Resource::Ruleset(ruleset) => shared(ruleset),
        Resource::Nat(nat) => {
            let key = format!("{} . {}", quoted(&nat.switch.device()), quoted(&nat.out));
            BTreeSet::from([Element { comment: lab.map(Owner::to_string), ..Element::new("nat", key) }])
        }
        Resource::Published(published) => {
            published.targets.iter().map(|target| map_element(published, lab, *target)).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// What of the table itself stands in its sets.
pub fn shared(ruleset: &Ruleset) -> BTreeSet<Element> {
    let networks = ruleset.networks.iter().flat_map(|(device, nets)| nets.iter().map(move |net| (device, net)));
    let networks = networks.map(|(device, net)| {
        let set = if matches!(net, IpNet::V4(_)) { "networks4" } else { "networks6" };
        Element::new(set, format!("{} . {net}", quoted(device)))
    });
    let ingress = ruleset.ingress.iter().map(|device| Element::new("ingress", quoted(device)));
    let raised = ruleset.raised.iter().map(|r| Element::new(set_of(r.setting), quoted(&r.device)));
    networks.chain(ingress).chain(raised).collect()
}

fn map_element(published: &Published, lab: Option<&Owner>, target: IpAddr) -> Element {
    let Published { protocol, address, port, netns, to_port, .. } = published;
    let set = match (address, target) {
        (None, IpAddr::V4(_)) => "published4",
        (None, IpAddr::V6(_)) => "published6",
        (Some(_), IpAddr::V4(_)) => "published_at4",
        (Some(_), IpAddr::V6(_)) => "published_at6",
    };
    let address = address.map(|address| format!("{address} . ")).unwrap_or_default();
    let key = format!("{protocol} . {address}{port}");
    Element { set, key, comment: Some(comment_of(netns, lab)), value: Some(format!("{target} . {to_port}")) }
}

/// A device's name as nft reads it: one that ends in an asterisk would stand for all that begin so.
fn quoted(device: &IfName) -> String {
    let name = device.as_str();
    match name.strip_suffix('*') {
        Some(rest) => format!("\"{rest}\\*\""),
        None => format!("\"{name}\""),
    }
}

/// Whether nft has a way to write this name: what ends a string cannot stand in it.
pub fn is_writable(device: &IfName) -> bool {
    !device.as_str().contains(['"', '\\'])
}

/// Stands between a namespace and the lab whose a published port is. No namespace is written so: a percent sign in its name
/// becomes `%25`.
const OF_LAB: &str = "%@";

/// The comment on a port that is published to `netns`, by `lab` if it is one: what cannot stand in it is written as `%` and two
/// digits, as in a URI (RFC 3986 section 2.1).
pub fn comment_of(netns: &Place, lab: Option<&Owner>) -> String {
    let written = |c: char| match c {
        '%' | '"' | '\\' => format!("%{:02X}", u32::from(c)),
        c if c.is_ascii_control() => format!("%{:02X}", u32::from(c)),
        c => c.to_string(),
    };
    let netns: String = netns.to_string().chars().map(written).collect();
    match lab {
        Some(lab) => format!("{netns}{OF_LAB}{lab}"),
        None => netns,
    }
}

/// The namespace that a comment names, and whose the port is.
pub fn of_comment(comment: &str) -> Option<(Place, Owner)> {
    match comment.split_once(OF_LAB) {
        Some((netns, lab)) => Some((place_of(netns)?, lab.parse().ok()?)),
        None => Some((place_of(comment)?, Owner::verbs())),
    }
}

fn place_of(comment: &str) -> Option<Place> {
    let mut text = String::new();
    let mut rest = comment;
    while let Some(start) = rest.find('%') {
        text.push_str(&rest[..start]);
        let digits = rest.get(start + 1..start + 3)?;
        text.push(char::from(u8::from_str_radix(digits, 16).ok()?));
        rest = &rest[start + 3..];
    }
    text.push_str(rest);
    text.parse().ok()
}

/// The command that puts our rule into a chain of others, before theirs.
pub fn pass(chain: &Chain) -> String {
    format!("insert rule {chain} meta mark 0x6f76736e counter accept comment \"{MARK}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Nat, Protocol, Raised};

    fn lines(resource: Resource) -> Vec<String> {
        lines_of("-", resource)
    }

    fn lines_of(owner: &str, resource: Resource) -> Vec<String> {
        elements(&Entry::owned(resource, &owner.parse().unwrap())).iter().map(Element::add).collect()
    }

    #[test]
    fn each_element_is_one_command() {
        let nat = Nat { switch: "br1".parse().unwrap(), out: "eth*".parse().unwrap() };
        assert_eq!(lines(Resource::Nat(nat.clone())), [r#"add element inet ovsns nat { "br1" . "eth\*" }"#]);
        let lab = lines_of("campus", Resource::Nat(nat));
        assert_eq!(lab, [r#"add element inet ovsns nat { "br1" . "eth\*" comment "campus" }"#]);

        let mut ruleset = Ruleset::default();
        ruleset.set_networks("br1".parse().unwrap(), ["10.0.0.254/24".parse().unwrap(), "fd00::1/64".parse().unwrap()]);
        ruleset.raised.insert(Raised { setting: Setting::Forwarding4, device: "br1".parse().unwrap() });
        assert_eq!(
            lines(Resource::Ruleset(ruleset)),
            [
                r#"add element inet ovsns forwarding4 { "br1" }"#,
                r#"add element inet ovsns networks4 { "br1" . 10.0.0.0/24 }"#,
                r#"add element inet ovsns networks6 { "br1" . fd00::/64 }"#,
            ]
        );
    }

    #[test]
    fn a_published_port_is_an_element_for_each_version_of_ip() {
        let targets = BTreeSet::from(["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()]);
        let everywhere = Published {
            protocol: Protocol::Tcp,
            address: None,
            port: 8080,
            netns: "ns1".parse().unwrap(),
            to_port: 80,
            targets,
        };
        assert_eq!(
            lines(Resource::Published(everywhere.clone())),
            [
                r#"add element inet ovsns published4 { tcp . 8080 comment "ns1" : 10.0.0.1 . 80 }"#,
                r#"add element inet ovsns published6 { tcp . 8080 comment "ns1" : fd00::1 . 80 }"#,
            ]
        );
        assert_eq!(
            lines_of("campus", Resource::Published(everywhere.clone()))[0],
            r#"add element inet ovsns published4 { tcp . 8080 comment "ns1%@campus" : 10.0.0.1 . 80 }"#
        );
        let at = Published {
            address: Some("192.0.2.1".parse().unwrap()),
            targets: BTreeSet::from(["10.0.0.1".parse().unwrap()]),
            ..everywhere
        };
        let element = elements(&Entry::unmarked(Resource::Published(at))).pop_first().unwrap();
        assert_eq!(element.delete(), "delete element inet ovsns published_at4 { tcp . 192.0.2.1 . 8080 }");
    }

    #[test]
    fn each_chain_has_its_rules() {
        let expected = [("forward", 7), ("guard", 2), ("output", 2), ("passing", 1), ("postrouting", 6)];
        let expected = expected.into_iter().chain([("prerouting", 1), ("published", 4)]);
        assert_eq!(rules_of_skeleton(), expected.collect());
    }

    #[test]
    fn odd_names_come_back() {
        let lab: Owner = "campus.v-1_2".parse().unwrap();
        for name in ["ns1", "a\"b", "100%", "100%@x", "%41", "path:/a b\\c\n", "pid:12", "ä"] {
            let place: Place = name.parse().unwrap();
            for owner in [None, Some(&lab)] {
                let comment = comment_of(&place, owner);
                assert!(!comment.contains('"'), "{comment}");
                assert_eq!(of_comment(&comment), Some((place.clone(), owner.cloned().unwrap_or_else(Owner::verbs))));
            }
        }
        for bad in ["%", "%zz", "ns1%@", "ns1%@a b", "ns1%@a%@b", "%@campus"] {
            assert_eq!(of_comment(bad), None, "{bad}");
        }
    }
}
