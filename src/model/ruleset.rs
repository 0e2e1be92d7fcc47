//! What translation and published ports share: one table of nftables, and what it takes of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::{IfName, Nat, Published, SysctlKey};

/// The table in which all translation is (`table inet ovsns`), and what stands in it besides translations and published ports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruleset {
    /// The networks behind devices of the host: those of a switch, behind its own device.
    pub networks: BTreeMap<IfName, BTreeSet<IpNet>>,
    /// The devices by which the world asks for published ports.
    pub ingress: BTreeSet<IfName>,
    /// The settings that were turned on for it, so that just these are turned off again.
    pub raised: BTreeSet<Raised>,
    /// The chains of others in which a rule of ours accepts what it lets through.
    pub passes: BTreeSet<Chain>,
    /// Somebody has taken rules or chains out of it: it is only seen, never wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

/// A version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// RFC 791.
    Ipv4,
    /// RFC 8200.
    Ipv6,
}

impl Family {
    /// The version of `address`.
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }
}

/// A setting of a device, or of all, that ovsns turned on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Raised {
    /// Which one.
    pub setting: Setting,
    /// The device; `all` for a setting of all of them.
    pub device: IfName,
}

/// The settings that translation takes (Documentation/networking/ip-sysctl.rst).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// IPv4 packets that come in by the device are forwarded.
    Forwarding4,
    /// Addresses of 127.0.0.0/8 may be used on the device.
    RouteLocalnet,
    /// IPv6 packets that come in by the device are forwarded, whatever is set for all (since Linux 6.17).
    ForceForwarding6,
    /// IPv6 packets are forwarded: before Linux 6.17 the one of all devices decides.
    Forwarding6,
    /// Router advertisements are accepted, also by a host that forwards.
    AcceptRa6,
}

/// A chain of nftables that is not ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chain {
    /// The family of its table: `ip`, `ip6`, `inet`.
    pub family: String,
    /// The table.
    pub table: String,
    /// Its own name.
    pub name: String,
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.name)
    }
}

impl Setting {
    /// All of them.
    pub const ALL: [Setting; 5] = [
        Setting::Forwarding4,
        Setting::RouteLocalnet,
        Setting::ForceForwarding6,
        Setting::Forwarding6,
        Setting::AcceptRa6,
    ];

    /// The values as they were, and turned on.
    pub fn values(self) -> (&'static str, &'static str) {
        if self == Setting::AcceptRa6 { ("1", "2") } else { ("0", "1") }
    }
}

impl Raised {
    /// The setting by its name.
    pub fn key(&self) -> SysctlKey {
        let (family, name) = match self.setting {
            Setting::Forwarding4 => ("ipv4", "forwarding"),
            Setting::RouteLocalnet => ("ipv4", "route_localnet"),
            Setting::ForceForwarding6 => ("ipv6", "force_forwarding"),
            Setting::Forwarding6 => ("ipv6", "forwarding"),
            Setting::AcceptRa6 => ("ipv6", "accept_ra"),
        };
        SysctlKey::of_device(family, &self.device, name)
    }
}

/// What some translations and published ports take of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demand {
    /// The devices behind which there are networks that take part.
    pub inside: BTreeSet<IfName>,
    /// The devices that forward what comes in by them.
    pub forwarders: BTreeSet<(Family, IfName)>,
    /// The devices behind which a port is that the host reaches at 127.0.0.1.
    pub localnets: BTreeSet<IfName>,
}

impl Ruleset {
    /// Notes the networks behind `device`: without those that lie in another one, which a set of nftables refuses, and without
    /// those of the link itself.
    pub fn set_networks(&mut self, device: IfName, networks: impl IntoIterator<Item = IpNet>) {
        let (mut v4, mut v6): (Vec<Ipv4Net>, Vec<Ipv6Net>) = (Vec::new(), Vec::new());
        for network in networks {
            match network.trunc() {
                IpNet::V4(net) if !net.addr().is_link_local() => v4.push(net),
                IpNet::V6(net) if !net.addr().is_unicast_link_local() => v6.push(net),
                _ => {}
            }
        }
        let v4 = Ipv4Net::aggregate(&v4).into_iter().map(IpNet::V4);
        self.networks.insert(device, v4.chain(Ipv6Net::aggregate(&v6).into_iter().map(IpNet::V6)).collect());
    }

    /// The device behind which `address` is.
    pub fn device_of(&self, address: IpAddr) -> Option<&IfName> {
        let behind = |(_, networks): &(&IfName, &BTreeSet<IpNet>)| networks.iter().any(|net| net.contains(&address));
        self.networks.iter().find(behind).map(|(device, _)| device)
    }

    /// The families of the networks behind `device`.
    pub fn families(&self, device: &IfName) -> BTreeSet<Family> {
        self.networks.get(device).into_iter().flatten().map(|net| Family::of(net.addr())).collect()
    }

