//! The forty points that an OVSDB client must honour, each with a test against a real ovsdb-server, and a real
//! ovs-vswitchd where the point is about it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy knows only functions marked as tests as such")]

#[path = "common/ovsdb.rs"]
mod common;
#[path = "common/ovsdb_peer.rs"]
mod peer;

use std::io::Read as _;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{LIMIT, Server, Vswitchd, run};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use ovsns::ovsdb::client::{Client, Options};
use ovsns::ovsdb::error::ClientError;
use ovsns::ovsdb::framing::Framer;
use ovsns::ovsdb::monitor::{MonitorRequest, Replica, RowUpdate, TableRequest};
use ovsns::ovsdb::notification::Notification;
use ovsns::ovsdb::operation::{
    Condition, Delete, Insert, Mutate, Mutation, Mutator, Operation, OperationResult, Select, TransactError, Until,
    Update, Wait, transact_params,
};
use ovsns::ovsdb::row::Row;
use ovsns::ovsdb::schema::DatabaseSchema;
use ovsns::ovsdb::session::{Event, Session};
use ovsns::ovsdb::value::{Atom, Datum, Real, Uuid, is_id};
use ovsns::ovsdb::wait::Awaited;
use peer::Listener;
use serde_json::{Value, json};
use tokio::time::timeout;

const DATABASE: &str = "Open_vSwitch";

/// A server with the one row of table `Open_vSwitch`, and a client.
async fn start() -> (Server, Client) {
    let server = Server::start();
    server.vsctl(&["init"]);
    let client = server.connect().await;
    (server, client)
}

async fn transact(client: &Client, operations: Vec<Operation>) -> Vec<OperationResult> {
    client.transact(DATABASE, &operations).await.unwrap()
}

async fn refusal(client: &Client, operations: Vec<Operation>) -> TransactError {
    match client.transact(DATABASE, &operations).await {
        Err(ClientError::Transact(error)) => error,
        outcome => panic!("{outcome:?}"),
    }
}

/// The server's word for the refusal of a transaction.
async fn refused(client: &Client, operations: Vec<Operation>) -> String {
    refusal(client, operations).await.server_error().unwrap().error.clone()
}

/// `transact` with operations as JSON, for what our own types do not write; the reply as JSON.
async fn transact_json(client: &Client, operations: Value) -> Value {
    let mut params = vec![json!(DATABASE)];
    params.extend(operations.as_array().unwrap().iter().cloned());
    client.call("transact", Value::Array(params)).await.unwrap()
}

async fn rows(client: &Client, select: Select) -> Vec<Row> {
    transact(client, vec![select.into()]).await[0].rows().unwrap().to_vec()
}

async fn names(client: &Client, table: &str) -> Vec<String> {
    let rows = rows(client, Select::from_table(table).columns(["name"])).await;
    let mut names: Vec<String> = rows.iter().map(|row| row.one("name").unwrap()).collect();
    names.sort();
    names
}

/// The operations that make a bridge with its own port and interface, and refer to it.
fn add_bridge(name: &str) -> Vec<Operation> {
    let named = |what: &str| Atom::NamedUuid(format!("{what}_{name}"));
    vec![
        Insert::into_table("Interface").with("name", name).with("type", "internal").named(format!("i_{name}")).into(),
        Insert::into_table("Port").with("name", name).with("interfaces", named("i")).named(format!("p_{name}")).into(),
        Insert::into_table("Bridge")
            .with("name", name)
            .with("datapath_type", "netdev")
            .with("ports", named("p"))
            .named(format!("b_{name}"))
            .into(),
        Mutate::table_rows(DATABASE).with(Mutation::insert("bridges", named("b"))).into(),
    ]
}

/// The operations that put a port with one interface on a bridge; `interface` and `port` have all but the names.
fn add_port(bridge: &str, name: &str, interface: Insert, port: Insert) -> Vec<Operation> {
    let named = |what: &str| Atom::NamedUuid(format!("{what}_{name}"));
    vec![
        interface.with("name", name).named(format!("i_{name}")).into(),
        port.with("name", name).with("interfaces", named("i")).named(format!("p_{name}")).into(),
        Mutate::table_rows("Bridge")
            .filter(Condition::equal("name", bridge))
            .with(Mutation::insert("ports", named("p")))
            .into(),
    ]
}

fn interface(kind: &str) -> Insert {
    Insert::into_table("Interface").with("type", kind)
}

fn port() -> Insert {
    Insert::into_table("Port")
}

/// A `wait` that waits for what does not come.
fn wait_for_nothing(timeout: Duration) -> Operation {
    let never = Row::new().with("next_cfg", -1);
    Wait::on_table(DATABASE, ["next_cfg"], Until::Equal).row(never).timeout(timeout).into()
}

/// A message, and what comes back until the server closes or sends `messages` messages.
fn talk(stream: &mut (impl std::io::Read + std::io::Write), sent: &str, messages: usize) -> Vec<Value> {
    stream.write_all(sent.as_bytes()).unwrap();
    let (mut framer, mut chunk, mut taken) = (Framer::default(), [0; 4096], Vec::new());
    while taken.len() < messages {
        let length = stream.read(&mut chunk).unwrap();
        if length == 0 {
            break;
        }
        framer.push(&chunk[..length]);
        while let Some(message) = framer.next().unwrap() {
            taken.push(serde_json::from_slice(&message).unwrap());
        }
    }
    taken
}

#[tokio::test]
async fn point_01_messages_have_no_delimiter_and_come_in_any_pieces() {
    let (_server, client) = start().await;
    // From one byte to beyond what is read at once, all under way at the same time.
    let texts: Vec<_> = (0..18).map(|power| json!("}\"{".repeat(1 << power))).collect();
    let echoes = join_all(texts.iter().map(|text| client.echo(std::slice::from_ref(text)))).await;
    for (text, echo) in texts.iter().zip(echoes) {
        assert_eq!(&echo.unwrap()[0], text);
    }
}

