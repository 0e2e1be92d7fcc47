//! `list-fdb`, `add-fdb`, `del-fdb`, `flush-fdb`: what a switch knows of who is behind which port.

mod add;
mod delete;
mod entry;
mod linux;
mod list;
mod ovs;

pub use add::AddFdb;
pub use delete::{DelFdb, FlushFdb};
pub use list::ListFdb;

use super::control;
use super::failure::Failure;
use super::ports::{self, SwitchPorts};
use super::session::Session;
use super::told::Told;
use crate::daemon::Control;
use crate::model::{BackendName, SwitchName};
use entry::Entry;

/// A switch whose table is looked at or changed.
struct Table {
    ports: SwitchPorts,
    /// The way to ovs-vswitchd, of a switch of Open vSwitch.
    control: Option<Control>,
}

impl Table {
    async fn open(session: &Session<'_>, name: &SwitchName) -> Result<Table, Failure> {
        let ports = ports::of(session, name).await?;
        let control = match ports.switch.backend {
            BackendName::Ovs => Some(control::open(session, &ports, "addresses", "it is no Open vSwitch")?),
            BackendName::Linux => None,
        };
        Ok(Table { ports, control })
    }

    fn switch(&self) -> &SwitchName {
        &self.ports.switch.name
    }

    /// After a change: waits until it is in effect. The kernel's bridge needs no time.
    fn settle(&mut self, session: &Session<'_>, told: &Told) {
        if let Some(control) = self.control.as_mut().filter(|_| told.waits()) {
            control::settle(session, control);
        }
    }

    fn list(&mut self) -> Result<Vec<Entry>, Failure> {
        match &mut self.control {
            Some(control) => ovs::list(control, &self.ports),
            None => linux::list(&self.ports),
        }
    }
}
