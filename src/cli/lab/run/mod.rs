//! `run`: a lab that is kept as its file says, for as long as this process runs.

mod calls;
mod heal;
mod held;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sd_notify::NotifyState;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::cli::failure::Failure;
use crate::cli::global::{Global, seconds_with_unit};
use crate::cli::output::{Output, Report};
use crate::cli::session::{OvsDatabase, RUN_DIRECTORY, Session, check_privileges, watch_switches};
use crate::engine::EngineError;
use crate::lab::{Lab, LabSwitch};
use crate::model::{BackendName, NetnsName};
use crate::watch::{Pace, Sources};

use super::file::LabFile;
use super::{programs, records};

use calls::Calls;
use heal::Outcome;
use held::Held;

pub use held::check_not_held;

/// Where the engines of containers have their namespaces: files come and go there with the containers.
const CONTAINERS: &str = "/run/docker/netns";
/// After a look, nobody looks for as long as it took, so that a host on which much happens is not kept busy by us; but not for longer
/// than that.
const LONGEST_REST: Duration = Duration::from_millis(250);
/// After a failure, an event makes it try again, but not before this.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Without an event it tries again after a while, twice as long each time, up to this.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(after_help = "\
Applies the file, and then stays: what is changed by hand, by a container that starts again, or by an ovs-vswitchd that does, is put
right within a second; what breaks again and again, five times at once and then ever more rarely. A line on stderr says what was done; with
--json it is a document a line on stdout. SIGHUP reads the file again: what is wrong with it is told, and the old goes on. SIGTERM and
SIGINT end it, and leave the lab as it is.

Examples:
  ovsns run lab.yaml
  ovsns run lab.yaml --destroy-on-exit
  systemctl enable --now ovsns-lab@campus      keeps /etc/ovsns/campus.yaml")]
pub struct Run {
    #[command(flatten)]
    file: LabFile,
    /// Make what is there under the names of the file, and is not the lab's, its own
    #[arg(long)]
    adopt: bool,
    /// Take the lab away at the end
    #[arg(long)]
    destroy_on_exit: bool,
    /// What is broken again and again is healed at least so often
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds_with_unit)]
    longest_pause: Duration,
    /// Look also where nothing was heard for so long
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds_with_unit)]
    resync: Duration,
}

/// A lab that is kept.
struct Controller<'a> {
    args: &'a Run,
    global: Global,
    output: &'a Output,
    path: PathBuf,
    lab: Lab,
    sources: Sources,
    pace: Pace,
    /// What failed last, which is not told again.
    failure: Option<String>,
    _held: Held,
}

impl Run {
    pub async fn run(&self, global: &Global, output: &Output) -> Result<Report, Failure> {
        check_privileges()?;
        let path = self.file.path()?;
        let lab = self.file.read()?;
        records(&lab.owner).make().map_err(EngineError::from)?;
        let mut calls = Calls::new().map_err(|error| Failure::new("cannot catch signals").cause(error))?;
        let mut controller = Controller {
            args: self,
            global: global.clone(),
            output,
            path,
            _held: Held::take(&lab.owner)?,
            sources: Sources::open().map_err(|error| Failure::new("cannot watch this host").cause(error))?,
            lab,
            pace: Pace::new(self.longest_pause),
            failure: None,
        };
        controller.decide().await?;
        controller.look(&mut calls, true).await?;
        notify(&[NotifyState::Ready]);
        controller.follow(&mut calls).await?;
        notify(&[NotifyState::Stopping]);
        controller.end(&mut calls).await
    }
}

