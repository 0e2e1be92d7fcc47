//! Network and mount namespaces of a test's own.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::any::Any;
use std::panic::resume_unwind;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

const NONE: Option<&str> = None;

/// Runs `test` in a fresh thread with its own network namespace and mounts: empty `/run`, `/var/lib` and `/var/log`. What it spawns lives
/// there too; all of it goes with the last process.
pub fn run(test: impl FnOnce() + Send + 'static) {
    let inside = move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("these tests need root");
        mount(NONE, "/", NONE, MsFlags::MS_PRIVATE | MsFlags::MS_REC, NONE).unwrap();
        for folder in ["/run", "/var/lib", "/var/log"] {
            mount(Some("test"), folder, Some("tmpfs"), MsFlags::empty(), NONE).unwrap();
        }
        test();
    };
    thread::spawn(inside).join().unwrap_or_else(|panic: Box<dyn Any + Send>| resume_unwind(panic));
}

/// Waits until a process, ours or not, has ended with all its threads.
pub fn wait_for_end(pid: i32) {
    let pidfd = match pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()) {
        Err(Errno::SRCH) => return,
        pidfd => pidfd.unwrap(),
    };
    let timeout = Timespec { tv_sec: 20, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)), Ok(1), "process {pid} does not end");
}
