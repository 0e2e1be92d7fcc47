//! Waiting for processes, also for those that are no children of the test.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Waits until a process, ours or not, has ended with all its threads.
pub fn wait_for_end(pid: i32) {
    assert!(ends_within(pid, Duration::from_secs(20)), "process {pid} does not end");
}

/// Whether it ends in that time. A child that has ended is still to be waited for.
pub fn ends_within(pid: i32, patience: Duration) -> bool {
    let pidfd = match pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) {
        Err(Errno::SRCH) => return true,
        pidfd => pidfd.unwrap(),
    };
    let timeout = Timespec { tv_sec: patience.as_secs().try_into().unwrap(), tv_nsec: 0 };
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)) == Ok(1)
}
