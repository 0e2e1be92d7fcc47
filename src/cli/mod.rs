//! What people type and see; the only module that prints.

mod bond;
mod capture;
mod change;
mod confirm;
mod control;
mod dependents;
mod doctor;
mod exec;
mod exports;
mod failure;
mod fdb;
mod gc;
mod global;
mod inside;
mod keep;
mod lab;
mod link;
mod live;
mod mirror;
mod nat;
mod netns;
mod openflow;
mod output;
mod ovs;
pub mod ovsdb;
mod patch;
mod place;
mod port;
mod ports;
mod qos;
mod session;
mod set_br;
mod setting;
mod show;
mod signals;
mod stats;
mod switch;
mod teardown;
mod texts;
mod told;
mod tunnel;
mod vlan;
pub mod vsctl;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use failure::Failure;
use global::Global;
use output::{Output, Report};
use session::Session;

/// Plugs Linux network namespaces into virtual switches, Open vSwitch or the Linux bridge, all or nothing.
#[derive(Debug, Parser)]
#[command(name = "ovsns", version, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  ovsns add-br OVS-1                              a switch, on Open vSwitch or as a Linux bridge
  ovsns add-port OVS-1 ns1 --ip 192.168.0.1/24    namespace, veth pair, port, address, all up
  ovsns add-port OVS-1 ns2 --ip 192.168.0.2/24
  ovsns exec ns1 -- ping -c1 192.168.0.2
  ovsns show

