//! `ovs start`, `ovs stop`, `ovs status`: a private Open vSwitch.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::daemon::{self, DaemonError, Datapath, Ended, Launch, Layout, Options, Started, State};

use super::failure::Failure;
use super::global::Global;
use super::output::Report;

/// Where OVS's own tools look: so that `ovs-vsctl show` finds a private Open vSwitch without being told.
const RUN_DIRECTORY: &str = "/run/openvswitch";

#[derive(Debug, Args)]
pub struct Ovs {
    #[command(subcommand)]
    what: What,
    /// Where the database is kept
    #[arg(long, global = true, value_name = "DIRECTORY", default_value = "/var/lib/ovsns/ovs")]
    state_dir: PathBuf,
    /// Where sockets and pid files are; OVS's own tools look into OVS_RUNDIR, or into the default
    #[arg(long, global = true, value_name = "DIRECTORY", env = "OVS_RUNDIR", default_value = RUN_DIRECTORY)]
    run_dir: PathBuf,
    /// Where the logs are
    #[arg(long, global = true, value_name = "DIRECTORY", default_value = "/var/log/ovsns")]
    log_dir: PathBuf,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start ovsdb-server and ovs-vswitchd, for a machine where no system service runs them
    Start {
        /// Where packets are to be forwarded
        #[arg(long, value_name = "TYPE", default_value = "auto")]
        datapath: DatapathChoice,
    },
    /// Stop them; the database is kept
    Stop,
    /// Tell whether they run
    Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DatapathChoice {
    /// The kernel's where its module is there or loads, else netdev
    Auto,
    /// The kernel's
    System,
    /// In ovs-vswitchd itself
    Netdev,
}

impl Ovs {
    pub fn run(&self, global: &Global) -> Result<Report, Failure> {
        let layout =
            Layout { state_dir: self.state_dir.clone(), run_dir: self.run_dir.clone(), log_dir: self.log_dir.clone() };
        match &self.what {
            What::Start { datapath } => self.start(&layout, *datapath, global),
            What::Stop => stop(&layout, global),
            What::Status => status(&layout),
        }
    }

    fn start(&self, layout: &Layout, datapath: DatapathChoice, global: &Global) -> Result<Report, Failure> {
        super::session::check_privileges()?;
        let datapath = match datapath {
            DatapathChoice::Auto => None,
            DatapathChoice::System => Some(Datapath::Kernel),
            DatapathChoice::Netdev => Some(Datapath::Userspace),
        };
        let options = Options { timeout: global.timeout, datapath };
        let started = daemon::start(layout, options).map_err(|error| failed("cannot start Open vSwitch", &error))?;
        let mut lines =
            vec![launched("ovsdb-server", started.ovsdb_server), launched("ovs-vswitchd", started.ovs_vswitchd)];
        lines.push(datapath_line(&started).to_owned());
        lines.push(format!("database: unix:{}", started.socket.display()));
        if self.run_dir.as_os_str() != RUN_DIRECTORY {
            lines.push(format!("for OVS's own tools, and for ovsns: export OVS_RUNDIR={}", self.run_dir.display()));
        }
        Ok(Report::new(lines.join("\n"), json!(started)))
    }
}

fn launched(name: &str, launch: Launch) -> String {
    match launch {
        Launch::Started => format!("{name}: started"),
        Launch::AlreadyRunning => format!("{name}: runs already"),
    }
}

fn datapath_line(started: &Started) -> &'static str {
    match started.datapath {
        Datapath::Kernel => "datapath: the kernel's (system)",
        Datapath::Userspace => "datapath: userspace (netdev)",
    }
}

fn stop(layout: &Layout, global: &Global) -> Result<Report, Failure> {
    super::session::check_privileges()?;
    let stopped = daemon::stop(layout, global.timeout).map_err(|error| failed("cannot stop Open vSwitch", &error))?;
    let line = |name: &str, ended: Ended| match ended {
        Ended::NotRunning => format!("{name}: did not run"),
        Ended::Exited => format!("{name}: stopped"),
        Ended::Terminated => format!("{name}: did not answer, and ended on SIGTERM"),
        Ended::Killed => format!("{name}: did not answer, and ended on SIGKILL"),
    };
    let lines = [line("ovs-vswitchd", stopped.ovs_vswitchd), line("ovsdb-server", stopped.ovsdb_server)];
    Ok(Report::new(lines.join("\n"), json!(stopped)))
}

/// The exit status is 0 where both run, else 1.
fn status(layout: &Layout) -> Result<Report, Failure> {
    let status = daemon::status(layout).map_err(|error| failed("cannot tell how Open vSwitch is", &error))?;
    let line = |name: &str, state: &State| match state {
        State::NotStarted => format!("{name}: not started"),
        State::Dead { pid_file } => format!("{name}: dead; its pid file {} is stale", pid_file.display()),
        State::Running { pid, version, .. } => {
            let version =
                version.as_deref().map_or("does not answer".to_owned(), |version| format!("version {version}"));
            format!("{name}: runs, pid {pid}, {version}")
        }
        State::NotOurs { pid } => format!("{name}: runs, pid {pid}, and was not started by ovsns"),
    };
    let mut lines = vec![line("ovsdb-server", &status.ovsdb_server), line("ovs-vswitchd", &status.ovs_vswitchd)];
    lines.push(format!("database: {} at unix:{}", status.database.display(), status.socket.display()));
    let runs = |state: &State| matches!(state, State::Running { .. });
    let code = u8::from(!(runs(&status.ovsdb_server) && runs(&status.ovs_vswitchd)));
    Ok(Report::new(lines.join("\n"), json!(status)).code(code))
}

fn failed(what: &str, error: &DaemonError) -> Failure {
    let failure = Failure::new(what).cause(error);
    match error {
        DaemonError::Deadline { .. } => failure.deadline().hint("give it more time: --timeout 60"),
        DaemonError::OtherSwitch { .. } | DaemonError::NotOurs { .. } => {
            failure.hint("Open vSwitch runs already: use it as it is (ovsns doctor), or stop its service first")
        }
        _ => failure,
    }
}
