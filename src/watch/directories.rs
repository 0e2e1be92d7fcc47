//! Files that come and go: the names of namespaces, and the records of programs.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;

/// Some directories, through inotify(7).
pub(super) struct Directories(AsyncFd<OwnedFd>);

impl Directories {
    /// None yet.
    #[allow(
        deprecated,
        reason = "an OwnedFd is open as long as it is owned, which is all that its successor asks for by `unsafe`"
    )]
    pub fn open() -> io::Result<Directories> {
        Ok(Directories(AsyncFd::new(init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?)?))
    }

    /// This one too, if it is there. It may be added again: it is watched once.
    pub fn add(&mut self, path: &Path) {
        let kinds =
            WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::DELETE_SELF | WatchFlags::ONLYDIR;
        match add_watch(self.0.get_ref(), path, kinds) {
            Err(Errno::NOENT) | Ok(_) => {}
            Err(error) => tracing::warn!("cannot watch {}: {error}", path.display()),
        }
    }

    /// Returns once there was an event. Dropping the future loses none.
    pub async fn next(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            // As many as fit: the others make it readable again.
            match rustix::io::read(ready.get_inner(), &mut [0; 4096]) {
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
    }
}