Exit status:
  0 done, or nothing to do          4 failed, and undoing failed too
  1 failed, the system is as it was 5 a deadline passed
  2 bad usage                       of exec: the command's own";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a switch
    AddBr(switch::AddBr),
    /// Delete a switch, its ports, and the veth pairs of ours that end in them
    DelBr(switch::DelBr),
    /// Set a switch's addresses, its MAC, MTU or spanning tree
    SetBr(set_br::SetBr),
    /// List the switches of both kinds
    ListBr(switch::ListBr),
    /// Exit with 0 if there is such a switch, with 2 if not
    BrExists(switch::BrExists),
    /// Plug a namespace, or a device of the host, into a switch
    AddPort(port::AddPort),
    /// Set what add-port sets, and how much worse the network is for what a port's namespace sends
    SetPort(port::SetPort),
    /// Say that a change that waits for it may stay
    Confirm(confirm::Confirm),
    /// Unplug a port, and delete its veth pair if it is ours
    DelPort(port::DelPort),
    /// Join a switch with one on another host: VXLAN, GRE, Geneve, ERSPAN
    AddTunnel(tunnel::AddTunnel),
    /// Plug several devices of the host into a switch as one port
    AddBond(bond::AddBond),
    /// Join two switches of this host
    AddPatch(patch::AddPatch),
    /// Let the host take part in a VLAN of a switch, by a device of its own
    AddVlan(vlan::AddVlan),
    /// End that
    DelVlan(vlan::DelVlan),
    /// List the VLANs of a switch, and who is in them
    ListVlans(vlan::ListVlans),
    /// List the ports of a switch
    ListPorts(port::ListPorts),
    /// Print the switch that a port is on
    PortToBr(port::PortToBr),
    /// Copy what passes through a switch to one of its ports, or into a VLAN
    AddMirror(mirror::AddMirror),
    /// End that
    DelMirror(mirror::DelMirror),
    /// List the mirrors
    ListMirrors(mirror::ListMirrors),
    /// Share out what a switch sends to a port: a limit, and queues
    SetQos(qos::SetQos),
    /// End that
    DelQos(qos::DelQos),
    /// List the ports that have queues
    ListQos(qos::ListQos),
    /// Show switches, their ports, and what is behind them
    Show(show::Show),
    /// Make a network namespace
    AddNs(netns::AddNs),
    /// Give a network namespace that is there a name
    AttachNs(netns::AttachNs),
    /// Delete a network namespace, its ports, and their veth pairs
    DelNs(netns::DelNs),
    /// List the network namespaces
    ListNs(netns::ListNs),
    /// Print the names of a network namespace, and the container that it is of
    Identify(netns::Identify),
    /// Join two namespaces, or one and the host, by a veth pair
    AddLink(link::AddLink),
    /// Delete such a pair
    DelLink(link::DelLink),
    /// List the veth pairs that are on no switch
    ListLinks(link::ListLinks),
    /// Put an address on a device of a namespace
    AddAddr(inside::AddAddr),
    /// Take an address off
    DelAddr(inside::DelAddr),
    /// List the addresses of a namespace
    ListAddr(inside::ListAddr),
    /// Add a route to a namespace
    AddRoute(inside::AddRoute),
    /// Delete a route
    DelRoute(inside::DelRoute),
    /// List the routes of a namespace
    ListRoutes(inside::ListRoutes),
    /// List the neighbours that a namespace knows
    ListNeigh(inside::ListNeigh),
    /// Set a device of a namespace up or down, its MTU or MAC, or a sysctl
    Set(inside::Set),
    /// Let the namespaces of a switch reach the world, under the host's address
    #[command(name = "nat")]
    AddNat(nat::AddNat),
    /// End that
    DelNat(nat::DelNat),
    /// List the switches whose namespaces reach the world
    ListNat(nat::ListNat),
    /// Let a port of the host lead to a port of a namespace
    Publish(nat::Publish),
    /// End that
    Unpublish(nat::Unpublish),
    /// List the ports of the host that lead to namespaces
    ListPublished(nat::ListPublished),
    #[command(flatten)]
    Live(live::Live),
    /// Run a command in a network namespace
    Exec(exec::Exec),
    /// Start an interactive shell in a network namespace
    Shell(exec::Shell),
    /// Watch packets, of a namespace, a switch, or single devices
    Capture(capture::Capture),
    /// Check what ovsns needs of this machine
    Doctor(doctor::Doctor),
    /// Find, and with --yes remove, what our mark proves dead
    Gc(gc::Gc),
    /// Take away everything that bears our mark
    Teardown(teardown::Teardown),
    /// Show what `apply` would change to make the system as a lab file says
    Plan(lab::PlanVerb),
    /// Make the system as a lab file says
    Apply(lab::Apply),
    /// Show how the system differs from what a lab file says
    Diff(lab::Diff),
    /// Take a lab away
    Destroy(lab::Destroy),
    /// Go back to what was before the last `apply` of a lab
    Rollback(lab::Rollback),
    /// Keep a lab as its file says, until a signal ends it
    Run(lab::Run),
    /// Show the labs of this host, or one of them
    Status(lab::Status),
    /// Ask who reaches whom, and tell what is not as expected
    Test(lab::Test),
    /// Write the lab file that would make what there is
    Export(lab::Export),
    /// Check a lab file, and tell all its mistakes
    Check(lab::Check),
    /// Format lab files
    Fmt(lab::Fmt),
    /// Print a lab file with a topology
    New(lab::New),
    /// Print the JSON Schema of lab files
    Schema(lab::Schema),
    /// Run a private Open vSwitch
    Ovs(ovs::Ovs),
    /// Speak to an OVSDB server, in the manner of ovsdb-client
    #[command(disable_help_flag = true)]
    Ovsdb(OvsdbWords),
    /// Query and change Open vSwitch's configuration, in the manner of ovs-vsctl
    #[command(disable_help_flag = true)]
    Vsctl(VsctlWords),
    /// Stay beside a program of a lab, and note how it ends
    #[command(hide = true)]
    Keep(keep::Keep),
    /// Print the completions of a shell
    Completions(texts::Completions),
    /// Print the manual page, or write all of them into a directory
    Man(texts::Man),
}

