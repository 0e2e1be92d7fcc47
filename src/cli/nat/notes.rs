//! What of others stands in the way of forwarded packets, and what is to be said of it.

use crate::cli::failure::Failure;
use crate::cli::session::{Filters, Obstacle, Remedy, Session, filters};
use crate::model::{BackendName, Family, IfName, Ruleset};

/// Lets what is forwarded to and from `device` pass the chains of others where it can, and returns what is to be said of where it
/// cannot. `backend` is that of the switch whose own device it is, and `out` is where it leads, if that is known: a published port
/// is asked for from anywhere.
pub fn pass(
    ruleset: &mut Ruleset,
    device: &IfName,
    backend: Option<BackendName>,
    out: Option<&IfName>,
) -> Result<Vec<String>, Failure> {
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
    if bridged && filtered && backend == Some(BackendName::Linux) {
        lines.push(format!(
            "br_netfilter is on: what the namespaces on {device} send each other passes the host's filters too; \
             unless Docker or Kubernetes needs that: sysctl net.bridge.bridge-nf-call-iptables=0"
        ));
    }
    Ok(lines)
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
