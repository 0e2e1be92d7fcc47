//! `ovsns ovs start`.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::conflict::refuse_other_switch;
use super::deadline::Deadline;
use super::instance::{self, Instance};
use super::lock::Lock;
use super::programs::Programs;
use super::record::{self, Found};
use super::row::{Row, Session};
use super::rpc::Rpc;
use super::{Daemon, DaemonError, Datapath, Layout, Stage, database, launch, leftovers, stop, tool};

/// How a start is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For all of it.
    pub timeout: Duration,
    /// The datapath; none: the kernel's where its module is there or can be loaded, otherwise userspace.
    pub datapath: Option<Datapath>,
}

impl Default for Options {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), datapath: None }
    }
}

/// What a start did to one daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Launch {
    /// It was started.
    Started,
    /// It ran already.
    AlreadyRunning,
}

/// What stands after a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Started {
    /// ovsdb-server.
    pub ovsdb_server: Launch,
    /// ovs-vswitchd.
    pub ovs_vswitchd: Launch,
    /// What bridges without a `datapath_type` of their own should use.
    pub datapath: Datapath,
    /// Where the database answers.
    pub socket: PathBuf,
}

/// Starts the daemons that do not run, in the network namespace of the calling thread, and returns when ovs-vswitchd has carried out
/// what the database says. Leftovers of daemons that died are cleaned up. If ovs-vswitchd does not come up, an ovsdb-server that was
/// started for it is stopped again.
///
/// # Errors
///
/// [`DaemonError::Missing`], [`DaemonError::OtherSwitch`], [`DaemonError::NotOurs`], [`DaemonError::Failed`] with the end of the log,
/// [`DaemonError::Deadline`] with the stage, and those of files and sockets.
pub fn start(layout: &Layout, options: Options) -> Result<Started, DaemonError> {
    let deadline = Deadline::after(options.timeout);
    let layout = layout.absolute()?;
    let start = Start { layout: &layout, programs: Programs::find()?, datapath: options.datapath, deadline };
    layout.make()?;
    let _lock = Lock::take(&layout, deadline)?;
    start.run()
}

/// The same under a lock that is already held.
pub(super) fn start_locked(layout: &Layout, deadline: Deadline) -> Result<Started, DaemonError> {
    Start { layout, programs: Programs::find()?, datapath: None, deadline }.run()
}

struct Start<'a> {
    layout: &'a Layout,
    programs: Programs,
    datapath: Option<Datapath>,
    deadline: Deadline,
}

impl Start<'_> {
    fn run(&self) -> Result<Started, DaemonError> {
        let (database, switch) = (self.state(Daemon::Database)?, self.state(Daemon::Switch)?);
        if switch == Launch::Started {
            refuse_other_switch()?;
        }
        if database == Launch::Started {
            leftovers::clean(self.layout, Daemon::Database)?;
            database::prepare(self.layout, &self.programs, self.deadline)?;
            self.or_end(Daemon::Database, launch::database(self.layout, &self.programs, self.deadline))?;
        }
        let switched = self.bring_up_switch(database, switch);
        let datapath = if database == Launch::Started { self.or_end(Daemon::Database, switched)? } else { switched? };
        Ok(Started { ovsdb_server: database, ovs_vswitchd: switch, datapath, socket: self.layout.socket() })
    }

    /// What is to be done for a daemon.
    fn state(&self, daemon: Daemon) -> Result<Launch, DaemonError> {
        match record::find(self.layout, daemon)? {
            Found::Ours(instance) if self.is_ending(daemon, &instance)? => Ok(Launch::Started),
            Found::Ours(_) => Ok(Launch::AlreadyRunning),
            Found::NotOurs { pid } => Err(DaemonError::NotOurs { daemon, pid, pid_file: self.layout.pid_file(daemon) }),
            Found::Nothing | Found::Stale { .. } => Ok(Launch::Started),
        }
    }

    /// A daemon that was killed a moment ago closes its control socket before it is gone; one that hangs does not answer on it.
    fn is_ending(&self, daemon: Daemon, instance: &Instance) -> Result<bool, DaemonError> {
        let control = self.layout.control(daemon, instance.pid());
        let answer = Rpc::connect(&control, self.deadline).and_then(|mut rpc| rpc.call("version", json!([])));
        let stage = if daemon == Daemon::Switch { Stage::Switch } else { Stage::Database };
        match answer {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(DaemonError::Deadline { stage }),
            Err(_) => {
                let wait = instance.wait(Deadline::after(instance::ENDING));
                wait.map_err(|source| DaemonError::run(format!("waiting for {daemon}"), source))
            }
        }
    }

    fn bring_up_switch(&self, database: Launch, switch: Launch) -> Result<Datapath, DaemonError> {
        let mut session = Session::open(self.layout, self.deadline)?;
        let datapath = match (switch, self.datapath) {
            (Launch::AlreadyRunning, _) => session.datapath()?,
            (Launch::Started, Some(datapath)) => datapath,
            (Launch::Started, None) => Datapath::choose(self.deadline)?,
        };
        if database == Launch::Started || switch == Launch::Started {
            session.initialise(&self.row(datapath)?)?;
        }
        if switch == Launch::AlreadyRunning {
            return session.wait_for_switch().map(|()| datapath);
        }
        leftovers::clean(self.layout, Daemon::Switch)?;
        let launched = launch::switch(self.layout, &self.programs, datapath, self.deadline);
        self.or_end(Daemon::Switch, launched.and_then(|()| session.wait_for_switch()))?;
        Ok(datapath)
    }

    fn row(&self, datapath: Datapath) -> Result<Row, DaemonError> {
        let db_version = database::schema_version(&self.programs, self.deadline)?;
        Ok(Row { ovs_version: self.ovs_version()?, db_version, datapath })
    }

    /// The last word of the first line of `ovs-vswitchd --version`: ovs-vswitchd (Open vSwitch) 3.1.0.
    fn ovs_version(&self) -> Result<String, DaemonError> {
        let mut command = Command::new(&self.programs.ovs_vswitchd);
        let ended = tool::run(command.arg("--version"), Stage::Tool("ovs-vswitchd --version"), self.deadline)?;
        let text = ended.output("ovs-vswitchd --version")?;
        Ok(text.lines().next().and_then(|line| line.split(' ').next_back()).unwrap_or_default().to_owned())
    }

    /// Ends a daemon that we started if what followed has failed. The failure is what is told; one of the ending is not.
    fn or_end<T>(&self, daemon: Daemon, result: Result<T, DaemonError>) -> Result<T, DaemonError> {
        if result.is_err() {
            let ended =
                stop::end(self.layout, daemon, stop::PATIENCE).and_then(|_| leftovers::clean(self.layout, daemon));
            if let Err(error) = ended {
                tracing::warn!("{daemon} was started and cannot be stopped: {error}");
            }
        }
        result
    }
}