/// `ovsdb` has options of its own, under names that the global ones have too: its words are parsed by themselves.
#[derive(Debug, Args)]
struct OvsdbWords {
    /// What ovsdb-client(1) takes; `ovsns ovsdb --help` tells
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// `vsctl` reads its words as the C library does.
#[derive(Debug, Args)]
struct VsctlWords {
    /// What ovs-vsctl(8) takes; `ovsns vsctl --help` tells
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

#[derive(Debug, Parser)]
#[command(name = "ovsns ovsdb", max_term_width = 100)]
struct OvsdbCli {
    #[command(flatten)]
    args: ovsdb::OvsdbArgs,
}

/// Parses `args`, carries the verb out, prints what came of it, and returns the exit status.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.first().is_some_and(|name| Path::new(name).file_name().is_some_and(|name| name == "ovs-vsctl")) {
        return run_vsctl(&args[1..], true);
    }
    if args.get(1).is_some_and(|verb| verb == "ovsdb") {
        return run_ovsdb(&args[2..]);
    }
    if args.get(1).is_some_and(|verb| verb == "vsctl") {
        return run_vsctl(&args[2..], false);
    }
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error, args.iter().any(|arg| arg == "--json")),
    };
    if let Verb::Ovsdb(words) = &cli.verb {
        return run_ovsdb(&words.words);
    }
    if let Verb::Vsctl(words) = &cli.verb {
        return run_vsctl(&words.words, false);
    }
    let output = Output::new(cli.global.json);
    cli.global.start_tracing();
    match dispatch(&cli, &output) {
        Ok(report) => output.report(report),
        Err(failure) => output.failure(&failure),
    }
}

/// `drop_in` is whether we are called as ovs-vsctl.
fn run_vsctl(words: &[OsString], drop_in: bool) -> ExitCode {
    let words: Vec<_> = words.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Output::new(false).failure(&Failure::new("cannot start").cause(error)),
    };
    output::vsctl(runtime.block_on(vsctl::run(&words, drop_in, &mut std::io::stdout())))
}

fn run_ovsdb(words: &[OsString]) -> ExitCode {
    let name = OsString::from("ovsns ovsdb");
    let args = match OvsdbCli::try_parse_from(std::iter::once(&name).chain(words)) {
        Ok(cli) => cli.args,
        Err(error) => return output::usage(&error, false),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Output::new(false).failure(&Failure::new("cannot start").cause(error)),
    };
    output::ovsdb(runtime.block_on(ovsdb::run(&args, &mut std::io::stdout())))
}

/// `exec` and `shell` replace this process, which has to be before a runtime has threads; all else runs in a runtime.
fn dispatch(cli: &Cli, output: &Output) -> Result<Report, Failure> {
    match &cli.verb {
        Verb::Exec(args) => args.run(output),
        Verb::Shell(args) => args.run(),
        Verb::Ovs(args) => args.run(&cli.global),
        Verb::Ovsdb(_) | Verb::Vsctl(_) => unreachable!("its words were taken before"),
        Verb::Identify(args) => args.run(),
        Verb::Keep(args) => Ok(args.run()),
        Verb::Check(args) => args.run(),
        Verb::Fmt(args) => args.run(),
        Verb::New(args) => args.run(&cli.global),
        Verb::Schema(args) => args.run(),
        Verb::Completions(args) => args.run(),
        Verb::Man(args) => args.run(),
        _ => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| Failure::new("cannot start").cause(error))?;
            let report = runtime.block_on(with_session(cli, output));
            // A thread that waits for a lock past the deadline must not keep us.
            runtime.shutdown_background();
            report
        }
    }
}

