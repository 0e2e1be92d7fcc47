//! Processes that are no children of the test.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Waits until a process, ours or not, has ended with all its threads.
pub fn wait_for_end(pid: i32) {
    let pidfd = match pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) {
        Err(Errno::SRCH) => return,
        pidfd => pidfd.unwrap(),
    };
    let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)), Ok(1), "process {pid} does not end");
}
