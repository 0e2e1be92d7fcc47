//! Sessions: a copy of some tables, and locks, over connections that come and go.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy knows only functions marked as tests as such")]

#[path = "common/ovsdb.rs"]
mod common;
#[path = "common/ovsdb_peer.rs"]
mod peer;

use std::time::Duration;

use common::{LIMIT, Server};
use ovsns::ovsdb::client::Options;
use ovsns::ovsdb::endpoint::Endpoints;
use ovsns::ovsdb::monitor::{Change, MonitorRequest, TableRequest};
use ovsns::ovsdb::session::{Event, Session, WatchId};
use peer::{Listener, Peer};
use serde_json::{Value, json};
use tokio::time::timeout;

const DATABASE: &str = "Open_vSwitch";
const ROW: &str = "550e8400-e29b-41d4-a716-446655440000";
const TXN: &str = "11111111-2222-3333-4444-555555555555";
const ZERO: &str = "00000000-0000-0000-0000-000000000000";

fn session(endpoints: &Endpoints, options: Options) -> Session {
    let (shortest, longest) = (Duration::from_millis(10), Duration::from_millis(40));
    Session::new(endpoints.clone(), options, DATABASE).with_backoff(shortest, longest)
}

fn bridges() -> MonitorRequest {
    MonitorRequest::new().table("Bridge", TableRequest::new().columns(["name", "other_config"]))
}

async fn next(session: &mut Session) -> Event {
    timeout(LIMIT, session.next()).await.expect("no event in time")
}

/// Goes on to the next change, past everything else.
async fn changes(session: &mut Session) -> Vec<Change> {
    loop {
        if let Event::Changed { changes, .. } = next(session).await {
            return changes;
        }
    }
}

/// Goes on to the event that `wanted` likes.
async fn until<T>(session: &mut Session, wanted: impl Fn(Event) -> Option<T>) -> T {
    loop {
        if let Some(found) = wanted(next(session).await) {
            return found;
        }
    }
}

fn names(session: &Session, watch: WatchId) -> Vec<String> {
    let rows = session.replica(watch).into_iter().flat_map(|replica| replica.rows("Bridge"));
    let mut names: Vec<_> = rows.map(|(_, row)| row.one::<String>("name").unwrap()).collect();
    names.sort();
    names
}

fn new_names(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.new.as_ref().unwrap().one("name").unwrap()).collect()
}

#[tokio::test]
async fn a_copy_survives_the_server() {
    let mut server = Server::start();
    server.vsctl(&["add-br", "br0"]);
    let mut session = session(&server.endpoints(), Options::default());
    let watch = session.watch(bridges());
    assert!(matches!(next(&mut session).await, Event::Connected(_)));
    assert_eq!(new_names(&changes(&mut session).await), ["br0"]);
    server.vsctl(&["add-br", "br1"]);
    assert_eq!(new_names(&changes(&mut session).await), ["br1"]);

    server.stop();
    assert!(matches!(next(&mut session).await, Event::Disconnected(_)));
    assert!(matches!(next(&mut session).await, Event::Disconnected(_)), "it has been tried again");
    assert_eq!(names(&session, watch), ["br0", "br1"]);
    server.launch();
    assert_eq!(changes(&mut session).await, [], "nothing has changed");
    server.vsctl(&["set", "Bridge", "br0", "other_config:a=b", "other_config:c=d"]);
    changes(&mut session).await;
    server.vsctl(&["remove", "Bridge", "br0", "other_config", "a"]);
    let change = changes(&mut session).await.remove(0);
    let map = change.new.unwrap().map::<String, String>("other_config").unwrap();
    assert_eq!(map.into_iter().collect::<Vec<_>>(), [("c".to_owned(), "d".to_owned())]);
    server.vsctl(&["del-br", "br1"]);
    assert_eq!(changes(&mut session).await[0].new, None);
    assert_eq!(names(&session, watch), ["br0"]);
}

#[tokio::test]
async fn what_changed_meanwhile_is_told_once() {
    let mut server = Server::start();
    server.vsctl(&["add-br", "br0", "--", "add-br", "br1"]);
    let mut session = session(&server.endpoints(), Options::default());
    let watch = session.watch(bridges());
    assert_eq!(changes(&mut session).await.len(), 2);
    server.stop();
    server.launch();
    // The session is not asked until this is done.
    server.vsctl(&["del-br", "br1", "--", "add-br", "br2"]);
    let mut changes = changes(&mut session).await;
    changes.sort_by_key(|change| change.new.is_some());
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(changes[0].old.as_ref().unwrap().one::<String>("name").unwrap(), "br1");
    assert_eq!(changes[1].new.as_ref().unwrap().one::<String>("name").unwrap(), "br2");
    assert_eq!(names(&session, watch), ["br0", "br2"]);
}

