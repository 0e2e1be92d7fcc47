//! The client against a real ovsdb-server.

#![allow(clippy::unwrap_used, reason = "clippy knows only functions marked as tests as such")]

#[path = "common/ovsdb.rs"]
mod common;

use std::error::Error as _;
use std::time::{Duration, Instant};

use common::{LIMIT, Server};
use futures_util::future::join_all;
use ovsns::ovsdb::client::Client;
use ovsns::ovsdb::error::ClientError;
use ovsns::ovsdb::monitor::{Kind, MonitorError, MonitorRequest, RowUpdate, TableRequest};
use ovsns::ovsdb::operation::{Condition, Delete, Insert, Operation, Select, Until, Update, Wait};
use ovsns::ovsdb::row::Row;
use ovsns::ovsdb::value::Uuid;
use ovsns::ovsdb::wait::Awaited;
use serde_json::json;

const DATABASE: &str = "Open_vSwitch";

/// A server with one QoS row, which is a root and as good as any, and a client.
async fn start() -> (Server, Client, Uuid) {
    let server = Server::start();
    let client = server.connect().await;
    let results = client.transact(DATABASE, &[Insert::into_table("QoS").with("type", "a").into()]).await.unwrap();
    let uuid = results[0].inserted().unwrap();
    (server, client, uuid)
}

fn set_type(uuid: Uuid, kind: &str) -> Operation {
    Update::table_rows("QoS").filter(Condition::uuid(uuid)).with("type", kind).into()
}

fn wait_for(kind: &str, timeout: Duration) -> Operation {
    let row = Row::new().with("type", kind);
    Wait::on_table("QoS", ["type"], Until::Equal).row(row).timeout(timeout).into()
}

#[tokio::test]
async fn connects_and_transacts() {
    let server = Server::start();
    let client = server.connect().await;
    assert!(client.list_dbs().await.unwrap().contains(&"Open_vSwitch".to_owned()));
    let insert = Insert::into_table("Open_vSwitch").with("next_cfg", 7);
    let results = client.transact("Open_vSwitch", &[insert.into(), Select::from_table("Open_vSwitch").into()]).await;
    let results = results.unwrap();
    assert_eq!(results[1].rows().unwrap()[0].one::<i64>("next_cfg").unwrap(), 7);
    assert_eq!(client.echo(&[json!("a\"}")]).await.unwrap(), json!(["a\"}"]));
    assert!(client.call("get_server_id", json!(null)).await.unwrap().is_string());
    let error = client.call("nonsense", json!([])).await.unwrap_err();
    assert!(error.is_unknown_method(), "{error:?}");
    assert_eq!(error.to_string(), format!("{} refused 'nonsense'", server.endpoints()));
    assert_eq!(error.source().unwrap().to_string(), "unknown method");
}

/// A client that does not take replies while it sends is not sent any, and both wait for ever.
#[tokio::test]
async fn a_thousand_calls_at_once_do_not_lock_up() {
    let (_server, client, _) = start().await;
    let text = json!("x".repeat(20_000));
    let echoes = join_all((0..1000).map(|_| client.echo(std::slice::from_ref(&text)))).await;
    assert!(echoes.into_iter().all(|echo| echo.unwrap()[0] == text));
}

#[tokio::test]
async fn a_call_s_deadline_can_be_longer_or_shorter() {
    let (_server, client, _) = start().await;
    let short = client.within(Duration::from_millis(100));
    let error = short.transact(DATABASE, &[wait_for("b", LIMIT)]).await.unwrap_err();
    assert!(
        matches!(&error, ClientError::TimedOut { method, after, .. } if method == "transact" && after.as_millis() == 100)
    );
    // The handle that it came from has its own.
    let error = client.transact(DATABASE, &[wait_for("b", Duration::from_millis(300))]).await.unwrap_err();
    assert!(matches!(&error, ClientError::Transact(error) if error.is_timed_out()), "{error:?}");
}

/// A transaction whose time is over does not come into effect behind our back.
#[tokio::test]
async fn a_transaction_that_timed_out_is_cancelled() {
    let (_server, client, uuid) = start().await;
    let insert = Insert::into_table("Queue").with("dscp", 1).into();
    let operations = [wait_for("b", LIMIT), insert];
    client.within(Duration::from_millis(50)).transact(DATABASE, &operations).await.unwrap_err();
    // Nor one whose future is dropped.
    tokio::select! {
        biased;
        _ = client.transact(DATABASE, &operations) => panic!("it did not wait"),
        _ = client.echo(&[]) => {}
    }
    client.transact(DATABASE, &[set_type(uuid, "b")]).await.unwrap();
    let results = client.transact(DATABASE, &[Select::from_table("Queue").into()]).await.unwrap();
    assert_eq!(results[0].rows(), Some(&[][..]));
}

#[tokio::test]
async fn the_end_of_the_server_ends_all_calls_at_once() {
    let (mut server, client, _) = start().await;
    let waiting = [wait_for("b", LIMIT)];
    let calls = async { join_all((0..10).map(|_| client.transact(DATABASE, &waiting))).await };
    let stop = async {
        client.echo(&[]).await.unwrap();
        server.stop();
    };
    let begun = Instant::now();
    let (outcomes, ()) = tokio::join!(calls, stop);
    for outcome in outcomes {
        assert!(matches!(outcome, Err(ClientError::Lost { .. })), "{outcome:?}");
    }
    assert!(begun.elapsed() < LIMIT / 2);
    assert!(!client.is_connected());
}

