//! A run of ovsns that is under way.

use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cli::Ran;

/// Longer than any deadline of a run; one that is still there then has failed its test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process with its output in pipes.
pub struct Running(Child);

impl Running {
    /// Starts `command`.
    pub fn start(mut command: Command) -> Running {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(command.spawn().unwrap())
    }

    /// Waits until it has a file open whose path begins with `prefix`.
    pub fn opens(&self, prefix: &str) {
        let directory = format!("/proc/{}/fd", self.0.id());
        let is_open = || {
            let files = std::fs::read_dir(&directory).ok()?;
            let mut paths = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
            paths.any(|path| path.to_str().is_some_and(|path| path.starts_with(prefix))).then_some(())
        };
        let deadline = Instant::now() + PATIENCE;
        while is_open().is_none() {
            assert!(Instant::now() < deadline, "no {prefix} was opened");
            std::thread::yield_now();
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id().try_into().unwrap()), signal).unwrap();
    }

    /// Ends it at once, and waits until it has.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If that does not come, after having killed it, and if a signal ended it.
    pub fn end(self) -> Ran {
        let pid = Pid::from_raw(self.0.id().try_into().unwrap());
        let (sender, receiver) = channel();
        let waiting = std::thread::spawn(move || {
            let output = self.0.wait_with_output().unwrap();
            sender.send(()).unwrap();
            output
        });
        if receiver.recv_timeout(PATIENCE).is_err() {
            kill(pid, Signal::SIGKILL).unwrap();
            panic!("process {pid} ran past {PATIENCE:?}: {:#?}", waiting.join());
        }
        let output = waiting.join().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let code = output.status.code().unwrap_or_else(|| panic!("ended by {}: {stdout}{stderr}", output.status));
        Ran { stdout, stderr, code }
    }
}