#[tokio::test]
async fn point_02_what_is_sent_is_strict_json() {
    let (server, client) = start().await;
    let awkward: String = ('\u{1}'..'\u{20}').chain("\"\\/\u{7f}\u{80}é\u{2028}\u{ffff}😀".chars()).collect();
    assert_eq!(client.echo(&[json!(awkward)]).await.unwrap(), json!([awkward]));
    // Malformed JSON ends the connection.
    for malformed in ["{\"id\":0,}", "{\"id\":\"\u{1}\"}", "[]x"] {
        let mut stream = UnixStream::connect(server.socket()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(talk(&mut stream, malformed, 1), [json!(null); 0], "{malformed}");
    }
    assert!(client.is_connected());
}

#[tokio::test]
async fn point_03_replies_are_matched_by_id() {
    let (_server, client) = start().await;
    let waiting = [wait_for_nothing(Duration::from_millis(300)), Operation::Comment("slow".into())];
    let slow = async { (client.transact(DATABASE, &waiting).await, Instant::now()) };
    let quick = async { (client.echo(&[json!("quick")]).await, Instant::now()) };
    let ((slow, slow_at), (quick, quick_at)) = tokio::join!(slow, quick);
    assert_eq!(quick.unwrap(), json!(["quick"]));
    assert!(quick_at < slow_at, "the waiting transaction is overtaken");
    assert!(slow.unwrap_err().server_error().unwrap().error.contains("timed out"));
}

#[tokio::test]
async fn point_04_a_reply_may_lack_its_result_or_have_a_null_error() {
    let (server, client) = start().await;
    let mut stream = UnixStream::connect(server.socket()).unwrap();
    let sent = r#"{"id":0,"method":"nonsense","params":[]}{"id":1,"method":"list_dbs","params":[]}"#;
    let replies = talk(&mut stream, sent, 2);
    assert!(replies[0]["result"].is_null() && !replies[0]["error"].is_null(), "{replies:?}");
    assert!(replies[1].as_object().unwrap().get("error").is_some_and(Value::is_null), "{replies:?}");
    assert!(client.call("nonsense", json!([])).await.unwrap_err().is_unknown_method());
    assert!(client.call("list_dbs", json!([])).await.unwrap().is_array());
}

#[tokio::test]
async fn point_05_an_error_is_a_string_or_an_object() {
    let (_server, client) = start().await;
    let error = client.call("nonsense", json!([])).await.unwrap_err();
    let words = error.server_error().unwrap();
    assert_eq!((words.error.as_str(), &words.details), ("unknown method", &None));
    let error = client.get_schema("nonsense").await.unwrap_err();
    let words = error.server_error().unwrap();
    assert_eq!(words.error, "unknown database");
    assert!(words.details.is_some() && words.syntax.is_some(), "{words:?}");
}

/// A server that probes each connection on TCP after a second, the least that it accepts.
fn probing_server() -> Server {
    let server = Server::start_with(&["--remote=db:Open_vSwitch,Open_vSwitch,manager_options"]);
    let manager = ["--id=@m", "create", "Manager", "target=\"ptcp:0:127.0.0.1\"", "inactivity_probe=1000"];
    server.vsctl(&["init"]);
    server.vsctl(&[&manager[..], &["--", "set", "Open_vSwitch", ".", "manager_options=@m"]].concat());
    server
}

#[tokio::test]
async fn point_06_an_echo_request_is_answered_while_waiting_for_a_reply() {
    let server = probing_server();
    let endpoints = format!("tcp:127.0.0.1:{}", server.port()).parse().unwrap();
    // Without probes of ours, nothing but answers keeps the connection.
    let options = Options { probe_interval: Some(Duration::ZERO), ..Options::default() };
    let client = Client::connect(&endpoints, &options).await.unwrap();
    let error = refusal(&client, vec![wait_for_nothing(Duration::from_millis(3500))]).await;
    assert!(error.is_timed_out(), "{error:?}");
    assert!(client.list_dbs().await.is_ok());
}

#[test]
fn point_07_an_unanswered_probe_is_followed_by_a_disconnect() {
    let server = probing_server();
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let messages = talk(&mut stream, "", 1);
    assert_eq!((&messages[0]["method"], &messages[0]["id"]), (&json!("echo"), &json!("echo")));
    let probed = Instant::now();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "the server gives up");
    let after = probed.elapsed();
    assert!(after > Duration::from_millis(500) && after < Duration::from_secs(10), "{after:?}");
}

#[tokio::test]
async fn point_08_a_stopped_server_is_noticed_and_a_session_comes_back() {
    let (server, client) = start().await;
    let options = Options { probe_interval: Some(Duration::from_millis(500)), ..Options::default() };
    let (shortest, longest) = (Duration::from_millis(10), Duration::from_millis(100));
    let mut session = Session::new(server.endpoints(), options, DATABASE).with_backoff(shortest, longest);
    let watch = session.watch(MonitorRequest::new().table("Bridge", TableRequest::new().columns(["name"])));
    session.lock("l");
    let mut event = async || timeout(LIMIT, session.next()).await.unwrap();
    assert!(matches!(event().await, Event::Connected(_)));
    assert!(matches!(event().await, Event::Locked(_)));
    assert!(matches!(event().await, Event::Changed { .. }));
    server.process().signal("STOP");
    let error = loop {
        if let Event::Disconnected(error) = event().await {
            break error;
        }
    };
    server.process().signal("CONT");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the server did not answer a probe within 500ms");
    // Monitors and locks are replayed.
    transact(&client, add_bridge("br0")).await;
    let (mut locked, mut seen) = (false, false);
    while !locked || !seen {
        match event().await {
            Event::Locked(_) => locked = true,
            Event::Changed { changes, .. } => seen |= !changes.is_empty(),
            _ => {}
        }
    }
    assert_eq!(session.replica(watch).unwrap().rows("Bridge").count(), 1);
}

