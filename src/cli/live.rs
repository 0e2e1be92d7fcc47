//! Verbs about what a switch does while it runs: they look, or act at once, without a plan.

use clap::Subcommand;

use super::failure::Failure;
use super::output::Report;
use super::session::Session;
use super::{fdb, openflow, stats};

#[derive(Debug, Subcommand)]
pub enum Live {
    /// List the flows of a switch of Open vSwitch, with the namespaces' names
    Flows(openflow::Flows),
    /// Add flows
    AddFlow(openflow::AddFlow),
    /// Give flows other actions
    ModFlows(openflow::ModFlows),
    /// Delete flows
    DelFlows(openflow::DelFlows),
    /// List the groups of a switch of Open vSwitch, which flows lead to
    Groups(openflow::Groups),
    /// Add groups
    AddGroup(openflow::AddGroup),
    /// Change groups
    ModGroup(openflow::ModGroup),
    /// Delete groups
    DelGroups(openflow::DelGroups),
    /// List the meters of a switch of Open vSwitch, which limit what flows forward
    Meters(openflow::Meters),
    /// Add a meter
    AddMeter(openflow::AddMeter),
    /// Change a meter
    ModMeter(openflow::ModMeter),
    /// Delete meters
    DelMeters(openflow::DelMeters),
    /// Ask through which flows a packet would go, and where to
    Trace(openflow::Trace),
    /// List what a switch knows of who is behind which port
    ListFdb(fdb::ListFdb),
    /// Say for good which port an Ethernet address is behind
    AddFdb(fdb::AddFdb),
    /// Let a switch forget an Ethernet address
    DelFdb(fdb::DelFdb),
    /// Let a switch forget what it has learned
    FlushFdb(fdb::FlushFdb),
    /// Show what the ports of switches have counted, once or again and again
    Stats(stats::Stats),
}

impl Live {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        match self {
            Live::Flows(args) => args.run(session).await,
            Live::AddFlow(args) => args.run(session).await,
            Live::ModFlows(args) => args.run(session).await,
            Live::DelFlows(args) => args.run(session).await,
            Live::Groups(args) => args.run(session).await,
            Live::AddGroup(args) => args.run(session).await,
            Live::ModGroup(args) => args.run(session).await,
            Live::DelGroups(args) => args.run(session).await,
            Live::Meters(args) => args.run(session).await,
            Live::AddMeter(args) => args.run(session).await,
            Live::ModMeter(args) => args.run(session).await,
            Live::DelMeters(args) => args.run(session).await,
            Live::Trace(args) => args.run(session).await,
            Live::ListFdb(args) => args.run(session).await,
            Live::AddFdb(args) => args.run(session).await,
            Live::DelFdb(args) => args.run(session).await,
            Live::FlushFdb(args) => args.run(session).await,
            Live::Stats(args) => args.run(session).await,
        }
    }
}
