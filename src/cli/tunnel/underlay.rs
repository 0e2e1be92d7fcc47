//! What carries a tunnel: the route to its other end, what fits into a packet there, and the other tunnels of the host.

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::{SeenWay, Session, seen};
use crate::model::{Datapath, IfName, Key, Kind, MTU_MIN, Resource, State, Switch, Tunnel, TunnelKey, Virtual, Vlan};

/// The tag of a VLAN, in bytes (IEEE 802.1Q clause 9.6).
const TAG: u32 = 4;

/// How a tunnel's packets leave the host.
#[derive(Debug)]
pub struct Underlay {
    way: Option<SeenWay>,
    /// The largest packet of the namespaces that fits through the tunnel, in bytes; `None` where nobody can tell.
    pub fits: Option<u32>,
}

impl Underlay {
    /// What carries `tunnel`, whose frames have a tag where the port has trunks. Fails where it leads to this host.
    pub fn of(name: &IfName, tunnel: &Tunnel, vlan: &Vlan) -> Result<Underlay, Failure> {
        let Some(remote) = tunnel.remote.address() else { return Ok(Underlay { way: None, fits: None }) };
        let way = seen::way_to(remote)?;
        if way.as_ref().is_some_and(|way| way.local) {
            let what = format!("cannot make tunnel {name}: {remote} is an address of this host");
            return Err(Failure::new(what).hint(
                "--remote is the address of the other host; switches of one host are joined by ovsns add-patch",
            ));
        }
        let tag = if vlan.trunks.is_empty() { 0 } else { TAG };
        let fits = way.as_ref().and_then(|way| way.mtu).map(|mtu| mtu.saturating_sub(tunnel.overhead() + tag));
        if let (Some(fits), Some(mtu)) = (fits.filter(|fits| *fits < MTU_MIN), way.as_ref().and_then(|way| way.mtu)) {
            let what =
                format!("cannot make tunnel {name}: of the {mtu} bytes of a packet to {remote} it leaves {fits}");
            return Err(Failure::new(what).hint("give the device that leads there a larger MTU"));
        }
        Ok(Underlay { way, fits })
    }

    /// What is to be known of `tunnel` before it carries anything.
    pub async fn notes(&self, session: &Session<'_>, switch: &Switch, tunnel: &Tunnel) -> Result<Vec<String>, Failure> {
        let Some(remote) = tunnel.remote.address() else { return Ok(Vec::new()) };
        let Some(device) = self.way.as_ref().and_then(|way| way.dev.as_ref()) else {
            return Ok(vec![format!("no route leads to {remote} yet; how large packets may be shows when one does")]);
        };
        let mut notes = Vec::new();
        if let (Some(fits), Some(mtu)) = (self.fits.filter(|fits| *fits < 1500), self.way.as_ref().and_then(|w| w.mtu))
        {
            let overhead = mtu - fits;
            notes.push(format!(
                "ports on {} need --mtu {fits}: {device} to {remote} takes {mtu} bytes, {overhead} of them for the tunnel",
                switch.name
            ));
        }
        if switch.datapath == Some(Datapath::Netdev) && !is_in_user_space(session, device).await? {
            notes.push(format!(
                "the route to {remote} is by {device}, and Open vSwitch in user space sends tunnels through the own device \
                 of a switch only: put {device} on one (ovsns add-port SWITCH dev:{device} --take-over)"
            ));
        }
        Ok(notes)
    }
}

/// Whether it is the own device of a switch in user space, or of a VLAN of one.
async fn is_in_user_space(session: &Session<'_>, device: &IfName) -> Result<bool, Failure> {
    let port = Key::Port { device: device.clone() };
    let switch = device.as_str().parse().ok().map(|name| Key::Switch { name });
    let found = session.observe(Scope::Keys(switch.into_iter().chain([port]).collect())).await?;
    Ok(found.resources().any(|resource| match resource {
        Resource::Switch(switch) => switch.datapath == Some(Datapath::Netdev),
        Resource::Port(port) => port.interface.is_internal(),
        _ => false,
    }))
}

/// The tunnels of the host, on both kinds of switch, whoever made them, with their names.
pub async fn tunnels(session: &Session<'_>) -> Result<Vec<(IfName, Tunnel)>, Failure> {
    let mut found = Vec::new();
    for kind in [Kind::Port, Kind::Virtual] {
        found.extend(in_state(&session.observe(Scope::Kind(kind)).await?));
    }
    Ok(found)
}

fn in_state(state: &State) -> Vec<(IfName, Tunnel)> {
    let tunnel = |resource: &Resource| match resource {
        Resource::Port(port) => Some((port.device.clone(), *port.interface.tunnel()?)),
        Resource::Virtual(device) => Some((device.name.clone(), *Virtual::tunnel(device)?)),
        _ => None,
    };
    state.resources().filter_map(tunnel).collect()
}

/// Fails where packets of another tunnel of the host could not be told from those of this one. ovs-vswitchd says so in its log only.
pub fn check_collisions(name: &IfName, tunnel: &Tunnel, others: &[(IfName, Tunnel)]) -> Result<(), Failure> {
    let Some((other, _)) = others.iter().find(|(other, there)| other != name && tunnel.collides_with(there)) else {
        return Ok(());
    };
    let key = match tunnel.key {
        Some(TunnelKey::Flow) => " and keys of flows".to_owned(),
        Some(key) => format!(" and key {key}"),
        None => " and no key".to_owned(),
    };
    let what =
        format!("cannot make tunnel {name}: {other} is one of type {} to {}{key} already", tunnel.kind, tunnel.remote);
    Err(Failure::new(what).hint("the other host could not tell them apart: choose another --key"))
}
