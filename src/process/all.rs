//! One command in several namespaces at a time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::oneshot;

use super::command::{enter, prepare};
use super::lines::Lines;
use super::signals::Signals;
use super::{ExecError, Target, User};

/// How long the output of a command is still read after its end: a daemon that it left behind may hold the pipe for ever.
const DRAIN: Duration = Duration::from_secs(1);

/// The end of the command in one namespace.
#[derive(Debug)]
pub struct Finished {
    /// The namespace, as [`Target::label`] names it.
    pub label: String,
    /// How the command ended, or why it was not run.
    pub status: Result<ExitStatus, ExecError>,
}

impl Finished {
    /// The exit status as a shell counts it: 128 + number for a command ended by a signal, [`ExecError::exit_status`] for one not run.
    pub fn exit_code(&self) -> u8 {
        let code = match &self.status {
            Ok(status) => status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1),
            Err(error) => return error.exit_status(),
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

/// The exit status of all together: 0 if every command ended with 0, otherwise the largest of them.
pub fn exit_code(finished: &[Finished]) -> u8 {
    finished.iter().map(Finished::exit_code).max().unwrap_or(0)
}

/// Runs `argv` in each of `targets`, at most `limit` at a time, with empty input. Each line of output is written whole, with the prefix `LABEL| `,
/// standard output to `out`, standard error to `err`; the answer has the order of `targets`.
///
/// Needs a tokio runtime with I/O and time. SIGINT, SIGTERM, SIGHUP and SIGQUIT go on to the commands (each has a process group of its own,
/// which gets it once); those not yet started stay so. If the future is dropped, what runs is killed.
///
/// # Errors
///
/// [`ExecError::Output`] if `out` or `err` refuses, as when `head` has seen enough: the commands are killed. [`ExecError::Enter`] if
/// no signal handler can be set up. What fails in one namespace stands in its [`Finished`].
pub async fn exec_all(
    targets: &[Target],
    user: Option<&User>,
    argv: &[OsString],
    limit: NonZeroUsize,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Vec<Finished>, ExecError> {
    let mut signals =
        Signals::new().map_err(|source| ExecError::Enter { action: "catching signals".to_owned(), source })?;
    let all = All {
        user,
        argv,
        out: RefCell::new(out),
        err: RefCell::new(err),
        running: RefCell::default(),
        stopped: Cell::new(None),
    };
    let mut runs = stream::iter(targets).map(|target| all.finish(target)).buffered(limit.get());
    let mut finished = Vec::with_capacity(targets.len());
    loop {
        tokio::select! {
            signal = signals.next() => all.pass_on(signal),
            run = runs.next() => match run {
                Some(run) => finished.push(run?),
                None => return Ok(finished),
            },
        }
    }
}

/// What the runs share; all of them are polled by one task.
struct All<'a> {
    user: Option<&'a User>,
    argv: &'a [OsString],
    out: RefCell<&'a mut dyn Write>,
    err: RefCell<&'a mut dyn Write>,
    running: RefCell<BTreeSet<i32>>,
    stopped: Cell<Option<Signal>>,
}

impl All<'_> {
    async fn finish(&self, target: &Target) -> Result<Finished, ExecError> {
        let label = target.label().to_owned();
        match self.run(target).await {
            Err(error @ ExecError::Output { .. }) => Err(error),
            status => Ok(Finished { label, status }),
        }
    }

    async fn run(&self, target: &Target) -> Result<ExitStatus, ExecError> {
        if let Some(signal) = self.stopped.get() {
            return Err(ExecError::Interrupted { signal: signal as i32 });
        }
        let child = spawn(target, self.user, self.argv).await?;
        Run::new(self, child).follow(target.label()).await
    }

    /// Sends the signal to every process group of ours, and lets no other command start.
    fn pass_on(&self, signal: Signal) {
        self.stopped.set(Some(signal));
        for &group in self.running.borrow().iter() {
            // ESRCH: it ended by itself, and is not yet waited for.
            let _ = killpg(Pid::from_raw(group), signal);
        }
    }
}

/// A running command; dropped while it still runs, it is killed with its process group.
struct Run<'a, 'b> {
    all: &'a All<'b>,
    child: Child,
    group: i32,
}

impl<'a, 'b> Run<'a, 'b> {
    fn new(all: &'a All<'b>, child: Child) -> Self {
        // A child has its pid until it is waited for, and a pid fits: the kernel's limit is 2^22.
        let group = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or(0);
        all.running.borrow_mut().insert(group);
        // A signal may have come while the child was being started.
        if let Some(signal) = all.stopped.get() {
            let _ = killpg(Pid::from_raw(group), signal);
        }
        Self { all, child, group }
    }

