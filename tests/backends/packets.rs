//! What a plan does to the packets: a thing that was replaced or moved must carry them.

use std::net::IpAddr;

use ovsns::backend::Scope;
use ovsns::engine::Engine;
use ovsns::model::{Device, End, Entry, Link, Place, Resource, State};
use ovsns::plan::{Plan, Step};

use super::common::tool;
use super::common::traffic::{pings, silent};
use super::fixture::{Fixture, ours};
use super::kernel::{address, end, name, netns};

/// Two switches; `n1` and `n2` on the first one, `n3` on the second.
fn two_switches(fixture: &Fixture) -> Vec<Entry> {
    let switches = ["sw1", "sw2"].map(fixture.switch);
    let up =
        ["sw1", "sw2"].map(|switch| Entry::unmarked(Resource::Device(Device::new(Place::Host, name(switch), true))));
    let ports = [("n1", "veth1", "sw1"), ("n2", "veth2", "sw1"), ("n3", "veth3", "sw2")];
    let plugged = ports.into_iter().flat_map(|(at, device, switch)| {
        let ip: IpAddr = [10, 0, 0, at.as_bytes()[1] - b'0'].into();
        [
            netns(at),
            inside_of(at, device),
            (fixture.port)(switch, device),
            address(at, "eth0", &format!("{ip}/24"), false),
        ]
    });
    switches.into_iter().chain(up).chain(plugged).collect()
}

/// A pair whose inside end has an address of its own, so that nobody's neighbour table tells of one that is gone.
fn inside_of(at: &str, device: &str) -> Entry {
    let mac = format!("02:00:00:00:00:0{}", &at[1..]).parse().unwrap();
    ours(Resource::Link(Link::new(end("host", device), End { mac: Some(mac), ..end(at, "eth0") })))
}

fn state(entries: Vec<Entry>) -> State {
    entries.into_iter().collect()
}

/// Makes the two switches, runs `body`, and takes all away.
async fn played(fixture: &Fixture, body: impl AsyncFnOnce(&Engine, &State)) {
    let engine = Engine::new(fixture.set.clone());
    let desired = state(two_switches(fixture));
    engine.apply(&Plan::between(&State::default(), &desired)).await.unwrap();
    assert!(pings("n1", "10.0.0.2"));
    assert!(silent("n1", "10.0.0.3"));
    body(&engine, &desired).await;
    let observed = engine.observe(&Scope::Keys(desired.keys().cloned().collect())).await.unwrap();
    engine.apply(&Plan::between(&observed, &State::default())).await.unwrap();
    assert_eq!(tool::run("ip netns list"), "");
}

/// A pair that leads elsewhere cannot follow: it, its port and its address are deleted and made again under their names. On
/// Open vSwitch these have to be two transactions, or ovs-vswitchd keeps to the device that is gone.
pub async fn what_is_replaced_forwards_again(fixture: &Fixture) {
    played(fixture, async |engine, desired| {
        let observed = engine.observe(&Scope::Keys(desired.keys().cloned().collect())).await.unwrap();
        let (mut rest, mut again) = (Vec::new(), Vec::new());
        for entry in two_switches(fixture) {
            let of_veth2 = entry.resource.provides().contains(&(Place::Host, name("veth2")))
                || entry.resource.needs().contains(&(Place::Host, name("veth2")))
                || entry.resource.needs().contains(&("n2".parse().unwrap(), name("eth0")));
            if of_veth2 { again.push(entry) } else { rest.push(entry) }
        }
        assert_eq!(again.len(), 3, "pair, port and address");
        let without = Plan::between(&observed, &observed_like(&observed, &rest));
        let back = Plan::between(&state(rest), &state(two_switches(fixture)));
        let plan = Plan { steps: without.steps.into_iter().chain(back.steps).collect() };
        assert_eq!(plan.steps.len(), 6, "{plan}");
        engine.apply(&plan).await.unwrap();
        assert!(pings("n1", "10.0.0.2"));
        assert!(pings("n2", "10.0.0.1"));
    })
    .await;
}

/// Of `observed`, what has the keys of `wanted`.
fn observed_like(observed: &State, wanted: &[Entry]) -> State {
    wanted.iter().filter_map(|entry| observed.get(&entry.key()).cloned()).collect()
}

/// From one switch to another, and back by undoing it.
pub async fn a_port_that_is_moved_forwards_there(fixture: &Fixture) {
    played(fixture, async |engine, _| {
        let before = fixture.see(&(fixture.port)("sw1", "veth1")).await;
        let after = (fixture.port)("sw2", "veth1").over(&before);
        let plan = Plan { steps: vec![Step::Modify { before, after }] };
        engine.apply(&plan).await.unwrap();
        assert!(pings("n1", "10.0.0.3"));
        assert!(silent("n1", "10.0.0.2"));
        engine.apply(&plan.inverse()).await.unwrap();
        assert!(pings("n1", "10.0.0.2"));
        assert!(silent("n1", "10.0.0.3"));
    })
    .await;
}
