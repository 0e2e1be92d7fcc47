//! Runs a program to its end, or to the deadline.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::memfd::{MFdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::deadline::Deadline;
use super::instance::ended;
use super::{DaemonError, Said, Stage};

/// What a program that ended left.
pub(super) struct Ended {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ended {
    /// Standard output of a program that succeeded.
    pub(super) fn output(self, action: impl Into<String>) -> Result<String, DaemonError> {
        if self.success {
            return Ok(self.stdout);
        }
        Err(DaemonError::Failed { action: action.into(), source: Said { stderr: self.stderr, log: None } })
    }
}

/// Runs `command` with empty input.
pub(super) fn run(command: &mut Command, stage: Stage, deadline: Deadline) -> Result<Ended, DaemonError> {
    run_with(command, "", stage, deadline)
}

/// Runs `command`, which reads `input`. It writes into files in memory, not pipes: a daemon keeps its standard error open, and we must not
/// wait for the end of it. At the deadline the program is killed.
pub(super) fn run_with(
    command: &mut Command,
    input: &str,
    stage: Stage,
    deadline: Deadline,
) -> Result<Ended, DaemonError> {
    let name = command.get_program().display().to_string();
    let failed = |source: io::Error| DaemonError::run(format!("running {name}"), source);
    let (mut stdout, mut stderr) = (memory().map_err(failed)?, memory().map_err(failed)?);
    if input.is_empty() {
        command.stdin(Stdio::null());
    } else {
        command.stdin(holding(input).map_err(failed)?);
    }
    command.stdout(stdout.try_clone().map_err(failed)?).stderr(stderr.try_clone().map_err(failed)?);
    let mut child = command.spawn().map_err(failed)?;
    match wait(&mut child, deadline).map_err(failed)? {
        None => Err(DaemonError::Deadline { stage }),
        Some(status) => Ok(Ended {
            success: status.success(),
            stdout: contents(&mut stdout).map_err(failed)?,
            stderr: contents(&mut stderr).map_err(failed)?,
        }),
    }
}

/// The end of our own child; none, and the child killed, if the deadline came first.
fn wait(child: &mut Child, deadline: Deadline) -> io::Result<Option<ExitStatus>> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    if ended(&pidfd, deadline)? {
        return child.wait().map(Some);
    }
    child.kill()?;
    child.wait().map(|_| None)
}

fn memory() -> io::Result<File> {
    Ok(File::from(memfd_create("ovsns-output", MFdFlags::MFD_CLOEXEC)?))
}

/// A file that holds `input`, to be read from its beginning. It need not fit into a pipe, and nobody has to write while the
/// program reads.
fn holding(input: &str) -> io::Result<File> {
    let mut file = memory()?;
    file.write_all(input.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn contents(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str, timeout: u64) -> Result<Ended, DaemonError> {
        let deadline = Deadline::after(Duration::from_secs(timeout));
        run(Command::new("sh").args(["-c", script]), Stage::Tool("sh"), deadline)
    }

    #[test]
    fn output_and_failure_are_told() {
        assert_eq!(shell("echo yes", 10).unwrap().output("x").unwrap(), "yes");
        let error = shell("echo why >&2; exit 3", 10).unwrap().output("trying").unwrap_err();
        let DaemonError::Failed { action, source } = error else { panic!("{error:?}") };
        assert_eq!((action.as_str(), source.to_string().as_str()), ("trying", "why"));
    }

    #[test]
    fn input_is_read_however_long() {
        let input = "0123456789".repeat(100_000);
        let deadline = Deadline::after(Duration::from_secs(10));
        let ended = run_with(Command::new("wc").arg("-c"), &input, Stage::Tool("wc"), deadline).unwrap();
        assert_eq!(ended.stdout, "1000000");
    }

    #[test]
    fn a_child_that_keeps_standard_error_open_does_not_hold_us() {
        let ended = shell("sleep 1000 & echo $!", 10).unwrap();
        let pid = ended.stdout.parse().unwrap();
        super::super::instance::Instance::open(pid).unwrap().unwrap().signal(rustix::process::Signal::KILL).unwrap();
    }

    #[test]
    fn the_deadline_ends_the_program() {
        assert!(matches!(shell("exec sleep 1000", 0), Err(DaemonError::Deadline { stage: Stage::Tool("sh") })));
    }
}