    async fn follow(mut self, label: &str) -> Result<ExitStatus, ExecError> {
        let failed = |source| ExecError::Output { name: label.to_owned(), source };
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take());
        let (mut out_lines, mut err_lines) = (Lines::new(label), Lines::new(label));
        let mut piped = Box::pin(async {
            tokio::try_join!(pump(out, &mut out_lines, &self.all.out), pump(err, &mut err_lines, &self.all.err))
        });
        // Polled before the child, so that a refused line is seen before the end that it causes.
        let (status, open) = tokio::select! {
            biased;
            end = &mut piped => { end.map_err(failed)?; (self.child.wait().await, false) }
            status = self.child.wait() => (status, true),
        };
        // Waited for: from here on the pid may be another process's.
        self.all.running.borrow_mut().remove(&self.group);
        self.group = 0;
        if open && let Ok(end) = tokio::time::timeout(DRAIN, &mut piped).await {
            end.map_err(failed)?;
        }
        drop(piped);
        out_lines.finish(&mut **self.all.out.borrow_mut()).map_err(failed)?;
        err_lines.finish(&mut **self.all.err.borrow_mut()).map_err(failed)?;
        status.map_err(|source| ExecError::Enter { action: "waiting for the command".to_owned(), source })
    }
}

impl Drop for Run<'_, '_> {
    fn drop(&mut self) {
        if self.group != 0 {
            let _ = killpg(Pid::from_raw(self.group), Signal::SIGKILL);
        }
    }
}

/// Starts the command from a thread made for it, which enters the namespace and takes the credentials; the child inherits both.
async fn spawn(target: &Target, user: Option<&User>, argv: &[OsString]) -> Result<Child, ExecError> {
    let mut command = prepare(target, user, argv)?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut command = tokio::process::Command::from(command);
    command.kill_on_drop(true);
    let (target, user, program) = (target.clone(), user.cloned(), command.as_std().get_program().to_owned());
    let runtime = tokio::runtime::Handle::current();
    let (answer, answered) = oneshot::channel();
    let start = move || {
        let _runtime = runtime.enter();
        let child = enter(&target, user.as_ref())
            .and_then(|()| command.spawn().map_err(|error| ExecError::exec(&program, error)));
        let _ = answer.send(child);
    };
    let failed = |source| ExecError::Enter { action: "starting a thread".to_owned(), source };
    std::thread::Builder::new().name("ovsns-exec".to_owned()).spawn(start).map_err(failed)?;
    answered.await.unwrap_or_else(|_| Err(failed(io::Error::other("it ended without an answer"))))
}

/// Copies one stream of a command, line by line, until its end.
async fn pump(
    pipe: Option<impl AsyncRead + Unpin>,
    lines: &mut Lines,
    sink: &RefCell<&mut dyn Write>,
) -> io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match pipe.read(&mut buffer).await? {
            0 => return Ok(()),
            read => lines.feed(&buffer[..read], &mut **sink.borrow_mut())?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(raw: i32) -> Finished {
        Finished { label: "ns1".to_owned(), status: Ok(ExitStatus::from_raw(raw)) }
    }

    #[test]
    fn the_largest_status_speaks_for_all() {
        assert_eq!(exit_code(&[]), 0);
        assert_eq!(exit_code(&[finished(0), finished(3 << 8), finished(1 << 8)]), 3);
    }

    #[test]
    fn a_signal_and_a_missing_command_count_as_in_a_shell() {
        assert_eq!(finished(15).exit_code(), 128 + 15);
        let missing = ExecError::NotFound { command: "nosuch".into() };
        assert_eq!(Finished { label: String::new(), status: Err(missing) }.exit_code(), 127);
        assert_eq!(ExecError::Interrupted { signal: 2 }.exit_status(), 130);
    }
}
