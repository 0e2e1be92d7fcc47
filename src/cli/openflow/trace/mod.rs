//! `trace`: what becomes of a packet, asked of ovs-vswitchd.

mod answer;
mod question;

use std::collections::BTreeMap;
use std::net::IpAddr;

use clap::Args;
use serde_json::json;

use crate::cli::control;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::ports::{self, SwitchPorts};
use crate::cli::session::Session;
use crate::daemon::ControlError;
use crate::model::{End, SwitchName};
use answer::{Answer, Matched, Output};
use question::Side;

const HELP: &str = "\
Asks ovs-vswitchd (ofproto/trace, ovs-vswitchd(8)) through which flows a packet goes, without
sending one. Where it comes in, its addresses and those of --to are filled in as far as FLOW does
not say them. The last line says what becomes of it.

Examples:
  ovsns trace OVS-1 ns1 icmp --to ns2
  ovsns trace OVS-1 ns1 tcp,tp_dst=80 --to ns2
  ovsns trace OVS-1 ns1 arp --to 192.168.0.9";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct Trace {
    /// The switch
    switch: SwitchName,
    /// Where the packet comes from: a namespace, a port, or host
    source: String,
    /// What kind of packet it is, in the syntax of ovs-ofctl(8): icmp, or tcp,tp_dst=80
    #[arg(value_name = "FLOW")]
    flow: Vec<String>,
    /// Where it goes to: a namespace, a port, host, or an IP address
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
}

impl Trace {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let ports = ports::of(session, &self.switch).await?;
        let mut control = control::open(session, &ports, "flows", "it has no flows, and forwards by addresses alone")?;
        let source = ports.port(&self.source)?;
        let from = Side::behind(source, &ports)?;
        let to = self.to.as_deref().map(|to| target(to, &ports)).transpose()?;
        let flow = question::flow(&self.flow, source, &ports, &from, to.as_ref())?;
        let asked = control.ask("ofproto/trace", &["--names", self.switch.as_str(), &flow]);
        let text = asked.map_err(|error| self.failed(&flow, error))?;
        let answer = Answer::parse(&text, &ports);
        let behind = ports::behind(session, answer.outputs.iter().map(|output| output.device.as_str())).await?;
        let end = ending(&answer, &ports, &behind);
        let outputs: Vec<_> = answer
            .outputs
            .iter()
            .map(|Output { device, vlan }| {
                json!({"device": device, "netns": behind.get(device).map(|end| &end.place), "vlan": vlan})
            })
            .collect();
        let document = json!({
            "switch": self.switch,
            "flow": flow,
            "matched": answer.matched,
            "datapath_actions": answer.actions,
            "outputs": outputs,
            "to_controller": answer.to_controller,
            "undecided": answer.undecided,
            "dropped": answer.is_dropped(),
            "why": answer.why,
            "summary": end,
            "trace": answer.lines,
        });
        Ok(Report::new(format!("{}\n\n{end}", answer.lines.join("\n").trim_end()), document))
    }

    fn failed(&self, flow: &str, error: ControlError) -> Failure {
        let what = format!("cannot trace `{flow}` on switch {}", self.switch);
        match error {
            // It understands the flow or does not: the switch is there.
            error @ ControlError::Refused { .. } => {
                Failure::usage(what).cause(error).hint("ovs-ofctl(8) has the syntax, ovs-fields(7) the fields")
            }
            error => control::failed(what, error),
        }
    }
}

/// Where it goes to: behind a port of the switch, or an address somewhere.
fn target(to: &str, ports: &SwitchPorts) -> Result<Side, Failure> {
    match to.parse::<IpAddr>() {
        Ok(address) => Ok(Side::address(address)),
        Err(_) => Side::behind(ports.port(to)?, ports),
    }
}

/// What becomes of the packet, in a line.
fn ending(answer: &Answer, ports: &SwitchPorts, behind: &BTreeMap<String, End>) -> String {
    if answer.is_dropped() {
        return format!("The packet is dropped {}", dropped(answer));
    }
    let told = |output: &Output| {
        let name = match (ports.named(&output.device), behind.get(&output.device)) {
            (Some(port), _) => ports.told(port),
            (None, Some(end)) => format!("{} ({})", end.place, output.device),
            (None, None) => output.device.clone(),
        };
        output.vlan.map_or_else(|| name.clone(), |vlan| format!("{name} with tag {vlan}"))
    };
    let mut ends: Vec<String> = answer.outputs.iter().map(told).collect();
    ends.extend(answer.to_controller.then(|| "the controller".to_owned()));
    ends.extend(
        answer
            .undecided
            .then(|| "one of the buckets of a group: a trace does not know the hash that decides".to_owned()),
    );
    format!("The packet goes to {}", ends.join(", "))
}

/// By which flow, and why.
fn dropped(answer: &Answer) -> String {
    let why = answer.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    match answer.matched.last() {
        Some(Matched { table, priority: None, .. }) => format!("since no flow of table {table} matches it"),
        Some(Matched { table, priority: Some(priority), matches, .. }) => {
            let matches = if matches.is_empty() { "everything" } else { matches };
            format!("by the flow of table {table} with priority {priority} that matches {matches}{why}")
        }
        None => format!("before it meets a flow{why}"),
    }
}
