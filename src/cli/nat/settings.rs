//! The settings of the host that translation takes, as they are.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::Scope;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::model::{Demand, Family, IfName, Key, Place, Raised, Resource, Setting, Sysctl, SysctlKey};

/// What is said where IPv6 cannot be forwarded for some devices alone.
pub const ALL_FORWARD: &str = "before Linux 6.17, IPv6 is forwarded between all devices or none: net.ipv6.conf.all.forwarding is turned on (with it \
     the host goes on to listen to routers only where accept_ra is 2)";

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub value: String,
    /// What a new device gets.
    pub default: Option<String>,
    /// Whether the device is there; else the value is the default.
    pub there: bool,
}

impl Value {
    /// Whether it was turned on, and devices do not come so.
    pub fn is_raised(&self, setting: Setting) -> bool {
        let (off, on) = setting.values();
        self.value == on && self.default.as_deref() == Some(off)
    }
}

/// A setting of the host.
pub fn sysctl(raised: &Raised, value: &str) -> Resource {
    Resource::Sysctl(Sysctl::new(Place::Host, raised.key(), value))
}

/// The values of these settings; those that the host does not have are left out. A device of `own` that is not there yet will come
/// with what new devices get.
pub async fn values(
    session: &Session<'_>,
    settings: impl IntoIterator<Item = &Raised>,
    own: &BTreeSet<IfName>,
) -> Result<BTreeMap<Raised, Value>, Failure> {
    let settings: BTreeSet<&Raised> = settings.into_iter().collect();
    let default = |raised: &Raised| named("default").map(|device| Raised { setting: raised.setting, device });
    let defaults = settings.iter().filter(|raised| own.contains(&raised.device)).filter_map(|raised| default(raised));
    let keys: BTreeSet<SysctlKey> =
        settings.iter().map(|raised| raised.key()).chain(defaults.map(|r| r.key())).collect();
    let keys = keys.into_iter().map(|key| Key::Sysctl { place: Place::Host, key });
    let found = session.observe(Scope::Keys(keys.collect())).await?;
    let value_of = |raised: &Raised| match found.get(&Key::Sysctl { place: Place::Host, key: raised.key() })?.resource {
        Resource::Sysctl(ref sysctl) => Some(sysctl.value.clone()),
        _ => None,
    };
    let value = |raised: &Raised| {
        let default = default(raised).filter(|_| own.contains(&raised.device)).and_then(|default| value_of(&default));
        let now = value_of(raised);
        let there = now.is_some();
        Some((raised.clone(), Value { value: now.or_else(|| default.clone())?, default, there }))
    };
    Ok(settings.into_iter().filter_map(value).collect())
}

/// The settings by which this kernel meets `demand`.
pub async fn meeting(
    session: &Session<'_>,
    demand: &Demand,
    own: &BTreeSet<IfName>,
) -> Result<BTreeSet<Raised>, Failure> {
    let raised = |setting, device: &IfName| Raised { setting, device: device.clone() };
    let of = |wanted: Family| {
        demand.forwarders.iter().filter(move |(family, _)| *family == wanted).map(|(_, device)| device)
    };
    let mut settings: BTreeSet<Raised> = of(Family::Ipv4).map(|device| raised(Setting::Forwarding4, device)).collect();
    settings.extend(demand.localnets.iter().map(|device| raised(Setting::RouteLocalnet, device)));
    let v6: Vec<&IfName> = of(Family::Ipv6).collect();
    let forced: Vec<Raised> = v6.iter().map(|device| raised(Setting::ForceForwarding6, device)).collect();
    let all = named("all").map(|device| raised(Setting::Forwarding6, &device));
    let Some(all) = all.filter(|_| !v6.is_empty()) else { return Ok(settings) };
    let known = values(session, forced.iter().chain([&all]), own).await?;
    if known.get(&all).is_some_and(|known| known.value == "1") {
        return Ok(settings);
    }
    if forced.iter().all(|raised| known.contains_key(raised)) {
        settings.extend(forced);
    } else {
        let outside = v6.iter().filter(|device| !demand.inside.contains(**device));
        settings.extend(outside.map(|device| raised(Setting::AcceptRa6, device)));
        settings.insert(all);
    }
    Ok(settings)
}

/// The names under which the settings of all devices stand, and of new ones.
fn named(name: &str) -> Option<IfName> {
    name.parse().ok()
}
