//! Network namespaces, named and by path.
//!
//! A name is a file in the run directory with the namespace bind-mounted on it, exactly as `ip netns` does it
//! (ip-netns(8)). No thread that runs anything else ever changes its namespace: what must happen inside one happens on a
//! fresh thread that ends with the deed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use nix::unistd::Pid;

use super::{Error, Netlink};

/// The namespace of the calling thread. Never `/proc/self`, which is that of the process's first thread.
const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";

/// An open network namespace: it lives at least as long as this handle. Clones share the descriptor.
#[derive(Debug, Clone)]
pub struct NetnsFile(Arc<OwnedFd>);

impl NetnsFile {
    /// The calling thread's own network namespace: the host's, as no thread of a runtime ever leaves it.
    pub fn host() -> Result<Self, Error> {
        Self::open(Path::new(OF_THIS_THREAD))
    }

    /// The network namespace of a process.
    pub fn of_process(pid: Pid) -> Result<Self, Error> {
        Self::open(&PathBuf::from(format!("/proc/{pid}/ns/net")))
    }

    /// The network namespace at `path`, such as `/proc/1234/ns/net` or `/run/docker/netns/4f2a`.
    ///
    /// Fails with [`Error::NetnsMissing`] where there is no file, and [`Error::NotNetns`] where the file is something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NetnsMissing { path: path.to_owned() },
            _ => Error::io(format!("open {}", path.display()), error),
        })?;
        match is_netns(&file).map_err(|error| Error::io(format!("examine {}", path.display()), error))? {
            true => Ok(Self(Arc::new(file.into()))),
            false => Err(Error::NotNetns { path: path.to_owned() }),
        }
    }

    /// Whether both are the same namespace: one inode of one nsfs (namespaces(7), `/proc/PID/ns`).
    pub fn is_same(&self, other: &Self) -> Result<bool, Error> {
        Ok(self.identity()? == other.identity()?)
    }

    /// Device and inode number, which identify the namespace while anything keeps it alive.
    pub fn identity(&self) -> Result<(u64, u64), Error> {
        let stat = nix::sys::stat::fstat(&*self.0).map_err(|errno| Error::io("examine a network namespace", errno))?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Runs `work` inside, on a thread of its own that enters the namespace and ends.
    ///
    /// Needs `CAP_SYS_ADMIN`. The calling thread waits and stays where it is.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        on_fresh_thread(|| {
            setns(&*self.0, CloneFlags::CLONE_NEWNET)
                .map_err(|errno| Error::io("enter the network namespace (setns)", errno))?;
            Ok(work())
        })
    }
}

impl AsFd for NetnsFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for NetnsFile {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

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

    /// What `name` stands for.
    pub fn status(&self, name: &str) -> Result<Status, Error> {
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
        let path = self.path(name);
        if fs::symlink_metadata(&path).is_ok() {
            // Spares the namespace; the O_EXCL below is what decides.
            return Err(Error::NetnsExists { path });
        }
        on_fresh_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)
                .map_err(|errno| Error::io("make a network namespace (unshare)", errno))?;
            let mut netlink = Netlink::of_this_thread()?;
            prepare(&mut netlink)?;
            let netns = NetnsFile::host()?;
            self.share()?;
            bind(&path)?;
            Ok((netns, netlink))
        })
    }

    /// Takes the name away; the namespace ends when nothing else keeps it (a process, an open descriptor). What is gone
    /// already is success, and a stale file goes too.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        let path = self.path(name);
        // Several mounts may lie on each other; EINVAL: no mount (any more).
        while match umount2(&path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
            Ok(()) => true,
            Err(Errno::EINVAL | Errno::ENOENT) => false,
            Err(errno) => return Err(Error::io(format!("unmount {}", path.display()), errno)),
        } {}
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("remove {}", path.display()), error))
            }
            _ => Ok(()),
        }
    }

    /// Makes the run directory a shared mount, as `ip netns add` does, so that other mount namespaces see names come and
    /// go, and above all so that they do not keep a deleted namespace alive.
    fn share(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.0).map_err(|error| Error::io(format!("make {}", self.0.display()), error))?;
        match self.set_shared() {
            // EINVAL: not a mount point yet.
            Err(Errno::EINVAL) => self.bind_on_itself(),
            result => result.map_err(|errno| self.mount_error(errno)),
        }
    }

    fn set_shared(&self) -> Result<(), Errno> {
        mount(None::<&str>, &self.0, None::<&str>, MsFlags::MS_SHARED | MsFlags::MS_REC, None::<&str>)
    }

    /// Under the lock that iproute2 takes too, lest two of us mount the directory on itself twice. Held for two system calls.
    fn bind_on_itself(&self) -> Result<(), Error> {
        let directory = File::open(&self.0).map_err(|error| Error::io(format!("open {}", self.0.display()), error))?;
        let _lock = Flock::lock(directory, FlockArg::LockExclusive).map_err(|(_, errno)| self.mount_error(errno))?;
        if self.set_shared().is_ok() {
            return Ok(());
        }
        mount(Some(&self.0), &self.0, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
            .and_then(|()| self.set_shared())
            .map_err(|errno| self.mount_error(errno))
    }

    fn mount_error(&self, errno: Errno) -> Error {
        Error::io(format!("make {} a shared mount", self.0.display()), errno)
    }
}

/// Mounts the calling thread's network namespace on a new file at `path`; no file stays behind on failure.
fn bind(path: &Path) -> Result<(), Error> {
    // O_EXCL: of several that want the name, one gets it.
    OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Error::NetnsExists { path: path.to_owned() },
        _ => Error::io(format!("make {}", path.display()), error),
    })?;
    mount(Some(OF_THIS_THREAD), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(|errno| {
        // The mount's error is the one to tell; a file that cannot be removed shows as stale.
        let _ = fs::remove_file(path);
        Error::io(format!("mount the network namespace on {}", path.display()), errno)
    })
}

/// Whether the file is a network namespace, and not an ordinary file or a namespace of another kind.
fn is_netns(file: &File) -> io::Result<bool> {
    if fstatfs(file)?.filesystem_type() != NSFS_MAGIC {
        return Ok(false);
    }
    let target = fs::read_link(format!("/proc/thread-self/fd/{}", file.as_raw_fd()))?;
    Ok(target.to_string_lossy().starts_with("net:["))
}

/// Runs `work` on a thread that nothing else uses, waits for it, and passes on its panic.
fn on_fresh_thread<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("netns".into())
            .spawn_scoped(scope, work)
            .map_err(|error| Error::io("start a thread", error))?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
