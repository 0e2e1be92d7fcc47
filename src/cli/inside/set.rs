//! `set`: devices and settings of a namespace.

use clap::Args;

use crate::backend::Scope;
use crate::model::{
    Device, Entry, IPV6_MTU_MIN, IfName, Key, MTU_MAX, MTU_MIN, Mac, Place, Resource, State, Sysctl, SysctlKey,
};

use crate::cli::change::Change;
use crate::cli::failure::Failure;
use crate::cli::output::Report;
use crate::cli::place;
use crate::cli::session::Session;

use super::{device, standing_on};

const USAGE: &str = "as in: ovsns set ns1 eth1-ns1 up mtu 1400 mac 02:00:00:00:00:01; \
                     ovsns set ns1 --sysctl net.ipv4.ip_forward=1";

#[derive(Debug, Args)]
#[command(override_usage = "ovsns set [OPTIONS] NETNS [DEVICE [up|down] [mtu N] [mac M]] [--sysctl NAME=VALUE]…")]
pub struct Set {
    /// The namespace: a name, host, docker:NAME, podman:NAME, pid:PID or path:FILE
    netns: String,
    /// The device, and what it is set to: up, down, mtu N, mac M
    #[arg(value_name = "DEVICE SETTING", num_args = 0..)]
    words: Vec<String>,
    /// A setting of the namespace's network stack; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    sysctl: Vec<String>,
    #[command(flatten)]
    change: Change,
}

/// What a device is to be set to.
#[derive(Debug, Default)]
struct Settings {
    up: Option<bool>,
    mtu: Option<u32>,
    mac: Option<Mac>,
}

impl Settings {
    fn parse(words: &[String]) -> Result<Settings, Failure> {
        let mut settings = Settings::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().ok_or_else(|| Failure::usage(format!("`{word}` needs a value")).hint(USAGE));
            match word.as_str() {
                "up" => settings.up = Some(true),
                "down" => settings.up = Some(false),
                "mtu" => settings.mtu = Some(mtu(value()?)?),
                "mac" | "address" => {
                    settings.mac = Some(value()?.parse().map_err(|error| Failure::usage(format!("{error}")))?)
                }
                other => return Err(Failure::usage(format!("`{other}` is none of up, down, mtu, mac")).hint(USAGE)),
            }
        }
        Ok(settings)
    }
}

fn mtu(text: &str) -> Result<u32, Failure> {
    let mtu = text.parse().ok().filter(|mtu| (MTU_MIN..=MTU_MAX).contains(mtu));
    mtu.ok_or_else(|| Failure::usage(format!("MTU `{text}` is not a number from {MTU_MIN} to {MTU_MAX}")))
}

impl Set {
    pub async fn run(&self, session: &Session<'_>) -> Result<Report, Failure> {
        let sysctls = self.sysctls()?;
        let of_device = match self.words.split_first() {
            None if sysctls.is_empty() => return Err(Failure::usage("nothing to set was given").hint(USAGE)),
            None => None,
            Some((name, [])) => return Err(Failure::usage(format!("what is {name} to be set to?")).hint(USAGE)),
            Some((name, words)) => Some((name.parse::<IfName>()?, Settings::parse(words)?)),
        };
        let _lock = session.begin(&self.change).await?;
        let place = place::existing(session, &self.netns).await?;
        let mut observed = State::default();
        let mut desired = State::default();
        if let Some((name, settings)) = of_device {
            self.device(session, &place, &name, &settings, &mut observed, &mut desired).await?;
        }
        for (key, value) in sysctls {
            let wanted = Resource::Sysctl(Sysctl::new(place.clone(), key.clone(), &value));
            let there = session.observe(Scope::Keys(vec![wanted.key()])).await?;
            let there = there.get(&wanted.key()).ok_or_else(|| no_sysctl(&place, &key))?;
            observed.insert(there.clone());
            desired.insert(Entry::unmarked(wanted));
        }
        self.change.carry_out(session, &observed, &desired).await
    }

    fn sysctls(&self) -> Result<Vec<(SysctlKey, String)>, Failure> {
        let split = |text: &String| {
            let Some((name, value)) = text.split_once('=') else {
                return Err(Failure::usage(format!("`{text}` says no value")).hint(USAGE));
            };
            Ok((name.trim().parse()?, value.to_owned()))
        };
        self.sysctl.iter().map(split).collect()
    }

    /// What there is, and what there should be, of one device and of what goes with it.
    async fn device(
        &self,
        session: &Session<'_>,
        place: &Place,
        name: &IfName,
        settings: &Settings,
        observed: &mut State,
        desired: &mut State,
    ) -> Result<(), Failure> {
        let there = device(session, place, name).await?;
        check_switch(session, place, name, settings).await?;
        let wanted = Device {
            up: settings.up.unwrap_or(there.up),
            mtu: settings.mtu.or(there.mtu),
            mac: settings.mac.or(there.mac),
            ..there.clone()
        };
        let standing = standing_on(session, place, name).await?;
        let v6 = standing.resources().find_map(|resource| match resource {
            Resource::Address(address) if address.address.addr().is_ipv6() => Some(address.address),
            _ => None,
        });
        if let (Some(address), Some(mtu)) = (v6, settings.mtu.filter(|mtu| *mtu < IPV6_MTU_MIN)) {
            let what = format!("cannot set the MTU of {name} to {mtu}: it has the address {address}");
            return Err(Failure::new(what).hint(format!("IPv6 takes an MTU of {IPV6_MTU_MIN} at least")));
        }
        for entry in standing.entries() {
            observed.insert(entry.clone());
            if !(there.up && !wanted.up && entry.resource.goes_down_with_device()) {
                desired.insert(entry.clone());
            }
        }
        observed.insert(Entry::unmarked(Resource::Device(there)));
        desired.insert(Entry::unmarked(Resource::Device(wanted)));
        Ok(())
    }
}

/// The own device of a switch takes its address and its MTU from the switch.
async fn check_switch(session: &Session<'_>, place: &Place, name: &IfName, settings: &Settings) -> Result<(), Failure> {
    let (Place::Host, Ok(switch)) = (place, name.as_str().parse()) else { return Ok(()) };
    if settings.mtu.is_none() && settings.mac.is_none() {
        return Ok(());
    }
    let key = Key::Switch { name: switch };
    match session.observe(Scope::Keys(vec![key.clone()])).await?.contains(&key) {
        true => Err(Failure::new(format!("{name} is a switch, which sets its device's address and MTU itself"))
            .hint(format!("ovsns set-br {name} --mtu N; ovsns set-br {name} --mac M"))),
        false => Ok(()),
    }
}

fn no_sysctl(place: &Place, key: &SysctlKey) -> Failure {
    let file = key.path();
    let what = match key.device() {
        Some(device) => format!("there is no setting {key} in {place}: no such setting, or no device {device}"),
        None => format!("there is no setting {key} in {place}"),
    };
    let mut directory = file.rsplit_once('/').map_or("/proc/sys/net", |(directory, _)| directory);
    if key.device().is_some() {
        directory = directory.rsplit_once('/').map_or(directory, |(above, _)| above);
    }
    Failure::new(what).hint(format!("ovsns exec {place} -- ls {directory}"))
}