async fn with_session(cli: &Cli, output: &Output) -> Result<Report, Failure> {
    if let Verb::Run(args) = &cli.verb {
        return args.run(&cli.global, output).await;
    }
    let session = Session::open(&cli.global, output).await?;
    match &cli.verb {
        Verb::AddBr(args) => args.run(&session).await,
        Verb::DelBr(args) => args.run(&session).await,
        Verb::SetBr(args) => args.run(&session).await,
        Verb::ListBr(args) => args.run(&session).await,
        Verb::BrExists(args) => args.run(&session).await,
        Verb::AddPort(args) => args.run(&session).await,
        Verb::SetPort(args) => args.run(&session).await,
        Verb::Confirm(args) => args.run().await,
        Verb::DelPort(args) => args.run(&session).await,
        Verb::AddTunnel(args) => args.run(&session).await,
        Verb::AddBond(args) => args.run(&session).await,
        Verb::AddPatch(args) => args.run(&session).await,
        Verb::AddVlan(args) => args.run(&session).await,
        Verb::DelVlan(args) => args.run(&session).await,
        Verb::ListVlans(args) => args.run(&session).await,
        Verb::ListPorts(args) => args.run(&session).await,
        Verb::PortToBr(args) => args.run(&session).await,
        Verb::AddMirror(args) => args.run(&session).await,
        Verb::DelMirror(args) => args.run(&session).await,
        Verb::ListMirrors(args) => args.run(&session).await,
        Verb::SetQos(args) => args.run(&session).await,
        Verb::DelQos(args) => args.run(&session).await,
        Verb::ListQos(args) => args.run(&session).await,
        Verb::Show(args) => args.run(&session).await,
        Verb::AddNs(args) => args.run(&session).await,
        Verb::AttachNs(args) => args.run(&session).await,
        Verb::DelNs(args) => args.run(&session).await,
        Verb::ListNs(args) => args.run(&session).await,
        Verb::AddLink(args) => args.run(&session).await,
        Verb::DelLink(args) => args.run(&session).await,
        Verb::AddNat(args) => args.run(&session).await,
        Verb::DelNat(args) => args.run(&session).await,
        Verb::ListNat(args) => args.run(&session).await,
        Verb::Publish(args) => args.run(&session).await,
        Verb::Unpublish(args) => args.run(&session).await,
        Verb::ListPublished(args) => args.run(&session).await,
        Verb::ListLinks(args) => args.run(&session).await,
        Verb::AddAddr(args) => args.run(&session).await,
        Verb::DelAddr(args) => args.run(&session).await,
        Verb::ListAddr(args) => args.run(&session).await,
        Verb::AddRoute(args) => args.run(&session).await,
        Verb::DelRoute(args) => args.run(&session).await,
        Verb::ListRoutes(args) => args.run(&session).await,
        Verb::ListNeigh(args) => args.run(&session).await,
        Verb::Set(args) => args.run(&session).await,
        Verb::Live(verb) => verb.run(&session).await,
        Verb::Capture(args) => args.run(&session).await,
        Verb::Test(args) => args.run(&session).await,
        Verb::Doctor(args) => args.run(&session).await,
        Verb::Gc(args) => args.run(&session).await,
        Verb::Teardown(args) => args.run(&session).await,
        Verb::Plan(args) => args.run(&session).await,
        Verb::Apply(args) => args.run(&session).await,
        Verb::Diff(args) => args.run(&session).await,
        Verb::Destroy(args) => args.run(&session).await,
        Verb::Rollback(args) => args.run(&session).await,
        Verb::Status(args) => args.run(&session).await,
        Verb::Export(args) => args.run(&session).await,
        Verb::Identify(_)
        | Verb::Check(_)
        | Verb::Fmt(_)
        | Verb::New(_)
        | Verb::Schema(_)
        | Verb::Exec(_)
        | Verb::Shell(_)
        | Verb::Ovs(_)
        | Verb::Ovsdb(_)
        | Verb::Vsctl(_)
        | Verb::Keep(_)
        | Verb::Run(_)
        | Verb::Completions(_)
        | Verb::Man(_) => {
            unreachable!("handled before there was a session")
        }
    }
}