#[tokio::test]
async fn a_row_is_waited_for() {
    let (_server, client, uuid) = start().await;
    let (was, is) = (Row::new().with("type", "a"), Row::new().with("type", "b"));
    let short = Duration::from_millis(20);
    let wait = |last, limit| {
        let client = client.clone();
        async move { client.wait_until_changed(DATABASE, "QoS", uuid, &last, limit).await.unwrap() }
    };
    assert_eq!(wait(was.clone(), short).await, Awaited::Unchanged);
    // Other rows are of no interest.
    let change = async {
        client.transact(DATABASE, &[Insert::into_table("QoS").with("type", "c").into()]).await.unwrap();
        client.transact(DATABASE, &[set_type(uuid, "b")]).await.unwrap();
    };
    let (awaited, ()) = tokio::join!(wait(was.clone(), LIMIT), change);
    assert_eq!(awaited, Awaited::Changed(is.clone()));
    assert_eq!(wait(was, LIMIT).await, Awaited::Changed(is.clone()), "it had changed before");
    let delete = Delete::from_table("QoS").filter(Condition::uuid(uuid));
    client.transact(DATABASE, &[delete.into()]).await.unwrap();
    assert_eq!(wait(is, LIMIT).await, Awaited::Gone);
}

fn queues() -> MonitorRequest {
    MonitorRequest::new().table("Queue", TableRequest::new().columns(["dscp"]))
}

fn queue(dscp: i64) -> Operation {
    Insert::into_table("Queue").with("dscp", dscp).into()
}

#[tokio::test]
async fn a_monitor_s_conditions_can_be_changed() {
    let (_server, client, _) = start().await;
    client.transact(DATABASE, &[queue(1), queue(2), queue(3)]).await.unwrap();
    let of = |dscp| {
        let condition = Condition::equal("dscp", dscp);
        MonitorRequest::new().table("Queue", TableRequest::new().columns(["dscp"]).condition(condition))
    };
    let started = client.monitor_cond(DATABASE, &of(1)).await.unwrap();
    assert_eq!(started.first.tables.0["Queue"].len(), 1);
    let mut monitor = started.monitor;
    client.monitor_cond_change(&monitor, &of(2)).await.unwrap();
    let update = monitor.next().await.unwrap();
    let mut kinds: Vec<_> = update.tables.0["Queue"].values().collect();
    kinds.sort_by_key(|update| **update == RowUpdate::Delete);
    assert_eq!(kinds, [&RowUpdate::Insert(Row::new().with("dscp", 2)), &RowUpdate::Delete]);
}

#[tokio::test]
async fn a_monitor_tells_only_what_was_asked_for() {
    let (_server, client, _) = start().await;
    client.transact(DATABASE, &[queue(1)]).await.unwrap();
    let request =
        MonitorRequest::new().table("Queue", TableRequest::new().without(Kind::Initial).without(Kind::Delete));
    for since in [false, true] {
        let started = match since {
            false => client.monitor_cond(DATABASE, &request).await.unwrap(),
            true => client.monitor_cond_since(DATABASE, &request, Uuid::ZERO).await.unwrap(),
        };
        assert!(started.first.tables.is_empty());
        let mut monitor = started.monitor;
        client.transact(DATABASE, &[Delete::from_table("Queue").into()]).await.unwrap();
        client.transact(DATABASE, &[queue(7)]).await.unwrap();
        let update = monitor.next().await.unwrap();
        assert!(matches!(update.tables.0["Queue"].values().next(), Some(RowUpdate::Insert(_))), "{update:?}");
        client.monitor_cancel(monitor).await;
    }
}

#[tokio::test]
async fn a_refused_monitor_is_an_error() {
    let (_server, client, _) = start().await;
    let request = MonitorRequest::new().table("Nonsense", TableRequest::new());
    // `monitor` has no conditions.
    let condition = TableRequest::new().condition(Condition::equal("dscp", 1));
    let conditional = MonitorRequest::new().table("Queue", condition);
    let outcomes = [client.monitor(DATABASE, &request).await, client.monitor_cond(DATABASE, &request).await];
    for outcome in outcomes.into_iter().chain([client.monitor(DATABASE, &conditional).await]) {
        let error = outcome.unwrap_err();
        assert!(error.server_error().is_some(), "{error:?}");
    }
}

#[tokio::test]
async fn a_monitor_ends_with_its_database_or_its_connection() {
    let (mut server, client, _) = start().await;
    client.set_db_change_aware(true).await.unwrap();
    let mut monitor = client.monitor_cond(DATABASE, &queues()).await.unwrap().monitor;
    server.appctl(&["ovsdb-server/remove-db", DATABASE]);
    assert!(matches!(monitor.next().await, Err(MonitorError::Cancelled)));
    assert!(client.is_connected());
    let request = MonitorRequest::new().table("Database", TableRequest::new().columns(["name"]));
    let mut monitor = client.monitor_cond("_Server", &request).await.unwrap().monitor;
    server.stop();
    assert!(matches!(monitor.next().await, Err(MonitorError::Lost(_))));
}

/// Ten megabytes of rows, in one reply of the server's.
#[tokio::test]
async fn a_large_database_is_monitored() {
    let (_server, client, _) = start().await;
    let text = "\"}{\\".repeat(2000);
    for _ in 0..10 {
        let insert = |_| Insert::into_table("QoS").with("type", text.as_str()).into();
        client.transact(DATABASE, &(0..100).map(insert).collect::<Vec<Operation>>()).await.unwrap();
    }
    let request = MonitorRequest::new().table("QoS", TableRequest::new().columns(["type"]));
    let started = client.monitor_cond(DATABASE, &request).await.unwrap();
    let rows = &started.first.tables.0["QoS"];
    assert_eq!(rows.len(), 1001);
    let full = RowUpdate::Initial(Row::new().with("type", text.as_str()));
    assert_eq!(rows.values().filter(|row| **row == full).count(), 1000);
}
