//! Tells when to look again: something has changed on this host.
//!
//! Nothing here says what has changed. An event may be lost, come late, or be about something else; so whoever watches compares
//! what there is with what there should be, and an event only says that it is time to.

mod directories;
mod pace;
mod switches;

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::netlink::{self, Events, Netlink, NetnsDir, nsid};
use crate::ovsdb::client::Options;
use crate::ovsdb::endpoint::Endpoints;

use directories::Directories;
use switches::Switches;

pub use pace::{Pace, Verdict};

/// How long events are gathered before somebody looks: what changes together is looked at together.
const GATHER: Duration = Duration::from_millis(50);

/// Nothing can be watched.
#[derive(Debug, Error)]
pub enum WatchError {
    /// The kernel does not tell of devices or rules.
    #[error(transparent)]
    Netlink(#[from] netlink::Error),
    /// It does not tell of files.
    #[error("watch directories")]
    Directories(#[source] io::Error),
}

/// Sources of events: the kernel's, for devices and rules; directories; the database of Open vSwitch.
pub struct Sources {
    devices: Events,
    rules: Option<Events>,
    directories: Directories,
    switches: Option<Switches>,
}

impl Sources {
    /// Begins to watch; no change from now on is missed. Needs a tokio runtime with I/O and time.
    pub fn open() -> Result<Sources, WatchError> {
        Ok(Sources {
            devices: Events::of_all_namespaces()?,
            rules: Events::of_rules()?,
            directories: Directories::open().map_err(WatchError::Directories)?,
            switches: None,
        })
    }

    /// Watches the database of Open vSwitch too, also after it was away.
    pub fn watch_switches(&mut self, endpoints: Endpoints, options: Options) {
        self.switches.get_or_insert_with(|| Switches::new(endpoints, options));
    }

    /// Watches for files that come and go in a directory; one that is not there is tried again the next time.
    pub fn watch_directory(&mut self, path: &Path) {
        self.directories.add(path);
    }

    /// Sees to it that changes in these namespaces are heard of: each gets a number in this one (ip-netns(8), `set NAME auto`), as the
    /// kernel gives it one when it shows a veth pair that leads there.
    pub fn number<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let Ok(mut host) = Netlink::host() else { return };
        let directory = NetnsDir::default();
        // One that is not there, or is none, is not heard of in any case.
        for netns in names.into_iter().filter_map(|name| directory.open(name).ok()) {
            if let Ok(None) = host.nsid(&netns)
                && let Err(error) = host.request(nsid::assign(&netns))
            {
                tracing::debug!(%error, "a namespace without a number");
            }
        }
    }

    /// Waits for a change, and then until a moment later, or until `not_before` if that is later still.
    pub async fn changed(&mut self, not_before: Instant) -> Result<(), WatchError> {
        self.event().await?;
        let until = not_before.max(Instant::now() + GATHER);
        while let Ok(event) = timeout_at(until, self.event()).await {
            event?;
        }
        Ok(())
    }

    /// Waits for one event. Dropping the future loses none.
    async fn event(&mut self) -> Result<(), WatchError> {
        let rules = async {
            match &mut self.rules {
                Some(rules) => rules.next().await,
                None => std::future::pending().await,
            }
        };
        let switches = async {
            match &mut self.switches {
                Some(switches) => switches.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            result = self.devices.next() => Ok(result?),
            result = rules => Ok(result?),
            result = self.directories.next() => result.map_err(WatchError::Directories),
            () = switches => Ok(()),
        }
    }
}
