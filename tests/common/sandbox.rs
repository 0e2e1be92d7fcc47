//! A place of its own for each test: new network and mount namespaces, with nothing in `/run`, gone with the test.

use std::future::Future;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Runs `body` on a fresh thread in new network and mount namespaces, with a tmpfs on `/run`, `/var/lib` and
/// `/var/log`, `lo` down, and a current-thread runtime. Threads and child processes that it starts are inside too. Needs root.
///
/// Panics where `body` panics, and where the sandbox cannot be made: a test that could not run has not passed.
pub fn run<F: Future<Output = ()>>(body: impl FnOnce() -> F + Send) {
    run_blocking(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(body());
    });
}

/// The same without a runtime.
pub fn run_blocking(body: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            isolate();
            body();
        });
        if let Err(panic) = inside.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn isolate() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("unshare: the sandbox needs root");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
    for place in ["/run", "/var/lib", "/var/log"] {
        mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
    }
    // `ip` and `ethtool` read the sysfs of the namespace they run in.
    mount(Some("sysfs"), "/sys", Some("sysfs"), MsFlags::empty(), none).expect("a sysfs of the namespace");
}
