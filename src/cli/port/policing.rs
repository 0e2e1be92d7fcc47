//! How much may come in by a port: options of `add-port` and `set-port`.

use clap::Args;

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{
    Burst, Datapath, Entry, IfName, Key, Owner, Policing, QuantityError, Rate, Resource, State, Switch,
};

/// What the switch takes of what comes in by the port.
const LIMITED: &str = "What the switch takes of what the target sends (`default`: all of it)";

#[derive(Debug, Args)]
pub struct Limits {
    /// How much comes in at most, such as 10mbit: what is more is dropped
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = LIMITED)]
    ingress_rate: Option<Rate>,
    /// How much may come at once, else 8mbit; less than 525kbit drops the packets of 64 KiB that TCP makes
    #[arg(long, value_name = "BITS", value_parser = burst, help_heading = LIMITED)]
    ingress_burst: Option<Burst>,
    /// Linux bridge: how much broadcast and multicast comes in at most
    #[arg(long, value_name = "RATE", value_parser = rate, help_heading = LIMITED)]
    storm_rate: Option<Rate>,
    /// Take away --ingress-rate, --ingress-burst and --storm-rate
    #[arg(long, conflicts_with_all = ["ingress_rate", "ingress_burst", "storm_rate"], help_heading = LIMITED)]
    no_policing: bool,
}

fn rate(text: &str) -> Result<Rate, QuantityError> {
    if text == "default" { Ok(Rate::NONE) } else { text.parse() }
}

fn burst(text: &str) -> Result<Burst, QuantityError> {
    if text == "default" { Ok(Burst::from_bytes(0)) } else { text.parse() }
}

impl Limits {
    /// Whether anything at all is asked.
    pub fn is_any(&self) -> bool {
        let limits = self.ingress_rate.is_some() || self.ingress_burst.is_some() || self.storm_rate.is_some();
        limits || self.no_policing
    }

    /// What is there at `device`, in both states, and in `desired` what is asked, over that.
    pub async fn put(
        &self,
        session: &Session<'_>,
        switch: &Switch,
        device: &IfName,
        observed: &mut State,
        desired: &mut State,
    ) -> Result<(), Failure> {
        if !self.is_any() {
            return Ok(());
        }
        let key = Key::Policing { device: device.clone() };
        let found = session.observe(Scope::Keys(vec![key.clone()])).await?;
        let mut owner = Some(Owner::verbs());
        let mut there = Policing::none(switch.name.clone(), device.clone(), switch.backend);
        if let Some(entry) = found.get(&key) {
            observed.insert(entry.clone());
            owner = entry.owner.clone();
            if let Resource::Policing(seen) = &entry.resource {
                there = seen.clone();
            }
        }
        let wanted = self
            .over(there)
            .map_err(|error| Failure::usage(format!("cannot limit what comes in by {device}: {error}")))?;
        // It takes frames off a device before the kernel's filters see them (measured with Open vSwitch 3.1).
        if self.ingress_rate.is_some() && wanted.rate.is_some() && switch.datapath == Some(Datapath::Netdev) {
            session.output.note(&format!(
                "switch {} forwards in user space, where --ingress-rate takes no effect: a meter and a flow limit there \
                 (ovsns add-meter, ovsns add-flow)",
                switch.name
            ));
        }
        match wanted.is_none() {
            true => drop(desired.remove(&key)),
            false => desired.insert(Entry { resource: Resource::Policing(wanted), owner }),
        }
        Ok(())
    }

    fn over(&self, there: Policing) -> Result<Policing, QuantityError> {
        if self.no_policing {
            return Ok(Policing::none(there.switch, there.device, there.backend));
        }
        // The burst of a rate goes with it.
        let burst = if self.ingress_rate == Some(Rate::NONE) { None } else { there.burst };
        let wanted = Policing {
            rate: self.ingress_rate.or(there.rate),
            burst: self.ingress_burst.or(burst),
            storm: self.storm_rate.or(there.storm),
            ..there
        };
        wanted.checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BackendName;

    #[test]
    fn what_is_not_asked_stays() {
        let none = Policing::none("s1".parse().unwrap(), "veth1".parse().unwrap(), BackendName::Linux);
        let limits = |ingress: Option<&str>, storm: Option<&str>| Limits {
            ingress_rate: ingress.map(|text| rate(text).unwrap()),
            ingress_burst: None,
            storm_rate: storm.map(|text| rate(text).unwrap()),
            no_policing: false,
        };
        let there = Policing { rate: "1mbit".parse().ok(), burst: "80kbit".parse().ok(), ..none.clone() };
        let both = limits(None, Some("2mbit")).over(there.clone()).unwrap();
        assert_eq!(both.to_string(), "ingress-rate 1mbit ingress-burst 80kbit storm-rate 2mbit");
        assert_eq!(limits(Some("default"), None).over(both.clone()).unwrap().to_string(), "storm-rate 2mbit");
        assert!(Limits { no_policing: true, ..limits(None, None) }.over(both).unwrap().is_none());
        let alone = Limits { ingress_burst: Some(burst("80kbit").unwrap()), ..limits(None, None) };
        assert!(alone.over(none).is_err());
        assert!(limits(Some("0"), None).over(there).unwrap().is_none());
    }
}
