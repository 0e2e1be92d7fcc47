//! `exec` and `shell`.

use std::ffi::OsString;
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use clap::{Args, Parser};
use serde_json::json;

use crate::model::Place;
use crate::process::{self, ExecError, Target, User};

use super::failure::Failure;
use super::global::Global;
use super::output::{Output, Report};
use super::session;

/// How many commands `exec --all` runs at a time.
const AT_A_TIME: usize = 64;

#[derive(Debug, Args)]
#[command(override_usage = "ovsns exec [OPTIONS] NETNS [--] COMMAND…\n       ovsns exec [OPTIONS] --all [--] COMMAND…")]
pub struct Exec {
    /// Run it in every named namespace at once, each line of output behind the namespace's name
    #[arg(long)]
    all: bool,
    /// Run it as this user: NAME, UID or UID:GID
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// The namespace (a name, docker:NAME, podman:NAME, pid:PID, path:FILE or host), then the command; with --all the
    /// command alone. What stands behind the command's name is the command's
    #[arg(value_names = ["NETNS", "COMMAND"], num_args = 1.., trailing_var_arg = true)]
    words: Vec<OsString>,
}

/// What stands behind the namespace: options of ours, as one types them when the namespace comes to mind first, and the command.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Behind {
    #[arg(long)]
    user: Option<String>,
    #[command(flatten)]
    _global: Global,
    #[arg(trailing_var_arg = true)]
    command: Vec<OsString>,
}

impl Exec {
    pub fn run(&self, output: &Output) -> Result<Report, Failure> {
        if self.all {
            return self.run_all(output);
        }
        let (netns, rest) = self.words.split_first().ok_or_else(|| {
            Failure::usage("no namespace given")
                .hint("ovsns exec NETNS -- ip address; ovsns list-ns lists the namespaces")
        })?;
        let netns = netns.to_str().ok_or_else(|| Failure::usage("the namespace's name is not UTF-8"))?;
        let behind = Behind::try_parse_from(rest).map_err(|error| Failure::usage(error.render().to_string()))?;
        if behind.command.is_empty() {
            return Err(Failure::usage("no command given").hint(format!("ovsns exec {netns} -- ip address")));
        }
        let user = find(behind.user.as_deref().or(self.user.as_deref()))?;
        match process::exec(&target(netns)?, user.as_ref(), &behind.command) {
            Err(error) => Err(failed(&error)),
        }
    }

    fn run_all(&self, output: &Output) -> Result<Report, Failure> {
        if self.words.is_empty() {
            return Err(Failure::usage("no command given").hint("ovsns exec --all -- ip address"));
        }
        let user = find(self.user.as_deref())?;
        let targets = all_namespaces()?;
        let limit = NonZeroUsize::new(AT_A_TIME).unwrap_or(NonZeroUsize::MIN);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("cannot start").cause(error))?;
        let (mut out, mut err) = (io::stdout(), io::stderr());
        let finished = runtime
            .block_on(process::exec_all(&targets, user.as_ref(), &self.words, limit, &mut out, &mut err))
            .map_err(|error| failed(&error))?;
        for end in &finished {
            if let Err(error) = &end.status {
                output.note(&format!("{}: {}", end.label, super::failure::chain(error).join(": ")));
            }
        }
        Ok(Report::new("", json!(null)).code(process::exit_code(&finished)))
    }
}

fn find(user: Option<&str>) -> Result<Option<User>, Failure> {
    user.map(User::find).transpose().map_err(|error| failed(&error))
}

fn failed(error: &ExecError) -> Failure {
    let lines = super::failure::chain(error);
    let mut failure = Failure::new(lines.first().cloned().unwrap_or_default());
    failure.causes = lines.into_iter().skip(1).collect();
    failure.code = error.exit_status();
    match error {
        ExecError::NoNetns { path } => {
            let named = path.strip_prefix(session::RUN_DIRECTORY).ok().and_then(Path::to_str);
            match named.and_then(session::container_instead) {
                Some(instead) => failure.hint(instead),
                None => failure.hint("ovsns list-ns lists the namespaces; ovsns add-ns makes one"),
            }
        }
        ExecError::NotNetns { path } if path.parent() == Some(Path::new(session::RUN_DIRECTORY)) => {
            let name = path.file_name().unwrap_or_default().display();
            failure.hint(format!("if nothing uses that file, remove it: ovsns del-ns {name}"))
        }
        ExecError::NotPermitted { .. } => failure.hint(super::failure::PRIVILEGE_HINT),
        _ => failure,
    }
}

/// The namespace that is written so.
pub fn target(text: &str) -> Result<Target, Failure> {
    Ok(match text.parse::<Place>()? {
        Place::Named(name) => Target::named(name.as_str()),
        Place::Nsid(_) => return Err(Failure::usage(format!("{text}: neither a file nor a process leads there"))),
        place @ Place::Container(_) => Target::at(session::netns_file(&session::canonical(place)?)?, text),
        place => Target::at(session::netns_file(&place)?, text),
    })
}

fn all_namespaces() -> Result<Vec<Target>, Failure> {
    Ok(session::namespaces()?.iter().map(|name| Target::named(name.as_str())).collect())
}

#[derive(Debug, Args)]
pub struct Shell {
    /// The namespace: a name, docker:NAME, podman:NAME, pid:PID, path:FILE or host
    netns: String,
    /// Run it as this user: NAME, UID or UID:GID
    #[arg(long, value_name = "USER")]
    user: Option<String>,
}

impl Shell {
    pub fn run(&self) -> Result<Report, Failure> {
        let user = find(self.user.as_deref())?;
        match process::shell(&target(&self.netns)?, user.as_ref()) {
            Err(error) => Err(failed(&error)),
        }
    }
}
