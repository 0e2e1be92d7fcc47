//! A controller under test, and the lab that it keeps.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::cli::{Cli, Ran};
use crate::common::tool;

/// Longer than anything here takes, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Within this an ordinary drift is healed; it should be a fifth of it.
pub const HEALED: Duration = Duration::from_secs(5);

/// Where the lab's file is.
pub const FILE: &str = "/run/lab.yaml";

/// A controller that runs.
pub struct Kept {
    child: Child,
    lines: Receiver<String>,
    /// What it has said, but for its looks.
    pub said: Vec<String>,
    /// How often it has looked.
    pub looks: usize,
}

impl Kept {
    /// Writes the lab's file, and starts `ovsns run` on it; returns once it is applied.
    pub fn start(cli: &Cli, lab: &str) -> Kept {
        std::fs::write(FILE, lab).unwrap();
        let mut kept = Kept::spawn(cli, &[]);
        kept.says("applied: ");
        kept.is_quiet(Duration::from_millis(300));
        kept
    }

    /// The same with other options, on the file that is there: nothing may be to be done.
    pub fn start_again(cli: &Cli, options: &[&str]) -> Kept {
        let mut kept = Kept::spawn(cli, options);
        kept.looks_once();
        kept
    }

    fn looks_once(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.looks == 0 {
            assert!(Instant::now() < deadline, "it does not look: {:#?}", self.said);
            self.hear(Duration::from_millis(100));
        }
        self.is_quiet(Duration::from_millis(500));
    }

    fn spawn(cli: &Cli, options: &[&str]) -> Kept {
        let mut command = cli.command(&[&["run", FILE, "-v"], options].concat());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // Nobody listens any more at the end of a test.
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)).ok();
        });
        Kept { child, lines, said: Vec::new(), looks: 0 }
    }

    /// Takes what it says for a while; false where nothing came.
    fn hear(&mut self, within: Duration) -> bool {
        match self.lines.recv_timeout(within) {
            Ok(line) => {
                if line.contains("looking") {
                    self.looks += 1;
                } else if line.starts_with("ovsns: ") || !line.contains("DEBUG") {
                    self.said.push(line);
                }
                true
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended: {:#?}", self.said),
        }
    }

    /// Waits until it has said nothing for so long.
    pub fn is_quiet(&mut self, period: Duration) {
        let deadline = Instant::now() + PATIENCE;
        while self.hear(period) {
            assert!(Instant::now() < deadline, "it is never quiet: {:#?}", self.said);
        }
    }

    /// Waits until it says a line with `words`, from now on, and returns it.
    pub fn says(&mut self, words: &str) -> String {
        let (deadline, from) = (Instant::now() + PATIENCE, self.said.len());
        loop {
            if let Some(line) = self.said[from..].iter().find(|line| line.contains(words)) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "it does not say `{words}`: {:#?}", self.said);
            self.hear(Duration::from_millis(100));
        }
    }

    /// Breaks something, and waits until `check`, a command of words, succeeds again. How long that took is printed.
    pub fn heals(&mut self, what: &str, broken: impl FnOnce(), check: impl Fn() -> bool) -> Duration {
        let deadline = Instant::now() + PATIENCE;
        while !check() {
            assert!(Instant::now() < deadline, "{what}: it is broken before");
            self.hear(Duration::from_millis(100));
        }
        broken();
        let begin = Instant::now();
        let mut took = None;
        while took.is_none() {
            assert!(begin.elapsed() < PATIENCE, "{what}: {:#?}", self.said);
            self.hear(Duration::from_millis(1));
            // Broken, then whole: what is only slow to break would pass.
            if self.said.iter().any(|line| line.contains("healed")) && check() {
                took = Some(begin.elapsed());
            }
        }
        let took = took.unwrap();
        println!("{what}: healed after {} ms", took.as_millis());
        assert!(took < HEALED, "{what}: healed after {took:?}");
        self.is_quiet(Duration::from_millis(300));
        self.said.clear();
        took
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The processor time that it has had, and the memory that it has (`/proc/PID/stat`, fields 14, 15 and 24).
    pub fn usage(&self) -> (Duration, u64) {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let number = |field: usize| fields[field - 3].parse::<u64>().unwrap();
        // Clock ticks of 10 ms, and pages of 4 KiB, on every machine that this runs on.
        (Duration::from_millis(10 * (number(14) + number(15))), number(24) * 4)
    }

    /// Ends it by `signal`; it must end with status 0.
    pub fn end(mut self, signal: Signal) -> Ran {
        self.signal(signal);
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end: {:#?}", self.said);
            std::thread::yield_now();
        };
        self.said.extend(self.lines.iter().filter(|line| line.starts_with("ovsns: ")));
        assert_eq!(status.code(), Some(0), "{:#?}", self.said);
        Ran { stdout: String::new(), stderr: self.said.join("\n"), code: 0 }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // After `end` it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether `ip -j` prints something with all of `words`.
pub fn shows(command: &str, words: &[&str]) -> bool {
    let output = tool::output(command);
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success() && words.iter().all(|word| text.contains(word))
}
