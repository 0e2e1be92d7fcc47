//! A switch on which nothing is sent but what a test sends: no IPv6, and no ARP between the namespaces, which know each other.

use super::common::tool::{self, inside};
use super::lab::Lab;

/// How many requests a burst has: more than what might be sent by itself.
pub const BURST: u64 = 10;

/// The switch `sw1` with these namespaces, `nsN` with 10.0.0.N; `options` are those of `add-port`.
pub fn plug(lab: &Lab, netnses: &[(&str, &str)]) {
    tool::run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
    lab.add_br("sw1", "");
    for (netns, options) in netnses {
        lab.ok(&format!("add-ns {netns}"));
        tool::run(&inside(netns, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"));
        lab.ok(&format!("add-port sw1 {netns} --ip 10.0.0.{}/24 {options}", &netns[2..]));
    }
    for (one, _) in netnses {
        for (other, _) in netnses.iter().filter(|(other, _)| other != one) {
            knows(one, &format!("10.0.0.{}", &other[2..]), &mac(other));
        }
    }
}

/// Tells `netns` that `mac` has `address`.
pub fn knows(netns: &str, address: &str, mac: &str) {
    let words = format!("ip neighbour replace {address} lladdr {mac} dev eth1-{netns} nud permanent");
    tool::run(&inside(netns, &words));
}

/// The Ethernet address of a namespace's device.
pub fn mac(netns: &str) -> String {
    tool::link(netns, &format!("eth1-{netns}")).unwrap()["address"].as_str().unwrap().to_owned()
}

/// Sends a burst of echo requests of 98 bytes from `netns`; returns how many were answered.
pub fn burst(netns: &str, address: &str) -> u64 {
    pings(netns, address, BURST, "0.02")
}

/// Sends `count` echo requests, one every `interval` seconds; returns how many were answered within a second.
pub fn pings(netns: &str, address: &str, count: u64, interval: &str) -> u64 {
    let command = inside(netns, &format!("ping -n -q -c{count} -i{interval} -W1 {address}"));
    let said = String::from_utf8(tool::output(&command).stdout).unwrap();
    let answered = said.split(", ").find_map(|part| part.strip_suffix(" received"));
    answered.unwrap_or_else(|| panic!("{command}: {said}")).parse().unwrap()
}

/// How many packets have gone into `netns`, as `ip -s link` counts them.
pub fn received(netns: &str) -> u64 {
    let shown = tool::json(&format!("ip -j -s link show dev veth-{netns}"));
    shown[0]["stats64"]["tx"]["packets"].as_u64().unwrap()
}

/// Who of `netnses` has received what is sent by `send`: a burst at least.
pub fn who_receives<'a, T>(netnses: &[&'a str], send: impl FnOnce() -> T) -> Vec<&'a str> {
    let before: Vec<u64> = netnses.iter().map(|netns| received(netns)).collect();
    send();
    let grown = |(netns, before): (&&'a str, u64)| (received(netns) - before >= BURST).then_some(*netns);
    netnses.iter().zip(before).filter_map(grown).collect()
}

/// Waits until what `from` sends to ns2 comes to ns2 alone: the datapath goes on to flood for a while after the first answer.
pub fn until_ns2_alone_receives(from: &str) {
    super::until("the switch has learned", || {
        (who_receives(&["ns2", "ns3"], || burst(from, "10.0.0.2")) == ["ns2"]).then_some(())
    });
}