#[tokio::test]
async fn point_09_list_dbs_names_the_server_s_own_database() {
    let (_server, client) = start().await;
    let mut names = client.list_dbs().await.unwrap();
    names.sort();
    assert_eq!(names, ["Open_vSwitch", "_Server"]);
}

#[tokio::test]
async fn point_10_an_extra_element_is_the_commit_s_error() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let operations = vec![Delete::from_table("Port").into(), Operation::Comment("fine".into())];
    let params = transact_params(DATABASE, &operations);
    let reply = client.call("transact", Value::Array(params)).await.unwrap();
    assert_eq!((reply.as_array().unwrap().len(), &reply[0], &reply[1]), (3, &json!({"count": 1}), &json!({})));
    let error = refusal(&client, operations).await;
    assert!(matches!(&error, TransactError::Commit(words) if words.error == "referential integrity violation"));
}

#[tokio::test]
async fn point_11_after_a_failed_operation_nothing_is_in_effect() {
    let (_server, client) = start().await;
    let mut operations = add_bridge("br0");
    operations.push(Select::from_table("Nonsense").into());
    operations.extend(add_bridge("br1"));
    let params = transact_params(DATABASE, &operations);
    let reply = client.call("transact", Value::Array(params)).await.unwrap();
    assert!(reply.as_array().unwrap()[5..].iter().all(Value::is_null), "{reply}");
    let error = refusal(&client, operations).await;
    assert!(matches!(error, TransactError::Operation { index: 4, kind: "select", .. }), "{error:?}");
    assert_eq!(names(&client, "Bridge").await, [""; 0]);
}

#[tokio::test]
async fn point_12_an_unknown_database_and_an_unknown_table_are_told_differently() {
    let (_server, client) = start().await;
    let operations = [Select::from_table("Nonsense").into()];
    let error = client.transact("Nonsense", &operations).await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { source, .. } if source.error == "unknown database"), "{error:?}");
    let error = client.transact(DATABASE, &operations).await.unwrap_err();
    assert!(matches!(&error, ClientError::Transact(TransactError::Operation { index: 0, .. })), "{error:?}");
}

#[tokio::test]
async fn point_13_a_cancelled_request_is_not_waited_for() {
    let (_server, client) = start().await;
    for aware in [false, true] {
        client.set_db_change_aware(aware).await.unwrap();
        let id = client.request_id();
        let waiting = [wait_for_nothing(LIMIT)];
        let transact = client.transact_as(id, DATABASE, &waiting);
        let (outcome, cancelled) = tokio::join!(transact, client.cancel(id));
        cancelled.unwrap();
        assert_eq!(outcome.unwrap_err().server_error().unwrap().error, "canceled", "aware: {aware}");
    }
    // To cancel what is done already does no harm.
    let id = client.request_id();
    client.transact_as(id, DATABASE, &[Operation::Comment("done".into())]).await.unwrap();
    client.cancel(id).await.unwrap();
    assert!(client.list_dbs().await.is_ok());
}

#[tokio::test]
async fn point_14_commit_and_comment_answer_nothing_and_abort_an_error() {
    let (_server, client) = start().await;
    for durable in [false, true] {
        let operations = vec![Operation::Commit { durable }, Operation::Comment("c".into())];
        assert_eq!(transact(&client, operations).await, [OperationResult::Done, OperationResult::Done]);
    }
    assert_eq!(refused(&client, vec![Operation::Abort]).await, "aborted");
}

#[tokio::test]
async fn point_15_a_uuid_name_is_an_id_and_unique() {
    let (_server, client) = start().await;
    let qos = |name: &str| Insert::into_table("QoS").with("type", "linux-htb").named(name).into();
    assert_eq!(refused(&client, vec![qos("a"), qos("a")]).await, "duplicate uuid-name");
    for wrong in ["", "1a", "a-b", "a b"] {
        assert!(refusal(&client, vec![qos(wrong)]).await.server_error().is_some());
        assert!(!is_id(wrong));
    }
    transact(&client, vec![qos("_a1"), qos("B_2")]).await;
}

#[tokio::test]
async fn point_16_a_named_uuid_may_refer_forward() {
    let (_server, client) = start().await;
    let mut operations = add_bridge("br0");
    operations.reverse();
    transact(&client, operations).await;
    assert_eq!(names(&client, "Interface").await, ["br0"]);
}

#[tokio::test]
async fn point_17_a_row_that_nothing_refers_to_is_collected_silently() {
    let (_server, client) = start().await;
    let results = transact(&client, vec![interface("internal").with("name", "orphan").into()]).await;
    assert!(results[0].inserted().is_some());
    assert_eq!(names(&client, "Interface").await, [""; 0]);
}

#[tokio::test]
async fn point_18_the_last_reference_takes_bridge_ports_and_interfaces_with_it() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_port("br0", "p0", interface("internal"), port())].concat()).await;
    let bridge = rows(&client, Select::from_table("Bridge")).await[0].row_uuid().unwrap();
    let remove = Mutate::table_rows(DATABASE).with(Mutation::delete("bridges", bridge));
    transact(&client, vec![remove.into()]).await;
    for table in ["Bridge", "Port", "Interface"] {
        assert_eq!(names(&client, table).await, [""; 0], "{table}");
    }
}