#[tokio::test]
async fn locks_are_asked_for_again() {
    let mut server = Server::start();
    let mut session = session(&server.endpoints(), Options::default());
    session.lock("l");
    let locked = |event| matches!(event, Event::Locked(name) if name == "l").then_some(());
    let unlocked = |event| matches!(event, Event::Unlocked(name) if name == "l").then_some(());
    until(&mut session, locked).await;

    let thief = server.connect().await;
    assert!(thief.steal("l").await.unwrap());
    until(&mut session, unlocked).await;
    drop(thief);

    server.stop();
    server.launch();
    until(&mut session, locked).await;
    server.stop();
    until(&mut session, unlocked).await;
}

#[tokio::test]
async fn a_lock_comes_when_its_owner_goes() {
    let server = Server::start();
    let owner = server.connect().await;
    assert!(owner.lock("l").await.unwrap());
    let mut session = session(&server.endpoints(), Options::default());
    session.lock("l");
    assert!(matches!(next(&mut session).await, Event::Connected(_)));
    let (event, ()) = tokio::join!(next(&mut session), async {
        // By the answer the server knows the session's wish, which was sent before.
        owner.echo(&[]).await.unwrap();
        owner.unlock("l").await.unwrap();
    });
    assert!(matches!(event, Event::Locked(name) if name == "l"));
}

/// Answers what a session asks after it has connected.
async fn greet(peer: &mut Peer) {
    let schema = json!({"name": DATABASE, "tables": {"Bridge": {"columns": {
        "name": {"type": "string"},
        "other_config": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
    }}}});
    peer.answer("get_schema", schema).await;
}

/// The parameters of the next message, which must call `method`, and its id.
async fn asked(peer: &mut Peer, method: &str) -> (Value, Value) {
    let message = peer.message().await.unwrap();
    assert_eq!(message["method"], method);
    (message["params"].clone(), message["id"].clone())
}

fn update3(monitor: &Value, txn: &str, kind: &str, name: &str) -> String {
    let updates = json!({"Bridge": {ROW: {kind: {"name": name}}}});
    json!({"id": null, "method": "update3", "params": [monitor, txn, updates]}).to_string()
}

/// Point 35: the last transaction's id is kept; if it is found, only the difference comes.
#[tokio::test]
async fn a_found_transaction_is_continued_from() {
    let listener = Listener::new();
    let mut session = session(&listener.endpoints(), Options::default());
    let watch = session.watch(bridges());
    let server = async {
        let mut peer = listener.accept().await;
        greet(&mut peer).await;
        let (params, id) = asked(&mut peer, "monitor_cond_since").await;
        assert_eq!(params[3], ZERO);
        peer.reply(&id, json!([false, ZERO, {"Bridge": {ROW: {"initial": {"name": "a"}}}}])).await;
        peer.send(&update3(&params[1], TXN, "modify", "b")).await;
        drop(peer);
        let mut peer = listener.accept().await;
        greet(&mut peer).await;
        let (params, id) = asked(&mut peer, "monitor_cond_since").await;
        assert_eq!(params[3], TXN);
        peer.reply(&id, json!([true, TXN, {"Bridge": {ROW: {"modify": {"name": "c"}}}}])).await;
        drop(peer);
        let mut peer = listener.accept().await;
        greet(&mut peer).await;
        let (params, id) = asked(&mut peer, "monitor_cond_since").await;
        assert_eq!(params[3], TXN);
        // Not found: all comes again, and one thing is different.
        peer.reply(&id, json!([false, TXN, {"Bridge": {ROW: {"initial": {"name": "d"}}}}])).await;
        peer
    };
    let client = async {
        for name in ["a", "b", "c", "d"] {
            let changes = changes(&mut session).await;
            assert_eq!((new_names(&changes), names(&session, watch)), (vec![name.to_owned()], vec![name.to_owned()]));
            assert_eq!(changes[0].old.is_none(), name == "a");
        }
    };
    tokio::join!(server, client);
}

