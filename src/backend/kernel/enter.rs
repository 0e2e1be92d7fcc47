//! Work in other namespaces than the host's, and namespaces for a while.

use std::os::fd::AsRawFd;

use crate::backend::BackendError;
use crate::model::Place;
use crate::netlink::{self, NetnsFile};

use super::failed;
use super::places::Places;

/// Runs `work` in the namespace at `place`, on a thread of its own.
pub fn inside<T: Send>(place: &Place, work: impl FnOnce() -> T + Send) -> Result<T, BackendError> {
    if *place == Place::Host {
        return Ok(work());
    }
    let done = Places::default().file(place).and_then(|netns| netns.inside(work));
    done.map_err(|error| failed(format!("cannot look into namespace {place}"), error))
}

/// A network namespace without a name, which ends with this value or with the process.
#[derive(Debug)]
pub struct UnnamedNetns(NetnsFile);

impl UnnamedNetns {
    /// Makes one.
    pub fn new() -> Result<UnnamedNetns, BackendError> {
        let made = netlink::feature::in_scratch_netns(|_| NetnsFile::host()).and_then(|netns| netns);
        made.map(UnnamedNetns).map_err(|error| failed("cannot make a network namespace", error))
    }

    /// The way to it, while it is there.
    pub fn place(&self) -> Place {
        Place::Path(format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()))
    }
}
