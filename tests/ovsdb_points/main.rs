//! The forty points that an OVSDB client must honour, each with a test against a real ovsdb-server, and a real
//! ovs-vswitchd where the point is about it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "clippy knows only functions marked as tests as such")]

#[path = "../common/ovsdb.rs"]
mod common;
#[path = "../common/ovsdb_peer.rs"]
mod peer;

mod connection;
mod monitors;
mod transactions;
mod values;
mod vswitchd;

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