#[tokio::test]
async fn point_19_a_referenced_row_cannot_be_deleted() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for table in ["Bridge", "Port", "Interface"] {
        let error = refusal(&client, vec![Delete::from_table(table).into()]).await;
        let TransactError::Commit(words) = error else { panic!("{table}: {error:?}") };
        assert_eq!(words.error, "referential integrity violation");
    }
}

#[tokio::test]
async fn point_20_qos_queues_and_sample_collectors_stay_until_deleted() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let bridge = rows(&client, Select::from_table("Bridge")).await[0].row_uuid().unwrap();
    let tables = ["QoS", "Queue", "Flow_Sample_Collector_Set"];
    let inserts = [
        Insert::into_table("QoS").with("type", "linux-htb"),
        Insert::into_table("Queue").with("dscp", 1),
        Insert::into_table("Flow_Sample_Collector_Set").with("id", 1).with("bridge", bridge),
    ];
    transact(&client, inserts.map(Into::into).into()).await;
    for table in tables {
        assert_eq!(rows(&client, Select::from_table(table)).await.len(), 1, "{table}");
        transact(&client, vec![Delete::from_table(table).into()]).await;
        assert_eq!(rows(&client, Select::from_table(table)).await.len(), 0, "{table}");
    }
}

#[tokio::test]
async fn point_21_both_spellings_of_one_are_accepted() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let select = json!([{"op": "select", "table": "Port", "where": [], "columns": ["trunks", "tag", "other_config"]}]);
    let empty = json!({"trunks": ["set", []], "tag": ["set", []], "other_config": ["map", []]});
    assert_eq!(transact_json(&client, select.clone()).await[0]["rows"][0], empty);
    for one in [json!(5), json!(["set", [5]])] {
        let row = json!({"trunks": one, "tag": one});
        transact_json(&client, json!([{"op": "update", "table": "Port", "where": [], "row": row}])).await;
        let read = transact_json(&client, select.clone()).await[0]["rows"][0].clone();
        assert_eq!((&read["trunks"], &read["tag"]), (&json!(5), &json!(5)), "the server writes one bare");
        assert_eq!(Datum::from_json(&one), Datum::from_json(&read["trunks"]));
        assert_eq!(Datum::from_json(&one).unwrap().to_json(), json!(5), "and so do we");
    }
}

#[tokio::test]
async fn point_22_an_optional_scalar_is_a_set_of_none_or_one() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for tag in [Some(7), None] {
        let update = Update::table_rows("Port").with("tag", tag);
        transact(&client, vec![update.into()]).await;
        let row = &rows(&client, Select::from_table("Port").columns(["tag"])).await[0];
        assert_eq!(row.optional::<i64>("tag").unwrap(), tag);
    }
    let two = Update::table_rows("Port").with("tag", Datum::set([1, 2]));
    assert!(refusal(&client, vec![two.into()]).await.server_error().is_some());
}

/// `external_ids` of the one bridge.
async fn external_ids(client: &Client) -> Vec<(String, String)> {
    let row = &rows(client, Select::from_table("Bridge").columns(["external_ids"])).await[0];
    row.map("external_ids").unwrap().into_iter().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn point_23_inserting_into_a_map_keeps_the_old_value_unless_the_key_is_deleted_first() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let insert = |value| Mutation::insert("external_ids", Datum::map([("k", value)]));
    for (value, kept) in [("old", "old"), ("new", "old")] {
        transact(&client, vec![Mutate::table_rows("Bridge").with(insert(value)).into()]).await;
        assert_eq!(external_ids(&client).await, pairs(&[("k", kept)]));
    }
    let set = Mutation::set_pairs("external_ids", [("k", "new"), ("l", "x")]);
    transact(&client, vec![Mutate::table_rows("Bridge").with_all(set).into()]).await;
    assert_eq!(external_ids(&client).await, pairs(&[("k", "new"), ("l", "x")]));
}

#[tokio::test]
async fn point_24_deleting_from_a_map_takes_keys_or_pairs_and_changes_are_counted() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_bridge("br1")].concat()).await;
    let mutate = |mutation| vec![Mutate::table_rows("Bridge").with(mutation).into()];
    let all = Datum::map([("a", "1"), ("b", "2"), ("c", "3")]);
    assert_eq!(transact(&client, mutate(Mutation::insert("external_ids", all))).await[0].count(), Some(2));
    // By key, by an equal pair; not by a pair of another value.
    transact(&client, mutate(Mutation::delete("external_ids", Datum::set(["a"])))).await;
    transact(&client, mutate(Mutation::delete("external_ids", Datum::map([("b", "2"), ("c", "9")])))).await;
    assert_eq!(external_ids(&client).await, pairs(&[("c", "3")]));
    let update = Update::table_rows("Bridge").filter(Condition::equal("name", "br1"));
    let results = transact(&client, vec![update.with("stp_enable", true).into()]).await;
    assert_eq!(results[0].count(), Some(1));
}

#[tokio::test]
async fn point_25_changes_are_mutations_or_guarded() {
    let (server, client) = start().await;
    // Mutations of many clients at once are all in effect.
    let clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let clients = join_all(clients).await;
    let add = || [Operation::from(Mutate::table_rows(DATABASE).with(Mutation::add("next_cfg", 1)))];
    let outcomes = join_all(clients.iter().map(async |client| client.transact(DATABASE, &add()).await)).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let row = rows(&client, Select::from_table(DATABASE)).await.remove(0);
    assert_eq!(row.one::<i64>("next_cfg").unwrap(), 8);
    // What was read is guarded: a change in between aborts.
    let uuid = row.row_uuid().unwrap();
    let guarded = |was: i64| {
        let guard = Wait::guard(DATABASE, uuid, Row::new().with("next_cfg", was));
        let update = Update::table_rows(DATABASE).with("next_cfg", 100);
        vec![guard.into(), update.into()]
    };
    assert!(refusal(&client, guarded(7)).await.is_timed_out());
    transact(&client, guarded(8)).await;
}