impl Controller<'_> {
    /// An Open vSwitch that comes or goes later must not change what the file means: where its switches are is decided now.
    async fn decide(&mut self) -> Result<(), Failure> {
        let session = Session::open(&self.global, self.output).await?;
        let (backend, why) = session.backend_for_new();
        for switch in self.lab.switches.iter_mut().filter(|switch| switch.backend.is_none() && !switch.external) {
            switch.backend = Some(backend);
            if let Some(why) = &why {
                self.output.note(&format!("switch {} {why}", switch.name));
            }
        }
        let may_be_ovs = |switch: &LabSwitch| switch.backend != Some(BackendName::Linux);
        if self.lab.switches.iter().any(may_be_ovs) && matches!(session.ovs, OvsDatabase::Ready(..)) {
            watch_switches(&mut self.sources, &self.global)?;
        }
        self.watch_files();
        Ok(())
    }

    /// Directories that are not there yet are tried again after each change.
    fn watch_files(&mut self) {
        self.sources.watch_directory(RUN_DIRECTORY.as_ref());
        self.sources.watch_directory(CONTAINERS.as_ref());
        self.sources.watch_directory(programs::of(&self.lab.owner).directory());
        let names = self.lab.namespaces.iter().filter_map(|namespace| namespace.place.name());
        self.sources.number(names.map(NetnsName::as_str));
    }

    /// Keeps the lab until a signal ends it.
    async fn follow(&mut self, calls: &mut Calls) -> Result<(), Failure> {
        let mut retry = AFTER_FAILURE;
        // What was asked for and failed is still asked for.
        let mut asked = false;
        let (mut next, mut not_before) = (Instant::now() + self.args.resync, Instant::now());
        loop {
            let waited = tokio::select! {
                () = calls.wait() => Ok(()),
                changed = self.sources.changed(not_before) => changed,
                () = sleep_until(next) => Ok(()),
            };
            waited.map_err(|error| Failure::new("cannot watch this host any more").cause(error))?;
            if calls.is_ended() {
                return Ok(());
            }
            let reloaded = calls.take_reload() && self.reload().await;
            asked |= reloaded;
            let begin = Instant::now();
            let outcome = self.look(calls, asked).await;
            let now = Instant::now();
            not_before = now + (now - begin).min(LONGEST_REST);
            next = now + self.args.resync;
            match outcome {
                Ok(outcome) => {
                    asked = false;
                    retry = AFTER_FAILURE;
                    self.is_whole(outcome);
                    if let Outcome::Later(at) = outcome {
                        next = next.min(at);
                    }
                }
                Err(_) if calls.is_ended() => return Ok(()),
                Err(failure) => {
                    self.failed(&failure);
                    not_before = now + AFTER_FAILURE;
                    next = next.min(now + retry);
                    retry = (retry * 2).min(LONGEST_RETRY);
                }
            }
            if reloaded {
                notify(&[NotifyState::Ready]);
            }
        }
    }

    /// Reads the file again. Whether it is fit to be used.
    async fn reload(&mut self) -> bool {
        let time = NotifyState::monotonic_usec_now().ok();
        notify(&std::iter::once(NotifyState::Reloading).chain(time).collect::<Vec<_>>());
        match self.args.file.read() {
            Ok(lab) if lab.owner == self.lab.owner => {
                self.lab = lab;
                self.failure = None;
                self.pace = Pace::new(self.args.longest_pause);
                match self.decide().await {
                    Ok(()) => return true,
                    Err(failure) => self.failed(&failure),
                }
            }
            Ok(lab) => {
                let text = format!("the file is of lab {} now; lab {} goes on as it was", lab.owner, self.lab.owner);
                self.say("not reloaded", &[text], json!({}));
            }
            Err(failure) => {
                let text = format!("{failure}\nwhat the file said before goes on");
                self.say("not reloaded", &[text.trim_start_matches("ovsns: ").to_owned()], json!({"error": failure}));
            }
        }
        notify(&[NotifyState::Ready]);
        false
    }

    fn is_whole(&mut self, outcome: Outcome) {
        if !matches!(outcome, Outcome::Later(_)) && self.failure.take().is_some() {
            self.say("whole", &[format!("lab {} is as its file says again", self.lab.owner)], json!({}));
        }
    }

    /// The same failure is told once.
    fn failed(&mut self, failure: &Failure) {
        let text = failure.to_string();
        if self.failure.as_ref() != Some(&text) {
            let line = text.trim_start_matches("ovsns: ").to_owned();
            self.say("failed", &[line], json!({"error": failure}));
            self.failure = Some(text);
        }
    }

    /// A line each for people; a document for programs.
    fn say(&self, event: &str, lines: &[String], more: Value) {
        let mut document = json!({"event": event, "lab": self.lab.owner});
        if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
            document.extend(more);
        }
        self.output.event(lines, &document);
    }
}

/// Tells the service manager, if there is one (sd_notify(3)).
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager does not hear");
    }
}
