//! `add-tunnel`.

use std::net::IpAddr;

use clap::Args;

use crate::backend::Scope;
use crate::cli::change::{Change, want};
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::port::{VlanOptions, filter_vlans};
use crate::cli::session::Session;
use crate::cli::setting::{Given, OfPort};
use crate::model::{
    BackendName, Direction, Erspan, IfName, Interface, Key, MTU_MAX, MTU_MIN, Place, Port, Remote, Resource, State,
    Switch, SwitchName, Tos, Tunnel, TunnelKey, TunnelType, Virtual, What,
};

use super::{Underlay, check_collisions, tunnels};

#[derive(Debug, Args)]
#[command(after_help = "\
On Open vSwitch the tunnel is a port that has no device of its own on the host; on a Linux bridge it is a device of the kernel. `del-port`
takes it away. The ports behind it need a smaller MTU than the device that leads to the other host: a line on stderr says which.

Examples:
  ovsns add-tunnel br1 vx0 --type vxlan --remote 192.0.2.2 --key 100
  ovsns add-tunnel br1 gre0 --type gre --remote 2001:db8::2 --local 2001:db8::1 --tag 10
  ovsns add-tunnel br1 gnv0 --type geneve --remote flow --key flow      OpenFlow says where to")]
pub struct AddTunnel {
    /// The switch
    switch: SwitchName,
    /// The name of the port
    name: IfName,
    /// How frames are wrapped: vxlan, gre, geneve, erspan
    #[arg(long = "type", value_name = "TYPE")]
    kind: TunnelType,
    /// The address of the other host; flow: OpenFlow says which
    #[arg(long, value_name = "ADDRESS|flow")]
    remote: Remote,
    /// The address of this host that is used, if it has several
    #[arg(long, value_name = "ADDRESS")]
    local: Option<IpAddr>,
    /// What tells tunnels between two hosts apart: the VNI of vxlan and geneve, the key of gre, the session of erspan
    #[arg(long, value_name = "NUMBER|flow")]
    key: Option<TunnelKey>,
    /// The UDP port of the other host [default: of vxlan 4789, of geneve 6081]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    dst_port: Option<u16>,
    /// The type of service between the hosts, all eight bits
    #[arg(long, value_name = "NUMBER|inherit")]
    tos: Option<Tos>,
    /// The time to live between the hosts [default: 64]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..))]
    ttl: Option<u8>,
    /// Let routers between the hosts fragment packets (IPv4)
    #[arg(long)]
    no_df: bool,
    /// Give packets between the hosts a checksum of their own
    #[arg(long)]
    csum: bool,
    /// Of erspan: the index of the mirrored port (type II)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(0..1 << 20))]
    erspan_index: Option<u32>,
    /// Of erspan: which way the mirrored frames went, ingress or egress (type III)
    #[arg(long, value_name = "WAY", conflicts_with = "erspan_index")]
    erspan_direction: Option<Direction>,
    #[command(flatten)]
    vlan: VlanOptions,
    #[command(flatten)]
    settings: Given<OfPort>,
    /// Linux bridge: the MTU of the device, in bytes [default: what fits]
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX)))]
    mtu: Option<u32>,
    /// Do not fail if the switch has the tunnel; set what differs from what is asked for here
    #[arg(long)]
    may_exist: bool,
    #[command(flatten)]
    change: Change,
}

