//! The packet that is asked about: what the user said of it, and what follows from where it comes from and goes to.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::cli::failure::Failure;
use crate::cli::openflow::syntax::{items, quoted, resolve};
use crate::cli::ports::{SwitchPort, SwitchPorts};
use crate::cli::session::seen;
use crate::model::{IfName, Mac, Place};

/// One side of the packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    pub mac: Option<Mac>,
    pub addresses: Vec<IpNet>,
}

impl Side {
    /// The device behind `port`: inside its namespace, or the switch's own on the host.
    pub fn behind(port: &SwitchPort, ports: &SwitchPorts) -> Result<Side, Failure> {
        let (place, device): (Place, IfName) = match &port.inside {
            // Nothing leads in there.
            Some(inside) if matches!(inside.place, Place::Nsid(_)) => return Ok(Side::default()),
            Some(inside) => (inside.place.clone(), inside.name.clone()),
            None if ports.is_own(port) => (Place::Host, ports.switch.name.device()),
            // A port that is itself a device in a namespace; unless that has gone.
            None => match (port.place(), port.name.parse()) {
                (Some(place), Ok(device)) if seen::devices(place).is_ok() => (place.clone(), device),
                _ => return Ok(Side::default()),
            },
        };
        let mac = match port.inside.as_ref().and_then(|inside| inside.mac) {
            Some(mac) => Some(mac),
            None => {
                seen::devices(&place)?.into_iter().find(|seen| seen.name == device.as_str()).and_then(|seen| seen.mac)
            }
        };
        let addresses = seen::addresses_of(&place, &device)?;
        let addresses = addresses.into_iter().filter(|address| address.scope == "global");
        Ok(Side { mac, addresses: addresses.map(|address| address.address).collect() })
    }

    /// An address that is reached through whatever router there is.
    pub fn address(address: IpAddr) -> Side {
        Side { mac: None, addresses: vec![IpNet::from(address)] }
    }
}

/// The addresses of both sides: such that share a network, where there are.
fn pair(from: &Side, to: Option<&Side>, v6: bool) -> (Option<IpAddr>, Option<IpAddr>) {
    let of = |side: &Side| side.addresses.iter().filter(|net| net.addr().is_ipv6() == v6).copied().collect::<Vec<_>>();
    let (from, to) = (of(from), to.map(of).unwrap_or_default());
    let near =
        from.iter().find_map(|one| to.iter().find(|other| one.contains(&other.addr())).map(|other| (one, other)));
    match near {
        Some((one, other)) => (Some(one.addr()), Some(other.addr())),
        None => (from.first().map(IpNet::addr), to.first().map(IpNet::addr)),
    }
}

/// What the words say of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    V4,
    V6,
    Arp,
    Other,
}

/// The words of ovs-ofctl(8) for a protocol, "Protocol" below "Flow Syntax".
const V4: [&str; 5] = ["ip", "icmp", "tcp", "udp", "sctp"];
const V6: [&str; 5] = ["ipv6", "icmp6", "tcp6", "udp6", "sctp6"];

/// The flow to be traced: `words` of the user's, and what they leave open.
pub fn flow(
    words: &[String],
    source: &SwitchPort,
    ports: &SwitchPorts,
    from: &Side,
    to: Option<&Side>,
) -> Result<String, Failure> {
    let typed = resolve(&words.join(","), ports)?;
    let mut flow: Vec<String> =
        items(&typed).into_iter().map(|(word, _)| word.to_owned()).filter(|word| !word.is_empty()).collect();
    if flow.iter().any(|word| word.starts_with("in_port=")) {
        return Err(Failure::usage("in_port is said twice").hint("SOURCE is where the packet comes in"));
    }
    if flow.is_empty() {
        let v6 = from.addresses.first().is_some_and(|net| net.addr().is_ipv6());
        flow.push(if v6 { "ipv6" } else { "ip" }.to_owned());
    }
    let mut flow = Words(flow);
    let protocol = flow.protocol();
    flow.say(&["in_port"], Some(quoted(&source.name)));
    flow.say(&["dl_src", "eth_src"], from.mac.map(|mac| mac.to_string()));
    flow.addresses(protocol, from, to);
    let broadcast = (protocol == Protocol::Arp).then(|| "ff:ff:ff:ff:ff:ff".to_owned());
    let mac = to.and_then(|side| side.mac).map(|mac| mac.to_string());
    flow.say(&["dl_dst", "eth_dst"], broadcast.or(mac));
    Ok(flow.0.join(","))
}

struct Words(Vec<String>);

impl Words {
    fn has(&self, word: &str) -> bool {
        self.0.iter().any(|there| there == word)
    }

