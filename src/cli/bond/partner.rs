//! Whether somebody at the other end speaks LACP, too.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{BackendName, Bond, IfName, Lacp, State};

/// How long a partner has to answer before it is missed. Both ends speak every second until they know each other (IEEE 802.1AX clause
/// 6.4.15).
const PATIENCE: Duration = Duration::from_secs(3);
/// How often to look meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Waits a little for the partner of a bond in LACP, and says so where none has answered.
pub async fn tell(
    session: &Session<'_>,
    backend: BackendName,
    name: &IfName,
    bond: &Bond,
    state: &State,
) -> Result<(), Failure> {
    if bond.lacp == Lacp::Off {
        return Ok(());
    }
    let deadline = Instant::now() + PATIENCE;
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < deadline {
        looks.tick().await;
        let bonds = session.bonds(state).await?;
        if bonds.get(name.as_str()).and_then(crate::backend::bond::BondState::partner) == Some(true) {
            return Ok(());
        }
    }
    let meaning = match backend {
        BackendName::Ovs => "nothing is forwarded over it until one does",
        BackendName::Linux => "one device alone is used until one does",
    };
    session.output.note(&format!(
        "bond {name}: lacp is {}, and no partner has answered yet: {meaning} (ovsns show tells)",
        bond.lacp
    ));
    Ok(())
}
