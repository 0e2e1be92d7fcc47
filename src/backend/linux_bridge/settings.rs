//! Settings in the words of the kernel (ip-link(8), bridge(8)).

use crate::model::setting::{Setting, Value};
use crate::model::{BackendName, Settings};
use crate::netlink::Link;
use crate::netlink::link::{BridgeInfo, BridgeSetting, PortSetting};

/// The reserved addresses that a bridge can be told to let pass: all but 01:80:c2:00:00:00, :01 and :02
/// (`BR_GROUPFWD_RESTRICTED`, net/bridge/br_private.h). The first passes where no spanning tree runs.
const RESERVED: u16 = 0xfff8;
/// The kernel counts in hundredths of a second (`USER_HZ`).
const SECOND: u32 = 100;

/// What a bridge is set to.
pub fn of_bridge(bridge: &BridgeInfo) -> Settings {
    let seconds = |time: u32| Value::Number((time / SECOND).into());
    // While the tree changes the kernel tells a shorter time than the one that it was set to.
    let ageing = (!bridge.topology_change).then(|| seconds(bridge.ageing_time));
    settings([
        ("stp-priority", Some(Value::Number(bridge.priority.into()))),
        ("stp-hello-time", Some(seconds(bridge.hello_time))),
        ("stp-max-age", Some(seconds(bridge.max_age))),
        ("stp-forward-delay", Some(seconds(bridge.forward_delay))),
        ("ageing", ageing),
        ("fdb-size", bridge.max_learned.map(|count| Value::Number(count.into()))),
        ("mcast-snooping", Some(Value::Bool(bridge.mcast_snooping))),
        ("transparent", Some(Value::Bool(bridge.group_fwd_mask == RESERVED))),
        ("vlan-protocol", bridge.provider.then(|| Value::Text("802.1ad".to_owned()))),
    ])
}

/// What the way through a port costs by itself, from the fastest to one that does not tell its speed (`port_cost`, net/bridge/br_if.c).
const COSTS: [u32; 7] = [1, 2, 3, 4, 5, 19, 100];

/// What a port is set to, of which `kind` says what made its device. The speed of veth pairs is known; of another device a cost that it may
/// have by itself says nothing.
pub fn of_port(link: &Link) -> Settings {
    let Some(port) = &link.bridge_port else { return Settings::default() };
    let by_itself = link.kind.as_deref() != Some("veth") && COSTS.contains(&port.cost);
    settings([
        ("isolated", Some(Value::Bool(port.isolated))),
        ("stp-cost", (!by_itself).then(|| Value::Number(port.cost.into()))),
        ("stp-port-priority", Some(Value::Number(port.priority.into()))),
    ])
}

fn settings<const N: usize>(seen: [(&str, Option<Value>); N]) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in seen {
        let Some((setting, value)) = Setting::named(name).zip(value) else { continue };
        if setting.default(BackendName::Linux).as_ref() != Some(&value) {
            settings.set(setting, value);
        }
    }
    settings
}

/// What brings a bridge from `old` to `new`.
pub fn bridge_changes(old: &Settings, new: &Settings) -> Vec<BridgeSetting> {
    changes(old, new).filter_map(|(setting, value)| bridge_setting(setting, &value)).collect()
}

/// What brings a port from `old` to `new`.
pub fn port_changes(old: &Settings, new: &Settings) -> Vec<PortSetting> {
    changes(old, new).filter_map(|(setting, value)| port_setting(setting, &value)).collect()
}

fn changes<'a>(old: &'a Settings, new: &'a Settings) -> impl Iterator<Item = (&'static Setting, Value)> + 'a {
    let own = |(setting, value): (&'static Setting, Option<&Value>)| {
        Some((setting, value.cloned().or_else(|| setting.default(BackendName::Linux))?))
    };
    new.differing(old).filter_map(own)
}

fn bridge_setting(setting: &Setting, value: &Value) -> Option<BridgeSetting> {
    let time = |seconds: &u64| u32::try_from(*seconds).unwrap_or(u32::MAX).saturating_mul(SECOND);
    Some(match (setting.name, value) {
        ("stp-priority", Value::Number(priority)) => BridgeSetting::Priority((*priority).try_into().ok()?),
        ("stp-hello-time", Value::Number(seconds)) => BridgeSetting::HelloTime(time(seconds)),
        ("stp-max-age", Value::Number(seconds)) => BridgeSetting::MaxAge(time(seconds)),
        ("stp-forward-delay", Value::Number(seconds)) => BridgeSetting::ForwardDelay(time(seconds)),
        ("ageing", Value::Number(seconds)) => BridgeSetting::AgeingTime(time(seconds)),
        ("fdb-size", Value::Number(count)) => BridgeSetting::MaxLearned((*count).try_into().ok()?),
        ("mcast-snooping", Value::Bool(on)) => BridgeSetting::McastSnooping(*on),
        ("transparent", Value::Bool(on)) => BridgeSetting::GroupFwdMask(if *on { RESERVED } else { 0 }),
        ("vlan-protocol", Value::Text(protocol)) => BridgeSetting::Provider(protocol == "802.1ad"),
        _ => return None,
    })
}

fn port_setting(setting: &Setting, value: &Value) -> Option<PortSetting> {
    Some(match (setting.name, value) {
        ("isolated", Value::Bool(on)) => PortSetting::Isolated(*on),
        ("stp-cost", Value::Number(cost)) => PortSetting::Cost((*cost).try_into().ok()?),
        ("stp-port-priority", Value::Number(priority)) => PortSetting::Priority((*priority).try_into().ok()?),
        _ => return None,
    })
}
