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

use crate::netlink::{self, Events};
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

/// What was heard while events were gathered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// The database has become unreachable, for this reason.
    pub database_lost: Option<String>,
    /// The database answers again.
    pub database_back: bool,
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

    /// Watches the database of Open vSwitch too.
    pub fn watch_switches(&mut self, endpoints: Endpoints, options: Options) {
        self.switches = Some(Switches::new(endpoints, options));
    }

    /// Watches for files that come and go in a directory; one that is not there is tried again the next time.
    pub fn watch_directory(&mut self, path: &Path) {
        self.directories.add(path);
    }

    /// Waits for a change, and then until [`GATHER`] later, or until `not_before` if that is later still.
    pub async fn changed(&mut self, not_before: Instant) -> Result<News, WatchError> {
        let mut news = News::default();
        self.event(&mut news).await?;
        let until = not_before.max(Instant::now() + GATHER);
        while let Ok(event) = timeout_at(until, self.event(&mut news)).await {
            event?;
        }
        Ok(news)
    }

    /// Waits for one event. Dropping the future loses none.
    async fn event(&mut self, news: &mut News) -> Result<(), WatchError> {
        let rules = async {
            match &mut self.rules {
                Some(rules) => rules.next().await,
                None => std::future::pending().await,
            }
        };
        let switches = async {
            match &mut self.switches {
                Some(switches) => switches.next(news).await,
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
