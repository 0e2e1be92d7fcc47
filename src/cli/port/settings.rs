//! What `add-port` and `set-port` can ask of a port.

use clap::Args;

use crate::model::{
    BackendName, Delay, Entry, IfName, Impairment, Key, Loss, MTU_MAX, MTU_MIN, Mac, Place, Port, Rate, Resource,
    State, Switch, Vlan,
};

use crate::cli::failure::Failure;
use crate::cli::setting::{Given, OfPort};

use super::policing::Limits;
use super::vlan::VlanOptions;

/// Of one direction, since that is what a queueing discipline sees.
const DEGRADED: &str = "What the target sends gets worse, what it receives does not (0 of one takes it away again)";

#[derive(Debug, Args)]
pub struct Settings {
    /// The Ethernet address of the inside device
    #[arg(long)]
    pub mac: Option<Mac>,
    /// The MTU of both ends, in bytes
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(MTU_MIN)..=i64::from(MTU_MAX)))]
    pub mtu: Option<u32>,
    #[command(flatten)]
    vlan: VlanOptions,
    /// external_ids:iface-id of the OVS Interface, the port's name for controllers
    #[arg(long, value_name = "ID")]
    iface_id: Option<String>,
    /// How long each packet is held back, such as 20ms. A round trip takes longer by it once: for both ways, say so of both ends
    #[arg(long, value_name = "TIME", help_heading = DEGRADED)]
    delay: Option<Delay>,
    /// By how much the delay varies, up and down, such as 2ms; a packet may overtake another
    #[arg(long, value_name = "TIME", help_heading = DEGRADED)]
    jitter: Option<Delay>,
    /// How many packets are lost, such as 1%
    #[arg(long, value_name = "PERCENT", help_heading = DEGRADED)]
    loss: Option<Loss>,
    /// How much passes at most, such as 10mbit
    #[arg(long, value_name = "RATE", help_heading = DEGRADED)]
    rate: Option<Rate>,
    #[command(flatten)]
    pub limits: Limits,
    #[command(flatten)]
    settings: Given<OfPort>,
}

impl Settings {
    /// Whether anything at all is asked.
    pub fn is_any(&self) -> bool {
        let port = self.asks_of_port() || self.mac.is_some() || self.mtu.is_some();
        port || self.asks_of_packets() || self.limits.is_any()
    }

    fn asks_of_port(&self) -> bool {
        self.vlan.is_any() || self.iface_id.is_some() || self.settings.is_any()
    }

    /// Whether delay, jitter, loss or rate are asked for.
    pub fn asks_of_packets(&self) -> bool {
        self.delay.is_some() || self.jitter.is_some() || self.loss.is_some() || self.rate.is_some()
    }

    /// The options that are given and mean something for namespaces only.
    pub fn only_for_namespaces(&self) -> impl Iterator<Item = &'static str> {
        let given = [("--mac", self.mac.is_some()), ("--mtu", self.mtu.is_some())];
        given.into_iter().filter(|(_, given)| *given).map(|(option, _)| option)
    }

    /// What is asked of VLANs, as far as it makes sense; see [`Self::check_vlan`].
    pub fn vlan(&self) -> Vlan {
        self.vlan.vlan()
    }

    /// What is asked of VLANs.
    pub fn check_vlan(&self) -> Result<Vlan, Failure> {
        self.vlan.check()
    }

    /// `port`, with what is asked of it; what is not asked stays.
    pub fn port(&self, port: Port) -> Port {
        let vlan = if self.vlan().is_any() { port.vlan } else { self.vlan() };
        let settings = self.settings.over(&port.settings, port.backend);
        Port { vlan, iface_id: self.iface_id.clone().or(port.iface_id), settings, ..port }
    }

    /// Puts what is asked of the packets that `device` sends into `desired`, over what is there. `mtu` is the device's.
    pub fn impair(&self, place: &Place, device: &IfName, mtu: Option<u32>, desired: &mut State) -> Result<(), Failure> {
        let key = impairment_key(place, device);
        let there = match desired.get(&key).map(|entry| entry.resource.clone()) {
            Some(Resource::Impairment(there)) => there,
            _ => Impairment::none(place.clone(), device.clone()),
        };
        if !self.asks_of_packets() {
            return if self.mtu.is_some() { check_frame(&there, mtu) } else { Ok(()) };
        }
        let wanted = Impairment {
            delay: self.delay.or(there.delay),
            jitter: self.jitter.or(there.jitter),
            loss: self.loss.or(there.loss),
            rate: self.rate.or(there.rate),
            ..there
        };
        let wanted = wanted.checked().map_err(|error| Failure::usage(format!("cannot impair {device}: {error}")))?;
        check_frame(&wanted, mtu)?;
        match wanted.is_none() {
            true => drop(desired.remove(&key)),
            false => desired.insert(Entry::unmarked(Resource::Impairment(wanted))),
        }
        Ok(())
    }
}

/// What identifies the impairment of a device.
pub fn impairment_key(place: &Place, device: &IfName) -> Key {
    Key::Impairment { place: place.clone(), device: device.clone() }
}

fn check_frame(impairment: &Impairment, mtu: Option<u32>) -> Result<(), Failure> {
    impairment.fits(mtu).map_err(|error| {
        let most = impairment.rate.map(Rate::mtu_max).unwrap_or_default();
        Failure::usage(error.to_string()).hint(format!("make the MTU {most} at most: --mtu"))
    })
}

/// ovs-vswitchd takes what it does not know off its ports whenever it configures them (`netdev_linux_set_qos`,
/// lib/netdev-linux.c).
pub fn check_impaired_uplink(switch: &Switch, device: &IfName) -> Result<(), Failure> {
    if switch.backend == BackendName::Linux {
        return Ok(());
    }
    let what = format!("cannot impair {device}: Open vSwitch removes queueing disciplines of others from its ports");
    Err(Failure::new(what).hint(
        "impair the namespaces that send; or let Open vSwitch keep its hands off the device, and use tc: \
         ovs-vsctl set Port DEVICE qos=@q -- --id=@q create QoS type=linux-noop",
    ))
}
