//! `list-addr`, `list-routes`, `list-neigh`: all that there is, as `ip` shows it.

use clap::Args;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::session::{SeenAddress, SeenNeighbour, SeenRoute, Session, seen};
use crate::model::IfName;

/// The names of `RTPROT_*` that iproute2 knows (etc/iproute2/rt_protos), as far as one meets them.
const PROTOCOLS: [(u8, &str); 9] = [
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (9, "ra"),
    (11, "zebra"),
    (12, "bird"),
    (16, "dhcp"),
    (186, "bgp"),
];

#[derive(Debug, Args)]
pub struct ListAddr {
    /// The namespace: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
    /// Those of this device only
    #[arg(long, value_name = "DEVICE")]
    dev: Option<IfName>,
}

impl ListAddr {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let place = place::existing(session, &self.netns).await?;
        let mut found = seen::addresses(&place)?;
        found.retain(|address| self.dev.as_ref().is_none_or(|dev| address.dev == *dev));
        let lines: Vec<String> = found.iter().map(address_line).collect();
        Ok(Report::new(lines.join("\n"), json!({"netns": place, "addresses": found})))
    }
}

fn address_line(address: &SeenAddress) -> String {
    let mut line = format!("{} {}", address.dev, address.address);
    for (said, word) in [
        (address.scope != "global", address.scope),
        (address.dynamic, "dynamic"),
        (address.tentative && !address.dadfailed, "tentative"),
        (address.dadfailed, "dadfailed: another device of the network has it"),
    ] {
        if said {
            line.push_str(&format!(" {word}"));
        }
    }
    line
}

#[derive(Debug, Args)]
pub struct ListRoutes {
    /// The namespace: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
}

impl ListRoutes {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let place = place::existing(session, &self.netns).await?;
        let found = seen::routes(&place)?;
        let lines: Vec<String> = found.iter().map(route_line).collect();
        Ok(Report::new(lines.join("\n"), json!({"netns": place, "routes": found})))
    }
}

fn route_line(route: &SeenRoute) -> String {
    let mut line = if route.dst.prefix_len() == 0 { "default".to_owned() } else { route.dst.to_string() };
    line.extend(route.gateway.map(|via| format!(" via {via}")));
    line.extend(route.dev.iter().map(|dev| format!(" dev {dev}")));
    let known = PROTOCOLS.iter().find(|(number, _)| *number == route.protocol);
    match known {
        Some((_, name)) => line.push_str(&format!(" proto {name}")),
        None => line.push_str(&format!(" proto {}", route.protocol)),
    }
    line.extend(route.prefsrc.map(|source| format!(" src {source}")));
    line.extend(route.metric.map(|metric| format!(" metric {metric}")));
    line
}

#[derive(Debug, Args)]
pub struct ListNeigh {
    /// The namespace: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
}

impl ListNeigh {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let place = place::existing(session, &self.netns).await?;
        let found = seen::neighbours(&place)?;
        let lines: Vec<String> = found.iter().map(neighbour_line).collect();
        Ok(Report::new(lines.join("\n"), json!({"netns": place, "neighbours": found})))
    }
}

fn neighbour_line(neighbour: &SeenNeighbour) -> String {
    let mut line = format!("{} dev {}", neighbour.dst, neighbour.dev);
    line.extend(neighbour.lladdr.map(|mac| format!(" lladdr {mac}")));
    if neighbour.router {
        line.push_str(" router");
    }
    format!("{line} {}", neighbour.state)
}