/// Point 35: an older server has `monitor_cond`, one before 2.6 only `monitor`.
#[tokio::test]
async fn older_servers_are_monitored_as_they_can() {
    let listener = Listener::new();
    let mut session = session(&listener.endpoints(), Options::default());
    session.watch(bridges());
    let server = async {
        let mut peer = listener.accept().await;
        greet(&mut peer).await;
        for method in ["monitor_cond_since", "monitor_cond"] {
            let (_, id) = asked(&mut peer, method).await;
            peer.send(&json!({"id": id, "result": null, "error": "unknown method"}).to_string()).await;
        }
        let (params, id) = asked(&mut peer, "monitor").await;
        peer.reply(&id, json!({"Bridge": {ROW: {"new": {"name": "a", "other_config": ["map", []]}}}})).await;
        let updates = json!({"Bridge": {ROW: {"old": {"name": "a"}, "new": {"name": "b"}}}});
        peer.send(&json!({"id": null, "method": "update", "params": [params[1], updates]}).to_string()).await;
        peer
    };
    let client = async {
        assert_eq!(new_names(&changes(&mut session).await), ["a"]);
        assert_eq!(new_names(&changes(&mut session).await), ["b"]);
    };
    tokio::join!(server, client);
}

#[tokio::test]
async fn a_session_that_lags_reads_again() {
    let listener = Listener::new();
    let mut session = session(&listener.endpoints(), Options { monitor_buffer: 1, ..Options::default() });
    let watch = session.watch(bridges());
    let server = async {
        let mut peer = listener.accept().await;
        greet(&mut peer).await;
        let (params, id) = asked(&mut peer, "monitor_cond_since").await;
        // Reply and updates in one write: the buffer is full before the session can take anything.
        let mut burst = json!({"id": id, "result": [false, ZERO, {}], "error": null}).to_string();
        for n in 0..10 {
            burst += &update3(&params[1], TXN, "insert", &format!("br{n}"));
        }
        peer.send(&burst).await;
        let (cancelled, id) = asked(&mut peer, "monitor_cancel").await;
        assert_eq!(cancelled, json!([params[1]]));
        peer.reply(&id, json!({})).await;
        let (params, id) = asked(&mut peer, "monitor_cond_since").await;
        assert_ne!(params[1], cancelled[0]);
        peer.reply(&id, json!([false, TXN, {"Bridge": {ROW: {"initial": {"name": "br9"}}}}])).await;
        peer
    };
    let client = async {
        while names(&session, watch) != ["br9"] {
            changes(&mut session).await;
        }
    };
    tokio::join!(server, client);
}

/// An update that does not fit what is known leads to a full copy, not to a wrong one.
#[tokio::test]
async fn a_copy_that_diverged_is_read_again() {
    let listener = Listener::new();
    let mut session = session(&listener.endpoints(), Options::default());
    let watch = session.watch(bridges());
    let server = async {
        let mut peer = listener.accept().await;
        greet(&mut peer).await;
        let (params, id) = asked(&mut peer, "monitor_cond_since").await;
        peer.reply(&id, json!([false, TXN, {}])).await;
        peer.send(&update3(&params[1], TXN, "modify", "unheard-of")).await;
        peer.answer("monitor_cancel", json!({})).await;
        let (params, id) = asked(&mut peer, "monitor_cond_since").await;
        assert_eq!(params[3], ZERO);
        peer.reply(&id, json!([false, TXN, {"Bridge": {ROW: {"initial": {"name": "a"}}}}])).await;
        peer
    };
    let client = async {
        while names(&session, watch) != ["a"] {
            changes(&mut session).await;
        }
    };
    tokio::join!(server, client);
}

/// `next` may be dropped at any moment, as `select!` does.
#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let server = Server::start();
    server.vsctl(&["add-br", "br0"]);
    let mut session = session(&server.endpoints(), Options::default());
    let watch = session.watch(bridges());
    session.lock("l");
    let mut locked = false;
    let all = async {
        while names(&session, watch) != ["br0"] || !locked {
            tokio::select! {
                biased;
                event = session.next() => locked |= matches!(event, Event::Locked(_)),
                () = tokio::task::yield_now() => {}
            }
        }
    };
    timeout(LIMIT, all).await.unwrap();
}

#[tokio::test]
async fn what_the_schema_does_not_have_is_said() {
    let server = Server::start();
    let mut session = session(&server.endpoints(), Options::default());
    session.watch(MonitorRequest::new().table("Nonsense", TableRequest::new()));
    let error = until(&mut session, |event| match event {
        Event::Disconnected(error) => Some(error.to_string()),
        _ => None,
    });
    assert_eq!(error.await, "the schema has no Nonsense");
}
