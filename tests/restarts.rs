//! `ovsdb-server` and `ovs-vswitchd` killed and started again while a plan is carried out: it ends in all, or in nothing.

// clippy's allow-…-in-tests reaches functions marked #[test], not what they call.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use common::ovs::Ovs;
use common::{require, sandbox, tool};
use ovsns::backend::ovs::Ovs as OvsBackend;
use ovsns::backend::{Backend, BackendSet};
use ovsns::engine::{Engine, EngineError};
use ovsns::model::{BackendName, Datapath, Entry, Owner, Port, Resource, State, Switch};
use ovsns::ovsdb::client::{Client, Options};
use ovsns::plan::Plan;

const TIMEOUT: Duration = Duration::from_secs(60);
const PORTS: usize = 20;
/// How often each story is told.
const TIMES: usize = 3;

/// A switch with its ports.
fn wanted() -> State {
    let datapath = Some(Datapath::Netdev);
    let switch = Switch { datapath, ..Switch::new("sw1".parse().unwrap(), BackendName::Ovs) };
    let port = |n| Port::new("sw1".parse().unwrap(), format!("v{n}").parse().unwrap(), BackendName::Ovs);
    let ports = (0..PORTS).map(|n| Resource::Port(port(n)));
    ports.chain([Resource::Switch(switch)]).map(|resource| Entry::owned(resource, &Owner::verbs())).collect()
}

fn up() -> Plan {
    Plan::between(&State::default(), &wanted())
}

/// In a thread of its own: connects, says so, waits for the word, and carries `plan` out.
fn apply(
    remote: &str,
    plan: &Plan,
    timeout: Duration,
    connected: &Sender<()>,
    go: &Receiver<()>,
) -> Result<(), EngineError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options = Options { timeout, ..Options::default() };
        let client = Client::connect(&remote.parse().unwrap(), &options).await.unwrap();
        let backend: Arc<dyn Backend> = Arc::new(OvsBackend::new(client, timeout));
        connected.send(()).unwrap();
        go.recv().unwrap();
        Engine::new(BackendSet::new(vec![backend])).apply(plan).await
    })
}

/// Carries `plan` out while `meanwhile` happens: before the plan begins what comes before `go`, which lets it begin.
fn during(
    ovs: &mut Ovs,
    plan: &Plan,
    timeout: Duration,
    meanwhile: impl FnOnce(&mut Ovs, &dyn Fn()),
) -> Result<(), EngineError> {
    let remote = ovs.remote();
    thread::scope(|scope| {
        // In here: who panics before `go` drops its end, and the run, which waits for the word, ends.
        let (connected, is_connected) = channel();
        let (go, may_go) = channel();
        let run = scope.spawn(move || apply(&remote, plan, timeout, &connected, &may_go));
        is_connected.recv().unwrap();
        meanwhile(ovs, &|| go.send(()).unwrap());
        run.join().unwrap()
    })
}

/// Waits for a condition of the database.
fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what} has not come");
    }
}

fn ports(ovs: &Ovs) -> usize {
    ovs.vsctl(&["--no-wait", "--bare", "--columns=name", "find", "Port", "name!=sw1"]).split_whitespace().count()
}

/// Every port forwards.
fn assert_all(ovs: &Ovs) {
    assert_eq!(ports(ovs), PORTS);
    let numbers = ovs.vsctl(&["--bare", "--columns=ofport", "list", "Interface"]);
    assert_eq!(numbers.split_whitespace().filter(|number| number.parse::<u16>().is_ok()).count(), PORTS + 1);
    assert_eq!(
        ovs.vsctl(&["get", "Open_vSwitch", ".", "next_cfg"]),
        ovs.vsctl(&["get", "Open_vSwitch", ".", "cur_cfg"])
    );
}

fn assert_nothing(ovs: &Ovs) {
    assert_eq!(ovs.vsctl(&["--no-wait", "list-br"]), "");
    assert_eq!(ports(ovs), 0);
}

/// Brings the switch up and down again, each time with this in the meantime.
fn there_and_back(meanwhile: impl Fn(&mut Ovs, &dyn Fn(), usize) + Send + Sync + 'static) {
    sandbox::run(async move || {
        tool::run("ip link set lo up");
        for n in 0..PORTS {
            tool::run(&format!("ip link add v{n} up type veth peer name e{n}"));
        }
        let mut ovs = Ovs::start();
        for _ in 0..TIMES {
            during(&mut ovs, &up(), TIMEOUT, |ovs, go| meanwhile(ovs, go, PORTS)).unwrap();
            assert_all(&ovs);
            during(&mut ovs, &up().inverse(), TIMEOUT, |ovs, go| meanwhile(ovs, go, 0)).unwrap();
            assert_nothing(&ovs);
        }
    });
}

#[test]
fn a_server_that_was_restarted_before_the_first_word_is_found_again() {
    require!(Root, OpenVswitch);
    there_and_back(|ovs, go, _| {
        ovs.restart_server();
        go();
    });
}

/// The server has the transaction in its socket and has not read it: it is lost with it.
#[test]
fn a_transaction_that_was_lost_is_made_again() {
    require!(Root, OpenVswitch);
    there_and_back(|ovs, go, _| {
        ovs.stop_server();
        go();
        ovs.restart_server();
    });
}

/// The database has it, ovs-vswitchd has not: the wait outlasts the server.
#[test]
fn a_server_restarted_while_vswitchd_is_waited_for() {
    require!(Root, OpenVswitch);
    while_vswitchd_is_waited_for(|ovs| {
        ovs.restart_server();
        ovs.continue_vswitchd();
    });
}

#[test]
fn a_vswitchd_restarted_while_it_is_waited_for() {
    require!(Root, OpenVswitch);
    while_vswitchd_is_waited_for(|ovs| {
        ovs.kill_vswitchd();
        ovs.start_vswitchd();
    });
}

/// Stops ovs-vswitchd, and calls `then` when the database has what it would carry out.
fn while_vswitchd_is_waited_for(then: impl Fn(&mut Ovs) + Send + Sync + 'static) {
    there_and_back(move |ovs, go, there| {
        ovs.stop_vswitchd();
        go();
        wait_for("the transaction", || ports(ovs) == there);
        then(ovs);
    });
}

/// Both at once, at whatever moment that is.
#[test]
fn both_restarted_at_some_moment() {
    require!(Root, OpenVswitch);
    there_and_back(|ovs, go, _| {
        go();
        ovs.restart_server();
        ovs.kill_vswitchd();
        ovs.start_vswitchd();
    });
}

/// Nobody comes back: what was done is undone, within the deadline.
#[test]
fn a_vswitchd_that_does_not_come_back_leaves_nothing() {
    require!(Root, OpenVswitch);
    sandbox::run(async || {
        let mut ovs = Ovs::start();
        let begin = Instant::now();
        let result = during(&mut ovs, &up(), Duration::from_secs(2), |ovs, go| {
            ovs.kill_vswitchd();
            go();
            wait_for("the transaction", || ports(ovs) == PORTS);
            ovs.restart_server();
        });
        assert!(matches!(result, Err(EngineError::Backend(_))), "{result:?}");
        assert!(begin.elapsed() < Duration::from_secs(20));
        assert_nothing(&ovs);
    });
}
