//! The keeper: the process that stays beside a program to see how it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde::{Deserialize, Serialize};

use super::processes::id_of;
use super::record::{Ending, Record, seconds};
use super::{Service, ServiceError, TOKEN_VARIABLE};
use crate::process::command::enter;
use crate::process::{ExecError, NETNS_VARIABLE};

/// What the keeper says on its standard output, a line each, to whoever started it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    /// The command runs.
    Started,
    /// It does not, because of this.
    Failed(String),
    /// It has ended.
    Ended(Ending),
}

/// Is the keeper of the program whose record is at `path`: starts it, and returns when it has ended and that is noted.
///
/// To be called by a process that does nothing else, with the environment that the one who started it has given it.
pub fn keep(path: &Path) {
    let mut words = io::stdout();
    let mut say = |word: Word| {
        // Whoever started it listens for a moment only.
        let text = serde_json::to_string(&word).unwrap_or_default();
        let _ = writeln!(words, "{text}").and_then(|()| words.flush());
    };
    match start(path) {
        Ok(Some((record, child))) => {
            say(Word::Started);
            if let Some(ending) = finish(path, record, child) {
                say(Word::Ended(ending));
            }
        }
        // It has been stopped, or started anew, before it began.
        Ok(None) => {}
        Err(why) => say(Word::Failed(why)),
    }
}

fn start(path: &Path) -> Result<Option<(Record, Child)>, String> {
    let Some(mut record) = own_record(path).map_err(|error| chain(&error))? else { return Ok(None) };
    // EPERM: it leads a process group already, and thus has a session of its own or is tried by hand.
    let _ = nix::unistd::setsid();
    record.keeper = id_of(std::process::id());
    record.write(path).map_err(|error| chain(&error))?;
    let started = run(&record.service, &record.log);
    record.since = seconds();
    match &started {
        Ok(child) => record.command = id_of(child.id()),
        Err(_) => record.ending = Some(Ending::Unknown),
    }
    record.write(path).map_err(|error| chain(&error))?;
    started.map(|child| Some((record, child)))
}

/// The record, if it is that of this process.
fn own_record(path: &Path) -> Result<Option<Record>, ServiceError> {
    let token = std::env::var(TOKEN_VARIABLE).unwrap_or_default();
    Ok(Record::read(path)?.filter(|record| record.token == token))
}

/// Waits for the end of the command, and notes it.
fn finish(path: &Path, mut record: Record, mut child: Child) -> Option<Ending> {
    let status = child.wait().ok()?;
    let ending = ending_of(status);
    record.ending = Some(ending);
    if let Ok(Some(_)) = own_record(path) {
        // A full disk: then it only shows that it runs no more.
        let _ = record.write(path);
    }
    Some(ending)
}

fn ending_of(status: ExitStatus) -> Ending {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ending::Status(code),
        (None, Some(signal)) => Ending::Signal(signal),
        (None, None) => Ending::Unknown,
    }
}

/// Starts the command from a thread that enters the namespace: the keeper itself stays outside, and keeps no namespace alive.
fn run(service: &Service, log: &Path) -> Result<Child, String> {
    let log = open(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
    let start = || -> Result<Child, String> {
        let mut command = command(service, &log).map_err(|error| error.to_string())?;
        let entered = service.target.as_ref().map_or(Ok(()), |target| enter(target, None));
        entered.map_err(|error| chain(&error))?;
        command.spawn().map_err(|error| match service.directory.is_dir() {
            true => ExecError::exec(&command.get_program().to_owned(), error).to_string(),
            false => format!("no directory {}", service.directory.display()),
        })
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".to_owned()).spawn_scoped(scope, start);
        let thread = thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn open(log: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(log)
}

/// The command, in a process group of its own, so that its signals do not reach the keeper.
fn command(service: &Service, log: &File) -> io::Result<Command> {
    use std::os::unix::process::CommandExt;
    let (program, arguments) =
        service.argv.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command given"))?;
    let mut command = Command::new(program);
    command.args(arguments).env(NETNS_VARIABLE, &service.place).current_dir(&service.directory).process_group(0);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
    Ok(command)
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
