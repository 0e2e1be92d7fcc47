//! A capture under way, ours or tcpdump's.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::common::cli::Cli;

/// Longer than anything takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A child process, and what it has said until now. It is killed when this is dropped.
pub struct Watching {
    child: Child,
    stdout: Option<Text>,
    stderr: Text,
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// What comes out of a pipe.
struct Text {
    said: Arc<(Mutex<String>, Condvar)>,
    reader: JoinHandle<()>,
}

impl Text {
    fn of(pipe: impl Read + Send + 'static) -> Text {
        let said = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let its = said.clone();
        let reader = std::thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                its.0.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                its.1.notify_all();
                line.clear();
            }
        });
        Text { said, reader }
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut said = self.said.0.lock().unwrap();
        while !is_there(&said) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {what} in: {said}");
            said = self.said.1.wait_timeout(said, left).unwrap().0;
        }
        said.clone()
    }

    fn all(self) -> String {
        self.reader.join().unwrap();
        self.said.0.lock().unwrap().clone()
    }
}

impl Watching {
    /// Starts `ovsns` with these words, and returns when it watches.
    pub fn ours(cli: &Cli, words: &str) -> Watching {
        Watching::ours_with(cli, &words.split_whitespace().collect::<Vec<_>>())
    }

    /// The same, of arguments that may have white space.
    pub fn ours_with(cli: &Cli, arguments: &[&str]) -> Watching {
        Watching::start(cli.command(arguments), "ovsns: capturing ")
    }

    /// Starts tcpdump in the namespace `netns`, which writes to `file` what `filter` takes and prints it, and returns when it
    /// watches.
    pub fn theirs(netns: &str, device: &str, file: &str, filter: &str) -> Watching {
        let mut tcpdump = Command::new("ip");
        tcpdump.args(["netns", "exec", netns, "tcpdump", "--immediate-mode", "-U", "-i", device, "-w", file]);
        Watching::start(
            {
                tcpdump.args(["--print", "-e", "-l", "-n", filter]);
                tcpdump
            },
            "listening on ",
        )
    }

    /// Starts `command` with its output in pipes, and returns when `ready` is in what it says on standard error.
    pub fn start(mut command: Command, ready: &str) -> Watching {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let watching = Watching::begin(command);
        watching.stderr.wait_for(ready, |said| said.contains(ready));
        watching
    }

    /// Starts `command`, which has its standard output already where it is to go, or piped.
    pub fn begin(mut command: Command) -> Watching {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().map(Text::of);
        let stderr = Text::of(child.stderr.take().unwrap());
        Watching { child, stdout, stderr }
    }

    /// Waits until it has said `words` on standard error.
    pub fn says(&self, words: &str) -> String {
        self.stderr.wait_for(words, |said| said.contains(words))
    }

    /// Waits until it has printed so many lines.
    pub fn lines(&self, count: usize) -> Vec<String> {
        let stdout = self.stdout.as_ref().expect("a pipe");
        let text = stdout.wait_for("more lines", |said| said.matches('\n').count() >= count);
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until it has printed a line with these words.
    pub fn prints(&self, words: &str) {
        self.stdout.as_ref().expect("a pipe").wait_for(words, |said| said.contains(words));
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Ends it as Ctrl-C does; it must succeed.
    pub fn stop(self) -> Ended {
        self.signal(Signal::SIGINT);
        let ended = self.end();
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
    }

    /// Kills it, and waits for its end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends by itself.
    pub fn end(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        // What it says ends with it.
        while self.child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "it does not end; it says: {}", self.stderr.said.0.lock().unwrap());
            std::thread::yield_now();
        }
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        let nothing = Text::of(std::io::empty());
        let stderr = std::mem::replace(&mut self.stderr, nothing).all();
        let stdout = self.stdout.take().map(Text::all).unwrap_or_default();
        Ended { code, stdout, stderr }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It has ended already, but for a test that has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until there are so many packets in `file`.
pub fn packets_in(file: &str, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while super::pcapng::packets(&std::fs::read(file).unwrap()) < count {
        assert!(Instant::now() < deadline, "no {count} packets in {file}");
        std::thread::yield_now();
    }
}

/// The lines of `text` without the time that they begin with.
pub fn without_time(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_once(' ').map_or(line, |(_, rest)| rest).to_owned()).collect()
}

/// What tcpdump reads in a file, a line a packet, without times.
pub fn read(file: &str) -> Vec<String> {
    let text = super::common::tool::run(&format!("tcpdump -t -n -S -r {file}"));
    // It has two blanks before what it cannot tell, and a hexadecimal dump below.
    let lines = text.lines().filter(|line| !line.starts_with('\t'));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}
