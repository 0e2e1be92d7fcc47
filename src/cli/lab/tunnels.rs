//! The tunnels of a lab: what fits into them, and whether they can be.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::cli::tunnel::{Underlay, check_collisions, tunnels};
use crate::lab::{Lab, LabSwitch, LabTunnel};
use crate::model::{IfName, Key, State};

/// The MTU of a device of which none is said, in bytes (`ETH_DATA_LEN`, linux/if_ether.h).
const MTU: u32 = 1500;

/// How large packets through each tunnel may be, in bytes. Fails where one leads to this host.
pub fn mtus(lab: &Lab) -> Result<BTreeMap<IfName, u32>, Failure> {
    let mut mtus = BTreeMap::new();
    for (_, tunnel) in all(lab) {
        let below = tunnel.tunnel.remote.address().and_then(|remote| through_lab(lab, remote));
        let fits = Underlay::of(&tunnel.name, &tunnel.tunnel, &tunnel.vlan)?.fits;
        let fits = below.map(|mtu| mtu.saturating_sub(tunnel.overhead())).or(fits);
        mtus.extend(fits.map(|fits| (tunnel.name.clone(), fits)));
    }
    Ok(mtus)
}

fn all(lab: &Lab) -> impl Iterator<Item = (&LabSwitch, &LabTunnel)> {
    lab.switches.iter().flat_map(|switch| switch.tunnels.iter().map(move |tunnel| (switch, tunnel)))
}

/// The MTU of the switch of the lab in whose network `remote` is: its addresses may not be there yet.
fn through_lab(lab: &Lab, remote: IpAddr) -> Option<u32> {
    let own = lab.switches.iter().find(|switch| switch.ip.iter().any(|net| net.contains(&remote)))?;
    own.mtu.or_else(|| lab.mtu_of(&own.name)).or((!own.external).then_some(MTU))
}

/// Fails where a new tunnel is like another one of the host.
pub async fn check(session: &Session<'_>, lab: &Lab, observed: &State) -> Result<(), Failure> {
    let is_new = |tunnel: &&LabTunnel| !observed.contains(&Key::Port { device: tunnel.name.clone() });
    let new: Vec<&LabTunnel> = all(lab).map(|(_, tunnel)| tunnel).filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut others = tunnels(session).await?;
    // Those of the lab that change are compared with each other as the file says them.
    others.retain(|(name, _)| all(lab).all(|(_, tunnel)| tunnel.name != *name));
    new.into_iter().try_for_each(|tunnel| check_collisions(&tunnel.name, &tunnel.tunnel, &others))
}

/// Says so where packets of namespaces do not fit into the tunnels of their switch.
pub fn tell(session: &Session<'_>, lab: &Lab) -> Result<(), Failure> {
    let fits = mtus(lab)?;
    for switch in &lab.switches {
        let tunnels = switch.tunnels.iter().filter_map(|tunnel| Some((*fits.get(&tunnel.name)?, &tunnel.name)));
        let Some((fits, tunnel)) = tunnels.min() else { continue };
        let mut ports = lab.namespaces.iter().flat_map(|namespace| &namespace.ports);
        if ports.any(|port| port.switch == switch.name && port.mtu.unwrap_or(MTU) > fits) {
            let name = &switch.name;
            session.output.note(&format!("the ports on {name} need `mtu: {fits}`: no more fits into tunnel {tunnel}"));
        }
    }
    Ok(())
}
