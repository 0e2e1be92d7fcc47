//! The counters of a switch's ports, as the switch sees them.

use serde::Serialize;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::ports::{self, SwitchPort, SwitchPorts};
use crate::cli::session::{Counted, Interface, OvsDatabase, Session, counters};
use crate::model::{BackendName, Kind, Place, Resource, SwitchName};

/// Counters of one moment.
#[derive(Debug, Clone)]
pub struct Counters {
    pub switches: Vec<SwitchCounters>,
    /// How old those from the database may be, in milliseconds; `None` where there are none.
    pub interval: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
pub struct SwitchCounters {
    pub switch: SwitchName,
    pub backend: BackendName,
    pub ports: Vec<PortCounters>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortCounters {
    /// The device, or the interface without one.
    pub port: String,
    /// The bond that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bond: Option<String>,
    /// The namespace behind it; `host` behind the switch's own device.
    pub netns: Option<Place>,
    pub source: Source,
    /// What the switch receives.
    pub rx: Direction,
    /// What the switch sends.
    pub tx: Direction,
}

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The kernel: as it is now.
    Kernel,
    /// ovs-vswitchd: as it wrote it into the database last.
    Database,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Direction {
    pub packets: u64,
    pub bytes: u64,
    pub errors: u64,
    pub drops: u64,
}

impl From<Counted> for Direction {
    fn from(Counted { packets, bytes, errors, dropped }: Counted) -> Direction {
        Direction { packets, bytes, errors, drops: dropped }
    }
}

/// What is counted now, on one switch or all.
pub async fn read(session: &Session<'_>, switch: Option<&SwitchName>) -> Result<Counters, Failure> {
    let names = match switch {
        Some(name) => vec![name.clone()],
        None => names(session).await?,
    };
    let mut switches = Vec::new();
    for name in names {
        let ports = ports::of(session, &name).await?;
        let counted = of_switch(&ports)?;
        switches.push(SwitchCounters { switch: name, backend: ports.switch.backend, ports: counted });
    }
    let stale = switches.iter().flat_map(|switch| &switch.ports).any(|port| port.source == Source::Database);
    let interval = match &session.ovs {
        OvsDatabase::Ready(ovs, _) if stale => Some(ovs.statistics_interval().await?),
        _ => None,
    };
    Ok(Counters { switches, interval })
}

async fn names(session: &Session<'_>) -> Result<Vec<SwitchName>, Failure> {
    let state = session.observe(Scope::Kind(Kind::Switch)).await?;
    let name =
        |resource: &Resource| if let Resource::Switch(switch) = resource { Some(switch.name.clone()) } else { None };
    Ok(state.resources().filter_map(name).collect())
}

fn of_switch(ports: &SwitchPorts) -> Result<Vec<PortCounters>, Failure> {
    let of_kernel: Vec<&str> =
        ports.ports.iter().filter(|port| is_device(port)).map(|port| port.name.as_str()).collect();
    let kernel = counters(&of_kernel)?;
    let counted = |port: &SwitchPort| {
        let own = ports.is_own(port);
        let netns = if own { Some(Place::Host) } else { port.place().cloned() };
        let (source, rx, tx) = match (kernel.get(&port.name), &port.interface) {
            // Such a device is the host's end: what it receives, the switch sends.
            (Some(seen), interface) if own || interface.as_ref().is_some_and(is_internal) => {
                (Source::Kernel, seen.sent.into(), seen.received.into())
            }
            (Some(seen), _) => (Source::Kernel, seen.received.into(), seen.sent.into()),
            (None, Some(interface)) => (Source::Database, direction(interface, "rx"), direction(interface, "tx")),
            (None, None) => return None,
        };
        let bond = port.interface.as_ref().map(|interface| &interface.port).filter(|bond| **bond != port.name);
        Some(PortCounters { port: port.name.clone(), bond: bond.cloned(), netns, source, rx, tx })
    };
    Ok(ports.ports.iter().filter_map(counted).collect())
}

/// Whether what the switch sends and receives by it is a device of the kernel (ovs-vswitchd.conf.db(5), Interface `type`).
fn is_device(port: &SwitchPort) -> bool {
    port.interface
        .as_ref()
        .is_none_or(|interface| is_internal(interface) || matches!(interface.kind.as_str(), "" | "system"))
}

fn is_internal(interface: &Interface) -> bool {
    matches!(interface.kind.as_str(), "internal" | "tap")
}

fn direction(interface: &Interface, way: &str) -> Direction {
    let count = |what: &str| {
        let count = interface.statistics.get(&format!("{way}_{what}")).copied();
        count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default()
    };
    Direction { packets: count("packets"), bytes: count("bytes"), errors: count("errors"), drops: count("dropped") }
}
