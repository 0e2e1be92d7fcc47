//! Switches and ports of the bridge of the Linux kernel, and what is done to their traffic.

pub mod fdb;
mod mirror;
mod policing;
mod qos;
mod run;
mod settings;
mod traffic;
mod tree;
mod unsupported;
mod view;

use async_trait::async_trait;
use nix::errno::Errno;

use crate::model::{BackendName, Entry, Interface, Port, Resource, Settings, Switch, VlanMode};
use crate::netlink::{Error, Netlink};
use crate::plan::Step;

use super::{ApplyError, Backend, BackendError, Fault, Progress, Scope, Unsupported};
use run::Run;
use view::View;

/// The Linux bridge, through rtnetlink.
#[derive(Debug, Default)]
pub struct LinuxBridge {
    progress: Progress,
}

impl LinuxBridge {
    /// The same, telling `progress` of each step.
    pub fn progress(mut self, progress: Progress) -> LinuxBridge {
        self.progress = progress;
        self
    }
}

#[async_trait]
impl Backend for LinuxBridge {
    fn name(&self) -> &'static str {
        "linux"
    }

    fn claims(&self, resource: &Resource) -> bool {
        resource.backend() == Some(BackendName::Linux)
    }

    fn check(&self, entry: &Entry) -> Result<(), Unsupported> {
        let refuse = |what: String, reason: &str| {
            let hint = Some("Open vSwitch can: --backend ovs".to_owned());
            Err(Unsupported { what, backend: "linux", reason: reason.to_owned(), hint })
        };
        match &entry.resource {
            Resource::Switch(Switch { name, datapath: Some(datapath), .. }) => {
                refuse(format!("datapath {datapath} of switch {name}"), "a Linux bridge forwards in the kernel, always")
            }
            Resource::Port(Port { device, iface_id: Some(id), .. }) => {
                refuse(format!("iface-id {id} of port {device}"), "it is a column of Open vSwitch's database")
            }
            Resource::Switch(Switch { name, rstp: Some(_), .. }) => Err(Unsupported {
                hint: Some("the kernel has STP only: --stp; RSTP takes a daemon, mstpd".to_owned()),
                what: format!("rstp of switch {name}"),
                backend: "linux",
                reason: "the bridge of the kernel does not speak it".to_owned(),
            }),
            Resource::Port(Port { device, interface: Interface::Patch(peer), .. }) => Err(Unsupported {
                hint: Some("a veth pair does the same: plug in one end here, and the other one there".to_owned()),
                what: format!("patch to {peer} of port {device}"),
                backend: "linux",
                reason: "each port of a Linux bridge is a device".to_owned(),
            }),
            Resource::Port(Port { device, interface: Interface::Internal { .. }, .. }) => refuse(
                format!("internal port {device}"),
                "each port of a Linux bridge is a device that was there before",
            ),
            Resource::Port(Port { device, interface: Interface::Tunnel(_), .. }) => {
                refuse(format!("tunnel {device} without a device"), "each port of a Linux bridge is a device")
            }
            Resource::Port(Port { device, interface: Interface::Bond(_), .. }) => {
                refuse(format!("bond {device} without a device"), "each port of a Linux bridge is a device")
            }
            Resource::Switch(switch) => has_settings(&entry.key().to_string(), &switch.settings),
            Resource::Port(port) => {
                check_vlan(port)?;
                has_settings(&entry.key().to_string(), &port.settings)
            }
            resource => unsupported::check(resource),
        }
    }

    async fn observe(&self, scope: &Scope) -> Result<Vec<Entry>, BackendError> {
        let look = || {
            let mut found = View::open()?.observe(scope)?;
            found.extend(traffic::observe(&mut Netlink::host()?, scope)?);
            Ok(found)
        };
        look().map_err(|error| failed("cannot read the Linux bridges", error))
    }

    async fn apply(&self, steps: &[Step]) -> Result<(), ApplyError> {
        let mut run = Run::of(steps).map_err(|error| ApplyError::after(0, failed("cannot ask the kernel", error)))?;
        while !run.is_done() {
            let done = run.go_on().map_err(|error| {
                let done = run.done();
                let hint = (error.errno() == Some(Errno::EXFULL)).then(|| FULL.to_owned());
                let failed = failed(format!("cannot carry out `{}`", steps[done]), error);
                ApplyError::after(done, BackendError { hint, ..failed })
            })?;
            self.progress.advance(done);
            // Here it can be dropped: what is done is done, and the engine takes it back.
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// The settings are among those that a bridge of the kernel has.
fn has_settings(whose: &str, settings: &Settings) -> Result<(), Unsupported> {
    match settings.lacking(BackendName::Linux) {
        None => Ok(()),
        Some((setting, reason, hint)) => {
            let hint = hint.or_else(|| Some("Open vSwitch can: --backend ovs".to_owned()));
            Err(Unsupported { what: format!("{setting} of {whose}"), backend: "linux", reason, hint })
        }
    }
}

/// A bridge of the kernel lists the VLANs of each port.
fn check_vlan(port: &Port) -> Result<(), Unsupported> {
    let refuse = |reason: &str, hint: &str| {
        let mode = port.vlan.mode.map(|mode| mode.to_string()).unwrap_or_default();
        let what = format!("VLAN mode {mode} of port {}", port.device);
        Err(Unsupported { what, backend: "linux", reason: reason.to_owned(), hint: Some(hint.to_owned()) })
    };
    match port.vlan.mode {
        Some(VlanMode::Dot1qTunnel) => refuse(
            "which tags are the outer ones is a matter of the whole bridge",
            "make the switch with --vlan-protocol 802.1ad and give the port a --tag: what customers tag passes inside",
        ),
        Some(_) if port.vlan.trunks.is_empty() => {
            refuse("it takes a list of the VLANs that pass", "name them: --trunks 10,20")
        }
        _ => Ok(()),
    }
}

/// `BR_MAX_PORTS`, net/bridge/br_private.h, and the bridge itself is one of them.
const FULL: &str =
    "a Linux bridge takes 1,023 ports: spread them over several switches, or use Open vSwitch: --backend ovs";

/// An error of the kernel, in the context of what was being done.
fn failed(what: impl Into<String>, error: Error) -> BackendError {
    let fault = if error.is_not_permitted() { Fault::Denied } else { Fault::Refused };
    BackendError::refused(what, error).fault(fault)
}
