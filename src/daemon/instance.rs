//! One process, held so that it cannot be taken for another.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::deadline::Deadline;

/// How long a process that was killed may take to end: ovs-vswitchd closes a packet socket for each port, at up to 13 ms.
pub(super) const ENDING: Duration = Duration::from_secs(30);

/// A running process. The pidfd (pidfd_open(2), Linux 5.3) stays with it, so that a signal never reaches another one with the same pid.
#[derive(Debug)]
pub(super) struct Instance {
    pid: i32,
    start_time: u64,
    pidfd: OwnedFd,
}

impl Instance {
    /// The process that now has `pid`; none where it is gone, or a zombie. One that is just ending is waited for.
    pub(super) fn open(pid: i32) -> io::Result<Option<Self>> {
        let Some(raw) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else { return Ok(None) };
        let pidfd = match pidfd_open(raw, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(None),
            pidfd => pidfd?,
        };
        let Some(stat) = Stat::read(pid) else { return Ok(None) };
        let wait = if stat.is_ending() { ENDING } else { Duration::ZERO };
        // If it is still alive, then /proc/PID was this process's all the time.
        let alive = !ended(&pidfd, Deadline::after(wait))?;
        Ok(alive.then_some(Self { pid, start_time: stat.start_time, pidfd }))
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Clock ticks from the boot to the start of the process: field 22 of `/proc/PID/stat` (proc_pid_stat(5)).
    pub(super) fn start_time(&self) -> u64 {
        self.start_time
    }

    /// Sends a signal. That the process has ended meanwhile is no failure.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.pidfd, signal) {
            Err(Errno::SRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Waits until the process has ended; false if the deadline came first.
    pub(super) fn wait(&self, deadline: Deadline) -> io::Result<bool> {
        ended(&self.pidfd, deadline)
    }
}

/// A pidfd becomes readable when its process ends, also for those who are not its parent.
pub(super) fn ended(pidfd: &impl AsFd, deadline: Deadline) -> io::Result<bool> {
    loop {
        let mut descriptors = [PollFd::new(pidfd, PollFlags::IN)];
        match poll(&mut descriptors, Some(&deadline.timespec())) {
            Err(Errno::INTR) => {}
            ready => return Ok(ready? > 0),
        }
    }
}

/// What we need of `/proc/PID/stat` (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// Field 3, a letter.
    state: char,
    /// Field 22.
    start_time: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Field 2 is the command's name in parentheses, and may itself hold blanks and parentheses.
    fn parse(text: &str) -> Option<Self> {
        let (_, after_name) = text.rsplit_once(") ")?;
        let state = after_name.chars().next()?;
        Some(Self { state, start_time: after_name.split(' ').nth(22 - 3)?.parse().ok()? })
    }

    /// The first thread has ended; the process has only when all of them have, and holds its files and devices until then.
    fn is_ending(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_start_time_is_found_behind_any_name() {
        let rest = "S 1 5 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 20";
        for name in ["sleep", "a b", "x) S 1 (y", ")"] {
            let expected = Stat { state: 'S', start_time: 987_654 };
            assert_eq!(Stat::parse(&format!("42 ({name}) {rest}\n")), Some(expected), "{name}");
        }
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn a_process_is_there_until_it_ends() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let instance = Instance::open(child.id().try_into().unwrap()).unwrap().unwrap();
        assert!(!instance.wait(Deadline::after(Duration::ZERO)).unwrap());
        instance.signal(Signal::KILL).unwrap();
        assert!(instance.wait(Deadline::after(Duration::from_secs(10))).unwrap());
        // A zombie is not a running process.
        assert!(Instance::open(instance.pid()).unwrap().is_none());
        child.wait().unwrap();
        assert!(Instance::open(instance.pid()).unwrap().is_none());
        instance.signal(Signal::KILL).unwrap();
    }

    #[test]
    fn no_pid_is_no_process() {
        for pid in [0, -1, i32::MIN, i32::MAX] {
            assert!(Instance::open(pid).unwrap().is_none(), "{pid}");
        }
    }
}
