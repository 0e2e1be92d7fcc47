//! A run of ovsns that is under way.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::cli::Ran;
use super::pid;

/// Longer than any deadline of a run; one that is still there then has failed its test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process with its output in pipes. It is killed when this is dropped.
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
    pub fn kill(self) {
        drop(self);
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If that does not come, after having killed it, and if a signal ended it.
    pub fn end(mut self) -> Ran {
        let (stdout, stderr) = (Text::of(self.0.stdout.take()), Text::of(self.0.stderr.take()));
        let pid = self.0.id();
        let in_time = pid::ends_within(pid.try_into().unwrap(), PATIENCE);
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        let (stdout, stderr) = (stdout.all(), stderr.all());
        assert!(in_time, "process {pid} ran past {PATIENCE:?}: {stdout}{stderr}");
        let code = status.code().unwrap_or_else(|| panic!("ended by {status}: {stdout}{stderr}"));
        Ran { stdout, stderr, code }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, but for one that is to be killed, and for a test that has failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All that comes out of a pipe.
struct Text(JoinHandle<String>);

impl Text {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Text {
        let mut pipe = pipe.unwrap();
        Text(std::thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).unwrap();
            text
        }))
    }

    fn all(self) -> String {
        self.0.join().unwrap()
    }
}