impl AddTunnel {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let tunnel = self.tunnel()?;
        let vlan = self.vlan.check()?;
        let _lock = session.begin(&self.change).await?;
        let (switch_entry, switch) = session.switch(&self.switch).await?;
        self.check_mtu(&switch)?;
        let mut observed = self.there(session, &switch).await?;
        let underlay = Underlay::of(&self.name, &tunnel, &vlan)?;
        check_collisions(&self.name, &tunnel, &tunnels(session).await?)?;
        let mtu = self.fitting(underlay.fits)?;
        let mut desired = observed.clone();
        let plain = Port::new(switch.name.clone(), self.name.clone(), switch.backend);
        let port = match observed.get(&Key::Port { device: self.name.clone() }).map(|entry| &entry.resource) {
            // What is not asked for stays.
            Some(Resource::Port(there)) if vlan.is_any() => there.clone(),
            _ => Port { vlan: vlan.clone(), ..plain },
        };
        let port = Port { settings: self.settings.over(&port.settings, port.backend), ..port };
        match switch.backend {
            BackendName::Ovs => {
                want(&observed, &mut desired, port_of(Port { interface: Interface::Tunnel(tunnel), ..port }))
            }
            BackendName::Linux => {
                let device = Virtual { mtu, ..Virtual::new(self.name.clone(), What::Tunnel(tunnel)) };
                want(&observed, &mut desired, Resource::Virtual(device));
                want(&observed, &mut desired, port_of(port));
                filter_vlans(&vlan, &switch_entry, &mut observed, &mut desired);
            }
        }
        let report = self.change.carry_out(session, &observed, &desired).await?;
        underlay.notes(session, &switch, &tunnel).await?.iter().for_each(|note| session.output.note(note));
        Ok(report)
    }

    /// The tunnel that is asked for, if there can be such.
    fn tunnel(&self) -> Result<Tunnel, Failure> {
        let plain = Tunnel::new(self.kind, self.remote);
        let given = self.erspan_index.map(Erspan::Index).or(self.erspan_direction.map(Erspan::Direction));
        if given.is_some() && plain.erspan.is_none() {
            return Err(Failure::usage(format!(
                "a tunnel of type {} has no --erspan-index and no --erspan-direction",
                self.kind
            )));
        }
        let tunnel = Tunnel {
            local: self.local,
            key: self.key,
            dst_port: self.dst_port,
            tos: self.tos,
            ttl: self.ttl,
            df: self.no_df.then_some(false),
            csum: self.csum.then_some(true),
            erspan: given.or(plain.erspan),
            ..plain
        };
        tunnel.check().map_err(|error| Failure::usage(format!("cannot make tunnel {}: {error}", self.name)))?;
        Ok(tunnel.normalised())
    }

    fn check_mtu(&self, switch: &Switch) -> Result<(), Failure> {
        match (self.mtu, switch.backend) {
            (Some(mtu), BackendName::Ovs) => {
                let what = format!("cannot give tunnel {} an MTU: on Open vSwitch it is no device", self.name);
                Err(Failure::usage(what)
                    .hint(format!("the ports behind it have one: ovsns add-port {} NETNS --mtu {mtu}", self.switch)))
            }
            _ => Ok(()),
        }
    }

    /// The MTU of the device: what was asked for, if it fits, or what fits.
    fn fitting(&self, fits: Option<u32>) -> Result<Option<u32>, Failure> {
        match (self.mtu, fits) {
            (Some(mtu), Some(fits)) if mtu > fits => {
                let what = format!("cannot give tunnel {} an MTU of {mtu}: {fits} fit", self.name);
                Err(Failure::new(what)
                    .hint(format!("--mtu {fits}; or give the device that leads to {} a larger MTU", self.remote)))
            }
            (asked, fits) => Ok(asked.or(fits.map(|fits| fits.min(MTU_MAX)))),
        }
    }

    /// What there is under the name.
    async fn there(&self, session: &Session<'_>, switch: &Switch) -> Result<State, Failure> {
        let (port, made) = (Key::Port { device: self.name.clone() }, Key::Virtual { name: self.name.clone() });
        let device = Key::Device { place: Place::Host, name: self.name.clone() };
        let mut found = session.observe(Scope::Keys(vec![port.clone(), made.clone(), device.clone()])).await?;
        let is_device = found.remove(&device).is_some();
        let what = format!("cannot make tunnel {}", self.name);
        match found.get(&port).map(|entry| &entry.resource) {
            Some(Resource::Port(port)) if port.switch != self.switch => {
                Err(Failure::new(format!("{what}: switch {} has a port of this name", port.switch))
                    .hint("choose another name"))
            }
            Some(Resource::Port(port)) if port.interface.tunnel().is_none() && !found.contains(&made) => {
                Err(Failure::new(format!("{what}: switch {} has a port of this name, which is no tunnel", switch.name))
                    .hint("choose another name"))
            }
            Some(_) if !self.may_exist => Err(Failure::new(format!("{what}: switch {} has it already", switch.name))
                .hint("with --may-exist that is no failure")),
            Some(_) => Ok(found),
            None if is_device => {
                Err(Failure::new(format!("{what}: the host has a device of this name")).hint("choose another name"))
            }
            None => Ok(found),
        }
    }
}

fn port_of(port: Port) -> Resource {
    Resource::Port(port)
}