    fn protocol(&self) -> Protocol {
        match () {
            () if self.has("arp") => Protocol::Arp,
            () if V6.iter().any(|word| self.has(word)) => Protocol::V6,
            () if V4.iter().any(|word| self.has(word)) => Protocol::V4,
            () => Protocol::Other,
        }
    }

    /// Sets the field, known under these names, unless the user did.
    fn say(&mut self, names: &[&str], value: Option<String>) {
        let said = |word: &String| word.split_once('=').is_some_and(|(key, _)| names.contains(&key));
        if let Some(value) = value.filter(|_| !self.0.iter().any(said)) {
            self.0.push(format!("{}={value}", names[0]));
        }
    }

    fn addresses(&mut self, protocol: Protocol, from: &Side, to: Option<&Side>) {
        let (source, target) = pair(from, to, protocol == Protocol::V6);
        let (source, target) = (source.map(|ip| ip.to_string()), target.map(|ip| ip.to_string()));
        match protocol {
            Protocol::Other => {}
            Protocol::Arp => {
                self.say(&["arp_op", "nw_proto"], Some("1".to_owned()));
                self.say(&["arp_sha"], from.mac.map(|mac| mac.to_string()));
                self.say(&["arp_spa", "nw_src"], source);
                self.say(&["arp_tpa", "nw_dst"], target);
            }
            Protocol::V4 => {
                self.say(&["nw_src", "ip_src"], source);
                self.say(&["nw_dst", "ip_dst"], target);
                self.echo_request("icmp", "8");
            }
            Protocol::V6 => {
                self.say(&["ipv6_src"], source);
                self.say(&["ipv6_dst"], target);
                self.echo_request("icmp6", "128");
            }
        }
    }

    /// Without a word about it, ICMP is what ping sends; and a packet has not come to the end of its way.
    fn echo_request(&mut self, protocol: &str, number: &str) {
        if self.has(protocol) {
            self.say(&["icmp_type", "icmpv6_type"], Some(number.to_owned()));
        }
        self.say(&["nw_ttl"], Some("64".to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BackendName, Switch};

    fn side(mac: u8, addresses: &[&str]) -> Side {
        let mac = Mac::from_octets([2, 0, 0, 0, 0, mac]);
        Side { mac: Some(mac), addresses: addresses.iter().map(|address| address.parse().unwrap()).collect() }
    }

    fn ask(words: &[&str], to: bool) -> String {
        let source = SwitchPort { name: "veth-ns1".to_owned(), inside: None, interface: None };
        let ports = SwitchPorts {
            switch: Switch::new("br1".parse().unwrap(), BackendName::Ovs),
            protocols: Vec::new(),
            ports: vec![source.clone()],
        };
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let from = side(1, &["192.168.9.1/24", "10.0.0.1/24", "fd00::1/64"]);
        let other = side(2, &["10.0.0.2/24", "fd00::2/64"]);
        flow(&words, &source, &ports, &from, to.then_some(&other)).unwrap()
    }

    #[test]
    fn what_is_left_open_follows_from_both_sides() {
        let both = "in_port=veth-ns1,dl_src=02:00:00:00:00:01";
        for (words, to, flow) in [
            (vec![], false, format!("ip,{both},nw_src=192.168.9.1,nw_ttl=64")),
            (
                vec!["icmp"],
                true,
                format!("icmp,{both},nw_src=10.0.0.1,nw_dst=10.0.0.2,icmp_type=8,nw_ttl=64,dl_dst=02:00:00:00:00:02"),
            ),
            (
                vec!["tcp", "tp_dst=80"],
                true,
                format!("tcp,tp_dst=80,{both},nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,dl_dst=02:00:00:00:00:02"),
            ),
            (
                vec!["icmp6"],
                true,
                format!(
                    "icmp6,{both},ipv6_src=fd00::1,ipv6_dst=fd00::2,icmp_type=128,nw_ttl=64,dl_dst=02:00:00:00:00:02"
                ),
            ),
            (
                vec!["arp"],
                true,
                format!(
                    "arp,{both},arp_op=1,arp_sha=02:00:00:00:00:01,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,dl_dst=ff:ff:ff:ff:ff:ff"
                ),
            ),
            (vec!["dl_type=0x88cc"], true, format!("dl_type=0x88cc,{both},dl_dst=02:00:00:00:00:02")),
        ] {
            assert_eq!(ask(&words, to), flow);
        }
    }

    #[test]
    fn what_the_user_says_counts() {
        let flow = ask(&["icmp,icmp_type=0,nw_src=1.2.3.4,dl_src=02:00:00:00:00:99"], false);
        assert_eq!(flow, "icmp,icmp_type=0,nw_src=1.2.3.4,dl_src=02:00:00:00:00:99,in_port=veth-ns1,nw_ttl=64");
    }
}
