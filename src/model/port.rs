//! What is plugged into a switch.

use std::fmt;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{BackendName, IfName, Interface, Mac, Place, Settings, SwitchName, Vlan};

/// A device plugged into a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The switch.
    pub switch: SwitchName,
    /// The device on the host.
    pub device: IfName,
    /// Which system the switch is made with.
    pub backend: BackendName,
    /// Which VLANs it carries.
    #[serde(default, skip_serializing_if = "Vlan::is_any")]
    pub vlan: Vlan,
    /// `external_ids:iface-id` of the OVS Interface: the name by which a controller knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iface_id: Option<String>,
    /// `external_ids:ovsns-netns` of the OVS Interface: the namespace behind the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<Place>,
    /// What an uplink has lent to the switch's own device: `external_ids:ovsns-lent` of the OVS Port, the alias of a port of a
    /// Linux bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lent: Option<Lent>,
    /// What it is made of. Only [`Interface::System`] has a device on the host that was there before; `device` is but the name of the
    /// others.
    #[serde(flatten)]
    pub interface: Interface,
    /// Settings that are one value each ([`super::setting`]).
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
}

/// What a device of the host had before it was taken over by a switch, and gets back when it leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lent {
    /// Its addresses, which are those of the switch's own device meanwhile, in their order.
    pub addresses: Vec<IpNet>,
    /// The Ethernet address of the switch's own device before it took the one of the uplink.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

impl Lent {
    /// The words of a device's alias that say so; behind them stands nothing else.
    const ALIAS: &str = "ovsns-lent=";
    /// The longest alias in bytes: `IFALIASZ` without the terminating zero (linux/if.h).
    pub const ALIAS_MAX: usize = 255;

    /// The alias of a device that has lent this.
    pub fn alias(&self) -> String {
        format!("{}{self}", Lent::ALIAS)
    }

    /// What a device with this alias has lent.
    pub fn from_alias(alias: &str) -> Option<Lent> {
        alias.strip_prefix(Lent::ALIAS)?.parse().ok()
    }
}

impl fmt::Display for Lent {
    /// As the mark says it: `02:00:00:00:00:01 192.0.2.5/24 2001:db8::5/64`; `-` for no Ethernet address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mac {
            Some(mac) => write!(f, "{mac}")?,
            None => f.write_str("-")?,
        }
        self.addresses.iter().try_for_each(|address| write!(f, " {address}"))
    }
}

impl FromStr for Lent {
    type Err = String;

    fn from_str(text: &str) -> Result<Lent, String> {
        let bad = || format!("`{text}` does not say what was lent");
        let mut words = text.split(' ');
        let mac = match words.next() {
            Some("-") => None,
            Some(mac) => Some(mac.parse().map_err(|_| bad())?),
            None => return Err(bad()),
        };
        let addresses = words.map(|word| word.parse().map_err(|_| bad())).collect::<Result<_, _>>()?;
        Ok(Lent { addresses, mac })
    }
}

impl Port {
    /// A port of which nothing but switch, name and backend is asked.
    pub fn new(switch: SwitchName, device: IfName, backend: BackendName) -> Port {
        let vlan = Vlan::default();
        Port {
            switch,
            device,
            backend,
            vlan,
            iface_id: None,
            netns: None,
            lent: None,
            interface: Interface::System,
            settings: Settings::default(),
        }
    }

    /// Its device on the host, unless Open vSwitch makes what there is of it.
    pub fn host_device(&self) -> Option<&IfName> {
        if self.interface == Interface::System { Some(&self.device) } else { None }
    }

    /// This port, with what it leaves open taken from `observed`, and its VLANs written as there where that is the same.
    pub(super) fn over(&self, observed: &Port) -> Port {
        let mut port = self.clone();
        port.iface_id = port.iface_id.or_else(|| observed.iface_id.clone());
        port.netns = port.netns.or_else(|| observed.netns.clone());
        port.lent = port.lent.or_else(|| observed.lent.clone());
        port.interface = port.interface.over(&observed.interface);
        port.settings = self.settings.over(&observed.settings, self.backend);
        if self.backend == BackendName::Linux && self.vlan.on_linux() == observed.vlan.on_linux() {
            port.vlan = observed.vlan.clone();
        }
        port
    }
}
