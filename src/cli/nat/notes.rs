//! What of others stands in the way of forwarded packets, and what is to be said of it.

use crate::cli::failure::Failure;
use crate::cli::session::{Filters, Obstacle, Remedy, Session, filters};
use crate::model::{BackendName, Family, IfName, Ruleset, Switch};

/// Lets what is forwarded pass the chains of others where it can, and says where it cannot. `out` is where it leads, if that is
/// known: a published port is asked for from anywhere.
pub fn pass(
    session: &Session<'_>,
    ruleset: &mut Ruleset,
    switch: &Switch,
    out: Option<&IfName>,
) -> Result<(), Failure> {
    let device = switch.name.device();
    let mut notes = pass_device(ruleset, &device, out)?;
    if let Some(bridged) = notes.bridged.take().filter(|_| switch.backend == BackendName::Linux) {
        notes.lines.push(bridged);
    }
    say(session, &notes.lines);
    Ok(())
}

/// Lines for people.
pub struct Notes {
    pub lines: Vec<String>,
    /// Said of Linux bridges only.
    bridged: Option<String>,
}

/// The same for a device of the host that need not be a switch's.
pub fn pass_device(ruleset: &mut Ruleset, device: &IfName, out: Option<&IfName>) -> Result<Notes, Failure> {
    let families = ruleset.families(device);
    let passes = |family: &str| match family {
        "ip" => families.contains(&Family::Ipv4),
        "ip6" => families.contains(&Family::Ipv6),
        _ => true,
    };
    let Filters { passable, obstacles, legacy, bridged } = filters(device)?;
    let filtered = legacy || !passable.is_empty() || !obstacles.is_empty();
    ruleset.passes.extend(passable.into_iter().filter(|chain| passes(&chain.family)));
    let mut lines: Vec<String> = obstacles
        .iter()
        .filter(|obstacle| passes(&obstacle.chain.family))
        .map(|obstacle| {
            format!(
                "chain {} drops what is forwarded to and from {device}; {}",
                obstacle.chain,
                remedy(obstacle, device, out)
            )
        })
        .collect();
    if legacy {
        lines.push(format!(
            "this host has rules of iptables-legacy, which nftables does not show; if they drop what is forwarded: {}",
            iptables("iptables-legacy", "FORWARD", device)
        ));
    }
    let bridged = (bridged && filtered).then(|| {
        format!(
            "br_netfilter is on: what the namespaces on {device} send each other passes the host's filters too; \
             unless Docker or Kubernetes needs that: sysctl net.bridge.bridge-nf-call-iptables=0"
        )
    });
    Ok(Notes { lines, bridged })
}

fn remedy(obstacle: &Obstacle, device: &IfName, out: Option<&IfName>) -> String {
    let chain = &obstacle.chain;
    let command = match obstacle.remedy {
        Remedy::Firewalld => format!("firewall-cmd --zone=trusted --add-interface={device}"),
        Remedy::Ufw => match out {
            Some(out) => format!("ufw route allow in on {device} out on {out}"),
            None => format!("ufw route allow out on {device}"),
        },
        Remedy::Iptables if chain.family == "ip6" => iptables("ip6tables", &chain.name, device),
        Remedy::Iptables => iptables("iptables", &chain.name, device),
        Remedy::Nft => {
            let rule = |what: &str| format!("insert rule {chain} {what} accept");
            let there = rule(&format!("iifname \"{device}\""));
            let back = rule(&format!("oifname \"{device}\" ct state established,related"));
            let published = rule(&format!("oifname \"{device}\" ct status dnat"));
            format!("nft '{there}; {back}; {published}'")
        }
    };
    format!("to let it through: {command}")
}

/// What goes out, its answers, and what is asked of published ports.
fn iptables(tool: &str, chain: &str, device: &IfName) -> String {
    let back = "-m conntrack --ctstate RELATED,ESTABLISHED,DNAT";
    format!("{tool} -I {chain} -i {device} -j ACCEPT && {tool} -I {chain} -o {device} {back} -j ACCEPT")
}

/// Says `notes` to people.
pub fn say(session: &Session<'_>, notes: &[String]) {
    notes.iter().for_each(|note| session.output.note(note));
}
