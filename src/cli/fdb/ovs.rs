//! The MAC learning table of a switch of Open vSwitch, through ovs-vswitchd's control socket (ovs-vswitchd(8), "Bridge Commands").

use super::entry::{Entry, Kind};
use crate::cli::control;
use crate::cli::failure::Failure;
use crate::cli::ports::SwitchPorts;
use crate::cli::session::OFPP_LOCAL;
use crate::daemon::Control;
use crate::model::Mac;

/// The table of the switch.
pub fn list(control: &mut Control, ports: &SwitchPorts) -> Result<Vec<Entry>, Failure> {
    let switch = ports.switch.name.as_str();
    let shown = control.ask("fdb/show", &[switch]);
    let shown =
        shown.map_err(|error| control::failed(format!("cannot list the addresses of switch {switch}"), error))?;
    Ok(shown.lines().filter_map(|line| entry(line, ports)).collect())
}

/// `    1     0  aa:bb:cc:dd:ee:ff    4`: port, VLAN (0: none), address, seconds or `static`.
fn entry(line: &str, ports: &SwitchPorts) -> Option<Entry> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [port, vlan, mac, age] = words.as_slice() else { return None };
    let number = if *port == "LOCAL" { Some(OFPP_LOCAL) } else { port.parse().ok() };
    let found = number.and_then(|number| ports.numbered(number));
    Some(Entry {
        mac: mac.parse().ok()?,
        vlan: Some(vlan.parse::<u16>().ok()?).filter(|vlan| *vlan > 0),
        port: found.map_or_else(|| (*port).to_owned(), |port| port.name.clone()),
        netns: found.and_then(|port| port.place().cloned()),
        kind: if *age == "static" { Kind::Static } else { Kind::Learned },
        age: age.parse().ok(),
    })
}

pub fn set(control: &mut Control, switch: &str, port: &str, mac: Mac, vlan: Option<u16>) -> Result<(), Failure> {
    let (vlan, mac) = (vlan.unwrap_or_default().to_string(), mac.to_string());
    let done = control.ask("fdb/add", &[switch, port, &vlan, &mac]);
    done.map(drop).map_err(|error| control::failed(format!("cannot put {mac} on {port} of switch {switch}"), error))
}

/// `fdb/del` takes static entries only: what was learned is made one before it.
pub fn delete(control: &mut Control, switch: &str, entry: &Entry) -> Result<(), Failure> {
    if entry.kind == Kind::Learned {
        set(control, switch, &entry.port, entry.mac, entry.vlan)?;
    }
    let (vlan, mac) = (entry.vlan.unwrap_or_default().to_string(), entry.mac.to_string());
    let done = control.ask("fdb/del", &[switch, &vlan, &mac]);
    done.map(drop).map_err(|error| control::failed(format!("cannot take {mac} off switch {switch}"), error))
}

/// Forgets what was learned; static entries stay.
pub fn flush(control: &mut Control, switch: &str) -> Result<(), Failure> {
    let done = control.ask("fdb/flush", &[switch]);
    done.map(drop).map_err(|error| control::failed(format!("cannot flush the addresses of switch {switch}"), error))
}

/// What [`set`] does, as commands.
pub fn explain_set(switch: &str, port: &str, mac: Mac, vlan: Option<u16>) -> String {
    format!("ovs-appctl fdb/add {switch} {port} {} {mac}", vlan.unwrap_or_default())
}

/// What [`delete`] does, as commands.
pub fn explain_delete(switch: &str, entry: &Entry) -> Vec<String> {
    let Entry { mac, port, .. } = entry;
    let learned = (entry.kind == Kind::Learned).then(|| explain_set(switch, port, *mac, entry.vlan));
    let delete = format!("ovs-appctl fdb/del {switch} {} {mac}", entry.vlan.unwrap_or_default());
    learned.into_iter().chain([delete]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ports::SwitchPort;
    use crate::model::{BackendName, Switch};

    #[test]
    fn a_line_of_the_table_is_read() {
        let port = |name, number| SwitchPort::numbered(name, number, None);
        let ports = SwitchPorts {
            switch: Switch::new("br1".parse().unwrap(), BackendName::Ovs),
            protocols: Vec::new(),
            ports: vec![port("br1", OFPP_LOCAL), port("veth-ns1", 1)],
        };
        let read = |line| entry(line, &ports).map(|entry| (entry.port.clone(), entry.vlan, entry.kind, entry.age));
        assert_eq!(read(" port  VLAN  MAC                Age"), None);
        assert_eq!(read("LOCAL     0  b6:54:d4:27:af:d8    7"), Some(("br1".to_owned(), None, Kind::Learned, Some(7))));
        let fixed = "    1    10  02:00:00:00:00:99  static";
        assert_eq!(read(fixed), Some(("veth-ns1".to_owned(), Some(10), Kind::Static, None)));
        assert_eq!(read("   77     0  02:00:00:00:00:99    1").unwrap().0, "77");
    }
}
