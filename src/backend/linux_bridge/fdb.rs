//! What a Linux bridge knows of who is behind which port, and changes of that. It is no part of a state: frames change it all the time.

use crate::backend::BackendError;
use crate::model::{Mac, SwitchName, VlanId};
use crate::netlink::fdb;
pub use crate::netlink::fdb::FdbKind;
use crate::netlink::{Error, Netlink, Request};

use super::failed;

/// An entry of the forwarding database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FdbEntry {
    /// The address that is behind the port.
    pub mac: Mac,
    /// The device that is the port; the bridge's own where the address is the host's.
    pub port: String,
    /// The VLAN, where the bridge looks at them.
    pub vlan: Option<u16>,
    /// How it came about.
    pub kind: FdbKind,
    /// Hundredths of a second since the last frame from the address.
    pub age: u32,
}

/// The forwarding database of `switch`.
pub fn list(switch: &SwitchName) -> Result<Vec<FdbEntry>, BackendError> {
    let look = || {
        let mut netlink = Netlink::host()?;
        let bridge = index(&mut netlink, switch.as_str())?;
        let mut entries = Vec::new();
        let mut names = std::collections::HashMap::new();
        for entry in netlink.fdb(bridge)? {
            let name = match names.get(&entry.port) {
                Some(name) => Option::clone(name),
                None => {
                    let name = netlink.link(entry.port)?.map(|link| link.name);
                    names.entry(entry.port).or_insert(name).clone()
                }
            };
            // A port that has gone in this moment took its entries along.
            let Some(port) = name else { continue };
            let (mac, vlan) = (Mac::from_octets(entry.mac), entry.vlan.filter(|vlan| *vlan > 0));
            entries.push(FdbEntry { mac, port, vlan, kind: entry.kind, age: entry.age });
        }
        Ok(entries)
    };
    look().map_err(|error| failed(format!("cannot list the forwarding database of {switch}"), error))
}

/// Says for good that `mac` is behind `port`, a port of `switch` or the switch's own device.
pub fn set(switch: &SwitchName, port: &str, mac: Mac, vlan: Option<VlanId>) -> Result<(), BackendError> {
    let vlan = vlan.map(VlanId::get);
    let request = |index| match port == switch.as_str() {
        true => fdb::set_own(index, mac.octets(), vlan),
        false => fdb::set(index, mac.octets(), vlan),
    };
    change(port, request).map_err(|error| failed(format!("cannot put {mac} on {port} of {switch}"), error))
}

/// Takes an entry out, however it came about.
pub fn delete(switch: &SwitchName, port: &str, mac: Mac, vlan: Option<u16>) -> Result<(), BackendError> {
    let request = |index| fdb::delete(index, port == switch.as_str(), mac.octets(), vlan);
    change(port, request).map_err(|error| failed(format!("cannot take {mac} off {port} of {switch}"), error))
}

/// Forgets what was learned: of `switch`, or of one of its ports.
pub fn flush(switch: &SwitchName, port: Option<&str>) -> Result<(), BackendError> {
    let done = match port {
        None => change(switch.as_str(), fdb::flush),
        // Nothing is learned of the bridge's own device.
        Some(port) if port == switch.as_str() => Ok(()),
        Some(port) => change(port, fdb::flush_port),
    };
    done.map_err(|error| failed(format!("cannot flush the forwarding database of {switch}"), error))
}

fn change(device: &str, request: impl FnOnce(u32) -> Request) -> Result<(), Error> {
    let mut netlink = Netlink::host()?;
    let index = index(&mut netlink, device)?;
    netlink.request(request(index))
}

/// The index of a device, which has to be there.
fn index(netlink: &mut Netlink, name: &str) -> Result<u32, Error> {
    match netlink.link(name)? {
        Some(link) => Ok(link.index),
        None => Err(Error::Io {
            action: format!("find the device {name}"),
            source: std::io::Error::from_raw_os_error(nix::libc::ENODEV),
        }),
    }
}