#[tokio::test]
async fn point_26_a_failed_wait_is_timed_out() {
    let (_server, client) = start().await;
    for limit in [0, 50] {
        let begun = Instant::now();
        let error = refusal(&client, vec![wait_for_nothing(Duration::from_millis(limit))]).await;
        assert!(error.is_timed_out() && begun.elapsed() >= Duration::from_millis(limit), "{error:?}");
    }
}

#[tokio::test]
async fn point_27_duplicates_are_an_error() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for (column, value) in [
        ("protocols", json!(["set", ["OpenFlow10", "OpenFlow10"]])),
        ("external_ids", json!(["map", [["a", "1"], ["a", "2"]]])),
    ] {
        let update = json!([{"op": "update", "table": "Bridge", "where": [], "row": {column: value}}]);
        let reply = transact_json(&client, update).await;
        assert!(reply[0]["details"].as_str().unwrap().contains("duplicate"), "{reply}");
        assert!(Datum::from_json(&value).unwrap_err().to_string().contains("duplicate"));
    }
}

#[tokio::test]
async fn point_28_names_are_immutable() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    for table in ["Bridge", "Port", "Interface"] {
        let update = Update::table_rows(table).with("name", "other");
        assert_eq!(refused(&client, vec![update.into()]).await, "constraint violation", "{table}");
    }
}

#[tokio::test]
async fn point_29_ranges_enums_and_indexes_are_the_server_s() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_bridge("br1")].concat()).await;
    let update = |table: &str, column: &str, value: Datum| vec![Update::table_rows(table).with(column, value).into()];
    assert_eq!(refused(&client, update("Port", "tag", 4096.into())).await, "constraint violation");
    assert_eq!(refused(&client, update("Bridge", "fail_mode", "open".into())).await, "constraint violation");
    // A port's name is unique over all bridges.
    transact(&client, add_port("br0", "p0", interface("internal"), port())).await;
    let error = refusal(&client, add_port("br1", "p0", interface("internal"), port())).await;
    let TransactError::Commit(words) = error else { panic!("{error:?}") };
    assert_eq!(words.error, "constraint violation");
    let details = words.details.unwrap();
    assert!(
        details.contains("identical values (\"p0\") for index") || details.contains("identical values (p0)"),
        "{details}"
    );
}

#[tokio::test]
async fn point_30_integers_have_64_bits_and_reals_stay_reals() {
    let (server, client) = start().await;
    let update = |column: &str, value: Datum| vec![Update::table_rows(DATABASE).with(column, value).into()];
    for number in [i64::MAX, i64::MIN, (1 << 53) + 1] {
        transact(&client, update("next_cfg", number.into())).await;
        let row = &rows(&client, Select::from_table(DATABASE)).await[0];
        assert_eq!(row.one::<i64>("next_cfg").unwrap(), number);
    }
    assert!(refusal(&client, update("next_cfg", Datum::from(real(1.5)))).await.server_error().is_some());

    // Open_vSwitch has no column of reals.
    let schema = json!({"name": "Reals", "tables": {"T": {"isRoot": true, "columns": {"r": {"type": "real"}}}}});
    let (schema_file, file) = (server.directory.join("reals.ovsschema"), server.directory.join("reals.db"));
    std::fs::write(&schema_file, schema.to_string()).unwrap();
    run(Command::new("ovsdb-tool").arg("create").arg(&file).arg(&schema_file));
    server.appctl(&["ovsdb-server/add-db", file.to_str().unwrap()]);
    let client = server.connect().await;
    for (number, written) in [(1.0, "1.0"), (-0.1, "-0.1"), (1e300, "1e+300"), (0.0, "0.0")] {
        let datum = Datum::from(real(number));
        assert_eq!(datum.to_json().to_string(), written);
        let insert = Insert::into_table("T").with("r", datum);
        let operations = [Delete::from_table("T").into(), insert.into(), Select::from_table("T").into()];
        let results = client.transact("Reals", &operations).await.unwrap();
        let read: f64 = results[2].rows().unwrap()[0].one("r").unwrap();
        assert_eq!(read.to_bits(), number.to_bits());
    }
    // 1 is a real too.
    let params = json!(["Reals", {"op": "insert", "table": "T", "row": {"r": 1}}]);
    assert!(client.call("transact", params).await.unwrap()[0]["uuid"].is_array());
}

fn real(number: f64) -> Atom {
    Real::new(number).unwrap().into()
}

fn everything(table: &str) -> MonitorRequest {
    MonitorRequest::new().table(table, TableRequest::new())
}

fn only(update: &ovsns::ovsdb::monitor::Update, table: &str) -> RowUpdate {
    let rows = &update.tables.0[table];
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.values().next().unwrap().clone()
}

#[tokio::test]
async fn point_31_the_update_for_one_s_own_change_comes_before_the_reply() {
    let (_server, client) = start().await;
    let mut monitor = client.monitor_cond(DATABASE, &everything("Bridge")).await.unwrap().monitor;
    for number in 0..20 {
        transact(&client, add_bridge(&format!("br{number}"))).await;
        let update = monitor.next().now_or_never().expect("the update is not here yet").unwrap();
        assert!(matches!(only(&update, "Bridge"), RowUpdate::Insert(_)));
    }
}

