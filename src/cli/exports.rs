//! What `set-br` can ask a switch to tell collectors.

use clap::Args;

use crate::backend::Scope;
use crate::model::{Entry, ExportProtocol, FlowExport, IfName, Key, Owner, Resource, State, Switch, check_target};

use super::failure::Failure;
use super::session::Session;

const HEADING: &str = "Records of its traffic, by Open vSwitch";

#[derive(Debug, Args)]
pub struct Exports {
    /// Tell these collectors by sFlow
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 1.., value_parser = target, help_heading = HEADING)]
    sflow: Vec<String>,
    /// Tell these collectors by NetFlow
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 1.., value_parser = target, help_heading = HEADING)]
    netflow: Vec<String>,
    /// Tell these collectors by IPFIX
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 1.., value_parser = target, help_heading = HEADING)]
    ipfix: Vec<String>,
    /// No longer tell anybody by sFlow
    #[arg(long, conflicts_with = "sflow", help_heading = HEADING)]
    no_sflow: bool,
    /// No longer tell anybody by NetFlow
    #[arg(long, conflicts_with = "netflow", help_heading = HEADING)]
    no_netflow: bool,
    /// No longer tell anybody by IPFIX
    #[arg(long, conflicts_with = "ipfix", help_heading = HEADING)]
    no_ipfix: bool,
    /// Of sFlow and IPFIX: one packet of so many is told
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = HEADING)]
    sampling: Option<u32>,
    /// Of sFlow: how often counters are told, in seconds
    #[arg(long, value_name = "SECONDS", requires = "sflow", help_heading = HEADING)]
    polling: Option<u32>,
    /// Of sFlow: how many bytes of a packet are told
    #[arg(long, value_name = "BYTES", requires = "sflow", help_heading = HEADING)]
    header: Option<u32>,
    /// Of sFlow: the device whose address says who tells
    #[arg(long, value_name = "DEVICE", requires = "sflow", help_heading = HEADING)]
    agent: Option<IfName>,
    /// Of NetFlow and IPFIX: after how many seconds a flow that goes on is told
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=4200), help_heading = HEADING)]
    active_timeout: Option<u32>,
}

fn target(text: &str) -> Result<String, String> {
    check_target(text).map(|()| text.to_owned())
}

impl Exports {
    /// Whether anything of it is asked.
    pub fn is_any(&self) -> bool {
        self.wishes().iter().any(|(_, targets, none)| !targets.is_empty() || *none)
    }

    fn wishes(&self) -> [(ExportProtocol, &[String], bool); 3] {
        [
            (ExportProtocol::Sflow, &self.sflow, self.no_sflow),
            (ExportProtocol::Netflow, &self.netflow, self.no_netflow),
            (ExportProtocol::Ipfix, &self.ipfix, self.no_ipfix),
        ]
    }

    /// What goes together.
    pub fn check(&self) -> Result<(), Failure> {
        let for_none = |of: [&[String]; 2]| of.iter().all(|targets| targets.is_empty());
        if self.sampling.is_some() && for_none([&self.sflow, &self.ipfix]) {
            return Err(
                Failure::usage("--sampling is of sFlow or IPFIX").hint("give the collectors too: --sflow or --ipfix")
            );
        }
        if self.active_timeout.is_some() && for_none([&self.netflow, &self.ipfix]) {
            return Err(Failure::usage("--active-timeout is of NetFlow or IPFIX")
                .hint("give the collectors too: --netflow or --ipfix"));
        }
        Ok(())
    }

    /// Puts what there is into `observed`, and what is asked into `desired`.
    pub async fn edit(
        &self,
        session: &Session<'_>,
        switch: &Switch,
        observed: &mut State,
        desired: &mut State,
    ) -> Result<(), Failure> {
        let key = |protocol| Key::FlowExport { switch: switch.name.clone(), protocol };
        let there = session.observe(Scope::Keys(ExportProtocol::ALL.map(key).into())).await?;
        for (protocol, targets, none) in self.wishes() {
            let seen = there.get(&key(protocol));
            if let Some(entry) = seen.filter(|_| none || !targets.is_empty()) {
                observed.insert(entry.clone());
                desired.remove(&entry.key());
            }
            if !targets.is_empty() {
                let owner = seen.map_or_else(|| Some(Owner::verbs()), |entry| entry.owner.clone());
                desired.insert(Entry { resource: Resource::FlowExport(self.export(switch, protocol, targets)), owner });
            }
        }
        Ok(())
    }

    fn export(&self, switch: &Switch, protocol: ExportProtocol, targets: &[String]) -> FlowExport {
        let sflow = protocol == ExportProtocol::Sflow;
        FlowExport {
            targets: targets.iter().cloned().collect(),
            sampling: self.sampling.filter(|_| protocol != ExportProtocol::Netflow),
            polling: self.polling.filter(|_| sflow),
            header: self.header.filter(|_| sflow),
            agent: self.agent.as_ref().filter(|_| sflow).map(ToString::to_string),
            active_timeout: self.active_timeout.filter(|_| !sflow),
            ..FlowExport::new(switch.name.clone(), switch.backend, protocol)
        }
    }
}
