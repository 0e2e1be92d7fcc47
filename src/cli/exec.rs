//! `exec` and `shell`.

use std::ffi::OsString;
use std::io;
use std::num::NonZeroUsize;

use clap::Args;
use serde_json::json;

use crate::model::Place;
use crate::process::{self, ExecError, Target, User};

use super::failure::Failure;
use super::output::{Output, Report};

/// How many commands `exec --all` runs at a time.
const AT_A_TIME: usize = 64;

#[derive(Debug, Args)]
pub struct Exec {
    /// The namespace (a name, pid:PID, path:FILE or host), then the command; with --all the command alone
    #[arg(value_name = "NETNS", required_unless_present = "all")]
    netns: Option<String>,
    /// Run it in every named namespace at once, each line of output behind the namespace's name
    #[arg(long)]
    all: bool,
    /// Run it as this user: NAME, UID or UID:GID
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

impl Exec {
    pub fn run(&self, output: &Output) -> Result<Report, Failure> {
        let user = self.user.as_deref().map(User::find).transpose().map_err(|error| failed(&error))?;
        if self.all {
            return self.run_all(user.as_ref(), output);
        }
        let netns = self.netns.as_deref().unwrap_or_default();
        if self.command.is_empty() {
            return Err(Failure::usage("no command given").hint(format!("ovsns exec {netns} -- ip address")));
        }
        match process::exec(&target(netns)?, user.as_ref(), &self.command) {
            Err(error) => Err(failed(&error)),
        }
    }

    fn run_all(&self, user: Option<&User>, output: &Output) -> Result<Report, Failure> {
        let command: Vec<OsString> =
            self.netns.iter().map(OsString::from).chain(self.command.iter().cloned()).collect();
        if command.is_empty() {
            return Err(Failure::usage("no command given").hint("ovsns exec --all -- ip address"));
        }
        let targets = all_namespaces()?;
        let limit = NonZeroUsize::new(AT_A_TIME).unwrap_or(NonZeroUsize::MIN);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("cannot start").cause(error))?;
        let (mut out, mut err) = (io::stdout(), io::stderr());
        let finished = runtime
            .block_on(process::exec_all(&targets, user, &command, limit, &mut out, &mut err))
            .map_err(|error| failed(&error))?;
        for end in &finished {
            if let Err(error) = &end.status {
                output.note(&format!("{}: {}", end.label, super::failure::chain(error).join(": ")));
            }
        }
        Ok(Report::new("", json!(null)).code(process::exit_code(&finished)))
    }
}

fn failed(error: &ExecError) -> Failure {
    let lines = super::failure::chain(error);
    let mut failure = Failure::new(lines.first().cloned().unwrap_or_default());
    failure.causes = lines.into_iter().skip(1).collect();
    failure.code = error.exit_status();
    match error {
        ExecError::NoNetns { .. } => failure.hint("ovsns list-ns lists the namespaces; ovsns add-ns makes one"),
        ExecError::NotPermitted { .. } => failure.hint(super::failure::PRIVILEGE_HINT),
        _ => failure,
    }
}

fn target(text: &str) -> Result<Target, Failure> {
    Ok(match text.parse::<Place>()? {
        Place::Host => Target::at("/proc/thread-self/ns/net", "host"),
        Place::Named(name) => Target::named(name.as_str()),
        Place::Pid(pid) => Target::at(format!("/proc/{pid}/ns/net"), text),
        Place::Path(path) => Target::at(path, text),
        Place::Nsid(_) => return Err(Failure::usage(format!("{text}: neither a file nor a process leads there"))),
    })
}

fn all_namespaces() -> Result<Vec<Target>, Failure> {
    Ok(super::session::namespaces()?.iter().map(|name| Target::named(name.as_str())).collect())
}

#[derive(Debug, Args)]
pub struct Shell {
    /// The namespace: a name, pid:PID, path:FILE or host
    netns: String,
    /// Run it as this user: NAME, UID or UID:GID
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

impl Shell {
    pub fn run(&self) -> Result<Report, Failure> {
        let user = self.user.as_deref().map(User::find).transpose().map_err(|error| failed(&error))?;
        match process::shell(&target(&self.netns)?, user.as_ref()) {
            Err(error) => Err(failed(&error)),
        }
    }
}