#[tokio::test]
async fn point_32_an_update_has_the_old_of_what_changed_and_all_of_the_new() {
    let (_server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let request = MonitorRequest::new().table("Bridge", TableRequest::new().columns(["name", "stp_enable"]));
    let started = client.monitor(DATABASE, &request).await.unwrap();
    let row = |stp| Row::new().with("name", "br0").with("stp_enable", stp);
    assert_eq!(only(&started.first, "Bridge"), RowUpdate::Whole { old: None, new: Some(row(false)) });
    let mut monitor = started.monitor;

    let update = Update::table_rows("Bridge").with("stp_enable", true);
    transact(&client, vec![update.into()]).await;
    let old = Some(Row::new().with("stp_enable", false));
    assert_eq!(only(&monitor.next().await.unwrap(), "Bridge"), RowUpdate::Whole { old, new: Some(row(true)) });

    transact(&client, vec![Update::table_rows(DATABASE).with("bridges", Datum::empty_set()).into()]).await;
    assert_eq!(only(&monitor.next().await.unwrap(), "Bridge"), RowUpdate::Whole { old: Some(row(true)), new: None });
}

#[tokio::test]
async fn point_33_update2_has_differences_and_leaves_out_defaults() {
    let (_server, client) = start().await;
    transact(&client, [add_bridge("br0"), add_port("br0", "p0", interface("internal"), port())].concat()).await;
    let columns = ["name", "tag", "trunks", "external_ids"];
    let request = MonitorRequest::new()
        .table("Port", TableRequest::new().columns(columns).condition(Condition::equal("name", "p0")));
    let started = client.monitor_cond(DATABASE, &request).await.unwrap();
    assert_eq!(only(&started.first, "Port"), RowUpdate::Initial(Row::new().with("name", "p0")));
    let schema = DatabaseSchema::from_json(&client.get_schema(DATABASE).await.unwrap()).unwrap();
    let mut replica = Replica::new(&schema, &request).unwrap();
    replica.apply(&started.first.tables).unwrap();
    let mut monitor = started.monitor;

    let steps: [(Row, Row); 3] = [
        (
            Row::new().with("tag", 1).with("trunks", Datum::set([1, 2])),
            Row::new().with("tag", 1).with("trunks", Datum::set([1, 2])),
        ),
        (
            Row::new().with("tag", 2).with("trunks", Datum::set([2, 3])),
            Row::new().with("tag", 2).with("trunks", Datum::set([1, 3])),
        ),
        (
            Row::new().with("tag", None::<i64>).with("trunks", Datum::empty_set()),
            Row::new().with("tag", None::<i64>).with("trunks", Datum::set([2, 3])),
        ),
    ];
    for (wanted, difference) in steps {
        let update =
            wanted.iter().fold(Update::table_rows("Port"), |update, (name, datum)| update.with(name, datum.clone()));
        transact(&client, vec![update.filter(Condition::equal("name", "p0")).into()]).await;
        let update = monitor.next().await.unwrap();
        assert_eq!(only(&update, "Port"), RowUpdate::Modify(difference));
        replica.apply(&update.tables).unwrap();
        let (_, row) = replica.rows("Port").next().unwrap();
        assert!(wanted.iter().all(|(name, datum)| row.get(name) == Some(datum)), "{row:?}");
    }
    let bare = Row::new().with("external_ids", Datum::empty_map());
    let (_, row) = replica.rows("Port").next().unwrap();
    assert_eq!(row.get("external_ids"), bare.get("external_ids"), "what was left out is filled in");

    // Random changes: the copy stays equal to what a fresh monitor sees.
    for step in 0..50_i64 {
        let set = Mutation::set_pairs("external_ids", [(format!("k{}", step % 7), format!("v{}", step % 3))]);
        let delete = Mutation::delete("external_ids", Datum::set([format!("k{}", (step * 3) % 7)]));
        let trunk = Mutation::new("trunks", if step % 2 == 0 { Mutator::Insert } else { Mutator::Delete }, step % 5);
        let mutate = Mutate::table_rows("Port").with_all(set).with(delete).with(trunk);
        transact(&client, vec![mutate.filter(Condition::equal("name", "p0")).into()]).await;
        if let Some(update) = monitor.next().now_or_never() {
            replica.apply(&update.unwrap().tables).unwrap();
        }
    }
    let mut fresh = Replica::new(&schema, &request).unwrap();
    fresh.apply(&client.monitor_cond(DATABASE, &request).await.unwrap().first.tables).unwrap();
    assert_eq!(replica, fresh);
}

#[tokio::test]
async fn point_34_monitors_have_ids_of_their_own() {
    let (_server, client) = start().await;
    let monitors = join_all((0..5).map(async |_| client.monitor(DATABASE, &everything("Bridge")).await.unwrap())).await;
    transact(&client, add_bridge("br0")).await;
    for started in monitors {
        let mut monitor = started.monitor;
        assert!(!monitor.next().await.unwrap().tables.is_empty());
        client.monitor_cancel(monitor).await;
    }
    let params = json!([DATABASE, "same", {"Bridge": [{}]}]);
    client.call("monitor", &params).await.unwrap();
    let error = client.call("monitor", &params).await.unwrap_err();
    assert!(error.server_error().is_some(), "{error:?}");
}

#[tokio::test]
async fn point_35_monitor_cond_since_says_whether_it_could_continue() {
    let (server, client) = start().await;
    transact(&client, add_bridge("br0")).await;
    let started = client.monitor_cond_since(DATABASE, &everything("Bridge"), Uuid::ZERO).await.unwrap();
    assert!(!started.found && matches!(only(&started.first, "Bridge"), RowUpdate::Initial(_)));
    let mut monitor = started.monitor;
    transact(
        &client,
        vec![Mutate::table_rows("Bridge").with(Mutation::insert("external_ids", Datum::map([("a", "b")]))).into()],
    )
    .await;
    let update = monitor.next().await.unwrap();
    assert!(matches!(only(&update, "Bridge"), RowUpdate::Modify(_)));
    let last = update.last_txn_id.unwrap();
    // Also of a transaction that the server cannot know, all comes again.
    let other = server.connect().await;
    for since in [last, Uuid::from_u128(1)] {
        let started = other.monitor_cond_since(DATABASE, &everything("Bridge"), since).await.unwrap();
        let expected = if started.found { 0 } else { 1 };
        assert_eq!(started.first.tables.0.get("Bridge").map_or(0, |rows| rows.len()), expected);
        assert!(!started.found || since == last);
    }
    // An older server: the method is unknown, and the next best one is taken (see also tests/ovsdb_session.rs).
    let (client, mut peer) = Listener::pair(&Options::default()).await;
    let answer = async {
        let id = peer.called("monitor_cond_since").await;
        peer.send(&format!(r#"{{"id":{id},"error":"unknown method","result":null}}"#)).await;
    };
    let request = everything("Bridge");
    let (outcome, ()) = tokio::join!(client.monitor_cond_since(DATABASE, &request, last), answer);
    assert!(outcome.unwrap_err().is_unknown_method());
}

#[tokio::test]
async fn point_36_locks_are_granted_stolen_and_asserted() {
    let (server, one) = start().await;
    let two = server.connect().await;
    let (mut to_one, mut to_two) = (one.notifications().await.unwrap(), two.notifications().await.unwrap());
    assert!(matches!(one.notifications().await, Err(ClientError::NotificationsTaken)));
    assert!(one.lock("l").await.unwrap());
    assert!(!two.lock("l").await.unwrap());
    let write = vec![Operation::Assert("l".into()), Operation::Comment("mine".into())];
    transact(&one, write.clone()).await;
    assert_eq!(refused(&two, write.clone()).await, "not owner");

    one.unlock("l").await.unwrap();
    assert_eq!(to_two.next().await, Some(Notification::Locked("l".into())));
    transact(&two, write.clone()).await;

    assert!(one.steal("l").await.unwrap());
    assert_eq!(to_two.next().await, Some(Notification::Stolen("l".into())));
    assert_eq!(refused(&two, write.clone()).await, "not owner");
    transact(&one, write).await;
    assert_eq!(to_one.next().now_or_never(), None);
}

/// Commits operations and waits, without a monitor, until ovs-vswitchd has them in effect.
async fn commit_and_wait(client: &Client, mut operations: Vec<Operation>) {
    operations.push(Mutate::table_rows(DATABASE).with(Mutation::add("next_cfg", 1)).into());
    operations.push(Select::from_table(DATABASE).columns(["_uuid", "next_cfg", "cur_cfg"]).into());
    let results = transact(client, operations).await;
    let row = &results.last().unwrap().rows().unwrap()[0];
    let (uuid, wanted) = (row.row_uuid().unwrap(), row.one::<i64>("next_cfg").unwrap());
    let mut current: i64 = row.one("cur_cfg").unwrap();
    let deadline = Instant::now() + LIMIT;
    while current < wanted {
        let left = deadline.checked_duration_since(Instant::now()).expect("ovs-vswitchd is not done in time");
        let last = Row::new().with("cur_cfg", current);
        current = match client.wait_until_changed(DATABASE, DATABASE, uuid, &last, left).await.unwrap() {
            Awaited::Changed(row) => row.one("cur_cfg").unwrap(),
            other => panic!("{other:?}"),
        };
    }
}

async fn interface_row(client: &Client, name: &str) -> Row {
    let columns = ["name", "ofport", "error", "type"];
    let select = Select::from_table("Interface").filter(Condition::equal("name", name)).columns(columns);
    rows(client, select).await.remove(0)
}

async fn ofport(client: &Client, name: &str) -> Option<i64> {
    interface_row(client, name).await.optional("ofport").unwrap()
}

#[tokio::test]
async fn point_37_next_cfg_is_bumped_and_cur_cfg_waited_for() {
    let (server, client) = start().await;
    let _vswitchd = Vswitchd::start(&server);
    // Other calls go on while a commit is waited for.
    let ((), names) = tokio::join!(commit_and_wait(&client, add_bridge("br0")), client.list_dbs());
    assert_eq!(names.unwrap().len(), 2);
    assert_eq!(ofport(&client, "br0").await, Some(65534), "it is in effect");

    // Many at once, on one connection.
    let ports = (0..5).map(|number| {
        let add = add_port("br0", &format!("p{number}"), interface("internal"), port());
        commit_and_wait(&client, add)
    });
    join_all(ports).await;
    for number in 0..5 {
        assert!(ofport(&client, &format!("p{number}")).await.unwrap() > 0);
    }
}

#[tokio::test]
async fn point_37_a_stopped_vswitchd_is_noticed_by_the_deadline() {
    let (server, client) = start().await;
    let vswitchd = Vswitchd::start(&server);
    commit_and_wait(&client, Vec::new()).await;
    vswitchd.process().signal("STOP");
    let row = &rows(&client, Select::from_table(DATABASE)).await[0];
    let last = Row::new().with("cur_cfg", row.one::<i64>("cur_cfg").unwrap());
    let bump = Mutate::table_rows(DATABASE).with(Mutation::add("next_cfg", 1));
    transact(&client, vec![bump.into()]).await;
    let (uuid, limit) = (row.row_uuid().unwrap(), Duration::from_millis(200));
    let awaited = client.wait_until_changed(DATABASE, DATABASE, uuid, &last, limit).await.unwrap();
    vswitchd.process().signal("CONT");
    assert_eq!(awaited, Awaited::Unchanged);
}

#[tokio::test]
async fn point_38_a_missing_device_does_not_fail_the_transaction() {
    let (server, client) = start().await;
    let _vswitchd = Vswitchd::start(&server);
    let add = [add_bridge("br0"), add_port("br0", "missing0", interface(""), port())].concat();
    commit_and_wait(&client, add).await;
    let row = interface_row(&client, "missing0").await;
    assert_eq!(row.optional::<i64>("ofport").unwrap(), Some(-1));
    let error = row.optional::<String>("error").unwrap().unwrap();
    assert_eq!(error, "could not open network device missing0 (No such device)");
}

#[tokio::test]
async fn point_39_a_bridge_has_a_port_of_its_own_and_names_have_rules() {
    let (server, client) = start().await;
    let vswitchd = Vswitchd::start(&server);
    commit_and_wait(&client, add_bridge("br0")).await;
    assert_eq!(ofport(&client, "br0").await, Some(65534));
    // A bridge without one is there, and has no device.
    let bare = Insert::into_table("Bridge").with("name", "bare").with("datapath_type", "netdev").named("b");
    let refer = Mutate::table_rows(DATABASE).with(Mutation::insert("bridges", Atom::NamedUuid("b".into())));
    commit_and_wait(&client, vec![bare.into(), refer.into()]).await;
    let devices = vswitchd.appctl(&["dpif/show"]);
    assert!(devices.contains("  br0:\n    br0 65534/"), "{devices}");
    assert!(devices.contains("  bare:\n") && !devices.contains("bare 65534/"), "{devices}");
    // Reserved names fail, and ovs-vswitchd does not even say why.
    for name in ["ovs-netdev", "gre_sys", "vxlan_sys_4789"] {
        let id = name.replace('-', "_");
        let named = |what: &str| Atom::NamedUuid(format!("{what}_{id}"));
        let put = Mutation::insert("ports", named("p"));
        let operations = vec![
            interface("internal").with("name", name).named(format!("i_{id}")).into(),
            port().with("name", name).with("interfaces", named("i")).named(format!("p_{id}")).into(),
            Mutate::table_rows("Bridge").filter(Condition::equal("name", "br0")).with(put).into(),
        ];
        commit_and_wait(&client, operations).await;
        assert_eq!(ofport(&client, name).await, Some(-1), "{name}");
    }
    // A name of more than 15 bytes is refused by neither ovsdb-server nor ovs-vswitchd: it is ours to check.
    commit_and_wait(&client, add_port("br0", "sixteen_bytes_is", interface("internal"), port())).await;
    assert!(ofport(&client, "sixteen_bytes_is").await.unwrap() > 0);
}

/// The ports with a device that a frame goes out of.
fn reached(vswitchd: &Vswitchd, flow: &str) -> Vec<String> {
    let trace = vswitchd.appctl(&["ofproto/trace", "br0", flow]);
    let actions = trace.lines().find_map(|line| line.strip_prefix("Datapath actions: "));
    let actions: Vec<_> = actions.unwrap_or_else(|| panic!("{trace}")).split(',').collect();
    // Lines such as "    p0 3/7: (tap)": the name, OpenFlow's number and the datapath's.
    let devices = vswitchd.appctl(&["dpif/show"]);
    let device = |line: &str| {
        let (name, numbers) = line.trim().split_once(' ')?;
        let number = numbers.split_once('/')?.1.split(':').next()?;
        actions.contains(&number).then(|| name.to_owned())
    };
    let mut names: Vec<_> = devices.lines().filter_map(device).collect();
    names.sort();
    names
}

#[tokio::test]
async fn point_40_tags_patches_and_foreign_keys() {
    let (server, client) = start().await;
    let vswitchd = Vswitchd::start(&server);
    let patch = |peer: &str| interface("patch").with("options", Datum::map([("peer", peer)]));
    commit_and_wait(&client, [add_bridge("br0"), add_bridge("br1")].concat()).await;
    let add = [
        add_port("br0", "trunk", interface("internal"), port()),
        add_port("br0", "access", interface("internal"), port().with("tag", 10)),
        add_port("br0", "other", interface("internal"), port().with("tag", 20)),
        add_port(
            "br0",
            "native",
            interface("internal"),
            port().with("tag", 30).with("trunks", 10).with("vlan_mode", "native-untagged"),
        ),
        add_port("br0", "to1", patch("to0"), port()),
        add_port("br1", "to0", patch("to1"), port()),
        add_port("br0", "lonely", interface("patch"), port()),
    ];
    commit_and_wait(&client, add.concat()).await;
    // A patch port needs its peer, on both ends.
    assert!(ofport(&client, "to0").await.unwrap() > 0 && ofport(&client, "to1").await.unwrap() > 0);
    let error = interface_row(&client, "lonely").await.optional::<String>("error").unwrap();
    assert_eq!(error.unwrap(), "lonely: patch type requires valid 'peer' argument");

    // A frame of VLAN 10 from the trunk goes to the access port of 10, to the trunk of 10, over the patch; not to 20.
    let from = ofport(&client, "trunk").await.unwrap();
    let frame = format!("in_port={from},dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02");
    let tagged = format!("{frame},dl_vlan=10,dl_vlan_pcp=0");
    assert_eq!(reached(&vswitchd, &tagged), ["access", "br0", "br1", "native"]);
    // An untagged one is VLAN 0's: neither access port gets it.
    assert_eq!(reached(&vswitchd, &frame), ["br0", "br1"]);

    // Keys of others stay where ours are set.
    let keys = |key: &str| Mutation::set_pairs("external_ids", [(key.to_owned(), "x".to_owned())]);
    for key in ["theirs", "ours"] {
        let mutate = Mutate::table_rows("Bridge").filter(Condition::equal("name", "br0")).with_all(keys(key));
        transact(&client, vec![mutate.into()]).await;
    }
    let select = Select::from_table("Bridge").filter(Condition::equal("name", "br0"));
    let row = rows(&client, select).await.remove(0);
    assert_eq!(row.map::<String, String>("external_ids").unwrap().into_keys().collect::<Vec<_>>(), ["ours", "theirs"]);
}
