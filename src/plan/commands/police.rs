//! The commands of `tc` and `ovs-vsctl` for the limits of what comes in by a port.

use crate::model::{Burst, Policing, Rate};

use super::filter::open_doors;
use super::ovs::Vsctl;
use super::shell::quote;

pub(super) fn add(policing: &Policing) -> Vec<String> {
    let device = quote(policing.device.as_str());
    let cookie: String = Policing::COOKIE.iter().map(|byte| format!("{byte:02x}")).collect();
    let filter = |pref: u16, matches: &str, rate: Rate, burst: Burst| {
        format!(
            "tc filter add dev {device} ingress pref {pref} protocol all u32 match {matches} \
             action police rate {rate} burst {} mtu 65535 conform-exceed drop/continue cookie {cookie}",
            burst.bytes()
        )
    };
    let storm = |rate: Rate| filter(Policing::STORM_PREF, "u8 1 1 at -14", rate, Policing::storm_burst(rate));
    let all = |rate: Rate| filter(Policing::RATE_PREF, "u32 0 0", rate, policing.effective_burst());
    [open_doors(&policing.device)].into_iter().chain(policing.storm.map(storm)).chain(policing.rate.map(all)).collect()
}

pub(super) fn delete(policing: &Policing) -> Vec<String> {
    let device = quote(policing.device.as_str());
    let storm = policing.storm.map(|_| Policing::STORM_PREF);
    let prefs = storm.into_iter().chain(policing.rate.map(|_| Policing::RATE_PREF));
    prefs.map(|pref| format!("tc filter del dev {device} ingress pref {pref} protocol all")).collect()
}

pub(super) fn set(old: &Policing, new: &Policing) -> Vec<String> {
    if old == new { Vec::new() } else { [delete(old), add(new)].concat() }
}

impl Vsctl {
    pub(super) fn set_policing(&self, policing: &Policing) -> Vec<String> {
        self.limit(policing, policing.rate.map_or(0, Rate::kbits), policing.burst.map_or(0, Burst::kbits))
    }

    pub(super) fn delete_policing(&self, policing: &Policing) -> Vec<String> {
        self.limit(policing, 0, 0)
    }

    fn limit(&self, policing: &Policing, rate: u64, burst: u64) -> Vec<String> {
        let device = quote(policing.device.as_str());
        self.run(&[format!("set interface {device} ingress_policing_rate={rate} ingress_policing_burst={burst}")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BackendName;

    #[test]
    fn limits_are_told_as_their_tools_take_them() {
        let of = |backend| Policing {
            rate: "1mbit".parse().ok(),
            burst: "800kbit".parse().ok(),
            ..Policing::none("sw1".parse().unwrap(), "veth1".parse().unwrap(), backend)
        };
        let lines = Vsctl::new(None).set_policing(&of(BackendName::Ovs));
        let set = "set interface veth1 ingress_policing_rate=1000 ingress_policing_burst=800";
        assert!(lines.len() == 1 && lines[0].ends_with(set), "{lines:?}");
        let lines = add(&Policing { storm: "100kbit".parse().ok(), ..of(BackendName::Linux) });
        assert_eq!(lines[0], "tc qdisc replace dev veth1 clsact");
        assert!(
            lines[1].contains("pref 30721 protocol all u32 match u8 1 1 at -14 action police rate 100kbit burst 10240")
        );
        assert!(lines[2].contains("pref 30722 protocol all u32 match u32 0 0 action police rate 1mbit burst 100000 "));
        let rest = delete(&of(BackendName::Linux));
        assert_eq!(rest, ["tc filter del dev veth1 ingress pref 30722 protocol all"]);
    }
}
