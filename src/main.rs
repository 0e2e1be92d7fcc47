//! The `ovsns` command: for now only what the tests of `process` run.

use std::convert::Infallible;
use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;

use ovsns::process::{self, ExecError, Target, User};

fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(io::stderr).init();
    match run(env::args_os().skip(1).collect()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(io::stderr(), "ovsns: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}

/// `exec [--user USER] NAME|PATH|--all -- COMMAND…` and `shell [--user USER] NAME|PATH`.
fn run(mut arguments: Vec<OsString>) -> Result<u8, ExecError> {
    let verb = arguments.remove(0);
    let user = match arguments.first().is_some_and(|first| first == "--user") {
        true => Some(User::find(&arguments.drain(..2).nth(1).unwrap_or_default().to_string_lossy())?),
        false => None,
    };
    let target = arguments.remove(0).to_string_lossy().into_owned();
    let argv = arguments.get(1..).unwrap_or_default();
    let never = match (verb == "shell", target.as_str()) {
        (true, _) => process::shell(&find(&target), user.as_ref()),
        (false, "--all") => return all(user.as_ref(), argv),
        (false, _) => process::exec(&find(&target), user.as_ref(), argv),
    };
    never.map(|never: Infallible| match never {})
}

fn find(target: &str) -> Target {
    if target.contains('/') { Target::at(target, target) } else { Target::named(target) }
}

fn all(user: Option<&User>, argv: &[OsString]) -> Result<u8, ExecError> {
    let failed = |source| ExecError::Enter { action: "listing namespaces".to_owned(), source };
    let mut names: Vec<_> =
        std::fs::read_dir("/run/netns").map_err(failed)?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    let targets: Vec<_> = names.iter().map(|name| Target::named(&name.to_string_lossy())).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let run = process::exec_all(&targets, user, argv, NonZeroUsize::MIN.saturating_add(7), &mut out, &mut err);
    let finished = runtime.block_on(run)?;
    for (label, error) in finished.iter().filter_map(|end| end.status.as_ref().err().map(|error| (&end.label, error))) {
        let _ = writeln!(io::stderr(), "ovsns: {label}: {error}");
    }
    Ok(process::exit_code(&finished))
}