    /// What `nats` and `published` take of the host.
    pub fn demand(&self, nats: &[&Nat], published: &[&Published]) -> Demand {
        let mut demand = Demand::default();
        for nat in nats {
            let device = nat.switch.device();
            for family in self.families(&device) {
                demand.forwarders.extend([(family, device.clone()), (family, nat.out.clone())]);
            }
            demand.inside.insert(device);
        }
        for (published, target) in published.iter().flat_map(|p| p.targets.iter().map(move |target| (p, *target))) {
            let Some(device) = self.device_of(target) else { continue };
            let family = Family::of(target);
            demand.forwarders.insert((family, device.clone()));
            demand.forwarders.extend(self.ingress.iter().map(|ingress| (family, ingress.clone())));
            if family == Family::Ipv4 && published.address.is_none_or(|address| address.is_loopback()) {
                demand.localnets.insert(device.clone());
            }
            demand.inside.insert(device.clone());
        }
        demand
    }

    /// What is left of it when there are but `nats` and `published`; `None` where it is not needed any more.
    pub fn reduced(&self, nats: &[&Nat], published: &[&Published]) -> Option<Ruleset> {
        if nats.is_empty() && published.is_empty() {
            return None;
        }
        let mut rest = self.clone();
        if published.is_empty() {
            rest.ingress.clear();
        }
        let demand = rest.demand(nats, published);
        rest.networks.retain(|device, _| demand.inside.contains(device));
        rest.raised.retain(|raised| demand.keeps(raised));
        Some(rest)
    }
}

impl Demand {
    /// Whether a setting that was turned on has to stay on.
    fn keeps(&self, raised: &Raised) -> bool {
        let forwards = |family| self.forwarders.contains(&(family, raised.device.clone()));
        match raised.setting {
            Setting::Forwarding4 => forwards(Family::Ipv4),
            Setting::RouteLocalnet => self.localnets.contains(&raised.device),
            Setting::ForceForwarding6 | Setting::AcceptRa6 => forwards(Family::Ipv6),
            Setting::Forwarding6 => self.forwarders.iter().any(|(family, _)| *family == Family::Ipv6),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Protocol;

    fn name<T: std::str::FromStr<Err: fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    fn nat(switch: &str, out: &str) -> Nat {
        Nat { switch: name(switch), out: name(out) }
    }

    fn published(port: u16, targets: &[&str]) -> Published {
        let targets = targets.iter().map(|target| name(target)).collect();
        Published { protocol: Protocol::Tcp, address: None, port, netns: name("ns1"), to_port: 80, targets }
    }

    fn ruleset(raised: &[(Setting, &str)]) -> Ruleset {
        let mut ruleset = Ruleset::default();
        ruleset.set_networks(name("br1"), [name("10.0.0.254/24"), name("fd00::fe/64")]);
        ruleset.set_networks(name("br2"), [name("10.0.2.254/24")]);
        ruleset.ingress.insert(name("eth0"));
        let raised = raised.iter().map(|(setting, device)| Raised { setting: *setting, device: name(device) });
        ruleset.raised.extend(raised);
        ruleset
    }

    #[test]
    fn networks_in_one_another_are_one() {
        let mut ruleset = Ruleset::default();
        let given = ["10.0.0.1/16", "10.0.3.1/24", "169.254.1.1/16", "fe80::1/64", "fd00::1/64"];
        ruleset.set_networks(name("br1"), given.map(name));
        let kept: Vec<String> = ruleset.networks[&name::<IfName>("br1")].iter().map(ToString::to_string).collect();
        assert_eq!(kept, ["10.0.0.0/16", "fd00::/64"]);
    }

    #[test]
    fn what_another_one_needs_stays_on() {
        let all = ruleset(&[
            (Setting::Forwarding4, "br1"),
            (Setting::Forwarding4, "br2"),
            (Setting::Forwarding4, "eth0"),
            (Setting::RouteLocalnet, "br1"),
            (Setting::ForceForwarding6, "br1"),
            (Setting::ForceForwarding6, "eth0"),
        ]);
        let left = |nats: &[&Nat], published: &[&Published]| {
            let rest = all.reduced(nats, published);
            rest.map(|rest| rest.raised.iter().map(|raised| raised.key().to_string()).collect::<Vec<_>>())
        };
        let br2 = ["net.ipv4.conf.br2.forwarding", "net.ipv4.conf.eth0.forwarding"].map(str::to_owned).to_vec();
        assert_eq!(left(&[&nat("br2", "eth0")], &[]), Some(br2));
        let v4 = ["net.ipv4.conf.br1.forwarding", "net.ipv4.conf.eth0.forwarding", "net.ipv4.conf.br1.route_localnet"];
        assert_eq!(left(&[], &[&published(80, &["10.0.0.1"])]), Some(v4.map(str::to_owned).to_vec()));
        assert_eq!(left(&[&nat("br2", "eth0")], &[&published(80, &["10.0.0.1", "fd00::1"])]).map(|l| l.len()), Some(6));
        assert_eq!(left(&[], &[]), None);
    }
}
