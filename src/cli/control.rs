//! The way to a running ovs-vswitchd, for verbs that ask it directly.

use std::path::PathBuf;

use crate::backend::Unsupported;
use crate::daemon::{Control, ControlError};
use crate::model::{BackendName, SwitchName};

use super::failure::{Failure, PRIVILEGE_HINT, chain};
use super::ports::SwitchPorts;
use super::session::{OvsDatabase, Session};

/// The directory of the sockets of the ovs-vswitchd that has the switch. On a Linux bridge there is no `what`, for this reason.
pub fn run_dir(session: &Session<'_>, ports: &SwitchPorts, what: &str, reason: &str) -> Result<PathBuf, Failure> {
    let name = &ports.switch.name;
    let (BackendName::Ovs, OvsDatabase::Ready(ovs, client)) = (ports.switch.backend, &session.ovs) else {
        return Err(unsupported(name, what, reason));
    };
    ovs.run_dir().ok_or_else(|| {
        let what = format!("cannot get at the {what} of switch {name}: ovs-vswitchd takes that on its own host only");
        Failure::new(what).hint(format!("the database is at {}: run ovsns there", client.endpoint()))
    })
}

/// The control socket of the ovs-vswitchd that has the switch, likewise.
pub fn open(session: &Session<'_>, ports: &SwitchPorts, what: &str, reason: &str) -> Result<Control, Failure> {
    let run_dir = run_dir(session, ports, what, reason)?;
    let doing = format!("cannot get at the {what} of switch {}", ports.switch.name);
    Control::open(&run_dir, session.global.timeout).map_err(|error| failed(doing, error))
}

/// Waits until ovs-vswitchd has held all that the datapath does by itself against its tables as they are now: packets like those of
/// the last seconds do not come to it, and until then they go where they went (`revalidator/wait`, ofproto-dpif-upcall.c).
pub fn settle(session: &Session<'_>, control: &mut Control) {
    match control.ask("revalidator/wait", &[]) {
        // An older one has no word for it, and is as quick.
        Ok(_) | Err(ControlError::Unknown { .. }) => {}
        Err(error) => {
            let why = chain(&error).join(": ");
            session.output.note(&format!("done, but it is not known since when it is in effect: {why}"));
        }
    }
}

fn unsupported(name: &SwitchName, what: &str, reason: &str) -> Failure {
    Failure::from(Unsupported {
        what: format!("{what} of switch {name}"),
        backend: "linux",
        reason: reason.to_owned(),
        hint: Some("Open vSwitch can: --backend ovs".to_owned()),
    })
}

/// ovs-vswitchd did not do what it was asked for.
pub fn failed(what: impl Into<String>, error: ControlError) -> Failure {
    let failure = Failure::new(what).cause(&error);
    match &error {
        error if error.is_timeout() => failure
            .deadline()
            .hint("see whether ovs-vswitchd is stopped or has too much to do (ovsns doctor), or give it more time: --timeout 60"),
        error if error.is_denied() => failure.hint(PRIVILEGE_HINT),
        ControlError::NotRunning { .. } => failure.hint("start it (ovsns ovs start, or systemctl start openvswitch-switch)"),
        ControlError::Unknown { .. } => failure.hint("Open vSwitch 3.1 knows it: take that version, or a later one"),
        ControlError::Talk { .. } | ControlError::Refused { .. } => failure,
    }
}
