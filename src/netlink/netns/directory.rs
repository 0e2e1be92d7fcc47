//! Named network namespaces: `ip netns`. A name is a file in the run directory with the namespace bind-mounted on it
//! (ip-netns(8)).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::{NetnsFile, OF_THIS_THREAD, on_fresh_thread};
use crate::netlink::{Error, Netlink};

/// What a name in the run directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// There is no such file.
    Missing,
    /// There is a file, but no network namespace on it: left behind by a crash or a reboot.
    Stale,
    /// A network namespace.
    Live,
}

/// The directory of named network namespaces. The default is `ip netns`'s own, `/run/netns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetnsDir(PathBuf);

impl Default for NetnsDir {
    fn default() -> Self {
        Self(PathBuf::from("/run/netns"))
    }
}

impl NetnsDir {
    /// A run directory other than `ip netns`'s.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where the network namespace `name` is mounted. The name is the caller's to check: one path component.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Opens a named network namespace.
    pub fn open(&self, name: &str) -> Result<NetnsFile, Error> {
        NetnsFile::open(&self.path(name))
    }

    /// The names in the run directory, sorted; stale ones too. No directory means no names.
    pub fn list(&self) -> Result<Vec<String>, Error> {
        let failed = |error| Error::io(format!("read {}", self.0.display()), error);
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let names: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.file_name())).collect();
        let mut names: Vec<_> = names.map_err(failed)?.into_iter().filter_map(|name| name.into_string().ok()).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// What `name` stands for. A file that is just being made into a network namespace is waited for, not called stale.
    pub fn status(&self, name: &str) -> Result<Status, Error> {
        match self.glance(name)? {
            Status::Stale => {
                let _lock = self.lock()?;
                self.glance(name)
            }
            status => Ok(status),
        }
    }

    fn glance(&self, name: &str) -> Result<Status, Error> {
        match self.open(name) {
            Ok(_) => Ok(Status::Live),
            Err(Error::NetnsMissing { .. }) => Ok(Status::Missing),
            Err(Error::NotNetns { .. }) => Ok(Status::Stale),
            Err(error) => Err(error),
        }
    }

    /// Makes the network namespace `name`, runs `prepare` with a connection into it, and only then gives it its name: who
    /// sees the name sees what `prepare` did, also after a `kill -9` at any moment.
    ///
    /// Fails with [`Error::NetnsExists`] where the name is taken, by a stale file too. Of several that make the same name
    /// at once exactly one succeeds. After a failure the name is as free as before. Hands back the connection too, which
    /// spares the caller opening another.
    pub fn create(
        &self,
        name: &str,
        prepare: impl FnOnce(&mut Netlink) -> Result<(), Error> + Send,
    ) -> Result<(NetnsFile, Netlink), Error> {
        on_fresh_thread(|| self.create_here(name, prepare))
    }

    /// The same on this thread, which does nothing else and ends, and is in the new namespace afterwards.
    fn create_here(
        &self,
        name: &str,
        prepare: impl FnOnce(&mut Netlink) -> Result<(), Error>,
    ) -> Result<(NetnsFile, Netlink), Error> {
        let path = self.path(name);
        if fs::symlink_metadata(&path).is_ok() {
            // Spares the namespace; the O_EXCL below is what decides.
            return Err(Error::NetnsExists { path });
        }
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| Error::io("make a network namespace (unshare)", errno))?;
        let netns = NetnsFile::host()?;
        let mut netlink = Netlink::of_this_thread_in(&netns)?;
        prepare(&mut netlink)?;
        self.bind(name, OF_THIS_THREAD)?;
        Ok((netns, netlink))
    }

    /// The same for many names, on two threads. Of the last names there may be no answer: then they were not tried.
    pub fn create_all(
        &self,
        names: &[&str],
        prepare: impl Fn(&mut Netlink) -> Result<(), Error> + Sync,
    ) -> Vec<Result<(NetnsFile, Netlink), Error>> {
        let halves = names.split_at(names.len().div_ceil(2));
        let create = |names: &[&str]| names.iter().map(|name| self.create_here(name, &prepare)).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let start =
                |names| std::thread::Builder::new().name("netns".into()).spawn_scoped(scope, move || create(names));
            let one = match start(halves.0) {
                Ok(one) => one,
                Err(error) => return vec![Err(Error::io("start a thread", error))],
            };
            let other = (!halves.1.is_empty()).then(|| start(halves.1).ok()).flatten();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Vec<_>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            std::iter::once(one).chain(other).flat_map(join).collect()
        })
    }

    /// Gives `netns` the name, besides those that it may have: `ip netns attach`. Fails as [`create`](Self::create) does where
    /// the name is taken.
    pub fn attach(&self, name: &str, netns: &NetnsFile) -> Result<(), Error> {
        self.bind(name, &format!("/proc/thread-self/fd/{}", netns.as_raw_fd()))
    }

    /// Mounts the namespace that `source` leads to on a new file in the run directory.
    fn bind(&self, name: &str, source: &str) -> Result<(), Error> {
        fs::create_dir_all(&self.0).map_err(|error| Error::io(format!("make {}", self.0.display()), error))?;
        let _lock = self.lock()?;
        self.share()?;
        bind(&self.path(name), source)
    }

    /// Takes the name away; the namespace ends when nothing else keeps it (a process, an open descriptor). What is gone
    /// already is success, and a stale file goes too.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        if fs::symlink_metadata(&path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Ok(());
        }
        let _lock = self.lock()?;
        // Several mounts may lie on each other.
        while unmount(&path)? {}
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("remove {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    /// Locks the run directory, as `ip netns add` does, so that a name and what is mounted on it change as one. Held for a
    /// few system calls, and let go by the kernel when its holder dies.
    fn lock(&self) -> Result<Flock<File>, Error> {
        let failed = |error| Error::io(format!("lock {}", self.0.display()), error);
        let directory = File::open(&self.0).map_err(failed)?;
        Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, errno)| failed(errno.into()))
    }

    /// Makes the run directory a shared mount, as `ip netns add` does: what comes and goes here comes and goes in the mount
    /// namespaces of containers and services too, where the name would otherwise be a stale file.
    fn share(&self) -> Result<(), Error> {
        let result = match self.set_shared(MsFlags::empty()) {
            // Not a mount point yet.
            Err(Errno::EINVAL) => self.bind_on_itself(),
            result => result,
        };
        result.map_err(|errno| Error::io(format!("make {} a shared mount", self.0.display()), errno))
    }

    fn set_shared(&self, depth: MsFlags) -> Result<(), Errno> {
        mount(None::<&str>, &self.0, None::<&str>, MsFlags::MS_SHARED | depth, None::<&str>)
    }

    fn bind_on_itself(&self) -> Result<(), Errno> {
        mount(Some(&self.0), &self.0, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)?;
        self.set_shared(MsFlags::MS_REC)
    }
}

/// Whether there was a mount to take away.
fn unmount(path: &Path) -> Result<bool, Error> {
    match umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        Ok(()) => Ok(true),
        // No mount, no file.
        Err(Errno::EINVAL | Errno::ENOENT) => Ok(false),
        Err(errno) => Err(Error::io(format!("unmount {}", path.display()), errno)),
    }
}

/// Mounts `source` on a new file at `path`; no file stays behind on failure.
fn bind(path: &Path, source: &str) -> Result<(), Error> {
    // O_EXCL: of several that want the name, one gets it.
    OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::NetnsExists { path: path.to_owned() },
        _ => Error::io(format!("make {}", path.display()), error),
    })?;
    mount(Some(source), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(|errno| {
        // The mount's error is the one to tell; a file that cannot be removed shows as stale.
        let _ = fs::remove_file(path);
        Error::io(format!("mount the network namespace on {}", path.display()), errno)
    })
}
