//! Network namespaces, by name and by path.
//!
//! No thread that runs anything else ever changes its namespace: what must happen inside one happens on a fresh thread that
//! ends with the deed.

mod directory;

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use nix::unistd::Pid;

pub use directory::{NetnsDir, Status};

use super::{Error, Netlink};

/// The namespace of the calling thread. Never `/proc/self`, which is that of the process's first thread.
const OF_THIS_THREAD: &str = "/proc/thread-self/ns/net";

thread_local! {
    /// By which a thread finds out what a file is.
    static ASKED: RefCell<Option<Netlink>> = const { RefCell::new(None) };
}

/// An open network namespace: it lives at least as long as this handle. Clones share the descriptor.
#[derive(Debug, Clone)]
pub struct NetnsFile(Arc<OwnedFd>);

impl NetnsFile {
    /// The calling thread's own network namespace: the host's, as no thread of a runtime ever leaves it.
    pub fn host() -> Result<Self, Error> {
        let file = File::open(OF_THIS_THREAD).map_err(|error| Error::io(format!("open {OF_THIS_THREAD}"), error))?;
        Ok(Self(Arc::new(file.into())))
    }

    /// The network namespace of a process.
    pub fn of_process(pid: Pid) -> Result<Self, Error> {
        Self::open(&PathBuf::from(format!("/proc/{pid}/ns/net")))
    }

    /// The network namespace at `path`, such as `/proc/1234/ns/net` or `/run/docker/netns/4f2a`.
    ///
    /// Fails with [`Error::NetnsMissing`] where there is no file, and [`Error::NotNetns`] where the file is something else.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // A thread asks over one connection, since thousands may be opened, whichever namespace it is in.
        ASKED.with_borrow_mut(|asked| {
            let netlink = match asked {
                Some(netlink) => netlink,
                None => asked.insert(Netlink::of_this_thread()?),
            };
            Ok(Self::open_and_number(path, netlink)?.0)
        })
    }

    /// The same, and its number in the namespace of `netlink`, if it has one there.
    pub fn open_and_number(path: &Path, netlink: &mut Netlink) -> Result<(Self, Option<i32>), Error> {
        let failed = |error| Error::io(format!("open {}", path.display()), error);
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NetnsMissing { path: path.to_owned() },
            _ => failed(error),
        })?;
        let of_any_kind = fstatfs(&file).map_err(|errno| failed(errno.into()))?.filesystem_type() == NSFS_MAGIC;
        let netns = Self(Arc::new(file.into()));
        if of_any_kind {
            // The kernel refuses the number of what is a namespace of another kind (EINVAL, `rtnl_net_getid`).
            match netlink.nsid(&netns) {
                Ok(number) => return Ok((netns, number)),
                Err(error) if error.errno() == Some(Errno::EINVAL) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::NotNetns { path: path.to_owned() })
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
            self.enter()?;
            Ok(work())
        })
    }

    fn enter(&self) -> Result<(), Error> {
        let entered = setns(&*self.0, CloneFlags::CLONE_NEWNET);
        entered.map_err(|errno| Error::io("enter the network namespace (setns)", errno))
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

/// The thread that goes from one namespace to the next: see [`travel`].
pub struct Traveller(PhantomData<*const ()>);

impl Traveller {
    /// Enters `netns`, stays until the next one is entered, and does `work` over a connection there. Needs `CAP_SYS_ADMIN`.
    pub fn visit<T>(&self, netns: &NetnsFile, work: impl FnOnce(&mut Netlink) -> T) -> Result<T, Error> {
        netns.enter()?;
        Ok(work(&mut Netlink::of_this_thread()?))
    }

    /// Enters `netns`, stays until the next one is entered, and opens a connection for the use of any thread.
    pub fn open(&self, netns: &NetnsFile) -> Result<Netlink, Error> {
        netns.enter()?;
        Netlink::of_this_thread_in(netns)
    }
}

/// Runs `journey` on a thread of its own, which may go into as many namespaces as it likes, and ends. The calling thread waits
/// and stays where it is.
pub fn travel<T: Send>(journey: impl FnOnce(&Traveller) -> Result<T, Error> + Send) -> Result<T, Error> {
    on_fresh_thread(|| journey(&Traveller(PhantomData)))
}

/// Runs `work` on a thread that nothing else uses, waits for it, and passes on its panic.
pub(super) fn on_fresh_thread<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("netns".into())
            .spawn_scoped(scope, work)
            .map_err(|error| Error::io("start a thread", error))?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
